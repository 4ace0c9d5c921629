"""Weights to stored impacts: one fixed scale a term space, and levels from 1 to 255.

The scale is rounded up to 16 significant bits. Then ``level x scale`` is exact in float32, and its product with a
float32 query weight is exact in float64, so a score does not depend on how the factors are grouped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lsr.errors import BadInput
from lsr.index.manifest import SCALE_LIMITS

LEVELS = 255
_SCALE_BITS = 16


def choose_scale(weights: NDArray[np.float32], limit: float | None = None) -> float:
    """The value of level 1 for weights that are in memory; see ``choose_scale_of``."""
    return choose_scale_of([weights], limit)


def choose_scale_of(chunks: Iterable[NDArray[np.float32]], limit: float | None = None) -> float:
    """The value of level 1.

    With a limit it depends on nothing else, so that documents which come later never need another scale. Without one,
    weights that are all whole numbers up to 255 get 1.0 and are stored without loss; otherwise the largest weight gets
    level 255.

    Args:
        chunks: All weights of a term space, positive; read only where there is no limit.
        limit: What no weight of the term space ever exceeds, if its encoder knows that.

    Raises:
        BadInput: The weights are too small for any scale.
    """
    if limit is not None:
        return _with_few_bits(limit / LEVELS)
    largest, whole = 0.0, True
    for weights in chunks:
        if len(weights):
            largest = max(largest, float(weights.max()))
            whole = whole and bool(np.all(weights == np.rint(weights)))
    if whole and largest <= LEVELS:
        return 1.0
    scale = _with_few_bits(largest / LEVELS)
    if scale < SCALE_LIMITS[0]:
        raise BadInput(
            f"the largest weight is {largest:g}, which is too small for uint8 impacts",
            hint="multiply all weights by a constant, or store float32 impacts",
        )
    return scale


def to_levels(weights: NDArray[np.float32], scale: float) -> tuple[NDArray[np.uint8], int]:
    """Levels of the weights, and how many weights were too large for level 255.

    Each weight goes to the nearest level; 0 means that it is too small to be kept.
    """
    levels = np.rint(weights.astype(np.float64) / scale)
    clipped = int(np.count_nonzero(levels > LEVELS))
    return np.minimum(levels, LEVELS).astype(np.uint8), clipped


def _with_few_bits(value: float) -> float:
    """The next number from ``value`` up that has at most 16 significant bits."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.ceil(mantissa * 2**_SCALE_BITS), exponent - _SCALE_BITS)
