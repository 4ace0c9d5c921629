"""Vectors as rows in an ``.npz`` file, in the arrays of ``scipy.sparse.save_npz`` and some beside them.

===========  ==========================================================================
array        what
===========  ==========================================================================
indptr       int64 [n + 1], row borders
indices      int32 or int64, global term ids
data         float32, weights; or uint8, levels
format       ``csr``
shape        n, and one more than the highest term id
ids          [n] strings, the documents' identifiers
token_ids    uint32 [v], ids of the terms with a name, ascending
tokens       [v] strings, their names; ``space:token`` if there are several term spaces
spaces       one string, the JSON of ``lsr.interchange.spaces``
===========  ==========================================================================

Only the first three are needed to read a file; the others bring names and scales back.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lsr.errors import BadInput
from lsr.index.builder import Progress
from lsr.index.files import npy_header
from lsr.index.index import Index
from lsr.interchange.json_lines import refuse_levels
from lsr.interchange.ready import ReadyCollection, ReadySpace
from lsr.interchange.rows import document_ranges
from lsr.interchange.spaces import FOREIGN, Description, TermNames, TravellingSpace, owners
from lsr.sources.lines import reading
from lsr.sources.npz import VectorSource
from lsr.vectors import SparseVectors, TokenTable

_IDS = 10_000
_MAGIC = b"\x93NUMPY"
_UNREADABLE = (
    *(ValueError, TypeError, SyntaxError, TokenError, RecursionError, KeyError, OverflowError, MemoryError, EOFError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, SystemError),
)
"""What numpy and zipfile raise when they read a damaged header or a damaged archive."""
_OWN = ("tokens", "token_ids", "spaces")
_DATE = (1980, 1, 1, 0, 0, 0)


def write_npz(
    index: Index, stream: BinaryIO, folder: Path, *, levels: bool = False, progress: Progress | None = None
) -> None:
    """Write an index as rows.

    Memory is that of a range of documents (``lsr.interchange.rows``), and the identifiers and names.

    Args:
        index: The index.
        stream: Where the file goes.
        folder: Where the weights lie, in a file without a name, until the terms are written.
        levels: Write levels in place of weights.
        progress: Called with the number of documents done.

    Raises:
        Refused: Two terms would have the same name; or levels are wanted of float32 impacts.
    """
    refuse_levels(index, levels=levels)
    names = TermNames(index)
    columns = int(names.terms[-1]) + 1 if len(names.terms) else 1
    dtype = np.dtype("<i4" if columns < 2**31 else "<i8")
    scales = np.array([space.scale for space in index.manifest.spaces], np.float32)
    bases = [space.base for space in index.manifest.spaces]
    counts = [np.zeros(1, np.int64)]
    with zipfile.ZipFile(stream, "w") as archive, tempfile.TemporaryFile(dir=folder) as weights:
        with _array(archive, "indices", dtype, index.manifest.postings) as out:
            for some in document_ranges(index):
                counts.append(np.diff(some.starts))
                out.write(some.terms.astype(dtype).tobytes())
                data = some.impacts
                if data.dtype == np.uint8 and not levels:
                    data = data.astype(np.float32) * scales[owners(some.terms, bases)]
                weights.write(data.tobytes())
                if progress is not None:
                    progress(some.first + len(some))
        weights.seek(0)
        with _array(archive, "data", np.dtype("|u1" if levels else "<f4"), index.manifest.postings) as out:
            shutil.copyfileobj(weights, out)
        arrays = {
            "indptr": np.cumsum(np.concatenate(counts)),
            "format": np.array(b"csr"),
            "shape": np.array([len(index), columns], np.int64),
            "ids": np.array(list(_identifiers(index))),
            **_named_terms(names, np.array([space.terms > 0 for space in index.manifest.spaces])),
            "spaces": np.array(Description.of(index, unscaled=levels).to_json()),
        }
        for name, array in arrays.items():
            with archive.open(_entry(name), "w", force_zip64=True) as out:
                np.lib.format.write_array(out, array, version=(1, 0), allow_pickle=False)


def read_npz(path: Path, impacts: str | None = None) -> ReadyCollection:
    """The documents of an ``.npz`` file, from this module or from elsewhere.

    Args:
        path: The file.
        impacts: ``uint8`` or ``float32``; ``None`` takes what the file says, or ``uint8``.

    Raises:
        NotFound: The file can't be read.
        BadInput: Something in it is wrong.
    """
    with _loading(path):
        arrays = _own_arrays(path)
        source = VectorSource(path)
        own = Description.from_json(str(arrays["spaces"]), f"{path}, spaces") if "spaces" in arrays else None
        tokens = _tokens(arrays, str(path)) if "tokens" in arrays else {}
    description = own or replace(FOREIGN, spaces=(replace(FOREIGN.spaces[0], named="tokens" in arrays),))
    spaces = list(_split(source.vectors, tokens, description.spaces, str(path)))
    return ReadyCollection(source.ids, spaces, impacts or description.impacts, own is not None, str(path))


def _split(
    vectors: SparseVectors, tokens: Mapping[int, str], spaces: Sequence[TravellingSpace], path: str
) -> Iterator[ReadySpace]:
    """The vectors inside each term space; terms that have names are counted anew."""
    terms = vectors.terms.astype(np.int64)
    taken = 0
    for space in spaces:
        inside = (terms >= space.base) & (terms < space.base + space.capacity)
        indptr = np.concatenate([[0], np.cumsum(inside)])[vectors.indptr]
        local, vocabulary = terms[inside] - space.base, None
        if space.named:
            local, vocabulary = _renumbered(local, tokens, space, len(spaces) > 1, path)
        taken += len(local)
        weights = vectors.weights[inside]
        rows = SparseVectors.trusted(indptr, local.astype(np.uint32), weights, vocabulary=vocabulary)
        yield ReadySpace(space, rows)
    if taken < len(terms):
        raise BadInput("a term belongs to none of the described term spaces", where=path)


def _renumbered(
    local: NDArray[np.int64], tokens: Mapping[int, str], space: TravellingSpace, prefixed: bool, path: str
) -> tuple[NDArray[np.int64], TokenTable]:
    present, places = np.unique(local, return_inverse=True)
    prefix = f"{space.name}:" if prefixed else ""
    names = [tokens.get(term + space.base, f"{prefix}{term}") for term in present.tolist()]
    for name in names:
        if not name.startswith(prefix):
            raise BadInput(f"token {name!r} stands for a term of space {space.name!r}", where=f"{path}, tokens")
    table = TokenTable(name.removeprefix(prefix) for name in names)
    if len(table.ids) < len(table):
        raise BadInput("two terms have the same name", where=f"{path}, tokens")
    return places, table


def _tokens(own: Mapping[str, NDArray[Any]], path: str) -> dict[int, str]:
    tokens = own["tokens"]
    ids = own.get("token_ids", np.arange(len(tokens)) if tokens.ndim == 1 else tokens)
    if tokens.dtype.kind != "U" or ids.dtype.kind not in "iu" or tokens.ndim != 1 or tokens.shape != ids.shape:
        raise BadInput("tokens must be strings, and token_ids as many whole numbers", where=path)
    found = dict(zip(ids.tolist(), tokens.tolist(), strict=True))
    if len(found) < len(ids):
        raise BadInput("a term has two names", where=f"{path}, token_ids")
    try:
        "".join(found.values()).encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"a token is not valid text: {error}", where=f"{path}, tokens") from None
    return found


def _own_arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not zipfile.is_zipfile(path):
        return {}  # the source will say so
    with np.load(path, allow_pickle=False) as archive:
        for entry in archive.zip.namelist():
            with archive.zip.open(entry) as member:
                if member.read(len(_MAGIC)) != _MAGIC:
                    raise BadInput(f"{entry} is no array", where=str(path))
        return {name: archive[name] for name in _OWN if name in archive.files}


@contextmanager
def _loading(path: Path) -> Iterator[None]:
    """Turn what numpy and the archive say against a file into errors that name it."""
    try:
        with reading(path):
            yield
    except _UNREADABLE as error:
        raise BadInput(f"cannot load the arrays: {error}", where=str(path), hint="tokens must be strings") from error


def _named_terms(names: TermNames, named: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    chosen = np.flatnonzero(named[names.owners])
    if len(chosen) == 0:
        return {}
    return {"token_ids": names.terms[chosen], "tokens": np.array([names.names[i] for i in chosen.tolist()])}


def _identifiers(index: Index) -> Iterator[str]:
    for first in range(0, len(index), _IDS):
        yield from index.external_ids(range(first, min(first + _IDS, len(index))))


@contextmanager
def _array(archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], length: int) -> Iterator[IO[bytes]]:
    """A stream to the elements of an array."""
    with archive.open(_entry(name), "w", force_zip64=True) as out:
        out.write(npy_header(dtype.str, length))
        yield out


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(f"{name}.npy", _DATE)
