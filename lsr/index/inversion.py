"""From rows of levels to containers: count, choose a container for each term, place.

The containers are filled where they will stay, one *share* of them after another, and each share reads all rows. Shares
are as large as the memory budget allows for all threads, so that there is never a second copy of the postings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lsr.index.containers import COLUMN, KIND_SHIFT, KINDS, LISTED, RARE, RARE_PER_WINDOW, ROW_MASK, WINDOW
from lsr.index.forward import Rows
from lsr.jit import compiled

_TABLE_LIMIT = 1 << 26
"""Term ids below this are looked up in a table, others by binary search."""


class Directory:
    """The terms of a segment: their ids, frequencies and highest levels.

    Args:
        rows: All rows of the segment.

    Attributes:
        terms: uint32 [T], ascending.
        frequencies: int64 [T], postings of each term.
        tops: uint8 [T], highest level of each term.
    """

    def __init__(self, rows: Rows) -> None:
        highest = max((int(chunk.terms.max()) for chunk in rows.chunks() if len(chunk.terms)), default=-1)
        if highest < _TABLE_LIMIT:
            used = np.zeros(highest + 1, np.bool_)
            for chunk in rows.chunks():
                used[chunk.terms] = True
            self.terms = np.flatnonzero(used).astype(np.uint32)
            self._table: NDArray[np.int32] | None = np.full(highest + 1, -1, np.int32)
            self._table[self.terms] = np.arange(len(self.terms), dtype=np.int32)
        else:
            self.terms = np.empty(0, np.uint32)
            for chunk in rows.chunks():
                self.terms = np.union1d(self.terms, chunk.terms)
            self._table = None
        self.frequencies = np.zeros(len(self.terms), np.int64)
        self.tops = np.zeros(len(self.terms), np.uint8)
        for chunk in rows.chunks():
            _count(self.places(chunk.terms), chunk.levels, self.frequencies, self.tops)

    def places(self, terms: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Positions of terms, all of them known, in ``terms``."""
        if self._table is not None:
            return self._table[terms]
        return np.searchsorted(self.terms, terms).astype(np.int32)


def choose_slots(frequencies: NDArray[np.int64], size: int, windows: int, density: float) -> NDArray[np.uint32]:
    """The container of every term, as slots (``lsr.index.containers``), rows counted in term order.

    Args:
        frequencies: int64 [T].
        size: Number of documents.
        windows: Number of windows.
        density: A term in more than this share of the documents becomes a column.
    """
    listed = frequencies >= RARE_PER_WINDOW * windows
    kinds = np.where(frequencies > density * size, COLUMN, np.where(listed, LISTED, RARE)).astype(np.uint32)
    rows = np.zeros(len(kinds), np.uint32)
    for kind in KINDS:
        mine = kinds == kind
        rows[mine] = np.arange(np.count_nonzero(mine), dtype=np.uint32)
    return (kinds << np.uint32(KIND_SHIFT)) | rows


def window_borders(
    rows: Rows, directory: Directory, slots: NDArray[np.uint32], windows: int, order: NDArray[np.uint32] | None
) -> NDArray[np.uint32]:
    """Where each window of each windowed list begins, counted from the list's first posting.

    Returns:
        uint32 [l, windows + 1].
    """
    lists = int(np.count_nonzero(slots >> KIND_SHIFT == LISTED))
    borders = np.zeros((lists, windows + 1), np.uint32)
    for chunk in rows.chunks(order):
        _count_windows(chunk.starts, directory.places(chunk.terms), chunk.first, slots, borders)
    np.cumsum(borders, axis=1, out=borders)
    return borders


class Containers(NamedTuple):
    """Arrays that the postings are written to, as ``lsr.index.byte_segment.ByteSegment`` describes them."""

    columns: NDArray[np.uint8]
    list_starts: NDArray[np.int64]
    list_offsets: NDArray[np.uint16]
    list_levels: NDArray[np.uint8]
    rare_starts: NDArray[np.int64]
    rare_documents: NDArray[np.uint32]
    rare_levels: NDArray[np.uint8]


def place_all(
    rows: Rows,
    directory: Directory,
    slots: NDArray[np.uint32],
    containers: Containers,
    order: NDArray[np.uint32] | None,
    memory: int,
    threads: int,
    between: Callable[[], None],
) -> None:
    """Fill the containers with the postings of all rows.

    Args:
        rows: The rows.
        directory: Their terms.
        slots: uint32 [T].
        containers: Arrays to fill; columns are all zero.
        order: The row at each position, or ``None``.
        memory: Bytes of containers that may be filled at the same time.
        threads: Number of threads.
        between: Called after each share.
    """
    columns, list_starts, offsets, list_levels, rare_starts, rare_documents, rare_levels = containers
    sizes = (
        np.full(columns.shape[0], columns.shape[1], np.int64),
        np.diff(list_starts) * 3,
        np.diff(rare_starts) * 5,
    )
    fill, rare_fill = list_starts[:-1].copy(), rare_starts[:-1].copy()

    def work(limits: NDArray[np.int64]) -> None:
        for chunk in rows.chunks(order):
            _place(
                chunk.starts, directory.places(chunk.terms), chunk.levels, chunk.first, slots, limits,
                columns, fill, offsets, list_levels, rare_fill, rare_documents, rare_levels,
            )  # fmt: skip

    with ThreadPoolExecutor(threads) as pool:
        for share in _shares(sizes, memory, threads):
            list(pool.map(work, share))
            between()


def _shares(sizes: tuple[NDArray[np.int64], ...], memory: int, threads: int) -> Iterator[list[NDArray[np.int64]]]:
    """For each share, the row limits of each thread: int64 [kinds, 2]."""
    bytes_before = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    firsts = np.concatenate([[0], np.cumsum([len(size) for size in sizes])])
    parts = max(1, -(-int(bytes_before[-1]) // max(1, memory))) * threads
    cuts = np.searchsorted(bytes_before, np.linspace(0, bytes_before[-1], parts + 1))
    cuts[-1] = firsts[-1]
    spans = [
        np.stack([np.clip(cuts[i] - firsts[:-1], 0, None), np.clip(cuts[i + 1] - firsts[:-1], 0, None)], axis=1)
        for i in range(parts)
        if cuts[i] < cuts[i + 1]
    ]
    for i in range(0, len(spans), threads):
        yield spans[i : i + threads]


@compiled
def _count(places: Any, levels: Any, frequencies: Any, tops: Any) -> None:
    for j in range(places.shape[0]):
        frequencies[places[j]] += 1
        tops[places[j]] = max(tops[places[j]], levels[j])


@compiled
def _count_windows(starts: Any, places: Any, first: int, slots: Any, borders: Any) -> None:
    """Count each windowed list's postings of each window, one place further on, where the running sum needs them."""
    for i in range(starts.shape[0] - 1):
        window = (first + i) // WINDOW
        for j in range(starts[i], starts[i + 1]):
            slot = np.int64(slots[places[j]])
            if slot >> KIND_SHIFT == LISTED:
                borders[slot & ROW_MASK, window + 1] += 1


@compiled
def _place(
    starts: Any, places: Any, levels: Any, first: int, slots: Any, limits: Any, columns: Any, fill: Any, offsets: Any,
    list_levels: Any, rare_fill: Any, rare_documents: Any, rare_levels: Any,
) -> None:  # fmt: skip
    """Write the postings of rows, in ascending document order, into the containers whose rows are inside ``limits``."""
    for i in range(starts.shape[0] - 1):
        document = first + i
        offset = document % WINDOW
        for j in range(starts[i], starts[i + 1]):
            slot = np.int64(slots[places[j]])
            kind, row = slot >> KIND_SHIFT, slot & ROW_MASK
            if row < limits[kind, 0] or row >= limits[kind, 1]:
                continue
            if kind == COLUMN:
                columns[row, document] = levels[j]
            elif kind == LISTED:
                offsets[fill[row]], list_levels[fill[row]] = offset, levels[j]
                fill[row] += 1
            else:
                rare_documents[rare_fill[row]], rare_levels[rare_fill[row]] = document, levels[j]
                rare_fill[row] += 1
