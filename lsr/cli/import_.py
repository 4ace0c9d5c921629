"""``lsr import``: ready vectors from another engine's file in, an index folder out."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.cli import options
from lsr.cli.info import stored_bytes
from lsr.cli.output import answer_json, counted, note, size_text
from lsr.cli.progress import Reading, noting_dropped_shards, progress

if TYPE_CHECKING:
    from lsr.sources import Source


def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", parser=options.parse_source, help="The file; of JSON Lines also a folder, or - (stdin)."
        ),
    ],
    out: options.OutFolder,
    file_format: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="ciff, anserini, seismic or npz; by content otherwise."),
    ] = None,
    impacts: Annotated[
        str | None,
        typer.Option(
            "--impacts", metavar="TYPE", help="uint8 or float32; that of the exported index, or uint8, if not given."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted import of JSON Lines.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an index that stands there.")] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Build an index from vectors in another engine's format.

    Examples:
      lsr import my.ciff --out my.idx
      lsr import my.npz -o my.idx
      lsr import vectors.jsonl.gz -o my.idx --impacts float32
      lsr import parts -o my.idx --format anserini

    Term frequencies of CIFF become impacts; those above 255 need --impacts float32. A file that lsr export wrote as
    CIFF or .npz brings its term spaces and their scales back.

    An existing index stays as it is until the new one is complete.
    """
    from lsr.interchange import import_index
    from lsr.interchange.formats import checked_format, format_of_content

    started = time.perf_counter()
    watched: list[Reading] = []

    def watch(source: Source) -> Reading:
        watched.append(Reading(source))
        return watched[0]

    found = checked_format(file_format) if file_format else format_of_content(file)
    if not file_format and not quiet and not as_json:
        note(f"{file}: format {found}, found out by content")
    total = lambda: watched[0].total() if watched else None  # noqa: E731
    with noting_dropped_shards(), progress(total, quiet=quiet or as_json) as report:
        built = import_index(
            file,
            out,
            file_format=found,
            impacts=impacts,
            resume=resume,
            force=force,
            progress=report,
            watch=watch,
        )
    with built:
        manifest = built.manifest
        facts = {
            "index": str(built.path),
            "format": found,
            "documents": manifest.documents,
            "postings": manifest.postings,
            "clipped": {space.name: space.clipped for space in manifest.spaces},
            "bytes": stored_bytes(manifest),
            "seconds": round(time.perf_counter() - started, 3),
        }
    if as_json:
        answer_json(facts)
    elif not quiet:
        held = f"{counted(manifest.documents, 'document')}, {counted(manifest.postings, 'posting')}"
        note(f"{held} in {facts['seconds']:.1f} s")
        note(f"{size_text(stored_bytes(manifest))} in {built.path} ({built.generation})")
        note(f"next: lsr search {shlex.quote(str(built.path))} --vector VECTOR")
