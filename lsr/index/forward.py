"""Rows of levels, one a document, as the inversion reads them: in chunks, in any document order, again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """

    first: int
    starts: NDArray[np.int64]
    terms: NDArray[np.uint32]
    levels: NDArray[np.uint8]

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

    def _taken(self, first: int, rows: NDArray[np.uint32]) -> Rows:
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(self.starts[rows.astype(np.int64) + 1] - self.starts[rows], out=starts[1:])
        terms, levels = np.empty(starts[-1], np.uint32), np.empty(starts[-1], np.uint8)
        _take(self.starts, self.terms, self.levels, rows, starts, terms, levels)
        return Rows(first, starts, terms, levels)


@compiled
def _take(starts: Any, terms: Any, levels: Any, rows: Any, out_starts: Any, out_terms: Any, out_levels: Any) -> None:
    for i in range(rows.shape[0]):
        a, to = starts[rows[i]], out_starts[i]
        for j in range(out_starts[i + 1] - to):
            out_terms[to + j], out_levels[to + j] = terms[a + j], levels[a + j]
