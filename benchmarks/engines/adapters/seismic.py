"""Seismic: approximate search over clustered, cut lists; a grid of query settings over one build."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.adapters.base import Answer, Unfit, file_bytes, numbers
from benchmarks.engines.vectors import Documents

_CUTS = (3, 5, 10, 20)
_HEAP_FACTORS = (0.7, 0.8, 0.9, 1.0)
_TERMS = 1 << 16


class Seismic:
    package: ClassVar[str] = "pyseismic-lsr"
    settings = tuple(f"cut={cut} hf={factor}" for cut, factor in product(_CUTS, _HEAP_FACTORS))

    def __init__(self, documents: Documents, folder: Path, *, postings: int, centroids: float) -> None:
        if documents.vocabulary > _TERMS:
            raise Unfit(f"it holds term numbers in 16 bits, and there are {documents.vocabulary:,} terms")
        seismic = importlib.import_module("seismic")
        self._token = seismic.get_seismic_string()
        given = seismic.SeismicDataset()
        for number, (terms, levels) in enumerate(documents.rows()):
            given.add_document(str(number), terms.astype(self._token), levels.astype(np.float32))
        self._index = seismic.SeismicIndex.build_from_dataset(
            given, n_postings=postings, centroid_fraction=centroids, summary_energy=0.4, num_threads=1
        )
        self._folder = folder

    def structures(self) -> dict[str, int]:
        self._index.save(str(self._folder / "saved"))
        return {"index": sum(file_bytes(path) for path in self._folder.glob("saved*"))}

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        return terms.astype(self._token), weights

    def searcher(self, setting: str, k: int) -> Callable[[Any], Any]:
        cut, factor = (part.split("=")[1] for part in setting.split())
        query_cut, heap_factor, search = int(cut), float(factor), self._index.search
        return lambda query: search("0", query[0], query[1], k, query_cut, heap_factor, 0, True)

    def answer(self, found: Any) -> Answer:
        return numbers([hit[2] for hit in found]), np.array([hit[1] for hit in found], np.float64)
