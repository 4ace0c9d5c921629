"""An index, the encoders that its manifest names, and the engine, as one object that answers text."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lsr.encoders.base import AnyEncoder, Encoder, Match, in_id_order, join_spaces
from lsr.encoders.registry import load_encoder
from lsr.encoders.texts import checked_iterable, checked_texts
from lsr.errors import BadInput, ModelMismatch, NotFound, UsageError, nearest
from lsr.index.index import Index
from lsr.index.manifest import WEIGHT_LIMITS, SpaceEntry
from lsr.search.engine import Engine, check_k
from lsr.search.results import Contribution, Explanation, Hit, Results
from lsr.search.scorers import BatchResult
from lsr.vectors import TERM_LIMIT, SparseVectors, Vocabulary

_TERM_DIGITS = len(str(TERM_LIMIT - 1))


class Searcher:
    """Answers queries over an open index. It may be shared between threads.

    Encoders are loaded at the first query that is text; queries that are vectors load none. Once the index is closed,
    every question is a ``UsageError``.

    Args:
        index: The index; the searcher does not close it.
        encoder: An encoder, or the name of one, in place of those that the manifest names.
        kernel: ``auto``, ``portable`` or ``compiled``, see ``lsr.search.engine.Engine``.
        force: Use an encoder although its fingerprint is not the one in the manifest.
    """

    def __init__(
        self,
        index: Index,
        encoder: AnyEncoder | str | Path | None = None,
        *,
        kernel: str = "auto",
        force: bool = False,
    ) -> None:
        if not isinstance(index, Index):
            raise UsageError(f"a searcher needs an open index, not a {type(index).__name__}", hint="use lsr.Index.open")
        self.index = index
        self._given = encoder
        self._force = force
        self._engine = Engine(index.segments, index.manifest.spaces, kernel)
        self._parts: list[Encoder] | None = None
        self._loading = threading.Lock()

    def search(self, text: str, k: int = 10, *, blend: Mapping[str, float] | None = None) -> Results:
        """The k best documents for a text.

        Args:
            text: The query.
            k: Number of hits wanted.
            blend: Weight by name of a term space; those not named keep the manifest's weight.

        Raises:
            UsageError: ``k`` is below 1, a blend names no space of this index, or the index has no encoder.
            ModelMismatch: The encoder at hand is not the one that made the index.
        """
        self.index.check_open()
        check_k(k)
        return self._as_results(self.encode_queries([text], blend=blend), k)

    def search_vector(
        self, terms: Sequence[int] | Sequence[str] | ArrayLike, weights: ArrayLike, k: int = 10
    ) -> Results:
        """The k best documents for a sparse vector.

        Args:
            terms: Global term ids, or tokens as for ``find_term``; tokens that the index does not have are left out.
            weights: One finite, non-negative weight a term, used as it is: no blend is applied.
            k: Number of hits wanted.

        Raises:
            UsageError: ``k`` is below 1, or ``terms`` or ``weights`` is a single value.
            BadInput: A weight is negative or not finite, a term appears twice, or the lengths differ.
        """
        self.index.check_open()
        check_k(k)
        listed, values = _listed(terms, "terms"), _listed(weights, "weights")
        if len(listed) != len(values):
            raise BadInput(f"there are {len(listed)} terms and {len(values)} weights", where="query vector")
        if listed and all(isinstance(term, str) for term in listed):
            SparseVectors.from_rows([(range(len(values)), values)])  # weights of unknown tokens must be sound too
            found = [(self.find_term(token), value) for token, value in zip(listed, values, strict=True)]
            listed = [term for term, _ in found if term is not None]
            values = [value for term, value in found if term is not None]
        return self._as_results(SparseVectors.from_rows([(listed, values)]), k)

    def search_batch(
        self,
        queries: Iterable[str] | SparseVectors,
        k: int = 10,
        threads: int = 1,
        *,
        blend: Mapping[str, float] | None = None,
    ) -> BatchResult:
        """Document numbers and scores for many queries, without a Python object for each hit.

        Args:
            queries: Texts, or vectors over global term ids (used as they are).
            k: Number of hits wanted for each.
            threads: Number of threads that share the queries.
            blend: As for ``search``; for texts only.

        Raises:
            UsageError: As for ``search``.
        """
        self.index.check_open()
        check_k(k)
        if isinstance(queries, SparseVectors):
            if blend is not None:
                raise UsageError("a blend weighs encoded texts; scale the weights of ready vectors yourself")
            return self._engine.search(queries, k, threads)
        return self._engine.search(self.encode_queries(queries, blend=blend), k, threads)

    def find_term(self, token: str) -> int | None:
        """The global term id of a token, or ``None``.

        The term spaces are asked in their order; ``space:token`` names the space. In a space whose terms have no names
        (ready vectors without a vocabulary), the decimal digits of a term id are its token.
        """
        self.index.check_open()
        name, colon, rest = token.partition(":")
        for space, vocabulary in zip(self.index.manifest.spaces, self.index.vocabularies, strict=True):
            local = _local_term(space, vocabulary, token)
            if local is None and colon and space.name == name:
                local = _local_term(space, vocabulary, rest)
            if local is not None:
                return space.base + local
        return None

    def encode_queries(self, texts: Iterable[str], *, blend: Mapping[str, float] | None = None) -> SparseVectors:
        """Query vectors over global term ids, the blend applied.

        Raises:
            UsageError: The blend names no space of this index, or the index has no encoder.
            ModelMismatch: The encoder at hand is not the one that made the index.
        """
        self.index.check_open()
        listed = checked_texts(list(checked_iterable(texts)))
        weights = self.blend(blend)
        parts = self.encoders()
        empty = SparseVectors.from_rows([([], [])] * len(listed))
        vectors = [
            part.encode_queries(listed) if weights[part_name] > 0 else empty
            for part, part_name in zip(parts, weights, strict=True)
        ]
        return join_spaces(vectors, [space.base for space in self.index.manifest.spaces], list(weights.values()))

    def blend(self, chosen: Mapping[str, float] | None = None) -> dict[str, float]:
        """The weight of every term space: the chosen one, or the manifest's.

        Raises:
            UsageError: An unknown space, a weight that is neither zero nor inside ``WEIGHT_LIMITS``, or nothing but
                zeros.
        """
        weights = {space.name: space.weight for space in self.index.manifest.spaces}
        for name, value in (chosen or {}).items():
            if name not in weights:
                near = nearest(name, list(weights))
                raise UsageError(
                    f"the index has no term space {name!r}",
                    hint=f"did you mean {near}?" if near else f"it has {', '.join(weights)}",
                )
            least, most = WEIGHT_LIMITS
            if not isinstance(value, Real) or isinstance(value, bool) or not (value == 0 or least <= value <= most):
                raise UsageError(
                    f"the blend weight of {name} is {value!r}; it must be 0, or a number from {least:g} to {most:g}"
                )
            weights[name] = float(value)
        if not any(weights.values()):
            raise UsageError("all blend weights are zero", hint="give at least one space a positive weight")
        return weights

    def explain(self, query: str, document: str, *, blend: Mapping[str, float] | None = None) -> Explanation:
        """Why a document has its score.

        Args:
            query: The query text.
            document: The document's identifier.
            blend: As for ``search``.

        Raises:
            NotFound: No document has that identifier.
        """
        self.index.check_open()
        number = self.index.catalog.number(document)
        if number is None:
            raise NotFound(f"no document has the id {document!r}", where=str(self.index.path))
        terms, weights = self.encode_queries([query], blend=blend).row(0)
        return self._explain(number, document, terms.tolist(), weights.tolist(), self.blend(blend))

    def explain_hit(self, query: SparseVectors, hit: Hit, *, blend: Mapping[str, float] | None = None) -> Explanation:
        """Why a hit of an encoded query has its score.

        Args:
            query: One row, the vector that was searched with; its weights hold the blend already.
            hit: A hit of it.
            blend: What the query was encoded with, to be told in the explanation; it changes no weight.

        Raises:
            UsageError: As for ``blend``.
        """
        self.index.check_open()
        terms, weights = query.row(0)
        return self._explain(hit.number, hit.id, terms.tolist(), weights.tolist(), self.blend(blend))

    def gains(self, query: SparseVectors, hit: Hit) -> dict[int, float]:
        """What each term adds to the score of a hit, by global term id: ``explain_hit`` without the names.

        Args:
            query: One row, the vector that was searched with.
            hit: A hit of it.
        """
        terms, weights = query.row(0)
        return {
            term: weight * impact
            for term, weight, impact, _ in self._shared(hit.number, terms.tolist(), weights.tolist())
        }

    def matches(self, text: str) -> list[Match]:
        """Places of a stored text that stand for terms of the index; term ids are global."""
        self.index.check_open()
        found: list[Match] = []
        for part, space in zip(self.encoders(), self.index.manifest.spaces, strict=True):
            found += [Match(m.start, m.end, m.term + space.base) for m in part.document.matches(text)]
        return found

    def encoders(self) -> list[Encoder]:
        """The encoder of each term space, loaded at the first call.

        Raises:
            UsageError: The index was made from ready vectors.
            ModelMismatch: An encoder's fingerprint is not the one in the manifest.
        """
        with self._loading:
            if self._parts is None:
                self._parts = self._load()
            return self._parts

    def _load(self) -> list[Encoder]:
        spaces = self.index.manifest.spaces
        given: list[Encoder] | None = None
        if self._given is not None:
            loaded = load_encoder(self._given) if isinstance(self._given, str | Path) else self._given
            given = in_id_order(loaded.parts)
            if len(given) != len(spaces):
                raise ModelMismatch(f"the encoder has {len(given)} term spaces and the index has {len(spaces)}")
        parts = []
        for number, space in enumerate(spaces):
            part = given[number] if given is not None else _load_part(space)
            self._check_identity(part, space)
            vocabulary = self.index.vocabularies[number]
            if part.query.needs_statistics:
                # Copies: the caller's encoder may serve another index, with other words and statistics.
                document = copy.copy(part.document)
                document.vocabulary = vocabulary
                part = replace(part, document=document, statistics=vocabulary)
            parts.append(part)
        return parts

    def _check_identity(self, part: Encoder, space: SpaceEntry) -> None:
        if self._force or part.query_fingerprint == space.query_fingerprint:
            return
        if space.source is None and part.document_fingerprint == space.document_fingerprint:
            return
        if space.source is None and space.document_fingerprint is None:
            raise ModelMismatch(
                f"the index was made from ready vectors and does not say with which model; "
                f"the encoder at hand is {part.name} {part.query_fingerprint}",
                hint="if its term ids are those of the vectors, force it",
            )
        raise ModelMismatch(
            f"the index was made with {space.name} {space.query_fingerprint or space.document_fingerprint}, and the "
            f"encoder at hand is {part.name} {part.query_fingerprint}",
            hint="search with the model that made the index (--model), or force it",
        )

    def _as_results(self, query: SparseVectors, k: int) -> Results:
        found = self._engine.search(query, k)
        count = int(found.counts[0])
        numbers = found.documents[0, :count].tolist()
        ids = self.index.external_ids(numbers)
        catalog = self.index.catalog
        hits = [
            Hit(rank, name, score, number, catalog)
            for rank, (name, score, number) in enumerate(
                zip(ids, found.scores[0, :count].tolist(), numbers, strict=True), start=1
            )
        ]
        known = [segment.places(query.terms)[1] for segment in self.index.segments]
        return Results(hits, known_terms=int(np.any(known, axis=0).sum()), generation=self.index.generation)

    def _explain(
        self, number: int, name: str, terms: list[int], weights: list[float], blend: dict[str, float]
    ) -> Explanation:
        total = 0.0
        parts = []
        for term, weight, impact, place in self._shared(number, terms, weights):
            space = self.index.manifest.spaces[place]
            token = self.index.vocabularies[place].token(term - space.base) or str(term)
            total += weight * impact
            parts.append(Contribution(space.name, term, token, weight, impact, weight * impact))
        parts.sort(key=lambda part: -part.score)
        return Explanation(name, number, float(np.float32(total)), parts, blend)

    def _shared(self, number: int, terms: list[int], weights: list[float]) -> Iterator[tuple[int, float, float, int]]:
        """Term id, query weight, impact and number of the term space of each term that query and document share."""
        segment = next(s for s in reversed(self.index.segments) if s.first <= number)
        for term, weight in zip(terms, weights, strict=True):
            stored = segment.impact(term, number - segment.first)
            owner = self.index.space_of(term)
            if stored != 0.0 and owner is not None:
                yield term, weight, stored * owner[1].scale, owner[0]


def _local_term(space: SpaceEntry, vocabulary: Vocabulary, token: str) -> int | None:
    if space.terms > 0:
        return vocabulary.find(token)
    is_number = len(token) <= _TERM_DIGITS and token.isascii() and token.isdigit()
    return int(token) if is_number and int(token) < space.capacity else None


def _load_part(space: SpaceEntry) -> Encoder:
    if space.source is None:
        raise UsageError(
            "the index was made from ready vectors, and has no encoder for text",
            hint="search it with a vector, or name the model that made the vectors with --model",
        )
    return load_encoder(space.source, **space.settings).parts[0]


def _listed(values: Iterable[Any] | ArrayLike, name: str) -> list[Any]:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise UsageError(f"{name} must be several values and is a single one", hint="put it into a list")
    return list(values)
