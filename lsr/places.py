"""Where does lsr keep what it can always make again?"""

from __future__ import annotations

import os
from pathlib import Path


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
