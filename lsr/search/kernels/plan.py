"""From a query's terms and weights to slots, exact factors, and 16-bit weights whose sums can't overflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsr.index.containers import COLUMN, KIND_SHIFT, LISTED, ROW_MASK
from lsr.jit import inner
from lsr.search.kernels.arithmetic import u16

TOP = 65_000.0
"""No sum exceeds this, whatever the document."""


@inner
def _place(terms: Any, term: Any) -> Any:
    """Position of a term, or -1."""
    low, high = 0, terms.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if terms[middle] < term:
            low = middle + 1
        else:
            high = middle
    return low if low < terms.shape[0] and terms[low] == term else -1


@inner
def make_plan(directory: Any, spaces: Any, query_terms: Any, query_weights: Any, plan: Any) -> Any:
    """Fill a plan.

    Args:
        directory: Arrays of the segment's terms: ids (uint32, ascending), slots (uint32), highest levels (uint8).
        spaces: Arrays of the term spaces: bases (int64, ascending), scales (float64).
        query_terms: uint32 [m], ascending, unique.
        query_weights: float32 [m], finite, at least 0.
        plan: Filled: slots (int64) and factors (float64) of the known terms, in ascending term order; rows (int64),
            weights (uint16) and most that each can add (int64) of the columns among them; rows and weights of the
            windowed lists; rows, weights and room for cursors of the rare lists.

    Returns:
        Number of known terms, of columns, of windowed lists, of rare lists, and E, the most by which a true score can
        exceed its 16-bit sum, as an integer.
    """
    terms, slots, tops = directory
    bases, scales = spaces
    at, factors, (column_rows, column_q, column_tops), (list_rows, list_q), (rare_rows, rare_q, _) = plan
    used, space = 0, 0
    highest, heaviest, error = 0.0, 0.0, 1.0
    for t in range(query_terms.shape[0]):
        place = _place(terms, query_terms[t])
        if place < 0 or not query_weights[t] > 0.0:
            continue
        while space + 1 < bases.shape[0] and np.int64(query_terms[t]) >= bases[space + 1]:
            space += 1
        factor, top = np.float64(query_weights[t]) * scales[space], np.float64(tops[place])
        at[used], factors[used], column_tops[used] = np.int64(slots[place]), factor, np.int64(tops[place])
        used += 1
        highest += factor * top
        heaviest = max(heaviest, factor)
        error += 1.0 + top / 256.0
    columns, lists, rares = 0, 0, 0
    unit = max(highest / (256.0 * TOP), heaviest / 65535.0)
    for t in range(used):
        q = u16(min(65535.0, factors[t] / unit))
        kind, row = at[t] >> KIND_SHIFT, at[t] & ROW_MASK
        if kind == COLUMN:
            column_rows[columns], column_q[columns] = row, q
            column_tops[columns] = np.int64(q) * column_tops[t] >> 8
            columns += 1
        elif kind == LISTED:
            list_rows[lists], list_q[lists] = row, q
            lists += 1
        else:
            rare_rows[rares], rare_q[rares] = row, q
            rares += 1
    return used, columns, lists, rares, np.int64(np.ceil(error))
