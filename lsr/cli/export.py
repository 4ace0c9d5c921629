"""``lsr export``: the vectors of an index, in a file for another engine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from lsr.cli import options
from lsr.cli.output import answer_json, counted, note, size_text
from lsr.cli.progress import progress


def export(
    directory: options.IndexFolder,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", parser=options.parse_path, help="The file to make.", show_default=False)
    ],
    file_format: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="ciff, anserini, seismic or npz; by the name of FILE otherwise."),
    ] = None,
    levels: Annotated[
        bool, typer.Option("--levels", help="Write whole impact levels in place of weights (CIFF always does).")
    ] = False,
    split: Annotated[
        int | None,
        typer.Option("--split", metavar="N", help="JSON Lines in several files of N documents; FILE is their folder."),
    ] = None,
    compress: Annotated[
        bool, typer.Option("--gzip", help="Compress; also without it if the name of FILE ends in .gz.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Write the vectors of an index to a file for another engine.

    Examples:
      lsr export my.idx my.ciff
      lsr export my.idx my.npz
      lsr export my.idx vectors.jsonl.gz --format anserini --levels
      lsr export my.idx vectors.jsonl --format seismic
      lsr export my.idx parts --format anserini --split 100000 --gzip

    The name of FILE tells the format: .ciff, .npz, or .jsonl for Anserini, each but .npz also with .gz after it. Where
    the index has several term spaces, a token is SPACE:TOKEN.

    FILE appears when it is complete, and not before.
    """
    from lsr.index.index import Index
    from lsr.interchange import export_index

    started = time.perf_counter()
    with Index.open(directory) as opened, progress(lambda: len(opened), quiet=quiet or as_json) as report:
        written = export_index(
            opened,
            file,
            file_format=file_format,
            levels=levels,
            split=split,
            compress=compress,
            force=force,
            progress=report,
        )
        whole = levels or (opened.manifest.impacts == "uint8" and all(s.scale == 1.0 for s in opened.manifest.spaces))
    seconds = time.perf_counter() - started
    if as_json:
        answer_json(
            {
                "index": str(directory),
                "file": str(written.path),
                "format": written.format,
                "documents": written.documents,
                "postings": written.postings,
                "bytes": written.bytes,
                "seconds": round(seconds, 3),
            }
        )
    elif not quiet:
        note(
            f"{counted(written.documents, 'document')}, {counted(written.postings, 'posting')}, "
            f"{size_text(written.bytes)} "
            f"in {written.path} ({written.format}) in {seconds:.1f} s"
        )
        if written.format == "anserini" and not whole:
            note("note: Anserini drops the fractions of weights; --levels writes whole numbers")
