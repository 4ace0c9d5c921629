"""Building an index from a file of another format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lsr import defaults
from lsr.documents import CheckedDocuments
from lsr.errors import UsageError
from lsr.index.builder import Progress
from lsr.index.index import Index
from lsr.index.manifest import IMPACT_TYPES
from lsr.interchange.ciff_import import read_ciff
from lsr.interchange.formats import checked_format, format_of_content
from lsr.interchange.json_lines import TEXT_KEYS
from lsr.interchange.npz import read_npz
from lsr.sources import Source, open_documents

Watch = Callable[[Source], CheckedDocuments]


def import_index(
    source: str | Path,
    out: str | Path,
    *,
    file_format: str | None = None,
    impacts: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Index:
    """Build an index from ready vectors in another format, and open it.

    JSON Lines are read document by document. An ``.npz`` file and the postings of a CIFF file are held in memory while
    they are turned into rows (16 bytes a posting of CIFF).

    Args:
        source: A file; for JSON Lines also a folder, or ``-`` for standard input.
        out: The index folder to make.
        file_format: A name of ``lsr.interchange.formats.FORMATS``; ``None`` finds it out by content.
        impacts: ``uint8`` or ``float32``; ``None`` takes that of the index which was exported, if the file says it,
            or ``uint8``.
        resume: Go on with an interrupted import of the same JSON Lines.
        force: Replace an index that stands there.
        progress: Called with the number of documents done.
        watch: Given the source of JSON Lines, gives what is read in its place; so a caller sees how far it is.

    Raises:
        UsageError: The format or the type of the impacts is unknown.
        NotFound: The source can't be read.
        BadInput: Something in it is wrong; the message says where, for CIFF with the byte.
        Refused: The folder holds something; or a term frequency of CIFF is above 255, and the impacts are ``uint8``.
        WriteFailed: The file system refused; nothing half-written stays.
    """
    name = format_of_content(source) if file_format is None else checked_format(file_format)
    if impacts is not None and impacts not in IMPACT_TYPES:
        raise UsageError(
            f"unknown impacts {impacts!r}", where="--impacts", hint=f"choose one of {', '.join(IMPACT_TYPES)}"
        )
    if name in TEXT_KEYS:
        documents = open_documents(source, input_format="anserini", text_fields=[TEXT_KEYS[name]])
        given = documents if watch is None else watch(documents)
        choices: dict[str, Any] = {"resume": resume, "force": force, "progress": progress}
        return Index.build(out, given, encoder=None, impacts=impacts or defaults.IMPACTS, **choices)
    if resume:
        raise UsageError(f"an import of {name} can't be resumed", where="--resume", hint="leave it out")
    read = read_ciff if name == "ciff" else read_npz
    return read(Path(source), impacts).build(Path(out), force=force, progress=progress)
