"""Files that survive power loss: arrays with a checksum, flushed folders, atomic replacement.

An array on disk is a plain ``.npy`` file (format version 1.0, C order, little-endian), so any tool can read it. It is
opened as a read-only memory map; nothing is copied.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lsr.errors import CorruptIndex, LsrError, Refused, is_denied, unreadable, writing

_NPY_PREFIX = 10
_NPY_ALIGNMENT = 64


@dataclass(frozen=True)
class FileEntry:
    """What a manifest says about one file.

    Attributes:
        bytes: Size of the file.
        sha256: Hex digest of its content.
        dtype: numpy name of the element type, such as ``<u4``, or ``None`` for a file that is not an array.
        length: Number of elements, or ``None`` for a file that is not an array.
    """

    bytes: int
    sha256: str
    dtype: str | None = None
    length: int | None = None


def write_array(path: Path, array: NDArray[Any]) -> FileEntry:
    """Write a one-dimensional array and flush it to the disk.

    Raises:
        WriteFailed: The file system refused.
    """
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    header, elements = npy_header(little.dtype.str, len(little)), little.view(np.uint8).data
    with writing(path), path.open("wb") as stream:
        stream.write(header)
        stream.write(elements)
        flush(stream)
    digest = hashlib.sha256(header)
    digest.update(elements)
    return FileEntry(len(header) + elements.nbytes, digest.hexdigest(), little.dtype.str, len(little))


def open_array(path: Path, entry: FileEntry) -> NDArray[Any]:
    """Map an array read-only, after comparing the file's size and header with its manifest entry.

    Raises:
        CorruptIndex: The file is missing, or contradicts its entry.
        NotFound: Its permissions forbid to read it.
    """
    expected = npy_header(entry.dtype, entry.length)
    if entry.length is None or entry.bytes - len(expected) != entry.length * np.dtype(entry.dtype).itemsize:
        raise CorruptIndex("the manifest gives the array a size that does not fit its length", where=str(path))
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != entry.bytes:
                raise CorruptIndex(f"the file has {size} bytes and should have {entry.bytes}", where=str(path))
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise cannot_read(error, path) from error
    if mapped[: len(expected)] != expected:
        raise CorruptIndex("the header is not the one that the manifest asks for", where=str(path))
    return np.frombuffer(mapped, dtype=entry.dtype, count=entry.length, offset=len(expected))


def npy_header(dtype: str | None, length: int | None) -> bytes:
    """The bytes before the elements in the ``.npy`` file of a one-dimensional array.

    They are written here and not by numpy, whose padding is a matter of its release.
    """
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': ({length},), }}".encode()
    padding = b" " * (-(_NPY_PREFIX + len(text) + 1) % _NPY_ALIGNMENT)
    size = len(text) + len(padding) + 1
    return b"\x93NUMPY\x01\x00" + size.to_bytes(2, "little") + text + padding + b"\n"


def file_entry(path: Path) -> FileEntry:
    """Size and checksum of a finished file.

    Raises:
        CorruptIndex: The file can't be read.
        NotFound: Its permissions forbid to read it.
    """
    try:
        with path.open("rb") as stream:
            return FileEntry(os.fstat(stream.fileno()).st_size, hashlib.file_digest(stream, "sha256").hexdigest())
    except OSError as error:
        raise cannot_read(error, path) from error


def cannot_read(error: OSError, path: Path) -> LsrError:
    """The error for a file of an index that can't be read: the index is damaged, unless only permission is missing.

    Args:
        error: What the operating system said.
        path: The file.
    """
    if is_denied(error):
        return unreadable(error, path)
    return CorruptIndex(f"cannot be read: {error.strerror or error}", where=str(path))


def flush(stream: BinaryIO) -> None:
    """Hand what was written to the disk, and wait for it."""
    stream.flush()
    os.fsync(stream.fileno())


def flush_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Write a small file so that readers see the old content or the new, never anything else.

    Raises:
        WriteFailed: The file system refused; the old file stands.
    """
    temporary = path.with_name(f".{path.name}.new")
    with writing(path):
        try:
            with temporary.open("wb") as stream:
                stream.write(content)
                flush(stream)
            temporary.replace(path)
            flush_folder(path.parent)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; a process that dies gives it back.

    Raises:
        Refused: Another process holds it.
        WriteFailed: The folder can't be opened or locked.
    """
    with writing(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        with writing(folder):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Refused(
                    "another process is writing this index", where=str(folder), hint="wait until it has finished"
                ) from error
        yield
    finally:
        os.close(descriptor)
