"""What an encoder is: a document side and a query side over one term space, and several of those blended.

Every encoder family implements the two small protocols below; everything else in the program sees only ``Encoder`` (one
term space) and ``BlendedEncoder`` (several).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np

from lsr.encoders.blended_vocabulary import BlendedVocabulary
from lsr.encoders.texts import checked_iterable, checked_texts
from lsr.errors import UsageError
from lsr.vectors import TERM_LIMIT, SparseVectors, Vocabulary

CHUNK = 1024
"""Texts that a stream of documents hands to an encoder at a time."""

Progress = Callable[[int], None]
"""Called with the number of texts that are encoded."""


@dataclass
class Counters:
    """What happened while documents were encoded; encoders add to it."""

    texts: int = 0
    tokens: int = 0
    truncated: int = 0
    empty: int = 0

    def add(self, other: Counters) -> None:
        """Add the counts of another batch."""
        self.texts += other.texts
        self.tokens += other.tokens
        self.truncated += other.truncated
        self.empty += other.empty


@dataclass(frozen=True)
class Match:
    """A place in a text that stands for a term: characters ``start`` to ``end - 1``."""

    start: int
    end: int
    term: int


class TermStatistics(Protocol):
    """What a query encoder may ask a collection."""

    @property
    def documents(self) -> int:
        """Number of documents in the collection."""
        ...

    def lookup(self, token: str) -> tuple[int, int] | None:
        """Term id and number of documents that contain the token, or ``None`` for an unknown token."""
        ...


class DocumentEncoder(Protocol):
    """The document side of one term space."""

    vocabulary: Vocabulary
    counters: Counters
    identity: Mapping[str, Any]
    """Everything that changes the vectors, as JSON values: hashes of weights and tokenizer, pooling, lengths."""

    backend: str
    """Which code computes ``encode``. Backends agree but for rounding, so this is no part of ``identity``."""

    weight_limit: float | None
    """What no final weight ever exceeds, whatever the collection; ``None`` if only the weights themselves tell."""

    needs_collection: bool
    """Whether ``finish`` needs the mean mass of the whole collection (BM25's average length)."""

    def encode(self, texts: Sequence[str]) -> SparseVectors:
        """Raw vectors, one row a text in order. For most encoders raw is final."""
        ...

    def finish(self, raw: SparseVectors, mean_mass: float) -> SparseVectors:
        """Final weights, given the mean over the collection of the sum of a row's raw weights."""
        ...

    def matches(self, text: str) -> list[Match]:
        """The places of a text whose terms the document side sees literally, in order of appearance."""
        ...

    def fresh(self) -> DocumentEncoder:
        """The same encoder as one that has seen no documents: a copy if it learns from them, itself if not."""
        ...


class QueryEncoder(Protocol):
    """The query side of one term space."""

    identity: Mapping[str, Any]
    needs_statistics: bool
    """Whether ``encode`` needs statistics of the collection (BM25's idf)."""

    def encode(self, texts: Sequence[str], statistics: TermStatistics | None = None) -> SparseVectors:
        """Query vectors, one row a text in order; term ids are those of the document side."""
        ...


def fingerprint(*identities: Mapping[str, Any] | str) -> str:
    """A short name for everything that decides an encoder's output (SHA-256 over canonical JSON, 32 hex digits)."""
    text = json.dumps(identities, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass
class Encoder:
    """One term space: a document encoder and the query encoder that fits it (often the same object).

    Attributes:
        name: The space's name in blends and explanations, such as ``splade-tiny`` or ``bm25``.
        source: What ``load_encoder`` needs to find it again: an embedded name, a directory, a hub id.
        document: The document side.
        query: The query side.
        weight: Weight of the space in a blend when nobody says otherwise.
        capacity: Number of term ids to reserve: the vocabulary's size, or ``None`` for a vocabulary that grows.
        settings: Keyword arguments with which ``load_encoder(source, ...)`` makes it again, as JSON values.
        statistics: What the query side may ask about a collection; set by encoding documents, or by an index.

    Both sides are safe to use from several threads at once.
    """

    name: str
    source: str
    document: DocumentEncoder
    query: QueryEncoder
    weight: float = 1.0
    capacity: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    statistics: TermStatistics | None = field(default=None, repr=False)

    @property
    def parts(self) -> tuple[Encoder, ...]:
        """Its term spaces: itself alone."""
        return (self,)

    @property
    def document_fingerprint(self) -> str:
        """Identity of the document side."""
        return fingerprint(self.document.identity)

    @property
    def query_fingerprint(self) -> str:
        """Identity of the query side."""
        return fingerprint(self.query.identity)

    def iter_documents(self, texts: Iterable[str], *, progress: Progress | None = None) -> Iterator[SparseVectors]:
        """Document vectors of a stream of texts, a chunk of rows at a time: together, what ``encode_documents`` gives.

        Memory does not grow with the stream, unless the encoder needs statistics of the whole collection (BM25): then
        all texts are read, and their raw vectors kept, before the first chunk comes.

        Raises:
            UsageError: As for ``encode_documents``.
        """
        checked = checked_iterable(texts)
        return (self._labelled(final) for (final,) in _finished(self.parts, checked, progress))

    def encode_documents(self, texts: Iterable[str], *, progress: Progress | None = None) -> SparseVectors:
        """Document vectors, one row a text.

        For an encoder with collection statistics (BM25) the given texts are the collection, and are remembered as such
        for ``encode_queries``.

        Args:
            texts: The texts; a stream is read once.
            progress: Called with the number of texts encoded so far.

        Raises:
            UsageError: ``texts`` is a single string, or holds something that is not a string.
        """
        return self._labelled(SparseVectors.concatenate(list(self.iter_documents(texts, progress=progress))))

    def _labelled(self, documents: SparseVectors) -> SparseVectors:
        documents.vocabulary = self.document.vocabulary
        documents.fingerprint = self.document_fingerprint
        return documents

    def encode_queries(self, texts: Iterable[str]) -> SparseVectors:
        """Query vectors, one row a text.

        Raises:
            UsageError: ``texts`` is a single string, or holds something that is not a string; or the encoder needs the
                statistics of a collection and has seen none.
        """
        listed = checked_texts(list(checked_iterable(texts)))
        if self.query.needs_statistics and self.statistics is None:
            raise UsageError(
                f"{self.name} weighs query terms by their rarity in a collection, and has seen none",
                hint="encode the documents first, or search through an index",
            )
        vectors = self.query.encode(listed, self.statistics)
        vectors.vocabulary = self.document.vocabulary
        vectors.fingerprint = self.query_fingerprint
        return vectors


@dataclass
class BlendedEncoder:
    """Several term spaces side by side, each a range of term ids."""

    parts: tuple[Encoder, ...]

    @property
    def name(self) -> str:
        """The names of the parts, joined by a plus sign."""
        return "+".join(part.name for part in self.parts)

    @property
    def bases(self) -> tuple[int, ...]:
        """First term id of each part."""
        return term_ranges([part.capacity for part in self.parts])[0]

    @property
    def vocabulary(self) -> BlendedVocabulary:
        """The names of all terms, ``space:token``."""
        return BlendedVocabulary((base, part.name, part.document.vocabulary) for base, part in self._ranges)

    @property
    def document_fingerprint(self) -> str:
        """Identity of the document sides and of their ranges of term ids."""
        sides = [{"base": base, "side": part.document_fingerprint} for base, part in self._ranges]
        return fingerprint(*sides)

    @property
    def query_fingerprint(self) -> str:
        """Identity of the query sides, of their ranges of term ids and of their weights."""
        sides = [{"base": base, "side": part.query_fingerprint, "weight": part.weight} for base, part in self._ranges]
        return fingerprint(*sides)

    def iter_documents(self, texts: Iterable[str], *, progress: Progress | None = None) -> Iterator[SparseVectors]:
        """Document vectors of a stream of texts, a chunk of rows at a time; see ``Encoder.iter_documents``."""
        checked = checked_iterable(texts)
        return (self._joined(finals) for finals in _finished(self.parts, checked, progress))

    def encode_documents(self, texts: Iterable[str], *, progress: Progress | None = None) -> SparseVectors:
        """Document vectors over all term spaces, one row a text; term ids are shifted by the base of their space.

        Args:
            texts: The texts; a stream is read once.
            progress: Called with the number of texts encoded so far.

        Raises:
            UsageError: ``texts`` is a single string, or holds something that is not a string.
        """
        return self._labelled(SparseVectors.concatenate(list(self.iter_documents(texts, progress=progress))))

    def encode_queries(self, texts: Iterable[str]) -> SparseVectors:
        """Query vectors over all term spaces, each part's weights multiplied by its default weight.

        Raises:
            UsageError: As for ``Encoder.encode_queries``.
        """
        listed = list(checked_iterable(texts))
        vectors = [part.encode_queries(listed) for part in self.parts]
        joined = join_spaces(vectors, self.bases, [part.weight for part in self.parts])
        joined.vocabulary = self.vocabulary
        joined.fingerprint = self.query_fingerprint
        return joined

    @property
    def _ranges(self) -> Iterator[tuple[int, Encoder]]:
        return zip(self.bases, self.parts, strict=True)

    def _joined(self, finals: Sequence[SparseVectors]) -> SparseVectors:
        return self._labelled(join_spaces(finals, self.bases))

    def _labelled(self, documents: SparseVectors) -> SparseVectors:
        documents.vocabulary = self.vocabulary
        documents.fingerprint = self.document_fingerprint
        return documents


AnyEncoder = Encoder | BlendedEncoder


def _finished(
    parts: Sequence[Encoder], texts: Iterable[str], progress: Progress | None
) -> Iterator[list[SparseVectors]]:
    """Final vectors of each part for a chunk of texts at a time, in one pass over the texts."""
    masses = [1.0] * len(parts)
    chunks: Iterable[list[SparseVectors]] = _raw(parts, texts, progress)
    if any(part.document.needs_collection or part.query.needs_statistics for part in parts):
        chunks = list(chunks)
        for number, part in enumerate(parts):
            raw = SparseVectors.concatenate([chunk[number] for chunk in chunks])
            masses[number] = mean_mass(raw)
            if part.query.needs_statistics:
                part.statistics = _RowStatistics(raw, part.document.vocabulary)
    for chunk in chunks:
        yield [part.document.finish(raw, mass) for part, raw, mass in zip(parts, chunk, masses, strict=True)]


def _raw(parts: Sequence[Encoder], texts: Iterable[str], progress: Progress | None) -> Iterator[list[SparseVectors]]:
    source = iter(texts)
    done = 0
    while chunk := checked_texts(list(islice(source, CHUNK)), first=done):
        yield [part.document.encode(chunk) for part in parts]
        done += len(chunk)
        if progress is not None:
            progress(done)


def mean_mass(raw: SparseVectors) -> float:
    """Mean over the rows of the sum of a row's raw weights; 1.0 for no rows or no mass, so that it can divide."""
    total = float(raw.weights.sum(dtype=np.float64))
    return total / len(raw) if total > 0 else 1.0


def term_ranges(capacities: Sequence[int | None]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First term id and number of ids of each space.

    Fixed vocabularies are packed from 0 in order; growing ones (``None``) share the rest of the 32-bit range evenly.
    """
    fixed = sum(size for size in capacities if size is not None)
    growing = sum(size is None for size in capacities)
    share = (TERM_LIMIT - fixed) // growing if growing else 0
    bases, sizes = [], []
    next_fixed, next_growing = 0, fixed
    for size in capacities:
        if size is None:
            bases.append(next_growing)
            sizes.append(share)
            next_growing += share
        else:
            bases.append(next_fixed)
            sizes.append(size)
            next_fixed += size
    return tuple(bases), tuple(sizes)


def in_id_order(parts: Sequence[Encoder]) -> list[Encoder]:
    """The parts in the order of their ranges of term ids, which is the order of an index's term spaces."""
    bases, _ = term_ranges([part.capacity for part in parts])
    return [parts[i] for i in sorted(range(len(parts)), key=lambda i: bases[i])]


def join_spaces(
    spaces: Sequence[SparseVectors], bases: Sequence[int], weights: Sequence[float] | None = None
) -> SparseVectors:
    """One vector a row from the same rows in several term spaces.

    Args:
        spaces: One set of vectors a space, all with the same number of rows.
        bases: First term id of each space.
        weights: Factor for each space's weights; a space with factor 0 is left out.
    """
    n = len(spaces[0])
    factors = [1.0] * len(spaces) if weights is None else list(weights)
    used = [i for i in range(len(spaces)) if factors[i] > 0]
    used.sort(key=lambda i: bases[i])
    indptr = np.zeros(n + 1, np.int64)
    for i in used:
        indptr += spaces[i].indptr
    terms = np.empty(int(indptr[-1]), np.uint32)
    joined = np.empty(int(indptr[-1]), np.float32)
    fill = indptr[:-1].copy()
    for i in used:
        part = spaces[i]
        lengths = np.diff(part.indptr)
        at = np.arange(part.nnz, dtype=np.int64) + np.repeat(fill - part.indptr[:-1], lengths)
        terms[at] = part.terms + np.uint32(bases[i])
        joined[at] = part.weights * np.float32(factors[i])
        fill += lengths
    return SparseVectors.trusted(indptr, terms, joined)


class _RowStatistics:
    """Term statistics counted from vectors in memory."""

    def __init__(self, raw: SparseVectors, vocabulary: Vocabulary) -> None:
        self.documents = len(raw)
        self._vocabulary = vocabulary
        self._counts = np.bincount(raw.terms, minlength=len(vocabulary))

    def lookup(self, token: str) -> tuple[int, int] | None:
        term = self._vocabulary.find(token)
        if term is None or term >= len(self._counts) or self._counts[term] == 0:
            return None  # a word of texts that came before or after the collection
        return term, int(self._counts[term])
