"""From texts to query vectors over the terms of an index: which encoders are asked, and do they fit the index?

An index that was built from text names the encoder of each term space. An index of ready vectors names none, so a
caller has to; unless that encoder is known to have made the vectors, its terms are looked up by name.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lsr.encoders.base import (
    AnyEncoder,
    Encoder,
    Match,
    check_encoder,
    document_blend_fingerprint,
    in_id_order,
    query_blend_fingerprint,
)
from lsr.encoders.blended_vocabulary import PartVocabulary
from lsr.encoders.registry import load_encoder, load_encoder_like
from lsr.encoders.spaces import join_spaces
from lsr.encoders.statistics import CollectionVocabulary
from lsr.errors import ModelMismatch, UsageError
from lsr.index.index import Index
from lsr.index.manifest import SpaceEntry
from lsr.vectors import SparseVectors

_FORCE = "force it (force=True, --force-model)"


class IndexEncoders:
    """The encoders of an index's term spaces, loaded when the first text comes. They may be shared between threads.

    Args:
        index: The index.
        given: An encoder, or the name of one, in place of those that the manifest names. A name is loaded with the
            settings that the manifest has.
        force: Whether an encoder is used although its fingerprint is not the one in the manifest.

    Raises:
        UsageError: What is given is no encoder.
    """

    def __init__(self, index: Index, given: AnyEncoder | str | Path | None, *, force: bool) -> None:
        if given is not None and not isinstance(given, str | Path):
            check_encoder(given)
        self._index = index
        self._spaces = index.manifest.spaces
        self._given = given
        self._force = force
        self._loading = threading.Lock()
        self._sides: list[SpaceEncoder] | None = None

    def encode(self, texts: Sequence[str], names: Collection[str]) -> dict[str, SparseVectors]:
        """Query vectors by name of the term space, for those that are named; term ids are local.

        Raises:
            UsageError: The index has no encoder.
            ModelMismatch: The encoder at hand is not the one that made the index.
        """
        sides = zip(self._spaces, self._loaded(), strict=True)
        return {space.name: side.encode(texts) for space, side in sides if space.name in names}

    def matches(self, text: str) -> list[Match]:
        """The places of a text that stand for terms of the index; term ids are global.

        Raises:
            LsrError: As ``encode``.
        """
        return [
            Match(match.start, match.end, match.term + space.base)
            for space, side in zip(self._spaces, self._loaded(), strict=True)
            for match in side.matches(text)
        ]

    def check_vectors(self, vectors: SparseVectors) -> None:
        """Refuse query vectors of an encoder whose terms or weights are not known to be those of the index.

        Raises:
            ModelMismatch: Their fingerprint is neither that of the index's blend or only term space, nor that of an
                encoder that was given and fits. Vectors without a fingerprint are taken as they are.
        """
        made_by = vectors.fingerprint
        if made_by is None or self._force or made_by in _fingerprints(self._spaces):
            return
        if self._given is not None:
            self._loaded()  # and the given encoder has been found to fit
            if made_by == self._encoder(self._given).query_fingerprint:
                return
        if all(space.query_fingerprint is None and space.document_fingerprint is None for space in self._spaces):
            return  # nothing is known of the index that could contradict
        raise ModelMismatch(
            f"the query vectors were made by the encoder {made_by}, which is not known to be the one of the index",
            hint=f"give the searcher the encoder that made both, encode the queries with the searcher, or {_FORCE}",
        )

    def _loaded(self) -> list[SpaceEncoder]:
        with self._loading:
            if self._sides is None:
                self._sides = self._load()
            return self._sides

    def _load(self) -> list[SpaceEncoder]:
        if self._given is None:
            parts = [_recorded(space) for space in self._spaces]
        else:
            given = self._encoder(self._given)
            if len(self._spaces) == 1 and self._spaces[0].source is None:
                return [self._over_ready_vectors(given, self._spaces[0])]
            parts = in_id_order(given.parts)
            if len(parts) != len(self._spaces):
                raise ModelMismatch(
                    f"the encoder has {len(parts)} term spaces and the index has {len(self._spaces)}",
                    hint="name the model that made the index",
                )
        for part, space in zip(parts, self._spaces, strict=True):
            if not self._force and part.query_fingerprint != space.query_fingerprint:
                raise ModelMismatch(
                    f"the index was made with {space.name} {space.query_fingerprint}, and the encoder at hand is "
                    f"{part.name} {part.query_fingerprint}",
                    hint=f"name the model that made the index, or {_FORCE}",
                )
        return [
            SpaceEncoder([_side(part, space, vocabulary)])
            for part, space, vocabulary in zip(parts, self._spaces, self._index.vocabularies, strict=True)
        ]

    def _encoder(self, given: AnyEncoder | str | Path) -> AnyEncoder:
        """The given encoder; loaded at the first call, if it is a name."""
        if isinstance(given, str | Path):
            recorded = {space.source: space.settings for space in self._spaces if space.source is not None}
            given = self._given = load_encoder_like(given, recorded)
        return given

    def _over_ready_vectors(self, encoder: AnyEncoder, space: SpaceEntry) -> SpaceEncoder:
        """An encoder over the only term space of an index of ready vectors."""
        vocabulary = self._index.vocabularies[0]
        fits = encoder.document_fingerprint == space.document_fingerprint
        if not fits and not self._force:
            made = (
                f"with {space.document_fingerprint}"
                if space.document_fingerprint
                else "and does not say with which model"
            )
            raise ModelMismatch(
                f"the index was made from ready vectors {made}; the encoder at hand is {encoder.name} "
                f"{encoder.document_fingerprint}",
                hint=f"if its {'tokens' if space.terms else 'term ids'} are those of the vectors, {_FORCE}",
            )
        by_name = not fits and space.terms > 0
        if isinstance(encoder, Encoder):
            return SpaceEncoder([_ready_side(encoder, vocabulary, by_name=by_name)])
        return SpaceEncoder(
            [
                _ready_side(part, PartVocabulary(vocabulary, part.name), base=base, weight=part.weight, by_name=by_name)
                for base, part in zip(encoder.bases, encoder.parts, strict=True)
            ]
        )


@dataclass(frozen=True)
class Side:
    """An encoder whose vectors go into a term space of an index.

    Attributes:
        encoder: The encoder.
        base: What is added to its term ids.
        weight: What its weights are multiplied with.
        names: Where its terms are looked up by name instead; ``None`` where their ids are known.
    """

    encoder: Encoder
    base: int = 0
    weight: float = 1.0
    names: CollectionVocabulary | None = None

    def term(self, own: int) -> int | None:
        """The term id in the index's space of one of the encoder's own, or ``None`` if it has none."""
        if self.names is None:
            return own + self.base
        token = self.encoder.document.vocabulary.token(own)
        return None if token is None else self.names.find(token)

    def encode(self, texts: Sequence[str]) -> SparseVectors:
        """Query vectors with the encoder's weights and, but for ``base``, the index's term ids."""
        vectors = self.encoder.encode_queries(texts)
        if self.names is None:
            return vectors
        own = np.unique(vectors.terms).tolist()
        found = {term: there for term in own if (there := self.term(term)) is not None}
        rows = []
        for i in range(len(vectors)):
            row = [(found[t], w) for t, w in zip(*(a.tolist() for a in vectors.row(i)), strict=True) if t in found]
            rows.append(([term for term, _ in row], [weight for _, weight in row]))
        return SparseVectors.from_rows(rows)


class SpaceEncoder:
    """Encodes texts over one term space of an index: one encoder or, for vectors of a blend, several."""

    def __init__(self, sides: Sequence[Side]) -> None:
        self._sides = sides

    def encode(self, texts: Sequence[str]) -> SparseVectors:
        """Query vectors, one row a text; term ids are local to the space."""
        vectors = [side.encode(texts) for side in self._sides]
        if len(vectors) == 1:
            return vectors[0]
        bases, weights = [side.base for side in self._sides], [side.weight for side in self._sides]
        joined = join_spaces(vectors, bases, weights)
        return SparseVectors(joined.indptr, joined.terms, joined.weights)  # ids found by name are in no order

    def matches(self, text: str) -> list[Match]:
        """The places of a text that stand for terms of the space."""
        return [
            Match(match.start, match.end, term)
            for side in self._sides
            for match in side.encoder.document.matches(text)
            if (term := side.term(match.term)) is not None
        ]


def _recorded(space: SpaceEntry) -> Encoder:
    if space.source is None:
        raise UsageError(
            "the index was made from ready vectors, and has no encoder for text",
            hint="search it with a vector, or name the model that made the vectors",
        )
    return load_encoder(space.source, **space.settings).parts[0]


def _side(part: Encoder, space: SpaceEntry, vocabulary: CollectionVocabulary) -> Side:
    """An encoder over one of several term spaces; where it did not make the vectors, term ids may be other ones."""
    if space.source is None:
        return _ready_side(part, vocabulary, by_name=space.terms > 0)
    return Side(part.over(vocabulary))


def _ready_side(
    part: Encoder, vocabulary: CollectionVocabulary, *, by_name: bool, base: int = 0, weight: float = 1.0
) -> Side:
    """A part of an encoder over ready vectors; one that needs the collection uses its words, and so its term ids."""
    if not part.needs_collection:
        return Side(part, base, weight, vocabulary if by_name else None)
    if len(vocabulary) == 0:
        raise UsageError(
            f"{part.name} finds words by their names, and the terms of these vectors have none",
            hint="search with a vector",
        )
    return Side(part.over(vocabulary), 0, weight)


def _fingerprints(spaces: Sequence[SpaceEntry]) -> set[str]:
    """What vectors may have that are surely over the terms of these spaces."""
    found: set[str] = set()
    queries = [(space.base, space.query_fingerprint, space.weight) for space in spaces if space.query_fingerprint]
    documents = [(space.base, space.document_fingerprint) for space in spaces if space.document_fingerprint]
    if len(queries) == len(spaces):
        found.add(query_blend_fingerprint(queries))
    if len(documents) == len(spaces):
        found.add(document_blend_fingerprint(documents))
    if len(spaces) == 1:
        found |= {side for _, side, _ in queries} | {side for _, side in documents}
    return found
