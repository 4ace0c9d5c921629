"""qdrant-edge: the core of Qdrant in this process, with one search thread and float32 weights."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.adapters.base import STORED, Answer, document_columns, file_bytes
from benchmarks.engines.vectors import Documents

_AT_ONCE = 500


class QdrantEdge:
    package: ClassVar[str] = "qdrant-edge-py"
    settings = ("",)

    def __init__(self, documents: Documents, folder: Path) -> None:
        self._edge = edge = importlib.import_module("qdrant_edge")
        self._folder = folder / "shard"
        self._folder.mkdir()
        vectors = edge.EdgeSparseVectorParams(full_scan_threshold=1, datatype=edge.VectorStorageDatatype.Float32)
        config = edge.EdgeConfig(
            sparse_vectors={"s": vectors},
            optimizers=edge.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1),
            max_search_threads=1,
            wal_enabled=False,
        )
        self._shard = edge.EdgeShard.create(str(self._folder), config)
        for first in range(0, len(documents), _AT_ONCE):
            some = range(first, min(first + _AT_ONCE, len(documents)))
            points = [edge.Point(i, {"s": edge.SparseVector(*document_columns(documents, i))}) for i in some]
            self._shard.update(edge.UpdateOperation.upsert_points(points))
        self._shard.optimize()
        self._shard.flush()

    def structures(self) -> dict[str, int]:
        indexes = self._folder.glob("segments/*/vector_index-s")
        storages = self._folder.glob("segments/*/vector_storage-s")
        return {
            "inverted index": sum(map(file_bytes, indexes)),
            STORED: sum(map(file_bytes, storages)),
        }

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        vector = self._edge.SparseVector(terms.tolist(), weights.astype(np.float64).tolist())
        return self._edge.Query.Nearest(vector, "s")

    def searcher(self, setting: str, k: int) -> Callable[[Any], Any]:
        request, search = self._edge.SearchRequest, self._shard.search
        return lambda query: search(request(query, k))

    def answer(self, found: Any) -> Answer:
        return np.array([hit.id for hit in found], np.int64), np.array([hit.score for hit in found], np.float64)
