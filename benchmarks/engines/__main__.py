"""The command: parse what to measure, run the sizes that are not there yet, and report.

python -m benchmarks.engines --vectors DOCS.npz --queries QUERIES.npz --documents 10000 88000 --out results
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import uuid
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.engines import generator, generator_check, plots, scifact
from benchmarks.engines.adapters.base import BUILDS, FAMILIES
from benchmarks.engines.inverted import invert
from benchmarks.engines.report import tables
from benchmarks.engines.rounds import Plan, compete, contestants, say
from benchmarks.engines.saved import Store
from benchmarks.engines.vectors import Documents, Queries, load_documents, load_queries

SIZES = [10_000, 88_000]
FULLY_CHECKED = 100_000
"""Up to this many documents, all answers are checked."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = checked_options(arguments)
    options.out = options.out.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.vectors is None:
        documents_file, queries_file = scifact.encoded(options.out)
    else:
        documents_file, queries_file = options.vectors, options.queries
    documents = load_documents(documents_file)
    queries = load_queries(queries_file, options.query_weights)
    settings = _settings(options, documents, queries)
    collections = options.out / "collections" / f"{settings['vectors']}-{options.seed}"
    if options.check_generator:
        report = generator_check.check(documents, queries, collections)
        (options.out / "generator.md").write_text(report + "\n")
        print(report)
        return
    sizes = options.documents or (SIZES if options.vectors else [len(documents)])
    store = Store(options.out, settings)
    run = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}-{uuid.uuid4().hex[:6]}"
    for size in sizes:
        measure(size, documents, queries, options, store, collections / str(size), run)
    wanted = [result for result in store.all() if result["documents"] in sizes]
    report = tables(wanted, settings)
    (store.folder / "tables.md").write_text(report)
    print(report)
    for path in plots.draw(wanted, store.folder):
        say(f"wrote {path}")


def measure(
    size: int,
    source: Documents,
    queries: Queries,
    options: argparse.Namespace,
    store: Store,
    folder: Path,
    run: str,
) -> None:
    """Run the engines whose results of this size are not there."""
    chosen = [build for build in BUILDS if {build.family, build.name} & set(options.engines)]
    missing = [build for build in chosen if options.again or store.load(size, build.name) is None]
    for build in chosen:
        if build not in missing:
            say(f"{size:,} documents, {build.name}: taken from {store.folder} (run it again with --again)")
    if not missing:
        return
    say(f"{size:,} documents: {', '.join(build.name for build in missing)}")
    documents = collection(size, source, folder / "documents", options.seed)
    lists = invert(documents, folder / "lists")
    plan = _plan(options, size)
    with contestants(missing, folder / "documents", folder / "engines", plan) as engines:
        results = compete(engines, lists, queries, plan)
    facts = {
        "run": run,
        "documents": size,
        "postings": documents.postings,
        "generated": size > len(source),
        "machine": _machine(),
        "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    for result in results:
        store.save(facts | result)


def collection(size: int, source: Documents, folder: Path, seed: int) -> Documents:
    """The documents of a size in a folder: the first real ones, or generated ones where there are not enough."""
    if folder.exists():
        return Documents.open(folder)
    if size > len(source):
        say(f"generating {size:,} documents from {len(source):,}")
        return generator.generate(source, size, folder, seed)
    return source.head(size).save(folder)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--vectors", type=Path, help="documents (.npz); the shipped SciFact, encoded, if not given")
    add("--queries", type=Path, help="queries (.npz)")
    add("--documents", type=int, nargs="+", help="sizes; sizes above the number of documents are generated")
    add("--engines", nargs="+", default=list(FAMILIES), metavar="ENGINE", help=f"of {', '.join(FAMILIES)}, or builds")
    add("--k", type=int, nargs="+", default=[10, 100, 1000])
    add("--rounds", type=int, default=5)
    add("--queries-per-round", type=int, default=300)
    add("--query-weights", choices=["integers", "floats"], default="integers")
    add("--checked", type=int, default=30, help="answers a round that are checked, above 100,000 documents")
    add("--memory-limit", type=float, default=20.0, metavar="GB", help="an engine that needs more is left out")
    add("--core", type=int, default=_last_core(), help="the core that all engines run on, in turn")
    add("--python", nargs="+", default=[], metavar="ENGINE=PATH", help="another interpreter for an engine")
    add("--seed", type=int, default=1, help="of generated documents")
    add("--out", type=Path, default=Path("results"))
    add("--again", action="store_true", help="run engines although their results are there")
    add("--check-generator", action="store_true", help="compare generated with real documents, and run no engine")
    return made


def checked_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of a command line, if they make sense together."""
    made = parser()
    options = made.parse_args(arguments)
    known = {*FAMILIES, *(build.name for build in BUILDS)}
    if unknown := [name for name in options.engines if name not in known]:
        made.error(f"unknown engine {unknown[0]}; there are {', '.join(sorted(known))}")
    if (options.vectors is None) != (options.queries is None):
        made.error("--vectors and --queries belong together")
    if any("=" not in pair for pair in options.python):
        made.error("--python takes ENGINE=PATH")
    return options


def _plan(options: argparse.Namespace, size: int) -> Plan:
    return Plan(
        ks=sorted({min(k, size) for k in options.k}),
        rounds=options.rounds,
        count=options.queries_per_round,
        checked=options.queries_per_round if size <= FULLY_CHECKED else options.checked,
        core=options.core,
        limit_mb=options.memory_limit * 1024,
        pythons=dict(pair.split("=", 1) for pair in options.python),
    )


def _settings(options: argparse.Namespace, documents: Documents, queries: Queries) -> dict[str, Any]:
    """All that figures depend on besides engine and size."""
    content = zlib.crc32(documents.levels.tobytes(), zlib.crc32(queries.weights.tobytes()))
    return {
        "vectors": f"{content:08x}",
        "query weights": options.query_weights,
        "rounds": options.rounds,
        "queries a round": options.queries_per_round,
        "k": options.k,
        "seed": options.seed,
    }


def _last_core() -> int:
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
