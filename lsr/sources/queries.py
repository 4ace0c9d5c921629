"""Queries of a file, a BEIR folder, or standard input: JSON Lines, ``id<TAB>text``, or one plain query a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsr.documents import document_from_mapping
from lsr.errors import BadInput, UsageError
from lsr.sources.beir import qrels_file, query_file
from lsr.sources.detect import is_tab_separated
from lsr.sources.jsonl import parse_json
from lsr.sources.lines import STDIN, Line, Lines, display_name, reading
from lsr.sources.problems import BadLines, sift
from lsr.sources.qrels import read_qrels
from lsr.sources.tsv import header, row

_ID_NAMES = ("_id", "id", "query_id", "qid")
_TEXT_NAMES = ("text", "query")


@dataclass(frozen=True, slots=True)
class Query:
    """A query with its identifier.

    Attributes:
        id: Identifier; for plain text the number of the query, from 1.
        text: What is searched for.
        where: Where it was read, ``file:line``.
    """

    id: str
    text: str
    where: str


def open_queries(path: str | Path, *, split: str | None = None) -> list[Query]:
    """All queries of a source, in its order. The format is found out by content; blank lines are no queries.

    Args:
        path: A file (plain or gzip), a BEIR folder (its ``queries.jsonl``), or ``-`` for standard input.
        split: Of a BEIR folder, only the queries that ``qrels/SPLIT.tsv`` judges.

    Raises:
        NotFound: The path, or the split, does not exist or can't be read.
        BadInput: A line is wrong, an identifier comes twice, or there is no query.
        UsageError: A split without a BEIR folder.
    """
    file: str | Path = STDIN if str(path) == STDIN else Path(path).expanduser()
    judged = None
    with reading(file):
        is_folder = isinstance(file, Path) and file.is_dir()
    if isinstance(file, Path) and is_folder:
        judged = None if split is None else read_qrels(qrels_file(file, split))
        file = query_file(file)
    elif split is not None:
        raise UsageError(
            "a split needs a BEIR folder", where="split", hint="give the folder that holds queries.jsonl and qrels/"
        )
    queries = [query for query in _read(file) if judged is None or query.id in judged]
    if not queries:
        raise BadInput("no query in it" + (f" for split {split!r}" if split else ""), where=display_name(file))
    return queries


def _read(file: str | Path) -> list[Query]:
    lines = list(Lines([file]))
    parse = _parser(file, next((line.data for line in lines if line.data and not line.data.isspace()), b""))
    first: dict[str, str] = {}

    def parse_new(line: Line) -> Query | None:
        text = line.text()
        query = parse(text, line.where) if text.strip() else None
        if query is not None and (place := first.setdefault(query.id, query.where)) != query.where:
            raise BadInput(f"duplicate id {query.id!r}: it stands at {place} already", where=query.where)
        return query

    return list(sift(lines, parse_new, BadLines()))


def _parser(file: str | Path, first_line: bytes) -> Callable[[str, str], Query | None]:
    if first_line.lstrip().startswith(b"{"):
        return _from_json
    by_name = str(file).removesuffix(".gz").endswith(".tsv")
    return _TabSeparated() if by_name or is_tab_separated([first_line.decode(errors="replace")]) else _PlainText()


def _query(identifier: dict[str, Any], text: str, where: str) -> Query:
    document = document_from_mapping({**identifier, "text": text}, ("text",), where)
    return Query(document.id, document.text, where)


def _from_json(text: str, where: str) -> Query:
    mapping = parse_json(text, where)
    if not isinstance(mapping, dict):
        raise BadInput('a query must be an object with "_id" or "id", and "text" or "query"', where=where)
    name = next((name for name in _TEXT_NAMES if name in mapping), None)
    if name is None:
        raise BadInput('no field "text" or "query"', where=where, hint=f"fields here: {', '.join(mapping) or 'none'}")
    if not isinstance(mapping[name], str):
        raise BadInput(f'field "{name}" must be a string', where=where)
    key = next((key for key in _ID_NAMES if key in mapping), None)
    return _query({} if key is None else {"_id": mapping[key]}, mapping[name], where)


class _TabSeparated:
    """Lines ``id<TAB>text``, perhaps under a header."""

    def __init__(self) -> None:
        self._first = True

    def __call__(self, text: str, where: str) -> Query | None:
        cells = text.split("\t")
        is_header = self._first and header(cells) is not None
        self._first = False
        if is_header:
            return None
        fields = row(cells, ("_id", "text"), where)
        return _query({"_id": fields["_id"]}, fields["text"], where)


class _PlainText:
    """Lines that are queries; their identifiers count from 1."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, text: str, where: str) -> Query:
        self._count += 1
        return Query(str(self._count), text.strip(), where)
