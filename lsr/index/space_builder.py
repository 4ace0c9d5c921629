"""A term space while an index is built: its raw vectors, its final impacts, and its entry in the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.documents import WEIGHT_LIMIT, Document
from lsr.encoders.base import AnyEncoder, Encoder, in_id_order, mean_mass, term_ranges
from lsr.errors import BadInput, BadModel, UsageError
from lsr.index.catalog import TermRow
from lsr.index.impacts import choose_scale, to_levels
from lsr.index.manifest import SpaceEntry, is_space_weight
from lsr.vectors import TERM_LIMIT, SparseVectors, TokenTable, vectors_from_dicts

READY_SPACE = "vectors"
"""Name of the term space of vectors that came ready-made."""


@dataclass(frozen=True)
class BuiltSpace:
    """A term space that is ready to be written.

    Attributes:
        entry: Its entry in the manifest.
        vectors: One row a document; local term ids. Only entries that are stored are left.
        impacts: uint8 levels or float32 weights, one an entry of ``vectors``.
    """

    entry: SpaceEntry
    vectors: SparseVectors
    impacts: NDArray[Any]


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
        grows = self.encoder.capacity is None  # the term ids of new words depend on those that it holds already
        words = self.vocabulary.tokens if grows else []
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
                    "the document carries a vector, and an encoder was given too",
                    where=document.where,
                    hint="give no encoder, or leave the vector out",
                )
        return self.encoder.document.encode([document.text for document in documents])

    def named_terms(self, number: int, raw: SparseVectors) -> list[TermRow]:
        """Rows of the catalog for the terms that have a name.

        Args:
            number: The term space's number in the manifest.
            raw: The raw vectors of all documents.
        """
        if not self.vocabulary:
            return []
        size = len(self.vocabulary)
        frequencies = np.bincount(raw.terms[raw.terms < size], minlength=size).tolist()
        tokens = ((term, self.vocabulary.token(term)) for term in range(size))
        return [(number, token, term, frequencies[term]) for term, token in tokens if token is not None]

    def finish(self, raw: SparseVectors, named: int, impacts: str) -> BuiltSpace:
        """Final weights, as they are stored.

        Args:
            raw: The raw vectors of all documents.
            named: Number of terms that have a name.
            impacts: ``uint8`` or ``float32``.

        Raises:
            BadModel: The encoder gives weights that are not positive and finite, or are too large.
            BadInput: The weights are too small for ``uint8``.
        """
        mass = mean_mass(raw)
        final = self._final(raw, mass)
        if impacts == "float32":
            return BuiltSpace(self._entry(1.0, 0, mass, named), final, final.weights)
        scale = self._scale(final)
        levels, clipped = to_levels(final.weights, scale)
        entry = self._entry(scale, clipped, mass, named)
        keep = levels > 0
        if np.all(keep):
            return BuiltSpace(entry, final, levels)
        kept_before = np.concatenate([[0], np.cumsum(keep)])
        kept = SparseVectors.trusted(kept_before[final.indptr], final.terms[keep], final.weights[keep])
        return BuiltSpace(entry, kept, levels[keep])

    def _ready_vector(self, document: Document) -> SparseVectors:
        if document.vector is None:
            raise BadInput(
                "the document carries no vector, and no encoder was given", where=document.where, hint="name an encoder"
            )
        return vectors_from_dicts([document.vector], self.vocabulary)

    def _final(self, raw: SparseVectors, mass: float) -> SparseVectors:
        final = raw if self.encoder is None else self.encoder.document.finish(raw, mass)
        if not np.all((final.weights > 0) & (final.weights <= WEIGHT_LIMIT)):  # NaN fails both
            raise BadModel(
                f"the encoder gave a weight that is not a positive number up to {WEIGHT_LIMIT:.0f}",
                where=self.name,
                hint="check the model's weights, or try another --backend",
            )
        return final

    def _scale(self, final: SparseVectors) -> float:
        limit = None if self.encoder is None else self.encoder.document.weight_limit
        try:
            return choose_scale(final.weights, limit)
        except BadInput as error:
            raise BadInput(error.message, where=self.name, hint=error.hint) from None

    def _entry(self, scale: float, clipped: int, mass: float, named: int) -> SpaceEntry:
        encoder = self.encoder
        return SpaceEntry(
            name=self.name,
            base=self.base,
            capacity=self.capacity,
            weight=self.weight,
            scale=scale,
            clipped=clipped,
            mean_mass=mass,
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
