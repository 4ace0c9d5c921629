"""From documents to a published generation: encode shard by shard, then invert once.

Shards are kept in ``DIR/.build`` until publication. When a build fails, its finished shards stay there for the same
build with ``resume``, and everything else that it wrote is removed; without a finished shard nothing stays. Only where
the model is at fault (``BadModel``) shards are worth nothing: they go too, unless there were some before this run. A
build of ready vectors has no shards.
"""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lsr import __version__
from lsr.documents import TEXT_FIELDS, Document, checked_text_fields
from lsr.encoders.base import AnyEncoder, fingerprint
from lsr.errors import BadInput, BadModel, LsrError, Refused, ShardsDropped, UsageError, WriteFailed, remedy, writing
from lsr.index.assembly import DEFAULT_MEMORY, LAYOUTS, LEAST_MEMORY, Layout, assemble
from lsr.index.catalog import write_catalog
from lsr.index.files import exclusive, file_entry, flush, flush_folder
from lsr.index.generations import BUILD, Standing, current_generation, foreign_names, has_shards, publish, standing
from lsr.index.intake import GivenDocument, checked_documents, checked_identifiers
from lsr.index.manifest import CATALOG, IMPACT_TYPES, MANIFEST, MAX_DOCUMENTS, Manifest
from lsr.index.shards import ShardFolder, chain_digest
from lsr.index.space_builder import space_builders
from lsr.index.trust import signature, trust
from lsr.vectors import SparseVectors

__all__ = ["SHARD_DOCUMENTS", "BuildOptions", "Progress", "build", "has_shards"]

SHARD_DOCUMENTS = 1024
_CHUNK = 128
_GENERATION = "generation"
_VECTORS = 8192
"""Ready vectors that are turned into levels together."""

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
    layout: str = "fast"
    reorder: bool = False
    memory: int = DEFAULT_MEMORY
    threads: int = 1


def build(
    path: str | Path,
    documents: Iterable[GivenDocument] | SparseVectors,
    encoder: AnyEncoder | None,
    options: BuildOptions = BuildOptions(),
) -> Path:
    """Build and publish a generation that this machine trusts, and return its folder.

    Args:
        path: The index folder; made if it does not exist.
        documents: As for ``Index.build``.
        encoder: What encodes them; ``None`` for ready vectors and for documents that carry a vector. A vocabulary
            that grows gets the documents' words.
        options: The rest.

    Raises:
        LsrError: As ``Index.build``.
    """
    _check_arguments(documents, encoder, options)
    root = Path(path)
    run = _Build(root / BUILD, encoder, options)
    fresh = _make_root(root)
    with exclusive(root):
        _check_root(root, options)
        with _work_folder(root, fresh=fresh, resume=options.resume):
            publish(root, run.generation(documents))
        folder, manifest, digest = current_generation(root)
        trust(folder, digest, signature(folder, manifest))
    return folder


@contextmanager
def _work_folder(root: Path, *, fresh: bool, resume: bool) -> Iterator[None]:
    """The work folder, while the body runs; if that fails, what a later run can take up stays.

    Args:
        root: The index folder.
        fresh: Whether it was made for this build.
        resume: Whether shards that are there are wanted.
    """
    work = root / BUILD
    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    had_shards = has_shards(root)
    try:
        with writing(work):
            work.mkdir(exist_ok=True)
        yield
    except BaseException as error:
        if has_shards(root) and (had_shards or not isinstance(error, BadModel)):
            _keep_only_shards(work)
            if isinstance(error, LsrError):
                error.hint = f"{error.hint or 'mend it'}; finished shards are kept: go on with resume=True (--resume)"
        else:
            shutil.rmtree(work, ignore_errors=True)
            if fresh:
                with contextlib.suppress(OSError):  # not empty: it was published, and only the last flush failed
                    root.rmdir()
        raise
    shutil.rmtree(work, ignore_errors=True)


def _keep_only_shards(work: Path) -> None:
    shutil.rmtree(work / _GENERATION, ignore_errors=True)
    for file in (*work.glob("*.new"), *work.glob("rows.*")):
        with contextlib.suppress(OSError):
            file.unlink()


def _check_arguments(documents: object, encoder: AnyEncoder | None, options: BuildOptions) -> None:
    if options.impacts not in IMPACT_TYPES:
        raise UsageError(f"unknown impacts {options.impacts!r}", hint=f"choose one of {', '.join(IMPACT_TYPES)}")
    if options.layout not in LAYOUTS:
        raise UsageError(f"unknown layout {options.layout!r}", hint=f"choose one of {', '.join(LAYOUTS)}")
    if options.impacts == "float32" and (options.layout != "fast" or options.reorder):
        raise UsageError(
            "float32 impacts have one layout and keep the order of the documents", hint="use uint8 impacts"
        )
    if options.memory < LEAST_MEMORY or options.threads < 1:
        raise UsageError(
            f"memory is {options.memory} and threads is {options.threads}; "
            f"there must be at least {LEAST_MEMORY} bytes and one thread"
        )
    if isinstance(documents, str | bytes | Mapping) or not isinstance(documents, Iterable | SparseVectors):
        raise UsageError(f"documents must be an iterable of documents, not a single {type(documents).__name__}")
    if options.ids is not None and not isinstance(documents, SparseVectors):
        raise UsageError("ids belong to SparseVectors; documents carry their own")
    if options.text_fields is not None:
        checked_text_fields(options.text_fields, "text_fields")
    if isinstance(documents, SparseVectors):
        given = {"encoder": encoder is not None, "text_fields": options.text_fields, "resume": options.resume}
        for name in given:
            if given[name]:
                raise UsageError(f"{name} means nothing for vectors that are encoded already", hint="leave it out")


def _make_root(root: Path) -> bool:
    """Whether the folder had to be made; its name, and those of its parents, are made durable."""
    with writing(root):
        if root.is_dir():
            return False
        if root.exists():
            raise Refused("a file of that name exists", where=str(root), hint="choose another folder")
        made = [folder for folder in (root, *root.parents) if not folder.exists()]
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
        foreign = foreign_names(root)
        found = standing(root)
    except OSError as error:
        raise WriteFailed(f"cannot be read: {error.strerror}", where=str(root), hint=remedy(error.errno)) from error
    if foreign and found not in (Standing.INDEX, Standing.POINTERLESS):
        raise Refused(
            f"the folder is not empty and holds no lsr index ({foreign[0]!r} is there)",
            where=str(root),
            hint="choose another folder",
        )
    if BUILD in foreign:
        raise Refused("another program's file or folder has this name", where=str(root / BUILD), hint="move it away")
    if options.force or (options.resume and (root / BUILD).exists()):
        return
    if found is Standing.INDEX:
        raise Refused("an index stands here already", where=str(root), hint="replace it with force=True (--force)")
    if found is Standing.POINTERLESS:
        raise Refused(
            "a damaged index stands here already: its file CURRENT is missing",
            where=str(root),
            hint="build it anew with force=True (--force)",
        )
    if found is Standing.UNFINISHED:
        hint = "resume=True (--resume) goes on from there, force=True (--force) starts again"
        raise Refused("an interrupted build is here", where=str(root), hint=hint)


class _Build:
    """One run of a build inside its work folder."""

    def __init__(self, work: Path, encoder: AnyEncoder | None, options: BuildOptions) -> None:
        self.work = work
        self.options = options
        self.spaces = space_builders(encoder)
        self.shards = ShardFolder(work, len(self.spaces))
        self.warned = False
        self.text_fields = tuple(options.text_fields or TEXT_FIELDS)
        encodes_text = encoder is not None and any(part.source is not None for part in encoder.parts)
        self.joined_fields = self.text_fields if encodes_text else None
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

        def raw(_space: int) -> Iterator[SparseVectors]:
            for start in range(0, len(vectors), _VECTORS):
                yield vectors.slice(start, min(start + _VECTORS, len(vectors)))

        return self._assemble(len(vectors), raw, ((name, "{}") for name in names))

    def _of_documents(self, documents: Iterator[Document]) -> Path:
        """A generation of documents, shard by shard."""
        count, total = 0, 0
        while shard := list(islice(documents, SHARD_DOCUMENTS)):
            self._add_shard(count, shard, total)
            count, total = count + 1, total + len(shard)

        def raw(space: int) -> Iterator[SparseVectors]:
            return (self.shards.vectors(i, space) for i in range(count))

        return self._assemble(total, raw, self.shards.documents(count))

    def _add_shard(self, number: int, shard: list[Document], before: int) -> None:
        self.digest = chain_digest(self.digest, shard)
        stored = self.shards.finished(number, self.digest)
        if stored is not None:
            for space, tokens in zip(self.spaces, stored, strict=True):
                for token in tokens:
                    space.vocabulary.add(token)
        else:
            self._warn_of_unfit_shards(number)
            self._encode_shard(number, shard, before)
        self._tell(before + len(shard))

    def _warn_of_unfit_shards(self, number: int) -> None:
        """Say once, before the first of them is encoded anew, how many finished shards are not taken over."""
        if not self.warned and (shards := self.shards.unfit(number, self.digest)):
            self.warned = True
            warnings.warn(ShardsDropped(shards), stacklevel=2)

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
        self, total: int, raw: Callable[[int], Iterator[SparseVectors]], rows: Iterable[tuple[str, str]]
    ) -> Path:
        if total == 0:
            raise BadInput("there are no documents", hint="check the source and its format")
        if total > MAX_DOCUMENTS:
            raise BadInput("more documents than 32 bits can number")
        folder = self.work / _GENERATION
        shutil.rmtree(folder, ignore_errors=True)
        with writing(folder):
            folder.mkdir()
        options = self.options
        layout = Layout(options.impacts, options.layout, options.reorder, options.memory, options.threads)
        made = assemble(self.spaces, raw, self.work, folder / "segment-0", layout)
        catalog = folder / CATALOG
        write_catalog(catalog, rows, made.names)
        with writing(catalog), catalog.open("rb+") as stream:
            flush(stream)
        manifest = Manifest(self.options.impacts, made.spaces, (made.segment,), file_entry(catalog), self.joined_fields)
        with writing(folder / MANIFEST), (folder / MANIFEST).open("wb") as stream:
            stream.write(manifest.to_bytes())
            flush(stream)
        return folder
