"""From query vectors over global term ids to document numbers and scores, over all segments of an index."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from lsr.errors import UsageError
from lsr.index.manifest import SpaceEntry
from lsr.index.segment import Segment
from lsr.search.scorers import BatchResult, PortableScorer, Scorer, compiled_scorer
from lsr.vectors import SparseVectors

KERNELS = ("auto", "portable", "compiled")
PATIENCE = 32
"""Queries that a process answers in plain numpy before it spends the time to load the compiled kernel."""
MAX_K = 2**31


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
        self._segments = [segment for segment in segments if segment.size > 0]
        self._documents = sum(segment.size for segment in segments)
        self._spaces = list(spaces)
        self._kernel = kernel
        self._asked = 0
        self._scorers: list[Scorer] | None = None

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
        result = BatchResult.room(len(queries), min(k, self._documents))
        if result.documents.size == 0:
            result.counts.fill(0)
            return result
        scorers = self._choose_scorers(len(queries))
        if threads == 1:
            _search(scorers, queries, result)
            return result
        borders = np.linspace(0, len(queries), min(threads, len(queries)) + 1).astype(int).tolist()
        with ThreadPoolExecutor(threads) as pool:
            list(
                pool.map(
                    lambda span: _search(scorers, queries.slice(*span), result.rows(*span)), list(pairwise(borders))
                )
            )
        return result

    def _choose_scorers(self, queries: int) -> list[Scorer]:
        """The compiled scorers once they are worth their start; threads may make them twice, which does no harm."""
        if self._scorers is not None:
            return self._scorers
        self._asked += queries
        compiled = self._kernel == "compiled" or (
            self._kernel == "auto" and (self._asked > PATIENCE or "lsr.jit" in sys.modules)
        )
        if compiled or self._kernel == "portable":
            make = compiled_scorer if compiled else PortableScorer
            self._scorers = [make(segment, self._spaces) for segment in self._segments]
            return self._scorers
        return [PortableScorer(segment, self._spaces) for segment in self._segments]


def _search(scorers: Sequence[Scorer], queries: SparseVectors, out: BatchResult) -> None:
    """Search all segments and merge what they found."""
    if len(scorers) == 1:
        scorers[0].search(queries, out)
        return
    pieces = []
    for scorer in scorers:
        piece = BatchResult.room(len(queries), min(out.documents.shape[1], scorer.size))
        scorer.search(queries, piece)
        pieces.append(piece)
    _merge([scorer.first for scorer in scorers], pieces, out)


def _merge(firsts: Sequence[int], pieces: Sequence[BatchResult], out: BatchResult) -> None:
    width = out.documents.shape[1]
    out.documents.fill(-1)
    out.scores.fill(0.0)
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
