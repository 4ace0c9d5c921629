"""Evaluate retrieval systems: every term space of an index alone, and their blend, over the same queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lsr import defaults
from lsr.errors import UsageError
from lsr.eval.measures import Evaluation, Qrels, evaluate, parse_measures, require_ranx

if TYPE_CHECKING:
    from lsr.encoders.base import AnyEncoder
    from lsr.eval.collections import Collection
    from lsr.index.index import Index
    from lsr.searcher import Searcher
    from lsr.vectors import SparseVectors

Blends = Mapping[str, Mapping[str, float]]
"""System name to the weight of each term space."""


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
    impacts: str = defaults.IMPACTS,
    blends: Blends | None = None,
    measures: str | Sequence[str] = defaults.MEASURES,
    depth: int = defaults.DEPTH,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[SystemResult]:
    """Index a collection in a temporary folder and evaluate systems over it.

    Args:
        collection: Documents, queries and judgments.
        encoder: Encodes documents and queries; an encoder, or the name of one.
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
    from lsr.encoders.registry import load_encoder_for_index
    from lsr.index.index import Index
    from lsr.searcher import Searcher

    _check_request(measures, depth)
    if isinstance(encoder, str):
        encoder = load_encoder_for_index(encoder)
    with (
        TemporaryDirectory(prefix="lsr-eval-") as folder,
        Index.build(
            Path(folder) / "index", collection.documents(), encoder=encoder, impacts=impacts, progress=progress
        ) as index,
    ):
        return evaluate_searcher(
            Searcher(index, encoder),
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
    encoder: AnyEncoder | str | None = None,
    force: bool = False,
    dataset: str | None = None,
    blends: Blends | None = None,
    measures: str | Sequence[str] = defaults.MEASURES,
    depth: int = defaults.DEPTH,
    threads: int = 1,
) -> list[SystemResult]:
    """Evaluate systems over an index that exists.

    Args:
        path: Folder of the index.
        queries: Query id to text; those without judgments are not run.
        qrels: Judgments.
        encoder: As for ``lsr.searcher.Searcher``.
        force: As for ``lsr.searcher.Searcher``.
        dataset: Name for the results; by default the name of the index folder.
        blends: The systems; ``None`` means ``default_blends``.
        measures: Names of measures.
        depth: Hits that are retrieved for each query.
        threads: Threads for search.

    Raises:
        NotFound: There is no index.
        ModelMismatch: The encoder at hand is not the one that made the index.
        UsageError: A measure is unknown or looks deeper than ``depth``, or a blend names an unknown term space.
        BadInput: Judgments, queries and documents have no ids in common.
        MissingExtra: ranx is not installed.
    """
    from lsr.index.index import Index
    from lsr.searcher import Searcher

    _check_request(measures, depth)
    with Index.open(Path(path)) as index:
        return evaluate_searcher(
            Searcher(index, encoder, force=force),
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
    measures: str | Sequence[str] = defaults.MEASURES,
    depth: int = defaults.DEPTH,
    threads: int = 1,
) -> list[SystemResult]:
    """Evaluate systems through an open searcher; see ``evaluate_index`` for arguments and errors.

    Each term space encodes the queries once, whatever the number of blends.
    """
    _check_request(measures, depth)
    judged = {query: text for query, text in queries.items() if qrels.get(query)}
    systems = blends if blends is not None else default_blends(searcher.index)
    weights = [searcher.blend(blend) for blend in systems.values()]
    used = [space.name for space in searcher.index.manifest.spaces if any(weight[space.name] > 0 for weight in weights)]
    encoded = searcher.encode_spaces(list(judged.values()), used) if judged else {}
    results = []
    for system, blend in systems.items():
        run = _run(searcher, list(judged), searcher.join(encoded, blend), depth, threads) if judged else {}
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
    depth: int = defaults.DEPTH,
    threads: int = 1,
    blend: Mapping[str, float] | None = None,
) -> dict[str, list[tuple[str, float]]]:
    """The run of some queries: id to ranked hits. A query without hits has an empty list."""
    if not queries:
        return {}
    return _run(searcher, list(queries), searcher.encode_queries(queries.values(), blend=blend), depth, threads)


def _run(
    searcher: Searcher, queries: Sequence[str], vectors: SparseVectors, depth: int, threads: int
) -> dict[str, list[tuple[str, float]]]:
    batch = searcher.search_batch(vectors, depth, threads)
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
