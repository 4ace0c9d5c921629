"""Rows of levels, one a document, as the inversion reads them: in chunks, in any document order, again and again.

They are kept in two files of the work folder and mapped, so that they need no more memory than a chunk.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import writing
from lsr.jit import compiled

CHUNK = 8_192
"""Documents of a chunk."""


@dataclass(frozen=True)
class Rows:
    """Rows of some documents.

    Attributes:
        first: Position of the first document.
        starts: int64 [n + 1], borders in the two arrays below, from 0.
        terms: uint32, ascending global term ids of each row.
        levels: uint8, levels from 1.
        release: Called when a chunk has been read: the memory that holds it may go.
    """

    first: int
    starts: NDArray[np.int64]
    terms: NDArray[np.uint32]
    levels: NDArray[np.uint8]
    release: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self.starts) - 1

    def chunks(self, order: NDArray[np.uint32] | None = None) -> Iterator[Rows]:
        """The rows in portions, in the order given or as they are.

        Args:
            order: uint32 [n], the row that comes at each position.
        """
        for first in range(0, len(self), CHUNK):
            last = min(first + CHUNK, len(self))
            if order is None:
                a, b = int(self.starts[first]), int(self.starts[last])
                yield Rows(first, self.starts[first : last + 1] - a, self.terms[a:b], self.levels[a:b])
            else:
                yield self._taken(first, order[first:last])
            self.release()

    def _taken(self, first: int, rows: NDArray[np.uint32]) -> Rows:
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(self.starts[rows.astype(np.int64) + 1] - self.starts[rows], out=starts[1:])
        terms, levels = np.empty(starts[-1], np.uint32), np.empty(starts[-1], np.uint8)
        _take(self.starts, self.terms, self.levels, rows, starts, terms, levels)
        return Rows(first, starts, terms, levels)


class RowsWriter:
    """Collects rows in the files of a work folder.

    Args:
        folder: The folder; files of an earlier writer there are replaced.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = folder / "rows.terms", folder / "rows.levels"
        self._lengths: list[NDArray[np.int64]] = []
        with ExitStack() as stack, writing(folder):
            self._streams = [stack.enter_context(path.open("wb")) for path in self._paths]
            self._stack = stack.pop_all()

    def add(self, starts: NDArray[np.int64], terms: NDArray[np.uint32], levels: NDArray[np.uint8]) -> None:
        """Append rows.

        Args:
            starts: int64 [n + 1], borders in the two arrays below, from 0.
            terms: uint32, ascending global term ids of each row.
            levels: uint8, levels from 1.

        Raises:
            WriteFailed: The file system refused.
        """
        self._lengths.append(np.diff(starts))
        for path, stream, array in zip(self._paths, self._streams, (terms, levels), strict=True):
            with writing(path):
                stream.write(np.ascontiguousarray(array).data)

    def finish(self) -> Rows:
        """The rows, mapped."""
        for path in self._paths:
            with writing(path):
                self._stack.close()
        lengths = np.concatenate([np.empty(0, np.int64), *self._lengths])
        starts = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=starts[1:])
        if starts[-1] == 0:
            return Rows(0, starts, np.empty(0, np.uint32), np.empty(0, np.uint8))
        maps = []
        for path in self._paths:
            with path.open("rb") as stream:
                maps.append(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        terms, levels = np.frombuffer(maps[0], np.uint32), np.frombuffer(maps[1], np.uint8)

        def release() -> None:
            for mapped in maps:
                mapped.madvise(mmap.MADV_DONTNEED)

        return Rows(0, starts, terms, levels, release)

    def discard(self) -> None:
        """Close and remove the files; rows that were mapped stay readable."""
        self._stack.close()
        for path in self._paths:
            path.unlink(missing_ok=True)


@compiled
def _take(starts: Any, terms: Any, levels: Any, rows: Any, out_starts: Any, out_terms: Any, out_levels: Any) -> None:
    for i in range(rows.shape[0]):
        a, to = starts[rows[i]], out_starts[i]
        for j in range(out_starts[i + 1] - to):
            out_terms[to + j], out_levels[to + j] = terms[a + j], levels[a + j]
