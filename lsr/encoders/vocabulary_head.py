"""The vocabulary projection fused with pooling: token states in, one row of term scores a text out.

With states h_i, output embedding E and bias b, the logit of term j at token i is h_i . E_j + b_j. Maximum pooling uses

    max_i log(1 + relu(h_i . E_j + b_j)) = log(1 + relu(max_i (h_i . E_j) + b_j)),

because both maps are monotone: the logits of a slice of the vocabulary are reduced while they are still in the cache,
and the logarithm is taken once for each active term. Sum pooling needs the logarithm of each positive logit before the
sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.model_directory import DOUBLE_LOG1P

_TILE = 1 << 19
_LEAST_COLUMNS = 512
_MOST_COLUMNS = 8192


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

    def max_logits(self, states: NDArray[np.float32], borders: NDArray[np.int64]) -> NDArray[np.float32]:
        """The largest logit of each term over the tokens of each text.

        Args:
            states: Transformed token states, float32 [tokens, hidden], the texts one after the other.
            borders: Text ``i`` has tokens ``borders[i]`` to ``borders[i + 1] - 1``, at least one.

        Returns:
            float32 [texts, terms], before relu and logarithm.
        """
        pooled = np.empty((len(borders) - 1, self.size), np.float32)
        spans = [slice(start, end) for start, end in pairwise(borders)]
        for columns, logits in self._tiles(states):
            for row, span in enumerate(spans):
                np.max(logits[span], axis=0, out=pooled[row, columns])
        pooled += self._bias
        return pooled

    def sum_weights(
        self, states: NDArray[np.float32], borders: NDArray[np.int64], saturation: str
    ) -> NDArray[np.float32]:
        """The sum of each term's weights over the tokens of each text; arguments as for ``max_logits``.

        Returns:
            float32 [texts, terms], accumulated in float64.
        """
        texts = len(borders) - 1
        pooled = np.empty((texts, self.size), np.float32)
        text_of_token = np.repeat(np.arange(texts), np.diff(borders))
        for columns, logits in self._tiles(states):
            logits += self._bias[columns]
            width = logits.shape[1]
            positive = np.flatnonzero(logits > 0)
            token, column = np.divmod(positive, width)
            weights = saturate(logits[token, column], saturation)
            sums = np.bincount(text_of_token[token] * width + column, weights=weights, minlength=texts * width)
            pooled[:, columns] = sums.reshape(texts, width)
        return pooled

    def _tiles(self, states: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Slices of the vocabulary with the products (without bias) of all tokens; the array is used again."""
        width = min(self.size, max(_LEAST_COLUMNS, min(_MOST_COLUMNS, _TILE // len(states))))
        buffer = np.empty(len(states) * width, np.float32)
        for start in range(0, self.size, width):
            columns = slice(start, min(start + width, self.size))
            logits = buffer[: len(states) * (columns.stop - start)].reshape(len(states), -1)
            yield columns, np.matmul(states, self._columns[:, columns], out=logits)


def _transposed(table: NDArray[np.floating]) -> NDArray[np.float32]:
    """A float32 copy with one column a term, made in blocks that fit the cache."""
    columns = np.empty(table.shape[::-1], np.float32)
    for start in range(0, len(table), 256):
        columns[:, start : start + 256] = table[start : start + 256].astype(np.float32).T
    return columns
