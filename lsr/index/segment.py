"""A segment: the posting lists of consecutive documents, as four arrays, on disk and mapped back.

``terms`` lists the segment's term ids in ascending order; the posting list of ``terms[i]`` is entries ``starts[i]`` to
``starts[i + 1] - 1`` of ``documents`` (numbers inside the segment, ascending) and of ``impacts``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.errors import CorruptIndex, writing
from lsr.index.files import flush_folder, open_array, write_array
from lsr.index.manifest import SEGMENT_ARRAYS, SegmentEntry
from lsr.vectors import SparseVectors

Impacts = NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True)
class Segment:
    """Posting lists in term order.

    Attributes:
        first: Number, in the whole index, of the segment's first document.
        size: Number of documents.
        terms: uint32 [T], ascending.
        starts: int64 [T + 1], from 0 to the number of postings P.
        documents: uint32 [P], numbers inside the segment.
        impacts: uint8 [P] levels or float32 [P] weights.
    """

    first: int
    size: int
    terms: NDArray[np.uint32]
    starts: NDArray[np.int64]
    documents: NDArray[np.uint32]
    impacts: Impacts

    def places(self, terms: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where the posting lists of terms are.

        Args:
            terms: uint32 [m].

        Returns:
            int64 [m], positions in ``self.terms``, and bool [m], whether the term is there at all; the position of a
            term that is not there means nothing.
        """
        places = np.searchsorted(self.terms, terms).astype(np.int64, copy=False)
        known = places < len(self.terms)
        known[known] = self.terms[places[known]] == terms[known]
        return places, known

    def impact(self, term: int, document: int) -> float:
        """Stored impact (level or weight) of a term in a document of this segment; 0.0 where there is none."""
        places, known = self.places(np.array([term], np.uint32))
        if not known[0]:
            return 0.0
        at = int(places[0])
        start, end = int(self.starts[at]), int(self.starts[at + 1])
        place = start + int(np.searchsorted(self.documents[start:end], document))
        return float(self.impacts[place]) if place < end and self.documents[place] == document else 0.0


def invert(vectors: SparseVectors, impacts: Impacts) -> Segment:
    """Posting lists from rows.

    Args:
        vectors: One row a document.
        impacts: What to store for each entry of ``vectors``, in the same order.
    """
    order = np.argsort(vectors.terms, kind="stable")
    terms, counts = np.unique(vectors.terms, return_counts=True)
    starts = np.zeros(len(terms) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    rows = np.repeat(np.arange(len(vectors), dtype=np.uint32), np.diff(vectors.indptr))
    return Segment(0, len(vectors), terms, starts, rows[order], impacts[order])


def write_segment(segment: Segment, folder: Path) -> SegmentEntry:
    """Write a segment's arrays into a new folder and flush them.

    Raises:
        WriteFailed: The file system refused.
    """
    with writing(folder):
        folder.mkdir()
    names = (*SEGMENT_ARRAYS, "impacts")
    files = {name: write_array(folder / f"{name}.npy", getattr(segment, name)) for name in names}
    with writing(folder):
        flush_folder(folder)
    return SegmentEntry(folder.name, segment.size, len(segment.documents), files)


def open_segment(folder: Path, entry: SegmentEntry, first: int) -> Segment:
    """Map a segment and check what can be checked without reading all postings.

    Raises:
        CorruptIndex: A file contradicts the manifest, or the term directory is not in order.
    """
    arrays = {name: open_array(folder / f"{name}.npy", file) for name, file in entry.files.items()}
    terms, starts = arrays["terms"], arrays["starts"]
    if np.any(terms[1:] <= terms[:-1]):
        raise CorruptIndex("term ids are not ascending", where=str(folder / "terms.npy"))
    if starts[0] != 0 or starts[-1] != entry.postings or np.any(starts[1:] <= starts[:-1]):
        where = str(folder / "starts.npy")
        raise CorruptIndex("list starts do not ascend from 0 to the number of postings", where=where)
    return Segment(first, entry.documents, terms, starts, arrays["documents"], arrays["impacts"])


def check_segment(segment: Segment, folder: Path) -> None:
    """Read every posting and check what the search kernels rely on.

    Raises:
        CorruptIndex: A document number is out of range or out of order, or an impact is not positive and finite.
    """
    documents, impacts = segment.documents, segment.impacts
    if len(documents) == 0:
        return
    if int(documents.max()) >= segment.size:
        raise CorruptIndex("a posting names a document that does not exist", where=str(folder / "documents.npy"))
    rising = documents[1:] > documents[:-1]
    rising[segment.starts[1:-1] - 1] = True
    if not np.all(rising):
        raise CorruptIndex("documents are not ascending inside a list", where=str(folder / "documents.npy"))
    if not np.all(impacts > 0) or not np.all(np.isfinite(impacts)):
        raise CorruptIndex("an impact is not a positive finite number", where=str(folder / "impacts.npy"))
