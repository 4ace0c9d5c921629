"""Effectiveness measures: their names, and their values for a run against relevance judgments.

The mean is over the *judged* queries: a judged query that the run doesn't answer, or that has no relevant document,
counts as 0; a query without judgments is left out. Hits are ranked by ``runs.ranked`` (float32 score descending, then
the order given). ranx computes the values; it sees documents as numbers in the order decided here, never as strings
and scores.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any

from lsr import defaults
from lsr.errors import BadInput, MissingExtra, UsageError, nearest
from lsr.eval.runs import Run, ranked

if TYPE_CHECKING:
    from numpy.typing import NDArray

Qrels = Mapping[str, Mapping[str, int]]
"""Relevance judgments: query id to document id to grade."""


@dataclass(frozen=True)
class _Kind:
    ranx: str
    needs_cutoff: bool


_KINDS = {
    "nDCG": _Kind("ndcg", needs_cutoff=True),
    "R": _Kind("recall", needs_cutoff=True),
    "RR": _Kind("reciprocal_rank", needs_cutoff=False),
    "MAP": _Kind("average_precision", needs_cutoff=False),
    "P": _Kind("precision", needs_cutoff=True),
    "Success": _Kind("hit_rate", needs_cutoff=True),
}
_SPELLINGS = {name.lower(): name for name in _KINDS} | {"recall": "R", "mrr": "RR", "ap": "MAP", "precision": "P"}
_PATTERN = re.compile(r"(?P<name>[A-Za-z]+)(\(rel=(?P<level>[1-9][0-9]*)\))?(@(?P<cutoff>[1-9][0-9]*))?", re.ASCII)
_KNOWN = "nDCG@k, R@k, RR, RR@k, MAP, MAP@k, P@k, Success@k"


@dataclass(frozen=True)
class Measure:
    """One measure; ``str()`` gives its canonical name, such as ``nDCG@10`` or ``R(rel=2)@100``.

    Attributes:
        name: ``nDCG`` (gain is the grade itself, discount log2(rank + 1); Järvelin & Kekäläinen 2002), ``R`` (recall),
            ``RR`` (reciprocal rank of the first relevant hit), ``MAP`` (average precision, divided by the number of
            relevant documents), ``P`` (precision, divided by the cut-off) or ``Success`` (1 if any hit is relevant).
        cutoff: Hits that count, from the top; ``None`` means all.
        level: Lowest grade that is relevant. For ``nDCG``, lower grades gain nothing.
    """

    name: str
    cutoff: int | None = None
    level: int = 1

    def __str__(self) -> str:
        level = f"(rel={self.level})" if self.level != 1 else ""
        cutoff = f"@{self.cutoff}" if self.cutoff is not None else ""
        return f"{self.name}{level}{cutoff}"


@dataclass(frozen=True)
class Evaluation:
    """Values of some measures for one run.

    Attributes:
        means: Canonical measure name to its mean over all judged queries.
        per_query: Canonical measure name to query id to value, for every judged query in the order of the judgments.
    """

    means: dict[str, float]
    per_query: dict[str, dict[str, float]]

    @property
    def queries(self) -> int:
        """Number of judged queries, the divisor of every mean."""
        return len(next(iter(self.per_query.values())))


def parse_measure(name: str) -> Measure:
    """The measure of a name such as ``nDCG@10``, ``RR`` or ``R(rel=2)@100``; letter case is free.

    Raises:
        UsageError: The name is unknown, or a cut-off is missing.
    """
    found = _PATTERN.fullmatch(name.strip())
    canonical = _SPELLINGS.get(found["name"].lower()) if found else None
    if found is None or canonical is None:
        raise UsageError(f"unknown measure {name.strip()!r}", hint=_advice(name))
    cutoff = int(found["cutoff"]) if found["cutoff"] else None
    if cutoff is None and _KINDS[canonical].needs_cutoff:
        raise UsageError(f"measure {name.strip()!r} needs a cut-off", hint=f"for example {canonical}@10")
    return Measure(canonical, cutoff, int(found["level"] or 1))


def parse_measures(measures: str | Sequence[str]) -> list[Measure]:
    """Measures of a list of names, or of one string with names separated by commas or spaces; each once.

    Raises:
        UsageError: A name is unknown, a cut-off is missing, or there is no name.
    """
    names = re.split(r"[,\s]+", measures.strip(", \t\n")) if isinstance(measures, str) else measures
    parsed = list(dict.fromkeys(parse_measure(name) for name in names if name))
    if not parsed:
        raise UsageError("no measure given", hint=f"known: {_KNOWN}")
    return parsed


def require_ranx() -> None:
    """Say early, without loading it, that ranx is not there.

    Raises:
        MissingExtra: ranx is not installed.
    """
    if find_spec("ranx") is None:
        raise MissingExtra("evaluation", "eval")


def evaluate(run: Run, qrels: Qrels, measures: str | Sequence[str] = defaults.MEASURES) -> Evaluation:
    """Measure a run against judgments.

    Args:
        run: Hits of each query. They are ranked by float32 score descending; equal scores keep the order given.
        qrels: Judgments. Grades below a measure's level, negative ones included, are not relevant.
        measures: Names for ``parse_measures``.

    Raises:
        UsageError: A measure is unknown.
        BadInput: A score is not finite, a query names a document twice, nothing is judged, or run and judgments share
            no query id or no document id.
        MissingExtra: ranx is not installed.
    """
    parsed = parse_measures(measures)
    judged = {query: grades for query, grades in qrels.items() if grades}
    _check_same_ids(run, judged)
    rankings = {query: _ranking(query, run.get(query, ())) for query in judged}
    _check_same_documents(rankings, judged)
    values = _values(rankings, judged, parsed)
    per_query = {name: dict(zip(judged, row, strict=True)) for name, row in values.items()}
    means = {name: math.fsum(row) / len(judged) for name, row in values.items()}
    return Evaluation(means, per_query)


def _advice(name: str) -> str:
    word = re.split(r"[@(]", name.strip(), maxsplit=1)[0].lower()
    close = nearest(word, list(_SPELLINGS))
    suggestion = f"did you mean {_SPELLINGS[close]}? " if close else ""
    return f"{suggestion}known: {_KNOWN}; a lowest relevant grade goes before the cut-off, as in R(rel=2)@100"


def _check_same_ids(run: Run, judged: Qrels) -> None:
    if not judged:
        raise BadInput("there are no relevance judgments", hint="check the qrels file and the split")
    if run.keys().isdisjoint(judged):
        raise BadInput(
            f"run and qrels have no query id in common: the run has {_examples(run)}, the qrels {_examples(judged)}",
            hint="check that both belong to the same collection and split",
        )


def _check_same_documents(rankings: Mapping[str, list[str]], judged: Qrels) -> None:
    if any(not grades.keys().isdisjoint(rankings[query]) for query, grades in judged.items()):
        return
    # A poor run may miss every judged document of its query, so only ids that occur nowhere are an error.
    all_judged = dict.fromkeys(document for grades in judged.values() for document in grades)
    all_found = dict.fromkeys(document for ranking in rankings.values() for document in ranking)
    if all_found and all_found.keys().isdisjoint(all_judged):
        raise BadInput(
            "run and qrels have no document id in common: "
            f"the run has {_examples(all_found)}, the qrels {_examples(all_judged)}",
            hint="check that the run names documents as the qrels do",
        )


def _examples(ids: Iterable[str]) -> str:
    shown = ", ".join(repr(identifier) for identifier in islice(ids, 3))
    return f"{shown}, ..." if shown else "none"


def _ranking(query: str, hits: Sequence[tuple[str, float]]) -> list[str]:
    ranking = [document for document, _ in ranked(hits, where=f"query {query!r}")]
    if len(set(ranking)) != len(ranking):
        raise BadInput("a document is listed twice for one query", where=f"query {query!r}")
    return ranking


def _values(rankings: Mapping[str, list[str]], judged: Qrels, measures: Sequence[Measure]) -> dict[str, list[float]]:
    """Measure name to values in the order of the judged queries."""
    require_ranx()
    functions = _ranx_functions()
    from numba.core.errors import NumbaTypeSafetyWarning
    from numba.typed import List

    arrays = [_as_numbers(rankings[query], grades) for query, grades in judged.items()]
    grades_list, hits_list = List(grades for grades, _ in arrays), List(hits for _, hits in arrays)
    values = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaTypeSafetyWarning)
        for measure in measures:
            function = functions[_KINDS[measure.name].ranx]
            values[str(measure)] = function(grades_list, hits_list, measure.cutoff or 0, measure.level).tolist()
    return values


def _as_numbers(ranking: list[str], grades: Mapping[str, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Judgments [judged, 2] and hits [hits, 2], float64, as ranx's metric functions expect them.

    Judged documents are numbered from the highest grade down, because ranx takes the ideal ranking from the order of
    the rows; every unjudged hit is -1, which matches nothing. The second column holds grades, and strictly falling
    scores.
    """
    import numpy as np

    by_grade = sorted(grades, key=lambda document: -grades[document])
    number = {document: i for i, document in enumerate(by_grade)}
    judgments = np.array([[number[document], grades[document]] for document in by_grade], np.float64)
    hits = np.empty((len(ranking), 2), np.float64)
    hits[:, 0] = [number.get(document, -1) for document in ranking]
    hits[:, 1] = np.arange(len(ranking), 0, -1)
    return judgments, hits


def _ranx_functions() -> Mapping[str, Callable[..., NDArray[Any]]]:
    """The metric functions of ranx by name.

    They take arrays. ``ranx.evaluate`` with its ``Run`` and ``Qrels`` objects is avoided: those hash ids, compile much
    more at first use, and fail when asked for the values of each query of a single measure.
    """
    from numba import config

    # Importing ranx forces numba's "workqueue" threading, which aborts the process when two threads run parallel code.
    layer = config.THREADING_LAYER
    try:
        from ranx import metrics
    finally:
        config.THREADING_LAYER = layer
    return {kind.ranx: getattr(metrics, kind.ranx) for kind in _KINDS.values()}
