"""What a query encoder may ask a collection, and the same counted from vectors in memory."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lsr.vectors import SparseVectors, Vocabulary


class TermStatistics(Protocol):
    """What a query encoder may ask a collection."""

    @property
    def documents(self) -> int:
        """Number of documents in the collection."""
        ...

    def lookup(self, token: str) -> tuple[int, int] | None:
        """Term id and number of documents that contain the token, or ``None`` for an unknown token."""
        ...


class CollectionVocabulary(Vocabulary, TermStatistics, Protocol):
    """The words of a finished collection with their statistics, as an index keeps them."""


class CountedTerms:
    """Term statistics counted from document vectors in memory.

    Args:
        documents: Vectors of the whole collection.
        vocabulary: The names of the terms of one term space.
        base: First term id of that space.
    """

    def __init__(self, documents: SparseVectors, vocabulary: Vocabulary, base: int = 0) -> None:
        self.documents = len(documents)
        self._vocabulary = vocabulary
        terms = documents.terms.astype(np.int64) - base
        self._counts = np.bincount(terms[(terms >= 0) & (terms < len(vocabulary))])

    def lookup(self, token: str) -> tuple[int, int] | None:
        """Term id inside the space and number of documents that have the term, or ``None``."""
        term = self._vocabulary.find(token)
        if term is None or term >= len(self._counts) or self._counts[term] == 0:
            return None  # a word of texts that came before or after the collection
        return term, int(self._counts[term])
