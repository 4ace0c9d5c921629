"""Reading CIFF: a header, posting lists and document records, each checked as it comes.

The file is read once, from its beginning to its end, a message at a time; it may be compressed with gzip. Nothing is
believed: a length is compared with what is left of the file before memory is taken for it, and a count of the header
decides nothing but how many messages are asked for. Byte offsets in errors count decompressed bytes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from lsr.documents import SeenIdentifiers, UniqueIdentifiers, checked_identifier
from lsr.errors import BadInput
from lsr.interchange.protobuf import INT32_MAX, LENGTH, Field, Message, decode_postings
from lsr.sources.lines import reading

_SHORT = 64
"""Bytes of postings up to which parsing them one by one is faster than with arrays."""
_PIECE = 2**24
_GZIP = b"\x1f\x8b"
_LONGEST_VARINT = 10
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Header:
    """What a CIFF file says about itself.

    Attributes:
        lists: Number of posting lists that follow.
        documents: Number of document records that follow them.
        description: Free text.
        place: Where it stands, for messages.
    """

    lists: int
    documents: int
    description: str
    place: str


@dataclass(frozen=True)
class PostingList:
    """The posting list of a term.

    Attributes:
        term: The term.
        documents: int64 [p], ascending document numbers.
        tfs: int64 [p], frequencies from 1.
        place: Where it stands, for messages.
    """

    term: str
    documents: NDArray[np.int64]
    tfs: NDArray[np.int64]
    place: str


class CiffFile:
    """A CIFF file that is open for one pass; a context manager.

    Args:
        path: The file, plain or gzip by content.

    Attributes:
        header: Its header.

    Raises:
        NotFound: The file can't be read.
        BadInput: The header is wrong.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._offset = 0
        with ExitStack() as stack:
            stack.enter_context(reading(path))
            self._stream, self._size = _opened(Path(path), stack)
            self.header = self._read_header()
            self._stack = stack.pop_all()

    def __enter__(self) -> CiffFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def lists(self) -> Iterator[PostingList]:
        """The posting lists, in the order of the file; to be read to the end before the records.

        Raises:
            BadInput: The file ends too early, or a list is wrong.
        """
        for number in range(self.header.lists):
            yield self._list(self._message(f"posting list {number + 1} of {self.header.lists}"))

    def identifiers(self) -> UniqueIdentifiers:
        """The documents' identifiers, by document number; to be read after the lists.

        Raises:
            BadInput: The file ends too early or goes on after the last record, a record is wrong, or a number or an
                identifier comes twice.
        """
        total = self.header.documents
        found: dict[int, str] = {}
        seen = SeenIdentifiers()
        for number in range(total):
            message = self._message(f"document record {number + 1} of {total}")
            document, identifier = self._record(message)
            if document >= total or document in found:
                problem = "comes twice" if document in found else f"is not below the number of documents, {total}"
                message.fail(0, f"document number {document} {problem}")
            if (first := seen.first(identifier, message.offset)) is not None:
                message.fail(0, f"duplicate id {identifier!r}: the record at byte {first} has it already")
            found[document] = identifier
        if self._stream.read(1):
            raise self._wrong(self._offset, "the file goes on after the last document record")
        return UniqueIdentifiers(found[document] for document in range(total))

    def _read_header(self) -> Header:
        message = self._message("the header")
        counts = {2: 0, 3: 0}
        description = ""
        for field in message.fields():
            if field.number == 1 and message.whole(field, "the version") != 1:
                message.fail(field.start, f"CIFF version {field.value} is not known; version 1 is read")
            elif field.number in counts:
                counts[field.number] = message.whole(field, "a count of the header")
            elif field.number == 8:
                description = message.text(field, "the description")
        return Header(counts[2], counts[3], description, f"{self.path}, byte {message.offset}")

    def _list(self, message: Message) -> PostingList:
        term, frequency = "", 0
        gaps: list[int] = []
        tfs: list[int] = []
        run = None
        for field in message.fields():
            if field.number == 1:
                term = message.text(field, "a term")
            elif field.number == 2:
                frequency = message.whole(field, "a document frequency", _INT64_MAX)
            elif field.number == 4:
                gap, tf = _posting(message, field)
                gaps.append(gap)
                tfs.append(tf)
                # The first posting may lack its document number, 0; those after it have the usual form, if any have.
                if len(gaps) == 1 and len(message.data) - field.end > _SHORT:
                    run = decode_postings(message.data, field.end)
                    if run is not None:
                        break
        more_gaps, more_tfs = run or (np.empty(0, np.int64), np.empty(0, np.int64))
        all_gaps = np.concatenate([np.array(gaps, np.int64), more_gaps])
        return self._checked(message, term, frequency, all_gaps, np.concatenate([np.array(tfs, np.int64), more_tfs]))

    def _checked(
        self, message: Message, term: str, frequency: int, gaps: NDArray[np.int64], tfs: NDArray[np.int64]
    ) -> PostingList:
        shown = term[:50]
        if len(gaps) != frequency:
            message.fail(0, f"the list of {shown!r} has {len(gaps)} postings and says {frequency}")
        if len(gaps) == 0:
            message.fail(0, f"the list of {shown!r} has no posting")
        if not np.all(tfs):
            message.fail(0, f"the list of {shown!r} has a frequency of 0")
        if not np.all(gaps[1:]):
            message.fail(0, f"the list of {shown!r} names a document twice")
        documents = np.cumsum(gaps)
        if int(documents[-1]) >= self.header.documents:
            message.fail(0, f"the list of {shown!r} names a document that is not below {self.header.documents}")
        return PostingList(term, documents, tfs, f"{self.path}, byte {message.offset}")

    def _record(self, message: Message) -> tuple[int, str]:
        document, identifier = 0, ""
        for field in message.fields():
            if field.number == 1:
                document = message.whole(field, "a document number")
            elif field.number == 2:
                identifier = message.text(field, "a document's id")
        return document, checked_identifier(identifier, f"{self.path}, byte {message.offset}", name="collection_docid")

    def _message(self, what: str) -> Message:
        """The next message with its length before it."""
        before = self._offset
        length = shift = 0
        while True:
            byte = self._stream.read(1)
            if not byte:
                raise self._wrong(before, f"the file ends before {what}")
            self._offset += 1
            length |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80:
                break
            if self._offset - before == _LONGEST_VARINT:
                raise self._wrong(before, f"the length of {what} does not end")
        left = INT32_MAX if self._size is None else self._size - self._offset
        if length > min(left, INT32_MAX):
            raise self._wrong(before, f"{what} has {length} bytes, and the file goes on for {left} at most")
        place = self._offset
        pieces = []
        while length > 0 and (piece := self._stream.read(min(length, _PIECE))):
            pieces.append(piece)
            length -= len(piece)
            self._offset += len(piece)
        if length:
            raise self._wrong(before, f"the file ends inside {what}")
        return Message(pieces[0] if len(pieces) == 1 else b"".join(pieces), place, self.path)

    def _wrong(self, offset: int, problem: str) -> BadInput:
        return BadInput(problem, where=f"{self.path}, byte {offset}", hint="is it a CIFF file, and is it complete?")


def _posting(message: Message, whole: Field) -> tuple[int, int]:
    if whole.kind != LENGTH:
        message.fail(whole.start, "a posting is no message")
    gap = tf = 0
    for field in message.fields(whole.start, whole.end):
        if field.number == 1:
            gap = message.whole(field, "the distance to the document before")
        elif field.number == 2:
            tf = message.whole(field, "a term frequency")
    return gap, tf


def _opened(path: Path, stack: ExitStack) -> tuple[IO[bytes] | gzip.GzipFile, int | None]:
    """The stream of a file's content, and its length if it is known."""
    raw = stack.enter_context(path.open("rb"))
    magic = raw.read(len(_GZIP))
    raw.seek(0)
    if magic != _GZIP:
        return raw, path.stat().st_size
    return stack.enter_context(closing(gzip.GzipFile(fileobj=raw))), None
