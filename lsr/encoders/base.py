"""What an encoder is: a document side and a query side over one term space, and several of those blended.

Every encoder family implements the two small protocols below; everything else in the program sees only ``Encoder`` (one
term space) and ``BlendedEncoder`` (several).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Protocol

import numpy as np

from lsr.encoders.blended_vocabulary import BlendedVocabulary
from lsr.encoders.spaces import join_spaces, term_ranges
from lsr.encoders.statistics import CollectionVocabulary, CountedTerms, TermStatistics
from lsr.encoders.texts import checked_iterable, checked_texts
from lsr.errors import UsageError
from lsr.vectors import SparseVectors, Vocabulary

CHUNK = 1024
"""Texts that a stream of documents hands to an encoder at a time."""

Progress = Callable[[int], None]
"""Called with the number of texts that are encoded."""


@dataclass
class Counters:
    """What happened while documents were encoded; encoders add to it.

    Attributes:
        texts: Texts that were encoded.
        truncated: Texts of which the encoder read only the beginning.
        empty: Texts that got no term at all.
    """

    texts: int = 0
    truncated: int = 0
    empty: int = 0

    def add(self, other: Counters) -> None:
        """Add the counts of another batch."""
        self.texts += other.texts
        self.truncated += other.truncated
        self.empty += other.empty


@dataclass(frozen=True)
class Match:
    """A place in a text that stands for a term: characters ``start`` to ``end - 1``."""

    start: int
    end: int
    term: int


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
    """Whether the encoder depends on the collection, as BM25 does: ``encode`` gives new words the next free term ids,
    ``finish`` needs the mean mass of the whole collection, and the query side needs its statistics."""

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
        """The same encoder as one that has seen no documents: a copy if it needs the collection, itself if not."""
        ...

    def over(self, vocabulary: Vocabulary) -> DocumentEncoder:
        """The same encoder for a collection that is finished and has these words: it matches, and encodes no documents.

        An encoder that needs no collection has its own vocabulary, and is given back as it is.
        """
        ...


class QueryEncoder(Protocol):
    """The query side of one term space."""

    identity: Mapping[str, Any]

    def encode(self, texts: Sequence[str], statistics: TermStatistics | None = None) -> SparseVectors:
        """Query vectors, one row a text in order; term ids are those of the document side.

        An encoder that needs the collection takes them from ``statistics``, and refuses to go without.
        """
        ...


def fingerprint(*identities: Mapping[str, Any] | str) -> str:
    """A short name for everything that decides an encoder's output (SHA-256 over canonical JSON, 32 hex digits)."""
    text = json.dumps(identities, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def document_blend_fingerprint(sides: Iterable[tuple[int, str]]) -> str:
    """Identity of document vectors over several term spaces, from each one's first term id and fingerprint."""
    return fingerprint(*({"base": base, "side": side} for base, side in sorted(sides)))


def query_blend_fingerprint(sides: Iterable[tuple[int, str, float]]) -> str:
    """Identity of query vectors over several term spaces, from each one's first term id, fingerprint and weight."""
    return fingerprint(*({"base": base, "side": side, "weight": weight} for base, side, weight in sorted(sides)))


@dataclass
class Encoder:
    """One term space: a document encoder and the query encoder that fits it (often the same object).

    Attributes:
        name: The space's name in blends and explanations, such as ``splade-tiny`` or ``bm25``.
        source: What ``load_encoder`` needs to find it again: an embedded name, a directory, a hub id; ``None`` for one
            that can't be loaded by a name.
        document: The document side.
        query: The query side.
        weight: Weight of the space in a blend when nobody says otherwise.
        capacity: Number of term ids to reserve: the vocabulary's size, or ``None`` for a vocabulary that grows.
        settings: Keyword arguments with which ``load_encoder(source, ...)`` makes it again, as JSON values.
        statistics: What the query side may ask about a collection, unless a call names another; see ``over``.

    An encoder may be shared between threads: encoding changes none of these attributes. An encoder that needs the
    collection (BM25) has one thing that grows, its vocabulary of words; that is guarded, and all who share it share its
    term ids.
    """

    name: str
    source: str | None
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
    def needs_collection(self) -> bool:
        """Whether it depends on the collection; see ``DocumentEncoder``."""
        return self.document.needs_collection

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

        Memory does not grow with the stream, unless the encoder needs the whole collection (BM25): then all texts are
        read, and their raw vectors kept, before the first chunk comes.

        Raises:
            UsageError: As for ``encode_documents``.
        """
        checked = checked_iterable(texts)
        return (self._labelled(final) for (final,) in _finished(self.parts, checked, progress))

    def encode_documents(self, texts: Iterable[str], *, progress: Progress | None = None) -> SparseVectors:
        """Document vectors, one row a text.

        For an encoder that needs the collection (BM25) the given texts are the collection; hand the vectors over to
        ``encode_queries``.

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

    def encode_queries(self, texts: Iterable[str], *, collection: SparseVectors | None = None) -> SparseVectors:
        """Query vectors, one row a text.

        Args:
            texts: The queries.
            collection: The document vectors that are searched, from ``encode_documents``; needed for BM25, whose
                queries are weighed by how rare a word is in them.

        Raises:
            UsageError: ``texts`` is a single string, or holds something that is not a string; or the encoder needs a
                collection, and none is given.
        """
        statistics = self.statistics
        if collection is not None and self.needs_collection:
            statistics = CountedTerms(collection, self.document.vocabulary)
        return self._queries(checked_texts(list(checked_iterable(texts))), statistics)

    def over(self, collection: CollectionVocabulary) -> Encoder:
        """The same encoder for a collection that is finished: its queries use those words and statistics.

        An encoder that needs no collection is given back as it is.
        """
        if not self.needs_collection:
            return self
        return replace(self, document=self.document.over(collection), statistics=collection)

    def _queries(self, texts: list[str], statistics: TermStatistics | None) -> SparseVectors:
        if self.needs_collection and statistics is None:
            raise UsageError(
                f"{self.name} weighs query terms by their rarity in a collection, and none is given",
                hint="give encode_queries the document vectors as its collection, or search through an index",
            )
        vectors = self.query.encode(texts, statistics)
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
        return document_blend_fingerprint((base, part.document_fingerprint) for base, part in self._ranges)

    @property
    def query_fingerprint(self) -> str:
        """Identity of the query sides, of their ranges of term ids and of their weights."""
        return query_blend_fingerprint((base, part.query_fingerprint, part.weight) for base, part in self._ranges)

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

    def encode_queries(self, texts: Iterable[str], *, collection: SparseVectors | None = None) -> SparseVectors:
        """Query vectors over all term spaces, each part's weights multiplied by its default weight.

        Args:
            texts: The queries.
            collection: As for ``Encoder.encode_queries``; vectors from this encoder's ``encode_documents``.

        Raises:
            UsageError: As for ``Encoder.encode_queries``.
        """
        listed = checked_texts(list(checked_iterable(texts)))
        vectors = []
        for base, part in self._ranges:
            statistics = part.statistics
            if collection is not None and part.needs_collection:
                statistics = CountedTerms(collection, part.document.vocabulary, base)
            vectors.append(part._queries(listed, statistics))
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


def check_encoder(encoder: object) -> None:
    """Refuse what is no encoder.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(encoder, AnyEncoder):
        raise UsageError(
            f"an encoder, or the name of one, is needed, and not a {type(encoder).__name__}",
            hint="use lsr.load_encoder",
        )


def _finished(
    parts: Sequence[Encoder], texts: Iterable[str], progress: Progress | None
) -> Iterator[list[SparseVectors]]:
    """Final vectors of each part for a chunk of texts at a time, in one pass over the texts."""
    masses = [1.0] * len(parts)
    chunks: Iterable[list[SparseVectors]] = _raw(parts, texts, progress)
    if any(part.needs_collection for part in parts):
        chunks = list(chunks)
        for number, part in enumerate(parts):
            if part.needs_collection:
                masses[number] = mean_mass(SparseVectors.concatenate([chunk[number] for chunk in chunks]))
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


def in_id_order(parts: Sequence[Encoder]) -> list[Encoder]:
    """The parts in the order of their ranges of term ids, which is the order of an index's term spaces."""
    bases, _ = term_ranges([part.capacity for part in parts])
    return [parts[i] for i in sorted(range(len(parts)), key=lambda i: bases[i])]
