"""A term space while an index is built: its raw vectors, its final impacts, and its entry in the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from lsr.documents import WEIGHT_LIMIT, Document, no_vector
from lsr.encoders.base import AnyEncoder, Encoder, in_id_order
from lsr.encoders.spaces import term_ranges
from lsr.errors import BadInput, BadModel, UsageError
from lsr.index.catalog import TermRow
from lsr.index.impacts import choose_scale_of
from lsr.index.manifest import SpaceEntry, is_space_weight
from lsr.vectors import TERM_LIMIT, SparseVectors, TokenTable, vectors_from_dicts

_COUNTED_IN_AN_ARRAY = 1 << 22

READY_SPACE = "vectors"
"""Name of the term space of vectors that came ready-made."""


RawChunks = Callable[[], Iterable[SparseVectors]]
"""Gives the raw vectors of one term space, chunk by chunk; it can be called again and again."""


class Survey:
    """What all raw vectors of a term space say together.

    Args:
        chunks: The raw vectors.
        named: Whether the space's terms have names, so that they are counted.

    Attributes:
        mean_mass: Mean sum of a row's weights; 1.0 for no rows or no mass, so that it can divide.
        frequencies: Number of rows that have each term, by term id.
    """

    def __init__(self, chunks: Iterable[SparseVectors], *, named: bool) -> None:
        rows, mass = 0, 0.0
        self.frequencies: Counter[int] = Counter()
        low = np.zeros(0, np.int64)
        for chunk in chunks:
            rows += len(chunk)
            mass += float(chunk.weights.sum(dtype=np.float64))
            if named:
                is_low = chunk.terms < _COUNTED_IN_AN_ARRAY
                found = np.bincount(chunk.terms[is_low])
                low = np.pad(low, (0, max(0, len(found) - len(low))))
                low[: len(found)] += found
                # The ids of a blend's vocabulary have gaps: several spaces that grow lie far apart.
                high, counts = np.unique(chunk.terms[~is_low], return_counts=True)
                self.frequencies.update(dict(zip(high.tolist(), counts.tolist(), strict=True)))
        self.frequencies.update({term: count for term, count in enumerate(low.tolist()) if count})
        self.mean_mass = mass / rows if mass > 0 else 1.0


@dataclass
class SpaceBuilder:
    """One term space while it is built.

    Attributes:
        name: Its name in blends.
        base: Its first term id.
        capacity: How many term ids it owns.
        weight: Its weight at query time when nobody says otherwise.
        encoder: What encodes documents, or ``None`` for ready vectors.
        vocabulary: The names of its terms; that of ready vectors and of BM25 grows.
        document_fingerprint: Identity of the encoder that made ready vectors.
    """

    name: str
    base: int
    capacity: int
    weight: float
    encoder: Encoder | None
    vocabulary: Any
    document_fingerprint: str | None = None

    @property
    def origin(self) -> list[str]:
        """All that its raw vectors depend on, to the last bit, besides the documents."""
        if self.encoder is None:
            return []
        # The term ids of new words depend on those that a growing vocabulary holds already.
        words = self.vocabulary.tokens if self.encoder.needs_collection else []
        return [self.encoder.document_fingerprint, self.encoder.document.backend, *words]

    def encode(self, documents: Sequence[Document]) -> SparseVectors:
        """Raw vectors of documents, one row each.

        Raises:
            BadInput: A document carries a vector and should carry none, or the other way round.
        """
        if self.encoder is None:
            return SparseVectors.concatenate([self._ready_vector(document) for document in documents])
        for document in documents:
            if document.vector is not None:
                raise BadInput(
                    "the document carries a ready vector, and an encoder is to encode its text",
                    where=document.where,
                    hint="pass encoder=None (--input-format anserini) to index the vectors, or leave them out",
                )
        return self.encoder.document.encode([document.text for document in documents])

    def survey(self, chunks: RawChunks) -> Survey:
        """Read all raw vectors once."""
        return Survey(chunks(), named=bool(self.vocabulary))

    def named_terms(self, number: int, survey: Survey) -> list[TermRow]:
        """Rows of the catalog for the terms that have a name.

        Args:
            number: The term space's number in the manifest.
            survey: What the raw vectors say.
        """
        if not self.vocabulary:
            return []
        size = len(self.vocabulary)
        terms = chain(range(size), sorted(term for term in survey.frequencies if term >= size))
        named = ((term, self.vocabulary.token(term)) for term in terms)
        return [(number, token, term, survey.frequencies[term]) for term, token in named if token is not None]

    def final(self, raw: SparseVectors, mass: float) -> SparseVectors:
        """Final weights of some rows.

        Args:
            raw: Their raw vectors.
            mass: The survey's mean mass.

        Raises:
            BadModel: The encoder gives weights that are not positive and finite, or are too large.
        """
        final = raw if self.encoder is None else self.encoder.document.finish(raw, mass)
        if not np.all((final.weights > 0) & (final.weights <= WEIGHT_LIMIT)):  # NaN fails both
            raise BadModel(
                f"the encoder gave a weight that is not a positive number up to {WEIGHT_LIMIT:.0f}",
                where=self.name,
                hint="check the model's weights, or try another backend",
            )
        return final

    def scale(self, chunks: RawChunks, mass: float) -> float:
        """The value of impact level 1.

        Raises:
            BadModel: As ``final``.
            BadInput: The weights are too small for ``uint8``.
        """
        limit = None if self.encoder is None else self.encoder.document.weight_limit
        try:
            return choose_scale_of((self.final(raw, mass).weights for raw in chunks()), limit)
        except BadInput as error:
            raise BadInput(error.message, where=self.name, hint=error.hint) from None

    def _ready_vector(self, document: Document) -> SparseVectors:
        if document.vector is None:
            if "vector" in document.fields:
                raise no_vector(document.fields["vector"], document.where)
            raise BadInput(
                "the document carries no vector, and no encoder was given", where=document.where, hint="name an encoder"
            )
        return vectors_from_dicts([document.vector], self.vocabulary)

    def entry(self, scale: float, clipped: int, survey: Survey, named: int) -> SpaceEntry:
        """The term space's entry in the manifest.

        Args:
            scale: The value of level 1; 1.0 for ``float32`` impacts.
            clipped: Number of weights that were too large for level 255.
            survey: What the raw vectors say.
            named: Number of terms that have a name.
        """
        encoder = self.encoder
        return SpaceEntry(
            name=self.name,
            base=self.base,
            capacity=self.capacity,
            weight=self.weight,
            scale=scale,
            clipped=clipped,
            mean_mass=survey.mean_mass,
            terms=named,
            source=encoder.source if encoder else None,
            settings=dict(encoder.settings) if encoder else {},
            document_fingerprint=encoder.document_fingerprint if encoder else self.document_fingerprint,
            query_fingerprint=encoder.query_fingerprint if encoder else None,
        )


def space_builders(encoder: AnyEncoder | None) -> list[SpaceBuilder]:
    """The term spaces of an encoder, by ascending term id; one for ready vectors if there is none.

    Raises:
        UsageError: A part's weight can't be a term space's.
    """
    if encoder is None:
        return [SpaceBuilder(READY_SPACE, 0, TERM_LIMIT, 1.0, None, TokenTable())]
    parts = in_id_order(encoder.parts)
    bases, sizes = term_ranges([part.capacity for part in parts])
    for part in parts:
        if not is_space_weight(part.weight):
            raise UsageError(
                f"the encoder's weight is {part.weight!r}; it must be 0, or a number from 1e-6 to 1e6", where=part.name
            )
    return [
        SpaceBuilder(part.name, base, size, part.weight, part, part.document.vocabulary)
        for part, base, size in zip(parts, bases, sizes, strict=True)
    ]
