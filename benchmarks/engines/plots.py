"""Latency against size, and recall against latency, as SVG and PNG; only where matplotlib is installed."""

from __future__ import annotations

import importlib
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.engines.report import label
from benchmarks.engines.saved import Result


def draw(results: list[Result], folder: Path) -> list[Path]:
    """Draw what there is, and return the files."""
    try:
        matplotlib = importlib.import_module("matplotlib")
        matplotlib.use("Agg")
        pyplot = importlib.import_module("matplotlib.pyplot")
    except ImportError:
        print("matplotlib is not installed: no plots", file=sys.stderr)
        return []
    ks = sorted({row["k"] for result in results for row in result["rows"]})
    sizes = sorted({result["documents"] for result in results})
    written = []
    figure, axes = pyplot.subplots(1, len(ks), figsize=(5 * len(ks), 4.5), squeeze=False, sharey=True)
    for axis, k in zip(axes[0], ks, strict=True):
        _latency(axis, results, k)
    written += _save(pyplot, figure, folder / "latency-by-size")
    for size in sizes:
        figure, axes = pyplot.subplots(1, len(ks), figsize=(5 * len(ks), 4.5), squeeze=False)
        for axis, k in zip(axes[0], ks, strict=True):
            _recall(axis, [result for result in results if result["documents"] == size], k)
        written += _save(pyplot, figure, folder / f"recall-by-latency-{size}")
    return written


def _latency(axis: Any, results: list[Result], k: int) -> None:
    """Medians of the exact engines; one line an engine and setting."""
    lines: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for result in results:
        for row in result["rows"]:
            if row["k"] == k and row["exact"]:
                lines[label(result, row)].append((result["documents"], row["p50"]))
    for name, points in sorted(lines.items()):
        axis.plot(*zip(*sorted(points), strict=True), marker="o", label=name)
    axis.set(xscale="log", yscale="log", title=f"k = {k}, exact engines", xlabel="documents", ylabel="median, us")
    if lines:
        axis.legend(fontsize="small")


def _recall(axis: Any, results: list[Result], k: int) -> None:
    for result in results:
        points = sorted((row["p50"], row["recall"]) for row in result["rows"] if row["k"] == k and row["recall"])
        if points:
            axis.plot(*zip(*points, strict=True), marker="o", linestyle="", label=result["build"])
    axis.set(xscale="log", title=f"k = {k}", xlabel="median, us", ylabel="recall")
    axis.legend(fontsize="small")


def _save(pyplot: Any, figure: Any, path: Path) -> list[Path]:
    figure.tight_layout()
    files = [path.with_suffix(f".{kind}") for kind in ("svg", "png")]
    for file in files:
        figure.savefig(file)
    pyplot.close(figure)
    return files
