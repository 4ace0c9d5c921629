"""Exact top-k over learned sparse vectors: dense uint8 columns, windowed lists, certified 16-bit sums, exact rescoring.

Documents hold ``level x scale`` with ``level`` in 1..255.  ``score = float32(sum over ascending term of float64(query
weight) * scale * level)``; results are ordered by score descending, then document number ascending, without zeros.

A term that occurs in more than ``tau`` of the documents owns a *column*: one byte a document.  Every other term has a
*list* of (uint16 offset, uint8 level), cut into windows of 65,536 documents, all windows of a term adjacent; pointers to every 16,384th document (strip).

A query runs in three steps.

1. *Sum.*  Each weight becomes a 16-bit number ``q`` such that the sum of all list maxima stays below 65,536; a posting
   contributes ``level * q >> 8`` (the high half of a 16-bit product, one instruction for 16 documents).  The sum ``A`` of a
   document obeys ``A <= T < A + E``, where T is its score in the same unit and ``E = sum(1 + max level / 256)``.
2. *Select.*  The documents of a window are folded into group maxima.  Their k-th largest is at most the k-th largest sum,
   which is at most the k-th largest T; every answer therefore has ``A > threshold - E``.  About 1.02 k candidates remain.
3. *Rescore* the candidates in float64, in ascending term order, and sort them.

For small k the weakest columns are left out of step 1, as far as their bounds add up to R <= 4 % of the highest possible
score, and are looked up for the documents whose partial sum exceeds threshold - E - R.
Where the k-th sum does not exceed E (+ R) (few documents match), all documents are scored in float64 instead.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

WINDOW = 65_536
STRIP = 16_384
TILE = 4_096
DEFERRED, FEW, SOME = 0.04, 30, 300
CANDIDATES = 32_768
TOP = 65_000.0
INVALID_WEIGHT, INCOMPLETE = -1, -2
u16, u32 = np.uint16, np.uint32
FLAGS = {"nogil": True, "boundscheck": None, "error_model": "numpy"}

if config.DISABLE_JIT:

    def high_product(x, q):
        """The upper 16 bits of the 32-bit product of two uint16."""
        return u16((int(x) * int(q)) >> 16)

else:

    @intrinsic
    def high_product(typing_context, x, q):
        """The upper 16 bits of the 32-bit product of two uint16 (fixed-point multiplication, a vector instruction)."""

        def generate(context, builder, signature, arguments):
            word, scale = ir.IntType(16), ir.IntType(32)
            multiply = builder.module.declare_intrinsic(
                "llvm.umul.fix", [word], ir.FunctionType(word, [word, word, scale])
            )
            return builder.call(multiply, [arguments[0], arguments[1], scale(16)])

        return types.uint16(types.uint16, types.uint16), generate


if config.DISABLE_JIT:

    def prefetch(array, index):
        """Nothing: the interpreter has no use for it."""

else:

    @intrinsic
    def prefetch(typing_context, array, index):
        """Ask the memory for the cache line of ``array[index]``."""

        def generate(context, builder, signature, arguments):
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
            i32 = ir.IntType(32)
            name = "llvm.prefetch.p0"
            kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), i32, i32, i32])
            function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            builder.call(function, [address, i32(0), i32(3), i32(1)])
            return context.get_dummy_value()

        return types.void(array, types.intp), generate


@njit(inline="always")
def _part(level, q):
    return high_product(u16(u16(level) << u16(8)), q)


@njit(**FLAGS)
def _add8(sums, c0, c1, c2, c3, c4, c5, c6, c7, q):
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


@njit(**FLAGS)
def _add4(sums, c0, c1, c2, c3, q):
    q0, q1, q2, q3 = q[0], q[1], q[2], q[3]
    for i in range(sums.shape[0]):
        sums[i] = u16(sums[i] + _part(c0[i], q0) + _part(c1[i], q1) + _part(c2[i], q2) + _part(c3[i], q3))


@njit(**FLAGS)
def _add1(sums, c0, q):
    for i in range(sums.shape[0]):
        sums[i] = u16(sums[i] + _part(c0[i], q))


@njit(**FLAGS)
def _scatter(sums, offsets, levels, q):
    wide = u32(q)
    for j in range(offsets.shape[0]):
        sums[offsets[j]] += u16((u32(levels[j]) * wide) >> u32(8))


@njit(**FLAGS)
def _sum_columns(sums, base, columns, rows, row_q):
    for p in range(0, sums.shape[0], TILE):
        part = sums[p : p + TILE]
        a = base + p
        b = a + part.shape[0]
        part[:] = 0
        t = 0
        while t + 8 <= rows.shape[0]:
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
                row_q[t : t + 8],
            )
            t += 8
        while t + 4 <= rows.shape[0]:
            _add4(
                part,
                columns[rows[t], a:b],
                columns[rows[t + 1], a:b],
                columns[rows[t + 2], a:b],
                columns[rows[t + 3], a:b],
                row_q[t : t + 4],
            )
            t += 4
        while t < rows.shape[0]:
            _add1(part, columns[rows[t], a:b], row_q[t])
            t += 1


@njit(**FLAGS)
def _sum_window(sums, columns, pointers, offsets, levels, strips, window, rows, row_q, lists, list_q):
    """Fill ``sums`` with the 16-bit scores of one window, strip by strip: a strip's sums stay in the first-level cache."""
    strip = window * (WINDOW // STRIP)
    for p in range(0, sums.shape[0], STRIP):
        for t in range(lists.shape[0]):
            at = lists[t] * strips + strip
            a, b = np.int64(pointers[at]), np.int64(pointers[at + 1])
            for i in range(a, b, 64):
                prefetch(levels, i)
            for i in range(a, b, 32):
                prefetch(offsets, i)
        _sum_columns(sums[p : p + STRIP], window * WINDOW + p, columns, rows, row_q)
        for t in range(lists.shape[0]):
            at = lists[t] * strips + strip
            a, b = np.int64(pointers[at]), np.int64(pointers[at + 1])
            _scatter(sums, offsets[a:b], levels[a:b], list_q[t])
        strip += 1


@njit(**FLAGS)
def _fold(groups, sums, segments):
    """``groups[i]`` = the largest of ``sums[i + j * len(groups)]``; the number of segments is a power of two."""
    size = groups.shape[0]
    if segments == 1:
        for i in range(size):
            groups[i] = sums[i]
        return
    for j in range(0, segments, 2):
        s0, s1 = sums[j * size : (j + 1) * size], sums[(j + 1) * size : (j + 2) * size]
        if j == 0:
            for i in range(size):
                x, y = s0[i], s1[i]
                groups[i] = x if x > y else y
        else:
            for i in range(size):
                x, y = s0[i], s1[i]
                x = x if x > y else y
                y = groups[i]
                groups[i] = x if x > y else y


@njit(**FLAGS)
def _count_from(values, limit):
    total = 0
    for p in range(0, values.shape[0], 32768):
        part = values[p : p + 32768]
        count = u16(0)
        for i in range(part.shape[0]):
            count = u16(count + (u16(1) if part[i] >= limit else u16(0)))
        total += np.int64(count)
    return total


@njit(**FLAGS)
def _kth_largest(values, k):
    """A number that at least k values reach and that the k-th largest value exceeds by less than 2 (0 if there are fewer)."""
    low, high = 0, 65536
    if values.shape[0] < k:
        return 0
    while high - low > 2:
        middle = (low + high) >> 1
        if _count_from(values, u16(middle)) >= k:
            low = middle
        else:
            high = middle
    return low


@njit(**FLAGS)
def _reaching(values, cut, hits):
    """Write the positions of the values >= cut; return their number."""
    n = 0
    whole = values.shape[0] // 16 * 16
    for p in range(0, whole, 16):
        some = values[p : p + 16]
        mask = u16(0)
        for i in range(16):
            mask |= u16(some[i] >= cut)
        if mask:
            for i in range(16):
                hits[n] = p + i
                n += some[i] >= cut
    for i in range(whole, values.shape[0]):
        hits[n] = i
        n += values[i] >= cut
    return n


@njit(**FLAGS)
def _keep(found, found_sums, held, cut):
    kept = 0
    for i in range(held):
        document, value = found[i], found_sums[i]
        found[kept], found_sums[kept] = document, value
        kept += value >= cut
    return kept


@njit(**FLAGS)
def _gather(sums, base, cut, fine, coarse, hits, fine_hits, found, found_sums, held):
    """Append the documents whose sum reaches ``cut``; return the number held, or INCOMPLETE if they do not fit."""
    n_coarse = _reaching(coarse, cut, hits)
    n_fine = 0
    for j in range(fine.shape[0] // coarse.shape[0]):
        first = j * coarse.shape[0]
        for h in range(n_coarse):
            i = first + np.int64(hits[h])
            fine_hits[n_fine] = i
            n_fine += fine[i] >= cut
    for j in range(sums.shape[0] // fine.shape[0]):
        if held + n_fine > found.shape[0]:
            return INCOMPLETE
        first = j * fine.shape[0]
        for h in range(n_fine):
            i = first + np.int64(fine_hits[h])
            value = sums[i]
            found[held], found_sums[held] = base + i, value
            held += value >= cut
    return held


@njit(**FLAGS)
def _complete(found, found_sums, columns, rows, row_q):
    """Add the columns that were left out."""
    for t in range(rows.shape[0]):
        column, q = columns[rows[t]], u32(row_q[t])
        for c in range(found.shape[0]):
            found_sums[c] += u16((u32(column[found[c]]) * q) >> u32(8))


@njit(**FLAGS)
def _select(
    sums, base, k, slack, reserve, threshold, columns, rows, row_q, groups, hits, fine_hits, found, found_sums, held
):
    """Append the documents of a window that may be among the best k; return (candidates held, threshold) or (INCOMPLETE, 0).

    ``sums`` lack the columns ``rows``, which add at most ``reserve``.
    """
    narrow = 16
    while narrow > 1 and sums.shape[0] // narrow < 16 * k:
        narrow >>= 1
    segments = 4
    while segments > 1 and sums.shape[0] // (narrow * segments) < 4 * k:
        segments >>= 1
    fine = groups[: sums.shape[0] // narrow]
    _fold(fine, sums, narrow)
    coarse = groups[fine.shape[0] : fine.shape[0] + fine.shape[0] // segments]
    _fold(coarse, fine, segments)
    if threshold == 0:
        threshold = _kth_largest(coarse, k)
        if reserve > 0:
            end = _gather(sums, base, u16(max(1, threshold)), fine, coarse, hits, fine_hits, found, found_sums, held)
            if end < 0:
                return INCOMPLETE, 0
            _complete(found[held:end], found_sums[held:end], columns, rows, row_q)
            threshold = max(threshold, _kth_largest(found_sums[:end], k))
    end = _gather(
        sums, base, u16(max(1, threshold - slack - reserve)), fine, coarse, hits, fine_hits, found, found_sums, held
    )
    if end < 0:
        threshold = max(threshold, _kth_largest(coarse, k))
        held = _keep(found, found_sums, held, max(1, threshold - slack))
        end = _gather(
            sums, base, u16(max(1, threshold - slack - reserve)), fine, coarse, hits, fine_hits, found, found_sums, held
        )
        if end < 0:
            return INCOMPLETE, 0
    _complete(found[held:end], found_sums[held:end], columns, rows, row_q)
    held = end
    if held > k:
        threshold = max(threshold, _kth_largest(found_sums[:held], k))
        held = _keep(found, found_sums, held, max(1, threshold - slack))
    return held, threshold


@njit(**FLAGS)
def _find(offsets, key):
    """Position of the last offset <= key (0 if none)."""
    low, size = 0, offsets.shape[0]
    while size > 1:
        half = size >> 1
        low += half * (offsets[low + half] <= key)
        size -= half
    return low


@njit(**FLAGS)
def _listed(offsets, slots, rare, hits):
    """Positions of the postings whose document has a slot; ``rare``: few do, so look at eight at once."""
    n, begin = 0, 0
    if rare:
        begin = offsets.shape[0] // 8 * 8
        for p in range(0, begin, 8):
            o = offsets[p : p + 8]
            if (
                slots[o[0]]
                | slots[o[1]]
                | slots[o[2]]
                | slots[o[3]]
                | slots[o[4]]
                | slots[o[5]]
                | slots[o[6]]
                | slots[o[7]]
            ):
                for i in range(8):
                    hits[n] = p + i
                    n += slots[o[i]] > 0
    for j in range(begin, offsets.shape[0]):
        hits[n] = j
        n += slots[offsets[j]] > 0
    return n


@njit(**FLAGS)
def _rescore(exact, found, columns, pointers, offsets, levels, strips, terms_at, weights, slots, hits):
    """Float64 scores of the candidates (ascending document numbers), terms in their given (ascending) order."""
    exact[:] = 0.0
    begin = 0
    while begin < found.shape[0]:
        window = found[begin] // WINDOW
        end = begin + 1
        while end < found.shape[0] and found[end] // WINDOW == window:
            end += 1
        part, here = exact[begin:end], found[begin:end]
        strip = window * (WINDOW // STRIP)
        use_slots = end - begin > 12
        if use_slots:
            for c in range(here.shape[0]):
                slots[here[c] % WINDOW] = c + 1
        for t in range(terms_at.shape[0]):
            at, weight = terms_at[t], weights[t]
            if at >= 0:
                column = columns[at]
                for c in range(here.shape[0]):
                    part[c] += weight * np.float64(column[here[c]])
                continue
            first = (-1 - at) * strips
            a, b = np.int64(pointers[first + strip]), np.int64(pointers[first + min(strip + WINDOW // STRIP, strips)])
            o, v = offsets[a:b], levels[a:b]
            if use_slots:
                n_hits = _listed(o, slots, end - begin < 256, hits)
                for h in range(n_hits):
                    j = np.int64(hits[h])
                    part[np.int64(slots[o[j]]) - 1] += weight * np.float64(v[j])
            elif b > a:
                for c in range(here.shape[0]):
                    key = u16(here[c] % WINDOW)
                    j = _find(o, key)
                    if o[j] == key:
                        part[c] += weight * np.float64(v[j])
        if use_slots:
            for c in range(here.shape[0]):
                slots[here[c] % WINDOW] = 0
        begin = end


@njit(**FLAGS)
def _score_all(exact, columns, pointers, offsets, levels, strips, terms_at, weights):
    """Float64 scores of all documents."""
    exact[:] = 0.0
    for t in range(terms_at.shape[0]):
        at, weight = terms_at[t], weights[t]
        if at >= 0:
            column = columns[at]
            for d in range(exact.shape[0]):
                exact[d] += weight * np.float64(column[d])
        else:
            for strip in range(strips):
                first = (-1 - at) * strips + strip
                part = exact[strip * STRIP // WINDOW * WINDOW :]
                for j in range(np.int64(pointers[first]), np.int64(pointers[first + 1])):
                    part[np.int64(offsets[j])] += weight * np.float64(levels[j])


@njit(**FLAGS)
def _order(keys, spare, bits):
    """Stable sort of uint64 keys by bits 32 .. 32 + bits - 1; returns the array that holds the result."""
    n = keys.shape[0]
    if n <= 48:
        for i in range(1, n):
            key, j = keys[i], i
            while j > 0 and keys[j - 1] > key:
                keys[j] = keys[j - 1]
                j -= 1
            keys[j] = key
        return keys
    counts = np.empty(256, np.int64)
    for shift in range(32, 32 + bits, 8):
        counts[:] = 0
        for i in range(n):
            counts[(keys[i] >> np.uint64(shift)) & np.uint64(255)] += 1
        total = 0
        for b in range(256):
            here = counts[b]
            counts[b] = total
            total += here
        for i in range(n):
            b = (keys[i] >> np.uint64(shift)) & np.uint64(255)
            spare[counts[b]] = keys[i]
            counts[b] += 1
        keys, spare = spare, keys
    return keys


@njit(**FLAGS)
def _finish(exact, found, k, out_documents, out_scores):
    """Order candidates (ascending documents) by float32 score; write at most k non-zero ones; return their number."""
    n = found.shape[0]
    scores = np.empty(n, np.float32)
    low, high = np.float32(np.inf), np.float32(0.0)
    for i in range(n):
        scores[i] = np.float32(exact[i])
        low, high = min(low, scores[i]), max(high, scores[i])
    ends = np.empty(2, np.float32)
    ends[0], ends[1] = low, high
    words, end_words = scores.view(np.uint32), ends.view(np.uint32)
    top = np.uint64(end_words[1])
    width, bits = top - np.uint64(end_words[0]), 0
    while bits < 32 and width >> np.uint64(bits):
        bits += 8
    keys, held = np.empty(n, np.uint64), 0
    for i in range(n):
        keys[held] = ((top - np.uint64(words[i])) << np.uint64(32)) | np.uint64(found[i])
        held += exact[i] > 0.0
    keys = _order(keys[:held], np.empty(held, np.uint64), bits)
    held = min(held, k)
    out_words = out_scores.view(np.uint32)
    for i in range(held):
        out_words[i] = np.uint32(top - (keys[i] >> np.uint64(32)))
        out_documents[i] = np.int64(keys[i] & np.uint64(0xFFFFFFFF))
    return held


@njit(**FLAGS)
def _exhaustive(columns, pointers, offsets, levels, n, strips, terms_at, weights, k, out_documents, out_scores):
    exact = np.empty(n, np.float64)
    _score_all(exact, columns, pointers, offsets, levels, strips, terms_at, weights)
    found = np.empty(n, np.int64)
    held = 0
    for d in range(n):
        found[held] = d
        held += exact[d] > 0.0
    packed = np.empty(held, np.float64)
    for i in range(held):
        packed[i] = exact[found[i]]
    return _finish(packed, found[:held], k, out_documents, out_scores)


@njit(**FLAGS)
def _defer(rows, row_q, row_top, budget):
    """Order the columns by falling bound; return (number of columns to sum, the most that the others can add)."""
    for i in range(1, rows.shape[0]):
        row, q, top, j = rows[i], row_q[i], row_top[i], i
        while j > 0 and row_top[j - 1] < top:
            rows[j], row_q[j], row_top[j] = rows[j - 1], row_q[j - 1], row_top[j - 1]
            j -= 1
        rows[j], row_q[j], row_top[j] = row, q, top
    n, reserve = rows.shape[0], 0
    while n > 0 and reserve + row_top[n - 1] <= budget:
        n -= 1
        reserve += row_top[n]
    return n, reserve


@njit(**FLAGS)
def _scan(
    columns,
    pointers,
    offsets,
    levels,
    n,
    rows,
    row_q,
    n_used,
    reserve,
    lists,
    list_q,
    k,
    slack,
    sums,
    groups,
    hits,
    fine_hits,
    found,
    found_sums,
):
    """Candidates of all windows: (number held, threshold), or (INCOMPLETE, 0).  Columns from ``n_used`` on are looked up."""
    strips, held, threshold = (n + STRIP - 1) // STRIP, 0, 0
    for window in range((n + WINDOW - 1) // WINDOW):
        part = sums[: min(WINDOW, columns.shape[1] - window * WINDOW)]
        _sum_window(
            part, columns, pointers, offsets, levels, strips, window, rows[:n_used], row_q[:n_used], lists, list_q
        )
        held, threshold = _select(
            part,
            window * WINDOW,
            k,
            slack,
            reserve,
            threshold,
            columns,
            rows[n_used:],
            row_q[n_used:],
            groups,
            hits,
            fine_hits,
            found,
            found_sums,
            held,
        )
        if held < 0:
            break
    return held, threshold


@njit(**FLAGS)
def _search(
    columns,
    column_of,
    top_level,
    pointers,
    offsets,
    levels,
    n,
    scale,
    sums,
    groups,
    hits,
    fine_hits,
    slots,
    found,
    found_sums,
    exact,
    terms,
    query,
    k,
    out_documents,
    out_scores,
):
    m = terms.shape[0]
    windows, strips = (n + WINDOW - 1) // WINDOW, (n + STRIP - 1) // STRIP
    order = np.empty(m, np.int64)
    used = 0
    for t in range(m):  # known terms with a weight, in ascending term order
        weight = query[t]
        if not 0.0 <= weight < np.inf:
            return INVALID_WEIGHT
        term = terms[t]
        if weight > 0.0 and 0 <= term < top_level.shape[0] and top_level[term] > 0:
            j = used
            while j > 0 and terms[order[j - 1]] > term:
                order[j] = order[j - 1]
                j -= 1
            order[j] = t
            used += 1
    if used == 0 or k <= 0:
        return 0
    terms_at, weights = np.empty(used, np.int64), np.empty(used, np.float64)
    row_top = np.empty(used, np.int64)
    rows, row_q, n_rows = np.empty(used, np.int64), np.empty(used, np.uint16), 0
    lists, list_q, n_lists = np.empty(used, np.int64), np.empty(used, np.uint16), 0
    highest, heaviest, slack = 0.0, 0.0, 1.0
    for i in range(used):
        term = terms[order[i]]
        terms_at[i], weights[i] = column_of[term], np.float64(query[order[i]]) * scale
        highest += weights[i] * np.float64(top_level[term])
        heaviest = max(heaviest, weights[i])
        slack += 1.0 + np.float64(top_level[term]) / 256.0
    unit = max(highest / (256.0 * TOP), heaviest / 65535.0)
    for i in range(used):
        q = u16(min(65535.0, weights[i] / unit))
        if terms_at[i] >= 0:
            rows[n_rows], row_q[n_rows] = terms_at[i], q
            row_top[n_rows] = np.int64(q) * np.int64(top_level[terms[order[i]]]) >> 8
            n_rows += 1
        else:
            lists[n_lists], list_q[n_lists] = -1 - terms_at[i], q
            n_lists += 1
    whole = np.int64(np.ceil(slack))
    held, threshold, reserve = INCOMPLETE, 0, 0
    if k <= n and k <= found.shape[0] // 4:
        share = DEFERRED if k <= FEW or (k <= SOME and windows >= 4) else 0.0
        n_used, reserve = _defer(rows[:n_rows], row_q[:n_rows], row_top[:n_rows], share * TOP)
        held, threshold = _scan(
            columns,
            pointers,
            offsets,
            levels,
            n,
            rows[:n_rows],
            row_q[:n_rows],
            n_used,
            reserve,
            lists[:n_lists],
            list_q[:n_lists],
            k,
            whole,
            sums,
            groups,
            hits,
            fine_hits,
            found,
            found_sums,
        )
        if reserve > 0 and (held < k or threshold <= whole + reserve):
            reserve = 0
            held, threshold = _scan(
                columns,
                pointers,
                offsets,
                levels,
                n,
                rows[:n_rows],
                row_q[:n_rows],
                n_rows,
                0,
                lists[:n_lists],
                list_q[:n_lists],
                k,
                whole,
                sums,
                groups,
                hits,
                fine_hits,
                found,
                found_sums,
            )
    complete = held >= k and threshold > whole + reserve  # then no document with a sum of 0 can be missed
    if not complete:
        return _exhaustive(
            columns, pointers, offsets, levels, n, strips, terms_at, weights, k, out_documents, out_scores
        )
    _rescore(exact[:held], found[:held], columns, pointers, offsets, levels, strips, terms_at, weights, slots, hits)
    return _finish(exact[:held], found[:held], k, out_documents, out_scores)


@njit(**FLAGS)
def _search_batch(
    columns,
    column_of,
    top_level,
    pointers,
    offsets,
    levels,
    n,
    scale,
    sums,
    groups,
    hits,
    fine_hits,
    slots,
    found,
    found_sums,
    exact,
    indptr,
    terms,
    query,
    k,
    out_documents,
    out_scores,
    out_counts,
):
    for i in range(indptr.shape[0] - 1):
        a, b = indptr[i], indptr[i + 1]
        out_counts[i] = _search(
            columns,
            column_of,
            top_level,
            pointers,
            offsets,
            levels,
            n,
            scale,
            sums,
            groups,
            hits,
            fine_hits,
            slots,
            found,
            found_sums,
            exact,
            terms[a:b],
            query[a:b],
            k,
            out_documents[i],
            out_scores[i],
        )


@njit(**FLAGS)
def _statistics(terms, levels, frequency, top_level):
    for j in range(terms.shape[0]):
        frequency[terms[j]] += 1
        top_level[terms[j]] = max(top_level[terms[j]], levels[j])


@njit(**FLAGS)
def _count_postings(indptr, terms, column_of, strips, pointers):
    for d in range(indptr.shape[0] - 1):
        for j in range(indptr[d], indptr[d + 1]):
            at = column_of[terms[j]]
            if at < 0:
                pointers[(-1 - at) * strips + d // STRIP + 1] += 1
    for i in range(1, pointers.shape[0]):
        pointers[i] += pointers[i - 1]


@njit(**FLAGS)
def _place(indptr, terms, doc_levels, column_of, strips, fill, columns, offsets, levels):
    for d in range(indptr.shape[0] - 1):
        for j in range(indptr[d], indptr[d + 1]):
            at = column_of[terms[j]]
            if at >= 0:
                columns[at, d] = doc_levels[j]
            else:
                first = (-1 - at) * strips + d // STRIP
                p = fill[first]
                offsets[p], levels[p] = d % WINDOW, doc_levels[j]
                fill[first] = p + 1


class Engine:
    """An index in memory and one searcher's scratch (not for use by two threads at once).

    Args:
        indptr: Row borders of the documents, int64, n + 1.
        terms: Term numbers, ascending in a row.
        levels: uint8 levels, 1..255.
        scale: Float32 scale of the levels, at most 16 significant bits.
        shape: (documents, vocabulary).
        tau: Terms in more than this share of the documents own a column.
    """

    def __init__(self, indptr, terms, levels, scale, shape, tau=0.06):
        n, vocabulary = shape
        indptr = np.ascontiguousarray(indptr, np.int64)
        terms = np.ascontiguousarray(terms, np.int32)
        levels = np.ascontiguousarray(levels, np.uint8)
        frequency, self.top_level = np.zeros(vocabulary, np.int64), np.zeros(vocabulary, np.uint8)
        _statistics(terms, levels, frequency, self.top_level)
        dense, listed = np.flatnonzero(frequency > tau * n), np.flatnonzero((frequency > 0) & (frequency <= tau * n))
        self.column_of = np.full(vocabulary, -1, np.int32)
        self.column_of[dense], self.column_of[listed] = np.arange(len(dense)), -1 - np.arange(len(listed))
        padded, strips = -(-max(n, 1) // 256) * 256, -(-n // STRIP)
        self.columns = np.zeros((len(dense), padded), np.uint8)
        self.pointers = np.zeros(len(listed) * strips + 1, np.uint32)
        _count_postings(indptr, terms, self.column_of, strips, self.pointers)
        self.offsets, self.levels = np.empty(self.pointers[-1], np.uint16), np.empty(self.pointers[-1], np.uint8)
        _place(
            indptr,
            terms,
            levels,
            self.column_of,
            strips,
            self.pointers[:-1].copy(),
            self.columns,
            self.offsets,
            self.levels,
        )
        self.n, self.scale = n, float(scale)
        self._index = (
            self.columns,
            self.column_of,
            self.top_level,
            self.pointers,
            self.offsets,
            self.levels,
            n,
            self.scale,
        )
        window = min(WINDOW, padded)
        self._scratch = (
            np.zeros(window, np.uint16),
            np.zeros(2 * window, np.uint16),
            np.zeros(WINDOW + 16, np.uint16),
            np.zeros(WINDOW + 16, np.uint16),
            np.zeros(WINDOW, np.uint16),
            np.zeros(CANDIDATES, np.int64),
            np.zeros(CANDIDATES, np.uint16),
            np.zeros(CANDIDATES, np.float64),
        )

    def sizes(self):
        """Bytes by structure."""
        return {
            "columns": self.columns.nbytes,
            "offsets": self.offsets.nbytes,
            "levels": self.levels.nbytes,
            "pointers": self.pointers.nbytes,
            "terms": self.column_of.nbytes + self.top_level.nbytes,
        }

    def search(self, terms, weights, k):
        """The best k documents of one query.

        Args:
            terms: int64 term numbers, any order; unknown ones are ignored.
            weights: float32 weights, finite and not negative.
            k: Most results.

        Returns:
            (document numbers int64, scores float32), best first.
        """
        k = min(int(k), self.n)
        documents, scores = np.empty(max(k, 0), np.int64), np.empty(max(k, 0), np.float32)
        held = _search(*self._index, *self._scratch, terms, weights, k, documents, scores)
        if held < 0:
            raise ValueError("query weights must be finite and not negative")
        return documents[:held], scores[:held]

    def search_batch(self, indptr, terms, weights, k):
        """The best k documents of each query of a CSR batch: (documents [q, k], scores [q, k], counts [q])."""
        k = min(int(k), self.n)
        shape = (len(indptr) - 1, k)
        documents, scores, counts = np.zeros(shape, np.int64), np.zeros(shape, np.float32), np.zeros(shape[0], np.int64)
        _search_batch(*self._index, *self._scratch, indptr, terms, weights, k, documents, scores, counts)
        if (counts < 0).any():
            raise ValueError("query weights must be finite and not negative")
        return documents, scores, counts
