"""``lsr index``: documents in, an index folder out."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr import defaults
from lsr.cli import options
from lsr.cli.exits import Terminated
from lsr.cli.info import stored_bytes
from lsr.cli.output import answer_json, counted, note, size_text, visible
from lsr.cli.progress import Reading, noting_dropped_shards, progress
from lsr.cli.queries import STDIN
from lsr.documents import TEXT_FIELDS
from lsr.errors import UsageError

if TYPE_CHECKING:
    from lsr.encoders.base import AnyEncoder
    from lsr.index.index import Index
    from lsr.sources import Source

_SHOWN = 3


def index(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", parser=options.parse_source, help="File or folder; - is standard input.")
    ],
    out: options.OutFolder,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="NAME", help=f"Encoder, or several joined by +; {defaults.MODEL} if not given."
        ),
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option("--input-format", metavar="NAME", help="beir, jsonl, tsv, text, anserini or vectors."),
    ] = None,
    text_fields: Annotated[
        str | None,
        typer.Option("--text-fields", metavar="A,B", help=f"Fields to encode; {','.join(TEXT_FIELDS)} if not given."),
    ] = None,
    max_length: options.MaxLength = None,
    language: options.Language = None,
    k1: options.K1 = None,
    b: options.B = None,
    impacts: options.Impacts = defaults.IMPACTS,
    backend: options.Backend = None,
    layout: Annotated[
        str, typer.Option("--layout", metavar="NAME", help="fast (default), or small: a third fewer bytes, slower.")
    ] = "fast",
    reorder: Annotated[
        bool, typer.Option("--reorder", help="Bring similar documents together: a slower build, a faster search.")
    ] = False,
    memory: options.Memory = "4G",
    threads: options.BuildThreads = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run of the same source.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an index that stands there.")] = False,
    on_error: Annotated[str, typer.Option("--on-error", metavar="WHAT", help="At a bad line: stop or skip.")] = "stop",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Build an index from documents.

    Examples:
      lsr index docs.jsonl --out my.idx
      lsr index beir/scifact -o scifact.idx --max-length 256
      lsr index docs.tsv -o words.idx --model bm25 --language german
      zcat docs.jsonl.gz | lsr index - -o my.idx
      lsr index docs.jsonl -o my.idx --resume

    The format of SOURCE is found out by content: a BEIR folder, JSON Lines, tab-separated lines, plain text, or ready
    vectors (Anserini's JSON Lines with "vector", or an .npz file), which need no model. A model is splade-tiny (built
    in), bm25, a folder, a hub id such as owner/model, or several joined by +.

    An existing index stays as it is until the new one is complete.
    """
    from lsr.sources import open_documents

    names = None if text_fields is None else options.parse_names(text_fields, "--text-fields")
    documents = open_documents(
        source,
        input_format=input_format,
        text_fields=names,
        on_error=on_error,  # type: ignore[arg-type]
        texts_only=input_format == "jsonl",
    )
    settings: dict[str, Any] = {
        "max_length": max_length, "language": language, "k1": k1, "b": b, "backend": backend, "threads": threads
    }  # fmt: skip
    encoder = _encoder(documents, model, settings)
    if not quiet and not as_json:
        _describe(documents, detected=input_format is None)
    choices: dict[str, Any] = {
        "text_fields": names, "impacts": impacts, "resume": resume, "force": force, "layout": layout,
        "reorder": reorder, "memory": options.parse_size(memory, "--memory"), "threads": threads,
    }  # fmt: skip
    started = time.perf_counter()
    with _telling_what_is_kept(out):
        built = _build(out, documents, encoder, choices, quiet=quiet)
    with built:
        summary = _Summary(built, documents, encoder, time.perf_counter() - started)
        if not quiet:
            summary.write()
        if as_json:
            answer_json(summary.as_dict())


def _describe(documents: Source, *, detected: bool) -> None:
    """Say how the source is read, and what of a folder is not."""
    how = ""
    if detected:
        path = Path(documents.path)
        is_there = documents.path != STDIN and (path.is_file() or path.is_dir())
        how = ", found out by content" if is_there else ", as no --input-format is given"
    note(f"{visible(documents.path)}: format {documents.format}{how}")
    if names := [visible(path.name) for path in documents.left_out]:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        note(
            f"note: left out, as a folder is read in one format: {', '.join(names[:_SHOWN])}{more}; "
            "index them apart, or name --input-format"
        )


def _encoder(documents: Source, model: str | None, settings: dict[str, Any]) -> AnyEncoder | None:
    if documents.format not in ("anserini", "vectors"):
        return options.load_model(defaults.MODEL if model is None else model, **settings, for_index=True)
    if model is not None or any(value is not None for name, value in settings.items() if name != "threads"):
        raise UsageError(
            f"{documents.path} holds ready vectors, which no model encodes",
            hint="leave out --model and its settings"
            + (", or encode the texts with --input-format jsonl" if documents.format == "anserini" else ""),
        )
    return None


@contextmanager
def _telling_what_is_kept(out: Path) -> Iterator[None]:
    """Say, when the body is interrupted, whether its work can be resumed."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        from lsr.index.generations import has_shards

        kept = f"finished shards are kept in {out}, and the same command with --resume goes on from there"
        note(f"stopped; {kept if has_shards(out) else 'no shard was finished, so nothing is kept'}")
        raise


def _build(out: Path, documents: Source, encoder: AnyEncoder | None, choices: dict[str, Any], *, quiet: bool) -> Index:
    from lsr.index.index import Index
    from lsr.sources import VectorSource

    if isinstance(documents, VectorSource):
        return Index.build(out, documents.vectors, ids=documents.ids, **choices)
    reading = Reading(documents)
    with noting_dropped_shards(), progress(reading.total, quiet=quiet) as report:
        return Index.build(out, reading, encoder=encoder, progress=report, **choices)


@dataclass(frozen=True)
class _Summary:
    """What there is to say about a finished build."""

    built: Index
    documents: Source
    encoder: AnyEncoder | None
    seconds: float

    @property
    def truncated(self) -> dict[str, int]:
        parts = self.encoder.parts if self.encoder is not None else ()
        return {part.name: part.document.counters.truncated for part in parts}

    @property
    def empty(self) -> dict[str, int]:
        parts = self.encoder.parts if self.encoder is not None else ()
        return {part.name: part.document.counters.empty for part in parts}

    @property
    def encoded(self) -> int:
        """Texts encoded in this run; those of shards taken over are not among them."""
        parts = self.encoder.parts if self.encoder is not None else ()
        return max((part.document.counters.texts for part in parts), default=0)

    def as_dict(self) -> dict[str, Any]:
        manifest = self.built.manifest
        return {
            "index": str(self.built.path),
            "format": self.documents.format,
            "documents": manifest.documents,
            "postings": manifest.postings,
            "seconds": round(self.seconds, 3),
            "encoded": self.encoded,
            "truncated": self.truncated,
            "empty": self.empty,
            "clipped": {space.name: space.clipped for space in manifest.spaces},
            "skipped": self.documents.skipped,
            "bytes": stored_bytes(manifest),
        }

    def write(self) -> None:
        facts = self.as_dict()
        held = f"{counted(facts['documents'], 'document')}, {counted(facts['postings'], 'posting')}"
        note(f"{held} in {self.seconds:.1f} s")
        if facts["skipped"]:
            note(f"{counted(facts['skipped'], 'bad line')} skipped")
        if self.documents.likely_header is not None:
            note(
                f"note: the first line was taken for a document, and looks like a header: "
                f"{visible(self.documents.likely_header)}; a header names a text field (--text-fields)"
            )
        for name, count in self.truncated.items():
            if count:
                note(f"{count:,} of {self.encoded:,} texts were longer than {name} reads, and were cut")
        for name, count in self.empty.items():
            if count:
                note(f"{count:,} of {self.encoded:,} texts have no term of {name}")
        for name, count in facts["clipped"].items():
            if count:
                note(f"{counted(count, 'weight')} of {name} too large for uint8 impacts, clipped")
        note(f"{size_text(facts['bytes'])} in {self.built.path} ({self.built.generation})")
        question = "--vector VECTOR" if self.encoder is None else "YOUR QUESTION"
        note(f"next: lsr search {shlex.quote(str(self.built.path))} {question}")
