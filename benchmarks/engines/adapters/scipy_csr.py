"""scipy: a sparse vector times a sparse matrix, then a partial sort."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.adapters.base import Answer, array_bytes
from benchmarks.engines.vectors import Documents


class Scipy:
    package: ClassVar[str] = "scipy"
    settings = ("",)

    def __init__(self, documents: Documents, folder: Path) -> None:
        self._sparse = importlib.import_module("scipy.sparse")
        shape = (len(documents), documents.vocabulary)
        rows = (documents.levels.astype(np.float32), documents.terms.astype(np.int32), documents.starts)
        self._lists = self._sparse.csr_matrix(rows, shape).T.tocsr()

    def structures(self) -> dict[str, int]:
        lists = self._lists
        return array_bytes(weights=lists.data, documents=lists.indices, borders=lists.indptr)

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        row = (weights, terms.astype(np.int32), np.array([0, len(terms)]))
        return self._sparse.csr_matrix(row, (1, self._lists.shape[0]))

    def searcher(self, setting: str, k: int) -> Callable[[Any], Any]:
        def search(query: Any) -> Any:
            product = query @ self._lists
            documents, scores = product.indices, product.data
            if len(documents) > k:
                best = np.argpartition(scores, len(scores) - k)[len(scores) - k :]
                documents, scores = documents[best], scores[best]
            order = np.argsort(-scores, kind="stable")
            return documents[order], scores[order]

        return search

    def answer(self, found: Any) -> Answer:
        return found[0].astype(np.int64), found[1].astype(np.float64)
