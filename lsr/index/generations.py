"""Generations: how a finished folder becomes the one that readers open.

* ``DIR/CURRENT``: one line, the generation's folder and the SHA-256 of its manifest;
* ``DIR/gen-N/``: immutable once it stands under this name;
* ``DIR/.build/``: an unfinished build, removed at publication.

Other programs use such names too, so what lies there counts as ours by its content only, and nothing else is ever
removed or overwritten.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from lsr.errors import CorruptIndex, NotFound, WriteFailed, unreadable, writing
from lsr.index.files import cannot_read, flush_folder, replace_file
from lsr.index.manifest import MANIFEST, Manifest

CURRENT = "CURRENT"
BUILD = ".build"
_GENERATION = re.compile(r"gen-([1-9][0-9]{0,17})")
_POINTER = re.compile(r"(gen-[1-9][0-9]{0,17}) ([0-9a-f]{64})\n")
_NEW_POINTER = f".{CURRENT}.new"
_BUILD_ONE = "build one with Index.build (lsr index)"
_WORK = re.compile(r"shard-[0-9]+\.(npz|new)|rows\.(terms|levels)|generation")


def current_generation(root: Path) -> tuple[Path, Manifest, str]:
    """Folder, manifest and manifest hash of the generation that readers open.

    Raises:
        NotFound: There is no index, or it can't be read.
        CorruptIndex: The pointer or the manifest is damaged.
        IncompatibleIndex: The index has another format version.
    """
    found = _POINTER.fullmatch(read_pointer(root))
    if found is None:
        raise _no_pointer(root)
    folder = root / found[1]
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise cannot_read(error, folder / MANIFEST) from error
    digest = hashlib.sha256(content).hexdigest()
    manifest = Manifest.from_bytes(content, str(folder / MANIFEST))
    if digest != found[2]:
        raise CorruptIndex("the manifest has been changed since it was published", where=str(folder / MANIFEST))
    return folder, manifest, digest


def read_pointer(root: Path) -> str:
    """The content of the pointer to the current generation, whatever it is.

    Raises:
        NotFound: There is no index, or the pointer can't be read.
        CorruptIndex: There is an index without a pointer.
    """
    try:
        return _pointer(root)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _no_pointer(root) from error
    except OSError as error:
        raise unreadable(error, root / CURRENT) from error


class Standing(Enum):
    """What stands in a folder; readers and writers decide by the same."""

    NOTHING = "no index"
    UNFINISHED = "a build that was interrupted, perhaps in the middle of its publication"
    POINTERLESS = "a generation without a pointer to it: a damaged index"
    INDEX = "an index, be it damaged"


def standing(root: Path) -> Standing:
    """What stands in a folder that exists."""
    generations = _own_generations(root)
    if _pointed_at(root) is not None or (generations and (root / CURRENT).exists()):
        return Standing.INDEX
    if _is_own_work(root / BUILD):
        return Standing.UNFINISHED
    return Standing.POINTERLESS if generations else Standing.NOTHING


def has_shards(root: Path) -> bool:
    """Whether an interrupted build left finished shards in an index folder."""
    return any((root / BUILD).glob("shard-*.npz"))


def foreign_names(root: Path) -> list[str]:
    """The entries of a folder that this program did not make, though they may have names that it uses."""
    own = {_NEW_POINTER, *(folder.name for folder in _own_generations(root))}
    if standing(root) is Standing.INDEX:
        own.add(CURRENT)
    if _is_own_work(root / BUILD):
        own.add(BUILD)
    return sorted(entry.name for entry in root.iterdir() if entry.name not in own)


def publish(root: Path, finished: Path) -> Path:
    """Give a finished, flushed generation folder its name, and point readers to it.

    Older generations are removed afterwards; a reader that has one open keeps its maps.

    Raises:
        WriteFailed: The file system refused; the old generation stands.
    """
    old = _pointed_at(root)
    own = _own_generations(root)
    if old is not None or not (root / CURRENT).exists():
        # Left behind by a process that died between its last two steps.
        _remove_generations(folder for folder in own if folder.name != old)
    names = (_GENERATION.fullmatch(entry.name) for entry in root.iterdir())
    target = root / f"gen-{max((int(name[1]) for name in names if name), default=0) + 1}"
    digest = hashlib.sha256((finished / MANIFEST).read_bytes()).hexdigest()
    try:
        with writing(root):
            flush_folder(finished)
            finished.rename(target)
            flush_folder(root)
        replace_file(root / CURRENT, f"{target.name} {digest}\n".encode())
    except WriteFailed:
        if _pointed_at(root) != target.name:
            shutil.rmtree(target, ignore_errors=True)
        raise
    _remove_generations(folder for folder in own if folder != target)
    return target


def _pointer(root: Path) -> str:
    return (root / CURRENT).read_bytes().decode("ascii", "replace")


def _pointed_at(root: Path) -> str | None:
    try:
        found = _POINTER.fullmatch(_pointer(root))
    except OSError:
        return None
    return None if found is None else found[1]


def _own_generations(root: Path) -> list[Path]:
    """The generations by their manifests; the one that a sound pointer names may have lost its own."""
    named = _pointed_at(root)
    folders = [entry for entry in root.iterdir() if _GENERATION.fullmatch(entry.name)]
    return [folder for folder in folders if folder.name == named or _has_manifest(folder)]


def _has_manifest(folder: Path) -> bool:
    """Whether a folder is a generation, or what is left of one that was being removed."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return not any(folder.iterdir())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and type(content.get("format")) is int


def _is_own_work(folder: Path) -> bool:
    is_folder = folder.is_dir() and not folder.is_symlink()
    return is_folder and all(_WORK.fullmatch(entry.name) for entry in folder.iterdir())


def _remove_generations(folders: Iterable[Path]) -> None:
    """Remove folders, each with its manifest last: what an interruption leaves is still known as a generation."""
    for folder in folders:
        with contextlib.suppress(OSError):
            for entry in folder.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry, ignore_errors=True)
                elif entry.name != MANIFEST:
                    entry.unlink()
        shutil.rmtree(folder, ignore_errors=True)


def _no_pointer(root: Path) -> NotFound | CorruptIndex:
    if not root.exists():
        return NotFound("no such index", where=str(root), hint=_BUILD_ONE)
    if not root.is_dir():
        return NotFound("an index is a folder, and this is a file", where=str(root))
    try:
        found = standing(root)
    except OSError as error:
        return unreadable(error, root)
    if found is Standing.INDEX:
        return CorruptIndex("the pointer to the current generation is damaged", where=str(root / CURRENT))
    if found is Standing.POINTERLESS:
        return CorruptIndex("the file that names the current generation is missing", where=str(root / CURRENT))
    if found is Standing.UNFINISHED:
        hint = "finish it: build it again with resume=True (--resume)"
        return NotFound("only an unfinished build is here", where=str(root), hint=hint)
    return NotFound("this folder holds no lsr index", where=str(root), hint=_BUILD_ONE)
