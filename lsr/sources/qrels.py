"""Relevance judgments: BEIR's ``query-id<TAB>corpus-id<TAB>score`` or TREC's ``query iteration document grade``."""

from __future__ import annotations

import re
from pathlib import Path

from lsr.errors import BadInput
from lsr.sources.lines import Line, Lines, display_name
from lsr.sources.problems import BadLines, sift

_GRADE = re.compile(r"[+-]?[0-9]{1,9}")
_HEADERS = ("query-id\t", "query_id\t")
_TREC_COLUMNS = 4
_BEIR_COLUMNS = 3


def read_qrels(path: str | Path) -> dict[str, dict[str, int]]:
    """Judgments as query id to document id to grade, in the order of the file; grades below 0 are kept.

    Identifiers are strings as they stand in the file. A judgment may be repeated with the same grade.

    Args:
        path: The file, plain or gzip.

    Raises:
        NotFound: The file does not exist or can't be read.
        BadInput: A line is wrong, a document is judged twice with different grades, or there is no judgment.
    """
    qrels: dict[str, dict[str, int]] = {}
    for query, document, grade in sift(Lines([path]), _Parser(), BadLines()):
        qrels.setdefault(query, {})[document] = grade
    if not qrels:
        raise BadInput("no relevance judgment in it", where=display_name(path))
    return qrels


class _Parser:
    """Parses lines; the first one decides between the two layouts."""

    def __init__(self) -> None:
        self._is_beir: bool | None = None
        self._first: dict[tuple[str, str], tuple[int, int]] = {}

    def __call__(self, line: Line) -> tuple[str, str, int] | None:
        text = line.text()
        if not text.strip():
            return None
        if self._is_beir is None:
            is_header = text.lower().startswith(_HEADERS)
            self._is_beir = is_header or len(text.split()) != _TREC_COLUMNS
            if is_header:
                return None
        query, document, grade = self._cells(text, line.where)
        if not _GRADE.fullmatch(grade):
            raise BadInput(f"the grade must be a whole number, not {grade!r:.50}", where=line.where)
        known, number = self._first.setdefault((query, document), (int(grade), line.number))
        if known != int(grade):
            raise BadInput(
                f"document {document!r} has grade {grade} for query {query!r}, and grade {known} on line {number}",
                where=line.where,
            )
        return query, document, known

    def _cells(self, text: str, where: str) -> tuple[str, str, str]:
        cells = [cell.strip() for cell in text.split("\t")] if self._is_beir else text.split()
        wanted = _BEIR_COLUMNS if self._is_beir else _TREC_COLUMNS
        if len(cells) != wanted or not all(cells):
            layout = "query-id<TAB>corpus-id<TAB>score" if self._is_beir else "query iteration document grade"
            raise BadInput(
                f"{len(cells)} columns, expected {wanted} that are not empty: {layout}",
                where=where,
                hint="judgments have the form of BEIR (with tabs) or of TREC",
            )
        return cells[0], cells[-2], cells[-1]
