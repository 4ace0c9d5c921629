"""Hits and explanations, as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from lsr.index.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Hit:
    """One document of a ranking.

    Attributes:
        rank: 1 for the best.
        id: The document's identifier.
        score: The raw score; higher is better.
        number: The document's number in the index.
    """

    rank: int
    id: str
    score: float
    number: int
    _catalog: Catalog = field(repr=False, compare=False)

    @property
    def fields(self) -> dict[str, Any]:
        """The stored fields, read now from the index."""
        return self._catalog.fields([self.number])[0]


class Results(Sequence[Hit]):
    """The hits of one query, best first.

    Attributes:
        known_terms: Number of the query's terms that the index has; 0 explains an empty ranking.
        exact: Whether the ranking is exactly that of the stored impacts.
        generation: The index generation that answered.
    """

    def __init__(self, hits: list[Hit], *, known_terms: int, exact: bool, generation: str) -> None:
        self._hits = hits
        self.known_terms = known_terms
        self.exact = exact
        self.generation = generation

    @overload
    def __getitem__(self, at: int) -> Hit: ...

    @overload
    def __getitem__(self, at: slice) -> list[Hit]: ...

    def __getitem__(self, at: int | slice) -> Hit | list[Hit]:
        return self._hits[at]

    def __len__(self) -> int:
        return len(self._hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self._hits)

    def __repr__(self) -> str:
        return f"Results({self._hits!r})"


@dataclass(frozen=True)
class Contribution:
    """What one term adds to a score.

    Attributes:
        space: Name of the term space.
        term: Global term id.
        token: The term's name, or its number where it has none.
        query_weight: Weight in the query, the blend included.
        impact: Stored impact in the document.
        score: Their product.
    """

    space: str
    term: int
    token: str
    query_weight: float
    impact: float
    score: float


@dataclass(frozen=True)
class Explanation:
    """A score taken apart.

    Attributes:
        id: The document's identifier.
        number: Its number.
        score: Its score, equal to the score of a search hit.
        contributions: The terms that query and document share, largest first; their scores add up to ``score``.
        blend: The weight of each term space.
    """

    id: str
    number: int
    score: float
    contributions: list[Contribution]
    blend: dict[str, float]
