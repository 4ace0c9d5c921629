"""From documents to a published generation: encode shard by shard, then invert once.

Shards are kept in ``DIR/.build`` until publication, so that an interrupted build can go on. What happens to them when a
build fails depends on why it fails:

* The input, the model or the disk is at fault (``LsrError``): everything that the build wrote is removed.
* Anything else, be it Ctrl-C, too little memory or an error in the caller's own generator: finished shards stay, and
  the same build with ``resume`` takes them up. Without a finished shard nothing stays.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from lsr import __version__
from lsr.documents import TEXT_FIELDS, Document, checked_text_fields
from lsr.encoders.base import AnyEncoder, fingerprint, join_spaces
from lsr.errors import BadInput, LsrError, Refused, UsageError, WriteFailed, writing
from lsr.index.catalog import write_catalog
from lsr.index.files import exclusive, file_entry, flush, flush_folder
from lsr.index.float_segment import write_float_segment
from lsr.index.generations import BUILD, Standing, has_shards, is_own_name, publish, standing
from lsr.index.intake import GivenDocument, checked_documents, checked_identifiers
from lsr.index.manifest import CATALOG, IMPACT_TYPES, MANIFEST, MAX_DOCUMENTS, Manifest, SegmentEntry
from lsr.index.shards import ShardFolder, chain_digest
from lsr.index.space_builder import BuiltSpace, space_builders
from lsr.vectors import SparseVectors

__all__ = ["SHARD_DOCUMENTS", "BuildOptions", "Progress", "build", "has_shards"]

SHARD_DOCUMENTS = 1024
_CHUNK = 128

Progress = Callable[[int], None]
"""Called with the number of documents that are done."""


@dataclass(frozen=True)
class BuildOptions:
    """How an index is built; ``Index.build`` describes each of them."""

    ids: Sequence[str] | None = None
    impacts: str = "uint8"
    text_fields: Sequence[str] | None = None
    resume: bool = False
    force: bool = False
    progress: Progress | None = None


def build(
    path: str | Path,
    documents: Iterable[GivenDocument] | SparseVectors,
    encoder: AnyEncoder | None,
    options: BuildOptions = BuildOptions(),
) -> Path:
    """Build and publish a generation, and return its folder.

    Args:
        path: The index folder; made if it does not exist.
        documents: As for ``Index.build``.
        encoder: What encodes them; ``None`` for ready vectors and for documents that carry a vector. A vocabulary
            that grows gets the documents' words.
        options: The rest.

    Raises:
        LsrError: As ``Index.build``.
    """
    _check_arguments(documents, options)
    root = Path(path)
    fresh = _make_root(root)
    work = root / BUILD
    with exclusive(root):
        _check_root(root, options)
        if not options.resume:
            shutil.rmtree(work, ignore_errors=True)
        try:
            with writing(work):
                work.mkdir(exist_ok=True)
            target = publish(root, _Build(work, encoder, options).generation(documents))
        except BaseException as error:
            if isinstance(error, LsrError) or not has_shards(root):
                shutil.rmtree(work, ignore_errors=True)
                if fresh:
                    with contextlib.suppress(OSError):  # not empty: it was published, and only the last flush failed
                        root.rmdir()
            raise
        shutil.rmtree(work, ignore_errors=True)
        return target


def _check_arguments(documents: object, options: BuildOptions) -> None:
    if options.impacts not in IMPACT_TYPES:
        raise UsageError(f"unknown impacts {options.impacts!r}", hint=f"choose one of {', '.join(IMPACT_TYPES)}")
    if isinstance(documents, str | bytes | Mapping) or not isinstance(documents, Iterable | SparseVectors):
        raise UsageError(f"documents must be an iterable of documents, not a single {type(documents).__name__}")
    if options.ids is not None and not isinstance(documents, SparseVectors):
        raise UsageError("ids belong to SparseVectors; documents carry their own")
    if options.text_fields is not None:
        checked_text_fields(options.text_fields, "text_fields")


def _make_root(root: Path) -> bool:
    """Whether the folder had to be made; its name, and those of its parents, are made durable."""
    if root.is_dir():
        return False
    if root.exists():
        raise Refused("a file of that name exists", where=str(root), hint="choose another folder")
    made = [folder for folder in (root, *root.parents) if not folder.exists()]
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        try:
            for folder in made:
                flush_folder(folder.parent)
        except OSError:
            for folder in made:
                folder.rmdir()
            raise
    return True


def _check_root(root: Path, options: BuildOptions) -> None:
    """Refuse a folder that holds an index or something else; the caller holds its lock."""
    try:
        foreign = [entry.name for entry in root.iterdir() if not is_own_name(entry.name)]
        found = standing(root)
    except OSError as error:
        raise WriteFailed(f"cannot be read: {error.strerror}", where=str(root)) from error
    if foreign and found not in (Standing.INDEX, Standing.POINTERLESS):
        raise Refused(
            f"the folder is not empty and holds no lsr index ({foreign[0]!r} is there)",
            where=str(root),
            hint="choose another folder",
        )
    if options.force or (options.resume and (root / BUILD).exists()):
        return
    if found is Standing.INDEX:
        raise Refused("an index stands here already", where=str(root), hint="replace it with --force")
    if found is Standing.POINTERLESS:
        raise Refused(
            "a damaged index stands here already: its file CURRENT is missing",
            where=str(root),
            hint="build it anew with --force",
        )
    if found is Standing.UNFINISHED:
        raise Refused(
            "an interrupted build is here", where=str(root), hint="--resume goes on from there, --force starts again"
        )


class _Build:
    """One run of a build inside its work folder."""

    def __init__(self, work: Path, encoder: AnyEncoder | None, options: BuildOptions) -> None:
        self.work = work
        self.options = options
        self.spaces = space_builders(encoder)
        self.shards = ShardFolder(work, len(self.spaces))
        self.text_fields = tuple(options.text_fields or TEXT_FIELDS)
        self.joined_fields = None if encoder is None else self.text_fields
        self.digest = fingerprint(
            {"release": __version__, "shard": SHARD_DOCUMENTS, "fields": self.joined_fields},
            *(text for space in self.spaces for text in space.origin),
        )

    def generation(self, documents: Iterable[GivenDocument] | SparseVectors) -> Path:
        """The folder of a generation that is ready to be published."""
        if isinstance(documents, SparseVectors):
            return self._of_vectors(documents)
        return self._of_documents(checked_documents(documents, self.text_fields))

    def _of_vectors(self, vectors: SparseVectors) -> Path:
        """A generation of ready vectors; it needs no shards, since nothing has to be encoded."""
        names = checked_identifiers(self.options.ids, len(vectors))
        self.spaces[0].vocabulary = vectors.vocabulary
        self.spaces[0].document_fingerprint = vectors.fingerprint
        return self._assemble(len(vectors), lambda _space: vectors, ((name, "{}") for name in names))

    def _of_documents(self, documents: Iterator[Document]) -> Path:
        """A generation of documents, shard by shard."""
        count, total = 0, 0
        while shard := list(islice(documents, SHARD_DOCUMENTS)):
            self._add_shard(count, shard, total)
            count, total = count + 1, total + len(shard)

        def raw(space: int) -> SparseVectors:
            return SparseVectors.concatenate([self.shards.vectors(i, space) for i in range(count)])

        return self._assemble(total, raw, self.shards.documents(count))

    def _add_shard(self, number: int, shard: list[Document], before: int) -> None:
        self.digest = chain_digest(self.digest, shard)
        stored = self.shards.finished(number, self.digest)
        if stored is not None:
            for space, tokens in zip(self.spaces, stored, strict=True):
                for token in tokens:
                    space.vocabulary.add(token)
        else:
            self._encode_shard(number, shard, before)
        self._tell(before + len(shard))

    def _encode_shard(self, number: int, shard: list[Document], before: int) -> None:
        sizes = [len(space.vocabulary) for space in self.spaces]
        chunks: list[list[SparseVectors]] = [[] for _ in self.spaces]
        for start in range(0, len(shard), _CHUNK):
            some = shard[start : start + _CHUNK]
            for space, parts in zip(self.spaces, chunks, strict=True):
                parts.append(space.encode(some))
            self._tell(before + start + len(some))
        grown = [
            space.vocabulary.tokens[size:] if len(space.vocabulary) > size else []
            for space, size in zip(self.spaces, sizes, strict=True)
        ]
        self.shards.write(number, self.digest, shard, [SparseVectors.concatenate(parts) for parts in chunks], grown)

    def _tell(self, done: int) -> None:
        if self.options.progress is not None:
            self.options.progress(done)

    def _assemble(
        self, total: int, raw_vectors: Callable[[int], SparseVectors], rows: Iterable[tuple[str, str]]
    ) -> Path:
        if total == 0:
            raise BadInput("there are no documents", hint="check the source and its format")
        if total > MAX_DOCUMENTS:
            raise BadInput("more documents than 32 bits can number")
        folder = self.work / "generation"
        shutil.rmtree(folder, ignore_errors=True)
        with writing(folder):
            folder.mkdir()
        finished = []
        names = []
        for number, space in enumerate(self.spaces):
            raw = raw_vectors(number)
            named = space.named_terms(number, raw)
            finished.append(space.finish(raw, len(named), self.options.impacts))
            names.extend(named)
        written = _write_segment(finished, folder / "segment-0")
        catalog = folder / CATALOG
        write_catalog(catalog, rows, names)
        with writing(catalog), catalog.open("rb+") as stream:
            flush(stream)
        spaces = tuple(space.entry for space in finished)
        manifest = Manifest(self.options.impacts, spaces, (written,), file_entry(catalog), self.joined_fields)
        with writing(folder / MANIFEST), (folder / MANIFEST).open("wb") as stream:
            stream.write(manifest.to_bytes())
            flush(stream)
        return folder


def _write_segment(spaces: Sequence[BuiltSpace], folder: Path) -> SegmentEntry:
    # float32 holds a level as exactly as a weight, so levels can travel as the weights of the joined rows.
    carriers = [
        SparseVectors.trusted(space.vectors.indptr, space.vectors.terms, space.impacts.astype(np.float32))
        for space in spaces
    ]
    joined = join_spaces(carriers, [space.entry.base for space in spaces])
    if spaces[0].impacts.dtype == np.float32:
        files = write_float_segment(joined, folder)
    else:
        from lsr.index.byte_writer import write_byte_segment
        from lsr.index.forward import Rows

        files = write_byte_segment(Rows(0, joined.indptr, joined.terms, joined.weights.astype(np.uint8)), folder)
    return SegmentEntry(folder.name, len(joined), len(joined.terms), files)
