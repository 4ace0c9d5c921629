"""An index as CIFF, the Common Index File Format: a header, all posting lists, and a record for each document.

Impacts travel as term frequencies: a level of uint8 impacts, or a float32 impact that is a whole number. The scales go
into the header's description (``lsr.interchange.spaces``). Lists are in the byte order of their terms; documents keep
their numbers. A document's length is the sum of its frequencies. Memory is what one posting list needs, 8 bytes a
document, and the names of the terms.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import Refused
from lsr.index.index import Index
from lsr.interchange.protobuf import (
    FIXED64,
    INT32_MAX,
    encode_postings,
    number_field,
    text_field,
    varint,
)
from lsr.interchange.spaces import Description, TermNames

CIFF_VERSION = 1
_BLOCK = 2**18
"""Postings that are encoded at a time."""
_RECORDS = 10_000
"""Documents whose identifiers are read at a time."""

Output = IO[bytes] | gzip.GzipFile
Lists = Callable[[int], tuple[NDArray[np.int64], NDArray[np.int64]]]
"""Gives documents and term frequencies of a term, by its place among the terms that occur."""


def write_ciff(index: Index, stream: Output) -> None:
    """Write an index as CIFF.

    Args:
        index: The index.
        stream: Where the bytes go.

    Raises:
        Refused: An impact is no whole number, or a number of documents, terms or frequencies is above 2^31 - 1.
    """
    names = TermNames(index)
    lists = _postings_of(index, names.terms)
    lengths = _document_lengths(index, len(names.terms), lists)
    _write_header(index, len(names.terms), int(lengths.sum()), stream)
    for place in sorted(range(len(names.terms)), key=lambda i: names.names[i].encode()):
        _write_list(names.names[place], *lists(place), stream)
    for first in range(0, len(index), _RECORDS):
        numbers = range(first, min(first + _RECORDS, len(index)))
        stream.writelines(
            _delimited(number_field(1, number) + text_field(2, name) + number_field(3, int(lengths[number])))
            for number, name in zip(numbers, index.external_ids(numbers), strict=True)
        )


def _postings_of(index: Index, terms: NDArray[np.uint32]) -> Lists:
    found = [(segment, *segment.places(terms)) for segment in index.segments]

    def lists(term: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        documents, tfs = [], []
        for segment, places, known in found:
            if known[term]:
                numbers, impacts = segment.postings(int(places[term]))
                documents.append(numbers + segment.first)
                tfs.append(_frequencies(index, impacts))
        return np.concatenate(documents), np.concatenate(tfs)

    return lists


def _frequencies(index: Index, impacts: NDArray[Any]) -> NDArray[np.int64]:
    if impacts.dtype != np.uint8 and not np.array_equal(impacts, np.rint(impacts)):
        raise Refused(
            "CIFF holds whole numbers, and the index has float32 impacts that are none",
            where=str(index.path),
            hint="export to another format, or build the index with --impacts uint8",
        )
    return impacts.astype(np.int64)


def _document_lengths(index: Index, terms: int, lists: Lists) -> NDArray[np.int64]:
    lengths = np.zeros(len(index), np.int64)
    for term in range(terms):
        documents, tfs = lists(term)
        lengths[documents] += tfs
    if max(len(index), terms, int(lengths.max(initial=0))) > INT32_MAX:
        raise Refused("CIFF holds 32-bit numbers, and the index needs larger ones", where=str(index.path))
    return lengths


def _write_header(index: Index, lists: int, total: int, stream: Output) -> None:
    documents = len(index)
    numbers = [CIFF_VERSION, lists, documents, lists, documents, total]
    header = b"".join(number_field(number, value) for number, value in enumerate(numbers, start=1))
    header += varint(7 << 3 | FIXED64) + struct.pack("<d", total / documents)
    stream.write(_delimited(header + text_field(8, Description.of(index).to_json())))


def _write_list(term: str, documents: NDArray[np.int64], tfs: NDArray[np.int64], stream: Output) -> None:
    gaps = np.diff(documents, prepend=0)
    blocks = [encode_postings(gaps[i : i + _BLOCK], tfs[i : i + _BLOCK]) for i in range(0, len(gaps), _BLOCK)]
    head = text_field(1, term) + number_field(2, len(documents)) + number_field(3, int(tfs.sum()))
    length = len(head) + sum(map(len, blocks))
    if length > INT32_MAX:
        raise Refused(f"the posting list of {term!r} is longer than a CIFF message may be")
    stream.write(varint(length) + head)
    stream.writelines(blocks)


def _delimited(message: bytes) -> bytes:
    return varint(len(message)) + message
