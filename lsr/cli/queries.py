"""From what was asked on the command line to query vectors of an index."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsr.cli.output import note
from lsr.errors import BadInput, UsageError

if TYPE_CHECKING:
    from lsr.encoders.base import AnyEncoder
    from lsr.index.index import Index
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


def open_searcher(index: Index, model: str | None, *, force: bool = False, kernel: str = "auto") -> Searcher:
    """A searcher, whose encoder is the index's own or a named one with the index's settings.

    Raises:
        LsrError: As ``lsr.encoders.registry.load_encoder``.
    """
    from lsr.encoders.registry import load_encoder
    from lsr.searcher import Searcher

    encoder: AnyEncoder | None = None
    if model is not None:
        settings: dict[str, Any] = {}
        for space in index.manifest.spaces:
            settings |= space.settings
        encoder = load_encoder(model, **settings)
    return Searcher(index, encoder, kernel=kernel, force=force)


def chunks(words: Sequence[str], file: str | None) -> Iterator[list[Asked]]:
    """The queries, in groups that are answered together.

    Words are one query; a file has many. Without either, lines of standard input are queries, each answered as it comes.

    Raises:
        UsageError: Both words and a file are given.
        LsrError: As ``lsr.sources.open_queries``.
    """
    if words and list(words) != [STDIN]:
        if file is not None:
            raise UsageError("a query and --queries are both given", hint="leave one of them out")
        yield [Asked("1", " ".join(words))]
        return
    if file is None:
        yield from ([Asked(str(number), text)] for number, text in enumerate(input_lines(), start=1))
        return
    from lsr.sources import open_queries

    queries = iter(open_queries(file))
    while some := list(islice(queries, _CHUNK)):
        yield [Asked(query.id, query.text) for query in some]


def input_lines(file: str = STDIN) -> Iterator[str]:
    """The lines of a file or of standard input that are not blank, one at a time as they come.

    Raises:
        NotFound: The file can't be read.
        BadInput: A line is not UTF-8.
    """
    from lsr.sources.lines import Lines

    if file == STDIN and sys.stdin.isatty():
        note("one query or text a line; Ctrl-D ends")
    for line in Lines([file if file == STDIN else Path(file)]):
        text = line.text().strip()
        if text:
            yield text


def vector_argument(searcher: Searcher, text: str) -> SparseVectors:
    """The query vector of a JSON object of token and weight, over global term ids; unknown tokens are left out.

    A token is looked up in the term spaces in their order; ``space:token`` names the space. In an index whose terms have
    no names, a token is a term id.

    Raises:
        UsageError: The text is no JSON object.
        BadInput: A weight is no finite number that is at least 0.
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
            raise BadInput(
                f"the weight of {token!r} is {weight!r}; weights must be finite and not negative", where="--vector"
            )
    found = {token: _find(searcher.index, token) for token in mapping}
    unknown = [token for token, term in found.items() if term is None]
    if unknown:
        note(f"note: the index does not know {', '.join(unknown)}")
    weights: dict[int, float] = {}
    for token, term in found.items():
        if term is not None:
            weights[term] = weights.get(term, 0.0) + mapping[token]
    return SparseVectors.from_rows([(list(weights), list(weights.values()))])


def encode(searcher: Searcher, asked: Sequence[Asked], blend: Mapping[str, float] | None) -> SparseVectors:
    """The vectors of queries that are texts.

    Raises:
        LsrError: As ``lsr.searcher.Searcher.encode_queries``.
    """
    return searcher.encode_queries([query.text or "" for query in asked], blend=blend)


_VECTOR_HINT = """for example --vector '{"cat": 1.5, "dog": 0.5}'"""


def _find(index: Index, token: str) -> int | None:
    name, _, rest = token.partition(":")
    for space, vocabulary in zip(index.manifest.spaces, index.vocabularies, strict=True):
        if space.terms == 0 and token.isascii() and token.isdigit() and int(token) < space.capacity:
            return space.base + int(token)
        term = vocabulary.find(token)
        if term is None and rest and name == space.name:
            term = vocabulary.find(rest)
        if term is not None:
            return space.base + term
    return None
