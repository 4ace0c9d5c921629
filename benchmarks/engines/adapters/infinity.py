"""Infinity, embedded: its block-max index for sparse columns, asked for exact answers."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.adapters.base import Answer, document_columns, file_bytes
from benchmarks.engines.vectors import Documents

_AT_ONCE = 1_000


class Infinity:
    package: ClassVar[str] = "infinity-embedded-sdk"
    settings = ("",)
    connection: ClassVar[Any] = None
    """A process can have one."""

    def __init__(self, documents: Documents, folder: Path) -> None:
        infinity = importlib.import_module("infinity_embedded")
        common = importlib.import_module("infinity_embedded.common")
        index = importlib.import_module("infinity_embedded.index")
        self._vector, self._folder = common.SparseVector, folder
        if Infinity.connection is None:
            Infinity.connection = infinity.connect(str(folder))
        database = Infinity.connection.get_database("default_db")
        replace = common.ConflictType
        database.drop_table("documents", replace.Ignore)
        columns = {"number": {"type": "int"}, "s": {"type": f"sparse,{documents.vocabulary},float,int"}}
        self._table = database.create_table("documents", columns, replace.Error)
        for first in range(0, len(documents), _AT_ONCE):
            some = range(first, min(first + _AT_ONCE, len(documents)))
            vectors = [{"number": i, "s": self._vector(*document_columns(documents, i))} for i in some]
            self._table.insert(vectors)
        options = {"block_size": "8", "compress_type": "compress"}
        self._table.create_index("bmp", index.IndexInfo("s", index.IndexType.BMP, options), replace.Error)
        self._table.optimize("bmp", {"topk": "1000"})

    def structures(self) -> dict[str, int]:
        return {"all files (the index may be in memory only)": file_bytes(self._folder / "data")}

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        return self._vector(terms.tolist(), weights.astype(np.float64).tolist())

    def searcher(self, setting: str, k: int) -> Callable[[Any], Any]:
        table, exact = self._table, {"alpha": "1.0", "beta": "1.0"}
        return lambda query: (
            table.output(["number", "_similarity"]).match_sparse("s", query, "ip", k, exact).to_result()
        )

    def answer(self, found: Any) -> Answer:
        columns = found[0]
        return np.array(columns["number"], np.int64), np.array(columns["SIMILARITY"], np.float64)
