"""From what was asked on the command line to query vectors of an index."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lsr.cli.output import note
from lsr.errors import BadInput, UsageError

if TYPE_CHECKING:
    from lsr.searcher import Searcher
    from lsr.vectors import SparseVectors

STDIN = "-"
_CHUNK = 64


@dataclass(frozen=True)
class Asked:
    """One query.

    Attributes:
        id: Its identifier.
        text: Its text; ``None`` for a query that is a vector.
    """

    id: str
    text: str | None


def chunks(words: Sequence[str], file: str | None) -> Iterator[list[Asked]]:
    """The queries, in groups that are answered together.

    Words are one query; a file has many. Without either, lines of standard input are queries, each answered as it
    comes.

    Raises:
        UsageError: Both words and a file are given, or the words are blank.
        LsrError: As ``lsr.sources.open_queries``.
    """
    if words and list(words) != [STDIN]:
        if file is not None:
            raise UsageError("a query and --queries are both given", hint="leave one of them out")
        yield [Asked("1", one_query(words))]
        return
    if file is None:
        yield from ([Asked(str(number), text)] for number, text in enumerate(input_lines(), start=1))
        return
    from lsr.sources import open_queries

    queries = iter(open_queries(file))
    while some := list(islice(queries, _CHUNK)):
        yield [Asked(query.id, query.text) for query in some]


def one_query(words: Sequence[str]) -> str:
    """Words as one query.

    Raises:
        UsageError: They are blank: a model would encode nothing but the marks of beginning and end.
    """
    text = " ".join(words)
    if not text.strip():
        raise UsageError("the query is empty", hint="give at least one word")
    return text


def input_lines(file: str = STDIN) -> Iterator[str]:
    """The lines of a file or of standard input that are not blank, one at a time as they come.

    Raises:
        NotFound: The file can't be read.
        BadInput: A line is not UTF-8, or all are blank.
    """
    from lsr.sources.lines import Lines, display_name

    if file == STDIN and sys.stdin.isatty():
        note("one query or text a line; Ctrl-D ends")
    empty = True
    for line in Lines([file if file == STDIN else Path(file)]):
        text = line.text().strip()
        if text:
            empty = False
            yield text
    if empty:
        raise BadInput("there is no text in it", where=display_name(file), hint="give one query or text a line")


def vector_argument(searcher: Searcher, text: str) -> SparseVectors:
    """The query vector of a JSON object of token and weight, over global term ids; unknown tokens are left out.

    Tokens are looked up as ``lsr.searcher.Searcher.find_term`` does.

    Raises:
        UsageError: The text is no JSON object, or a weight is no finite number that is at least 0.
    """
    from lsr.vectors import SparseVectors

    try:
        mapping = json.loads(text)
    except ValueError as error:
        raise UsageError(f"invalid JSON: {error}", where="--vector", hint=_VECTOR_HINT) from None
    if not isinstance(mapping, dict):
        raise UsageError("the vector is no JSON object", where="--vector", hint=_VECTOR_HINT)
    for token, weight in mapping.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            raise UsageError(
                f"the weight of {token!r} is {weight!r}; weights must be finite and not negative", where="--vector"
            )
    found = {token: searcher.find_term(token) for token in mapping}
    unknown = [token for token, term in found.items() if term is None]
    if unknown:
        note(f"note: the index does not know {', '.join(unknown)}")
    weights: dict[int, float] = {}
    for token, term in found.items():
        if term is not None:
            weights[term] = weights.get(term, 0.0) + mapping[token]
    return SparseVectors.from_rows([(list(weights), list(weights.values()))])


_VECTOR_HINT = """for example --vector '{"cat": 1.5, "dog": 0.5}'"""
