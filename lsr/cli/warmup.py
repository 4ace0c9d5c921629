"""``lsr warmup``: what the first query would otherwise wait for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from lsr.cli import options
from lsr.cli.info import stored_bytes
from lsr.cli.output import answer, answer_json, size_text


def warmup(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", parser=options.parse_path, help="An index to read into memory as well.", show_default=False
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Compile the search kernels and keep them, so that no later process has to.

    Examples:
      lsr warmup
      lsr warmup my.idx

    With an index, its files are also read once, so that the first searches find them in memory.
    """
    started = time.perf_counter()
    kernels = _compile_kernels()
    facts: dict[str, object] = {"kernels": kernels, "compile_seconds": round(time.perf_counter() - started, 3)}
    lines = [f"search kernels for {' and '.join(kernels)} impacts ready after {facts['compile_seconds']} s"]
    if directory is not None:
        started = time.perf_counter()
        read = _read_index(directory)
        facts |= {"index": str(directory), "bytes": read, "read_seconds": round(time.perf_counter() - started, 3)}
        lines.append(f"{size_text(read)} of {directory} read in {facts['read_seconds']} s")
    if as_json:
        answer_json(facts)
        return
    for line in lines:
        answer(line)


def _compile_kernels() -> list[str]:
    """Search a made-up segment of every impact type."""
    from lsr.index.byte_writer import invert as invert_bytes
    from lsr.index.float_segment import invert as invert_floats
    from lsr.index.forward import Rows
    from lsr.index.manifest import IMPACT_TYPES, SpaceEntry
    from lsr.index.segment import Segment
    from lsr.search.engine import Engine
    from lsr.vectors import SparseVectors

    space = SpaceEntry("warmup", 0, 1, 1.0, 1.0, 0, 1.0, 0)
    query = SparseVectors.from_rows([([0], [1.0])])
    segments: list[Segment] = [
        invert_bytes(Rows(0, query.indptr, query.terms, query.weights.astype("uint8"))),
        invert_floats(query),
    ]
    for segment in segments:
        Engine([segment], [space], "compiled").search(query, 1)
    return list(IMPACT_TYPES)


def _read_index(directory: Path) -> int:
    from lsr.index.index import Index
    from lsr.index.trust import generation_files

    with Index.open(directory) as index:
        for path in generation_files(index.folder, index.manifest):
            with path.open("rb") as stream:
                while stream.read(1 << 20):
                    pass
        return stored_bytes(index.manifest)
