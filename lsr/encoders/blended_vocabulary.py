"""The names of terms where several term spaces share one range of ids."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from lsr.encoders.statistics import CollectionVocabulary
from lsr.vectors import Vocabulary


class BlendedVocabulary:
    """The vocabularies of several term spaces as one; a term is called ``space:token``.

    Args:
        spaces: First term id, name and vocabulary of each space; one of them starts at 0.
    """

    def __init__(self, spaces: Iterable[tuple[int, str, Vocabulary]]) -> None:
        self._spaces = sorted(spaces, key=lambda space: space[0])

    def __len__(self) -> int:
        return sum(len(vocabulary) for _, _, vocabulary in self._spaces)

    def find(self, token: str) -> int | None:
        """The id of ``space:token``, or ``None``."""
        for base, name, vocabulary in self._spaces:
            if token.startswith(f"{name}:"):
                local = vocabulary.find(token.removeprefix(f"{name}:"))
                if local is not None:
                    return base + local
        return None

    def token(self, term: int) -> str | None:
        """The name of an id, or ``None``."""
        base, name, vocabulary = self._spaces[bisect_right(self._spaces, term, key=lambda space: space[0]) - 1]
        token = vocabulary.token(term - base)
        return None if token is None else f"{name}:{token}"


class PartVocabulary:
    """One term space of a finished collection whose terms are called ``space:token``; term ids are the collection's.

    Args:
        whole: The words and statistics of the collection.
        name: The space's name.
    """

    def __init__(self, whole: CollectionVocabulary, name: str) -> None:
        self._whole = whole
        self._prefix = f"{name}:"

    @property
    def documents(self) -> int:
        """Number of documents in the collection."""
        return self._whole.documents

    def __len__(self) -> int:
        return len(self._whole)

    def lookup(self, token: str) -> tuple[int, int] | None:
        """Term id and number of documents of a token of the space, or ``None``."""
        return self._whole.lookup(self._prefix + token)

    def find(self, token: str) -> int | None:
        """The id of a token of the space, or ``None``."""
        return self._whole.find(self._prefix + token)

    def token(self, term: int) -> str | None:
        """The token of an id of the space, or ``None``."""
        name = self._whole.token(term)
        return name.removeprefix(self._prefix) if name is not None and name.startswith(self._prefix) else None
