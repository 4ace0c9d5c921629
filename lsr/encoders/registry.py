"""From a name to an encoder: embedded models, local directories, hub ids, BM25, and blends of those.

A name is one of

* ``splade-tiny``: the model that ships inside the package;
* ``bm25``;
* a directory with a model;
* a hub id such as ``owner/model`` (downloaded, or taken from the local hub cache);
* several of these joined by ``+``, such as ``splade-tiny+bm25``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lsr.encoders.base import AnyEncoder, BlendedEncoder, Encoder
from lsr.errors import NotFound, UsageError, nearest

DEFAULT_MODEL = "splade-tiny+bm25"
BM25 = "bm25"
INDEX_LENGTH = 256
"""Tokens of a document that are indexed unless the caller says otherwise: the length that SPLADE models are trained and
measured with. More tokens cost more time and, with small models, some quality."""
EMBEDDED = {"splade-tiny": Path(__file__).parents[1] / "models" / "splade-tiny"}
_MODEL_SETTINGS = ("max_length", "query_max_length", "pooling")
_BM25_SETTINGS = ("language", "k1", "b")
_RUN_SETTINGS = ("backend", "threads")
_HUB_FILES = ["*.json", "*.safetensors", "*/*.json", "*/*.safetensors"]


def load_encoder(source: str | Path, /, **settings: Any) -> AnyEncoder:
    """Load an encoder by name.

    Args:
        source: A name as the module's documentation describes.
        **settings: ``max_length``, ``query_max_length`` (tokens, for models), ``pooling`` (``max`` or ``sum``),
            ``language``, ``k1``, ``b`` (for BM25), ``backend`` (``auto``, ``native`` or ``torch``), ``threads``. A part
            of a blend takes those that concern it.

    Raises:
        UsageError: No name, an unknown setting, or a setting of the wrong kind.
        NotFound: No such model.
        BadModel: The model directory is incomplete or can't be loaded safely.
        MissingExtra: The model needs torch, and torch is not installed.
    """
    return _load(source, settings, longest=None)


def load_encoder_for_index(source: str | Path, /, **settings: Any) -> AnyEncoder:
    """Load an encoder as ``load_encoder`` does, for indexing: models read at most ``INDEX_LENGTH`` tokens by default.

    Raises:
        LsrError: As ``load_encoder``.
    """
    return _load(source, settings, longest=INDEX_LENGTH)


def _load(source: str | Path, settings: Mapping[str, Any], longest: int | None) -> AnyEncoder:
    known = [*_MODEL_SETTINGS, *_BM25_SETTINGS, *_RUN_SETTINGS]
    for name in settings:
        if name not in known:
            raise UsageError(f"unknown setting {name!r}", hint=f"known: {', '.join(known)}")
    given = {name: value for name, value in settings.items() if value is not None}
    source = str(source)
    if "+" in source and not Path(source).exists():
        parts = tuple(_load_part(name.strip(), given, longest) for name in source.split("+"))
        names = [part.name for part in parts]
        if len(set(names)) != len(names):
            raise UsageError(f"a blend can't hold the same part twice: {source}")
        return BlendedEncoder(parts)
    return _load_part(source, given, longest)


def _load_part(source: str, settings: Mapping[str, Any], longest: int | None) -> Encoder:
    if not source.strip():
        raise UsageError(
            "the name of an encoder is empty", hint=f"known: {', '.join(EMBEDDED)}, bm25, a directory, owner/name"
        )
    if source == BM25:
        from lsr.encoders.bm25 import load_bm25

        own = {name: value for name, value in settings.items() if name in _BM25_SETTINGS}
        return replace(load_bm25(**own), settings=own)
    from lsr.encoders.model_directory import read_model_directory
    from lsr.encoders.splade import load_splade

    own = {name: value for name, value in settings.items() if name in _MODEL_SETTINGS}
    run = {name: value for name, value in settings.items() if name in _RUN_SETTINGS}
    directory = _model_directory(source)
    if longest is not None:
        own.setdefault("max_length", min(longest, read_model_directory(directory).max_length))
    name = source.rsplit("/", 1)[-1]
    if source not in EMBEDDED and Path(source).expanduser().is_dir():
        source, name = str(directory), directory.name  # an absolute path still holds when a search starts elsewhere
    return replace(load_splade(source, directory, name=name, **own, **run), settings=own)


def _model_directory(source: str) -> Path:
    if source in EMBEDDED:
        return EMBEDDED[source]
    path = Path(source).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.exists():
        raise NotFound("a model is a directory, and this is a file", where=source)
    parts = source.split("/")
    if len(parts) == 2 and all(parts) and not source.startswith(("/", ".", "~")):
        return _from_hub(source)
    near = nearest(source, [*EMBEDDED, BM25])
    raise NotFound(
        f"no model named {source!r}",
        hint=f"did you mean {near}?" if near else f"known: {', '.join(EMBEDDED)}, bm25, a directory, or owner/name",
    )


def _from_hub(source: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(source, allow_patterns=_HUB_FILES, local_files_only=True))
    except Exception:  # noqa: S110 (any failure only means: not in the cache yet)
        pass
    try:
        return Path(snapshot_download(source, allow_patterns=_HUB_FILES))
    except GatedRepoError as error:
        raise NotFound(
            f"the hub gives the model {source!r} only to accounts that have accepted its terms",
            hint="accept them on the model's page and log in (hf auth login), or give a local directory",
        ) from error
    except RepositoryNotFoundError as error:
        raise NotFound(
            f"there is no directory {source!r} here, and the hub has no public model of that name",
            hint="check the name, log in if the model is private (hf auth login), or give a local directory",
        ) from error
    except Exception as error:
        raise NotFound(
            f"there is no directory {source!r} here, and a model of that name could not be downloaded from the hub",
            hint="check the network, or give a local directory",
        ) from error
