"""Results as Markdown tables. Ratios compare engines of one run only."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from benchmarks.engines.adapters.base import IDS, STORED
from benchmarks.engines.saved import Result

OWN = "lsr"
"""The family that the others are rivals of."""


def tables(results: list[Result], settings: dict[str, Any]) -> str:
    """All tables, by size.

    Args:
        results: Results of one store.
        settings: The store's settings, which are printed.
    """
    parts = [f"Settings: {', '.join(f'{name} {value}' for name, value in settings.items())}."]
    for size, group in groupby(sorted(results, key=lambda r: int(r["documents"])), key=lambda r: int(r["documents"])):
        parts += [_of_size(size, list(group))]
    return "\n\n".join(parts) + "\n"


def bytes_a_posting(result: Result) -> float:
    """Bytes of the searched structures, identifiers and stored vectors left out, for each posting."""
    return float(sum(size for name, size in result["structures"].items() if name not in (IDS, STORED))) / float(
        result["postings"]
    )


def best_exact_rival(results: Iterable[Result], run: str, k: int) -> tuple[str, float] | None:
    """Name and median of the fastest exact engine of a run that is not the project's own."""
    found = [
        (row["p50"], label(result, row))
        for result in results
        if result["run"] == run and result["family"] != OWN
        for row in result["rows"]
        if row["k"] == k and row["exact"]
    ]
    return (min(found)[1], min(found)[0]) if found else None


def unbeaten(rows: list[tuple[Result, dict[str, Any]]]) -> list[tuple[Result, dict[str, Any]]]:
    """The rows than which no other setting of the same engine is both faster and at least as right."""
    return [
        (result, row)
        for result, row in rows
        if not any(
            other["family"] == result["family"]
            and other_row["p50"] < row["p50"]
            and other_row["recall"] >= row["recall"]
            for other, other_row in rows
        )
    ]


def label(result: Result, row: dict[str, Any]) -> str:
    """An engine with its query setting."""
    return f"{result['build']} {row['setting']}".strip()


def _of_size(size: int, results: list[Result]) -> str:
    first = results[0]
    made = ", generated" if any(result["generated"] for result in results) else ""
    runs = sorted({result["run"] for result in results})
    lines = [f"## {size:,} documents{made}, {first['postings']:,} postings ({first['machine']})", ""]
    load = max(max(result["loads"]) for result in results)
    lines += [f"Load average when the rounds began: up to {load:.1f}; 1 is the benchmark itself.", ""]
    if len(runs) > 1:
        mark = {run: chr(ord("a") + i) for i, run in enumerate(runs)}
        lines += [
            "These figures come from different runs: "
            + "; ".join(f"({mark[run]}) {_names(results, run)}" for run in runs)
            + ". Ratios compare engines of the same run.",
            "",
        ]
    lines += [*_builds(results), ""]
    for k in sorted({row["k"] for result in results for row in result["rows"]}):
        lines += [*_queries(results, k), ""]
    return "\n".join(lines).rstrip()


def _names(results: list[Result], run: str) -> str:
    return ", ".join(result["build"] for result in results if result["run"] == run)


def _builds(results: list[Result]) -> list[str]:
    lines = [
        "| engine | version | build s | peak MB | of it own memory | bytes a posting | structures, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        structures = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in result["structures"].items())
        lines.append(
            f"| {result['build']} | {result['version']} | {result['build_s']:.1f} | {result['peak_mb']:.0f} "
            f"| {result['anonymous_mb']:.0f} | {bytes_a_posting(result):.2f} | {structures} |"
        )
    return lines


def _queries(results: list[Result], k: int) -> list[str]:
    lines = [
        f"| k = {k} | mean us | p50 | p95 | p99 | p50 of rounds | recall | exact | best exact rival's p50 / p50 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [(result, row) for result in results for row in result["rows"] if row["k"] == k]
    for result, row in sorted(unbeaten(rows), key=lambda pair: float(pair[1]["p50"])):
        rival = best_exact_rival(results, result["run"], k)
        ratio = f"{rival[1] / row['p50']:.2f}" if rival else "-"
        low, high = row["p50_range"]
        lines.append(
            f"| {label(result, row)} | {row['mean']:.1f} | {row['p50']:.1f} | {row['p95']:.1f} | {row['p99']:.1f} "
            f"| {low:.0f} to {high:.0f} | {row['recall']:.4f} | {'yes' if row['exact'] else 'no'} "
            f"| {ratio} |"
        )
    return lines
