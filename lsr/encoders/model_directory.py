"""A SPLADE model directory: what its files say, checked before anything is computed from them.

Two layouts are read: a plain masked-language-model directory (``config.json``, ``tokenizer.json``,
``model.safetensors``), and the one that sentence-transformers writes for a ``SparseEncoder`` (``modules.json`` and a
pooling folder besides).
Nothing is unpickled and no class that a file names is imported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import BadModel, NotFound, unreadable

POOLINGS = ("max", "sum")
LOG1P = "log1p"
DOUBLE_LOG1P = "log1p_log1p"

_SATURATIONS = {"relu": LOG1P, "log1p_relu": DOUBLE_LOG1P}
_TRANSFORMERS = ("MLMTransformer", "Transformer")
_POOLING_MODULE = "SpladePooling"
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
_SHIFTED_POSITIONS = ("camembert", "data2vec-text", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl")
_COSMETIC = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache")
_FALLBACK_LENGTH = 512
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_STORED = {"F64": np.float64, "F32": np.float32, "F16": np.float16}


@dataclass(frozen=True)
class ModelDirectory:
    """A model directory that was found sound.

    Attributes:
        path: Folder of the transformer: configuration, weights, tokenizer.
        config: The transformer's ``config.json``.
        weight_files: The safetensors files, sorted by name.
        pooling: ``"max"`` or ``"sum"`` over the tokens.
        saturation: ``"log1p"``, or ``"log1p_log1p"`` for models trained with the double logarithm.
        query_prompt: Put before each query.
        document_prompt: Put before each document.
        top_k: Number of terms that a vector keeps, or ``None`` for all.
        max_length: Number of tokens of a text that the model reads unless told otherwise, special tokens included.
        position_limit: The largest number of tokens that its position table allows, or ``None``.
        lowercase: Whether texts are lowercased before the tokenizer sees them.
    """

    path: Path
    config: Mapping[str, Any]
    weight_files: tuple[Path, ...]
    pooling: str
    saturation: str
    query_prompt: str
    document_prompt: str
    top_k: int | None
    max_length: int
    position_limit: int | None
    lowercase: bool

    @property
    def tokenizer_file(self) -> Path:
        """The file that holds the whole tokenizer."""
        return self.path / "tokenizer.json"

    @property
    def model_type(self) -> str:
        """The transformer's family, such as ``bert``."""
        return str(self.config.get("model_type"))

    @property
    def vocabulary_size(self) -> int:
        """Number of terms, as the configuration has it."""
        return int(self.config["vocab_size"])

    def identity(self) -> dict[str, str]:
        """SHA-256 of the weights, of the tokenizer, and of the part of the configuration that changes vectors."""
        config = {key: value for key, value in self.config.items() if key not in _COSMETIC}
        canonical = json.dumps(config, sort_keys=True, separators=(",", ":"))
        digests = [_sha256(file) for file in self.weight_files]
        return {
            "weights": digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest(),
            "tokenizer": _sha256(self.tokenizer_file),
            "config": hashlib.sha256(canonical.encode()).hexdigest(),
        }

    def read_tensors(self) -> dict[str, NDArray[Any]]:
        """All tensors as they are stored (bfloat16 as float32), by name; the old names gamma and beta become new.

        Raises:
            BadModel: A file is not a safetensors file, or stores something other than floating-point numbers where
                weights are expected.
        """
        tensors: dict[str, NDArray[Any]] = {}
        for file in self.weight_files:
            tensors.update(_read_safetensors(file))
        return tensors


def read_model_directory(directory: Path) -> ModelDirectory:
    """Read and check everything but the tensors and the tokenizer.

    Raises:
        NotFound: There is no such directory.
        BadModel: A file is missing or broken, or the directory holds something other than a SPLADE model.
    """
    try:
        if not directory.is_dir():
            raise NotFound(
                "no such model directory", where=str(directory), hint="give the folder that holds config.json"
            )
        return _read_model_directory(directory)
    except OSError as error:
        raise unreadable(error, error.filename or directory) from error


def _read_model_directory(directory: Path) -> ModelDirectory:
    path, pooling, saturation = _modules(directory)
    config = _transformer_config(path)
    tokenizer_config = read_json(path / "tokenizer_config.json", optional=True)
    settings = read_json(path / "sentence_bert_config.json", optional=True)
    _require(path / "tokenizer.json", "save the tokenizer with save_pretrained() of a fast tokenizer")
    sparse = read_json(directory / "config_sentence_transformers.json", optional=True)
    query_prompt, document_prompt, top_k = _encoder_settings(sparse, directory / "config_sentence_transformers.json")
    limit = _position_limit(config)
    stated = _positive(settings, "max_seq_length", path / "sentence_bert_config.json")
    if stated is None:
        stated = _stated_length(tokenizer_config) or limit or _FALLBACK_LENGTH
    return ModelDirectory(
        path=path,
        config=config,
        weight_files=_weight_files(path),
        pooling=pooling,
        saturation=saturation,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
        top_k=top_k,
        max_length=stated if limit is None else min(stated, limit),
        position_limit=limit,
        lowercase=bool(settings.get("do_lower_case")),
    )


def read_json(path: Path, *, optional: bool = False) -> dict[str, Any]:
    """The JSON object in a file; an absent file is an error, or an empty object when ``optional``.

    Raises:
        BadModel: The file is missing, can't be read, or holds something other than a JSON object.
    """
    if optional and not path.exists():
        return {}
    value = _json(path)
    if not isinstance(value, dict):
        raise BadModel("expected a JSON object", where=str(path))
    return value


def _json(path: Path) -> Any:
    _require(path, "give the folder that the model was saved to, complete")
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise unreadable(error, path) from error
    except (ValueError, RecursionError) as error:
        raise BadModel(f"not valid JSON: {error}", where=str(path), hint="copy the model again") from error


def _require(path: Path, hint: str) -> None:
    if not path.is_file():
        raise BadModel(f"the model directory has no {path.name}", where=str(path), hint=hint)


def _modules(directory: Path) -> tuple[Path, str, str]:
    """Folder of the transformer, pooling and saturation, from ``modules.json`` if there is one."""
    listing = directory / "modules.json"
    if not listing.exists():
        return directory, "max", LOG1P
    modules = _json(listing)
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise BadModel("expected a JSON list of modules", where=str(listing))
    kinds = [str(module.get("type")).rpartition(".")[2] for module in modules]
    for kind in kinds:
        if kind not in (*_TRANSFORMERS, _POOLING_MODULE):
            raise BadModel(
                f"module type {kind} is not supported",
                where=str(listing),
                hint=f"a SPLADE model has {' or '.join(_TRANSFORMERS)}, then {_POOLING_MODULE}",
            )
    if len(kinds) != 2 or kinds[0] not in _TRANSFORMERS or kinds[1] != _POOLING_MODULE:
        raise BadModel(
            f"the modules are {', '.join(kinds) or 'none'}",
            where=str(listing),
            hint=f"a SPLADE model has {_TRANSFORMERS[0]}, then {_POOLING_MODULE}",
        )
    path, pooling_folder = (_inside(directory, module.get("path"), listing) for module in modules)
    settings = read_json(path / "sentence_bert_config.json", optional=True)
    if settings.get("transformer_task") not in (None, "fill-mask"):
        raise BadModel(
            f'transformer_task is {settings["transformer_task"]!r}, and SPLADE needs "fill-mask"',
            where=str(path / "sentence_bert_config.json"),
        )
    return path, *_pooling(pooling_folder / "config.json", path)


def _inside(directory: Path, relative: object, listing: Path) -> Path:
    if not isinstance(relative, str):
        raise BadModel(f"a module's path must be a string, not {relative!r}", where=str(listing))
    leaves = ".." in PurePosixPath(relative).parts or ".." in PureWindowsPath(relative).parts
    if leaves or relative.startswith(("/", "\\")) or PureWindowsPath(relative).drive:
        raise BadModel(f"the module path {relative!r} leaves the model directory", where=str(listing))
    return directory / relative


def _pooling(file: Path, transformer: Path) -> tuple[str, str]:
    config = read_json(file)
    pooling = config.get("pooling_strategy") or "max"
    activation = config.get("activation_function") or "relu"
    if pooling not in POOLINGS:
        raise BadModel(f"pooling_strategy is {pooling!r}; known are {', '.join(POOLINGS)}", where=str(file))
    if activation not in _SATURATIONS:
        raise BadModel(f"activation_function is {activation!r}; known are {', '.join(_SATURATIONS)}", where=str(file))
    size = config.get("embedding_dimension") or config.get("word_embedding_dimension")
    expected = read_json(transformer / "config.json").get("vocab_size")
    if size is not None and size != expected:
        raise BadModel(f"the pooling is for {size} terms, the model has {expected}", where=str(file))
    return pooling, _SATURATIONS[activation]


def _transformer_config(path: Path) -> dict[str, Any]:
    file = path / "config.json"
    config = read_json(file)
    architectures = config.get("architectures") or []
    if not isinstance(architectures, list):
        raise BadModel("architectures must be a list of names", where=str(file))
    if architectures and not any(str(name).endswith("ForMaskedLM") for name in architectures):
        raise BadModel(
            f"{', '.join(map(str, architectures))} has no masked-language-model head",
            where=str(file),
            hint="a SPLADE encoder is a ...ForMaskedLM model",
        )
    if _positive(config, "vocab_size", file) is None:
        raise BadModel("vocab_size is missing", where=str(file))
    return config


def _encoder_settings(settings: Mapping[str, Any], file: Path) -> tuple[str, str, int | None]:
    """Query prompt, document prompt and number of terms kept."""
    similarity = settings.get("similarity_fn_name") or "dot"
    if similarity != "dot":
        raise BadModel(
            f"the model compares vectors by {similarity!r}; an inverted index scores by dot product", where=str(file)
        )
    prompts = settings.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise BadModel("prompts must be an object of strings", where=str(file))
    default = prompts.get(settings.get("default_prompt_name")) or ""
    document = next((prompts[name] for name in _DOCUMENT_PROMPTS if name in prompts), default)
    return prompts.get("query", default) or "", document or "", _positive(settings, "max_active_dims", file)


def _positive(config: Mapping[str, Any], key: str, file: Path) -> int | None:
    value = config.get(key)
    if value is not None and (type(value) is not int or value < 1):
        raise BadModel(f"{key} must be a positive integer, not {value!r}", where=str(file))
    return value


def _position_limit(config: Mapping[str, Any]) -> int | None:
    positions = config.get("max_position_embeddings")
    if type(positions) is not int or positions < 1:
        return None
    if config.get("model_type") in _SHIFTED_POSITIONS:
        padding = config.get("pad_token_id")
        return positions - (padding if type(padding) is int else 1) - 1
    return positions


def _stated_length(tokenizer_config: Mapping[str, Any]) -> int | None:
    """The tokenizer's own limit; a number beyond a million is the mark for "none" that some files carry."""
    length = tokenizer_config.get("model_max_length")
    return int(length) if isinstance(length, int | float) and 0 < length < 1e6 else None


def _weight_files(path: Path) -> tuple[Path, ...]:
    single, index = path / "model.safetensors", path / "model.safetensors.index.json"
    if single.is_file():
        return (single,)
    if index.is_file():
        shards = read_json(index).get("weight_map")
        if not isinstance(shards, dict) or not shards:
            raise BadModel("weight_map is missing", where=str(index))
        names = sorted({str(name) for name in shards.values()})
        for name in names:
            if _inside(path, name, index).name != name:
                raise BadModel(f"the shard {name!r} must be a plain file name", where=str(index))
            _require(path / name, f"{index.name} names this file: copy the model again, complete")
        return tuple(path / name for name in names)
    pickled = sorted(file.name for pattern in _PICKLES for file in path.glob(pattern))
    if pickled:
        raise BadModel(
            f"the weights are pickled ({pickled[0]}); only safetensors files are loaded, because a pickle can run code",
            where=str(path),
            hint="load it where you trust it and save_pretrained(..., safe_serialization=True)",
        )
    raise BadModel(
        "the model directory has no model.safetensors", where=str(path), hint="copy the model again, complete"
    )


def _read_safetensors(file: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError, deserialize

    try:
        entries = deserialize(file.read_bytes())  # type: ignore[no-untyped-call]
    except OSError as error:
        raise unreadable(error, file) from error
    except SafetensorError as error:
        raise BadModel(
            f"not a readable safetensors file: {error}", where=str(file), hint="copy the model again"
        ) from error
    tensors: dict[str, NDArray[Any]] = {}
    for name, entry in entries:
        kind, data = entry["dtype"], entry["data"]
        if kind == "BF16":
            values: NDArray[Any] = (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)
        elif kind in _STORED:
            values = np.frombuffer(data, _STORED[kind])
        else:
            continue
        tensors[_modern(name)] = values.reshape(entry["shape"])
    return tensors


def _modern(name: str) -> str:
    if name.endswith("LayerNorm.gamma"):
        return f"{name[:-5]}weight"
    return f"{name[:-4]}bias" if name.endswith("LayerNorm.beta") else name


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(error, file) from error
