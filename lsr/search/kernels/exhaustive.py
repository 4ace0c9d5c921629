"""Term at a time over windows of documents, compiled, for one query or many in one call without the GIL.

A window of 16,384 float64 sums stays in the second-level cache. Documents above the current k-th score go to a buffer
of packed keys (score bits, then inverted document number), which is cut back to k by quickselect when it is full, so
that a query never sorts more than it must ("Faster Learned Sparse Retrieval with Block-Max Pruning", 2024, keeps its
candidates behind a threshold in the same way).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.jit import compiled, inner
from lsr.search.kernels.ordering import sort_keys

WINDOW = 16384
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


@inner
def _keep_largest(keys: NDArray[np.uint64], count: int, k: int) -> None:
    """Reorder ``keys[:count]`` so that the k largest come first."""
    low, high = 0, count - 1
    while low < high:
        pivot, i, j = keys[(low + high) >> 1], low, high
        while i <= j:
            while keys[i] > pivot:
                i += 1
            while keys[j] < pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            return


@inner
def _search_one(
    size: int,
    starts: NDArray[np.int64],
    documents: NDArray[np.uint32],
    impacts: NDArray[Any],
    places: NDArray[np.int64],
    factors: NDArray[np.float64],
    k: int,
    sums: NDArray[np.float64],
    keys: NDArray[np.uint64],
    cursors: NDArray[np.int64],
) -> int:
    """Fill ``keys`` with the best documents, in any order, and return how many there are."""
    m = len(places)
    for t in range(m):
        cursors[t] = starts[places[t]]
    held = 0
    threshold = np.float32(0.0)
    single = np.empty(1, np.float32)
    bits = single.view(np.uint32)
    for base in range(0, size, WINDOW):
        end = min(base + WINDOW, size)
        window = sums[: end - base]
        window[:] = 0.0
        for t in range(m):
            factor = factors[t]
            at, last = cursors[t], starts[places[t] + 1]
            while at < last and documents[at] < end:
                window[documents[at] - base] += impacts[at] * factor
                at += 1
            cursors[t] = at
        for i in range(window.shape[0]):
            score = np.float32(window[i])
            if score > threshold:
                single[0] = score
                keys[held] = (np.uint64(bits[0]) << _SHIFT) | (_LOW - np.uint64(base + i))
                held += 1
                if held == len(keys):
                    _keep_largest(keys, held, k)
                    held = k
                    bits[0] = np.uint32(keys[k - 1] >> _SHIFT)
                    threshold = single[0]
    if held > k:
        _keep_largest(keys, held, k)
        held = k
    return held


@compiled
def search_many(
    size: int,
    starts: NDArray[np.int64],
    documents: NDArray[np.uint32],
    impacts: NDArray[Any],
    borders: NDArray[np.int64],
    places: NDArray[np.int64],
    factors: NDArray[np.float64],
    k: int,
    out_documents: NDArray[np.int64],
    out_scores: NDArray[np.float32],
    out_counts: NDArray[np.int64],
) -> None:
    """The k best documents for each query of a batch.

    Args:
        size: Number of documents in the segment.
        starts: int64 [T + 1], list starts.
        documents: uint32 [P].
        impacts: float32 [P].
        borders: int64 [q + 1], where each query's lists begin in ``places`` and ``factors``.
        places: int64 [m], positions of the queries' terms in the segment, ascending inside a query.
        factors: float64 [m].
        k: Number of hits wanted, at least 1 and at most ``size``.
        out_documents: int64 [q, k], filled with numbers inside the segment, and -1.
        out_scores: float32 [q, k], filled with scores, and 0.
        out_counts: int64 [q], number of hits of each query.
    """
    sums = np.empty(min(size, WINDOW), np.float64)
    keys, spare = np.empty(2 * k + 64, np.uint64), np.empty(k, np.uint64)
    single = np.empty(1, np.uint32)
    as_float = single.view(np.float32)
    longest = 0
    for q in range(len(borders) - 1):
        longest = max(longest, borders[q + 1] - borders[q])
    cursors = np.empty(longest, np.int64)
    for q in range(len(borders) - 1):
        a, b = borders[q], borders[q + 1]
        held = _search_one(size, starts, documents, impacts, places[a:b], factors[a:b], k, sums, keys, cursors)
        for i in range(held):
            keys[i] = ~keys[i]  # so that the best come first
        ordered = sort_keys(keys[:held], spare[:held], 32, 32)
        for i in range(held):
            out_documents[q, i] = np.int64(ordered[i] & _LOW)
            single[0] = np.uint32(~ordered[i] >> _SHIFT)
            out_scores[q, i] = as_float[0]
        out_counts[q] = held
        out_documents[q, held:] = -1
        out_scores[q, held:] = 0.0
