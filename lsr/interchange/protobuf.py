"""The part of the protocol buffers' wire format that CIFF needs: varints, fields, and runs of postings.

A message is a sequence of fields. A field is a tag (number x 8 + wire type) and a value: a varint (type 0), eight bytes
(1), a length and as many bytes (2), or four bytes (5). A varint holds 7 bits a byte, the lowest first; the highest bit
of a byte says that another follows. Negative numbers are written as 64-bit two's complement.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from lsr.errors import BadInput

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
INT32_MAX = 2**31 - 1
POSTING_TAG = 4 << 3 | LENGTH
DOCID_TAG = 1 << 3 | VARINT
TF_TAG = 2 << 3 | VARINT
_LONGEST = 10
_BLOCK = 2**21
"""Bytes of postings that are decoded at a time."""
_NUMBERS_A_POSTING = 6


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: Field number.
        kind: Wire type.
        value: The number of a varint, from 0 to 2**64 - 1; otherwise 0.
        start: First byte of the value in the message (after the length, if it has one).
        end: The byte after the value.
    """

    number: int
    kind: int
    value: int
    start: int
    end: int


class Message:
    """The bytes of a message, with their place in a file for error messages.

    Args:
        data: The bytes.
        offset: Place of the first in the file.
        path: The file's name.
    """

    def __init__(self, data: bytes, offset: int, path: str) -> None:
        self.data = data
        self.offset = offset
        self.path = path

    def fields(self, start: int = 0, end: int | None = None) -> Iterator[Field]:
        """The fields between two places, in order.

        Raises:
            BadInput: The bytes are no sequence of fields.
        """
        end = len(self.data) if end is None else end
        while start < end:
            begin = start
            tag, start = self._varint(start, end)
            number, kind, value, to = tag >> 3, tag & 7, 0, start
            if kind == VARINT:
                value, to = self._varint(start, end)
            elif kind == LENGTH:
                length, start = self._varint(start, end)
                to = start + length
            elif kind in (FIXED64, FIXED32):
                to = start + (8 if kind == FIXED64 else 4)
            else:
                self.fail(begin, f"a field has wire type {kind}, which this format does not use")
            if number == 0:
                self.fail(begin, "a field has the number 0")
            if to > end:
                self.fail(begin, "a field is longer than the message around it")
            yield Field(number, kind, value, start, to)
            start = to

    def whole(self, field: Field, name: str, most: int = INT32_MAX) -> int:
        """The value of a field that holds a whole number from 0 to ``most``.

        Raises:
            BadInput: It holds something else.
        """
        if field.kind != VARINT:
            self.fail(field.start, f"{name} is no number")
        if field.value > most:
            signed = field.value - 2**64 if field.value >= 2**63 else field.value
            self.fail(field.start, f"{name} is {signed}; it must lie between 0 and {most}")
        return field.value

    def text(self, field: Field, name: str) -> str:
        """The value of a field that holds text.

        Raises:
            BadInput: It holds something else.
        """
        if field.kind != LENGTH:
            self.fail(field.start, f"{name} is no text")
        try:
            return self.data[field.start : field.end].decode()
        except UnicodeDecodeError as error:
            self.fail(field.start + error.start, f"{name} is not valid UTF-8")

    def fail(self, place: int, problem: str) -> NoReturn:
        """Refuse the message because of what stands at a place of it.

        Raises:
            BadInput: Always.
        """
        raise BadInput(problem, where=f"{self.path}, byte {self.offset + place}")

    def _varint(self, start: int, end: int) -> tuple[int, int]:
        if start < end and self.data[start] < 0x80:
            return self.data[start], start + 1
        value, at, byte = 0, start, 0x80
        while byte >= 0x80:
            if at == min(end, start + _LONGEST):
                self.fail(start, "a number does not end")
            byte = self.data[at]
            value |= (byte & 0x7F) << 7 * (at - start)
            at += 1
        return value & (2**64 - 1), at


def varint(value: int) -> bytes:
    """A whole number that is not negative, as a varint."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(number: int, value: int) -> bytes:
    """A field with a whole number that is not negative."""
    return varint(number << 3 | VARINT) + varint(value)


def text_field(number: int, text: str) -> bytes:
    """A field with text."""
    data = text.encode()
    return varint(number << 3 | LENGTH) + varint(len(data)) + data


def encode_postings(gaps: NDArray[np.int64], tfs: NDArray[np.int64]) -> bytes:
    """Postings as fields of a posting list.

    Args:
        gaps: int64 [p], distance of each document to the one before, from 0 to ``INT32_MAX``.
        tfs: int64 [p], term frequencies, from 0 to ``INT32_MAX``.
    """
    gap_sizes, tf_sizes = _varint_sizes(gaps), _varint_sizes(tfs)
    sizes = 4 + gap_sizes + tf_sizes
    starts = np.cumsum(sizes) - sizes
    out = np.empty(int(sizes.sum()), np.uint8)
    out[starts] = POSTING_TAG
    out[starts + 1] = sizes - 2
    out[starts + 2] = DOCID_TAG
    _put_varints(out, starts + 3, gaps, gap_sizes)
    out[starts + 3 + gap_sizes] = TF_TAG
    _put_varints(out, starts + 4 + gap_sizes, tfs, tf_sizes)
    return out.tobytes()


def decode_postings(data: bytes, start: int) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Gaps and term frequencies of a run of postings, if it stands in the most usual form to the end of the bytes.

    In that form every byte is part of a varint, also tags and lengths, and there are six varints a posting: tag,
    length, tag, gap, tag and frequency. Anything else is left to ``Message.fields``.

    Args:
        data: The message.
        start: Where the run begins.

    Returns:
        int64 [p] and int64 [p], or ``None`` for another form.
    """
    gaps, tfs = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    while start < len(data):
        block = np.frombuffer(data, np.uint8, min(_BLOCK, len(data) - start), start)
        ends = np.flatnonzero(block < 0x80) + 1
        ends = ends[: len(ends) // _NUMBERS_A_POSTING * _NUMBERS_A_POSTING]
        if len(ends) == 0:
            return None
        starts = np.concatenate([[0], ends[:-1]])
        sizes = ends - starts
        numbers = _varints(block, starts, sizes)
        if numbers is None:
            return None
        table, widths = numbers.reshape(-1, _NUMBERS_A_POSTING), sizes.reshape(-1, _NUMBERS_A_POSTING)
        usual = np.all(table[:, [0, 2, 4]] == [POSTING_TAG, DOCID_TAG, TF_TAG]) and np.all(
            table[:, 1] == widths[:, 2:].sum(axis=1)
        )
        if not usual or int(table.max()) > INT32_MAX:
            return None
        gaps.append(table[:, 3])
        tfs.append(table[:, 5])
        start += int(ends[-1])
    return np.concatenate(gaps), np.concatenate(tfs)


def is_message_start(beginning: bytes) -> bool:
    """Whether a file may begin with a message of at least one field: its length, and then a version as field 1."""
    at = next((i for i, byte in enumerate(beginning[:_LONGEST]) if byte < 0x80), None)
    return at is not None and beginning[at + 1 : at + 2] == bytes([DOCID_TAG])


def _varint_sizes(values: NDArray[np.int64]) -> NDArray[np.int64]:
    sizes = np.ones(len(values), np.int64)
    largest = int(values.max(initial=0))
    for bits in (7, 14, 21, 28):
        if largest >= 1 << bits:
            sizes += values >= 1 << bits
    return sizes


def _put_varints(
    out: NDArray[np.uint8], starts: NDArray[np.int64], values: NDArray[np.int64], sizes: NDArray[np.int64]
) -> None:
    longest = int(sizes.max(initial=1))
    if longest == 1:
        out[starts] = values
        return
    for i in range(longest):
        has = np.flatnonzero(sizes > i)
        more = (sizes[has] > i + 1) * 0x80
        out[starts[has] + i] = (values[has] >> 7 * i) & 0x7F | more


def _varints(block: NDArray[np.uint8], starts: NDArray[Any], sizes: NDArray[Any]) -> NDArray[np.int64] | None:
    """The values of varints of at most five bytes; ``None`` if one is longer."""
    longest = int(sizes.max())
    if longest > 5:
        return None
    values: NDArray[np.int64] = (block[starts] & 0x7F).astype(np.int64)
    for i in range(1, longest):
        has = np.flatnonzero(sizes > i)
        values[has] |= (block[starts[has] + i] & 0x7F).astype(np.int64) << 7 * i
    return values
