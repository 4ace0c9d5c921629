"""Which format a file or folder has, by its content."""

from __future__ import annotations

import json
import re
from pathlib import Path

from lsr.errors import BadInput
from lsr.sources.beir import corpus_file
from lsr.sources.lines import first_bytes
from lsr.sources.text import SUFFIXES, text_files

FORMATS = {
    "beir": "a folder with corpus.jsonl, as the BEIR collections have it",
    "jsonl": "JSON Lines: an object with id and text on each line",
    "tsv": "tab-separated lines: id and text, or id, title and text",
    "text": "a text file with a document on each line, or a folder of .txt files",
    "anserini": "JSON Lines with id, contents and vector (Anserini's JsonVectorCollection)",
    "vectors": "an .npz file with the arrays indptr, terms and weights, and perhaps ids",
}
"""The names of the formats, and what they are."""

FORMAT_HINT = f"input_format (--input-format) can be one of: {', '.join(FORMATS)}"
JSONL_SUFFIXES = (".jsonl", ".jsonl.gz")
_DOCUMENT_SUFFIXES = (*JSONL_SUFFIXES, *SUFFIXES, ".tsv", ".tsv.gz")

_BY_SUFFIX = {".jsonl": "jsonl", ".tsv": "tsv", ".txt": "text"}
_SAMPLE = 2**16
_SAMPLE_LINES = 20
_VECTOR = re.compile(r'"vector"\s*:\s*\{')
_ID_AND_TAB = re.compile(r"\S+\t")


def detect_format(path: Path) -> str:
    """The name of the format of a file or folder.

    Raises:
        BadInput: It is empty, or in none of the formats.
        NotFound: It can't be read.
    """
    if path.is_dir():
        return _folder_format(path)
    sample = first_bytes(path, _SAMPLE)
    if sample.startswith(b"PK"):
        return "vectors"
    lines = sample_lines(sample)
    if not lines and b"\0" not in sample:
        raise BadInput("the file is empty", where=str(path))
    found = _line_format(lines) or _suffix_format(path.name, lines)
    if found is None:
        hint = "a JSON array is no JSON Lines: write one object a line" if sample[:1] == b"[" else FORMAT_HINT
        raise BadInput("the format of the file is not recognised", where=str(path), hint=hint)
    return found


def json_lines_files(folder: Path) -> list[Path]:
    """The JSON Lines files that lie in a folder, by name."""
    return sorted(file for file in folder.iterdir() if file.name.endswith(JSONL_SUFFIXES) and file.is_file())


def left_out(folder: Path, name: str) -> list[Path]:
    """The files in a folder that have a name like documents, and that are not read in a format, by name.

    Args:
        folder: The folder.
        name: The format; a folder in BEIR's has files that are no documents, and none is left out.
    """
    if name == "beir":
        return []
    read = SUFFIXES if name == "text" else JSONL_SUFFIXES
    files = [file for file in folder.iterdir() if file.name.endswith(_DOCUMENT_SUFFIXES) and file.is_file()]
    return sorted(file for file in files if not file.name.endswith(read))


def sample_lines(sample: bytes) -> list[str]:
    """The first lines of a sample that are not blank; none if the sample is not text."""
    if b"\0" in sample:
        return []
    lines = sample.decode("utf-8-sig", "replace").split("\n")
    if len(lines) > 1 and len(sample) >= _SAMPLE:
        del lines[-1]
    return [line for line in lines if line.strip()][:_SAMPLE_LINES]


def is_tab_separated(lines: list[str]) -> bool:
    """Whether every line starts with an identifier (no spaces) and a tab; no lines are not."""
    return bool(lines) and all(_ID_AND_TAB.match(line) for line in lines)


def _folder_format(folder: Path) -> str:
    if corpus_file(folder):
        return "beir"
    files = json_lines_files(folder)
    if files:
        return _line_format(sample_lines(first_bytes(files[0], _SAMPLE))) or "jsonl"
    if next(text_files(folder), None):
        return "text"
    raise BadInput(
        "the layout of the folder is not recognised",
        where=str(folder),
        hint="looked for corpus.jsonl (BEIR), other .jsonl files, and .txt files, each plain or .gz",
    )


def _line_format(lines: list[str]) -> str | None:
    if lines and lines[0].lstrip().startswith("{"):
        return "anserini" if _has_vector(lines[0]) else "jsonl"
    return "tsv" if is_tab_separated(lines) else None


def _suffix_format(name: str, lines: list[str]) -> str | None:
    return _BY_SUFFIX.get(Path(name.removesuffix(".gz")).suffix) if lines else None


def _has_vector(line: str) -> bool:
    try:
        return isinstance(json.loads(line).get("vector"), dict)
    except (ValueError, RecursionError):
        # The line is broken, or longer than the sample.
        return _VECTOR.search(line) is not None
