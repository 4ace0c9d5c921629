"""An index as JSON Lines, a document each: Anserini's JsonVectorCollection and the form that Seismic reads.

    {"id": "d1", "contents": "its text", "vector": {"token": 1.25, ...}}        anserini
    {"id": "d1", "content": "its text", "vector": {"token": 1.25, ...}}         seismic

Weights are level x scale, written with as many digits as bring the same float32 back; or the levels themselves, because
Anserini drops the fraction of a weight when it indexes one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lsr.errors import Refused
from lsr.index.builder import Progress
from lsr.index.index import Index
from lsr.interchange.output import compressing
from lsr.interchange.rows import DocumentRange, document_ranges
from lsr.interchange.spaces import TermNames

TEXT_KEYS = {"anserini": "contents", "seismic": "content"}
"""By format, what the text of a document is called."""
_CHUNK = 1024
_WHOLE = 2.0**24
"""From here on every float32 is a whole number."""
_TEXTS = ("contents", "content", "text")
"""Stored fields that hold a document's text, where the index does not say it: that of ready vectors."""


def document_lines(
    index: Index, text_key: str, *, levels: bool = False, progress: Progress | None = None
) -> Iterator[str]:
    """The documents of an index as lines of JSON, in the order of their numbers.

    Args:
        index: The index.
        text_key: What the text is called.
        levels: Write levels in place of weights.
        progress: Called with the number of documents done.

    Raises:
        Refused: Two terms would have the same name; or levels are wanted of float32 impacts.
    """
    names = TermNames(index)
    keys = [json.dumps(name, ensure_ascii=False) for name in names.names]
    weights = WeightTexts(index, levels=levels)
    for some in document_ranges(index):
        for first in range(0, len(some), _CHUNK):
            last = min(first + _CHUNK, len(some))
            numbers = range(some.first + first, some.first + last)
            rows = _vectors(some, first, last, names, keys, weights)
            for name, text, vector in zip(index.external_ids(numbers), _texts(index, numbers), rows, strict=True):
                head = json.dumps({"id": name, text_key: text}, ensure_ascii=False)
                yield f'{head[:-1]}, "vector": {{{vector}}}}}\n'
            if progress is not None:
                progress(numbers[-1] + 1)


def write_lines(lines: Iterator[str], stream: BinaryIO, *, compress: bool) -> bool:
    """Write lines as UTF-8; say whether there was one."""
    some = False
    with compressing(stream, compress=compress) as out:
        for line in lines:
            out.write(line.encode())
            some = True
    return some


def write_parts(lines: Iterator[str], folder: Path, documents: int, *, compress: bool) -> None:
    """Write lines to the files ``part-00000.jsonl`` and so on of a folder.

    Args:
        lines: The lines.
        folder: An empty folder.
        documents: Lines of a file.
        compress: Compress with gzip; names then end in ``.gz``.
    """
    number = 0
    while first := next(lines, None):
        path = folder / f"part-{number:05}.jsonl{'.gz' if compress else ''}"
        with path.open("wb") as stream:
            write_lines(_with_first(first, islice(lines, documents - 1)), stream, compress=compress)
        number += 1


class WeightTexts:
    """Impacts as the numbers of a text.

    Args:
        index: The index.
        levels: Levels in place of weights.

    Raises:
        Refused: The index has float32 impacts, which have no levels.
    """

    def __init__(self, index: Index, *, levels: bool) -> None:
        self._tables: list[list[str]] | None = None
        if index.manifest.impacts == "uint8":
            scales = [1.0 if levels else space.scale for space in index.manifest.spaces]
            every = range(256)
            self._tables = [
                [str(level) for level in every] if scale == 1 else [_text(np.float32(scale * level)) for level in every]
                for scale in scales
            ]
        else:
            refuse_levels(index, levels=levels)

    def __call__(self, impacts: NDArray[Any], owners: NDArray[np.int64]) -> list[str]:
        """The text of each impact, given the number of its term's space."""
        if self._tables is None:
            return [_text(weight) for weight in impacts]
        tables = self._tables
        return [tables[owner][level] for level, owner in zip(impacts.tolist(), owners.tolist(), strict=True)]


def refuse_levels(index: Index, *, levels: bool) -> None:
    """Refuse to give the levels of an index that has none.

    Raises:
        Refused: Levels are wanted, and the index has float32 impacts.
    """
    if levels and index.manifest.impacts != "uint8":
        raise Refused(
            "the index has float32 impacts, which have no levels",
            where=str(index.path),
            hint="leave out --levels, or build the index with --impacts uint8",
        )


def _text(weight: np.float32) -> str:
    """The shortest text that means this float32, or the number itself if it is whole anyhow and must not grow."""
    return str(weight) if weight < _WHOLE else str(int(weight))


def _vectors(
    some: DocumentRange, first: int, last: int, names: TermNames, keys: list[str], weights: WeightTexts
) -> Iterator[str]:
    starts = some.starts[first : last + 1]
    inside = slice(int(starts[0]), int(starts[-1]))
    places = np.searchsorted(names.terms, some.terms[inside])
    texts = weights(some.impacts[inside], names.owners[places])
    entries = [f"{keys[place]}: {text}" for place, text in zip(places.tolist(), texts, strict=True)]
    borders = (starts - starts[0]).tolist()
    for a, b in pairwise(borders):
        yield ", ".join(entries[a:b])


def _texts(index: Index, numbers: range) -> Iterator[str]:
    joined = index.manifest.text_fields
    for fields in index.catalog.fields(numbers):
        chosen = joined or [name for name in _TEXTS if name in fields][:1]
        found = [fields[name] for name in chosen if isinstance(fields.get(name), str)]
        yield " ".join(text for text in found if text)


def _with_first(first: str, others: Iterator[str]) -> Iterator[str]:
    yield first
    yield from others
