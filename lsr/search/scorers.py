"""A segment together with what answers queries over it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.index.byte_segment import ByteSegment
from lsr.index.float_segment import FloatSegment
from lsr.index.manifest import SpaceEntry
from lsr.index.segment import Segment
from lsr.search.kernels import portable
from lsr.vectors import SparseVectors


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Hits of many queries as arrays; nothing is looked up in the catalog.

    Attributes:
        documents: int64 [queries, width], document numbers, best first, padded with -1.
        scores: float32 [queries, width], padded with 0.
        counts: int64 [queries], number of hits of each query.

    ``width`` is the smaller of k and the number of documents.
    """

    documents: NDArray[np.int64]
    scores: NDArray[np.float32]
    counts: NDArray[np.int64]

    @classmethod
    def room(cls, queries: int, width: int) -> BatchResult:
        """Arrays that a scorer has yet to fill."""
        return cls(
            np.empty((queries, width), np.int64), np.empty((queries, width), np.float32), np.empty(queries, np.int64)
        )

    def rows(self, start: int, stop: int) -> BatchResult:
        """The results of some of the queries; shares the arrays."""
        part = slice(start, stop)
        return BatchResult(self.documents[part], self.scores[part], self.counts[part])

    @property
    def exact(self) -> bool:
        """Whether these are exactly the best documents of the stored impacts. They are: no kernel leaves one out."""
        return True

    def __len__(self) -> int:
        return len(self.counts)


class Scorer(ABC):
    """Answers queries over one segment, from several threads at once if need be.

    Args:
        segment: The segment.
        spaces: The index's term spaces, by ascending base.
    """

    def __init__(self, segment: Segment, spaces: Sequence[SpaceEntry]) -> None:
        self.first = segment.first
        self.size = segment.size
        self._bases = np.array([space.base for space in spaces], np.int64)
        self._scales = np.array([space.scale for space in spaces], np.float64)

    @abstractmethod
    def search(self, queries: SparseVectors, out: BatchResult) -> None:
        """Fill ``out`` with the best documents of the segment, by their numbers inside it.

        Args:
            queries: One row a query, over global term ids.
            out: Its width is the number of hits wanted, at least 1 and at most the segment's size.
        """

    def _lists(
        self, segment: Segment, queries: SparseVectors
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Of the terms that the segment has: where each query begins, positions in its terms, and exact factors."""
        places, known = segment.places(queries.terms)
        before = np.concatenate([[0], np.cumsum(known)])
        terms = queries.terms[known].astype(np.int64)
        scales = self._scales[np.searchsorted(self._bases, terms, side="right") - 1] if len(terms) else np.empty(0)
        return before[queries.indptr], places[known], queries.weights[known].astype(np.float64) * scales


class PortableScorer(Scorer):
    """Plain numpy, for both layouts."""

    def __init__(self, segment: Segment, spaces: Sequence[SpaceEntry]) -> None:
        super().__init__(segment, spaces)
        self._segment = segment

    def search(self, queries: SparseVectors, out: BatchResult) -> None:
        """As ``Scorer.search``."""
        borders, places, factors = self._lists(self._segment, queries)
        out.documents.fill(-1)
        out.scores.fill(0.0)
        for q in range(len(queries)):
            part = slice(borders[q], borders[q + 1])
            numbers, scores = portable.search(self._segment, places[part], factors[part], out.documents.shape[1])
            out.documents[q, : len(numbers)] = numbers
            out.scores[q, : len(numbers)] = scores
            out.counts[q] = len(numbers)


class FloatScorer(Scorer):
    """Compiled, for float32 impacts."""

    def __init__(self, segment: FloatSegment, spaces: Sequence[SpaceEntry]) -> None:
        from lsr.search.kernels.exhaustive import search_many

        super().__init__(segment, spaces)
        self._segment = segment
        self._kernel = search_many

    def search(self, queries: SparseVectors, out: BatchResult) -> None:
        """As ``Scorer.search``."""
        segment = self._segment
        borders, places, factors = self._lists(segment, queries)
        self._kernel(
            segment.size, segment.starts, segment.documents, segment.impacts, borders, places, factors,
            out.documents.shape[1], out.documents, out.scores, out.counts,
        )  # fmt: skip


class ByteScorer(Scorer):
    """Compiled, for uint8 levels. Each thread that searches takes scratch arrays from a pool."""

    def __init__(self, segment: ByteSegment, spaces: Sequence[SpaceEntry]) -> None:
        from lsr.search.kernels import columns

        super().__init__(segment, spaces)
        self._table = columns.segment_table(segment, spaces)
        self._kernel = columns.search_many
        self._new_scratch = columns.scratch_table
        self._idle: dict[int, list[Any]] = {}

    def search(self, queries: SparseVectors, out: BatchResult) -> None:
        """As ``Scorer.search``."""
        room = 64
        if len(queries.terms) > room:
            longest = int(np.diff(queries.indptr).max())
            while room < longest:
                room *= 2
        idle = self._idle.setdefault(room, [])
        try:
            scratch = idle.pop()
        except IndexError:
            scratch = self._new_scratch(self.size, room)
        self._kernel(
            self.size, self._table.addresses, scratch.addresses, queries.indptr, queries.terms, queries.weights,
            out.documents.shape[1], out.documents, out.scores, out.counts,
        )  # fmt: skip
        idle.append(scratch)  # not after an error: its arrays may be dirty


def compiled_scorer(segment: Segment, spaces: Sequence[SpaceEntry]) -> Scorer:
    """The compiled scorer for a segment's layout."""
    if isinstance(segment, FloatSegment):
        return FloatScorer(segment, spaces)
    assert isinstance(segment, ByteSegment), "there are two layouts"
    return ByteScorer(segment, spaces)
