"""Term spaces beside each other in one range of term ids: who owns which ids and vectors over all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lsr.vectors import TERM_LIMIT, SparseVectors


def term_ranges(capacities: Sequence[int | None]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First term id and number of ids of each space.

    Fixed vocabularies are packed from 0 in order; growing ones (``None``) share the rest of the 32-bit range evenly.
    """
    fixed = sum(size for size in capacities if size is not None)
    growing = sum(size is None for size in capacities)
    share = (TERM_LIMIT - fixed) // growing if growing else 0
    bases, sizes = [], []
    next_fixed, next_growing = 0, fixed
    for size in capacities:
        if size is None:
            bases.append(next_growing)
            sizes.append(share)
            next_growing += share
        else:
            bases.append(next_fixed)
            sizes.append(size)
            next_fixed += size
    return tuple(bases), tuple(sizes)


def join_spaces(
    spaces: Sequence[SparseVectors], bases: Sequence[int], weights: Sequence[float] | None = None
) -> SparseVectors:
    """One vector a row from the same rows in several term spaces.

    Args:
        spaces: One set of vectors a space, all with the same number of rows.
        bases: First term id of each space.
        weights: Factor for each space's weights, a float64 number: the product is rounded once to float32. A space with
            factor 0 is left out.
    """
    n = len(spaces[0])
    factors = [1.0] * len(spaces) if weights is None else list(weights)
    used = [i for i in range(len(spaces)) if factors[i] > 0]
    used.sort(key=lambda i: bases[i])
    indptr = np.zeros(n + 1, np.int64)
    for i in used:
        indptr += spaces[i].indptr
    terms = np.empty(int(indptr[-1]), np.uint32)
    joined = np.empty(int(indptr[-1]), np.float32)
    fill = indptr[:-1].copy()
    for i in used:
        part = spaces[i]
        lengths = np.diff(part.indptr)
        at = np.arange(part.nnz, dtype=np.int64) + np.repeat(fill - part.indptr[:-1], lengths)
        terms[at] = part.terms + np.uint32(bases[i])
        joined[at] = part.weights.astype(np.float64) * factors[i]
        fill += lengths
    return SparseVectors.trusted(indptr, terms, joined)
