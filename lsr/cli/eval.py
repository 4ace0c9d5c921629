"""``lsr eval``: how good is a model, an index, or a run?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr import defaults
from lsr.cli import options
from lsr.cli.exits import ANSWER_IS_NO, DONE
from lsr.cli.output import answer, answer_json, note, table, visible
from lsr.cli.progress import Reading, progress
from lsr.errors import UsageError

if TYPE_CHECKING:
    from lsr.eval import SystemResult


def evaluation(
    target: Annotated[
        Path,
        typer.Argument(metavar="TARGET", parser=options.parse_path, help="A BEIR folder, an index, or a TREC run."),
    ],
    qrels: Annotated[
        Path | None,
        typer.Option("--qrels", metavar="FILE", parser=options.parse_path, help="Judgments, for an index or a run."),
    ] = None,
    queries: Annotated[str | None, typer.Option("--queries", metavar="FILE", help="Queries, for an index.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help=f"Encoder for a BEIR folder ({defaults.MODEL} if not given), or for the queries of an index.",
        ),
    ] = None,
    force_model: options.ForceModel = False,
    blend: Annotated[
        list[str] | None,
        typer.Option("--blend", metavar="A=1,B=0", help="Measure this blend, not each term space and all; repeatable."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="NAME", help=f"Which judgments of a BEIR folder; {defaults.SPLIT} if not given."
        ),
    ] = None,
    measures: Annotated[
        str, typer.Option("--measures", metavar="NAMES", help="Measures, separated by spaces or commas.")
    ] = " ".join(defaults.MEASURES),
    minimum: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="NAME=X", help="Exit with 1 if a system is below this; repeatable."),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option("--depth", metavar="N", help=f"Hits retrieved for each query; {defaults.DEPTH} if not given."),
    ] = None,
    max_length: options.MaxLength = None,
    impacts: Annotated[
        str | None,
        typer.Option(
            "--impacts",
            metavar="TYPE",
            help=f"For a BEIR folder: uint8 or float32; {defaults.IMPACTS} if not given.",
        ),
    ] = None,
    language: options.Language = None,
    k1: options.K1 = None,
    b: options.B = None,
    backend: options.Backend = None,
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", help="Threads that search; 1 if not given.")
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> int:
    """Measure how good rankings are.

    Examples:
      lsr eval beir/scifact --model splade-tiny+bm25
      lsr eval beir/scifact --blend splade-tiny=1,bm25=0 --min nDCG@10=0.64
      lsr eval my.idx --queries queries.jsonl --qrels qrels/test.tsv --json
      lsr eval run.txt --qrels qrels/test.tsv --measures "nDCG@10 MAP R@1000"

    With --json, each system gives one line {"dataset", "system", "queries", "measures": {...}}.
    """
    least, names = _wanted(minimum or [], measures)
    settings = {"max_length": max_length, "language": language, "k1": k1, "b": b, "backend": backend}
    only_for_collections = {**settings, "split": split, "impacts": impacts}
    request: dict[str, Any] = {
        "blends": _blends(blend),
        "measures": names,
        "depth": defaults.DEPTH if depth is None else depth,
        "threads": 1 if threads is None else threads,
    }
    kind = _kind(target)
    if kind == "collection":
        options.refuse({"qrels": qrels, "queries": queries}, "a BEIR folder has its own queries and judgments")
        options.refuse({"force_model": force_model}, "a BEIR folder is indexed with the same model")
        results = _collection(target, model, settings, split, impacts, request, quiet=quiet)
    elif kind == "index":
        options.refuse(only_for_collections, "an index is made already")
        request |= {"encoder": model, "force": force_model}
        results = _index(target, queries, qrels, request, quiet=quiet)
    else:
        of_searches = {"queries": queries, "blend": blend, "depth": depth, "threads": threads}
        of_models = {"model": model, "force_model": force_model}
        options.refuse({**only_for_collections, **of_models, **of_searches}, "a run is made already")
        results = [_run(target, qrels, names, quiet=quiet)]
    _write(results, as_json=as_json)
    return _judge(results, least)


def _wanted(minimum: Sequence[str], measures: str) -> tuple[dict[str, float], list[str]]:
    """The least value of each measure that has one, and the names of all measures."""
    from lsr.eval import parse_measure, parse_measures

    limits = [options.parse_number(text, "--min", "nDCG@10=0.6") for text in minimum]
    least = {str(parse_measure(name)): value for name, value in limits}
    return least, list(dict.fromkeys([*map(str, parse_measures(measures)), *least]))


def _blends(texts: Sequence[str] | None) -> dict[str, dict[str, float] | None] | None:
    return {text: options.parse_blend(text) for text in texts} if texts else None


def _kind(target: Path) -> str:
    from lsr.index.generations import Standing, standing
    from lsr.sources.lines import reading

    with reading(target):
        target.stat()
        if not target.is_dir():
            return "run"
        return "collection" if standing(target) is Standing.NOTHING else "index"


def _collection(
    target: Path,
    model: str | None,
    settings: dict[str, Any],
    split: str | None,
    impacts: str | None,
    request: dict[str, Any],
    *,
    quiet: bool,
) -> list[SystemResult]:
    from dataclasses import replace

    from lsr.eval import evaluate_collection, open_collection
    from lsr.sources import open_documents

    collection = open_collection(target, split)
    encoder = options.load_model(defaults.MODEL if model is None else model, **settings, for_index=True)
    reading = Reading(open_documents(target, input_format="beir"))
    counted = replace(collection, documents=lambda: reading)
    with progress(reading.total, quiet=quiet) as report:
        return evaluate_collection(
            counted,
            encoder=encoder,
            impacts=defaults.IMPACTS if impacts is None else impacts,
            progress=report,
            **request,
        )


def _index(
    target: Path, queries: str | None, qrels: Path | None, request: dict[str, Any], *, quiet: bool
) -> list[SystemResult]:
    from lsr.eval import evaluate_index
    from lsr.sources import open_queries, read_qrels

    if queries is None or qrels is None:
        raise UsageError("an index is measured with queries and judgments", hint="give both --queries and --qrels")
    texts = {query.id: query.text for query in open_queries(queries)}
    judged = read_qrels(qrels)
    _tell_unmatched(judged, texts, queries, quiet=quiet)
    return evaluate_index(target, texts, judged, **request)


def _run(target: Path, qrels: Path | None, measures: Sequence[str], *, quiet: bool) -> SystemResult:
    from lsr.eval import SystemResult, evaluate, read_run
    from lsr.sources import read_qrels

    if qrels is None:
        raise UsageError("a run is measured with judgments", hint="give them with --qrels")
    run, judged = read_run(target), read_qrels(qrels)
    _tell_unmatched(judged, run, str(target), quiet=quiet)
    found = evaluate(run, judged, measures)
    return SystemResult(_stem(qrels), _stem(target), found.queries, found.means, found)


def _tell_unmatched(judged: Collection[str], given: Collection[str], file: str, *, quiet: bool) -> None:
    """Say which queries only the judgments, or only the queries or the run, know; none in common is an error later."""
    missing = [query for query in judged if query not in given]
    unjudged = [query for query in given if query not in judged]
    if missing and len(missing) < len(judged):
        note(
            f"warning: {len(missing)} of {len(judged)} judged queries are not in {visible(file)} and count as 0, "
            f"such as {visible(missing[0])}"
        )
    if unjudged and len(missing) < len(judged) and not quiet:
        note(
            f"note: {len(unjudged)} of {len(given)} queries in {visible(file)} have no judgments and are left out, "
            f"such as {visible(unjudged[0])}"
        )


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rsplit(".", 1)[0]


def _write(results: Sequence[SystemResult], *, as_json: bool) -> None:
    from lsr.eval import result_as_json

    if as_json:
        for result in results:
            answer_json(result_as_json(result))
        return
    names = list(results[0].measures)
    rows = [["dataset", "system", "queries", *names]]
    rows += [
        [visible(one.dataset), visible(one.system), str(one.queries), *(f"{one.measures[name]:.4f}" for name in names)]
        for one in results
    ]
    for line in table(rows, right=range(2, len(rows[0]))):
        answer(line)


def _judge(results: Sequence[SystemResult], least: dict[str, float]) -> int:
    """The exit code, after a note on each value that is below its minimum."""
    below = False
    for result in results:
        for name, value in least.items():
            if result.measures[name] < value:
                below = True
                note(f"{result.system}: {name} is {result.measures[name]:.4f}, below the minimum of {value:g}")
    return ANSWER_IS_NO if below else DONE
