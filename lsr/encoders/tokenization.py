"""Text to token ids: a ``tokenizer.json`` with a length limit, and batches cut by tokens instead of by texts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.base import Match
from lsr.errors import BadModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenizers import Tokenizer


_ROWS = 12
"""Texts of a batch start at multiples of this row number.

A BLAS computes the rows of a product in groups (OpenBLAS on x86: of 4, 6 and 12), by kernels that add up in different
orders. A text that starts on a group's border gets the same kernels, so the same bits, whatever else is in its batch.
"""


@dataclass(frozen=True)
class PackedTokens:
    """The tokens of several texts in one array, one row a token.

    Attributes:
        ids: Token ids, int32 [rows]; rows between two texts hold 0 and mean nothing.
        starts: First row of each text, int64 [texts].
        lengths: Number of tokens of each text, int64 [texts].
        truncated: Number of texts that were longer than the limit.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    truncated: int = 0

    @property
    def spans(self) -> list[slice]:
        """The rows of each text."""
        return [slice(start, start + length) for start, length in zip(self.starts, self.lengths, strict=True)]

    def select(self, texts: NDArray[np.int64]) -> PackedTokens:
        """The texts with these numbers, in this order, as a batch: each starts at a multiple of 12 rows."""
        lengths = self.lengths[texts]
        ends = np.cumsum(-(-lengths // _ROWS) * _ROWS)
        batch = PackedTokens(np.zeros(ends[-1], np.int32), np.concatenate([[0], ends[:-1]]), lengths)
        for source, target in zip(self.starts[texts], batch.spans, strict=True):
            batch.ids[target] = self.ids[source : source + target.stop - target.start]
        return batch

    def batches(self, tokens: int, texts: int) -> list[NDArray[np.int64]]:
        """All text numbers, longest text first, cut into batches of at most so many tokens and texts.

        Texts of like length end up together, which keeps padding small where a backend pads. A text that is longer than
        the budget is a batch of its own.
        """
        order = np.argsort(-self.lengths, kind="stable")
        batches: list[NDArray[np.int64]] = []
        start = 0
        while start < len(order):
            room = np.cumsum(self.lengths[order[start : start + texts]])
            size = max(1, int(np.searchsorted(room, tokens, side="right")))
            batches.append(order[start : start + size])
            start += size
        return batches


class TokenizerVocabulary:
    """The tokenizer's tokens as a vocabulary: a term id is a token id."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._size: int = tokenizer.get_vocab_size()

    def __len__(self) -> int:
        return self._size

    def find(self, token: str) -> int | None:
        """The id of a token, or ``None``."""
        return self._tokenizer.token_to_id(token)

    def token(self, term: int) -> str | None:
        """The token of an id, or ``None``."""
        return self._tokenizer.id_to_token(term) if 0 <= term < self._size else None

    @cached_property
    def tokens(self) -> list[str]:
        """All tokens in the order of their ids."""
        ids = self._tokenizer.get_vocab()
        return sorted(ids, key=ids.__getitem__)


class TextTokenizer:
    """A tokenizer with a fixed length limit; safe to use from several threads.

    Args:
        file: A ``tokenizer.json``.
        max_length: Largest number of tokens a text, special tokens included.
        lowercase: Whether to lowercase a text first.

    Raises:
        BadModel: The file is not a tokenizer.
    """

    def __init__(self, file: Path, max_length: int, *, lowercase: bool = False) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare Exception
            raise BadModel(f"not a tokenizer: {error}", where=str(file), hint="copy the model again") from error
        if lowercase:
            self._add_lowercase()
        self.special_tokens: int = self._tokenizer.num_special_tokens_to_add(False)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max(max_length, self.special_tokens + 1))
        self.vocabulary = TokenizerVocabulary(self._tokenizer)

    def encode(self, texts: Sequence[str]) -> PackedTokens:
        """Token ids of the texts, special tokens included, cut at the limit."""
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        lengths = np.array([len(encoding) for encoding in encodings], np.int64)
        ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in encodings), np.int32, int(lengths.sum()))
        truncated = sum(bool(encoding.overflowing) for encoding in encodings)
        return PackedTokens(ids, np.cumsum(lengths) - lengths, lengths, truncated)

    def matches(self, text: str, prompt: str = "") -> list[Match]:
        """The word pieces of a text with their places in it, special tokens and the prompt left out."""
        encoding = self._tokenizer.encode(prompt + text)
        shift = len(prompt)
        return [
            Match(start - shift, end - shift, term)
            for term, (start, end), special in zip(
                encoding.ids, encoding.offsets, encoding.special_tokens_mask, strict=True
            )
            if not special and start >= shift and end > start
        ]

    def _add_lowercase(self) -> None:
        from tokenizers.normalizers import Lowercase, Sequence

        own = self._tokenizer.normalizer
        self._tokenizer.normalizer = Lowercase() if own is None else Sequence([Lowercase(), own])
