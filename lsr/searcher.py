"""An index, its encoders, and the engine, as one object that answers text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lsr import defaults
from lsr.encoders.base import AnyEncoder, Match
from lsr.encoders.spaces import join_spaces
from lsr.encoders.texts import checked_iterable, checked_texts
from lsr.errors import BadInput, NotFound, UsageError, nearest
from lsr.index.index import Index
from lsr.index.manifest import WEIGHT_LIMITS, SpaceEntry
from lsr.search.encoding import IndexEncoders
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
        encoder: An encoder, or the name of one, in place of those that the manifest names; a name is loaded with the
            settings that the index has recorded. An index of ready vectors can be asked by text only with one. If that
            is the encoder that made the vectors, their term ids are its own; if it is forced, terms that have names are
            looked up by them.
        kernel: ``auto``, ``portable`` or ``compiled``, see ``lsr.search.engine.Engine``.
        force: Use an encoder, or vectors of one, although its fingerprint is not the one in the manifest.
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
        self._encoders = IndexEncoders(index, encoder, force=force)
        self._engine = Engine(index.segments, index.manifest.spaces, kernel)

    def search(self, text: str, k: int = defaults.HITS, *, blend: Mapping[str, float] | None = None) -> Results:
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
        self, terms: Sequence[int] | Sequence[str] | ArrayLike, weights: ArrayLike, k: int = defaults.HITS
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
        k: int = defaults.HITS,
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
            ModelMismatch: As for ``search``, or the vectors have the fingerprint of another encoder.
        """
        self.index.check_open()
        check_k(k)
        if isinstance(queries, SparseVectors):
            if blend is not None:
                raise UsageError("a blend weighs encoded texts; scale the weights of ready vectors yourself")
            self._encoders.check_vectors(queries)
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
        used = [name for name, weight in self.blend(blend).items() if weight > 0]
        return self.join(self.encode_spaces(texts, used), blend)

    def encode_spaces(self, texts: Iterable[str], names: Collection[str] | None = None) -> dict[str, SparseVectors]:
        """Query vectors of each term space, by its name, before any blend; ``join`` blends them, as often as you like.

        Args:
            texts: The queries.
            names: The term spaces that are wanted; all if not given.

        Returns:
            One row a text; term ids are local to the space.

        Raises:
            UsageError: The index has no encoder.
            ModelMismatch: The encoder at hand is not the one that made the index.
        """
        self.index.check_open()
        listed = checked_texts(list(checked_iterable(texts)))
        wanted = [space.name for space in self.index.manifest.spaces] if names is None else names
        return self._encoders.encode(listed, wanted)

    def join(self, vectors: Mapping[str, SparseVectors], blend: Mapping[str, float] | None = None) -> SparseVectors:
        """Query vectors over global term ids: each weight times the blend's, rounded once to float32.

        Args:
            vectors: What ``encode_spaces`` gave, at least for every term space whose weight is not 0.
            blend: As for ``search``.

        Raises:
            UsageError: As for ``blend``, or a term space with a weight is missing.
        """
        weights = self.blend(blend)
        used = [space for space in self.index.manifest.spaces if weights[space.name] > 0]
        missing = [space.name for space in used if space.name not in vectors]
        if missing:
            raise UsageError(f"no query vectors for {', '.join(missing)}", hint="encode that term space too")
        return join_spaces(
            [vectors[space.name] for space in used],
            [space.base for space in used],
            [weights[space.name] for space in used],
        )

    def hits(self, batch: BatchResult, query: int) -> list[Hit]:
        """The hits of one query of a batch, best first.

        Args:
            batch: What ``search_batch`` gave.
            query: Number of the query.
        """
        count = int(batch.counts[query])
        numbers = batch.documents[query, :count].tolist()
        rows = zip(self.index.external_ids(numbers), batch.scores[query, :count].tolist(), numbers, strict=True)
        return [
            Hit(rank, name, score, number, self.index.catalog) for rank, (name, score, number) in enumerate(rows, 1)
        ]

    def blend(self, chosen: Mapping[str, float] | None = None) -> dict[str, float]:
        """The weight of every term space: the chosen one, or the manifest's.

        Raises:
            UsageError: No mapping, an unknown space, a weight that is neither zero nor inside ``WEIGHT_LIMITS``, or
                nothing but zeros.
        """
        if chosen is not None and not isinstance(chosen, Mapping):
            raise UsageError(
                f"a blend is a mapping from names of term spaces to weights, not a {type(chosen).__name__}",
                hint="such as {'splade-tiny': 1, 'bm25': 0}",
            )
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
        """Places of a stored text that stand for terms of the index; term ids are global.

        Raises:
            LsrError: As for ``encode_queries``.
        """
        self.index.check_open()
        return self._encoders.matches(text)

    def _as_results(self, query: SparseVectors, k: int) -> Results:
        found = self._engine.search(query, k)
        known = [segment.places(query.terms)[1] for segment in self.index.segments]
        return Results(
            self.hits(found, 0),
            known_terms=int(np.any(known, axis=0).sum()),
            exact=found.exact,
            generation=self.index.generation,
        )

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


def _listed(values: Iterable[Any] | ArrayLike, name: str) -> list[Any]:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise UsageError(f"{name} must be several values and is a single one", hint="put it into a list")
    return list(values)
