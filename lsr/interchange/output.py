"""Files that appear under their name when they are complete, and not before."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from lsr.errors import Refused, writing
from lsr.index.files import flush, flush_folder


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A stream to a file that gets its name, in one step, when the body ends well.

    Args:
        path: The file.
        force: Replace a file of that name.

    Raises:
        Refused: Something of that name exists.
        WriteFailed: The file system refused; nothing half-written stays.
    """
    if path.is_dir() or (path.exists() and not force):
        kind = "folder" if path.is_dir() else "file"
        hint = "choose another name" if path.is_dir() else "choose another name, or replace it with --force"
        raise Refused(f"a {kind} of that name exists", where=str(path), hint=hint)
    temporary = _temporary(path)
    with writing(path):
        try:
            with temporary.open("wb") as stream:
                yield stream
                flush(stream)
            temporary.replace(path)
            flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to be filled that gets its name, in one step, when the body ends well.

    Raises:
        Refused: Something of that name exists.
        WriteFailed: The file system refused; nothing half-written stays.
    """
    if path.exists():
        raise Refused("a file or folder of that name exists", where=str(path), hint="choose another name")
    temporary = _temporary(path)
    with writing(path):
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            temporary.mkdir()
            yield temporary
            flush_folder(temporary)
            temporary.rename(path)
            flush_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def compressing(stream: BinaryIO, *, compress: bool) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """The stream itself, or one that compresses what goes to it; the same data give the same bytes."""
    if not compress:
        yield stream
        return
    with gzip.GzipFile("", "wb", compresslevel=6, fileobj=stream, mtime=0) as compressed:
        yield compressed


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")
