"""Which indexes this machine has already checked in full.

The search kernels do no bounds checks, so an index whose postings nobody has validated must not reach them. A *stamp*
in the user's cache folder says that a generation's files were checked here, or written here; it names their sizes and
times of change. An index without a fitting stamp is checked in full when it is opened. The stamp can't travel with the
index.

An index folder has one stamp, that of its latest generation. Whoever writes a stamp also removes some of those whose
index folder is gone, so that the stamps of temporary indexes do not pile up.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from bisect import bisect_right
from pathlib import Path
from typing import Any

from lsr.index.manifest import CATALOG, Manifest
from lsr.places import cache_folder

CHECKS = 1
"""Version of the rules that a full check applies. Whoever makes them stricter raises it: older stamps then count no
more."""

_LOOKED_AT = 32

Signature = list[list[str | int]]
"""Name, size, time of change (nanoseconds) and inode of every file of a generation."""


def generation_files(folder: Path, manifest: Manifest) -> list[Path]:
    """Every file that the manifest names."""
    arrays = [folder / segment.folder / f"{name}.npy" for segment in manifest.segments for name in segment.files]
    return [folder / CATALOG, *arrays]


def signature(folder: Path, manifest: Manifest) -> Signature:
    """What the files of a generation look like from outside.

    To be taken before they are read: a file that changes while it is checked then has another signature afterwards.
    """
    rows: Signature = []
    for path in generation_files(folder, manifest):
        try:
            status = path.stat()
        except OSError:
            rows.append([path.name, "cannot be read"])
        else:
            rows.append([path.name, status.st_size, status.st_mtime_ns, status.st_ino])
    return rows


def is_trusted(folder: Path, digest: str, seen: Signature) -> bool:
    """Whether the stamp says that exactly these files were checked on this machine.

    Args:
        folder: The generation's folder.
        digest: SHA-256 of its manifest.
        seen: Its signature.
    """
    try:
        return bool(json.loads(_stamp_path(folder).read_bytes()) == _stamp(folder, digest, seen))
    except (OSError, ValueError):
        return False


def trust(folder: Path, digest: str, seen: Signature) -> None:
    """Write the stamp. A cache folder that can't be written only means that the next opening checks again.

    Args:
        folder: The generation's folder.
        digest: SHA-256 of its manifest.
        seen: The signature that was taken before the files were checked, or after they were written.
    """
    with contextlib.suppress(OSError):
        path = _stamp_path(folder)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(_stamp(folder, digest, seen)))
        temporary.replace(path)
        _prune(path)


def _stamp(folder: Path, digest: str, seen: Signature) -> dict[str, Any]:
    return {
        "checks": CHECKS,
        "index": str(folder.parent.resolve()),
        "generation": folder.name,
        "manifest": digest,
        "files": seen,
    }


def _stamp_path(folder: Path) -> Path:
    place = hashlib.sha256(os.fsencode(folder.parent.resolve())).hexdigest()[:32]
    return cache_folder() / "checked" / f"{place}.json"


def _prune(own: Path) -> None:
    """Remove stale stamps among the next few by name, which is a hash: every stamp's turn comes."""
    names = sorted(path.name for path in own.parent.iterdir())
    after = bisect_right(names, own.name)
    for name in (names[after:] + names[:after])[:_LOOKED_AT]:
        stamp = own.with_name(name)
        if _is_stale(stamp):
            stamp.unlink(missing_ok=True)


def _is_stale(stamp: Path) -> bool:
    try:
        return not Path(json.loads(stamp.read_bytes())["index"]).is_dir()
    except OSError:
        return False
    except (ValueError, KeyError, TypeError):
        return True  # whatever it is, it vouches for nothing
