"""Documents with their terms, out of the posting lists of an index: the transposition, a range of documents at a time.

The postings of each document are counted in one pass over all lists, which gives the borders of the rows. Then each
range of documents takes one more pass, which drops every posting at the next free place of its row; terms come in
ascending order, so the rows are sorted as they are filled. Memory is a number for each document of a segment and the
postings of one range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.index.index import Index
from lsr.index.segment import Segment

RANGE_POSTINGS = 2**25
"""Postings of a range, unless a single document has more; up to 16 bytes each while it is filled."""


@dataclass(frozen=True)
class DocumentRange:
    """Rows of consecutive documents.

    Attributes:
        first: Number of the first document in the index.
        starts: int64 [n + 1], borders in the two arrays below, from 0.
        terms: uint32, ascending global term ids of each row.
        impacts: uint8 levels or float32 weights, as they are stored.
    """

    first: int
    starts: NDArray[np.int64]
    terms: NDArray[np.uint32]
    impacts: NDArray[Any]

    def __len__(self) -> int:
        return len(self.starts) - 1


def document_ranges(index: Index, postings: int = RANGE_POSTINGS) -> Iterator[DocumentRange]:
    """All documents of an index in the order of their numbers.

    Args:
        index: The index.
        postings: Postings of a range at most, unless a single document has more.
    """
    dtype = np.dtype(index.manifest.impacts)
    for segment in index.segments:
        starts = np.zeros(segment.size + 1, np.int64)
        for place in range(len(segment.terms)):
            starts[segment.postings(place)[0] + 1] += 1
        np.cumsum(starts, out=starts)
        first = 0
        while first < segment.size:
            fitting = int(np.searchsorted(starts, starts[first] + postings, side="right")) - 1
            last = max(fitting, first + 1)
            yield _transposed(segment, starts[first : last + 1], first, dtype)
            first = last


def _transposed(segment: Segment, borders: NDArray[np.int64], first: int, dtype: np.dtype[Any]) -> DocumentRange:
    starts = borders - borders[0]
    last = first + len(starts) - 1
    terms, impacts = np.empty(starts[-1], np.uint32), np.empty(starts[-1], dtype)
    free = starts[:-1].copy()
    for place, term in enumerate(segment.terms):
        documents, values = segment.postings(place)
        a, b = np.searchsorted(documents, [first, last])
        rows = documents[a:b] - first
        at = free[rows]
        terms[at], impacts[at] = term, values[a:b]
        free[rows] += 1
    return DocumentRange(segment.first + first, starts, terms, impacts)
