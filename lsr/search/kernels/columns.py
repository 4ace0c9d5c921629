"""Exact search by columns: certified 16-bit sums of all documents, a threshold, exact scores of the few that reach it.

Most postings that a learned query touches belong to frequent terms, which own a byte column; adding a column is
straight vector work and costs a small part of scattering the same postings. Documents are visited in spans whose sums
fit a second-level cache. Every answer has a sum above ``threshold - E`` (``sums.py``), so only candidates above that
are scored exactly. For small k the weakest columns are left out of the sums, as far as they can add little, and are
looked up for the documents that could still reach the threshold.

Where the k-th sum is not above E, a document whose sum is 0 could be among the answers; then all documents are scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lsr.index.byte_segment import ByteSegment
from lsr.index.containers import COLUMN, KIND_SHIFT, LISTED, PAD, ROW_MASK, WINDOW, padded
from lsr.index.manifest import SpaceEntry
from lsr.jit import compiled, inner
from lsr.search.kernels.arithmetic import u16, u32
from lsr.search.kernels.crossing import ArrayTable, f64_at, i64_at, u8_at, u16_at, u32_at, u64_at
from lsr.search.kernels.ordering import write_hits
from lsr.search.kernels.plan import TOP, make_plan
from lsr.search.kernels.rescoring import rescore
from lsr.search.kernels.selection import INCOMPLETE, fold, gather, group_width, keep_from, kth_largest
from lsr.search.kernels.sums import add_lists, add_rare, prefetch_lists, sum_columns

SPAN = 131_072
"""Documents whose sums are kept together."""
CANDIDATES = 32_768
LATER_SHARE, LATER_K, LATER_K_IN_MANY_SPANS = 0.04, 30, 300
"""Columns may be left for later if they add at most this share of the highest possible sum, and k is at most this."""
DEFER_NOTHING = 0.0


def segment_table(segment: ByteSegment, spaces: Sequence[SpaceEntry]) -> ArrayTable:
    """What compiled code must know of a segment; ``_unpack`` reads it."""
    return ArrayTable(
        [
            segment.terms,
            segment.slots,
            segment.tops,
            segment.columns,
            segment.list_starts,
            segment.list_borders,
            segment.list_offsets,
            segment.list_levels,
            segment.rare_starts,
            segment.rare_documents,
            segment.rare_levels,
            segment.numbers,
            np.array([space.base for space in spaces], np.int64),
            np.array([space.scale for space in spaces], np.float64),
        ]
    )


@inner
def _unpack(table: Any, size: int) -> Any:
    """The term directory, the containers, the document numbers, and the term spaces of a segment."""
    windows = (size + WINDOW - 1) // WINDOW
    whole = (size + PAD - 1) // PAD * PAD
    columns, borders = u8_at(table, 3), u32_at(table, 5)
    lists = (
        i64_at(table, 4),
        borders.reshape((borders.shape[0] // (windows + 1), windows + 1)),
        u16_at(table, 6),
        u8_at(table, 7),
    )
    rare = i64_at(table, 8), u32_at(table, 9), u8_at(table, 10)
    return (
        (u32_at(table, 0), u32_at(table, 1), u8_at(table, 2)),
        (columns.reshape((columns.shape[0] // whole, whole)), lists, rare),
        u32_at(table, 11),
        (i64_at(table, 12), f64_at(table, 13)),
    )


def scratch_table(size: Any, longest: int) -> ArrayTable:
    """Arrays for searches in a segment of ``size`` documents by queries of ``longest`` terms, one thread at a time."""
    span = min(SPAN, padded(size))
    return ArrayTable(
        [
            np.zeros(span, np.uint16),
            np.zeros(span, np.uint16),
            np.zeros(WINDOW, np.uint8),
            np.zeros(WINDOW, np.uint32),
            np.zeros(WINDOW, np.uint8),
            np.zeros(WINDOW, np.uint16),
            np.zeros(WINDOW, np.uint16),
            np.zeros(CANDIDATES, np.uint32),
            np.zeros(CANDIDATES, np.uint16),
            np.zeros(CANDIDATES, np.float64),
            np.zeros(CANDIDATES, np.uint64),
            np.zeros(CANDIDATES, np.uint64),
            np.zeros((8, longest), np.int64),
            np.zeros((3, longest), np.uint16),
        ]
    )


@inner
def _unpack_scratch(table: Any) -> Any:
    """Sums and group maxima, rooms for gathering, rooms for rescoring, candidates, and rooms for ordering."""
    return (
        (u16_at(table, 0), u16_at(table, 1)),
        (u8_at(table, 2), u32_at(table, 3)),
        (u8_at(table, 4), u16_at(table, 5), u16_at(table, 6)),
        (u32_at(table, 7), u16_at(table, 8)),
        (f64_at(table, 9), u64_at(table, 10), u64_at(table, 11)),
    )


@inner
def _unpack_plan(table: Any) -> Any:
    """Arrays for a plan, see ``lsr.search.kernels.plan``."""
    whole, weights = i64_at(table, 12), u16_at(table, 13)
    m = weights.shape[0] // 3
    return (
        whole[:m],
        whole[m : 2 * m].view(np.float64),
        (whole[2 * m : 3 * m], weights[:m], whole[3 * m : 4 * m]),
        (whole[4 * m : 5 * m], weights[m : 2 * m]),
        (whole[5 * m : 6 * m], weights[2 * m :], whole[6 * m : 7 * m]),
    )


@inner
def _sum_span(sums: Any, maxima: Any, first: int, width: int, index: Any, plan: Any, counts: Any) -> Any:
    """Fill the sums, and their group maxima, of a span from document ``first`` on; returns the number of groups."""
    columns, lists, rare = index
    _, _, (column_rows, column_q, _), (list_rows, list_q), (rare_rows, rare_q, cursors) = plan
    n_columns, n_lists, n_rare = counts
    groups = 0
    for p in range(0, sums.shape[0], WINDOW):
        part = sums[p : p + WINDOW]
        window = (first + p) // WINDOW
        prefetch_lists(window, lists, list_rows[:n_lists])
        sum_columns(part, columns, first + p, column_rows[:n_columns], column_q[:n_columns])
        add_lists(part, window, lists, list_rows[:n_lists], list_q[:n_lists])
        add_rare(part, window, rare, rare_rows[:n_rare], rare_q[:n_rare], cursors)
        groups += fold(maxima[groups:], part, width)
    return groups


@inner
def _gather_span(span: Any, cut: int, pool: Any, held: int) -> Any:
    sums, maxima, first, width, rooms = span
    found, found_sums = pool
    groups = 0
    for p in range(0, sums.shape[0], WINDOW):
        part = sums[p : p + WINDOW]
        n = part.shape[0] // width
        held = gather(part, first + p, cut, maxima[groups : groups + n], rooms, found, found_sums, held)
        if held < 0:
            break
        groups += n
    return held


@inner
def _complete(found: Any, found_sums: Any, columns: Any, rows: Any, row_q: Any) -> None:
    """Add the columns that were left for later."""
    for t in range(rows.shape[0]):
        column, q = columns[rows[t]], u32(row_q[t])
        for c in range(found.shape[0]):
            found_sums[c] += u16((u32(column[found[c]]) * q) >> u32(8))


@inner
def _select(span: Any, k: int, slack: int, reserve: int, threshold: int, later: Any, pool: Any, held: int) -> Any:
    """Append the documents of a span that may be among the best k.

    Returns:
        Number of candidates held, or ``INCOMPLETE``, and the threshold.
    """
    columns, rows, row_q = later
    found, found_sums = pool
    if threshold == 0:
        threshold = kth_largest(span[1], k)
        if reserve > 0 and threshold > 0:
            end = _gather_span(span, threshold, pool, held)
            if end < 0:
                return np.int64(INCOMPLETE), threshold
            _complete(found[held:end], found_sums[held:end], columns, rows, row_q)
            threshold = max(threshold, kth_largest(found_sums[:end], k))
    end = _gather_span(span, max(1, threshold - slack - reserve), pool, held)
    if end < 0:
        return np.int64(INCOMPLETE), threshold
    _complete(found[held:end], found_sums[held:end], columns, rows, row_q)
    held = end
    if held > k:
        threshold = max(threshold, kth_largest(found_sums[:held], k))
        held = keep_from(found, found_sums, held, max(1, threshold - slack))
    return held, threshold


@inner
def _leave_for_later(rows: Any, row_q: Any, tops: Any, budget: float) -> Any:
    """Order columns by falling bound; returns how many are summed, and the most that the others can add."""
    for i in range(1, rows.shape[0]):
        row, q, top, j = rows[i], row_q[i], tops[i], i
        while j > 0 and tops[j - 1] < top:
            rows[j], row_q[j], tops[j] = rows[j - 1], row_q[j - 1], tops[j - 1]
            j -= 1
        rows[j], row_q[j], tops[j] = row, q, top
    n, reserve = rows.shape[0], np.int64(0)
    while n > 0 and reserve + tops[n - 1] <= budget:
        n -= 1
        reserve += tops[n]
    return n, reserve


@inner
def _scan(index: Any, plan: Any, counts: Any, reserve: int, slack: int, k: int, scratch: Any) -> Any:
    """Candidates of all spans: number held, or ``INCOMPLETE``, and the threshold."""
    columns, _, _ = index
    (sums, maxima), gathering, _, pool, _ = scratch
    rows, row_q, _ = plan[2]
    cursors = plan[4][2]
    n_used, n_columns, n_lists, n_rare = counts
    later = columns, rows[n_used:n_columns], row_q[n_used:n_columns]
    # Typed, since the compiler makes one more version of a function for every constant that it is called with.
    whole, held, threshold = columns.shape[1], np.int64(0), np.int64(0)
    cursors[:n_rare] = 0
    for first in range(0, whole, SPAN):
        part = sums[: min(SPAN, whole - first)]
        width = group_width(part.shape[0], k)
        groups = _sum_span(part, maxima, first, width, index, plan, (n_used, n_lists, n_rare))
        span = part, maxima[:groups], first, width, gathering
        held, threshold = _select(span, k, slack, reserve, threshold, later, pool, held)
        if held < 0:
            break
    return held, threshold


@inner
def _score_all(exact: Any, index: Any, slots: Any, factors: Any) -> None:
    """Exact scores of all documents of a segment."""
    columns, lists, rare = index
    starts, borders, offsets, levels = lists
    rare_starts, rare_documents, rare_levels = rare
    exact[:] = 0.0
    for t in range(slots.shape[0]):
        kind, row, factor = slots[t] >> KIND_SHIFT, slots[t] & ROW_MASK, factors[t]
        if kind == COLUMN:
            column = columns[row]
            for d in range(exact.shape[0]):
                exact[d] += factor * np.float64(column[d])
        elif kind == LISTED:
            for window in range(borders.shape[1] - 1):
                part = exact[window * WINDOW :]
                for j in range(starts[row] + borders[row, window], starts[row] + borders[row, window + 1]):
                    part[offsets[j]] += factor * np.float64(levels[j])
        else:
            for j in range(rare_starts[row], rare_starts[row + 1]):
                exact[rare_documents[j]] += factor * np.float64(rare_levels[j])


@inner
def _search_all(size: Any, index: Any, numbers: Any, slots: Any, factors: Any, k: int, out: Any) -> Any:
    exact = np.empty(size, np.float64)
    _score_all(exact, index, slots, factors)
    found, held = np.empty(size, np.uint32), 0
    for d in range(size):
        found[held] = d
        held += exact[d] > 0.0
    packed = np.empty(held, np.float64)
    for i in range(held):
        packed[i] = exact[found[i]]
    keys, spare = np.empty(held, np.uint64), np.empty(held, np.uint64)
    return write_hits(packed, found[:held], numbers, k, keys, spare, out[0], out[1])


@inner
def search_one(
    size: Any,
    directory: Any,
    index: Any,
    numbers: Any,
    spaces: Any,
    terms: Any,
    weights: Any,
    k: int,
    plan: Any,
    scratch: Any,
    out: Any,
) -> Any:
    """The k best documents for one query; returns how many there are."""
    used, n_columns, n_lists, n_rare, slack = make_plan(directory, spaces, terms, weights, plan)
    if used == 0:
        return 0
    held, threshold, reserve = np.int64(INCOMPLETE), np.int64(0), np.int64(0)
    if k <= CANDIDATES // 4:
        share = LATER_SHARE if k <= LATER_K or (k <= LATER_K_IN_MANY_SPANS and size > 2 * SPAN) else 0.0
        rows, row_q, tops = plan[2]
        n_used, reserve = _leave_for_later(rows[:n_columns], row_q[:n_columns], tops[:n_columns], share * TOP)
        counts = n_used, n_columns, n_lists, n_rare
        held, threshold = _scan(index, plan, counts, reserve, slack, k, scratch)
        if reserve > 0 and (held < k or threshold <= slack + reserve):
            reserve = np.int64(0)
            counts = n_columns, n_columns, n_lists, n_rare
            held, threshold = _scan(index, plan, counts, np.int64(0), slack, k, scratch)
    slots, factors = plan[0][:used], plan[1][:used]
    if held < k or threshold <= slack + reserve:  # a document with a sum of 0 may belong to the answer
        return _search_all(size, index, numbers, slots, factors, k, out)
    _, _, rescoring, (found, _), (exact, keys, spare) = scratch
    rescore(exact[:held], found[:held], index, slots, factors, plan[4][2][:n_rare], rescoring)
    return write_hits(exact[:held], found[:held], numbers, k, keys, spare, out[0], out[1])


@compiled
def search_many(
    size: Any,
    segment: Any,
    scratch: Any,
    query_starts: Any,
    query_terms: Any,
    query_weights: Any,
    k: int,
    out_documents: Any,
    out_scores: Any,
    out_counts: Any,
) -> None:
    """The k best documents of a segment for each query of a batch.

    Args:
        size: Number of documents of the segment.
        segment: Addresses of ``segment_table``.
        scratch: Addresses of ``scratch_table`` for a segment of that size and the longest of the queries.
        query_starts: int64 [q + 1], where each query begins in the two arrays below.
        query_terms: uint32, ascending inside a query.
        query_weights: float32, finite, at least 0.
        k: Number of hits wanted, at least 1 and at most ``size``.
        out_documents: int64 [q, k], filled with numbers inside the segment, and -1.
        out_scores: float32 [q, k], filled with scores, and 0.
        out_counts: int64 [q], filled with the number of hits of each query.
    """
    directory, index, numbers, spaces = _unpack(segment, size)
    rooms, plan = _unpack_scratch(scratch), _unpack_plan(scratch)
    for q in range(query_starts.shape[0] - 1):
        a, b = query_starts[q], query_starts[q + 1]
        out = out_documents[q], out_scores[q]
        held = search_one(
            size, directory, index, numbers, spaces, query_terms[a:b], query_weights[a:b], k, plan, rooms, out
        )
        out_counts[q] = held
        out_documents[q, held:] = -1
        out_scores[q, held:] = 0.0
