"""Every error that lsr raises on purpose, in one tree.

    LsrError                 code, exit_code, message, hint, where
    ├── UsageError           exit 2   a value that the caller chose is wrong
    ├── NotFound             exit 3   no such path, index, model, collection or document
    ├── InputError           exit 4   what was read is wrong
    │   ├── BadInput                  a line or a field of a collection, query, run or qrels file
    │   ├── BadModel                  a model directory that can't be loaded safely
    │   ├── ModelMismatch             the encoder is not the one that made the index
    │   ├── IncompatibleIndex         an index in a format that this version doesn't read
    │   └── CorruptIndex              an index whose bytes contradict its manifest
    ├── MissingExtra         exit 5   an optional dependency is not installed
    ├── Refused              exit 6   would overwrite, is locked, or is over a limit
    └── WriteFailed          exit 7   disk full, read-only, or no permission

A message says what happened, ``where`` says where (path:line, or the name of a field), and ``hint`` says what to do.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

DISTRIBUTION = "lsr-search"


class LsrError(Exception):
    """Base of all errors that lsr raises on purpose.

    Attributes:
        message: What happened, one sentence without a final full stop.
        hint: What to do about it, or ``None``.
        where: A path, ``path:line`` or field name, or ``None``.
    """

    code = "error"
    exit_code = 70

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" (hint: {self.hint})" if self.hint else ""
        return f"{place}{self.message}{advice}"

    def as_dict(self) -> dict[str, str | None]:
        """The error as the JSON object that ``--json`` prints."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "path": self.where}


class UsageError(LsrError):
    """A value that the caller chose is wrong: an unknown option value, ``k`` below 1, a NaN weight."""

    code = "usage"
    exit_code = 2


class NotFound(LsrError):
    """A path, index, model, collection or document does not exist or can't be read."""

    code = "not_found"
    exit_code = 3


class InputError(LsrError):
    """Something that was read is wrong."""

    code = "input"
    exit_code = 4


class BadInput(InputError):
    """A line or field of a collection, query file, run or qrels file is wrong."""

    code = "bad_input"


class BadModel(InputError):
    """A model directory is incomplete, of an unknown kind, or can't be loaded safely."""

    code = "bad_model"


class ModelMismatch(InputError):
    """The encoder at hand is not the one that made the index."""

    code = "model_mismatch"


class IncompatibleIndex(InputError):
    """The index has a format version that this release doesn't read."""

    code = "incompatible_index"


class CorruptIndex(InputError):
    """The bytes of an index contradict its manifest."""

    code = "corrupt_index"

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        advice = hint or "copy the index again from where it is sound, or build it anew with --force"
        super().__init__(message, hint=advice, where=where)


class MissingExtra(LsrError):
    """An optional dependency is not installed.

    Args:
        feature: What was asked for.
        extra: The extra of this distribution that brings it.
    """

    code = "missing_extra"
    exit_code = 5

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the optional part '{extra}', which is not installed",
            hint=f"pip install '{DISTRIBUTION}[{extra}]'",
        )
        self.extra = extra


class Refused(LsrError):
    """The request is understood and not carried out: it would overwrite, a lock is held, or a limit is passed."""

    code = "refused"
    exit_code = 6


class WriteFailed(LsrError):
    """The file system refused a write: disk full, read-only, or no permission."""

    code = "write_failed"
    exit_code = 7


class ShardsDropped(UserWarning):
    """A resumed build can't take over shards that an earlier one has finished; ``shards`` of them are dropped.

    Attributes:
        shards: How many.
    """

    def __init__(self, shards: int) -> None:
        what = "1 finished shard was" if shards == 1 else f"{shards} finished shards were"
        super().__init__(
            f"{what} made from other documents or with other settings, and can't be taken over: "
            "those documents are encoded again"
        )
        self.shards = shards


def unreadable(error: OSError, path: object) -> NotFound:
    """The error for a path that the operating system does not let us read.

    Args:
        error: What it said.
        path: The file or folder.
    """
    hint = "change the permissions, or ask the owner to" if is_denied(error) else None
    return NotFound(f"cannot read: {error.strerror or error}", where=str(path), hint=hint)


def is_denied(error: OSError) -> bool:
    """Whether permissions are what an operation lacked."""
    return error.errno in (errno.EACCES, errno.EPERM)


@contextmanager
def writing(path: object) -> Iterator[None]:
    """Turn an ``OSError`` in the body into a ``WriteFailed`` that names ``path``.

    Raises:
        WriteFailed: The file system refused a write.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise WriteFailed(f"cannot write: {reason}", where=str(path), hint=remedy(error.errno)) from error


def remedy(code: int | None) -> str:
    """What to do about a write that the operating system refused, by its ``errno``."""
    if code in (errno.ENOSPC, errno.EDQUOT):
        return "free some space, or choose another folder"
    if code == errno.EROFS:
        return "the file system is read-only: choose another folder"
    if code in (errno.EACCES, errno.EPERM):
        return "choose another folder, or change the permissions of this one"
    if code == errno.ENAMETOOLONG:
        return "choose a shorter name"
    if code == errno.EFBIG:
        return "files may not grow so large here: raise the limit (ulimit -f), or choose another folder"
    return "choose another folder"


def nearest(name: str, known: list[str]) -> str | None:
    """The entry of ``known`` that looks most like ``name``, for "did you mean" hints."""
    from difflib import get_close_matches

    found = get_close_matches(name, known, n=1, cutoff=0.5)
    return found[0] if found else None
