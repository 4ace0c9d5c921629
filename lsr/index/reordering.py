"""In which order do documents lie best? Recursive graph bisection.

A range of documents is split into two halves such that the terms of each half are as few and as frequent as possible;
then each half is split again. The cost of a term that d of n documents of a half have is ``d log2(n / (d + 1))``, the
bits that its gaps would take; documents are exchanged between the halves while that lowers the sum of all costs.
("Compressing Graphs and Indexes with Recursive Graph Bisection", 2016; documents are chosen for exchange by one partial
selection over both halves, as in "Faster Index Reordering with Bipartite Graph Partitioning", 2021.)

Documents about the same things come to lie together. Lists become clusters, and maxima of blocks of documents become
sharper bounds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.index.forward import Rows
from lsr.jit import compiled, inner

LEAF = 16
"""Ranges of so many documents are not split."""
ROUNDS = 20
SETTLED = 400
"""A split is settled when a round exchanges no more than one document in so many."""
FREQUENT, RAREST = 0.6, 4
"""Terms in a larger share of the documents, or in fewer documents, say nothing about where a document belongs."""
APART = 1 << 15
"""Ranges below this many documents are split by one thread each, larger ones by all threads together."""


def reorder(rows: Rows, *, threads: int = 1, memory: int = 1 << 62) -> NDArray[np.uint32]:
    """An order that brings similar documents together; the same for any number of threads.

    Args:
        rows: One row a document, over global term ids.
        threads: Number of threads.
        memory: Bytes that the terms of all documents may take; the most frequent terms are left out until they fit.

    Returns:
        uint32 [n], the row that comes at each position.
    """
    graph = _Graph(rows, memory)
    documents = np.arange(len(rows), dtype=np.uint32)
    if graph.terms == 0:
        return documents
    logarithms = np.log2(np.arange(len(rows) + 2) + 1).astype(np.float32)
    with ThreadPoolExecutor(threads) as pool:
        ranges = [documents]
        while ranges and len(ranges[0]) > max(APART, LEAF):
            ranges = [half for part in ranges for half in graph.split(part, logarithms, pool, threads)]
        list(pool.map(lambda part: graph.split_all(part, logarithms), ranges))
    return documents


class _Graph:
    """Documents and the terms that tell where they belong.

    Args:
        rows: One row a document.
        memory: Bytes that the edges may take.
    """

    def __init__(self, rows: Rows, memory: int) -> None:
        highest = max((int(chunk.terms.max()) for chunk in rows.chunks() if len(chunk.terms)), default=-1)
        ids, frequencies = _frequencies(rows, highest)
        useful = (frequencies >= RAREST) & (frequencies <= FREQUENT * len(rows))
        width = 2 if np.count_nonzero(useful) <= 1 << 16 else 4
        by_frequency = np.argsort(np.where(useful, frequencies, 0), kind="stable")
        total = np.cumsum(np.where(useful, frequencies, 0)[by_frequency]) * width
        useful[by_frequency[total > memory]] = False
        self.terms = int(np.count_nonzero(useful))
        local = np.full(len(ids), -1, np.int64)
        local[useful] = np.arange(self.terms)
        self._starts = np.zeros(len(rows) + 1, np.int64)
        self._edges = np.empty(int(frequencies[useful].sum()), np.uint16 if width == 2 else np.uint32)
        filled = 0
        for chunk in rows.chunks():
            places = local[np.searchsorted(ids, chunk.terms)]
            filled = _keep_useful(chunk.starts, places, chunk.first, self._starts, self._edges, filled)

    def split(
        self, documents: NDArray[np.uint32], logarithms: NDArray[np.float32], pool: ThreadPoolExecutor, threads: int
    ) -> list[NDArray[np.uint32]]:
        """Split one range with all threads; returns its halves, which share its memory."""
        half = len(documents) // 2
        degrees = np.zeros((2, self.terms), np.int32)
        gains = np.zeros((2, self.terms), np.float32)
        keys = np.empty(len(documents), np.float32)
        borders = np.linspace(0, len(documents), threads + 1).astype(int).tolist()
        sides = [(documents[:half], degrees[0]), (documents[half:], degrees[1])]
        list(pool.map(lambda side: _count_degrees(self._starts, self._edges, *side), sides))
        touched = np.flatnonzero(degrees.any(axis=0)).astype(np.uint32)
        for _ in range(ROUNDS):
            _gains_of_terms(touched, degrees, half, len(documents) - half, logarithms, gains)
            list(
                pool.map(
                    lambda t: _keys(
                        self._starts, self._edges, documents, half, gains, borders[t], borders[t + 1], keys
                    ),
                    range(threads),
                )
            )
            if _exchange(self._starts, self._edges, documents, half, keys, degrees) <= len(documents) // SETTLED:
                break
        return [documents[:half], documents[half:]]

    def split_all(self, documents: NDArray[np.uint32], logarithms: NDArray[np.float32]) -> None:
        """Split a range down to its leaves, with one thread."""
        _split_all(self._starts, self._edges, documents, self.terms, logarithms)


def _frequencies(rows: Rows, highest: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Terms that occur, ascending, and how often."""
    if highest < 1 << 26:
        counts = np.zeros(highest + 1, np.int64)
        for chunk in rows.chunks():
            counts += np.bincount(chunk.terms, minlength=highest + 1)
        ids = np.flatnonzero(counts).astype(np.uint32)
        return ids, counts[ids]
    ids, frequencies = np.empty(0, np.uint32), np.empty(0, np.int64)
    for chunk in rows.chunks():
        here, counts = np.unique(chunk.terms, return_counts=True)
        both = np.union1d(ids, here)
        merged = np.zeros(len(both), np.int64)
        merged[np.searchsorted(both, ids)] += frequencies
        merged[np.searchsorted(both, here)] += counts
        ids, frequencies = both, merged
    return ids, frequencies


@compiled
def _keep_useful(starts: Any, places: Any, first: int, out_starts: Any, edges: Any, filled: int) -> Any:
    for i in range(starts.shape[0] - 1):
        for j in range(starts[i], starts[i + 1]):
            if places[j] >= 0:
                edges[filled] = places[j]
                filled += 1
        out_starts[first + i + 1] = filled
    return filled


@compiled
def _count_degrees(starts: Any, edges: Any, documents: Any, degrees: Any) -> None:
    for i in range(documents.shape[0]):
        document = documents[i]
        for j in range(starts[document], starts[document + 1]):
            degrees[edges[j]] += 1


@compiled
def _gains_of_terms(touched: Any, degrees: Any, left: Any, right: Any, logarithms: Any, gains: Any) -> None:
    """What moving one document to the other half would save, term by term, from the left and from the right."""
    log_left, log_right = logarithms[left - 1], logarithms[right - 1]
    for t in range(touched.shape[0]):
        term = touched[t]
        x, y = degrees[0, term], degrees[1, term]
        now = x * (log_left - logarithms[x]) + y * (log_right - logarithms[y])
        gains[0, term] = 0.0
        if x > 0:
            gains[0, term] = now - (
                (x - 1) * (log_left - logarithms[x - 1]) + (y + 1) * (log_right - logarithms[y + 1])
            )
        gains[1, term] = 0.0
        if y > 0:
            gains[1, term] = now - (
                (x + 1) * (log_left - logarithms[x + 1]) + (y - 1) * (log_right - logarithms[y - 1])
            )


@compiled
def _keys(starts: Any, edges: Any, documents: Any, half: Any, gains: Any, begin: Any, end: Any, keys: Any) -> None:
    """How much each document of a part of the range belongs to the right."""
    for i in range(begin, end):
        document, gain = documents[i], np.float32(0.0)
        row = gains[0] if i < half else gains[1]
        for j in range(starts[document], starts[document + 1]):
            gain += row[edges[j]]
        keys[i] = gain if i < half else -gain


@compiled
def _exchange(starts: Any, edges: Any, documents: Any, half: Any, keys: Any, degrees: Any) -> Any:
    """Exchange documents so that the left half has the smallest keys; returns how many went each way."""
    border, moved, a, b = np.partition(keys, half - 1)[half - 1], 0, 0, half
    while True:
        while a < half and keys[a] <= border:
            a += 1
        while b < documents.shape[0] and keys[b] >= border:
            b += 1
        if a >= half or b >= documents.shape[0]:
            return moved
        for j in range(starts[documents[a]], starts[documents[a] + 1]):
            degrees[0, edges[j]] -= 1
            degrees[1, edges[j]] += 1
        for j in range(starts[documents[b]], starts[documents[b] + 1]):
            degrees[0, edges[j]] += 1
            degrees[1, edges[j]] -= 1
        documents[a], documents[b] = documents[b], documents[a]
        a += 1
        b += 1
        moved += 1


@inner
def _touch(starts: Any, edges: Any, documents: Any, half: Any, degrees: Any, touched: Any) -> Any:
    """Count the degrees of both halves; returns how many terms occur, written into ``touched``."""
    n = 0
    for i in range(documents.shape[0]):
        side = 0 if i < half else 1
        for j in range(starts[documents[i]], starts[documents[i] + 1]):
            term = edges[j]
            if degrees[0, term] == 0 and degrees[1, term] == 0:
                touched[n] = term
                n += 1
            degrees[side, term] += 1
    return n


@compiled
def _split_all(starts: Any, edges: Any, documents: Any, terms: Any, logarithms: Any) -> None:
    degrees = np.zeros((2, terms), np.int32)
    gains = np.empty((2, terms), np.float32)
    touched = np.empty(terms, np.uint32)
    keys = np.empty(documents.shape[0], np.float32)
    waiting = [(0, documents.shape[0])]
    while len(waiting) > 0:
        begin, end = waiting.pop()
        if end - begin <= LEAF:
            continue
        part = documents[begin:end]
        half, size = (end - begin) // 2, end - begin
        n = _touch(starts, edges, part, half, degrees, touched)
        for _ in range(ROUNDS):
            _gains_of_terms(touched[:n], degrees, half, size - half, logarithms, gains)
            _keys(starts, edges, part, half, gains, 0, size, keys)
            if _exchange(starts, edges, part, half, keys[:size], degrees) <= size // SETTLED:
                break
        for t in range(n):
            degrees[0, touched[t]] = 0
            degrees[1, touched[t]] = 0
        waiting.append((begin, begin + half))
        waiting.append((begin + half, end))
