"""From query vectors over global term ids to document numbers and scores, over all segments of an index."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lsr.errors import UsageError
from lsr.index.manifest import SpaceEntry
from lsr.index.segment import Segment
from lsr.search.kernels import portable
from lsr.vectors import SparseVectors

KERNELS = ("auto", "portable", "compiled")
PATIENCE = 32
"""Queries that a process answers in plain numpy before it spends the time to load the compiled kernel."""
MAX_K = 2**31


@dataclass(frozen=True)
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

    def __len__(self) -> int:
        return len(self.counts)


class Engine:
    """Exact top-k over segments. Safe to use from several threads at once.

    Args:
        segments: The index's segments, in document order.
        spaces: Its term spaces, by ascending base.
        kernel: ``portable`` (numpy), ``compiled`` (numba), or ``auto``: numpy for the first few queries of a process,
            then numba, since loading it takes longer than a few queries.
    """

    def __init__(self, segments: Sequence[Segment], spaces: Sequence[SpaceEntry], kernel: str = "auto") -> None:
        if kernel not in KERNELS:
            raise UsageError(f"unknown kernel {kernel!r}", hint=f"choose one of {', '.join(KERNELS)}")
        self._segments = list(segments)
        self._documents = sum(segment.size for segment in segments)
        self._bases = np.array([space.base for space in spaces], np.int64)
        self._scales = np.array([space.scale for space in spaces], np.float64)
        self._kernel = kernel
        self._asked = 0

    def search(self, queries: SparseVectors, k: int, threads: int = 1) -> BatchResult:
        """The k best documents of each query, by score descending, then document number ascending.

        Args:
            queries: One row a query, over global term ids.
            k: Number of hits wanted, at least 1; more than there are documents is no error.
            threads: Number of threads that share the queries.

        Raises:
            UsageError: ``k`` or ``threads`` is below 1, or ``k`` is over 2**31.
        """
        check_k(k)
        check_threads(threads)
        width = min(k, self._documents)
        result = _no_hits(len(queries), width)
        if width == 0 or len(queries) == 0:
            return result
        compiled = self._use_compiled(len(queries))
        borders = np.linspace(0, len(queries), min(threads, len(queries)) + 1).astype(int).tolist()
        spans = list(pairwise(borders))
        if len(spans) == 1:
            self._search_span(queries, result, spans[0], compiled=compiled)
        else:
            with ThreadPoolExecutor(len(spans)) as pool:
                list(pool.map(lambda span: self._search_span(queries, result, span, compiled=compiled), spans))
        return result

    def _use_compiled(self, queries: int) -> bool:
        self._asked += queries
        if self._kernel != "auto":
            return self._kernel == "compiled"
        return self._asked > PATIENCE or "lsr.search.kernels.exhaustive" in sys.modules

    def _search_span(
        self, queries: SparseVectors, result: BatchResult, span: tuple[int, int], *, compiled: bool
    ) -> None:
        part = queries.slice(*span)
        rows = slice(*span)
        out = BatchResult(result.documents[rows], result.scores[rows], result.counts[rows])
        if len(self._segments) == 1:
            self._search_segment(self._segments[0], part, out, compiled=compiled)
            return
        pieces = []
        for segment in self._segments:
            width = min(out.documents.shape[1], segment.size)
            piece = _no_hits(len(part), width)
            if width > 0:
                self._search_segment(segment, part, piece, compiled=compiled)
            pieces.append(piece)
        _merge([segment.first for segment in self._segments], pieces, out)

    def _search_segment(self, segment: Segment, queries: SparseVectors, out: BatchResult, *, compiled: bool) -> None:
        """Fill ``out`` with numbers inside the segment; its width is at most the segment's size."""
        places, known = segment.places(queries.terms)
        before = np.concatenate([[0], np.cumsum(known)])
        borders = before[queries.indptr]
        terms = queries.terms[known].astype(np.int64)
        scales = self._scales[np.searchsorted(self._bases, terms, side="right") - 1] if len(terms) else np.empty(0)
        factors = queries.weights[known].astype(np.float64) * scales
        lists = places[known]
        width = out.documents.shape[1]
        if compiled:
            from lsr.search.kernels.exhaustive import search_many

            search_many(
                segment.size,
                segment.starts,
                segment.documents,
                segment.impacts,
                borders,
                lists,
                factors,
                width,
                out.documents,
                out.scores,
                out.counts,
            )
            return
        for q in range(len(queries)):
            a, b = borders[q], borders[q + 1]
            numbers, scores = portable.search(segment, lists[a:b], factors[a:b], width)
            out.documents[q, : len(numbers)] = numbers
            out.scores[q, : len(numbers)] = scores
            out.counts[q] = len(numbers)


def _no_hits(queries: int, width: int) -> BatchResult:
    shape = (queries, width)
    return BatchResult(np.full(shape, -1, np.int64), np.zeros(shape, np.float32), np.zeros(queries, np.int64))


def _merge(firsts: Sequence[int], pieces: Sequence[BatchResult], out: BatchResult) -> None:
    width = out.documents.shape[1]
    for q in range(len(out)):
        numbers = np.concatenate(
            [piece.documents[q, : piece.counts[q]] + first for first, piece in zip(firsts, pieces, strict=True)]
        )
        scores = np.concatenate([piece.scores[q, : piece.counts[q]] for piece in pieces])
        order = np.lexsort((numbers, -scores))[:width]
        out.documents[q, : len(order)] = numbers[order]
        out.scores[q, : len(order)] = scores[order]
        out.counts[q] = len(order)


def check_k(k: int) -> None:
    """Refuse a ``k`` that makes no sense.

    Raises:
        UsageError: ``k`` is not a whole number from 1 to 2**31.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= MAX_K:
        raise UsageError(f"k is {k!r}; it must be a whole number from 1 to {MAX_K}")


def check_threads(threads: int) -> None:
    """Refuse a number of threads that makes no sense.

    Raises:
        UsageError: ``threads`` is not a whole number of at least 1.
    """
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or threads < 1:
        raise UsageError(f"threads is {threads!r}; it must be a whole number, at least 1")
