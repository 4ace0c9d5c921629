"""How are functions compiled, and where is the machine code kept?

A function that Python calls is ``compiled``; one that only compiled code calls is ``inner``, and becomes part of its
callers. The compiler keeps machine code for the file that a function stands in and does not notice changes of what it
calls in other files; so the code is kept in a folder that is named after the content of all files with such functions.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import config, njit

from lsr.places import cache_folder

_SOURCES = (
    "jit.py",
    "index/containers.py",
    "index/forward.py",
    "index/inversion.py",
    "index/reordering.py",
    "search/kernels/*.py",
)
_UNUSED_DAYS = 30


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls, without the GIL; keep the machine code if there is a folder for it."""
    folder = _code_folder()
    if folder is None:
        return njit(nogil=True, error_model="numpy")(function)
    usual = config.CACHE_DIR
    config.CACHE_DIR = folder
    try:
        return njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # the folder can't be written
        return njit(nogil=True, error_model="numpy")(function)
    finally:
        config.CACHE_DIR = usual


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function that only compiled functions call."""
    return njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Paste a small function into the compiled functions that call it."""
    return njit(inline="always")(function)


@cache
def _code_folder() -> str | None:
    """Where machine code of this very source is kept.

    In ``$NUMBA_CACHE_DIR`` if it is set, else beside the modules, else, where those can't be written, in the user's
    cache.
    """
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for pattern in _SOURCES:
        for path in sorted(package.glob(pattern)):
            digest.update(path.read_bytes())
    name = f"lsr-{digest.hexdigest()[:16]}"
    places = [Path(config.CACHE_DIR)] if config.CACHE_DIR else [package / "__pycache__", *_user_cache()]
    for parent in places:
        folder = parent / name
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True)
                _forget_unused(parent)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return str(folder)
    return None


def _user_cache() -> list[Path]:
    try:
        return [cache_folder() / "compiled"]
    except OSError:
        return []


def _forget_unused(parent: Path) -> None:
    """Remove what other versions kept, if nothing was added to it for a month."""
    for folder in parent.glob("lsr-*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _UNUSED_DAYS * 86400:
                shutil.rmtree(folder)
