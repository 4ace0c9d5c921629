"""BERT with its masked-language-model head in float32 numpy: no torch, and nothing compiled when a process starts.

The tokens of several texts are packed one after the other, without padding to one length; every dense layer is one
matrix product over all of them, and attention goes text by text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.model_directory import ModelDirectory
from lsr.encoders.streams import one_blas_thread
from lsr.encoders.tokenization import PackedTokens
from lsr.encoders.vocabulary_head import VocabularyHead
from lsr.errors import BadModel

Array = NDArray[np.float32]

_SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings")

_GELU_SCALE = np.float32(0.28)
_GELU_COEFFICIENTS = tuple(
    np.float32(c) for c in (-0.10755479327, 0.39698962866, -0.24851741795, 0.27818196404, 0.06379158758, 0.1171089823)
)
_GELU_BLOCK = 16384


def is_supported(config: Mapping[str, Any]) -> bool:
    """Whether a configuration describes a BERT that this module computes exactly."""
    return (
        config.get("model_type") == "bert"
        and config.get("hidden_act", "gelu") == "gelu"
        and config.get("position_embedding_type") in (None, "absolute")
        and not config.get("is_decoder")
        and not config.get("add_cross_attention")
    )


@dataclass(frozen=True)
class _Dense:
    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        y: Array = x @ self.weight.T
        y += self.bias
        return y


@dataclass(frozen=True)
class _LayerNorm:
    weight: Array
    bias: Array
    epsilon: float

    def __call__(self, x: Array) -> Array:
        """Normalise each row in place."""
        x -= x.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", x, x) / np.float32(x.shape[1])
        x *= (np.float32(1) / np.sqrt(variance + np.float32(self.epsilon)))[:, None]
        x *= self.weight
        x += self.bias
        return x


@dataclass(frozen=True)
class _Layer:
    attention: _Dense
    """Query, key and value one under the other; the query is divided by the square root of a head's width."""

    attention_output: _Dense
    attention_norm: _LayerNorm
    intermediate: _Dense
    output: _Dense
    output_norm: _LayerNorm


class NativeBert:
    """The states that the vocabulary head multiplies, and the head itself.

    Args:
        model: A directory for whose configuration ``is_supported`` holds.

    Raises:
        BadModel: A tensor is missing, has another shape than the configuration says, or holds NaN or infinity.
    """

    head: VocabularyHead

    def __init__(self, model: ModelDirectory) -> None:
        source = _Weights(model)
        hidden, layers, self._heads, inner, positions = (source.size(name) for name in _SIZES)
        if hidden % self._heads:
            raise BadModel(f"hidden_size {hidden} is no multiple of {self._heads} attention heads", where=source.where)
        self._transform = source.dense("cls.predictions.transform.dense", hidden, hidden)
        self._transform_norm = source.norm("cls.predictions.transform.LayerNorm", hidden)
        word = source.stored("bert.embeddings.word_embeddings.weight", (model.vocabulary_size, hidden))
        # float16 rows stay as stored and are widened when looked up: the head has its own float32 copy
        self._word: NDArray[np.floating] = word
        self._position = source.array("bert.embeddings.position_embeddings.weight", (positions, hidden))
        types = (source.size("type_vocab_size", 2), hidden)
        self._type = source.array("bert.embeddings.token_type_embeddings.weight", types)[0]
        self._embedding_norm = source.norm("bert.embeddings.LayerNorm", hidden)
        self._layers = [
            source.layer(f"bert.encoder.layer.{i}", hidden, inner, hidden // self._heads) for i in range(layers)
        ]
        self.head = source.head(word)

    def states(self, tokens: PackedTokens) -> Array:
        """Transformed token states, float32 [rows, hidden]; rows between texts hold nothing of use."""
        spans = tokens.spans
        x: Array = self._word[tokens.ids].astype(np.float32)
        for span in spans:
            x[span] += self._position[: span.stop - span.start]
        x += self._type
        x = self._embedding_norm(x)
        for layer in self._layers:
            y = layer.attention_output(self._attention(layer.attention(x), spans))
            y += x
            y = layer.attention_norm(y)
            x = layer.output(gelu(layer.intermediate(y)))
            x += y
            x = layer.output_norm(x)
        return self._transform_norm(gelu(self._transform(x)))

    def streams(self) -> AbstractContextManager[None]:
        """Context for several calls at a time."""
        return one_blas_thread()

    def _attention(self, projected: Array, spans: Sequence[slice]) -> Array:
        rows = len(projected)
        split = projected.reshape(rows, 3, self._heads, -1).transpose(1, 2, 0, 3)
        context = np.zeros((rows, self._heads, split.shape[3]), np.float32)
        for span in spans:
            query, key, value = split[:, :, span]
            scores = query @ key.transpose(0, 2, 1)
            scores -= scores.max(axis=2, keepdims=True)
            np.exp(scores, out=scores)
            mixed = scores @ value
            mixed /= scores.sum(axis=2, keepdims=True)
            context[span] = mixed.transpose(1, 0, 2)
        return context.reshape(rows, -1)


def gelu(x: Array) -> Array:
    """The exact (erf) GELU in place: x times the standard normal distribution function of x.

    It is max(x, 0) - |x| Q(|x|). Q, the normal tail, is approximated by exp(-a^2 / 2) P(t) with t = 1 / (1 + 0.28 a)
    and P of degree 6 without constant term; the coefficients minimise the largest absolute error of a Q(a) over a >= 0,
    3.4e-9 before rounding to float32.
    """
    flat = x.reshape(-1)
    scratch = np.empty((3, min(_GELU_BLOCK, flat.size)), np.float32)
    for start in range(0, flat.size, _GELU_BLOCK):
        value = flat[start : start + _GELU_BLOCK]
        size, t, tail = scratch[:, : value.size]
        np.abs(value, out=size)
        np.multiply(size, _GELU_SCALE, out=t)
        t += np.float32(1)
        np.reciprocal(t, out=t)
        np.multiply(t, _GELU_COEFFICIENTS[0], out=tail)
        for coefficient in _GELU_COEFFICIENTS[1:]:
            tail += coefficient
            tail *= t
        tail *= size
        size *= size
        size *= np.float32(-0.5)
        tail *= np.exp(size, out=size)
        np.maximum(value, np.float32(0), out=value)
        value -= tail
    return x


class _Weights:
    """Checked access to the tensors of a BERT directory."""

    def __init__(self, model: ModelDirectory) -> None:
        self._tensors = model.read_tensors()
        self._config = model.config
        self._config_file = str(model.path / "config.json")
        self.where = str(model.path)
        self._epsilon = float(model.config.get("layer_norm_eps", 1e-12))

    def size(self, key: str, default: int | None = None) -> int:
        """A positive integer of the configuration."""
        value = self._config.get(key, default)
        if type(value) is not int or value < 1:
            raise BadModel(f"{key} must be a positive integer, not {value!r}", where=self._config_file)
        return value

    def stored(self, name: str, shape: tuple[int, ...]) -> NDArray[np.floating]:
        """A tensor in the type that it is stored in."""
        if name not in self._tensors:
            if name.startswith("cls."):
                raise BadModel(
                    f"the weights lack the masked-language-model head ({name})",
                    where=self.where,
                    hint="a SPLADE encoder is a ...ForMaskedLM model; a bare encoder or a dense model has no such head",
                )
            raise BadModel(f"the weights lack {name}", where=self.where, hint="copy the model again, complete")
        tensor = self._tensors[name]
        if tensor.shape != shape:
            raise BadModel(f"{name} has shape {tensor.shape}; the configuration says {shape}", where=self.where)
        if not np.isfinite(tensor).all():
            raise BadModel(f"{name} holds NaN or infinity", where=self.where, hint="the checkpoint is damaged")
        return tensor

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """A tensor in float32."""
        return np.ascontiguousarray(self.stored(name, shape), np.float32)

    def dense(self, name: str, outputs: int, inputs: int) -> _Dense:
        return _Dense(self.array(f"{name}.weight", (outputs, inputs)), self.array(f"{name}.bias", (outputs,)))

    def norm(self, name: str, width: int) -> _LayerNorm:
        return _LayerNorm(self.array(f"{name}.weight", (width,)), self.array(f"{name}.bias", (width,)), self._epsilon)

    def layer(self, name: str, hidden: int, inner: int, head_width: int) -> _Layer:
        query, key, value = (
            self.dense(f"{name}.attention.self.{part}", hidden, hidden) for part in ("query", "key", "value")
        )
        scale = np.float32(1 / np.sqrt(head_width))
        return _Layer(
            attention=_Dense(
                np.concatenate([query.weight * scale, key.weight, value.weight]),
                np.concatenate([query.bias * scale, key.bias, value.bias]),
            ),
            attention_output=self.dense(f"{name}.attention.output.dense", hidden, hidden),
            attention_norm=self.norm(f"{name}.attention.output.LayerNorm", hidden),
            intermediate=self.dense(f"{name}.intermediate.dense", inner, hidden),
            output=self.dense(f"{name}.output.dense", hidden, inner),
            output_norm=self.norm(f"{name}.output.LayerNorm", hidden),
        )

    def head(self, word: NDArray[np.floating]) -> VocabularyHead:
        """The head with its own output embedding if one is stored, else with the word embedding."""
        untied = "cls.predictions.decoder.weight"
        tied = self._config.get("tie_word_embeddings", True) and untied not in self._tensors
        table = word if tied else self.stored(untied, word.shape)
        own_bias = "cls.predictions.decoder.bias"
        bias = own_bias if own_bias in self._tensors else "cls.predictions.bias"
        return VocabularyHead(table, self.array(bias, (len(word),)))
