"""bmp: Block-Max Pruning, in its exact mode; its search rounds query weights to 32 steps, so answers may differ."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.adapters.base import Answer, Unfit, file_bytes, numbers
from benchmarks.engines.vectors import Documents

_TERMS = 1 << 16


class Bmp:
    package: ClassVar[str] = "bmp"
    settings = ("",)

    def __init__(self, documents: Documents, folder: Path, *, block: int) -> None:
        if documents.vocabulary > _TERMS:
            raise Unfit(f"it holds term numbers in 16 bits, and there are {documents.vocabulary:,} terms")
        bmp = importlib.import_module("bmp")
        self._path = folder / "index.bmp"
        indexer = bmp.Indexer(str(self._path), bsize=block, compress_range=False)
        for number, (terms, levels) in enumerate(documents.rows()):
            indexer.add_document(str(number), dict(zip(map(str, terms.tolist()), levels.tolist(), strict=True)))
        indexer.finish()
        del indexer
        gc.collect()
        self._searcher = bmp.Searcher(str(self._path))

    def structures(self) -> dict[str, int]:
        return {"index": file_bytes(self._path)}

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        return dict(zip(map(str, terms.tolist()), weights.tolist(), strict=True))

    def searcher(self, setting: str, k: int) -> Callable[[Any], Any]:
        search = self._searcher.search
        return lambda query: search(query, k=k, alpha=1.0, beta=1.0)

    def answer(self, found: Any) -> Answer:
        return numbers(found[0]), np.array(found[1], np.float64)
