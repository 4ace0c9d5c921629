"""Weights to stored impacts: one fixed scale a term space, and levels from 1 to 255.

The scale is rounded up to 16 significant bits. Then ``level x scale`` is exact in float32, and its product with a
float32 query weight is exact in float64, so a score does not depend on how the factors are grouped.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LEVELS = 255
_SCALE_BITS = 16


def choose_scale(weights: NDArray[np.float32]) -> float:
    """The value of level 1 for these weights.

    Weights that are all whole numbers up to 255 get 1.0 and are stored without loss. Otherwise the largest weight gets
    level 255.
    """
    if len(weights) == 0:
        return 1.0
    largest = float(weights.max())
    if largest <= LEVELS and bool(np.all(weights == np.rint(weights))):
        return 1.0
    mantissa, exponent = math.frexp(largest / LEVELS)
    return math.ldexp(math.ceil(mantissa * 2**_SCALE_BITS), exponent - _SCALE_BITS)


def to_levels(weights: NDArray[np.float32], scale: float) -> tuple[NDArray[np.uint8], int]:
    """Levels of the weights, and how many weights were too large for level 255.

    Each weight goes to the nearest level; 0 means that it is too small to be kept.
    """
    levels = np.rint(weights.astype(np.float64) / scale)
    clipped = int(np.count_nonzero(levels > LEVELS))
    return np.minimum(levels, LEVELS).astype(np.uint8), clipped
