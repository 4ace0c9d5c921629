"""From the posting lists of a CIFF file to rows.

The lists are gathered in one pass, 8 bytes a posting, and then dropped into rows, 8 bytes more; so the memory is 16
bytes a posting, or up to 20 while a buffer grows, besides the names of terms and documents.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.errors import BadInput, Refused
from lsr.index.impacts import LEVELS
from lsr.interchange.ciff_reader import CiffFile, PostingList
from lsr.interchange.ready import ReadyCollection, ReadySpace
from lsr.interchange.spaces import FOREIGN, Description, TravellingSpace
from lsr.vectors import SparseVectors, TokenTable

_EXACT = 2**24
"""Whole numbers up to this one are exact in float32."""
_SMALLEST = 2**16


def read_ciff(path: Path, impacts: str | None = None) -> ReadyCollection:
    """The documents of a CIFF file.

    Args:
        path: The file, plain or gzip.
        impacts: ``uint8`` or ``float32``; ``None`` takes what the file's description says, or ``uint8``.

    Raises:
        NotFound: The file can't be read.
        BadInput: Something in it is wrong.
        Refused: A term frequency is above 255, and the impacts are ``uint8``.
    """
    with CiffFile(path) as file:
        own = Description.from_json(file.header.description, file.header.place)
        description = own or FOREIGN
        impacts = impacts or description.impacts
        most = LEVELS if impacts == "uint8" else _EXACT
        gatherers = [_Gatherer(space, most) for space in description.spaces]
        by_name = {gatherer.space.name: gatherer for gatherer in gatherers}
        for listed in file.lists():
            if len(gatherers) == 1:
                gatherers[0].add(listed.term, listed)
            else:
                name, _, token = listed.term.partition(":")
                if name not in by_name:
                    raise BadInput(f"term {listed.term[:50]!r} names none of the described spaces", where=listed.place)
                by_name[name].add(token, listed)
        ids = file.identifiers()
    spaces = [ReadySpace(gatherer.space, gatherer.rows(len(ids))) for gatherer in gatherers]
    return ReadyCollection(ids, spaces, impacts, own is not None, str(path))


class _Gatherer:
    """The posting lists of one term space.

    Args:
        space: The space.
        most: The largest term frequency that can be kept.
    """

    def __init__(self, space: TravellingSpace, most: int) -> None:
        self.space = space
        self._most = most
        self._tokens = TokenTable()
        self._terms: list[int] = []
        self._known: set[int] = set()
        self._lengths: list[int] = []
        self._documents = np.empty(_SMALLEST, np.uint32)
        self._weights = np.empty(_SMALLEST, np.float32)
        self._count = 0

    def add(self, token: str, listed: PostingList) -> None:
        """Take up a list.

        Raises:
            BadInput: The term came before, is none of this space, or has a frequency beyond what float32 holds.
            Refused: A frequency is too large for ``uint8``.
        """
        largest = int(listed.tfs.max())
        if largest > self._most:
            self._refuse(token, largest, listed.place)
        term = self._tokens.add(token) if self.space.named else _number(token)
        if term is None or term >= self.space.capacity:
            raise BadInput(f"term {token[:50]!r} is no term of space {self.space.name!r}", where=listed.place)
        if term in self._known:
            raise BadInput(f"term {token[:50]!r} has a posting list already", where=listed.place)
        self._known.add(term)
        self._terms.append(term)
        end = self._count + len(listed.documents)
        if end > len(self._documents):
            for buffer in (self._documents, self._weights):
                buffer.resize(end + end // 4, refcheck=False)
        self._documents[self._count : end] = listed.documents
        self._weights[self._count : end] = listed.tfs * self.space.scale
        self._count = end
        self._lengths.append(len(listed.documents))

    def rows(self, documents: int) -> SparseVectors:
        """The lists as one row a document."""
        counts = np.bincount(self._documents[: self._count], minlength=documents)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        ends = np.cumsum(self._lengths, dtype=np.int64)
        terms, weights = np.empty(self._count, np.uint32), np.empty(self._count, np.float32)
        free = indptr[:-1].copy()
        for place in np.argsort(np.array(self._terms, np.int64)).tolist():
            some = slice(int(ends[place]) - self._lengths[place], int(ends[place]))
            rows: NDArray[np.uint32] = self._documents[some]
            at = free[rows]
            terms[at], weights[at] = self._terms[place], self._weights[some]
            free[rows] += 1
        return SparseVectors.trusted(indptr, terms, weights, vocabulary=self._tokens if self.space.named else None)

    def _refuse(self, token: str, largest: int, place: str) -> None:
        if self._most == LEVELS:
            raise Refused(
                f"term {token[:50]!r} has the frequency {largest}, and uint8 impacts end at {LEVELS}",
                where=place,
                hint="--impacts float32 keeps it as it is",
            )
        raise BadInput(f"term {token[:50]!r} has the frequency {largest}; above 2^24 they are not exact", where=place)


def _number(token: str) -> int | None:
    """The number that a term without a name is called by."""
    return int(token) if token.isascii() and token.isdigit() and len(token) <= 10 and str(int(token)) == token else None
