"""The vocabulary projection fused with pooling: token states in, one row of term scores a text out.

With states h_i, output embedding E and bias b, the logit of term j at token i is h_i . E_j + b_j. Maximum pooling uses

    max_i log(1 + relu(h_i . E_j + b_j)) = log(1 + relu(max_i (h_i . E_j) + b_j)),

because both maps are monotone: the logits of a slice of the vocabulary are reduced while they are still in the cache,
and the logarithm is taken once for each active term. Sum pooling needs the logarithm of each positive logit before the
sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.model_directory import DOUBLE_LOG1P

_TILE = 1536


def saturate(logits: NDArray[np.float32], saturation: str) -> NDArray[np.float32]:
    """Term weights of positive logits: ``log(1 + x)``, or ``log(1 + log(1 + x))`` for ``"log1p_log1p"``."""
    weights = np.log1p(logits)
    return np.log1p(weights, out=weights) if saturation == DOUBLE_LOG1P else weights


class VocabularyHead:
    """Output embedding and bias of a masked language model.

    Args:
        table: Output embedding, one row a term: any float type [terms, hidden].
        bias: One number a term, float32 [terms].
    """

    def __init__(self, table: NDArray[np.floating], bias: NDArray[np.float32]) -> None:
        self._columns = _transposed(table)
        self._bias = bias

    @property
    def size(self) -> int:
        """Number of terms."""
        return len(self._bias)

    @property
    def width(self) -> int:
        """Number of components of a token's state."""
        return len(self._columns)

    def max_logits(self, states: NDArray[np.float32], spans: Sequence[slice]) -> NDArray[np.float32]:
        """The largest logit of each term over the tokens of each text.

        Args:
            states: Transformed token states, float32 [rows, hidden].
            spans: The rows of each text, at least one row each.

        Returns:
            float32 [texts, terms], before relu and logarithm.
        """
        pooled = np.empty((len(spans), self.size), np.float32)
        for columns, logits in self._tiles(states):
            for text, span in enumerate(spans):
                np.max(logits[span], axis=0, out=pooled[text, columns])
        pooled += self._bias
        return pooled

    def sum_weights(self, states: NDArray[np.float32], spans: Sequence[slice], saturation: str) -> NDArray[np.float32]:
        """The sum of each term's weights over the tokens of each text; arguments as for ``max_logits``.

        Returns:
            float32 [texts, terms], accumulated in float64.
        """
        pooled = np.empty((len(spans), self.size), np.float32)
        for columns, logits in self._tiles(states):
            logits += self._bias[columns]
            for text, span in enumerate(spans):
                token, column = np.nonzero(logits[span] > 0)
                weights = saturate(logits[span][token, column], saturation)
                pooled[text, columns] = np.bincount(column, weights=weights, minlength=logits.shape[1])
        return pooled

    def _tiles(self, states: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Slices of the vocabulary with the products (without bias) of all rows; the array is used again.

        The width is the same for every batch, so that a product is always rounded in the same way.
        """
        buffer = np.empty(len(states) * _TILE, np.float32)
        for start in range(0, self.size, _TILE):
            columns = slice(start, min(start + _TILE, self.size))
            logits = buffer[: len(states) * (columns.stop - start)].reshape(len(states), -1)
            yield columns, np.matmul(states, self._columns[:, columns], out=logits)


def _transposed(table: NDArray[np.floating]) -> NDArray[np.float32]:
    """A float32 copy with one column a term, made in blocks that fit the cache."""
    columns = np.empty(table.shape[::-1], np.float32)
    for start in range(0, len(table), 256):
        columns[:, start : start + 256] = table[start : start + 256].astype(np.float32).T
    return columns
