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


def chunks(words: Sequence[str], file: str | None) -> Iterator[list[Asked]]:
    """The queries, in groups that are answered together.

    Words are one query; a file has many. Without either, lines of standard input are queries, each answered as it
    comes.

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
    found = {token: searcher.find_term(token) for token in mapping}
    unknown = [token for token, term in found.items() if term is None]
    if unknown:
        note(f"note: the index does not know {', '.join(unknown)}")
    weights: dict[int, float] = {}
    for token, term in found.items():
        if term is not None:
            weights[term] = weights.get(term, 0.0) + mapping[token]
    return SparseVectors.from_rows([(list(weights), list(weights.values()))])


class TextQueries:
    """Makes vectors over an index's terms from queries that are texts.

    An index of ready vectors knows no encoder. With a model it is asked by tokens where its terms have names, and by
    the model's term ids where they have none.

    Args:
        index: The index.
        model: Name of an encoder in place of the index's own.
        force: Whether it may be another one than the one that made the index.
        kernel: As for ``lsr.searcher.Searcher``.

    Attributes:
        searcher: What answers the queries.

    Raises:
        LsrError: As ``lsr.encoders.registry.load_encoder``.
    """

    def __init__(self, index: Index, model: str | None, *, force: bool = False, kernel: str = "auto") -> None:
        from lsr.encoders.registry import load_encoder
        from lsr.searcher import Searcher

        encoder: AnyEncoder | None = None
        if model is not None:
            settings: dict[str, Any] = {}
            for space in index.manifest.spaces:
                settings |= space.settings
            encoder = load_encoder(model, **settings)
        ready = all(space.source is None for space in index.manifest.spaces)
        self._of_tokens = encoder if ready else None
        self.searcher = Searcher(index, None if ready else encoder, kernel=kernel, force=force)

    def encode(self, asked: Sequence[Asked], blend: Mapping[str, float] | None) -> SparseVectors:
        """The vectors of queries, one row each, the blend applied.

        Raises:
            LsrError: As ``lsr.searcher.Searcher.encode_queries``.
        """
        texts = [query.text or "" for query in asked]
        if self._of_tokens is None:
            return self.searcher.encode_queries(texts, blend=blend)
        return self._by_tokens(self._of_tokens.encode_queries(texts), blend)

    def _by_tokens(self, vectors: SparseVectors, blend: Mapping[str, float] | None) -> SparseVectors:
        from lsr.vectors import SparseVectors

        index = self.searcher.index
        factor = self.searcher.blend(blend)[index.manifest.spaces[0].name]
        if index.manifest.spaces[0].terms == 0:
            return SparseVectors(vectors.indptr, vectors.terms, vectors.weights * factor)
        rows = []
        for row in vectors.to_dicts():
            terms = {token: index.vocabularies[0].find(token) for token in row}
            found = [(term, row[token] * factor) for token, term in terms.items() if term is not None]
            rows.append(([term for term, _ in found], [weight for _, weight in found]))
        return SparseVectors.from_rows(rows)


_VECTOR_HINT = """for example --vector '{"cat": 1.5, "dog": 0.5}'"""
