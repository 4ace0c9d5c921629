"""PISA: its algorithms over one compressed index, called through the binding's own retrieval function."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.adapters.base import IDS, Answer, file_bytes, numbers
from benchmarks.engines.vectors import Documents

_ENCODING = "block_simdbp"
_BLOCK = 64


class Pisa:
    package: ClassVar[str] = "pyterrier-pisa"
    settings = ("ranked_or_taat", "ranked_or", "maxscore", "wand", "block_max_maxscore", "block_max_wand")

    def __init__(self, documents: Documents, folder: Path) -> None:
        pisa = importlib.import_module("pyterrier_pisa")
        self._native = importlib.import_module("pyterrier_pisa._pisathon")
        self._folder = folder / "index"
        indexer = pisa.indexers.PisaToksIndexer(str(self._folder), "toks", "create", threads=1, scale=1.0)
        indexer.index(_texts(documents))
        self._context = self._native.RetrievalContext()
        self._native.prepare_index(
            self._context, str(self._folder), _ENCODING, "quantized", "", quantize=0, block_size=_BLOCK
        )

    def structures(self) -> dict[str, int]:
        files = [path for path in self._folder.iterdir() if path.is_file()]
        return {
            "postings": sum(file_bytes(path) for path in files if path.name.endswith(_ENCODING)),
            "block maxima": sum(file_bytes(path) for path in files if path.name.endswith(f"bmw.{_BLOCK}")),
            IDS: sum(file_bytes(path) for path in files if path.name.endswith("doclex")),
        }

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        return [(0, dict(zip(map(str, terms.tolist()), weights.tolist(), strict=True)))]

    def searcher(self, setting: str, k: int) -> Callable[[Any], Any]:
        retrieve, context = self._native.retrieve, self._context

        def search(query: Any) -> Any:
            names, scores = np.empty(k, object), np.empty(k, np.float32)
            count = retrieve(
                context,
                setting,
                query,
                k=k,
                threads=1,
                query_weighted=1,
                pretokenised=True,
                result_qidxs=np.empty(k, np.int32),
                result_docnos=names,
                result_ranks=np.empty(k, np.int32),
                result_scores=scores,
            )
            return names, scores, count

        return search

    def answer(self, found: Any) -> Answer:
        names, scores, count = found
        return numbers(names[:count]), scores[:count].astype(np.float64)


def _texts(documents: Documents) -> Iterator[dict[str, Any]]:
    for number, (terms, levels) in enumerate(documents.rows()):
        yield {"docno": str(number), "toks": dict(zip(map(str, terms.tolist()), levels.tolist(), strict=True))}
