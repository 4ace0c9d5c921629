"""An open index: its manifest, its mapped segments, and its catalog."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG
from types import TracebackType

import numpy as np

from lsr import defaults
from lsr.encoders.base import AnyEncoder, BlendedEncoder, Encoder, check_encoder
from lsr.encoders.registry import load_encoder_for_index
from lsr.errors import CorruptIndex, UsageError
from lsr.index.assembly import DEFAULT_MEMORY
from lsr.index.builder import BuildOptions, Progress, build
from lsr.index.catalog import CLOSED, Catalog, CatalogVocabulary
from lsr.index.files import file_entry
from lsr.index.generations import current_generation, read_pointer
from lsr.index.intake import GivenDocument
from lsr.index.layouts import check_segment, open_segment
from lsr.index.manifest import CATALOG, Manifest, SpaceEntry
from lsr.index.segment import Segment
from lsr.index.trust import generation_files, is_trusted, signature, trust
from lsr.vectors import SparseVectors


class Index:
    """One generation of an index, open for reading. It may be shared between threads.

    Use ``Index.build`` or ``Index.open``; close it, or use it as a context manager.

    Attributes:
        path: The index folder.
        generation: Name of the generation that is open, such as ``gen-1``.
        manifest: What the generation holds.
        vocabularies: The vocabulary and statistics of each term space, in the order of ``manifest.spaces``.
    """

    def __init__(
        self,
        path: Path,
        folder: Path,
        manifest: Manifest,
        digest: str,
        *,
        full_check: bool = False,
        preload: bool = False,
    ) -> None:
        self.path = path
        self.folder = folder
        self.generation = folder.name
        self.manifest = manifest
        self._open = True
        self._segments: list[Segment] = []
        seen = signature(folder, manifest)
        first = 0
        for entry in manifest.segments:
            segment = open_segment(folder / entry.folder, entry, first, preload=preload)
            self._check_terms(segment, folder / entry.folder)
            self._segments.append(segment)
            first += entry.documents
        catalog_file = folder / CATALOG
        if _file_size(catalog_file) != manifest.catalog.bytes:
            raise CorruptIndex("the catalog is missing or has another size than it should", where=str(catalog_file))
        if full_check or not is_trusted(folder, digest, seen):
            self._check_everything()
            if signature(folder, manifest) == seen:  # what was changed in the meantime was not checked
                trust(folder, digest, seen)
        self._catalog = Catalog(catalog_file)
        self.vocabularies = [
            CatalogVocabulary(self._catalog, number, space.terms, manifest.documents)
            for number, space in enumerate(manifest.spaces)
        ]

    @classmethod
    def build(
        cls,
        path: str | Path,
        documents: Iterable[GivenDocument] | SparseVectors,
        *,
        encoder: AnyEncoder | str | None = defaults.MODEL,
        ids: Sequence[str] | None = None,
        impacts: str = defaults.IMPACTS,
        text_fields: Sequence[str] | None = None,
        resume: bool = False,
        force: bool = False,
        progress: Progress | None = None,
        layout: str = "fast",
        reorder: bool = False,
        memory: int = DEFAULT_MEMORY,
        threads: int | None = None,
    ) -> Index:
        """Build an index and open it.

        Args:
            path: The index folder; made if it does not exist.
            documents: Mappings with ``id`` (or ``_id``) and text fields, or with ``id`` and a ``vector`` of token and
                weight (then pass ``encoder=None``); or ``SparseVectors``, one row a document.
            encoder: An encoder, or the name of one (its models then read 256 tokens of a document); to be left out for
                ``SparseVectors``.
            ids: Identifiers for ``SparseVectors``; "0", "1", ... if not given.
            impacts: ``uint8`` (one byte a posting, one scale a term space) or ``float32``.
            text_fields: Fields joined by a space into the encoded text; ``title`` and ``text`` if not given.
            resume: Take over the finished shards of an interrupted build of the same documents.
            force: Replace an index that stands there; readers that have it open keep it.
            progress: Called with the number of documents done.
            layout: ``fast``, or ``small``: about a third fewer bytes, and slower; for ``uint8`` impacts.
            reorder: Bring similar documents together by recursive graph bisection, which takes longer and makes
                searches faster; identifiers, document numbers and hits are the same; for ``uint8`` impacts.
            memory: Bytes that inversion may take, beyond what an encoder needs; with less, it takes more passes.
            threads: Number of threads that invert; one for each core if not given.

        Raises:
            UsageError: An argument that does not fit the others.
            BadInput: A document is wrong, an id appears twice, or there are no documents.
            Refused: The folder holds an index or something else, or another process writes it.
            WriteFailed: The file system refused.

        After an error an old index stands as it was. Finished shards stay for a build with ``resume``, and the hint of
        the error says so; nothing else does.
        """
        options = BuildOptions(
            ids=ids,
            impacts=impacts,
            text_fields=text_fields,
            resume=resume,
            force=force,
            progress=progress,
            layout=layout,
            reorder=reorder,
            memory=memory,
            threads=len(os.sched_getaffinity(0)) if threads is None else threads,
        )
        if isinstance(documents, SparseVectors) and encoder == defaults.MODEL:
            encoder = None  # the default, which nobody chose
        build(path, documents, _unused(encoder), options)
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path, *, verify: bool = False, preload: bool = False) -> Index:
        """Open the current generation.

        Args:
            path: The index folder.
            verify: Read every byte first, and compare it with its checksums and rules. An index that was neither
                written nor checked on this machine is always checked so.
            preload: Copy the postings into memory of this process, in large pages: opening takes as long as reading
                them, each process has a copy, and searches are a little faster. Without it they are mapped, and all
                processes share what the operating system keeps of them.

        Raises:
            NotFound: There is no index, or it can't be read.
            CorruptIndex: A file is missing or contradicts the manifest; the message says what and where.
            IncompatibleIndex: The index has another format version.
        """
        root = Path(path)
        while True:
            pointer = read_pointer(root)
            try:
                return cls(root, *current_generation(root), full_check=verify, preload=preload)
            except CorruptIndex:
                if read_pointer(root) == pointer:
                    raise  # otherwise a writer replaced the generation while it was being opened: open the new one

    @property
    def segments(self) -> Sequence[Segment]:
        """Its mapped segments, in document order.

        Raises:
            UsageError: The index is closed.
        """
        self.check_open()
        return self._segments

    @property
    def catalog(self) -> Catalog:
        """Identifiers, stored fields and term names.

        Raises:
            UsageError: The index is closed.
        """
        self.check_open()
        return self._catalog

    def close(self) -> None:
        """Release the catalog; the index can't be asked any more. Closing again does nothing.

        The mapped arrays, and so the disk space of a generation that was replaced, are released once no searcher of
        this index is left either.
        """
        self._open = False
        self._catalog.close()
        self._segments = []

    def check_open(self) -> None:
        """Refuse to go on with a closed index.

        Raises:
            UsageError: The index is closed.
        """
        if not self._open:
            raise UsageError(CLOSED, where=str(self.path), hint="open it again: lsr.Index.open")

    def __enter__(self) -> Index:
        self.check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self.manifest.documents

    def __repr__(self) -> str:
        spaces = "+".join(space.name for space in self.manifest.spaces)
        return f"Index({str(self.path)!r}, {len(self)} documents, {spaces})"

    def external_ids(self, numbers: Sequence[int]) -> list[str]:
        """Identifiers of documents by number.

        Raises:
            UsageError: The index is closed.
        """
        return self.catalog.ids(numbers)

    def space_of(self, term: int) -> tuple[int, SpaceEntry] | None:
        """Number and entry of the term space that owns a term id."""
        for number, space in enumerate(self.manifest.spaces):
            if space.base <= term < space.base + space.capacity:
                return number, space
        return None

    def _check_terms(self, segment: Segment, folder: Path) -> None:
        owned = 0
        for space in self.manifest.spaces:
            borders = np.array([space.base, space.base + space.capacity], np.int64)
            first, end = np.searchsorted(segment.terms, borders).tolist()
            owned += end - first
        if owned != len(segment.terms):
            raise CorruptIndex("a term id belongs to no term space", where=str(folder / "terms.npy"))

    def _check_everything(self) -> None:
        expected = {
            self.folder / segment.folder / f"{name}.npy": entry
            for segment in self.manifest.segments
            for name, entry in segment.files.items()
        }
        expected[self.folder / CATALOG] = self.manifest.catalog
        for path in generation_files(self.folder, self.manifest):
            if file_entry(path).sha256 != expected[path].sha256:
                raise CorruptIndex("the checksum is not the one in the manifest", where=str(path))
        for segment, entry in zip(self._segments, self.manifest.segments, strict=True):
            check_segment(segment, self.folder / entry.folder, entry)
        catalog = Catalog(self.folder / CATALOG)
        try:
            catalog.check(self.manifest.documents, [(space.terms, space.capacity) for space in self.manifest.spaces])
        finally:
            catalog.close()


def _file_size(path: Path) -> int | None:
    """Bytes of a regular file; ``None`` if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size if S_ISREG(status.st_mode) else None


def _unused(encoder: AnyEncoder | str | Path | None) -> AnyEncoder | None:
    """The encoder, loaded if it is named, with a fresh copy of each part whose vocabulary grows with the documents."""
    if encoder is None:
        return None
    if isinstance(encoder, str | Path):
        encoder = load_encoder_for_index(encoder)
    check_encoder(encoder)
    parts = tuple(map(_unused_part, encoder.parts))
    return BlendedEncoder(parts) if isinstance(encoder, BlendedEncoder) else parts[0]


def _unused_part(part: Encoder) -> Encoder:
    return replace(part, document=part.document.fresh(), statistics=None) if part.needs_collection else part
