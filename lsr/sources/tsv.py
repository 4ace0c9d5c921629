r"""Tab-separated lines: ``id<TAB>text`` or ``id<TAB>title<TAB>text``, or named by a header line. No quoting.

A first line is a header if its first cell is a usual name of the id column (``id``, ``_id``, ``docid`` ...) and another
one is the name of a text field.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lsr.documents import Document, document_from_mapping
from lsr.errors import BadInput
from lsr.sources.base import LineParser, LineSource
from lsr.sources.lines import Line

_ID_NAMES = {"id", "_id", "docid", "doc_id", "doc-id", "docno", "pid", "corpus-id", "qid", "query_id", "query-id"}
_TEXT_NAMES = {"title", "text", "contents", "body", "passage", "query"}
_COLUMNS = {2: ("_id", "text"), 3: ("_id", "title", "text")}


class TsvSource(LineSource):
    """Documents of a tab-separated file."""

    format = "tsv"

    def parser(self) -> LineParser:
        """Parses lines after the first one has set the columns."""
        return _Parser(self)


class _Parser:
    def __init__(self, source: TsvSource) -> None:
        self._source = source
        self._text_fields = source.text_fields
        self._columns: Sequence[str] | None = None

    def __call__(self, text: str, line: Line) -> Document | None:
        cells = text.split("\t")
        if self._columns is None:
            named = header(cells, self._text_fields)
            self._columns = named or _COLUMNS.get(len(cells))
            if named:
                return None
            self._source.likely_header = text if cells[0].strip().lower() in _ID_NAMES else None
        if self._columns is None:
            raise BadInput(
                f"found {len(cells)} columns without a header; expected id and text, or id, title and text",
                where=line.where,
                hint="columns are separated by tabs; a first line can name others, such as id<TAB>text<TAB>url",
            )
        return document_from_mapping(row(cells, self._columns, line.where), self._text_fields, line.where)


def header(cells: Sequence[str], text_names: Collection[str] = ()) -> list[str] | None:
    """The column names of a header line, the first one as ``_id``; ``None`` if the line is no header."""
    names = [cell.strip() for cell in cells]
    is_header = names[0].lower() in _ID_NAMES and any(
        name in text_names or name.lower() in _TEXT_NAMES for name in names[1:]
    )
    return ["_id", *names[1:]] if is_header else None


def row(cells: Sequence[str], columns: Sequence[str], where: str) -> dict[str, str]:
    """The cells by the names of their columns.

    Raises:
        BadInput: There are more or fewer cells than columns.
    """
    if len(cells) != len(columns):
        raise BadInput(
            f"found {len(cells)} tab-separated columns, expected {len(columns)}: {', '.join(columns)}",
            where=where,
            hint="a text can't hold tabs or line ends in this format; JSON Lines can hold both",
        )
    return dict(zip(columns, cells, strict=True))
