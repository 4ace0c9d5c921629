"""The names of the interchange formats, and which of them a file has."""

from __future__ import annotations

from pathlib import Path

from lsr.errors import BadInput, UsageError, nearest
from lsr.interchange.protobuf import is_message_start
from lsr.sources.lines import STDIN, first_bytes, reading

FORMATS = {
    "ciff": "Common Index File Format: posting lists of whole numbers",
    "anserini": "JSON Lines with id, contents and vector (Anserini's JsonVectorCollection)",
    "seismic": "JSON Lines with id, content and vector, as Seismic reads them",
    "npz": "rows of vectors as scipy.sparse.save_npz writes them, with ids and names of terms",
}
"""The names of the formats, and what they are."""

FORMAT_HINT = f"name one with --format: {', '.join(FORMATS)}"
_SUFFIXES = {".ciff": "ciff", ".npz": "npz", ".jsonl": "anserini", ".json": "anserini"}
_BEGINNING = 64


def checked_format(name: str) -> str:
    """A format's name.

    Raises:
        UsageError: There is no such format.
    """
    if name in FORMATS:
        return name
    guess = nearest(name, list(FORMATS))
    suggestion = f"did you mean {guess!r}? " if guess else ""
    raise UsageError(f"unknown format {name!r}", where="--format", hint=f"{suggestion}formats: {', '.join(FORMATS)}")


def format_of_name(path: Path) -> str:
    """The format that a file to be written gets by its name.

    Raises:
        UsageError: The name ends in nothing that is known.
    """
    found = _SUFFIXES.get(Path(path.name.removesuffix(".gz")).suffix)
    if found is None:
        raise UsageError("the name of the file tells no format", where=str(path), hint=FORMAT_HINT)
    return found


def format_of_content(path: str | Path) -> str:
    """The format of a file or folder, by its content.

    Seismic's JSON Lines are read like Anserini's, and are called so here.

    Raises:
        NotFound: It can't be read.
        BadInput: It is in none of the formats.
    """
    if str(path) == STDIN:
        return "anserini"
    path = Path(path)
    with reading(path):
        path.stat()
    if path.is_dir():
        return "anserini"
    beginning = first_bytes(path, _BEGINNING)
    if beginning.startswith(b"PK"):
        return "npz"
    if is_message_start(beginning):
        return "ciff"
    if beginning.lstrip().startswith(b"{"):
        return "anserini"
    raise BadInput("the format of the file is not recognised", where=str(path), hint=FORMAT_HINT)
