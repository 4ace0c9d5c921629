"""Evaluate retrieval systems: every term space of an index alone, and their blend, over the same queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lsr.errors import UsageError
from lsr.eval.measures import DEFAULT_MEASURES, Evaluation, Qrels, evaluate, parse_measures, require_ranx

if TYPE_CHECKING:
    from lsr.encoders.base import AnyEncoder
    from lsr.eval.collections import Collection
    from lsr.index.index import Index
    from lsr.searcher import Searcher

Blends = Mapping[str, Mapping[str, float]]
"""System name to the weight of each term space."""

DEFAULT_DEPTH = 1000
"""Hits that are retrieved for each query."""


@dataclass(frozen=True)
class SystemResult:
    """How well one system did.

    Attributes:
        dataset: Name of the collection.
        system: Name of the system: a term space, several joined by "+", or the caller's name of a blend.
        queries: Number of judged queries, the divisor of every mean.
        measures: Canonical measure name to mean value.
        evaluation: The values of each query.
    """

    dataset: str
    system: str
    queries: int
    measures: dict[str, float]
    evaluation: Evaluation


def evaluate_collection(
    collection: Collection,
    *,
    encoder: AnyEncoder | str,
    impacts: str = "uint8",
    blends: Blends | None = None,
    measures: str | Sequence[str] = DEFAULT_MEASURES,
    depth: int = DEFAULT_DEPTH,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[SystemResult]:
    """Index a collection in a temporary folder and evaluate systems over it.

    Args:
        collection: Documents, queries and judgments.
        encoder: Encodes the documents; the queries are encoded by what its ``source`` and ``settings`` name. A BM25
            encoder should have seen no other collection: a name makes a new one.
        impacts: How document weights are stored, ``uint8`` or ``float32``.
        blends: The systems; ``None`` means ``default_blends``.
        measures: Names of measures.
        depth: Hits that are retrieved for each query.
        threads: Threads for search.
        progress: Called with the number of documents indexed.

    Raises:
        UsageError: A measure is unknown or looks deeper than ``depth``, or a blend names an unknown term space.
        BadInput: A document is malformed, or the judgments don't fit the collection.
        MissingExtra: ranx is not installed.
    """
    from lsr.index.index import Index
    from lsr.searcher import Searcher

    _check_request(measures, depth)
    with (
        TemporaryDirectory(prefix="lsr-eval-") as folder,
        Index.build(
            Path(folder) / "index", collection.documents(), encoder=encoder, impacts=impacts, progress=progress
        ) as index,
    ):
        return evaluate_searcher(
            Searcher(index),
            collection.queries,
            collection.qrels,
            dataset=collection.name,
            blends=blends,
            measures=measures,
            depth=depth,
            threads=threads,
        )


def evaluate_index(
    path: str | PathLike[str],
    queries: Mapping[str, str],
    qrels: Qrels,
    *,
    dataset: str | None = None,
    blends: Blends | None = None,
    measures: str | Sequence[str] = DEFAULT_MEASURES,
    depth: int = DEFAULT_DEPTH,
    threads: int = 1,
) -> list[SystemResult]:
    """Evaluate systems over an index that exists.

    Args:
        path: Folder of the index.
        queries: Query id to text; those without judgments are not run.
        qrels: Judgments.
        dataset: Name for the results; by default the name of the index folder.
        blends: The systems; ``None`` means ``default_blends``.
        measures: Names of measures.
        depth: Hits that are retrieved for each query.
        threads: Threads for search.

    Raises:
        NotFound: There is no index.
        UsageError: A measure is unknown or looks deeper than ``depth``, or a blend names an unknown term space.
        BadInput: Judgments, queries and documents have no ids in common.
        MissingExtra: ranx is not installed.
    """
    from lsr.index.index import Index
    from lsr.searcher import Searcher

    _check_request(measures, depth)
    with Index.open(Path(path)) as index:
        return evaluate_searcher(
            Searcher(index),
            queries,
            qrels,
            dataset=dataset or Path(path).resolve().name,
            blends=blends,
            measures=measures,
            depth=depth,
            threads=threads,
        )


def evaluate_searcher(
    searcher: Searcher,
    queries: Mapping[str, str],
    qrels: Qrels,
    *,
    dataset: str,
    blends: Blends | None = None,
    measures: str | Sequence[str] = DEFAULT_MEASURES,
    depth: int = DEFAULT_DEPTH,
    threads: int = 1,
) -> list[SystemResult]:
    """Evaluate systems through an open searcher; see ``evaluate_index`` for arguments and errors."""
    _check_request(measures, depth)
    judged = {query: text for query, text in queries.items() if qrels.get(query)}
    results = []
    for system, blend in (blends if blends is not None else default_blends(searcher.index)).items():
        run = search_run(searcher, judged, depth=depth, threads=threads, blend=blend)
        evaluation = evaluate(run, qrels, measures)
        results.append(SystemResult(dataset, system, evaluation.queries, evaluation.means, evaluation))
    return results


def default_blends(index: Index) -> dict[str, dict[str, float]]:
    """Each term space alone under its own name, and, if there are several, all with their default weights ("a+b")."""
    spaces = index.manifest.spaces
    blends = {space.name: {other.name: float(other is space) for other in spaces} for space in spaces}
    if len(spaces) > 1:
        blends["+".join(space.name for space in spaces)] = {space.name: space.weight for space in spaces}
    return blends


def search_run(
    searcher: Searcher,
    queries: Mapping[str, str],
    *,
    depth: int = DEFAULT_DEPTH,
    threads: int = 1,
    blend: Mapping[str, float] | None = None,
) -> dict[str, list[tuple[str, float]]]:
    """The run of some queries: id to ranked hits. A query without hits has an empty list."""
    if not queries:
        return {}
    batch = searcher.search_batch(list(queries.values()), depth, threads, blend=blend)
    run = {}
    for i, query in enumerate(queries):
        count = int(batch.counts[i])
        ids = searcher.index.external_ids(batch.documents[i, :count].tolist())
        run[query] = list(zip(ids, batch.scores[i, :count].tolist(), strict=True))
    return run


def result_as_json(result: SystemResult) -> dict[str, Any]:
    """The object that ``lsr eval --json`` prints on one line: ``dataset, system, queries, measures``."""
    return {
        "dataset": result.dataset,
        "system": result.system,
        "queries": result.queries,
        "measures": result.measures,
    }


def _check_request(measures: str | Sequence[str], depth: int) -> None:
    """Refuse what can't be measured before anything slow is done."""
    require_ranx()
    for measure in parse_measures(measures):
        if measure.cutoff is not None and measure.cutoff > depth:
            raise UsageError(
                f"{measure} looks at {measure.cutoff} hits, and only {depth} are retrieved",
                hint=f"retrieve at least {measure.cutoff} hits a query",
            )
