"""From a name to an encoder: embedded models, local directories, hub ids, BM25, and blends of those.

A name is one of

* ``splade-tiny``: the model that ships inside the package;
* ``bm25``;
* a directory with a model;
* a hub id such as ``owner/model`` (downloaded, or taken from the local hub cache; the encoder's settings then hold the
  revision, so that an index names exactly the model that made it);
* several of these joined by ``+``, such as ``splade-tiny+bm25``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lsr import defaults
from lsr.encoders.base import AnyEncoder, BlendedEncoder, Encoder
from lsr.errors import NotFound, UsageError, nearest, unreadable

BM25 = "bm25"
EMBEDDED = {defaults.EMBEDDED_MODEL: Path(__file__).parents[1] / "models" / defaults.EMBEDDED_MODEL}
_MODEL_SETTINGS = ("max_length", "query_max_length", "pooling")
_HUB_SETTINGS = ("revision",)
_BM25_SETTINGS = ("language", "k1", "b")
_RUN_SETTINGS = ("backend", "threads")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_FILES = ["*.json", "*.safetensors", "*/*.json", "*/*.safetensors"]


def load_encoder(source: str | Path, /, **settings: Any) -> AnyEncoder:
    """Load an encoder by name.

    Args:
        source: A name as the module's documentation describes.
        **settings: ``max_length``, ``query_max_length`` (tokens, for models), ``pooling`` (``max`` or ``sum``),
            ``revision`` (a commit or branch, for hub ids), ``language``, ``k1``, ``b`` (for BM25), ``backend``
            (``auto``, ``native`` or ``torch``), ``threads``. A part of a blend takes those that concern it.

    Raises:
        UsageError: No name, an unknown setting, or a setting of the wrong kind.
        NotFound: No such model.
        BadModel: The model directory is incomplete or can't be loaded safely.
        MissingExtra: The model needs torch, and torch is not installed.
    """
    given = _checked(settings)
    return _load(source, lambda _part: given, longest=None)


def load_encoder_like(source: str | Path, recorded: Mapping[str, Mapping[str, Any]]) -> AnyEncoder:
    """Load an encoder by name with the settings that an index has recorded.

    Args:
        source: As for ``load_encoder``.
        recorded: Settings by the source of a term space. A part of another source, such as a model that has been moved,
            takes those of all spaces that concern it; but no revision, which belongs to one model.

    Raises:
        LsrError: As ``load_encoder``.
    """
    common: dict[str, Any] = {}
    for settings in recorded.values():
        common |= {name: value for name, value in settings.items() if name not in _HUB_SETTINGS}
    return _load(source, lambda part: _checked(recorded.get(part, common)), longest=None)


def load_encoder_for_index(source: str | Path, /, **settings: Any) -> AnyEncoder:
    """Load an encoder as ``load_encoder`` does, for indexing.

    Models read at most ``lsr.defaults.INDEX_LENGTH`` tokens of a document unless ``max_length`` says otherwise.

    Raises:
        LsrError: As ``load_encoder``.
    """
    given = _checked(settings)
    return _load(source, lambda _part: given, longest=defaults.INDEX_LENGTH)


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that have a value."""
    known = [*_MODEL_SETTINGS, *_HUB_SETTINGS, *_BM25_SETTINGS, *_RUN_SETTINGS]
    for name in settings:
        if name not in known:
            raise UsageError(f"unknown setting {name!r}", hint=f"known: {', '.join(known)}")
    return {name: value for name, value in settings.items() if value is not None}


_SettingsOf = Callable[[str], Mapping[str, Any]]
"""Gives the settings for a part by its source."""


def _load(source: str | Path, settings_of: _SettingsOf, longest: int | None) -> AnyEncoder:
    source = str(source)
    if "+" in source and not os.path.exists(source):  # noqa: PTH110 (of no interest here: names too long for a file)
        parts = tuple(_load_part(name.strip(), settings_of, longest) for name in source.split("+"))
        names = [part.name for part in parts]
        if len(set(names)) != len(names):
            raise UsageError(f"a blend can't hold the same part twice: {source}")
        return BlendedEncoder(parts)
    return _load_part(source, settings_of, longest)


def _load_part(source: str, settings_of: _SettingsOf, longest: int | None) -> Encoder:
    if not source.strip():
        raise UsageError(
            "the name of an encoder is empty", hint=f"known: {', '.join(EMBEDDED)}, bm25, a directory, owner/name"
        )
    if source == BM25:
        from lsr.encoders.bm25 import load_bm25

        own = {name: value for name, value in settings_of(source).items() if name in _BM25_SETTINGS}
        return replace(load_bm25(**own), settings=own)
    from lsr.encoders.model_directory import read_model_directory
    from lsr.encoders.splade import load_splade

    name = source.rsplit("/", 1)[-1]
    local = None if source in EMBEDDED else _local_directory(source)
    if local is not None:
        source, name = str(local), local.name  # an absolute path still holds when a search starts elsewhere
    settings = settings_of(source)
    own = {name: value for name, value in settings.items() if name in _MODEL_SETTINGS}
    run = {name: value for name, value in settings.items() if name in _RUN_SETTINGS}
    directory = local or _model_directory(source, settings.get("revision"))
    if longest is not None:
        own.setdefault("max_length", min(longest, read_model_directory(directory).max_length))
    encoder = load_splade(source, directory, name=name, **own, **run)
    revision = _revision(directory) if local is None else None
    return replace(encoder, settings=own if revision is None else {**own, "revision": revision})


def _local_directory(source: str) -> Path | None:
    path = Path(source).expanduser()
    try:
        return path.resolve() if path.is_dir() else None
    except OSError as error:
        raise unreadable(error, source) from error


def _revision(directory: Path) -> str | None:
    """The commit of a snapshot in the hub cache, ``.../snapshots/COMMIT``; ``None`` for any other folder."""
    is_snapshot = directory.parent.name == "snapshots" and _COMMIT.fullmatch(directory.name)
    return directory.name if is_snapshot else None


def _model_directory(source: str, revision: str | None) -> Path:
    if source in EMBEDDED:
        return EMBEDDED[source]
    path = Path(source).expanduser()
    if path.exists():
        raise NotFound("a model is a directory, and this is a file", where=source)
    parts = source.split("/")
    if len(parts) == 2 and all(parts) and not source.startswith(("/", ".", "~")):
        return _from_hub(source, revision)
    near = nearest(source, [*EMBEDDED, BM25])
    raise NotFound(
        f"no model named {source!r}",
        hint=f"did you mean {near}?" if near else f"known: {', '.join(EMBEDDED)}, bm25, a directory, or owner/name",
    )


def _from_hub(source: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=_HUB_FILES, local_files_only=True))
    except Exception:  # noqa: S110 (any failure only means: not in the cache yet)
        pass
    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=_HUB_FILES))
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
    except RevisionNotFoundError as error:
        raise NotFound(
            f"the hub's model {source!r} has no revision {revision!r}",
            hint="check the revision, or give a local directory with the model",
        ) from error
    except Exception as error:
        raise NotFound(
            f"there is no directory {source!r} here, and a model of that name could not be downloaded from the hub",
            hint="check the network, or give a local directory",
        ) from error
