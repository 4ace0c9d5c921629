"""What every source of documents is: a lazy iterable that knows its format and how far it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from lsr.documents import TEXT_FIELDS, CheckedDocuments, Document, SeenIdentifiers
from lsr.errors import BadInput
from lsr.sources.lines import Line, Lines, display_name
from lsr.sources.problems import BadLines, OnError, sift

LineParser = Callable[[str, Line], Document | None]
"""Gives the document of a line, given its text and its place; ``None`` for a line that is no document (a header)."""


class Source(CheckedDocuments):
    """Documents of one file or folder, read and checked anew by each iteration.

    Args:
        path: The path as the user gave it.

    Attributes:
        format: Name of the format.
        path: The path.
        total: Number of documents, if it is known without reading them.
        skipped: Bad lines that the current iteration has left out.
        left_out: Files of a folder that look like documents and are not read, as they are in another format.
        likely_header: The first line, if it was taken for a document and looks like a header.
    """

    format: ClassVar[str]

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.total: int | None = None
        self.skipped = 0
        self.left_out: list[Path] = []
        self.likely_header: str | None = None

    @abstractmethod
    def __iter__(self) -> Iterator[Document]:
        """Read the documents in their order.

        Raises:
            BadInput: A line or field is wrong, an identifier comes twice, or there is no document.
            NotFound: A file can't be read.
        """

    @property
    def bytes_total(self) -> int | None:
        """Bytes to read, if known."""
        return None

    @property
    def bytes_read(self) -> int:
        """Bytes read so far by the current iteration, on the scale of ``bytes_total``."""
        return 0

    def no_documents(self) -> BadInput:
        """The error for a source that turns out to hold no document."""
        if self.skipped:
            return BadInput(f"no document: all {self.skipped} were bad and skipped", where=display_name(self.path))
        return BadInput("no document in it", where=display_name(self.path), hint=f"it was read as {self.format!r}")


class LineSource(Source):
    """Documents that stand on lines, one on each.

    Args:
        path: The path as the user gave it.
        files: The files to read in this order; ``-`` is standard input.
        text_fields: Fields whose texts are joined and encoded; ``None`` takes the format's own.
        on_error: What happens at a bad line, ``stop`` or ``skip``.
    """

    default_text_fields: ClassVar[Sequence[str]] = TEXT_FIELDS

    def __init__(
        self,
        path: str | Path,
        files: Sequence[str | Path],
        *,
        text_fields: Sequence[str] | None = None,
        on_error: OnError = "stop",
    ) -> None:
        super().__init__(path)
        self.text_fields = self.default_text_fields if text_fields is None else text_fields
        self._on_error = on_error
        self._lines = Lines(files)

    @property
    def bytes_total(self) -> int | None:
        """Bytes of the files on disk; ``None`` for standard input."""
        return self._lines.bytes_total

    @property
    def bytes_read(self) -> int:
        """Bytes of the files read so far by the current iteration."""
        return self._lines.bytes_read

    def __iter__(self) -> Iterator[Document]:
        """Read the documents; see ``Source``."""
        problems = BadLines(self._on_error)
        seen = SeenIdentifiers()
        self.skipped = 0
        empty = True
        parse = self.parser()

        def parse_new(line: Line) -> Document | None:
            text = line.text()
            document = parse(text, line) if text and not text.isspace() else None
            if document is not None and (first := seen.first(document.id, line.ordinal)) is not None:
                raise BadInput(
                    f"duplicate id {document.id!r}: it stands at {self._lines.where(first)} already", where=line.where
                )
            return document

        for document in sift(self._lines, parse_new, problems):
            self.skipped = problems.skipped
            empty = False
            yield document
        self.skipped = problems.skipped
        if empty:
            raise self.no_documents()

    @abstractmethod
    def parser(self) -> LineParser:
        """What turns the lines of one iteration that are not blank into documents."""
