"""Term at a time in plain numpy: nothing to compile, so it is the kernel of a process that asks only a few queries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lsr.index.byte_segment import ByteSegment
from lsr.index.segment import Segment


def search(
    segment: Segment, places: NDArray[np.int64], factors: NDArray[np.float64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k best documents of a segment.

    Args:
        segment: The segment.
        places: int64 [m], ascending positions of the query's terms in ``segment.terms``.
        factors: float64 [m], what each list's impacts are multiplied by.
        k: Number of hits wanted, at least 1.
    """
    sums = np.zeros(segment.size, np.float64)
    for place, factor in zip(places.tolist(), factors.tolist(), strict=True):
        if isinstance(segment, ByteSegment):
            positions, levels = segment.postings_by_position(place)
            sums[positions] += levels * np.float64(factor)
        else:
            documents, impacts = segment.postings(place)
            sums[documents] += impacts.astype(np.float64) * factor
    scores = sums.astype(np.float32)
    if isinstance(segment, ByteSegment) and len(segment.numbers):
        by_number = np.empty_like(scores)
        by_number[segment.numbers] = scores
        scores = by_number
    return best(scores, k)


def best(scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Positions and values of the k largest positive scores, by value descending, then position ascending."""
    found = np.flatnonzero(scores > 0)
    if len(found) > k:
        values = scores[found]
        kth = np.partition(values, len(found) - k)[len(found) - k]
        above = found[values > kth]
        ties = found[values == kth][: k - len(above)]
        found = np.sort(np.concatenate([above, ties]))
    values = scores[found]
    order = np.argsort(-values, kind="stable")
    return found[order].astype(np.int64), values[order]
