"""From a path to the documents in it."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from lsr.documents import checked_text_fields
from lsr.errors import BadInput, NotFound, UsageError, nearest
from lsr.sources.anserini import AnseriniSource
from lsr.sources.base import LineSource, Source
from lsr.sources.beir import CORPUS, BeirSource, corpus_file
from lsr.sources.detect import FORMAT_HINT, FORMATS, detect_format, json_lines_files, left_out
from lsr.sources.jsonl import JsonlSource
from lsr.sources.lines import STDIN, reading
from lsr.sources.npz import VectorSource
from lsr.sources.problems import BadLines, OnError
from lsr.sources.text import TextFolder, TextLines
from lsr.sources.tsv import TsvSource

_LINE_SOURCES: dict[str, type[LineSource]] = {
    "beir": BeirSource,
    "jsonl": JsonlSource,
    "tsv": TsvSource,
    "text": TextLines,
    "anserini": AnseriniSource,
}


def open_documents(
    path: str | Path,
    *,
    input_format: str | None = None,
    text_fields: Sequence[str] | None = None,
    on_error: OnError = "stop",
    texts_only: bool = False,
) -> Source:
    """The documents of a file or folder, or of standard input; nothing but the beginning is read before iteration.

    Args:
        path: A file (text formats may be gzip), a folder, or ``-`` for standard input.
        input_format: One of ``FORMATS``; ``None`` finds it out by content, and takes ``jsonl`` for standard input and
            pipes.
        text_fields: Fields whose texts are joined by a space and encoded; ``None`` takes title and text (``contents``
            for ``anserini``).
        on_error: ``stop`` raises one error that lists up to 20 bad lines, ``skip`` leaves them out and counts them.
            Ready vectors in an ``.npz`` file stand or fall together.
        texts_only: Leave out the ready vectors of documents in format ``jsonl``, so that an encoder can encode them.

    Raises:
        NotFound: The path does not exist or can't be read.
        BadInput: The format is not recognised, or is not the one that was asked for.
        UsageError: A value of the other arguments is wrong.
    """
    BadLines(on_error)
    if text_fields is not None:
        checked_text_fields(text_fields, "text_fields")
    if input_format is not None and input_format not in FORMATS:
        guess = nearest(str(input_format), list(FORMATS))
        suggestion = f"did you mean {guess!r}? " if guess else ""
        hint = f"{suggestion}formats: {', '.join(FORMATS)}"
        raise UsageError(f"unknown format {input_format!r}", where="input_format", hint=hint)
    if str(path) == STDIN:
        source = _from_stdin(input_format or "jsonl", text_fields, on_error)
    else:
        path = Path(path).expanduser()
        with reading(path):
            is_stored = stat.S_ISREG(mode := path.stat().st_mode) or stat.S_ISDIR(mode)
            # What flows through a pipe can be read only once, so nothing can be found out beforehand.
            name = input_format or (detect_format(path) if is_stored else "jsonl")
            source = _from_path(path, name, text_fields, on_error)
            if stat.S_ISDIR(mode):
                source.left_out = left_out(path, name)
    if isinstance(source, JsonlSource) and source.format == "jsonl":
        source.texts_only = texts_only
    return source


def _from_stdin(name: str, text_fields: Sequence[str] | None, on_error: OnError) -> Source:
    if name in ("beir", "vectors"):
        raise UsageError(
            f"format {name!r} can't be read from standard input",
            where="input_format",
            hint="give the path of the folder or file",
        )
    return _LINE_SOURCES[name](STDIN, [STDIN], text_fields=text_fields, on_error=on_error)


def _from_path(path: Path, name: str, text_fields: Sequence[str] | None, on_error: OnError) -> Source:
    is_folder = path.is_dir()
    if name == "vectors":
        if text_fields is not None:
            raise UsageError("vectors have no text fields", where="text_fields", hint="leave them out")
        if is_folder:
            raise _wrong_kind(path, name)
        return VectorSource(path)
    if name == "text" and is_folder:
        return TextFolder(path, text_fields=text_fields, on_error=on_error)
    files = _files(path, name)
    return _LINE_SOURCES[name](path, files, text_fields=text_fields, on_error=on_error)


def _files(path: Path, name: str) -> list[Path]:
    if name == "beir":
        if not path.is_dir():
            raise _wrong_kind(path, name)
        corpus = corpus_file(path)
        if corpus is None:
            raise NotFound(f"no {' or '.join(CORPUS)} in this folder", where=str(path), hint=FORMAT_HINT)
        return [corpus]
    if not path.is_dir():
        return [path]
    if name == "tsv":
        raise _wrong_kind(path, name)
    files = json_lines_files(path)
    if not files:
        raise NotFound("no .jsonl or .jsonl.gz file in this folder", where=str(path), hint=FORMAT_HINT)
    return files


def _wrong_kind(path: Path, name: str) -> BadInput:
    kind = "folder" if path.is_dir() else "file"
    return BadInput(f"a {kind} can't be in format {name!r}: that is {FORMATS[name]}", where=str(path), hint=FORMAT_HINT)
