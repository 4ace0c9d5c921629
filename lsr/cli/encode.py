"""``lsr encode``: the sparse vector of a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from lsr import defaults
from lsr.cli import options
from lsr.cli.output import answer_json
from lsr.cli.queries import STDIN, input_lines
from lsr.errors import UsageError

if TYPE_CHECKING:
    from lsr.encoders.base import AnyEncoder

_CHUNK = 64


def encode(
    text: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="Texts, one vector each; - is standard input.")
    ] = None,
    file: Annotated[str | None, typer.Option("--file", metavar="FILE", help="A file with a text on each line.")] = None,
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Encoder, or several joined by +.")
    ] = defaults.EMBEDDED_MODEL,
    query: Annotated[bool, typer.Option("--query", help="Encode as queries, not as documents.")] = False,
    top: Annotated[int | None, typer.Option("--top", metavar="N", help="Only the N heaviest terms.")] = None,
    max_length: options.EncodeLength = None,
    language: options.Language = None,
    backend: options.Backend = None,
    threads: options.EncodeThreads = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print errors as JSON, as the vectors always are.")] = False,
) -> None:
    """Print the vector of each text as a line of JSON, token to weight, heaviest first.

    Examples:
      lsr encode "block-max pruning skips blocks" --top 10
      lsr encode "what is pruning" --query
      lsr encode --file texts.txt --model naver/splade-v3 > vectors.jsonl
      cat texts.txt | lsr encode -

    With several encoders in --model, a token is SPACE:TOKEN. BM25 takes the texts given as the collection; its queries
    need an index: lsr explain DIR QUERY shows them.
    """
    if top is not None and top < 1:
        raise UsageError(f"{top} is not at least 1", where="--top")
    encoder = options.load_model(model, max_length=max_length, language=language, backend=backend, threads=threads)
    whole = any(part.needs_collection for part in encoder.parts) and not query
    for row in _rows(encoder, _texts(text or [], file), query=query, whole=whole):
        answer_json(dict(islice(row.items(), top)))


def _texts(texts: list[str], file: str | None) -> Iterable[str]:
    if file is not None:
        if texts:
            raise UsageError("a text and --file are both given", hint="leave one of them out")
        return input_lines(file)
    return texts if texts and texts != [STDIN] else input_lines()


def _rows(encoder: AnyEncoder, texts: Iterable[str], *, query: bool, whole: bool) -> Iterator[dict[str, float]]:
    encode = encoder.encode_queries if query else encoder.encode_documents
    remaining = iter(texts)
    while some := list(islice(remaining, None if whole else _CHUNK)):
        yield from encode(some).to_dicts()
