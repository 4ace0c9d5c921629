"""Lines of files, gzip files and standard input, with their places; memory does not grow with the input."""

from __future__ import annotations

import gzip
import sys
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from lsr.errors import BadInput, NotFound, nearest, unreadable

LINE_LIMIT = 16 * 2**20
"""Longest line that is read, in bytes; what is longer is no text collection, or an attack on memory."""

STDIN = "-"
_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = {
    b"\xff\xfe\x00\x00": "UTF-32",  # begins like UTF-16, so it is asked for first
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class Line:
    """One line of a file as bytes.

    Attributes:
        file: The file as messages name it.
        number: Line number in the file, from 1.
        ordinal: Number among the lines of all files that are read together, from 0.
        data: The bytes without the line end, or ``None`` if there are more than ``LINE_LIMIT``.
    """

    file: str
    number: int
    ordinal: int
    data: bytes | None

    @property
    def where(self) -> str:
        """The place for messages, ``file:line``."""
        return f"{self.file}:{self.number}"

    def text(self) -> str:
        """The line as text.

        Raises:
            BadInput: It is too long, or not UTF-8.
        """
        if self.data is None:
            raise BadInput(f"the line is longer than {LINE_LIMIT // 2**20} MiB", where=self.where)
        return decoded(self.data, self.where)


class Lines:
    """The lines of one or more files, one after the other; can be iterated again, except for standard input.

    Args:
        files: Paths, plain or gzip by content; ``-`` is standard input.
    """

    def __init__(self, files: Sequence[str | Path]) -> None:
        self._files = list(files)
        self._starts: list[int] = []
        self._finished = 0
        self._open: IO[bytes] | None = None

    def __iter__(self) -> Iterator[Line]:
        """Go through the lines.

        Raises:
            NotFound: A file can't be read.
            BadInput: A gzip file is damaged, or a file is in UTF-16 or UTF-32.
        """
        self._starts, self._finished = [], 0
        ordinal = 0
        for file in self._files:
            self._starts.append(ordinal)
            name = display_name(file)
            number = 0
            with ExitStack() as stack:
                stack.enter_context(reading(file))
                self._open, stream = _opened(file, stack)
                for number, data in enumerate(_pieces(stream, name), start=1):
                    if number == 1 and data is not None:
                        data = data.removeprefix(_BOM)
                    yield Line(name, number, ordinal, data)
                    ordinal += 1
            self._open = None
            self._finished += _size(file) or 0

    @property
    def bytes_total(self) -> int | None:
        """Size of all files on disk (compressed, for gzip); ``None`` for standard input."""
        sizes = [_size(file) for file in self._files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def bytes_read(self) -> int:
        """How far the current pass has read, on the scale of ``bytes_total``; 0 for standard input."""
        current = self._open
        if current is None or current.closed or not current.seekable():
            return self._finished
        return self._finished + current.tell()

    def where(self, ordinal: int) -> str:
        """The place of a line that the current pass has read, by its ``ordinal``."""
        at = bisect_right(self._starts, ordinal) - 1
        return f"{display_name(self._files[at])}:{ordinal - self._starts[at] + 1}"


def display_name(file: str | Path) -> str:
    """A file as messages name it."""
    return "stdin" if file == STDIN else str(file)


def decoded(data: bytes, where: str) -> str:
    """Bytes as UTF-8 text.

    Raises:
        BadInput: They are not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(
            f"invalid UTF-8 at byte {error.start + 1} of the line", where=where, hint="save the file as UTF-8"
        ) from None


def check_encoding(beginning: bytes, where: str) -> None:
    """Refuse a file whose byte order mark names another encoding than UTF-8.

    Raises:
        BadInput: It is in UTF-16 or UTF-32.
    """
    for mark, encoding in _OTHER_BOMS.items():
        if beginning.startswith(mark):
            raise BadInput(
                f"the file is in {encoding}, and only UTF-8 is read",
                where=where,
                hint=f"convert it first: iconv -f {encoding} -t UTF-8",
            )


@contextmanager
def reading(file: str | Path) -> Iterator[None]:
    """Turn what the operating system or gzip says against a file into errors that name it.

    Raises:
        NotFound: The file is missing or can't be read.
        BadInput: It is gzip, and damaged.
    """
    try:
        yield
    except FileNotFoundError:
        raise no_such_path(Path(file)) from None
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BadInput(
            f"damaged gzip data: {error}", where=display_name(file), hint="copy or download the file again"
        ) from error
    except OSError as error:
        raise unreadable(error, display_name(file)) from error


def no_such_path(path: Path) -> NotFound:
    """The error for a path that does not exist, with the most similar name beside it."""
    folder = path.parent
    try:
        siblings = sorted(sibling.name for sibling in folder.iterdir())
    except OSError:
        return NotFound("no such file or folder", where=str(path), hint=f"there is no folder {folder} either")
    close = nearest(path.name, siblings)
    hint = f"did you mean {folder / close}?" if close else "check the path; a relative one starts at the current folder"
    return NotFound("no such file or folder", where=str(path), hint=hint)


def first_bytes(file: Path, size: int) -> bytes:
    """The beginning of a file, decompressed if it is gzip.

    Raises:
        NotFound: The file can't be read.
        BadInput: It is gzip and damaged, or in UTF-16 or UTF-32.
    """
    with reading(file), ExitStack() as stack:
        beginning = _opened(file, stack)[1].read(size)
    check_encoding(beginning, str(file))
    return beginning


def read_whole(file: Path) -> bytes | None:
    """All bytes of a file, decompressed if it is gzip; ``None`` if there are more than ``LINE_LIMIT``.

    Raises:
        NotFound: The file can't be read.
        BadInput: It is gzip and damaged, or in UTF-16 or UTF-32.
    """
    data = first_bytes(file, LINE_LIMIT + 1)
    return data.removeprefix(_BOM) if len(data) <= LINE_LIMIT else None


def _opened(file: str | Path, stack: ExitStack) -> tuple[IO[bytes], IO[bytes] | gzip.GzipFile]:
    """The file itself, whose position tells the progress, and the stream to read lines from."""
    if file == STDIN:
        raw = cast("BufferedReader", sys.stdin.buffer)
    else:
        raw = Path(file).open("rb")  # noqa: SIM115 - the stack closes it
        stack.callback(raw.close)
    if raw.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:  # a look without reading, as a pipe can't be wound back
        return raw, raw
    return raw, stack.enter_context(closing(gzip.GzipFile(fileobj=raw)))


def _pieces(stream: IO[bytes] | gzip.GzipFile, name: str) -> Iterator[bytes | None]:
    is_first = True
    while piece := stream.readline(LINE_LIMIT + 1):
        if is_first:
            check_encoding(piece, name)
            is_first = False
        if len(piece) > LINE_LIMIT and not piece.endswith(b"\n"):
            while (rest := stream.readline(LINE_LIMIT)) and not rest.endswith(b"\n"):
                pass
            yield None
        else:
            yield piece.rstrip(b"\r\n")


def _size(file: str | Path) -> int | None:
    if file == STDIN:
        return None
    with reading(file):
        return Path(file).stat().st_size
