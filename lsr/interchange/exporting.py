"""Writing an index to a file of another format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lsr.errors import NotFound, UsageError
from lsr.index.builder import Progress
from lsr.index.index import Index
from lsr.interchange.ciff_writer import write_ciff
from lsr.interchange.formats import checked_format, format_of_name
from lsr.interchange.json_lines import TEXT_KEYS, document_lines, write_lines, write_parts
from lsr.interchange.npz import write_npz
from lsr.interchange.output import compressing, new_file, new_folder


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        path: The file or folder.
        format: Its format.
        documents: Number of documents.
        postings: Number of postings.
        bytes: Size of all files.
    """

    path: Path
    format: str
    documents: int
    postings: int
    bytes: int


def export_index(
    index: Index,
    path: str | Path,
    *,
    file_format: str | None = None,
    levels: bool = False,
    split: int | None = None,
    compress: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write the vectors of an index to a file, which appears under its name when it is complete.

    Args:
        index: The index.
        path: The file; with ``split``, a folder to be made.
        file_format: A name of ``lsr.interchange.formats.FORMATS``; ``None`` goes by the name of the file.
        levels: Write the levels of uint8 impacts in place of weights; CIFF always has levels.
        split: Documents of a file, for JSON Lines in several files.
        compress: Compress with gzip; a name that ends in ``.gz`` asks for it too.
        force: Replace a file of that name.
        progress: Called with the number of documents done; not for CIFF, whose lists are not documents.

    Raises:
        UsageError: The format is unknown, or an option does not fit it.
        Refused: Something of that name exists, or the format can't hold what the index holds.
        WriteFailed: The file system refused; nothing half-written stays.
    """
    path = Path(path)
    name = format_of_name(path) if file_format is None else checked_format(file_format)
    compress = compress or path.name.endswith(".gz")
    _check_options(name, split=split, compress=compress, levels=levels)
    if not path.absolute().parent.is_dir():
        raise NotFound("there is no such folder to write to", where=str(path.parent), hint="make it first")
    if split is not None:
        with new_folder(path) as folder:
            lines = document_lines(index, TEXT_KEYS[name], levels=levels, progress=progress)
            write_parts(lines, folder, split, compress=compress)
    else:
        with new_file(path, force=force) as stream:
            if name == "ciff":
                with compressing(stream, compress=compress) as out:
                    write_ciff(index, out)
            elif name == "npz":
                write_npz(index, stream, path.absolute().parent, levels=levels, progress=progress)
            else:
                lines = document_lines(index, TEXT_KEYS[name], levels=levels, progress=progress)
                write_lines(lines, stream, compress=compress)
    files = list(path.iterdir()) if split is not None else [path]
    size = sum(file.stat().st_size for file in files)
    return Exported(path, name, len(index), index.manifest.postings, size)


def _check_options(name: str, *, split: int | None, compress: bool, levels: bool) -> None:
    if split is not None and (name not in TEXT_KEYS or split < 1):
        hint = "JSON Lines alone come in several files" if name not in TEXT_KEYS else "name a number from 1"
        raise UsageError(f"{split} documents a file is not possible in format {name}", where="--split", hint=hint)
    if compress and name in ("npz", "seismic"):
        raise UsageError(
            f"format {name} is not compressed with gzip: its readers don't expect it", hint="leave it out of the name"
        )
    if levels and name == "ciff":
        raise UsageError("CIFF always holds levels", where="--levels", hint="leave it out")
