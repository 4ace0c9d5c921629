"""Arrays that are written in place: a file of its final size is mapped, filled in any order, and sealed.

Sealing flushes the file and computes its checksum. What is filled lives in the page cache and not in the process, so
an array may be larger than the memory; ``release`` gives the pages of a finished part back.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import writing
from lsr.index.files import FileEntry, file_entry, flush, npy_header


class OutputArray:
    """A one-dimensional array in a new ``.npy`` file.

    Args:
        path: The file; it must not exist.
        dtype: numpy name of the element type.
        length: Number of elements.

    Attributes:
        array: The elements, all zero at first.

    Raises:
        WriteFailed: The file system refused, for example because it has no room for an array of that size.
    """

    def __init__(self, path: Path, dtype: str, length: int) -> None:
        self.path = path
        self._form = np.dtype(dtype).str, length
        header = npy_header(*self._form)
        size = len(header) + length * np.dtype(dtype).itemsize
        with writing(path), path.open("xb+") as stream:
            stream.write(header)
            stream.flush()
            # Reserving the blocks now turns a full disk into an error here, and not into a signal at some later store.
            os.posix_fallocate(stream.fileno(), 0, size)
            self._map = mmap.mmap(stream.fileno(), size)
        self.array: NDArray[Any] = np.frombuffer(self._map, dtype, length, len(header))

    def release(self) -> None:
        """Write the pages out and give their memory back; the array can still be used."""
        with writing(self.path):
            self._map.flush()
        self._map.madvise(mmap.MADV_DONTNEED)

    def seal(self) -> FileEntry:
        """Flush the file to the disk, and say what is in it; the array must not be changed any more.

        Raises:
            WriteFailed: The file system refused.
        """
        with writing(self.path):
            self._map.flush()
            with self.path.open("rb+") as stream:
                flush(stream)
        entry = file_entry(self.path)
        return FileEntry(entry.bytes, entry.sha256, *self._form)
