"""Which indexes this machine has already checked in full.

The search kernels do no bounds checks, so an index whose postings nobody has validated must not reach them. A *stamp*
in the user's cache folder says that a manifest's files were checked here, or written here; it names their sizes and
times of change. An index without a fitting stamp is checked in full when it is opened. The stamp can't travel with the
index.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from lsr.index.manifest import CATALOG, Manifest


def cache_folder() -> Path:
    """The user's cache folder for lsr: ``$LSR_CACHE``, else ``$XDG_CACHE_HOME/lsr``, else ``~/.cache/lsr``.

    Raises:
        OSError: None of them is set, and the user has no home folder.
    """
    named = os.environ.get("LSR_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "lsr"
    try:
        return Path.home() / ".cache" / "lsr"
    except RuntimeError as error:
        raise OSError(str(error)) from error


def generation_files(folder: Path, manifest: Manifest) -> list[Path]:
    """Every file that the manifest names."""
    arrays = [folder / segment.folder / f"{name}.npy" for segment in manifest.segments for name in segment.files]
    return [folder / CATALOG, *arrays]


def is_trusted(folder: Path, manifest: Manifest, digest: str) -> bool:
    """Whether a stamp says that exactly these files were checked on this machine."""
    try:
        stamp = json.loads(_stamp_path(folder, digest).read_bytes())
        return bool(stamp == _signature(folder, manifest))
    except (OSError, ValueError):
        return False


def trust(folder: Path, manifest: Manifest, digest: str) -> None:
    """Write the stamp. A cache folder that can't be written only means that the next opening checks again."""
    with contextlib.suppress(OSError):
        path = _stamp_path(folder, digest)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(_signature(folder, manifest)))
        temporary.replace(path)


def _stamp_path(folder: Path, digest: str) -> Path:
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return cache_folder() / "checked" / f"{digest[:32]}-{place}.json"


def _signature(folder: Path, manifest: Manifest) -> list[list[int | str]]:
    rows: list[list[int | str]] = []
    for path in generation_files(folder, manifest):
        status = path.stat()
        rows.append([path.name, status.st_size, status.st_mtime_ns, status.st_ino])
    return rows
