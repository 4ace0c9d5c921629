"""What every engine is asked for, and the list of all engines and builds."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.vectors import Documents

Answer = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Document numbers and scores."""

IDS, STORED = "identifiers", "stored vectors"
"""Structures that are shown but not counted, since no search for numbers and scores reads them."""


class Unfit(Exception):
    """The engine can't hold these vectors; the message says why."""


class Engine(Protocol):
    """An engine with its index. The constructor is what the build time measures.

    Only the call that ``searcher`` gives is timed as a search: queries are prepared before, and what the engine returns
    is turned into arrays after, outside the clock, for all alike.
    """

    package: ClassVar[str]
    settings: tuple[str, ...]

    def structures(self) -> dict[str, int]:
        """Bytes of each part of the index."""
        ...

    def prepare(self, terms: NDArray[np.uint32], weights: NDArray[np.float32]) -> Any:
        """A query in the form that the engine takes."""
        ...

    def searcher(self, setting: str, k: int) -> Callable[[Any], Any]:
        """The engine's own search call."""
        ...

    def answer(self, found: Any) -> Answer:
        """Document numbers and scores of what ``searcher`` gave."""
        ...


@dataclass(frozen=True)
class Build:
    """A way to build an engine's index.

    Attributes:
        family: The engine's name on the command line.
        name: Name of the build, also of its files.
        adapter: ``module:Class`` below this package.
        options: Further arguments of the class.
    """

    family: str
    name: str
    adapter: str
    options: dict[str, Any] = field(default_factory=dict)

    def adapter_class(self) -> Callable[..., Engine]:
        """The class; the engine's own package is imported only when it is called."""
        module, name = self.adapter.split(":")
        found: Callable[..., Engine] = getattr(importlib.import_module(f"benchmarks.engines.adapters.{module}"), name)
        return found


BUILDS = (
    Build("lsr", "lsr", "lsr_search:Lsr"),
    Build("lsr", "lsr-reordered", "lsr_search:Lsr", {"reorder": True}),
    Build("lsr", "lsr-small", "lsr_search:Lsr", {"layout": "small"}),
    Build("lsr", "lsr-mapped", "lsr_search:Lsr", {"preload": False}),
    Build("splade-index", "splade-index", "splade_index:SpladeIndex"),
    Build("scipy", "scipy", "scipy_csr:Scipy"),
    Build("pisa", "pisa", "pisa:Pisa"),
    Build("qdrant-edge", "qdrant-edge", "qdrant_edge:QdrantEdge"),
    Build("infinity", "infinity", "infinity:Infinity"),
    *(Build("bmp", f"bmp-b{size}", "bmp:Bmp", {"block": size}) for size in (8, 16, 32)),
    *(
        Build("seismic", f"seismic-np{postings}", "seismic:Seismic", {"postings": postings, "centroids": centroids})
        for postings, centroids in ((1000, 0.1), (3500, 0.1), (6000, 0.2))
    ),
)
FAMILIES = tuple(dict.fromkeys(build.family for build in BUILDS))


def build_named(name: str) -> Build:
    """The build of a name.

    Raises:
        KeyError: There is none.
    """
    return {build.name: build for build in BUILDS}[name]


def file_bytes(folder: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if folder.is_file():
        return folder.stat().st_size
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def array_bytes(**arrays: NDArray[Any]) -> dict[str, int]:
    """Bytes of arrays in memory, by name."""
    return {name: array.nbytes for name, array in arrays.items()}


def numbers(found: Any) -> NDArray[np.int64]:
    """Document numbers of identifiers, which are their decimal digits."""
    return np.array([int(name) for name in found], np.int64)


def document_columns(documents: Documents, i: int) -> tuple[list[int], list[float]]:
    """Terms and weights of one document as Python lists, for engines that take nothing else."""
    terms, levels = documents.row(i)
    return terms.tolist(), levels.astype(np.float64).tolist()
