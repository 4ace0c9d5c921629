"""splade-index: its compiled search with its own arrays (it takes texts only, so its inner function is called)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.adapters.base import Answer, array_bytes
from benchmarks.engines.vectors import Documents


class SpladeIndex:
    package: ClassVar[str] = "splade-index"
    settings = ("",)

    def __init__(self, documents: Documents, folder: Path) -> None:
        module = importlib.import_module("splade_index.numba.retrieve_utils")
        sparse = importlib.import_module("scipy.sparse")
        shape = (len(documents), documents.vocabulary)
        rows = (documents.levels.astype(np.float32), documents.terms.astype(np.int32), documents.starts)
        columns = sparse.csr_matrix(rows, shape).tocsc()
        self._retrieve = module._retrieve_internal_jitted_parallel
        self._size = len(documents)
        self._weights = columns.data
        self._documents = columns.indices.astype(np.int32)
        self._borders = columns.indptr.astype(np.int32 if documents.postings < 1 << 31 else np.int64)

    def structures(self) -> dict[str, int]:
        return array_bytes(weights=self._weights, documents=self._documents, borders=self._borders)

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        return terms.astype(np.int32), weights, np.array([0, len(terms)], np.int32)

    def searcher(self, setting: str, k: int) -> Callable[[Any], Any]:
        retrieve, count = self._retrieve, min(k, self._size)
        score_type, number_type = np.dtype("float32"), np.dtype("int32")

        def search(query: Any) -> Any:
            return retrieve(
                query_tokens_ids_flat=query[0],
                query_tokens_weights_flat=query[1],
                query_pointers=query[2],
                k=count,
                sorted=True,
                dtype=score_type,
                int_dtype=number_type,
                data=self._weights,
                indptr=self._borders,
                indices=self._documents,
                num_docs=self._size,
            )

        return search

    def answer(self, found: Any) -> Answer:
        scores, documents = found[0][0], found[1][0]
        matching = scores > 0  # it fills up with documents that do not match
        return documents[matching].astype(np.int64), scores[matching].astype(np.float64)
