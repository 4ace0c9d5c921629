"""Exact scores of a few documents: float64, terms in ascending order."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsr.index.containers import COLUMN, KIND_SHIFT, LISTED, ROW_MASK, WINDOW
from lsr.jit import inner
from lsr.search.kernels.arithmetic import prefetch, u16, u32

FEW = 24
"""Up to so many candidates in a window, what they need is fetched before it is used."""
STEP = 32
"""One look-up in a list costs about as much as testing this many of its postings."""


@inner
def _guess(offset: Any, length: Any) -> Any:
    """Where an offset stands in a list of that length if the offsets are spread evenly."""
    return (u32(offset) * u32(length)) // u32(WINDOW)


@inner
def _walk(part: Any, offsets: Any, levels: Any, factor: float, taken: Any, seats: Any, seated: Any) -> None:
    """Add a list to the candidates of a window; ``seats`` gives a candidate's place by its offset where ``taken``."""
    begin, n = offsets.shape[0] // 8 * 8, u32(0)
    for p in range(0, begin, 8):
        o = offsets[p : p + 8]
        if (
            taken[o[0]]
            | taken[o[1]]
            | taken[o[2]]
            | taken[o[3]]
            | taken[o[4]]
            | taken[o[5]]
            | taken[o[6]]
            | taken[o[7]]
        ):
            for i in range(8):
                seated[n] = p + i
                n = u32(n + taken[o[i]])
    for j in range(begin, offsets.shape[0]):
        seated[n] = j
        n = u32(n + taken[offsets[j]])
    for h in range(n):
        j = seated[h]
        part[seats[offsets[j]]] += factor * np.float64(levels[j])


@inner
def _look_up(part: Any, here: Any, base: int, offsets: Any, levels: Any, factor: float) -> None:
    """Add a list to a few candidates, each searched from where it should stand."""
    length = u32(offsets.shape[0])
    for c in range(here.shape[0]):
        key = u16(here[c] - u32(base))
        j = _guess(key, length)
        while j < length and offsets[j] < key:
            j = u32(j + u32(1))
        while j > u32(0) and offsets[j - u32(1)] >= key:
            j = u32(j - u32(1))
        if j < length and offsets[j] == key:
            part[c] += factor * np.float64(levels[j])


@inner
def _prefetch(here: Any, window: int, index: Any, slots: Any) -> None:
    """Ask the memory for what the candidates of a window need, all of it at once."""
    columns, (starts, borders, offsets, levels), _ = index
    base = window * WINDOW
    for t in range(slots.shape[0]):
        kind, row = slots[t] >> KIND_SHIFT, slots[t] & ROW_MASK
        if kind == COLUMN:
            column = columns[row]
            for c in range(here.shape[0]):
                prefetch(column, np.int64(here[c]))
        elif kind == LISTED:
            a, length = starts[row] + np.int64(borders[row, window]), borders[row, window + 1] - borders[row, window]
            for c in range(here.shape[0]):
                at = a + np.int64(_guess(here[c] - u32(base), length))
                prefetch(offsets, at)
                prefetch(levels, at)


@inner
def _walk_rare(
    part: Any, base: int, documents: Any, levels: Any, begin: int, factor: float, taken: Any, seats: Any
) -> Any:
    """Add the postings from ``begin`` on that lie in the window; returns the first that lies behind it."""
    at = begin
    while at < documents.shape[0] and documents[at] < base + WINDOW:
        if documents[at] >= base:
            offset = u32(documents[at] - u32(base))
            if taken[offset]:
                part[seats[offset]] += factor * np.float64(levels[at])
        at += 1
    return at


@inner
def rescore(exact: Any, found: Any, index: Any, slots: Any, factors: Any, cursors: Any, rooms: Any) -> None:
    """Fill ``exact`` with the scores of documents.

    Args:
        exact: float64 [n], filled.
        found: uint32 [n], document numbers, ascending.
        index: Columns, arrays of the windowed lists, arrays of the rare lists.
        slots: int64 [m], in ascending term order.
        factors: float64 [m].
        cursors: int64 [>= rare lists among them], scratch.
        rooms: Scratch: taken (uint8 [WINDOW], all 0 before and after), seats (uint16 [WINDOW]), seated (uint16
            [WINDOW]).
    """
    columns, lists, rare = index
    starts, borders, offsets, levels = lists
    rare_starts, rare_documents, rare_levels = rare
    taken, seats, seated = rooms
    exact[:] = 0.0
    cursors[:] = 0
    begin = 0
    while begin < found.shape[0]:
        window = np.int64(found[begin]) // WINDOW
        base = window * WINDOW
        end = begin + 1
        while end < found.shape[0] and found[end] < base + WINDOW:
            end += 1
        part, here = exact[begin:end], found[begin:end]
        for c in range(here.shape[0]):
            offset = u32(here[c] - u32(base))
            taken[offset], seats[offset] = 1, c
        if end - begin <= FEW:
            _prefetch(here, window, index, slots)
        r = 0
        for t in range(slots.shape[0]):
            kind, row, factor = slots[t] >> KIND_SHIFT, slots[t] & ROW_MASK, factors[t]
            if kind == COLUMN:
                column = columns[row]
                for c in range(here.shape[0]):
                    part[c] += factor * np.float64(column[here[c]])
            elif kind == LISTED:
                first = starts[row]
                a, b = first + np.int64(borders[row, window]), first + np.int64(borders[row, window + 1])
                if (end - begin) * STEP >= b - a:
                    _walk(part, offsets[a:b], levels[a:b], factor, taken, seats, seated)
                else:
                    _look_up(part, here, base, offsets[a:b], levels[a:b], factor)
            else:
                a, b = rare_starts[row], rare_starts[row + 1]
                cursors[r] = _walk_rare(
                    part, base, rare_documents[a:b], rare_levels[a:b], cursors[r], factor, taken, seats
                )
                r += 1
        for c in range(here.shape[0]):
            taken[u32(here[c] - u32(base))] = 0
        begin = end
