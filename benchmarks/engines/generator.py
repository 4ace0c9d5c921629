"""More documents than there are: each is made of two real ones, so that lists and lengths keep their shape.

A document is drawn, each of its terms stays with probability .75, a quarter of the terms of another document come in,
and every weight changes by up to 20 %. Where few documents are stretched far, many of the made ones are siblings;
``generator_check`` measures what that changes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.engines.vectors import LEVELS, Documents, DocumentWriter, row_entries

KEPT, MIXED_IN, JITTER = 0.75, 0.25, 0.2
PORTION = 4_096
"""Documents made at once. Each portion has its own random numbers, so a larger set starts with the smaller one."""


def generate(source: Documents, count: int, folder: Path, seed: int = 1) -> Documents:
    """Make documents in a folder, portion by portion; a folder that is finished is taken as it is.

    Args:
        source: The real documents.
        count: How many to make.
        folder: Where their arrays are written.
        seed: Same seed, same documents.
    """
    if folder.exists():
        return Documents.open(folder)
    with DocumentWriter(folder, source.vocabulary) as writer:
        for first in range(0, count, PORTION):
            made = portion(source, min(PORTION, count - first), seed, first // PORTION)
            writer.add(np.diff(made.starts), made.terms, made.levels)
            if first % (PORTION * 50) == 0 and first:
                print(f"generated {first:,} of {count:,} documents", file=sys.stderr)
    return Documents.open(folder)


def portion(source: Documents, count: int, seed: int, number: int) -> Documents:
    """One portion of made documents.

    Args:
        source: The real documents.
        count: How many to make.
        seed: As for ``generate``.
        number: Which portion.
    """
    rng = np.random.default_rng([seed, number])
    rows, places = [], []
    for share in (KEPT, MIXED_IN):
        row, place = row_entries(source.starts, rng.integers(len(source), size=count))
        chosen = rng.random(len(row)) < share
        rows.append(row[chosen])
        places.append(place[chosen])
    row, place = np.concatenate(rows), np.concatenate(places)
    keys = row * source.vocabulary + source.terms[place]
    # The first of equal keys stays: a term that both documents have keeps the weight of the drawn one.
    keys, first = np.unique(keys, return_index=True)
    levels = source.levels[place[first]] * rng.uniform(1 - JITTER, 1 + JITTER, len(first))
    starts = np.searchsorted(keys, np.arange(count + 1, dtype=np.int64) * source.vocabulary)
    return Documents(
        starts.astype(np.int64),
        (keys % source.vocabulary).astype(np.uint32),
        np.clip(np.rint(levels), 1, LEVELS).astype(np.uint8),
        source.vocabulary,
    )
