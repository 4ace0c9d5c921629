"""From rows of levels to a byte segment, in memory or on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import writing
from lsr.index.byte_segment import ByteSegment, as_byte_segment
from lsr.index.containers import COLUMN, KIND_SHIFT, KINDS, padded, windows_of
from lsr.index.files import FileEntry, flush_folder, write_array
from lsr.index.forward import Rows
from lsr.index.inversion import Containers, Directory, choose_slots, place_all, window_borders
from lsr.index.manifest import BYTE_ARRAYS
from lsr.index.outputs import OutputArray

DENSITIES = {"fast": 0.06, "small": 0.25}
"""By layout, the share of the documents above which a term becomes a column."""


@dataclass(frozen=True)
class Inversion:
    """How rows become containers.

    Attributes:
        density: A term in more than this share of the documents becomes a column.
        order: uint32 [n], the document at each position, or ``None`` to keep their order.
        memory: Bytes of containers that may be filled at the same time; more passes are made if they need more.
        threads: Number of threads.
    """

    density: float = DENSITIES["fast"]
    order: NDArray[np.uint32] | None = None
    memory: int = 1 << 62
    threads: int = 1


def invert(rows: Rows, options: Inversion = Inversion(), first: int = 0) -> ByteSegment:
    """A segment in memory.

    Args:
        rows: One row a document, over global term ids.
        options: How to do it.
        first: Number of the first document.
    """
    arrays = _inverted(rows, options, lambda name, length: np.zeros(length, BYTE_ARRAYS[name]))
    for array in arrays.values():
        array.flags.writeable = False
    return as_byte_segment(arrays, first, len(rows))


def write_byte_segment(rows: Rows, folder: Path, options: Inversion = Inversion()) -> dict[str, FileEntry]:
    """Invert rows into a new folder.

    Args:
        rows: One row a document, over global term ids.
        folder: The segment's folder; it must not exist.
        options: How to do it.

    Returns:
        The entries of the files.

    Raises:
        WriteFailed: The file system refused.
    """
    with writing(folder):
        folder.mkdir()
    outputs: dict[str, OutputArray] = {}

    def allocate(name: str, length: int) -> NDArray[Any]:
        outputs[name] = OutputArray(folder / f"{name}.npy", BYTE_ARRAYS[name], length)
        return outputs[name].array

    def release() -> None:
        for output in outputs.values():
            output.release()

    arrays = _inverted(rows, options, allocate, release)
    files = {}
    for name in BYTE_ARRAYS:
        array = arrays.pop(name)
        files[name] = outputs[name].seal() if name in outputs else write_array(folder / f"{name}.npy", array)
    with writing(folder):
        flush_folder(folder)
    return files


def _inverted(
    rows: Rows,
    options: Inversion,
    allocate: Callable[[str, int], NDArray[Any]],
    between: Callable[[], None] = lambda: None,
) -> dict[str, NDArray[Any]]:
    """The arrays of a segment by name, all of them flat; the large ones are made by ``allocate``, full of zeros."""
    size, windows = len(rows), windows_of(len(rows))
    directory = Directory(rows)
    slots = choose_slots(directory.frequencies, size, windows, options.density)
    kinds = slots >> KIND_SHIFT
    list_starts, rare_starts = (_running(directory.frequencies[kinds == kind]) for kind in KINDS[1:])
    columns = allocate("columns", int(np.count_nonzero(kinds == COLUMN)) * padded(size))
    containers = Containers(
        columns.reshape(-1, padded(size)),
        list_starts,
        allocate("list_offsets", int(list_starts[-1])),
        allocate("list_levels", int(list_starts[-1])),
        rare_starts,
        allocate("rare_documents", int(rare_starts[-1])),
        allocate("rare_levels", int(rare_starts[-1])),
    )
    borders = window_borders(rows, directory, slots, windows, options.order)
    place_all(rows, directory, slots, containers, options.order, options.memory, options.threads, between)
    return {
        "terms": directory.terms,
        "slots": slots,
        "tops": directory.tops,
        "list_borders": borders.reshape(-1),
        "numbers": np.empty(0, np.uint32) if options.order is None else options.order,
        **containers._asdict(),
        "columns": columns,
    }


def _running(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts
