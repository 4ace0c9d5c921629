"""What the right answers are, and how right an engine's answers are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.inverted import Lists

ROUNDING = 1e-6
"""Relative error that is forgiven where an engine adds float32 products; whole weights need none."""


@dataclass(frozen=True)
class Verdict:
    """How right one answer is.

    Attributes:
        recall: Share of the wanted documents, by score: a document counts if its true score is at least the true k-th.
        exact: Whether all of them are there, and none twice.
        score_error: Largest relative difference between a reported and the true score.
    """

    recall: float
    exact: bool
    score_error: float


def true_scores(lists: Lists, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores of all documents, float64 [n], added in ascending term order."""
    scores = np.zeros(lists.size, np.float64)
    for term, weight in zip(terms.tolist(), weights.tolist(), strict=True):
        if term + 1 < len(lists.borders):
            documents, levels = lists.of(term)
            scores[documents] += weight * levels
    return scores


def kth_scores(scores: NDArray[np.float64], ks: list[int]) -> dict[int, tuple[float, int]]:
    """For each k the lowest score of a right answer, and how many documents are wanted: only those above 0 match."""
    matching = scores[scores > 0]
    best = np.sort(matching)[::-1] if len(matching) <= max(ks) else np.sort(_largest(matching, max(ks)))[::-1]
    wanted = {k: min(k, len(matching)) for k in ks}
    return {k: (float(best[count - 1]) if count else 0.0, count) for k, count in wanted.items()}


def judge(
    scores: NDArray[np.float64],
    kth: tuple[float, int],
    documents: NDArray[np.int64],
    reported: NDArray[np.float64],
    *,
    whole: bool,
) -> Verdict | None:
    """Judge one answer; ``None`` where no document matches the query.

    Args:
        scores: True scores of all documents.
        kth: From ``kth_scores``.
        documents: Document numbers of the answer.
        reported: Their scores as the engine gave them.
        whole: Whether all sums are whole numbers, so that no rounding is forgiven.
    """
    threshold, wanted = kth
    if wanted == 0:
        return None
    known = (documents >= 0) & (documents < len(scores))
    documents, reported = documents[known], reported[known]
    different = np.unique(documents)
    right = int(np.count_nonzero(scores[different] >= threshold * (1 if whole else 1 - ROUNDING)))
    true = scores[documents]
    error = float(np.max(np.abs(reported - true) / np.maximum(true, 1.0), initial=0.0))
    return Verdict(min(1.0, right / wanted), right >= wanted and len(different) == len(documents), error)


def _largest(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.partition(values, len(values) - count)[len(values) - count :]
