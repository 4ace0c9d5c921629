"""From ready vectors of one or more term spaces to an index, with the scales that they had.

``lsr.index`` takes ready vectors of one term space, and chooses their scale itself. Where another scale or more than
one space is to be kept, each space is handed over as an encoder that looks its rows up: the "text" of a document is
then the number of its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from lsr.documents import WEIGHT_LIMIT, Document
from lsr.encoders.base import BlendedEncoder, Counters, DocumentEncoder, Encoder, Match
from lsr.encoders.statistics import TermStatistics
from lsr.errors import BadInput
from lsr.index.builder import Progress
from lsr.index.impacts import LEVELS, choose_scale
from lsr.index.index import Index
from lsr.interchange.spaces import TravellingSpace
from lsr.vectors import SparseVectors, TokenTable, Vocabulary


@dataclass(frozen=True)
class ReadySpace:
    """The documents' vectors in one term space.

    Attributes:
        space: What is known of the space.
        vectors: One row a document; term ids inside the space; float32 weights, with a vocabulary if terms have names.
    """

    space: TravellingSpace
    vectors: SparseVectors


@dataclass(frozen=True)
class ReadyCollection:
    """All that was read from a file.

    Attributes:
        ids: Identifiers of the documents, all different.
        spaces: The term spaces, by ascending term id.
        impacts: ``uint8`` or ``float32``.
        described: Whether the file itself described the term spaces, so that their scales are to be kept.
        where: The file, for messages.
    """

    ids: Sequence[str]
    spaces: Sequence[ReadySpace]
    impacts: str
    described: bool
    where: str

    def build(self, out: Path, *, force: bool, progress: Progress | None) -> Index:
        """Build an index and open it.

        Raises:
            LsrError: As ``Index.build``.
        """
        for ready in self.spaces:
            if np.any(ready.vectors.weights > WEIGHT_LIMIT):
                raise BadInput(f"a weight of {ready.space.name} is larger than {WEIGHT_LIMIT:.0f}", where=self.where)
        if self._suits_builder():
            vectors = self.spaces[0].vectors
            return Index.build(out, vectors, ids=self.ids, impacts=self.impacts, force=force, progress=progress)
        parts = tuple(_part(ready) for ready in self.spaces)
        encoder = parts[0] if len(parts) == 1 else BlendedEncoder(parts)
        documents = (Document(identifier, str(row)) for row, identifier in enumerate(self.ids))
        return Index.build(out, documents, encoder=encoder, impacts=self.impacts, force=force, progress=progress)

    def _suits_builder(self) -> bool:
        """Whether the index's builder, by itself, keeps everything."""
        if len(self.spaces) > 1:
            return False
        if not self.described or self.impacts == "float32":
            return True
        ready = self.spaces[0]
        try:
            return choose_scale(ready.vectors.weights) == ready.space.scale
        except BadInput:  # too small for a scale of the builder's choice
            return False


class _Rows:
    """Both sides of an encoder whose texts are row numbers; it encodes no queries."""

    backend = "native"
    needs_collection = False
    identity: Mapping[str, Any] = {"family": "ready"}

    def __init__(self, ready: ReadySpace) -> None:
        self.counters = Counters()
        self.vocabulary: Vocabulary = ready.vectors.vocabulary or TokenTable()
        self.weight_limit: float | None = ready.space.scale * LEVELS
        self._vectors = ready.vectors

    def encode(self, texts: Sequence[str], statistics: TermStatistics | None = None) -> SparseVectors:
        """The rows of that number."""
        return SparseVectors.concatenate([self._vectors.slice(int(text), int(text) + 1) for text in texts])

    def finish(self, raw: SparseVectors, mean_mass: float) -> SparseVectors:
        """The rows as they are."""
        return raw

    def matches(self, text: str) -> list[Match]:
        """None."""
        return []

    def fresh(self) -> DocumentEncoder:
        """Itself: it learns nothing."""
        return self

    def over(self, vocabulary: Vocabulary) -> DocumentEncoder:
        """Itself: it needs no collection."""
        return self


class _RowEncoder(Encoder):
    """An encoder without identity: nobody knows what made its vectors, so no other one may pass for it."""

    @property
    def document_fingerprint(self) -> str:
        """Nothing."""
        return cast(str, None)

    @property
    def query_fingerprint(self) -> str:
        """Nothing."""
        return cast(str, None)


def _part(ready: ReadySpace) -> Encoder:
    rows, space = _Rows(ready), ready.space
    return _RowEncoder(space.name, None, rows, rows, weight=space.weight, capacity=space.capacity)
