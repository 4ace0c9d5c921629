"""The vectors that all engines get: documents as whole impacts from 1 to 255, queries as whole or as float32 weights.

Both come from ``.npz`` files with the arrays ``indptr``, ``indices`` (ascending in a row) and ``q`` (uint8), ``data``
(floats), or both; ``shape`` names the number of documents and of terms. Where ``q`` is missing, ``data`` is scaled such
that the largest weight becomes 255, rounded, and kept at 1 or above.

Documents that are measured lie in a folder of plain arrays, which every engine's process maps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LEVELS = 255
_FILES = {"starts": np.int64, "terms": np.uint32, "levels": np.uint8}
_META = "meta.json"


@dataclass(frozen=True)
class Documents:
    """Documents in compressed sparse rows.

    Attributes:
        starts: int64 [n + 1], borders in the two arrays below.
        terms: uint32, ascending in a row.
        levels: uint8, from 1.
        vocabulary: Terms are below this number.
    """

    starts: NDArray[np.int64]
    terms: NDArray[np.uint32]
    levels: NDArray[np.uint8]
    vocabulary: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def postings(self) -> int:
        """Number of stored impacts."""
        return int(self.starts[-1])

    def row(self, i: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Terms and levels of one document."""
        a, b = int(self.starts[i]), int(self.starts[i + 1])
        return self.terms[a:b], self.levels[a:b]

    def rows(self) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.uint8]]]:
        """Terms and levels of each document."""
        return (self.row(i) for i in range(len(self)))

    def head(self, count: int) -> Documents:
        """The first documents."""
        count = min(count, len(self))
        end = int(self.starts[count])
        return Documents(self.starts[: count + 1], self.terms[:end], self.levels[:end], self.vocabulary)

    def take(self, order: NDArray[np.integer]) -> Documents:
        """The documents in another order."""
        rows, places = row_entries(self.starts, order)
        starts = np.zeros(len(order) + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=len(order)), out=starts[1:])
        return Documents(starts, self.terms[places], self.levels[places], self.vocabulary)

    def save(self, folder: Path) -> Documents:
        """Write the arrays, and return them mapped."""
        with DocumentWriter(folder, self.vocabulary) as writer:
            writer.add(np.diff(self.starts), self.terms, self.levels)
        return Documents.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Documents:
        """Map a folder that ``save`` or a ``DocumentWriter`` wrote."""
        meta = json.loads((folder / _META).read_text())
        starts, terms, levels = (np.memmap(folder / name, dtype, mode="r") for name, dtype in _FILES.items())
        return cls(starts, terms, levels, meta["vocabulary"])


class DocumentWriter:
    """Writes documents portion by portion; the folder appears when all of them are there.

    Args:
        folder: Made anew.
        vocabulary: As in ``Documents``.
    """

    def __init__(self, folder: Path, vocabulary: int) -> None:
        self._folder = folder
        self._part = folder.with_name(folder.name + ".part")
        self._part.mkdir(parents=True, exist_ok=True)
        self._streams = {name: (self._part / name).open("wb") for name in _FILES}
        self._streams["starts"].write(np.zeros(1, np.int64).tobytes())
        self._postings = 0
        self._vocabulary = vocabulary

    def add(self, lengths: NDArray[np.int64], terms: NDArray[np.uint32], levels: NDArray[np.uint8]) -> None:
        """Append rows of the given lengths."""
        self._streams["starts"].write((self._postings + np.cumsum(lengths, dtype=np.int64)).tobytes())
        self._streams["terms"].write(np.ascontiguousarray(terms, np.uint32).data)
        self._streams["levels"].write(np.ascontiguousarray(levels, np.uint8).data)
        self._postings += len(terms)

    def __enter__(self) -> DocumentWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for stream in self._streams.values():
            stream.close()
        if kind is None:
            (self._part / _META).write_text(json.dumps({"vocabulary": self._vocabulary, "postings": self._postings}))
            self._part.rename(self._folder)


@dataclass(frozen=True)
class Queries:
    """Queries in compressed sparse rows.

    Attributes:
        starts: int64 [n + 1].
        terms: uint32, ascending in a row.
        weights: float32, positive; whole numbers up to 255 if ``whole``.
        whole: Whether float32 sums of weight times level are exact.
    """

    starts: NDArray[np.int64]
    terms: NDArray[np.uint32]
    weights: NDArray[np.float32]
    whole: bool

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, i: int) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Terms and weights of one query."""
        a, b = int(self.starts[i]), int(self.starts[i + 1])
        return self.terms[a:b], self.weights[a:b]


def row_entries(starts: NDArray[np.int64], rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For every entry of the chosen rows: the position of its row among those chosen, and its own place."""
    first = starts[:-1][rows]
    lengths = starts[1:][rows] - first
    positions = np.repeat(np.arange(len(rows), dtype=np.int64), lengths)
    before = np.cumsum(lengths) - lengths
    return positions, np.arange(len(positions), dtype=np.int64) + (first - before)[positions]


def load_documents(path: Path) -> Documents:
    """Documents of an ``.npz`` file."""
    with np.load(path) as file:
        terms = file["indices"].astype(np.uint32)
        levels = file["q"].astype(np.uint8) if "q" in file else to_levels(file["data"])
        shape = file["shape"] if "shape" in file else (0, int(terms.max()) + 1)
        return Documents(file["indptr"].astype(np.int64), terms, levels, int(shape[1]))


def load_queries(path: Path, kind: str) -> Queries:
    """Queries of an ``.npz`` file, with ``integers`` or ``floats`` as weights."""
    with np.load(path) as file:
        if kind == "floats":
            if "data" not in file:
                raise SystemExit(f"{path} has no float weights (an array named data)")
            weights = file["data"].astype(np.float32)
        else:
            weights = (file["q"] if "q" in file else to_levels(file["data"])).astype(np.float32)
        return Queries(file["indptr"].astype(np.int64), file["indices"].astype(np.uint32), weights, kind == "integers")


def to_levels(weights: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Whole levels from 1 to 255; the largest weight becomes 255."""
    levels: NDArray[np.uint8] = np.clip(np.rint(weights * (LEVELS / weights.max())), 1, LEVELS).astype(np.uint8)
    return levels
