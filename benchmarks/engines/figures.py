"""From nanoseconds of single queries to the figures of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PERCENTILES = {"p50": 50, "p95": 95, "p99": 99}


def of_round(nanoseconds: NDArray[np.int64]) -> dict[str, float]:
    """Mean and percentiles of one round, in microseconds."""
    micros = nanoseconds / 1e3
    return {"mean": float(micros.mean())} | {
        name: float(np.percentile(micros, percent)) for name, percent in PERCENTILES.items()
    }


def over_rounds(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    """The median over the rounds of each figure, and the lowest and highest median of a round.

    A round during which the machine was busy with something else moves no figure.
    """
    medians = [figures["p50"] for figures in rounds]
    return {name: float(np.median([figures[name] for figures in rounds])) for name in rounds[0]} | {
        "p50_range": [min(medians), max(medians)]
    }
