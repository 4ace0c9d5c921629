"""``lsr search``: queries in, ranked documents out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr import defaults
from lsr.cli import options
from lsr.cli.hits import Page, explanation_json
from lsr.cli.output import answer_json, answering, counted, note
from lsr.cli.queries import Asked, chunks, vector_argument
from lsr.errors import UsageError

if TYPE_CHECKING:
    from lsr.search.results import Hit
    from lsr.searcher import Searcher
    from lsr.vectors import SparseVectors


def search(
    directory: options.IndexFolder,
    query: Annotated[
        list[str] | None, typer.Argument(metavar="QUERY", help="Words of one query; without them, lines of stdin.")
    ] = None,
    queries: options.QueryFile = None,
    vector: Annotated[
        str | None, typer.Option("--vector", metavar="JSON", help="Ask with an object of token and weight.")
    ] = None,
    k: Annotated[int, typer.Option("--k", "-k", metavar="N", help="Hits wanted.")] = defaults.HITS,
    blend: options.Blend = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each term contributes.")] = False,
    as_json: options.AsJson = False,
    trec: Annotated[bool, typer.Option("--trec", help="Print a TREC run.")] = False,
    run_name: Annotated[
        str | None, typer.Option("--run-name", metavar="NAME", help="Last column of the TREC run; lsr if not given.")
    ] = None,
    model: options.QueryModel = None,
    force_model: options.ForceModel = False,
    threads: options.Threads = 1,
    quiet: options.Quiet = False,
) -> None:
    """Search an index.

    Examples:
      lsr search my.idx what is block-max pruning
      lsr search my.idx --queries queries.tsv --k 100 --trec > run.txt
      lsr search my.idx "cell growth" --json | jq .hits[0].id
      lsr search my.idx "cell growth" --blend splade-tiny=1,bm25=0 --explain
      lsr search my.idx --vector '{"cell": 1.5, "growth": 0.5}'

    Several words without quotes are one query. Without a query, each line of standard input is one.

    With --json, each query gives one line {"query_id", "query", "hits": [{"rank", "id", "score", ...}]}, where the
    stored fields of a document follow its score.
    """
    from lsr.index.index import Index
    from lsr.search.engine import check_k
    from lsr.searcher import Searcher

    check_k(k)
    of_text = {"queries": queries, "blend": blend, "model": model, "force_model": force_model}
    _check_choices(query or [], vector, of_text, trec=trec, as_json=as_json, explain=explain)
    if not trec:
        options.refuse({"run_name": run_name}, "only a TREC run (--trec) has a name")
    weights = options.parse_blend(blend)
    with Index.open(directory) as index:
        searcher = Searcher(index, model, force=force_model)
        groups: Iterator[tuple[list[Asked], SparseVectors]]
        if vector is None:
            blend_used = searcher.blend(weights)
            groups = (
                (some, searcher.encode_queries([one.text or "" for one in some], blend=weights))
                for some in chunks(query or [], queries)
            )
        else:
            blend_used = {}  # a ready vector is used as it is
            groups = iter([([Asked("1", None)], vector_argument(searcher, vector))])
        write = _writer(
            searcher, blend_used, "lsr" if run_name is None else run_name, trec=trec, as_json=as_json, explain=explain
        )
        shortage = _Shortage(k, len(index))
        for found in _answers(searcher, groups, k, threads):
            shortage.add(found)
            write(found)
            if queries is None:
                with answering():
                    sys.stdout.flush()
        if not quiet:
            shortage.tell()


@dataclass(frozen=True)
class _Found:
    """A query with its answer.

    Attributes:
        asked: The query.
        vector: Its vector, one row.
        hits: Its hits, best first.
    """

    asked: Asked
    vector: SparseVectors
    hits: list[Hit]


def _check_choices(
    words: list[str],
    vector: str | None,
    of_text: Mapping[str, object],
    *,
    trec: bool,
    as_json: bool,
    explain: bool,
) -> None:
    if trec and (as_json or explain):
        other = "--json" if as_json else "--explain"
        raise UsageError(f"--trec and {other} exclude each other", hint="a TREC run has six columns and nothing else")
    if vector is not None:
        reason = "--vector is the whole query, with its weights as they are"
        if words:
            raise UsageError(f"words have no use here: {reason}", hint="leave them out")
        options.refuse(of_text, reason)


def _answers(
    searcher: Searcher, groups: Iterator[tuple[list[Asked], SparseVectors]], k: int, threads: int
) -> Iterator[_Found]:
    for asked, vectors in groups:
        batch = searcher.search_batch(vectors, k, threads)
        for i, one in enumerate(asked):
            yield _Found(one, vectors.slice(i, i + 1), searcher.hits(batch, i))


def _writer(
    searcher: Searcher, blend: dict[str, float], run_name: str, *, trec: bool, as_json: bool, explain: bool
) -> Callable[[_Found], None]:
    """What prints the answer to one query."""
    if trec:
        from lsr.eval.runs import write_run

        def write(found: _Found) -> None:
            with answering():
                write_run(sys.stdout, {found.asked.id: [(hit.id, hit.score) for hit in found.hits]}, run_name)

        return write

    if as_json:
        return lambda found: answer_json(_as_json(searcher, found, blend, explain=explain))
    page = Page(searcher, blend, explain=explain)
    return lambda found: page.write(found.asked, found.vector, found.hits)


def _as_json(searcher: Searcher, found: _Found, blend: dict[str, float], *, explain: bool) -> dict[str, Any]:
    stored = searcher.index.catalog.fields([hit.number for hit in found.hits])
    hits = []
    for hit, fields in zip(found.hits, stored, strict=True):
        row = {"rank": hit.rank, "id": hit.id, "score": hit.score}
        row |= {name: value for name, value in fields.items() if name not in row}
        if explain:
            row["explanation"] = explanation_json(searcher.explain_hit(found.vector, hit, blend=blend))
        hits.append(row)
    whole: dict[str, Any] = {"query_id": found.asked.id, "query": found.asked.text}
    if explain and blend:
        whole["blend"] = blend
    return whole | {"hits": hits}


class _Shortage:
    """Queries that had fewer hits than wanted; that is no error, but worth a note."""

    def __init__(self, k: int, documents: int) -> None:
        self._k = k
        self._documents = documents
        self._queries = 0
        self._empty = 0
        self._short = 0
        self._last = 0

    def add(self, found: _Found) -> None:
        self._queries += 1
        self._empty += not found.hits
        self._short += 0 < len(found.hits) < self._k
        self._last = len(found.hits)

    def tell(self) -> None:
        if self._k > self._documents:
            note(f"note: k is {self._k}, and the index holds {counted(self._documents, 'document')}")
        if self._queries == 1 and self._empty:
            note("note: no hits: the index has no term of the query")
        elif self._queries == 1 and self._short and self._k <= self._documents:
            verb = "shares" if self._last == 1 else "share"
            note(f"note: only {counted(self._last, 'document')} {verb} a term with the query")
        elif self._queries > 1 and self._empty + self._short:
            note(f"note: of {self._queries} queries, {self._empty} had no hits and {self._short} fewer than {self._k}")
