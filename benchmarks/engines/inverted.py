"""Inverted lists, written portion by portion into mapped files, for what the benchmark itself has to know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.vectors import Documents

_PORTION = 8_192


@dataclass(frozen=True)
class Lists:
    """One list a term; documents ascend in a list.

    Attributes:
        borders: int64 [vocabulary + 1].
        documents: uint32, numbers of documents.
        levels: uint8.
        size: Number of documents.
    """

    borders: NDArray[np.int64]
    documents: NDArray[np.uint32]
    levels: NDArray[np.uint8]
    size: int

    def of(self, term: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Documents and levels of a term."""
        a, b = int(self.borders[term]), int(self.borders[term + 1])
        return self.documents[a:b], self.levels[a:b]


def invert(documents: Documents, folder: Path) -> Lists:
    """The lists of a collection, in files of a folder; they are taken from there if it has them."""
    finished = folder / "borders.npy"
    if finished.exists():
        return Lists(np.load(finished), _mapped(folder, "documents"), _mapped(folder, "levels"), len(documents))
    folder.mkdir(parents=True, exist_ok=True)
    narrow = np.uint16 if documents.vocabulary <= 1 << 16 else np.uint32  # numpy sorts 16 bits by radix
    borders = np.zeros(documents.vocabulary + 1, np.int64)
    for first in range(0, len(documents), _PORTION):
        borders[1:] += np.bincount(_portion(documents, first)[0], minlength=documents.vocabulary)
    np.cumsum(borders, out=borders)
    numbers = np.lib.format.open_memmap(folder / "documents.npy", "w+", np.uint32, (documents.postings,))
    impacts = np.lib.format.open_memmap(folder / "levels.npy", "w+", np.uint8, (documents.postings,))
    free = borders[:-1].copy()
    for first in range(0, len(documents), _PORTION):
        terms, levels, rows = _portion(documents, first)
        order = np.argsort(terms.astype(narrow), kind="stable")
        counts = np.bincount(terms, minlength=documents.vocabulary)
        within = np.arange(len(terms)) - np.repeat(np.cumsum(counts) - counts, counts)
        places = free[terms[order]] + within
        numbers[places], impacts[places] = rows[order], levels[order]
        free += counts
    np.save(finished, borders)
    return Lists(borders, numbers, impacts, len(documents))


def _portion(documents: Documents, first: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8], NDArray[np.uint32]]:
    last = min(first + _PORTION, len(documents))
    a, b = int(documents.starts[first]), int(documents.starts[last])
    rows = np.repeat(np.arange(first, last, dtype=np.uint32), np.diff(documents.starts[first : last + 1]))
    return documents.terms[a:b], documents.levels[a:b], rows


def _mapped(folder: Path, name: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r")
    return array
