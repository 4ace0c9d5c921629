"""Which documents of a span can be among the best k? Thresholds from group maxima, then one scan."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsr.jit import inner
from lsr.search.kernels.arithmetic import u16, u32

INCOMPLETE = -1
WIDEST = 32
BYTES = 8


@inner
def group_width(size: Any, k: int) -> Any:
    """How many documents share one maximum: a power of two that divides ``PAD``.

    Looking through ``size / width`` maxima and then through the members of k groups costs least near
    ``sqrt(size / k)``.
    """
    width = WIDEST
    while width > 1 and k * width * width > size:
        width >>= 1
    return width


@inner
def _max_into(out: Any, a: Any, b: Any) -> None:
    for i in range(out.shape[0]):
        x, y = a[i], b[i]
        out[i] = x if x > y else y


@inner
def _raise_to(low: Any, high: Any) -> None:
    for i in range(low.shape[0]):
        x, y = low[i], high[i]
        low[i] = x if x > y else y


@inner
def fold(out: Any, sums: Any, width: int) -> Any:
    """Write the maxima of groups of ``width`` sums (not neighbours) into ``out``; returns how many groups there are.

    Needs room for half of the sums in ``out``.
    """
    size = sums.shape[0]
    if width == 1:
        for i in range(size):
            out[i] = sums[i]
        return size
    half = size >> 1
    _max_into(out[:half], sums[:half], sums[half:])
    size, left = half, width >> 1
    while left > 1:
        half = size >> 1
        _raise_to(out[:half], out[half:size])
        size, left = half, left >> 1
    return size


@inner
def _count_from(values: Any, limit: Any) -> Any:
    total = np.int64(0)
    for p in range(0, values.shape[0], 32768):
        part = values[p : p + 32768]
        count = u16(0)
        for i in range(part.shape[0]):
            count = u16(count + (u16(1) if part[i] >= limit else u16(0)))
        total += np.int64(count)
    return total


@inner
def kth_largest(values: Any, k: int) -> Any:
    """A number that at least k values reach, and that lies less than 2 below the k-th largest; 0 if there are fewer."""
    if values.shape[0] < k:
        return 0
    low, high = 0, 65536
    while high - low > 2:
        middle = (low + high) >> 1
        if _count_from(values, u16(middle)) >= k:
            low = middle
        else:
            high = middle
    return low


@inner
def _reaching(values: Any, limit: Any, flags: Any, hits: Any) -> Any:
    """Write the positions of the values that are at least ``limit``; returns how many there are."""
    size = values.shape[0]
    for i in range(size):
        flags[i] = values[i] >= limit
    words = flags[: size // BYTES * BYTES].view(np.uint64)
    n = u32(0)
    for w in range(words.shape[0]):
        if words[w]:
            for i in range(w * BYTES, w * BYTES + BYTES):
                hits[n] = i
                n = u32(n + flags[i])
    for i in range(words.shape[0] * BYTES, size):
        hits[n] = i
        n = u32(n + flags[i])
    return np.int64(n)


@inner
def gather(sums: Any, base: int, cut: int, maxima: Any, rooms: Any, found: Any, found_sums: Any, held: int) -> Any:
    """Append every document of a window whose sum reaches ``cut`` to the candidates, in ascending order.

    Args:
        sums: uint16 [n].
        base: Number of the first document.
        cut: Smallest sum wanted, at least 1.
        maxima: uint16 [g], group maxima as ``fold`` makes them: group i is documents i, i + g, i + 2 g, ...
        rooms: Scratch: uint8 [>= g], uint32 [>= g].
        found: uint32 [room], document numbers.
        found_sums: uint16 [room], their sums.
        held: Number of candidates so far.

    Returns:
        The number of candidates, or ``INCOMPLETE`` if they might not fit.
    """
    flags, hits = rooms
    limit, groups = u16(cut), maxima.shape[0]
    n = _reaching(maxima, limit, flags, hits)
    if n == 0:
        return held
    for first in range(0, sums.shape[0], groups):
        if held + n > found.shape[0]:
            return INCOMPLETE
        for h in range(n):
            member = u32(hits[h] + u32(first))
            value = sums[member]
            if value >= limit:  # one member of most groups: a branch that is guessed well costs less than a store
                found[held], found_sums[held] = base + member, value
                held += 1
    return held


@inner
def keep_from(found: Any, found_sums: Any, held: int, cut: int) -> Any:
    """Drop the candidates below ``cut``; returns how many are left."""
    kept = 0
    for i in range(held):
        document, value = found[i], found_sums[i]
        found[kept], found_sums[kept] = document, value
        kept += value >= cut
    return kept
