"""Ready vectors as arrays in one ``.npz`` file, ours or that of ``scipy.sparse.save_npz``.

=========  =====================  =======================================================
array      scipy's name           what
=========  =====================  =======================================================
indptr     indptr                 row borders, n + 1 integers
terms      indices                term ids, 0 to 2**32 - 1
weights    data                   finite numbers, none negative
ids        (none)                 n strings or integers; ``"0"``, ``"1"`` ... without them
(none)     format, shape          must be ``csr`` with n rows
=========  =====================  =======================================================
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

from lsr.documents import Document, UniqueIdentifiers, unique_identifiers
from lsr.errors import BadInput
from lsr.sources.base import Source
from lsr.sources.lines import reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lsr.vectors import SparseVectors

    Arrays = Mapping[str, NDArray[Any]]

_NAMES = {"indptr": ("indptr",), "terms": ("terms", "indices"), "weights": ("weights", "data")}
_OPTIONAL = ("ids", "format", "shape")
_DAMAGE = (
    ValueError,
    TokenError,
    AttributeError,
    SystemError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
)
"""What numpy and the modules beneath it raise for damaged files, besides ``OSError``."""
_WANTED = {*_OPTIONAL, *(name for names in _NAMES.values() for name in names)}


class VectorSource(Source):
    """Vectors of an ``.npz`` file, read and checked at once.

    Args:
        path: The file.

    Attributes:
        vectors: The vectors, one row a document.
        ids: Identifiers of the rows.

    Raises:
        BadInput: The file is no ``.npz`` file, an array is missing or wrong, or there is no row.
        NotFound: The file can't be read.
    """

    format = "vectors"

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        arrays = _load(Path(path))
        self.vectors: SparseVectors = _vectors(arrays, self.path)
        self.ids: UniqueIdentifiers = _identifiers(arrays.get("ids"), len(self.vectors), self.path)
        self.total = len(self.vectors)
        if not self.total:
            raise self.no_documents()

    def __iter__(self) -> Iterator[Document]:
        """The rows as documents without text, whose vectors name term ids as decimal numbers."""
        for i, identifier in enumerate(self.ids):
            terms, weights = self.vectors.row(i)
            vector = dict(zip(map(str, terms.tolist()), weights.tolist(), strict=True))
            yield Document(identifier, "", vector=vector, where=f"{self.path}, row {i}")


def _load(path: Path) -> Arrays:
    import numpy as np

    try:
        with reading(path), path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise BadInput("this is no .npz file", where=str(path), hint="write one with numpy.savez")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                _check_names(archive.files, path)
                return {name: archive[name] for name in archive.files if name in _WANTED}
    except _DAMAGE as error:
        raise BadInput(
            f"cannot load the arrays: {error}",
            where=str(path),
            hint="arrays must hold plain numbers, and ids strings: numpy.array(ids, dtype=str)",
        ) from error


def _check_names(present: Sequence[str], path: Path) -> None:
    for names in _NAMES.values():
        if not any(name in present for name in names):
            holds = f"the file holds {', '.join(present)}" if present else "the file holds no array"
            raise BadInput(
                f"no array {' or '.join(map(repr, names))}",
                where=str(path),
                hint=f"{holds}; needed are indptr, terms and weights, or what scipy.sparse.save_npz writes",
            )


def _vectors(arrays: Arrays, path: str) -> SparseVectors:
    from lsr.vectors import SparseVectors

    if "format" in arrays and (layout := str(arrays["format"].astype(str))) != "csr":
        raise BadInput(f"the matrix is in {layout!r} format, not csr", where=path, hint="save matrix.tocsr()")
    roles = [next(arrays[name] for name in names if name in arrays) for names in _NAMES.values()]
    try:
        vectors = SparseVectors(*roles)
    except BadInput as problem:
        raise BadInput(problem.message, where=path, hint=problem.hint) from None
    if "shape" in arrays and arrays["shape"].reshape(-1)[:1].tolist() != [len(vectors)]:
        raise BadInput(f"shape is {arrays['shape'].tolist()}, but indptr has {len(vectors)} rows", where=path)
    return vectors


def _identifiers(ids: NDArray[Any] | None, rows: int, path: str) -> UniqueIdentifiers:
    if ids is None:
        return UniqueIdentifiers(map(str, range(rows)))
    if ids.shape != (rows,) or ids.dtype.kind not in "iuU":
        raise BadInput(
            f"ids must be {rows} strings or integers, one a row, not {ids.dtype} of shape {ids.shape}",
            where=path,
            hint="numpy.array(ids, dtype=str)",
        )
    return unique_identifiers(ids.tolist(), path)
