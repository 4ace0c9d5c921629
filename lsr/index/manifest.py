"""The manifest of a generation: what its files must be, and what its numbers mean.

``FORMAT.md`` describes every field. Reading validates the whole structure, so that the rest of the program may trust
it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lsr.errors import CorruptIndex, IncompatibleIndex
from lsr.index.files import FileEntry
from lsr.vectors import TERM_LIMIT

FORMAT_VERSION = 1
BYTE_ARRAYS = {
    "terms": "<u4",
    "slots": "<u4",
    "tops": "|u1",
    "columns": "|u1",
    "list_starts": "<i8",
    "list_borders": "<u4",
    "list_offsets": "<u2",
    "list_levels": "|u1",
    "rare_starts": "<i8",
    "rare_documents": "<u4",
    "rare_levels": "|u1",
    "numbers": "<u4",
}
FLOAT_ARRAYS = {"terms": "<u4", "starts": "<i8", "documents": "<u4", "impacts": "<f4"}
SEGMENT_ARRAYS = {"uint8": BYTE_ARRAYS, "float32": FLOAT_ARRAYS}
"""By impact type, the arrays of a segment and their element types."""
IMPACT_TYPES = tuple(SEGMENT_ARRAYS)
CATALOG = "catalog.sqlite"
MANIFEST = "manifest.json"
MAX_DOCUMENTS = 2**32 - 2
WEIGHT_LIMITS = (1e-6, 1e6)
"""Smallest and largest weight of a term space at query time, unless it is 0."""
SCALE_LIMITS = (2.0**-64, 2.0**32)
"""Smallest and largest scale."""


@dataclass(frozen=True)
class SpaceEntry:
    """One term space.

    Attributes:
        name: Its name in blends.
        base: Its first term id.
        capacity: How many term ids it owns.
        weight: Its weight in a blend when nobody says otherwise.
        scale: Float value of impact level 1; 1.0 where impacts are float32.
        clipped: Weights that were too large for the scale and were stored at level 255.
        mean_mass: Mean sum of a document's raw weights (BM25: the average length).
        terms: Number of terms that have a name in the catalog.
        source: What ``load_encoder`` needs to load the encoder, or ``None`` if the vectors came ready-made.
        settings: Keyword arguments for ``load_encoder``.
        document_fingerprint: Identity of the document encoder, or ``None``.
        query_fingerprint: Identity of the query encoder, or ``None``.
    """

    name: str
    base: int
    capacity: int
    weight: float
    scale: float
    clipped: int
    mean_mass: float
    terms: int
    source: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    document_fingerprint: str | None = None
    query_fingerprint: str | None = None


@dataclass(frozen=True)
class SegmentEntry:
    """One segment: consecutive documents with their posting lists.

    Attributes:
        folder: Its folder inside the generation.
        documents: Number of documents.
        postings: Number of postings.
        files: One entry for each array file, by the array's name.
    """

    folder: str
    documents: int
    postings: int
    files: Mapping[str, FileEntry]


@dataclass(frozen=True)
class Manifest:
    """All that a reader must know about a generation before it opens its arrays.

    Attributes:
        impacts: ``uint8`` or ``float32``.
        spaces: The term spaces, by ascending base.
        segments: The segments, in document order.
        catalog: The SQLite file with identifiers, fields and term names.
        text_fields: Names of the fields that were joined into the encoded text, or ``None`` for ready-made vectors.
    """

    impacts: str
    spaces: tuple[SpaceEntry, ...]
    segments: tuple[SegmentEntry, ...]
    catalog: FileEntry
    text_fields: tuple[str, ...] | None = None

    @property
    def documents(self) -> int:
        """Number of documents in all segments."""
        return sum(segment.documents for segment in self.segments)

    @property
    def postings(self) -> int:
        """Number of postings in all segments."""
        return sum(segment.postings for segment in self.segments)

    def space(self, name: str) -> SpaceEntry | None:
        """The term space of that name."""
        return next((space for space in self.spaces if space.name == name), None)

    def to_bytes(self) -> bytes:
        """The manifest as it stands on disk; equal manifests give equal bytes."""
        content = {"format": FORMAT_VERSION, **asdict(self)}
        return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> Manifest:
        """Read and validate a manifest.

        Raises:
            IncompatibleIndex: The format version is another one.
            CorruptIndex: A field is missing, has the wrong type, or contradicts another.
        """
        try:
            read = _Reader(json.loads(content), where)
        except (ValueError, RecursionError) as error:
            raise CorruptIndex(f"not valid JSON: {error}", where=where) from error
        version = read.integer("format", 0)
        if version != FORMAT_VERSION:
            raise IncompatibleIndex(
                f"the index has format version {version}; this release reads version {FORMAT_VERSION}",
                where=where,
                hint="build the index again with this release",
            )
        fields = read.raw("text_fields", lambda v: v is None or _is_texts(v))
        manifest = cls(
            impacts=read.text("impacts"),
            spaces=tuple(_read_space(item) for item in read.items("spaces")),
            segments=tuple(_read_segment(item) for item in read.items("segments")),
            catalog=_read_file(read.inner("catalog")),
            text_fields=None if fields is None else tuple(fields),
        )
        _check(manifest, where)
        return manifest


class _Reader:
    """Typed access to one JSON object; every failure names the field."""

    def __init__(self, content: object, where: str) -> None:
        self.where = where
        if not isinstance(content, dict):
            raise CorruptIndex("expected an object", where=where)
        self.content: dict[str, Any] = content

    def raw(self, name: str, allowed: Callable[[Any], bool]) -> Any:
        if name not in self.content or not allowed(self.content[name]):
            raise CorruptIndex(f'field "{name}" is missing or wrong', where=self.where)
        return self.content[name]

    def integer(self, name: str, least: int, most: int = 2**63) -> int:
        found: int = self.raw(name, lambda v: type(v) is int and least <= v <= most)
        return found

    def number(self, name: str) -> float:
        return float(
            self.raw(name, lambda v: type(v) in (int, float) and 0 <= v <= sys.float_info.max)  # NaN fails both
        )

    def text(self, name: str) -> str:
        found: str = self.raw(name, lambda v: isinstance(v, str))
        return found

    def optional_text(self, name: str) -> str | None:
        found: str | None = self.raw(name, lambda v: v is None or isinstance(v, str))
        return found

    def mapping(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.raw(name, lambda v: isinstance(v, dict))
        return found

    def inner(self, name: str) -> _Reader:
        return _Reader(self.content.get(name), f"{self.where} ({name})")

    def items(self, name: str) -> list[_Reader]:
        found = self.raw(name, lambda v: isinstance(v, list))
        return [_Reader(item, f"{self.where} ({name}[{i}])") for i, item in enumerate(found)]


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _read_space(read: _Reader) -> SpaceEntry:
    return SpaceEntry(
        name=read.text("name"),
        base=read.integer("base", 0, TERM_LIMIT - 1),
        capacity=read.integer("capacity", 1, TERM_LIMIT),
        weight=read.number("weight"),
        scale=read.number("scale"),
        clipped=read.integer("clipped", 0),
        mean_mass=read.number("mean_mass"),
        terms=read.integer("terms", 0, TERM_LIMIT),
        source=read.optional_text("source"),
        settings=read.mapping("settings"),
        document_fingerprint=read.optional_text("document_fingerprint"),
        query_fingerprint=read.optional_text("query_fingerprint"),
    )


def _read_segment(read: _Reader) -> SegmentEntry:
    names = read.mapping("files")
    files = _Reader(names, f"{read.where} (files)")
    return SegmentEntry(
        folder=read.text("folder"),
        documents=read.integer("documents", 0, MAX_DOCUMENTS),
        postings=read.integer("postings", 0),
        files={name: _read_file(files.inner(name)) for name in names},
    )


def _read_file(read: _Reader) -> FileEntry:
    return FileEntry(
        bytes=read.integer("bytes", 0),
        sha256=read.raw("sha256", lambda v: isinstance(v, str) and len(v) == 64),
        dtype=read.optional_text("dtype"),
        length=read.raw("length", lambda v: v is None or (type(v) is int and v >= 0)),
    )


def _check(manifest: Manifest, where: str) -> None:
    """Relations between fields."""
    reason = None
    if manifest.impacts not in IMPACT_TYPES:
        reason = f'impacts are "{manifest.impacts}"; known: {", ".join(IMPACT_TYPES)}'
    elif not manifest.spaces or not manifest.segments:
        reason = "there must be at least one term space and one segment"
    elif manifest.documents > MAX_DOCUMENTS:
        reason = "more documents than 32 bits can number"
    elif manifest.catalog.dtype is not None or manifest.catalog.length is not None:
        reason = "the catalog is not an array"
    elif manifest.impacts == "float32" and any(space.scale != 1.0 for space in manifest.spaces):
        reason = "float32 impacts have no scale: it must be 1.0"
    reason = reason or _fault_of_spaces(manifest.spaces)
    if reason is None:
        arrays = SEGMENT_ARRAYS[manifest.impacts]
        faults = (_fault_of_segment(number, entry, arrays) for number, entry in enumerate(manifest.segments))
        reason = next((fault for fault in faults if fault), None)
    if reason is not None:
        raise CorruptIndex(reason, where=where)


def _fault_of_spaces(spaces: Sequence[SpaceEntry]) -> str | None:
    end = 0
    for space in spaces:
        if space.base < end or space.base + space.capacity > TERM_LIMIT:
            return f'the term ids of space "{space.name}" overlap another space or the 32-bit limit'
        if space.terms > space.capacity:
            return f'space "{space.name}" names more terms than it may have'
        if not SCALE_LIMITS[0] <= space.scale <= SCALE_LIMITS[1] or not _has_few_bits(space.scale):
            return f'the scale of space "{space.name}" must be from 2^-64 to 2^32 and have at most 16 significant bits'
        if not is_space_weight(space.weight):
            return f'the weight of space "{space.name}" must be 0, or from 1e-6 to 1e6'
        end = space.base + space.capacity
    if len({space.name for space in spaces}) != len(spaces):
        return "two term spaces have the same name"
    return None


def _fault_of_segment(number: int, segment: SegmentEntry, arrays: Mapping[str, str]) -> str | None:
    if segment.folder != f"segment-{number}":
        return f'segment {number} lies in folder "{segment.folder}"; expected "segment-{number}"'
    if {name: entry.dtype for name, entry in segment.files.items()} != arrays:
        return f"segment {number} must have exactly the arrays {arrays}"
    if any(entry.length is None for entry in segment.files.values()):
        return f"segment {number} has an array without a length"
    return None


def is_space_weight(weight: float) -> bool:
    """Whether a term space may have this weight: with others, scores could leave the range of float32."""
    return weight == 0 or WEIGHT_LIMITS[0] <= weight <= WEIGHT_LIMITS[1]


def _has_few_bits(scale: float) -> bool:
    mantissa, _ = math.frexp(scale)
    return (mantissa * 2**16).is_integer()
