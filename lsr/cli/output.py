"""What a command prints: the answer on standard output, everything else on standard error."""

from __future__ import annotations

import errno
import json
import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from lsr.errors import WriteFailed

ANSWER = "standard output"
BAR = "█"
_SPACES = {"\n": " ", "\r": " ", "\t": " "}
_REORDERING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def fill_closed_streams() -> None:
    """Give this process the standard streams that it was started without.

    Standard input is then empty, writing to standard output fails, and what goes to standard error is lost. Without
    this, the next file that is opened would get the number of the closed one.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


@contextmanager
def answering() -> Iterator[None]:
    """Name standard output as what could not be written to in the body.

    Raises:
        WriteFailed: The disk behind standard output is full, for instance.
        BrokenPipeError: Nobody reads it any more.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = "it is closed" if error.errno == errno.EBADF else error.strerror or error
        raise WriteFailed(f"cannot write: {reason}", where=ANSWER) from error


def answer(text: str) -> None:
    """Print a line of the answer.

    Raises:
        WriteFailed: As for ``answering``.
    """
    with answering():
        sys.stdout.write(text + "\n")


def answer_json(value: Any) -> None:
    """Print a JSON value as a line of the answer."""
    answer(json.dumps(value, ensure_ascii=False))


def note(text: str) -> None:
    """Print a line that is not part of the answer; a closed standard error is no reason to stop."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is to have colours: a terminal without ``NO_COLOR``, or anything with ``FORCE_COLOR``."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@dataclass(frozen=True)
class Style:
    """Ways to mark text; without colour, text stays as it is.

    Attributes:
        colour: Whether to mark at all.
    """

    colour: bool

    def strong(self, text: str) -> str:
        """What is to be seen first."""
        return self._marked("1", text)

    def found(self, text: str) -> str:
        """What matches a query."""
        return self._marked("1;33", text)

    def faint(self, text: str) -> str:
        """What is there for reference."""
        return self._marked("2", text)

    def _marked(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


def visible(text: str) -> str:
    r"""Foreign text made safe to print on one line: no control character can move the cursor or reorder the line.

    Line breaks and tabs become spaces; other control characters become their code, such as ``\x1b``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(letter) for letter in text)


def _visible(letter: str) -> str:
    if letter in _SPACES:
        return " "
    if letter in _REORDERING or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp"):
        return f"\\x{ord(letter):02x}" if ord(letter) < 256 else f"\\u{ord(letter):04x}"
    return letter


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Rows of cells as lines with aligned columns.

    Args:
        rows: Cells of each row, as many in each.
        right: Numbers of the columns that are aligned to the right.
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def bar(value: float, largest: float, width: int = 24) -> str:
    """A horizontal bar whose length shows a value; the largest has ``width`` cells, and none is empty."""
    return BAR * max(1, round(width * value / largest))


def counted(count: int, noun: str) -> str:
    """A number with its noun, such as ``1 document`` and ``1,200 documents``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size_text(count: int) -> str:
    """A number of bytes for people, in powers of 1000."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
