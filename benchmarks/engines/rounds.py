"""One collection size: all engines are built, then asked in turn, round after round, and their answers checked."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engines import figures
from benchmarks.engines.adapters.base import Build
from benchmarks.engines.frames import Arrays
from benchmarks.engines.inverted import Lists
from benchmarks.engines.process import EngineProcess, LeftOut
from benchmarks.engines.saved import Result
from benchmarks.engines.truth import Verdict, judge, kth_scores, true_scores
from benchmarks.engines.vectors import Queries

WARM = 20
"""Queries that each engine answers unmeasured at its turn."""

Cell = tuple[str, str, int]
"""Build, setting and k."""


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        ks: Numbers of hits.
        rounds: Number of rounds.
        count: Queries of a round.
        checked: How many of them are checked against the truth.
        core: The core of the engines.
        limit_mb: Memory that an engine may take.
        pythons: Interpreter by family, where it is not this one.
    """

    ks: list[int]
    rounds: int
    count: int
    checked: int
    core: int
    limit_mb: float
    pythons: dict[str, str] = field(default_factory=dict)


@dataclass
class Contestant:
    """An engine that is built.

    Attributes:
        build: Its build.
        process: Its process.
        built: The reply to the building.
        peak_mb: Its highest resident memory so far.
    """

    build: Build
    process: EngineProcess
    built: dict[str, Any]
    peak_mb: float = 0.0


def say(line: str) -> None:
    """Report progress."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def contestants(builds: Sequence[Build], documents: Path, folder: Path, plan: Plan) -> Iterator[list[Contestant]]:
    """Engines with their indexes, built one after the other; those that can't take part are named and left out."""
    started: list[Contestant] = []
    try:
        for build in builds:
            python = plan.pythons.get(build.family, sys.executable)
            process = EngineProcess(plan.core, folder / "logs" / f"{build.name}.log", python, plan.limit_mb)
            place = folder / build.name
            shutil.rmtree(place, ignore_errors=True)
            try:
                message = {"do": "build", "build": build.name, "documents": str(documents), "folder": str(place)}
                built, _ = process.ask(message)
            except LeftOut as reason:
                say(f"  {build.name}: left out: {reason}")
                process.end()
                continue
            except BaseException:
                process.end()
                raise
            say(f"  {build.name}: built in {built['build_s']:.1f} s")
            started.append(Contestant(build, process, built))
        yield started
    finally:
        for contestant in started:
            contestant.process.end()
            shutil.rmtree(folder / contestant.build.name, ignore_errors=True)


def compete(engines: list[Contestant], lists: Lists, queries: Queries, plan: Plan) -> list[Result]:
    """Ask all engines, round after round; an engine that fails leaves the list."""
    taken: dict[Cell, list[dict[str, float]]] = defaultdict(list)
    verdicts: dict[Cell, list[Verdict]] = defaultdict(list)
    arrays: Arrays = {"starts": queries.starts, "terms": queries.terms, "weights": queries.weights}
    for engine in list(engines):
        _guarded(engines, engine, {"do": "prepare", "whole": queries.whole}, arrays)
    loads = []
    for number in range(plan.rounds):
        loads.append(os.getloadavg()[0])
        first = number * plan.count % len(queries)
        answers: dict[Cell, Arrays] = {}
        for k in plan.ks:
            turn = number % max(len(engines), 1)
            for engine in engines[turn:] + engines[:turn]:  # nobody always follows the same neighbour
                for setting in engine.built["settings"]:
                    message = {"do": "ask", "setting": setting, "k": k, "first": first, "count": plan.count}
                    reply = _guarded(engines, engine, message | {"warm": WARM})
                    if reply is None:
                        break
                    engine.peak_mb = reply[0]["peak_mb"]
                    cell = (engine.build.name, setting, k)
                    answers[cell] = reply[1]
                    taken[cell].append(figures.of_round(reply[1]["nanoseconds"]))
        _check(answers, lists, queries, first, plan, verdicts)
        say(_progress(number, plan, engines, taken))
    return [{"loads": loads} | _result(engine, taken, verdicts) for engine in engines]


def _guarded(
    engines: list[Contestant], engine: Contestant, message: dict[str, Any], arrays: Arrays | None = None
) -> tuple[dict[str, Any], Arrays] | None:
    try:
        return engine.process.ask(message, arrays)
    except LeftOut as reason:
        say(f"  {engine.build.name}: left out: {reason}")
        engines.remove(engine)
        engine.process.end()
        return None


def _check(
    answers: dict[Cell, Arrays],
    lists: Lists,
    queries: Queries,
    first: int,
    plan: Plan,
    verdicts: dict[Cell, list[Verdict]],
) -> None:
    borders = {cell: np.concatenate([[0], np.cumsum(arrays["counts"])]) for cell, arrays in answers.items()}
    for i in range(min(plan.checked, plan.count)):
        scores = true_scores(lists, *queries.row((first + i) % len(queries)))
        kth = kth_scores(scores, plan.ks)
        for cell, arrays in answers.items():
            span = slice(int(borders[cell][i]), int(borders[cell][i + 1]))
            verdict = judge(
                scores, kth[cell[2]], arrays["documents"][span], arrays["scores"][span], whole=queries.whole
            )
            if verdict is not None:
                verdicts[cell].append(verdict)


def _progress(number: int, plan: Plan, engines: list[Contestant], taken: dict[Cell, list[dict[str, float]]]) -> str:
    parts = []
    for k in plan.ks:
        fastest = [
            (
                engine.build.name,
                min(taken[engine.build.name, setting, k][-1]["p50"] for setting in engine.built["settings"]),
            )
            for engine in engines
        ]
        parts.append(f"k={k}: " + ", ".join(f"{name} {micros:.0f}" for name, micros in fastest))
    return f"  round {number + 1} of {plan.rounds}, medians in us: " + "; ".join(parts)


def _result(
    engine: Contestant, taken: dict[Cell, list[dict[str, float]]], verdicts: dict[Cell, list[Verdict]]
) -> Result:
    rows = []
    for (name, setting, k), rounds in taken.items():
        if name != engine.build.name:
            continue
        judged = verdicts[name, setting, k]
        rows.append(
            {"setting": setting, "k": k, **figures.over_rounds(rounds)}
            | {
                "recall": float(np.mean([verdict.recall for verdict in judged])) if judged else 0.0,
                "exact": bool(judged) and all(verdict.exact for verdict in judged),
                "score_error": max((verdict.score_error for verdict in judged), default=None),
                "checked": len(judged),
            }
        )
    built = {name: engine.built[name] for name in ("version", "build_s", "structures", "before_mb")}
    memory = {"peak_mb": engine.peak_mb, "anonymous_mb": engine.process.anonymous_mb}
    return {"build": engine.build.name, "family": engine.build.family, **built, **memory, "rows": rows}
