"""Generations: how a finished folder becomes the one that readers open.

* ``DIR/CURRENT``: one line, the generation's folder and the SHA-256 of its manifest;
* ``DIR/gen-N/``: immutable once it stands under this name;
* ``DIR/.build/``: an unfinished build, removed at publication.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from enum import Enum
from pathlib import Path

from lsr.errors import CorruptIndex, NotFound, WriteFailed, writing
from lsr.index.files import flush_folder, replace_file
from lsr.index.manifest import MANIFEST, Manifest

CURRENT = "CURRENT"
BUILD = ".build"
_GENERATION = re.compile(r"gen-([1-9][0-9]{0,17})")
_POINTER = re.compile(r"(gen-[1-9][0-9]{0,17}) ([0-9a-f]{64})\n")


def current_generation(root: Path) -> tuple[Path, Manifest, str]:
    """Folder, manifest and manifest hash of the generation that readers open.

    Raises:
        NotFound: There is no index, or it can't be read.
        CorruptIndex: The pointer or the manifest is damaged.
        IncompatibleIndex: The index has another format version.
    """
    found = _POINTER.fullmatch(read_pointer(root))
    if found is None:
        raise CorruptIndex("the pointer to the current generation is damaged", where=str(root / CURRENT))
    folder = root / found[1]
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise CorruptIndex(f"cannot be read: {error.strerror}", where=str(folder / MANIFEST)) from error
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
        return (root / CURRENT).read_bytes().decode("ascii", "replace")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _no_pointer(root) from error
    except OSError as error:
        raise NotFound(f"cannot be read: {error.strerror}", where=str(root / CURRENT)) from error


class Standing(Enum):
    """What stands in a folder; readers and writers decide by the same."""

    NOTHING = "no index"
    UNFINISHED = "a build that was interrupted, perhaps in the middle of its publication"
    POINTERLESS = "a generation without a pointer to it: a damaged index"
    INDEX = "an index, be it damaged"


def standing(root: Path) -> Standing:
    """What stands in a folder that exists."""
    if (root / CURRENT).exists():
        return Standing.INDEX
    if (root / BUILD).exists():
        return Standing.UNFINISHED
    return Standing.POINTERLESS if _generations(root) else Standing.NOTHING


def has_shards(root: Path) -> bool:
    """Whether an interrupted build left finished shards in an index folder."""
    return any((root / BUILD).glob("shard-*.npz"))


def is_own_name(name: str) -> bool:
    """Whether an entry of an index folder is one that this program makes."""
    return name in (CURRENT, BUILD, f".{CURRENT}.new") or _GENERATION.fullmatch(name) is not None


def publish(root: Path, finished: Path) -> Path:
    """Give a finished, flushed generation folder its name, and point readers to it.

    Older generations are removed afterwards; a reader that has one open keeps its maps.

    Raises:
        WriteFailed: The file system refused; the old generation stands.
    """
    old = _pointed_at(root)
    if old is not None or not (root / CURRENT).exists():
        _remove_generations(root, but=old)  # left behind by a process that died between its last two steps
    target = root / f"gen-{max((int(folder.name[4:]) for folder in _generations(root)), default=0) + 1}"
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
    _remove_generations(root, but=target.name)
    return target


def _pointed_at(root: Path) -> str | None:
    try:
        found = _POINTER.fullmatch(read_pointer(root))
    except (NotFound, CorruptIndex):
        return None
    return None if found is None else found[1]


def _remove_generations(root: Path, *, but: str | None) -> None:
    for folder in _generations(root):
        if folder.name != but:
            shutil.rmtree(folder, ignore_errors=True)


def _generations(root: Path) -> list[Path]:
    return [folder for folder in root.iterdir() if _GENERATION.fullmatch(folder.name)]


def _no_pointer(root: Path) -> NotFound | CorruptIndex:
    if not root.exists():
        return NotFound("no such index", where=str(root), hint="build one: lsr index SOURCE --out DIR")
    if not root.is_dir():
        return NotFound("an index is a folder, and this is a file", where=str(root))
    try:
        found = standing(root)
    except OSError as error:
        return NotFound(f"cannot be read: {error.strerror}", where=str(root))
    if found is Standing.POINTERLESS:
        return CorruptIndex("the file that names the current generation is missing", where=str(root / CURRENT))
    if found is Standing.UNFINISHED:
        return NotFound(
            "only an unfinished build is here", where=str(root), hint="finish it: lsr index SOURCE --out DIR --resume"
        )
    return NotFound("this folder holds no lsr index", where=str(root), hint="build one: lsr index SOURCE --out DIR")
