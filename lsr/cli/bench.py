"""``lsr bench``: how long does a search take?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr import defaults
from lsr.cli import options
from lsr.cli.output import answer, answer_json, table
from lsr.errors import UsageError

if TYPE_CHECKING:
    from lsr.vectors import SparseVectors

_COLUMNS = ("mean_us", "p50_us", "p95_us", "p99_us", "encode_us")


def bench(
    directory: options.IndexFolder,
    queries: options.QueryFile = None,
    vectors: Annotated[
        Path | None,
        typer.Option(
            "--vectors", metavar="FILE", parser=options.parse_path, help="Ready query vectors in an .npz file."
        ),
    ] = None,
    k: Annotated[str, typer.Option("--k", "-k", metavar="N,N", help="Numbers of hits.")] = ",".join(
        map(str, defaults.BENCH_HITS)
    ),
    model: options.QueryModel = None,
    force_model: options.ForceModel = False,
    threads: options.Threads = 1,
    as_json: options.AsJson = False,
) -> None:
    """Measure the time of searches, encoding apart.

    Examples:
      lsr bench my.idx --queries queries.tsv
      lsr bench my.idx --queries queries.tsv --k 10,1000 --threads 4 --json
      lsr bench my.idx --vectors queries.npz --k 10

    Times are microseconds a query: the mean, and the percentiles of single searches. An .npz file has the arrays
    indptr, terms (term ids of the index) and weights.
    """
    from lsr.eval import measure_latency
    from lsr.index.index import Index
    from lsr.searcher import Searcher

    ks = options.parse_ks(k)
    if vectors is not None:
        options.refuse({"model": model, "force_model": force_model}, "ready vectors are used as they are")
    asked = _queries(queries, vectors)
    with Index.open(directory) as index:
        searcher = Searcher(index, model, kernel="compiled", force=force_model)
        rows = measure_latency(searcher, asked, ks, threads=threads)
    if as_json:
        answer_json(rows)
        return
    lines = [["k", "queries", "threads", *_COLUMNS]]
    lines += [
        [str(row["k"]), str(row["queries"]), str(row["threads"]), *(f"{row[name]:,.0f}" for name in _COLUMNS)]
        for row in rows
    ]
    for line in table(lines, right=range(len(lines[0]))):
        answer(line)


def _queries(queries: str | None, vectors: Path | None) -> list[str] | SparseVectors:
    from lsr.sources import VectorSource, open_queries

    if (queries is None) == (vectors is None):
        raise UsageError("bench needs either --queries or --vectors", hint="give one of them")
    if vectors is not None:
        return VectorSource(vectors).vectors
    return [query.text for query in open_queries(queries or "")]
