"""The last step of a search: candidates with exact scores become an ordered list of hits."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsr.jit import inner
from lsr.search.kernels.arithmetic import u32, u64

INSERTION = 48
"""Up to so many keys, insertion sort is faster than counting."""
_LOW = u64(0xFFFFFFFF)


@inner
def sort_keys(keys: Any, spare: Any, low_bits: int, high_bits: int) -> Any:
    """Sort by the upper half and then the lower half of each key; returns the array that holds the result.

    ``low_bits`` and ``high_bits`` say how many bits of each half can differ; 0 low bits mean that keys with the same
    upper half are in order already.
    """
    n = keys.shape[0]
    if n <= INSERTION:
        for i in range(1, n):
            key, j = keys[i], i
            while j > 0 and keys[j - 1] > key:
                keys[j] = keys[j - 1]
                j -= 1
            keys[j] = key
        return keys
    counts = np.empty(256, np.uint32)
    for shift in range(0, 64, 8):
        if low_bits <= shift < 32 or 32 + high_bits <= shift:
            continue
        counts[:] = 0
        for i in range(n):
            counts[(keys[i] >> u64(shift)) & u64(255)] += 1
        total = u32(0)
        for b in range(256):
            here = counts[b]
            counts[b] = total
            total = u32(total + here)
        for i in range(n):
            b = (keys[i] >> u64(shift)) & u64(255)
            spare[counts[b]] = keys[i]
            counts[b] += u32(1)
        keys, spare = spare, keys
    return keys


@inner
def _bits(number: Any) -> Any:
    bits = 0
    while bits < 32 and number >> u64(bits):
        bits += 8
    return bits


@inner
def write_hits(
    exact: Any, found: Any, numbers: Any, k: Any, keys: Any, spare: Any, out_documents: Any, out_scores: Any
) -> Any:
    """Write at most k hits with a positive score, by float32 score descending, then document number ascending.

    Args:
        exact: float64 [n], scores.
        found: uint32 [n], positions of the documents in the segment, ascending.
        numbers: uint32 [size], number by position, or [0] if they are the same.
        k: Number of hits wanted.
        keys: uint64 [>= n], scratch.
        spare: uint64 [>= n], scratch.
        out_documents: int64 [>= k], filled with numbers inside the segment.
        out_scores: float32 [>= k], filled.

    Returns:
        The number of hits.
    """
    scores = np.empty(found.shape[0] + 2, np.float32)
    low, high = np.float32(np.inf), np.float32(0.0)
    for i in range(found.shape[0]):
        scores[i] = np.float32(exact[i])
        low, high = min(low, scores[i]), max(high, scores[i])
    scores[found.shape[0]], scores[found.shape[0] + 1] = low, high
    words = scores.view(np.uint32)
    top, bottom = u64(words[found.shape[0] + 1]), u64(words[found.shape[0]])
    held = u32(0)
    for i in range(found.shape[0]):
        number = u64(found[i]) if numbers.shape[0] == 0 else u64(numbers[found[i]])
        keys[held] = ((top - u64(words[i])) << u64(32)) | number
        held = u32(held + (exact[i] > 0.0))
    low_bits = _bits(u64(numbers.shape[0]))
    order = sort_keys(keys[:held], spare[:held], low_bits, _bits(top - bottom))
    hits = min(np.int64(held), k)
    out_words = out_scores.view(np.uint32)
    for i in range(hits):
        out_words[i] = u32(top - (order[i] >> u64(32)))
        out_documents[i] = np.int64(order[i] & _LOW)
    return hits
