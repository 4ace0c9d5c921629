"""The layout of float32 impacts: one plain posting list a term.

The posting list of ``terms[i]`` is entries ``starts[i]`` to ``starts[i + 1] - 1`` of ``documents`` (numbers inside the
segment, ascending) and of ``impacts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.documents import WEIGHT_LIMIT
from lsr.errors import CorruptIndex, writing
from lsr.index.files import FileEntry, flush_folder, open_array, write_array
from lsr.index.manifest import FLOAT_ARRAYS
from lsr.index.segment import Segment
from lsr.vectors import SparseVectors


@dataclass(frozen=True)
class FloatSegment(Segment):
    """Posting lists of float32 impacts.

    Attributes:
        starts: int64 [T + 1], from 0 to the number of postings P.
        documents: uint32 [P], numbers inside the segment.
        impacts: float32 [P].
    """

    first: int
    size: int
    terms: NDArray[np.uint32]
    starts: NDArray[np.int64]
    documents: NDArray[np.uint32]
    impacts: NDArray[np.float32]

    def postings(self, place: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As ``Segment.postings``."""
        start, end = int(self.starts[place]), int(self.starts[place + 1])
        return self.documents[start:end].astype(np.int64), self.impacts[start:end]


def invert(vectors: SparseVectors, first: int = 0) -> FloatSegment:
    """A segment in memory.

    Args:
        vectors: One row a document, over global term ids; the weights are the impacts.
        first: Number of the first document.
    """
    order = np.argsort(vectors.terms, kind="stable")
    terms, counts = np.unique(vectors.terms, return_counts=True)
    starts = np.zeros(len(terms) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    rows = np.repeat(np.arange(len(vectors), dtype=np.uint32), np.diff(vectors.indptr))
    arrays = terms, starts, rows[order], vectors.weights[order]
    for array in arrays:
        array.flags.writeable = False  # as those of an index on disk: compiled code tells the two apart
    return FloatSegment(first, len(vectors), *arrays)


def write_float_segment(vectors: SparseVectors, folder: Path) -> dict[str, FileEntry]:
    """Write the posting lists of rows into a new folder and flush them.

    Args:
        vectors: As for ``invert``.
        folder: The segment's folder; it must not exist.

    Returns:
        The entries of the files.

    Raises:
        WriteFailed: The file system refused.
    """
    segment = invert(vectors)
    with writing(folder):
        folder.mkdir()
    files = {name: write_array(folder / f"{name}.npy", getattr(segment, name)) for name in FLOAT_ARRAYS}
    with writing(folder):
        flush_folder(folder)
    return files


def open_float_segment(folder: Path, files: Mapping[str, FileEntry], first: int, size: int) -> FloatSegment:
    """Map a segment and check what can be checked without reading all postings.

    Raises:
        CorruptIndex: A file contradicts the manifest, or the term directory is not in order.
    """
    arrays = {name: open_array(folder / f"{name}.npy", file) for name, file in files.items()}
    check_directory(arrays["terms"], folder)
    check_length(arrays, "starts", len(arrays["terms"]) + 1, folder)
    check_length(arrays, "impacts", len(arrays["documents"]), folder)
    check_starts(arrays["starts"], len(arrays["documents"]), folder / "starts.npy")
    return FloatSegment(first, size, **arrays)


def check_length(arrays: Mapping[str, NDArray[Any]], name: str, length: int, folder: Path) -> None:
    """Refuse an array of another length than the others imply.

    Raises:
        CorruptIndex: It has another one.
    """
    found = len(arrays[name])
    if found != length:
        raise CorruptIndex(
            f"the array has {found} elements and should have {length}", where=str(folder / f"{name}.npy")
        )


def check_directory(terms: NDArray[np.uint32], folder: Path) -> None:
    """Refuse term ids that do not ascend.

    Raises:
        CorruptIndex: They do not.
    """
    if np.any(terms[1:] <= terms[:-1]):
        raise CorruptIndex("term ids are not ascending", where=str(folder / "terms.npy"))


def check_starts(starts: NDArray[np.int64], postings: int, where: Path) -> None:
    """Refuse list starts that do not ascend from 0 to the number of postings.

    Raises:
        CorruptIndex: They do not.
    """
    if starts[0] != 0 or starts[-1] != postings or np.any(starts[1:] <= starts[:-1]):
        raise CorruptIndex("list starts do not ascend from 0 to the number of postings", where=str(where))


def check_float_segment(segment: FloatSegment, folder: Path) -> None:
    """Read every posting and check what the search kernels rely on.

    Raises:
        CorruptIndex: A document number is out of range or out of order, or an impact is not positive or is too large.
    """
    impacts = segment.impacts
    check_ascending(segment.documents, segment.starts, segment.size, folder / "documents.npy")
    if not np.all((impacts > 0) & (impacts <= WEIGHT_LIMIT)):  # NaN fails both
        raise CorruptIndex(
            f"an impact is not a positive number up to {WEIGHT_LIMIT:.0f}", where=str(folder / "impacts.npy")
        )


def check_ascending(documents: NDArray[np.uint32], starts: NDArray[np.int64], size: int, where: Path) -> None:
    """Refuse lists that name a document that does not exist, or that do not ascend.

    Raises:
        CorruptIndex: One does.
    """
    if len(documents) == 0:
        return
    if int(documents.max()) >= size:
        raise CorruptIndex("a posting names a document that does not exist", where=str(where))
    rising = documents[1:] > documents[:-1]
    rising[starts[1:-1] - 1] = True
    if not np.all(rising):
        raise CorruptIndex("documents are not ascending inside a list", where=str(where))
