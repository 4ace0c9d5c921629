"""From the raw vectors of all term spaces to one segment, in passes over them.

The vectors are read again for each pass and are never in memory all at once: a survey, a pass for the largest weight
where the encoder knows no limit, and one that turns weights into levels and writes them down as rows (``Rows``). The
rows are then inverted in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.spaces import join_spaces
from lsr.index.catalog import TermRow
from lsr.index.float_segment import write_float_segment
from lsr.index.impacts import to_levels
from lsr.index.manifest import SegmentEntry, SpaceEntry
from lsr.index.space_builder import SpaceBuilder, Survey
from lsr.vectors import SparseVectors

LAYOUTS = ("fast", "small")
LEAST_MEMORY, DEFAULT_MEMORY = 64 << 20, 4 << 30


@dataclass(frozen=True)
class Layout:
    """How postings are laid out and how the work is done.

    Attributes:
        impacts: ``uint8`` or ``float32``.
        kind: ``fast``, or ``small`` for fewer columns; for ``uint8`` only.
        reorder: Whether similar documents are brought together; for ``uint8`` only.
        memory: Bytes that the work may take beyond a chunk of documents.
        threads: Number of threads.
    """

    impacts: str = "uint8"
    kind: str = "fast"
    reorder: bool = False
    memory: int = DEFAULT_MEMORY
    threads: int = 1


@dataclass(frozen=True)
class Assembled:
    """A segment that was written, and what the manifest and the catalog must know.

    Attributes:
        spaces: Entries of the term spaces.
        names: Rows of the catalog for terms that have names.
        segment: The segment's entry.
    """

    spaces: tuple[SpaceEntry, ...]
    names: list[TermRow]
    segment: SegmentEntry


def assemble(
    spaces: Sequence[SpaceBuilder],
    raw: Callable[[int], Iterable[SparseVectors]],
    work: Path,
    folder: Path,
    layout: Layout,
) -> Assembled:
    """Write one segment of all documents.

    Args:
        spaces: The term spaces, by ascending term id.
        raw: Gives the raw vectors of a term space by its number, in chunks that are the same for all of them; called
            again for each pass.
        work: A folder for temporary files.
        folder: The segment's folder; it must not exist.
        layout: How to lay it out.

    Raises:
        BadModel: An encoder gives weights that are not positive and finite, or are too large.
        BadInput: The weights are too small for ``uint8``.
        WriteFailed: The file system refused.
    """
    surveys = [space.survey(lambda number=number: raw(number)) for number, space in enumerate(spaces)]  # type: ignore[misc]
    names = [space.named_terms(number, surveys[number]) for number, space in enumerate(spaces)]
    make = _floats if layout.impacts == "float32" else _levels
    scales, clipped, segment = make(spaces, surveys, raw, work, folder, layout)
    entries = tuple(
        space.entry(scale, lost, survey, len(named))
        for space, scale, lost, survey, named in zip(spaces, scales, clipped, surveys, names, strict=True)
    )
    return Assembled(entries, [row for rows in names for row in rows], segment)


def _floats(
    spaces: Sequence[SpaceBuilder],
    surveys: Sequence[Survey],
    raw: Callable[[int], Iterable[SparseVectors]],
    _work: Path,
    folder: Path,
    _layout: Layout,
) -> tuple[list[float], list[int], SegmentEntry]:
    """Float32 impacts keep all their postings in memory once."""
    finals = [
        SparseVectors.concatenate([space.final(chunk, surveys[number].mean_mass) for chunk in raw(number)])
        for number, space in enumerate(spaces)
    ]
    joined = join_spaces(finals, [space.base for space in spaces])
    files = write_float_segment(joined, folder)
    entry = SegmentEntry(folder.name, len(joined), len(joined.terms), files)
    return [1.0] * len(spaces), [0] * len(spaces), entry


def _levels(
    spaces: Sequence[SpaceBuilder],
    surveys: Sequence[Survey],
    raw: Callable[[int], Iterable[SparseVectors]],
    work: Path,
    folder: Path,
    layout: Layout,
) -> tuple[list[float], list[int], SegmentEntry]:
    from lsr.index.byte_writer import DENSITIES, Inversion, write_byte_segment
    from lsr.index.forward import RowsWriter

    scales = [
        space.scale(lambda number=number: raw(number), surveys[number].mean_mass)  # type: ignore[misc]
        for number, space in enumerate(spaces)
    ]
    clipped = [0] * len(spaces)
    writer = RowsWriter(work)
    try:
        for chunks in zip(*(raw(number) for number in range(len(spaces))), strict=True):
            parts = []
            for number, (space, chunk) in enumerate(zip(spaces, chunks, strict=True)):
                final = space.final(chunk, surveys[number].mean_mass)
                levels, lost = to_levels(final.weights, scales[number])
                clipped[number] += lost
                parts.append(_kept(final, levels))
            joined = join_spaces(parts, [space.base for space in spaces])
            writer.add(joined.indptr, joined.terms, joined.weights.astype(np.uint8))
        rows = writer.finish()
        order = None
        if layout.reorder:
            from lsr.index.reordering import reorder

            order = reorder(rows, threads=layout.threads, memory=layout.memory // 2)
        options = Inversion(DENSITIES[layout.kind], order, layout.memory // 2, layout.threads)
        files = write_byte_segment(rows, folder, options)
    finally:
        writer.discard()
    return scales, clipped, SegmentEntry(folder.name, len(rows), len(rows.terms), files)


def _kept(final: SparseVectors, levels: NDArray[np.uint8]) -> SparseVectors:
    """Levels in place of weights, as float32 numbers, which hold them exactly; without those that are 0."""
    keep = levels > 0
    weights = levels.astype(np.float32)
    if np.all(keep):
        return SparseVectors.trusted(final.indptr, final.terms, weights)
    before = np.concatenate([[0], np.cumsum(keep)])
    return SparseVectors.trusted(before[final.indptr], final.terms[keep], weights[keep])
