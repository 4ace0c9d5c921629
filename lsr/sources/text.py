"""Plain text: a folder of ``.txt`` files with one document each, or one file with a document on each line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lsr.documents import TEXT_FIELDS, Document, document_from_mapping
from lsr.errors import BadInput
from lsr.sources.base import LineParser, LineSource, Source
from lsr.sources.lines import LINE_LIMIT, Line, decoded, read_whole
from lsr.sources.problems import BadLines, OnError, sift

SUFFIXES = (".txt", ".txt.gz")


class TextLines(LineSource):
    """The lines of a file that are not blank; a document's id is its line number."""

    format = "text"

    def parser(self) -> LineParser:
        """Parses lines, each on its own."""
        return self._document

    def _document(self, text: str, line: Line) -> Document:
        return document_from_mapping({"_id": str(line.number), "text": text}, self.text_fields, line.where)


class TextFolder(Source):
    """The text files of a folder and the folders in it; a document's id is the path inside the folder.

    Args:
        path: The folder.
        text_fields: Must name ``text``, the only field.
        on_error: What happens at a bad file, ``stop`` or ``skip``.
    """

    format = "text"

    def __init__(
        self, path: str | Path, *, text_fields: Sequence[str] | None = None, on_error: OnError = "stop"
    ) -> None:
        super().__init__(path)
        self._folder = Path(path)
        self._text_fields = TEXT_FIELDS if text_fields is None else text_fields
        self._on_error = on_error
        self._files = sorted(text_files(self._folder))
        self.total = len(self._files)

    def __iter__(self) -> Iterator[Document]:
        """Read the files in the order of their paths; see ``Source``."""
        problems = BadLines(self._on_error)
        self.skipped = 0
        empty = True
        for document in sift(self._files, self._document, problems):
            self.skipped = problems.skipped
            empty = False
            yield document
        self.skipped = problems.skipped
        if empty:
            raise self.no_documents()

    def _document(self, file: Path) -> Document:
        name = file.relative_to(self._folder).as_posix()
        try:
            name.encode()
        except UnicodeEncodeError:
            raise BadInput("the name of the file is not UTF-8, and can't be an id", where=repr(str(file))) from None
        data = read_whole(file)
        if data is None:
            raise BadInput(f"the file is larger than {LINE_LIMIT // 2**20} MiB", where=str(file))
        text = "\n".join(decoded(line, f"{file}:{number}") for number, line in enumerate(data.splitlines(), start=1))
        return document_from_mapping({"_id": name, "text": text}, self._text_fields, str(file))


def text_files(folder: Path) -> Iterator[Path]:
    """The text files of a folder and the folders in it, in no order."""
    return (file for file in folder.rglob("*") if file.name.endswith(SUFFIXES) and file.is_file())
