"""How the posting list of a term is stored: as a byte column, as windowed postings, or as a rare list.

A *slot* (uint32) says it for one term: the container in the two upper bits, the row in that container's arrays below.
"""

from __future__ import annotations

WINDOW = 16_384
"""Documents of a window: 16-bit sums of that many stay in a first-level cache of 32 KB."""
KINDS = COLUMN, LISTED, RARE = 0, 1, 2
KIND_SHIFT = 30
ROW_MASK = (1 << KIND_SHIFT) - 1
PAD = 256
"""Columns are padded with zeros to a multiple of this many documents, so that loops over them have no remainder."""
RARE_PER_WINDOW = 16
"""A list with fewer postings a window than this, on average, is kept as a rare list: window borders would cost more."""


def windows_of(size: int) -> int:
    """Number of windows that cover ``size`` documents."""
    return -(-size // WINDOW)


def padded(size: int) -> int:
    """Length of a column for ``size`` documents."""
    return -(-max(size, 1) // PAD) * PAD
