"""Sparse vectors as three arrays (CSR), and the vocabularies that name their terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lsr.documents import WEIGHT_LIMIT
from lsr.errors import BadInput

TERM_LIMIT = 2**32
"""Term ids are below this number: they are stored in 32 bits."""


class Vocabulary(Protocol):
    """The names of the terms of one term space."""

    def __len__(self) -> int:
        """Number of terms."""
        ...

    def find(self, token: str) -> int | None:
        """The id of a token, or ``None``."""
        ...

    def token(self, term: int) -> str | None:
        """The token of an id, or ``None``."""
        ...


class TokenTable:
    """A vocabulary in memory; ids are positions. It can grow at its end.

    It may be read by several threads, and while one of them adds tokens.

    Args:
        tokens: The tokens in the order of their ids.
    """

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        self.tokens: list[str] = list(tokens)
        self._ids: dict[str, int] | None = None
        self._making = Lock()

    def __len__(self) -> int:
        return len(self.tokens)

    def find(self, token: str) -> int | None:
        """The id of a token, or ``None``."""
        return self.ids.get(token)

    def token(self, term: int) -> str | None:
        """The token of an id, or ``None``."""
        return self.tokens[term] if 0 <= term < len(self.tokens) else None

    @property
    def ids(self) -> dict[str, int]:
        """Token to id, made at first use."""
        if self._ids is None:
            with self._making:
                if self._ids is None:
                    self._ids = {token: term for term, token in enumerate(self.tokens)}
        return self._ids

    def add(self, token: str) -> int:
        """The id of a token; a new token gets the next id."""
        ids = self.ids
        term = ids.get(token)
        if term is None:
            term = ids[token] = len(self.tokens)
            self.tokens.append(token)
        return term


class SparseVectors:
    """``n`` sparse vectors over 32-bit term ids, in compressed sparse rows.

    Row ``i`` holds ``terms[indptr[i]:indptr[i+1]]`` (ascending, each once) and the weights beside them. Rows whose
    terms are not ascending are sorted here; weights of exactly zero are dropped. The arrays are read-only. An array of
    the caller's is copied if it could be written to, and shared if not.

    Args:
        indptr: Row borders, ``n + 1`` integers from 0 to the number of entries.
        terms: Term ids, integers from 0 to 2**32 - 1.
        weights: Numbers from 0 to ``WEIGHT_LIMIT``, stored as float32.
        vocabulary: The names of the terms, if they have any.
        fingerprint: Identity of the encoder that made the vectors, if one did.

    Raises:
        BadInput: The arrays don't fit together, a weight is out of range, or a row names a term twice.
    """

    __slots__ = ("fingerprint", "indptr", "terms", "vocabulary", "weights")

    indptr: NDArray[np.int64]
    terms: NDArray[np.uint32]
    weights: NDArray[np.float32]

    def __init__(
        self,
        indptr: ArrayLike,
        terms: ArrayLike,
        weights: ArrayLike,
        *,
        vocabulary: Vocabulary | None = None,
        fingerprint: str | None = None,
    ) -> None:
        self.indptr = _borders(indptr)
        self.terms = _term_ids(terms)
        self.weights = _checked_weights(weights)
        self.vocabulary = vocabulary
        self.fingerprint = fingerprint
        if self.indptr[-1] != len(self.terms) or len(self.terms) != len(self.weights):
            raise BadInput(
                f"indptr ends at {self.indptr[-1]}, but there are {len(self.terms)} terms "
                f"and {len(self.weights)} weights",
                where="SparseVectors",
            )
        self._put_in_order()
        self._drop_zeros()
        self.terms, self.weights = _own(self.terms, terms), _own(self.weights, weights)
        self._protect()

    @classmethod
    def trusted(
        cls,
        indptr: NDArray[np.int64],
        terms: NDArray[np.uint32],
        weights: NDArray[np.float32],
        *,
        vocabulary: Vocabulary | None = None,
        fingerprint: str | None = None,
    ) -> SparseVectors:
        """Wrap arrays that our own code made and that already obey every rule; nothing is checked or copied.

        The arrays become read-only.
        """
        self = cls.__new__(cls)
        self.indptr, self.terms, self.weights = indptr, terms, weights
        self.vocabulary, self.fingerprint = vocabulary, fingerprint
        self._protect()
        return self

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[tuple[ArrayLike, ArrayLike]],
        *,
        vocabulary: Vocabulary | None = None,
        fingerprint: str | None = None,
    ) -> SparseVectors:
        """Vectors from pairs (term ids, weights), one pair a row.

        Raises:
            BadInput: As for the constructor.
        """
        terms: list[NDArray[np.uint32]] = []
        weights: list[NDArray[np.float32]] = []
        for row_terms, row_weights in rows:
            terms.append(_term_ids(row_terms))
            weights.append(_checked_weights(row_weights))
        indptr = np.zeros(len(terms) + 1, np.int64)
        np.cumsum([len(row) for row in terms], out=indptr[1:])
        joined_terms = np.concatenate(terms) if terms else np.empty(0, np.uint32)
        joined_weights = np.concatenate(weights) if weights else np.empty(0, np.float32)
        joined_terms.flags.writeable = joined_weights.flags.writeable = False  # so that they need not be copied
        return cls(indptr, joined_terms, joined_weights, vocabulary=vocabulary, fingerprint=fingerprint)

    @classmethod
    def concatenate(cls, parts: Sequence[SparseVectors]) -> SparseVectors:
        """The rows of all parts, in order; vocabulary and fingerprint are the first part's."""
        if not parts:
            return cls.trusted(np.zeros(1, np.int64), np.empty(0, np.uint32), np.empty(0, np.float32))
        shifts = np.cumsum([0] + [part.nnz for part in parts])
        indptr = np.concatenate(
            [parts[0].indptr[:1], *(part.indptr[1:] + shift for part, shift in zip(parts, shifts, strict=False))]
        )
        return cls.trusted(
            indptr,
            np.concatenate([part.terms for part in parts]),
            np.concatenate([part.weights for part in parts]),
            vocabulary=parts[0].vocabulary,
            fingerprint=parts[0].fingerprint,
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __repr__(self) -> str:
        return f"SparseVectors({len(self)} rows, {self.nnz} weights)"

    @property
    def nnz(self) -> int:
        """Number of stored weights."""
        return int(self.indptr[-1])

    def row(self, i: int) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Term ids and weights of row ``i`` (views, not copies)."""
        start, end = self.indptr[i], self.indptr[i + 1]
        return self.terms[start:end], self.weights[start:end]

    def slice(self, start: int, end: int) -> SparseVectors:
        """Rows ``start`` to ``end - 1`` (terms and weights are views)."""
        borders = self.indptr[start : end + 1]
        first, last = borders[0], borders[-1]
        return SparseVectors.trusted(
            borders - first,
            self.terms[first:last],
            self.weights[first:last],
            vocabulary=self.vocabulary,
            fingerprint=self.fingerprint,
        )

    def to_dicts(self) -> list[dict[str, float]]:
        """One ``{token: weight}`` a row, heaviest first; terms without a name appear as their number."""
        rows = []
        for i in range(len(self)):
            terms, weights = self.row(i)
            order = np.argsort(-weights, kind="stable")
            rows.append({self._name(int(terms[j])): float(weights[j]) for j in order})
        return rows

    def _name(self, term: int) -> str:
        token = None if self.vocabulary is None else self.vocabulary.token(term)
        return str(term) if token is None else token

    def _protect(self) -> None:
        for array in (self.indptr, self.terms, self.weights):
            array.flags.writeable = False

    def _put_in_order(self) -> None:
        if len(self.terms) < 2:
            return
        inside = np.ones(len(self.terms), np.bool_)
        inside[self.indptr[:-1][self.indptr[:-1] < len(self.terms)]] = False
        steps = np.diff(self.terms.astype(np.int64))
        if np.all(steps[inside[1:]] > 0):
            return
        rows = np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.indptr))
        order = np.lexsort((self.terms, rows))
        self.terms, self.weights = self.terms[order], self.weights[order]
        same = (np.diff(self.terms.astype(np.int64)) == 0) & inside[1:]
        if np.any(same):
            at = int(np.argmax(same))
            raise BadInput(
                f"row {rows[at]} names term {self.terms[at]} twice",
                where="SparseVectors",
                hint="add the weights of a repeated term, or keep the largest",
            )

    def _drop_zeros(self) -> None:
        keep = self.weights > 0
        if np.all(keep):
            return
        kept_before = np.concatenate([[0], np.cumsum(keep)])
        self.indptr = kept_before[self.indptr].astype(np.int64)
        self.terms, self.weights = self.terms[keep], self.weights[keep]


def vectors_from_dicts(rows: Iterable[Mapping[str, float]], vocabulary: TokenTable) -> SparseVectors:
    """Vectors from ``{token: weight}`` rows; tokens that the vocabulary lacks are added to it.

    Raises:
        BadInput: A weight is out of range.
    """
    return SparseVectors.from_rows(
        (([vocabulary.add(token) for token in row], list(row.values())) for row in rows), vocabulary=vocabulary
    )


def _array(values: ArrayLike, name: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{name} can't be read as an array: {error}", where="SparseVectors") from error


def _own(array: NDArray[Any], given: ArrayLike) -> NDArray[Any]:
    """A copy of an array that its caller could still change; otherwise the array itself."""
    is_callers = array is given or not array.flags.owndata
    return array.copy() if is_callers and array.flags.writeable else array


def _borders(values: ArrayLike) -> NDArray[np.int64]:
    array = _array(values, "indptr")
    if array.ndim != 1 or len(array) == 0 or array.dtype.kind not in "iu":
        raise BadInput("indptr must be a one-dimensional array of integers that starts with 0", where="SparseVectors")
    array = array.astype(np.int64)
    if array[0] != 0 or np.any(np.diff(array) < 0):
        raise BadInput("indptr must start with 0 and never fall", where="SparseVectors")
    return array


def _term_ids(values: ArrayLike) -> NDArray[np.uint32]:
    array = _array(values, "terms")
    if array.size == 0:
        return np.empty(0, np.uint32)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise BadInput("terms must be a one-dimensional array of integers", where="SparseVectors")
    if array.dtype != np.uint32 and (int(array.min()) < 0 or int(array.max()) >= TERM_LIMIT):
        raise BadInput(f"term ids must lie between 0 and {TERM_LIMIT - 1}", where="SparseVectors")
    return array.astype(np.uint32, copy=False)


def _checked_weights(values: ArrayLike) -> NDArray[np.float32]:
    array = _array(values, "weights")
    if array.size == 0:
        return np.empty(0, np.float32)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise BadInput("weights must be a one-dimensional array of numbers", where="SparseVectors")
    with np.errstate(over="ignore"):
        weights = array.astype(np.float32, copy=False)
    wrong = ~((weights >= 0) & (weights <= WEIGHT_LIMIT))  # so that NaN is wrong too
    if np.any(wrong):
        at = int(np.argmax(wrong))
        raise BadInput(
            f"weight {at} is {array[at]}; weights must lie between 0 and {WEIGHT_LIMIT:.0f}",
            where="SparseVectors",
            hint="drop or clip such weights before",
        )
    return weights
