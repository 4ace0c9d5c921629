"""Which layout a segment has, and how it is opened and checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lsr.errors import CorruptIndex
from lsr.index.byte_segment import ByteSegment, check_byte_segment, open_byte_segment
from lsr.index.float_segment import FloatSegment, check_float_segment, open_float_segment
from lsr.index.manifest import BYTE_ARRAYS, FLOAT_ARRAYS, SegmentEntry
from lsr.index.segment import Segment


def open_segment(folder: Path, entry: SegmentEntry, first: int, *, preload: bool = False) -> Segment:
    """Map a segment and check what can be checked without reading all postings.

    Args:
        folder: Its folder.
        entry: Its entry in the manifest.
        first: Number of its first document.
        preload: Copy the arrays into memory, where they lie in large pages.

    Raises:
        CorruptIndex: A file contradicts the manifest or another file.
    """
    segment: FloatSegment | ByteSegment
    if entry.files.keys() == FLOAT_ARRAYS.keys():
        segment = open_float_segment(folder, entry.files, first, entry.documents)
    else:
        assert entry.files.keys() == BYTE_ARRAYS.keys(), "the manifest was checked"
        segment = open_byte_segment(folder, entry.files, first, entry.documents)
    if not preload:
        return segment
    copies: dict[str, Any] = {name: _copied(getattr(segment, name)) for name in entry.files}
    return replace(segment, **copies)


def _copied(array: NDArray[Any]) -> NDArray[Any]:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def check_segment(segment: Segment, folder: Path, entry: SegmentEntry) -> None:
    """Read every posting and check what the search kernels rely on.

    Raises:
        CorruptIndex: Something is wrong; the message says what and where.
    """
    if isinstance(segment, FloatSegment):
        check_float_segment(segment, folder)
        postings = len(segment.documents)
    else:
        assert isinstance(segment, ByteSegment), "there are two layouts"
        postings = check_byte_segment(segment, folder)
    if postings != entry.postings:
        raise CorruptIndex(
            f"the segment has {postings} postings, and the manifest says {entry.postings}", where=str(folder)
        )
