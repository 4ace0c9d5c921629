"""The names of terms where several term spaces share one range of ids."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

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
