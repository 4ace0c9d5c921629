"""The layout of uint8 levels: each term in the container that fits its frequency (``lsr.index.containers``).

A frequent term owns a *column*, one byte a document; most others a *windowed list*: offsets inside windows of 16,384
documents, all windows of a term adjacent, with their borders; a term that is too rare for borders a *rare list* of
whole document numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import CorruptIndex
from lsr.index.containers import COLUMN, KIND_SHIFT, KINDS, LISTED, ROW_MASK, WINDOW, padded, windows_of
from lsr.index.files import FileEntry, open_array
from lsr.index.float_segment import check_ascending, check_directory, check_length, check_starts
from lsr.index.segment import Segment


@dataclass(frozen=True)
class ByteSegment(Segment):
    """Posting lists of uint8 levels, in containers.

    Attributes:
        slots: uint32 [T], the container and row of each term.
        tops: uint8 [T], the highest level of each term.
        columns: uint8 [c, padded documents], 0 where a document does not have the term.
        list_starts: int64 [l + 1], first posting of each windowed list.
        list_borders: uint32 [l, windows + 1], first posting of each window, counted from the list's first.
        list_offsets: uint16 [p], document minus the first document of its window.
        list_levels: uint8 [p].
        rare_starts: int64 [r + 1], first posting of each rare list.
        rare_documents: uint32 [s].
        rare_levels: uint8 [s].
        numbers: uint32 [size], the document's number inside the segment by its position, or [0] if they are the same.
            Containers speak of positions.
    """

    first: int
    size: int
    terms: NDArray[np.uint32]
    slots: NDArray[np.uint32]
    tops: NDArray[np.uint8]
    columns: NDArray[np.uint8]
    list_starts: NDArray[np.int64]
    list_borders: NDArray[np.uint32]
    list_offsets: NDArray[np.uint16]
    list_levels: NDArray[np.uint8]
    rare_starts: NDArray[np.int64]
    rare_documents: NDArray[np.uint32]
    rare_levels: NDArray[np.uint8]
    numbers: NDArray[np.uint32]

    def postings(self, place: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """As ``Segment.postings``."""
        positions, levels = self.postings_by_position(place)
        if len(self.numbers) == 0:
            return positions, levels
        documents = self.numbers[positions].astype(np.int64)
        order = np.argsort(documents)
        return documents[order], levels[order]

    def postings_by_position(self, place: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """The posting list of a term, by ascending position.

        Returns:
            int64 [p], positions, and uint8 [p], levels.
        """
        slot = int(self.slots[place])
        kind, row = slot >> KIND_SHIFT, slot & ROW_MASK
        if kind == COLUMN:
            positions = np.flatnonzero(self.columns[row])
            return positions, self.columns[row][positions]
        if kind == LISTED:
            a, b = int(self.list_starts[row]), int(self.list_starts[row + 1])
            lengths = np.diff(self.list_borders[row].astype(np.int64))
            bases = np.repeat(np.arange(len(lengths), dtype=np.int64) * WINDOW, lengths)
            return bases + self.list_offsets[a:b], self.list_levels[a:b]
        a, b = int(self.rare_starts[row]), int(self.rare_starts[row + 1])
        return self.rare_documents[a:b].astype(np.int64), self.rare_levels[a:b]


def as_byte_segment(arrays: Mapping[str, NDArray[Any]], first: int, size: int) -> ByteSegment:
    """A segment from its flat arrays, which were checked."""
    shaped = {
        "columns": arrays["columns"].reshape(-1, padded(size)),
        "list_borders": arrays["list_borders"].reshape(-1, windows_of(size) + 1),
    }
    return ByteSegment(first, size, **{**arrays, **shaped})


def open_byte_segment(folder: Path, files: Mapping[str, FileEntry], first: int, size: int) -> ByteSegment:
    """Map a segment and check what can be checked without reading all postings.

    Raises:
        CorruptIndex: A file contradicts the manifest or another file.
    """
    arrays = {name: open_array(folder / f"{name}.npy", file) for name, file in files.items()}
    check_directory(arrays["terms"], folder)
    _check_slots(arrays["slots"], folder)
    kinds = arrays["slots"] >> KIND_SHIFT
    counts = [int(np.count_nonzero(kinds == kind)) for kind in KINDS]
    windows = windows_of(size)
    expected = {
        "slots": len(arrays["terms"]),
        "tops": len(arrays["terms"]),
        "columns": counts[0] * padded(size),
        "list_starts": counts[1] + 1,
        "list_borders": counts[1] * (windows + 1),
        "list_levels": len(arrays["list_offsets"]),
        "rare_starts": counts[2] + 1,
        "rare_levels": len(arrays["rare_documents"]),
    }
    for name, length in expected.items():
        check_length(arrays, name, length, folder)
    if len(arrays["numbers"]) not in (0, size):
        raise CorruptIndex("the array must have no element, or one a document", where=str(folder / "numbers.npy"))
    check_starts(arrays["list_starts"], len(arrays["list_offsets"]), folder / "list_starts.npy")
    check_starts(arrays["rare_starts"], len(arrays["rare_documents"]), folder / "rare_starts.npy")
    return as_byte_segment(arrays, first, size)


def _check_slots(slots: NDArray[np.uint32], folder: Path) -> None:
    kinds, rows = slots >> KIND_SHIFT, slots & ROW_MASK
    if np.any(kinds > max(KINDS)):
        raise CorruptIndex("a slot names a container that does not exist", where=str(folder / "slots.npy"))
    for kind in KINDS:
        mine = rows[kinds == kind]
        if not np.array_equal(mine, np.arange(len(mine))):
            raise CorruptIndex("rows are not counted in term order", where=str(folder / "slots.npy"))


def check_byte_segment(segment: ByteSegment, folder: Path) -> int:
    """Read every posting and check what the search kernels rely on.

    Returns:
        The number of postings.

    Raises:
        CorruptIndex: A document is out of range or out of order, a level is 0, a highest level is not that of its
            list, a column is not padded with zeros, or the document numbers are no permutation.
    """
    _check_borders(segment, folder)
    _check_offsets(segment, folder)
    check_ascending(segment.rare_documents, segment.rare_starts, segment.size, folder / "rare_documents.npy")
    for name in ("list_levels", "rare_levels"):
        if not np.all(getattr(segment, name)):
            raise CorruptIndex("a level is 0", where=str(folder / f"{name}.npy"))
    if np.any(segment.columns[:, segment.size :]):
        raise CorruptIndex("a column is not padded with zeros", where=str(folder / "columns.npy"))
    tops = np.empty(len(segment.terms), np.uint8)
    kinds = segment.slots >> KIND_SHIFT
    counts = [int(np.count_nonzero(row)) for row in segment.columns]
    if 0 in counts:
        raise CorruptIndex("a column holds no posting", where=str(folder / "columns.npy"))
    tops[kinds == COLUMN] = segment.columns.max(axis=1, initial=0)
    for kind, levels, starts in (
        (LISTED, segment.list_levels, segment.list_starts),
        (KINDS[2], segment.rare_levels, segment.rare_starts),
    ):
        if len(levels):
            tops[kinds == kind] = np.maximum.reduceat(levels, starts[:-1])
    if not np.array_equal(tops, segment.tops):
        raise CorruptIndex("a highest level is not that of its list", where=str(folder / "tops.npy"))
    if len(segment.numbers) and not np.array_equal(np.sort(segment.numbers), np.arange(segment.size)):
        raise CorruptIndex("the document numbers are no permutation", where=str(folder / "numbers.npy"))
    return sum(counts) + len(segment.list_levels) + len(segment.rare_levels)


def _check_borders(segment: ByteSegment, folder: Path) -> None:
    borders = segment.list_borders
    lengths = np.diff(segment.list_starts)
    if np.any(borders[:, 0] != 0) or np.any(borders[:, -1] != lengths) or np.any(borders[:, 1:] < borders[:, :-1]):
        raise CorruptIndex(
            "window borders do not ascend from 0 to the length of their list", where=str(folder / "list_borders.npy")
        )


def _check_offsets(segment: ByteSegment, folder: Path) -> None:
    """Offsets ascend inside each window of each list, and name documents that exist."""
    where = str(folder / "list_offsets.npy")
    offsets, starts, borders = segment.list_offsets, segment.list_starts, segment.list_borders
    if len(offsets) == 0:
        return
    rising = offsets[1:] > offsets[:-1]
    firsts = (starts[:-1, None] + borders[:, :-1]).reshape(-1)  # a window's first posting may follow a larger offset
    rising[firsts[(firsts > 0) & (firsts < len(offsets))] - 1] = True
    if not np.all(rising):
        raise CorruptIndex("offsets are not ascending inside a window", where=where)
    if int(offsets.max()) >= WINDOW:
        raise CorruptIndex("an offset is larger than a window", where=where)
    last_size = segment.size - (borders.shape[1] - 2) * WINDOW
    held = borders[:, -1] > borders[:, -2]
    if np.any(offsets[(starts[1:] - 1)[held]] >= last_size):
        raise CorruptIndex("a posting names a document that does not exist", where=where)
