"""SPLADE: a masked language model's logits, pooled over the tokens of a text, are the text's term weights.

    w_j = max_i log(1 + relu(logit_ij))        SPLADE v2, ++, v3 (Formal et al. 2021, arXiv:2109.10086)
    w_j = sum_i log(1 + relu(logit_ij))        SPLADE v1         (Formal et al. 2021, arXiv:2107.05720)

over the attended tokens i of the text, special tokens included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lsr.encoders import bert_native, torch_backend
from lsr.encoders.base import Counters, Encoder, Match
from lsr.encoders.model_directory import POOLINGS, ModelDirectory, read_model_directory
from lsr.encoders.statistics import TermStatistics
from lsr.encoders.streams import available_threads, in_streams
from lsr.encoders.tokenization import PackedTokens, TextTokenizer
from lsr.encoders.vocabulary_head import VocabularyHead, saturate
from lsr.errors import BadModel, UsageError
from lsr.vectors import SparseVectors, Vocabulary

BACKENDS = ("auto", "native", "torch")

_BATCH_TOKENS = 512
_BATCH_SCORES = 1 << 21
_NATIVE_WIDTH = 384
"""Above this hidden size, torch is preferred for documents on a CPU where it is installed."""


class Backend(Protocol):
    """Computes token states; the head turns them into term scores."""

    @property
    def head(self) -> VocabularyHead:
        """The vocabulary projection."""
        ...

    def states(self, tokens: PackedTokens) -> NDArray[np.float32]:
        """Transformed token states, float32 [rows, hidden]; rows between texts hold nothing of use."""
        ...

    def streams(self) -> AbstractContextManager[None]:
        """Context in which several threads call ``states`` and the head at once."""
        ...


@dataclass(frozen=True)
class SpladeFormula:
    """How logits become a vector.

    Attributes:
        pooling: ``"max"`` or ``"sum"``.
        saturation: ``"log1p"`` or ``"log1p_log1p"``.
        top_k: Number of heaviest terms kept, or ``None`` for all; of equal weights the lower term id stays.
    """

    pooling: str
    saturation: str
    top_k: int | None = None

    def vectors(self, head: VocabularyHead, states: NDArray[np.float32], spans: Sequence[slice]) -> SparseVectors:
        """One vector a text from the states of its tokens."""
        if self.pooling == "max":
            pooled = head.max_logits(states, spans)
        else:
            pooled = head.sum_weights(states, spans, self.saturation)
        flat = np.flatnonzero(pooled > 0)
        rows, terms = np.divmod(flat, head.size)
        weights = pooled.reshape(-1)[flat]
        if self.pooling == "max":
            weights = saturate(weights, self.saturation)
        if self.top_k is not None:
            kept = _heaviest(rows, weights, self.top_k)
            rows, terms, weights = rows[kept], terms[kept], weights[kept]
        indptr = np.searchsorted(rows, np.arange(len(pooled) + 1)).astype(np.int64)
        return SparseVectors.trusted(indptr, terms.astype(np.uint32), weights)


class _Side:
    """What documents and queries have in common."""

    identity: Mapping[str, Any]
    vocabulary: Vocabulary

    def __init__(
        self,
        model: ModelDirectory,
        backend: Backend,
        tokenizer: TextTokenizer,
        formula: SpladeFormula,
        prompt: str,
        threads: int,
        hashes: dict[str, str],
    ) -> None:
        self._backend, self._tokenizer, self._formula = backend, tokenizer, formula
        self._prompt, self._threads = prompt, threads
        self._where = str(model.path)
        self._lock = Lock()
        self.vocabulary = tokenizer.vocabulary
        self.counters = Counters()
        self.identity = {
            "family": "splade",
            **hashes,
            "pooling": formula.pooling,
            "saturation": formula.saturation,
            "top_k": formula.top_k,
            "prompt": prompt,
            "lowercase": model.lowercase,
        }

    def _vectors(self, texts: Sequence[str]) -> SparseVectors:
        if not texts:
            return SparseVectors.concatenate([])
        tokens = self._tokenizer.encode([self._prompt + text for text in texts] if self._prompt else texts)
        batches = tokens.batches(_BATCH_TOKENS, max(1, _BATCH_SCORES // len(self.vocabulary)))
        parts = in_streams(lambda rows: self._batch(tokens.select(rows)), batches, self._threads, self._backend.streams)
        vectors = _put_back(SparseVectors.concatenate(parts), np.concatenate(batches))
        empty = int(np.count_nonzero(np.diff(vectors.indptr) == 0))
        with self._lock:
            self.counters.add(Counters(len(texts), tokens.truncated, empty))
        return vectors

    def _batch(self, tokens: PackedTokens) -> SparseVectors:
        states = self._backend.states(tokens)
        if not np.isfinite(states).all():
            raise BadModel("the model computes NaN or infinity for a text", where=self._where)
        return self._formula.vectors(self._backend.head, states, tokens.spans)


class SpladeDocuments(_Side):
    """The document side of a SPLADE model. Safe to use from several threads."""

    needs_collection = False
    weight_limit: float | None = None

    def __init__(
        self,
        model: ModelDirectory,
        backend: Backend,
        tokenizer: TextTokenizer,
        formula: SpladeFormula,
        prompt: str,
        max_length: int,
        threads: int,
        hashes: dict[str, str],
    ) -> None:
        super().__init__(model, backend, tokenizer, formula, prompt, threads, hashes)
        self.identity = {**self.identity, "max_length": max_length}
        self.backend = "torch" if isinstance(backend, torch_backend.TorchMaskedLM) else "native"

    def encode(self, texts: Sequence[str]) -> SparseVectors:
        """Vectors of the texts, one row a text in order."""
        return self._vectors(texts)

    def finish(self, raw: SparseVectors, mean_mass: float) -> SparseVectors:
        """``raw`` itself: SPLADE's weights do not depend on the collection."""
        return raw

    def matches(self, text: str) -> list[Match]:
        """The word pieces that the model reads, with their places in the text."""
        return self._tokenizer.matches(text, self._prompt)

    def fresh(self) -> SpladeDocuments:
        """Itself: a SPLADE model learns nothing from the documents that it encodes."""
        return self

    def over(self, vocabulary: Vocabulary) -> SpladeDocuments:
        """Itself: a SPLADE model has its own vocabulary."""
        return self


class SpladeQueries(_Side):
    """The query side of a SPLADE model. Safe to use from several threads."""

    def encode(self, texts: Sequence[str], statistics: TermStatistics | None = None) -> SparseVectors:
        """Vectors of the texts, one row a text in order; ``statistics`` are not needed."""
        return self._vectors(texts)


def load_splade(
    source: str,
    directory: Path,
    *,
    name: str | None = None,
    max_length: int | None = None,
    query_max_length: int | None = None,
    backend: str = "auto",
    threads: int | None = None,
    pooling: str | None = None,
) -> Encoder:
    """The encoder in a model directory.

    Args:
        source: What the user called the model; kept in the encoder, so that it can be found again.
        directory: Folder with ``config.json``, ``tokenizer.json`` and ``model.safetensors``, or one that
            sentence-transformers wrote for a ``SparseEncoder``.
        name: Name of the term space; the folder's name if absent.
        max_length: Largest number of tokens a document, special tokens included; the model's own limit if absent.
        query_max_length: The same for queries; the document's limit if absent.
        backend: What computes documents: ``"native"`` (numpy), ``"torch"``, or ``"auto"``, the faster one of those that
            can. Queries are computed natively wherever the architecture permits. Both give the same weights.
        threads: Number of batches computed at a time; all available cores if absent.
        pooling: ``"max"`` or ``"sum"`` in place of the model's own.

    Raises:
        NotFound: There is no such directory.
        BadModel: The directory is not a SPLADE model that can be loaded safely.
        MissingExtra: The model needs torch and transformers, which are not installed.
        UsageError: An argument has an impossible value.
    """
    _check_choices(backend, pooling, threads)
    model = read_model_directory(directory)
    document_length = _length(max_length, model.max_length, model, "max_length")
    query_length = _length(query_max_length, document_length, model, "query_max_length")
    tokenizer = TextTokenizer(model.tokenizer_file, document_length, lowercase=model.lowercase)
    _check_tokenizer(tokenizer, model, min(document_length, query_length))
    query_tokenizer = tokenizer
    if query_length != document_length:
        query_tokenizer = TextTokenizer(model.tokenizer_file, query_length, lowercase=model.lowercase)
    document_backend, query_backend = _backends(model, backend)
    formula = SpladeFormula(pooling or model.pooling, model.saturation, model.top_k)
    streams, hashes = threads or available_threads(), model.identity()
    return Encoder(
        name=name or directory.resolve().name,
        source=source,
        document=SpladeDocuments(
            model, document_backend, tokenizer, formula, model.document_prompt, document_length, streams, hashes
        ),
        # The length is no part of the query side's identity: a long query cut elsewhere still fits the index.
        query=SpladeQueries(model, query_backend, query_tokenizer, formula, model.query_prompt, streams, hashes),
        capacity=model.vocabulary_size,
    )


def _check_choices(backend: str, pooling: str | None, threads: int | None) -> None:
    if backend not in BACKENDS:
        raise UsageError(f"unknown backend {backend!r}", hint=f"choose from {', '.join(BACKENDS)}")
    if pooling is not None and pooling not in POOLINGS:
        raise UsageError(f"unknown pooling {pooling!r}", hint=f"choose from {', '.join(POOLINGS)}")
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise UsageError(f"threads must be at least 1, not {threads}")


def _length(given: int | None, default: int, model: ModelDirectory, name: str) -> int:
    if given is None:
        return default
    if not isinstance(given, int) or given < 1 or (model.position_limit is not None and given > model.position_limit):
        raise UsageError(
            f"{name} is {given}; this model reads 1 to {model.position_limit or 'any number of'} tokens a text",
            where=str(model.path),
        )
    return given


def _check_tokenizer(tokenizer: TextTokenizer, model: ModelDirectory, shortest: int) -> None:
    size, rows = len(tokenizer.vocabulary), model.vocabulary_size
    if size != rows or tokenizer.vocabulary.token(rows - 1) is None:
        raise BadModel(
            f"the tokenizer has {size} tokens, the model {rows} terms",
            where=str(model.tokenizer_file),
            hint="the tokenizer and the weights are not from the same model",
        )
    if shortest <= tokenizer.special_tokens:
        raise UsageError(
            f"a limit of {shortest} tokens leaves no room for text: "
            f"{tokenizer.special_tokens} special tokens are added to each"
        )


def _backends(model: ModelDirectory, backend: str) -> tuple[Backend, Backend]:
    """The backends for documents and for queries."""
    if not bert_native.is_supported(model.config):
        if backend == "native":
            raise UsageError(
                f"the native backend does not compute models of type {model.model_type}", hint="use backend torch"
            )
        loaded = torch_backend.TorchMaskedLM(model)
        loaded.load()
        return loaded, loaded
    native = bert_native.NativeBert(model)
    wide = model.config["hidden_size"] > _NATIVE_WIDTH
    if backend == "torch" or (backend == "auto" and wide and torch_backend.is_installed()):
        return torch_backend.TorchMaskedLM(model), native
    return native, native


def _heaviest(rows: NDArray[np.int64], weights: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Positions of each row's ``k`` heaviest entries, ascending; of equal ones the first stay."""
    order = np.lexsort((-weights, rows))
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return np.sort(order[rank < k])


def _put_back(vectors: SparseVectors, order: NDArray[np.int64]) -> SparseVectors:
    """Rows in the order of the texts, where row ``i`` belongs to text ``order[i]``."""
    row_of_text = np.argsort(order)
    lengths = np.diff(vectors.indptr)[row_of_text]
    indptr = np.zeros(len(order) + 1, np.int64)
    np.cumsum(lengths, out=indptr[1:])
    entries = np.arange(indptr[-1]) + np.repeat(vectors.indptr[row_of_text] - indptr[:-1], lengths)
    return SparseVectors.trusted(indptr, vectors.terms[entries], vectors.weights[entries])
