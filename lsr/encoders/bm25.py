"""BM25 as a pair of encoders over one growing vocabulary of stems.

The document side gives term frequencies; ``finish`` turns them into the saturated, length-normalised part of BM25 once
the average document length is known. The query side gives the count of a term in the query times its inverse document
frequency, taken from the statistics of the collection at query time. Their dot product is the BM25 score

    sum over query terms t of  count(t) * idf(t) * tf / (tf + k1 * (1 - b + b * length / average length))

of Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), in the form that Lucene
uses: idf = ln(1 + (N - df + 0.5) / (df + 0.5)), which is never negative, and no constant factor (k1 + 1). Unlike
Lucene, which stores a length in one byte, lengths are exact.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr import defaults
from lsr.encoders.analysis import Analyzer
from lsr.encoders.base import Counters, Encoder, Match
from lsr.encoders.statistics import TermStatistics
from lsr.errors import UsageError
from lsr.vectors import SparseVectors, TokenTable, Vocabulary

DEFAULT_WEIGHT = 1.5
"""Weight beside a learned space whose weight is 1, when nobody says otherwise."""

_STOPPED = -1
_CACHE_LIMIT = 2**18


def load_bm25(
    *,
    language: str = defaults.LANGUAGE,
    k1: float = defaults.K1,
    b: float = defaults.B,
    tokens: Iterable[str] | None = None,
) -> Encoder:
    """BM25 as an encoder.

    Args:
        language: Stemmer and stop words, see ``lsr.encoders.analysis.languages``.
        k1: How slowly repetitions of a term saturate; 0 counts presence only.
        b: How much long documents are held back, from 0 (not at all) to 1 (in proportion).
        tokens: A vocabulary to go on with, in the order of its term ids, each token once.

    Raises:
        UsageError: The language is unknown, or ``k1`` or ``b`` is out of range.
    """
    if not (isinstance(k1, Real) and math.isfinite(k1) and k1 >= 0):
        raise UsageError(f"k1 is {k1!r}; it must be a finite number, 0 or more", where="k1")
    if not (isinstance(b, Real) and 0 <= b <= 1):
        raise UsageError(f"b is {b!r}; it must be a number between 0 and 1", where="b")
    analyzer = Analyzer(language)
    return Encoder(
        name="bm25",
        source="bm25",
        document=BM25Documents(analyzer, float(k1), float(b), TokenTable(tokens or ())),
        query=BM25Queries(analyzer),
        weight=DEFAULT_WEIGHT,
        capacity=None,
        settings={"language": language, "k1": float(k1), "b": float(b)},
    )


class BM25Documents:
    """The document side. New stems get the next free term id, in order of their first appearance.

    Args:
        analyzer: Splits and stems.
        k1: Saturation, at least 0.
        b: Length normalisation, 0 to 1.
        vocabulary: The stems known so far. A ``TokenTable`` grows; any other vocabulary is that of a finished
            collection.
    """

    needs_collection = True
    backend = "native"
    weight_limit: float | None = 1.0

    def __init__(self, analyzer: Analyzer, k1: float, b: float, vocabulary: Vocabulary) -> None:
        self.analyzer = analyzer
        self.k1 = k1
        self.b = b
        self.vocabulary = vocabulary
        self.counters = Counters()
        self.identity: Mapping[str, Any] = {"family": "bm25", **analyzer.identity, "k1": k1, "b": b}
        self._table = vocabulary if isinstance(vocabulary, TokenTable) else None
        self._term_of_word: dict[str, int] = {}
        self._growing = threading.Lock()

    def fresh(self) -> BM25Documents:
        """A document side of the same settings with an empty vocabulary; the counters are shared."""
        other = BM25Documents(self.analyzer, self.k1, self.b, TokenTable())
        other.counters = self.counters
        return other

    def over(self, vocabulary: Vocabulary) -> BM25Documents:
        """A document side of the same settings for a finished collection: it finds its words, and encodes nothing."""
        return BM25Documents(self.analyzer, self.k1, self.b, vocabulary)

    def encode(self, texts: Sequence[str]) -> SparseVectors:
        """Term frequencies, one row a text: float32 whole numbers, exact up to 2**24.

        Raises:
            UsageError: The vocabulary is that of a finished collection.
        """
        words = [self.analyzer.words(text) for text in texts]
        with self._growing:
            terms = self._term_ids(words)
        rows = np.repeat(np.arange(len(texts), dtype=np.int64), [len(row) for row in words])
        counted = terms != _STOPPED
        keys, frequencies = np.unique((rows[counted] << 32) | terms[counted], return_counts=True)
        indptr = np.searchsorted(keys, np.arange(len(texts) + 1, dtype=np.int64) << 32).astype(np.int64)
        with self._growing:
            self.counters.add(Counters(texts=len(texts), empty=int(np.count_nonzero(np.diff(indptr) == 0))))
        return SparseVectors.trusted(
            indptr,
            (keys & 0xFFFFFFFF).astype(np.uint32),
            frequencies.astype(np.float32),
            vocabulary=self.vocabulary,
        )

    def finish(self, raw: SparseVectors, mean_mass: float) -> SparseVectors:
        """Saturated and length-normalised weights, each between 0 and 1.

        Args:
            raw: Rows of term frequencies from ``encode``; a row's length is their sum.
            mean_mass: Mean length over the whole collection, above 0.
        """
        frequencies = raw.weights.astype(np.float64)
        rows = np.repeat(np.arange(len(raw)), np.diff(raw.indptr))
        lengths = np.bincount(rows, weights=frequencies, minlength=len(raw))
        with np.errstate(over="ignore"):
            pivots = self.k1 * (1 - self.b + self.b * lengths / mean_mass)
        # The checking constructor: weights that an enormous k1 presses to zero must not be stored.
        return SparseVectors(
            raw.indptr,
            raw.terms,
            (frequencies / (frequencies + pivots[rows])).astype(np.float32),
            vocabulary=raw.vocabulary,
            fingerprint=raw.fingerprint,
        )

    def matches(self, text: str) -> list[Match]:
        """The words of a text whose stem the vocabulary knows, in order of appearance."""
        return [
            Match(token.start, token.end, term)
            for token in self.analyzer.tokens(text)
            if (term := self.vocabulary.find(token.stem)) is not None
        ]

    def _term_ids(self, words: list[list[str]]) -> NDArray[np.int64]:
        """Term id of each word of each row, ``_STOPPED`` for stop words; the caller holds the lock."""
        if len(self._term_of_word) >= _CACHE_LIMIT:
            self._term_of_word.clear()
        if self._table is None:
            raise UsageError(
                "the words of a finished collection don't grow", hint="encode documents with a new encoder, or fresh()"
            )
        known = self._term_of_word
        for word in dict.fromkeys(word for row in words for word in row):
            if word not in known:
                stem = self.analyzer.stem(word)
                known[word] = _STOPPED if stem is None else self._table.add(stem)
        total = sum(map(len, words))
        return np.fromiter((known[word] for row in words for word in row), np.int64, total)


class BM25Queries:
    """The query side.

    Args:
        analyzer: Splits and stems, as on the document side.
    """

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self.identity: Mapping[str, Any] = {"family": "bm25", **analyzer.identity, "idf": "lucene"}

    def encode(self, texts: Sequence[str], statistics: TermStatistics | None = None) -> SparseVectors:
        """Query vectors, one row a text; words that the collection lacks are left out.

        Args:
            texts: The queries.
            statistics: Document frequencies of the collection that is searched.

        Raises:
            UsageError: ``statistics`` is missing.
        """
        if statistics is None:
            raise UsageError(
                "BM25 weighs query terms by their rarity in a collection, and none is given",
                hint="give the document vectors as the collection, or search through an index",
            )
        return SparseVectors.from_rows(self._row(text, statistics) for text in texts)

    def _row(self, text: str, statistics: TermStatistics) -> tuple[list[int], list[float]]:
        terms, weights = [], []
        for stem, count in Counter(self.analyzer.stems(text)).items():
            found = statistics.lookup(stem)
            if found is not None:
                term, frequency = found
                terms.append(term)
                weights.append(count * _idf(statistics.documents, frequency))
        return terms, weights


def _idf(documents: int, frequency: int) -> float:
    return math.log1p((documents - frequency + 0.5) / (frequency + 0.5))
