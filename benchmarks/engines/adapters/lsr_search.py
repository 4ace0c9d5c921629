"""This project: exact search with 8-bit impacts, in several layouts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.adapters.base import IDS, Answer
from benchmarks.engines.vectors import Documents

_PORTION = 1 << 24


class Lsr:
    package: ClassVar[str] = "lsr-search"
    settings = ("",)

    def __init__(
        self, documents: Documents, folder: Path, layout: str = "fast", reorder: bool = False, preload: bool = True
    ) -> None:
        import lsr

        weights = _as_floats(documents.levels, folder / "weights.f32")
        vectors = lsr.SparseVectors.trusted(documents.starts, documents.terms, weights)
        path = folder / "index"
        self._index = lsr.Index.build(path, vectors, encoder=None, layout=layout, reorder=reorder, threads=1)
        if preload:  # the others hold their postings in memory too
            self._index.close()
            self._index = lsr.Index.open(path, preload=True)
        assert self._index.manifest.spaces[0].scale == 1.0, "whole weights are stored as they are"
        self._searcher = lsr.Searcher(self._index, kernel="compiled")

    def structures(self) -> dict[str, int]:
        sizes = {"manifest": self._index.folder.joinpath("manifest.json").stat().st_size}
        sizes[IDS] = self._index.manifest.catalog.bytes
        for segment in self._index.manifest.segments:
            for name in segment.files:
                path = self._index.folder / segment.folder / f"{name}.npy"
                sizes[name] = sizes.get(name, 0) + path.stat().st_size
        return sizes

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        from lsr import SparseVectors

        return SparseVectors(np.array([0, len(terms)]), terms, weights)

    def searcher(self, setting: str, k: int) -> Callable[[Any], Any]:
        search = self._searcher.search_batch
        return lambda query: search(query, k)

    def answer(self, found: Any) -> Answer:
        count = int(found.counts[0])
        return found.documents[0, :count].astype(np.int64), found.scores[0, :count].astype(np.float64)


def _as_floats(levels: NDArray[np.uint8], path: Path) -> NDArray[np.float32]:
    """Levels as float32 in a mapped file, which takes no memory of the process."""
    weights = np.memmap(path, np.float32, "w+", shape=levels.shape)
    for first in range(0, len(levels), _PORTION):
        weights[first : first + _PORTION] = levels[first : first + _PORTION]
    return weights
