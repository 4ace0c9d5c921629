"""Certified 16-bit sums of one window of documents: byte columns added, lists scattered.

A query weight becomes a 16-bit number ``q``, and a posting of ``level`` adds ``level * q >> 8``: the upper half of a
16-bit product, which a vector unit does for 16 documents at once. Rounding down twice loses less than
``1 + level / 256`` a posting, so the sum A and the true score T, in the same unit, obey ``A <= T < A + E`` with
``E = sum over terms of (1 + highest level / 256)``. The unit is chosen so that no sum can reach 65,536 (``plan.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lsr.index.containers import WINDOW
from lsr.jit import inner
from lsr.search.kernels.arithmetic import high_product, prefetch, u16, u32

TILE = 4_096
"""Documents that eight columns are added to before the next eight: their sums stay in the first-level cache."""
EIGHT, FOUR, TWO = 8, 4, 2


@inner
def _part(level: Any, q: Any) -> Any:
    return high_product(u16(u16(level) << u16(8)), q)


@inner
def _add8(sums: Any, c0: Any, c1: Any, c2: Any, c3: Any, c4: Any, c5: Any, c6: Any, c7: Any, q: Any) -> None:
    q0, q1, q2, q3, q4, q5, q6, q7 = q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7]
    for i in range(sums.shape[0]):
        sums[i] = u16(
            sums[i]
            + _part(c0[i], q0)
            + _part(c1[i], q1)
            + _part(c2[i], q2)
            + _part(c3[i], q3)
            + _part(c4[i], q4)
            + _part(c5[i], q5)
            + _part(c6[i], q6)
            + _part(c7[i], q7)
        )


@inner
def _add4(sums: Any, c0: Any, c1: Any, c2: Any, c3: Any, q: Any) -> None:
    q0, q1, q2, q3 = q[0], q[1], q[2], q[3]
    for i in range(sums.shape[0]):
        sums[i] = u16(sums[i] + _part(c0[i], q0) + _part(c1[i], q1) + _part(c2[i], q2) + _part(c3[i], q3))


@inner
def _add2(sums: Any, c0: Any, c1: Any, q: Any) -> None:
    q0, q1 = q[0], q[1]
    for i in range(sums.shape[0]):
        sums[i] = u16(sums[i] + _part(c0[i], q0) + _part(c1[i], q1))


@inner
def _add1(sums: Any, c0: Any, q: Any) -> None:
    for i in range(sums.shape[0]):
        sums[i] = u16(sums[i] + _part(c0[i], q))


@inner
def sum_columns(sums: Any, columns: Any, base: int, rows: Any, row_q: Any) -> None:
    """Fill sums with those of columns.

    Args:
        sums: uint16 [n], filled, sums of documents ``base`` to ``base + n - 1``.
        columns: uint8 [c, padded documents].
        base: First document.
        rows: int64 [r], columns to add.
        row_q: uint16 [r], their weights.
    """
    for p in range(0, sums.shape[0], TILE):
        part = sums[p : p + TILE]
        a = base + p
        b = a + part.shape[0]
        part[:] = 0
        t = 0
        while t + EIGHT <= rows.shape[0]:
            _add8(
                part,
                columns[rows[t], a:b],
                columns[rows[t + 1], a:b],
                columns[rows[t + 2], a:b],
                columns[rows[t + 3], a:b],
                columns[rows[t + 4], a:b],
                columns[rows[t + 5], a:b],
                columns[rows[t + 6], a:b],
                columns[rows[t + 7], a:b],
                row_q[t : t + EIGHT],
            )
            t += EIGHT
        if t + FOUR <= rows.shape[0]:
            _add4(
                part,
                columns[rows[t], a:b],
                columns[rows[t + 1], a:b],
                columns[rows[t + 2], a:b],
                columns[rows[t + 3], a:b],
                row_q[t : t + FOUR],
            )
            t += FOUR
        if t + TWO <= rows.shape[0]:
            _add2(part, columns[rows[t], a:b], columns[rows[t + 1], a:b], row_q[t : t + TWO])
            t += TWO
        if t < rows.shape[0]:
            _add1(part, columns[rows[t], a:b], row_q[t])


@inner
def _scatter(sums: Any, offsets: Any, levels: Any, q: Any) -> None:
    wide = u32(q)
    for j in range(offsets.shape[0]):
        sums[offsets[j]] += u16((u32(levels[j]) * wide) >> u32(8))


@inner
def _scatter_rare(sums: Any, base: int, documents: Any, levels: Any, begin: int, q: Any) -> Any:
    """Add the postings from ``begin`` on that lie in the window; returns the first that does not."""
    wide, at, end = u32(q), begin, base + sums.shape[0]
    while at < documents.shape[0] and documents[at] < end:
        sums[np.int64(documents[at]) - base] += u16((u32(levels[at]) * wide) >> u32(8))
        at += 1
    return at


@inner
def add_lists(sums: Any, window: int, lists: Any, rows: Any, row_q: Any) -> None:
    """Add the postings of windowed lists to the sums of one window.

    Args:
        sums: uint16 [n].
        window: Number of the window.
        lists: Arrays of the windowed lists: starts, borders, offsets, levels.
        rows: int64 [r], lists to add.
        row_q: uint16 [r], their weights.
    """
    starts, borders, offsets, levels = lists
    for t in range(rows.shape[0]):
        begin = starts[rows[t]]
        a, b = begin + np.int64(borders[rows[t], window]), begin + np.int64(borders[rows[t], window + 1])
        _scatter(sums, offsets[a:b], levels[a:b], row_q[t])


@inner
def prefetch_lists(window: int, lists: Any, rows: Any) -> None:
    """Ask the memory for the postings of a window, while columns are added."""
    starts, borders, offsets, levels = lists
    for t in range(rows.shape[0]):
        begin = starts[rows[t]]
        a, b = begin + np.int64(borders[rows[t], window]), begin + np.int64(borders[rows[t], window + 1])
        for i in range(a, b, 64):
            prefetch(levels, i)
        for i in range(a, b, 32):
            prefetch(offsets, i)


@inner
def add_rare(sums: Any, window: int, rare: Any, rows: Any, row_q: Any, cursors: Any) -> None:
    """Add the postings of rare lists to the sums of one window; windows are visited in ascending order.

    Args:
        sums: uint16 [n].
        window: Number of the window.
        rare: Arrays of the rare lists: starts, documents, levels.
        rows: int64 [r], lists to add.
        row_q: uint16 [r], their weights.
        cursors: int64 [r], how many postings of each list lie before this window; moved on.
    """
    starts, documents, levels = rare
    for t in range(rows.shape[0]):
        a, b = starts[rows[t]], starts[rows[t] + 1]
        cursors[t] = _scatter_rare(sums, window * WINDOW, documents[a:b], levels[a:b], cursors[t], row_q[t])
