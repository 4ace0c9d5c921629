"""From documents to a published generation: encode shard by shard, then invert once.

Shards are kept in ``DIR/.build`` until publication, so that an interrupted build can go on. A build that fails on its
input or on the disk removes all that it wrote; an interrupted one keeps its finished shards.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.documents import TEXT_FIELDS, Document, checked_identifier, checked_vector, document_from_mapping
from lsr.encoders.base import AnyEncoder, Encoder, fingerprint, in_id_order, join_spaces, mean_mass, term_ranges
from lsr.errors import BadInput, BadModel, Refused, UsageError, WriteFailed, writing
from lsr.index.catalog import TermRow, write_catalog
from lsr.index.files import exclusive, file_entry, flush, flush_folder
from lsr.index.generations import BUILD, has_index, is_own_name, publish
from lsr.index.impacts import choose_scale, to_levels
from lsr.index.manifest import CATALOG, IMPACT_TYPES, MANIFEST, MAX_DOCUMENTS, Manifest, SpaceEntry
from lsr.index.segment import Segment, invert, write_segment
from lsr.index.shards import ShardFolder, chain_digest
from lsr.vectors import TERM_LIMIT, SparseVectors, TokenTable, vectors_from_dicts

SHARD_DOCUMENTS = 1024
_CHUNK = 128
READY_SPACE = "vectors"
"""Name of the term space of vectors that came ready-made."""

Progress = Callable[[int], None]
"""Called with the number of documents that are done."""


@dataclass
class _Column:
    """One term space while it is built."""

    name: str
    base: int
    capacity: int
    weight: float
    encoder: Encoder | None
    vocabulary: Any
    document_fingerprint: str | None = None

    @property
    def first_words(self) -> list[str]:
        """What a vocabulary that grows holds already; the term ids of new words depend on it."""
        grows = self.encoder is not None and self.encoder.capacity is None
        return list(self.vocabulary.tokens) if grows else []


def build(
    path: str | Path,
    documents: Iterable[Document | Mapping[str, Any]] | SparseVectors,
    encoder: AnyEncoder | None,
    *,
    ids: Sequence[str] | None = None,
    impacts: str = "uint8",
    text_fields: Sequence[str] | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Build and publish a generation, and return its folder.

    Args:
        path: The index folder; made if it does not exist.
        documents: Documents or mappings; or ready vectors, one row a document.
        encoder: What encodes them; ``None`` for ready vectors and for documents that carry a vector.
        ids: Identifiers for ready vectors; row numbers if not given.
        impacts: ``uint8`` (levels under one scale a term space) or ``float32``.
        text_fields: Fields joined into the encoded text.
        resume: Take finished shards of an interrupted build of the same documents.
        force: Replace an index that stands there.
        progress: Called after every few documents.

    Raises:
        UsageError: An unknown impact type.
        BadInput: A document is wrong, an identifier appears twice, or there are no documents.
        Refused: The folder holds an index, an interrupted build or something else, or another process writes it.
        WriteFailed: The file system refused.
    """
    if impacts not in IMPACT_TYPES:
        raise UsageError(f"unknown impacts {impacts!r}", hint=f"choose one of {', '.join(IMPACT_TYPES)}")
    if isinstance(documents, str | bytes | Mapping) or not isinstance(documents, Iterable | SparseVectors):
        raise UsageError(f"documents must be an iterable of documents, not a single {type(documents).__name__}")
    if isinstance(text_fields, str):
        raise UsageError("text_fields must be several names and is one string", hint="put it into a list")
    fields = tuple(text_fields or TEXT_FIELDS)
    root = Path(path)
    fresh = _make_root(root)
    work = root / BUILD
    with exclusive(root):
        _check_root(root, force=force, resume=resume)
        if not resume:
            shutil.rmtree(work, ignore_errors=True)
        try:
            with writing(work):
                work.mkdir(exist_ok=True)
            running = _Build(work, encoder, impacts, fields)
            if isinstance(documents, SparseVectors):
                finished = running.of_vectors(documents, ids)
            else:
                finished = running.of_documents(_as_documents(documents, fields), progress)
            target = publish(root, finished)
        except BaseException as error:
            if isinstance(error, Exception) or not has_shards(root):  # an interruption keeps what it finished
                shutil.rmtree(work, ignore_errors=True)
                if fresh:
                    with contextlib.suppress(OSError):  # not empty: it was published, and only the last flush failed
                        root.rmdir()
            raise
        shutil.rmtree(work, ignore_errors=True)
        return target


def has_shards(root: Path) -> bool:
    """Whether an interrupted build left finished shards in an index folder."""
    return any((root / BUILD).glob("shard-*.npz"))


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


def _check_root(root: Path, *, force: bool, resume: bool) -> None:
    """Refuse a folder that holds an index or something else; the caller holds its lock."""
    try:
        foreign = [entry.name for entry in root.iterdir() if not is_own_name(entry.name)]
        stands = has_index(root)
    except OSError as error:
        raise WriteFailed(f"cannot be read: {error.strerror}", where=str(root)) from error
    if stands and not force and not (resume and (root / BUILD).exists()):
        raise Refused("an index stands here already", where=str(root), hint="replace it with --force")
    if has_shards(root) and not force and not resume:
        raise Refused(
            "an interrupted build is here", where=str(root), hint="--resume goes on from there, --force starts again"
        )
    if foreign and not stands:
        raise Refused(
            f"the folder is not empty and holds no lsr index ({foreign[0]!r} is there)",
            where=str(root),
            hint="choose another folder",
        )


class _Build:
    """One run of a build inside its work folder."""

    def __init__(self, work: Path, encoder: AnyEncoder | None, impacts: str, text_fields: tuple[str, ...]) -> None:
        self.columns = _columns(encoder)
        self.work = work
        self.shards = ShardFolder(work, len(self.columns))
        self.impacts = impacts
        self.text_fields = text_fields if encoder is not None else None
        self.digest = fingerprint(
            {"shard": SHARD_DOCUMENTS, "fields": self.text_fields},
            *(column.encoder.document_fingerprint for column in self.columns if column.encoder is not None),
            *(text for column in self.columns for text in column.first_words),
        )

    def of_vectors(self, vectors: SparseVectors, ids: Sequence[str] | None) -> Path:
        """A generation of ready vectors; it needs no shards, since nothing has to be encoded."""
        if ids is not None and len(ids) != len(vectors):
            raise BadInput(f"there are {len(ids)} ids for {len(vectors)} vectors", where="ids")
        if ids is None:
            names = [str(number) for number in range(len(vectors))]
        else:
            names = [checked_identifier(name, f"ids[{number}]") for number, name in enumerate(ids)]
        self.columns[0].vocabulary = vectors.vocabulary
        self.columns[0].document_fingerprint = vectors.fingerprint
        return self._assemble(len(vectors), lambda _space: vectors, ((name, "{}") for name in names))

    def of_documents(self, documents: Iterator[Document], progress: Progress | None) -> Path:
        """A generation of documents, shard by shard."""
        count, total = 0, 0
        while shard := list(islice(documents, SHARD_DOCUMENTS)):
            self._add_shard(count, shard, total, progress)
            count, total = count + 1, total + len(shard)

        def raw(space: int) -> SparseVectors:
            return SparseVectors.concatenate([self.shards.vectors(i, space) for i in range(count)])

        return self._assemble(total, raw, self.shards.documents(count))

    def _add_shard(self, number: int, shard: list[Document], before: int, progress: Progress | None) -> None:
        self.digest = chain_digest(self.digest, shard)
        stored = self.shards.finished(number, self.digest)
        if stored is not None:
            for column, tokens in zip(self.columns, stored, strict=True):
                for token in tokens:
                    column.vocabulary.add(token)
        else:
            self._encode_shard(number, shard, lambda done: progress(before + done) if progress else None)
        if progress is not None:
            progress(before + len(shard))

    def _encode_shard(self, number: int, shard: list[Document], progress: Progress) -> None:
        sizes = [len(column.vocabulary) for column in self.columns]
        chunks: list[list[SparseVectors]] = [[] for _ in self.columns]
        for start in range(0, len(shard), _CHUNK):
            some = shard[start : start + _CHUNK]
            for column, parts in zip(self.columns, chunks, strict=True):
                parts.append(_encode(column, some))
            progress(start + len(some))
        grown = [
            column.vocabulary.tokens[size:] if len(column.vocabulary) > size else []
            for column, size in zip(self.columns, sizes, strict=True)
        ]
        self.shards.write(number, self.digest, shard, [SparseVectors.concatenate(parts) for parts in chunks], grown)

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
        spaces: list[SpaceEntry] = []
        finals: list[SparseVectors] = []
        levels: list[NDArray[Any]] = []
        names: list[TermRow] = []
        for number, column in enumerate(self.columns):
            raw = raw_vectors(number)
            named = _named_terms(number, column, raw)
            entry, final, stored = self._finish(column, raw, len(named))
            spaces.append(entry)
            finals.append(final)
            levels.append(stored)
            names.extend(named)
        segment = _one_segment(finals, levels, [space.base for space in spaces])
        written = write_segment(segment, folder / "segment-0")
        catalog = folder / CATALOG
        write_catalog(catalog, rows, names)
        with writing(catalog), catalog.open("rb+") as stream:
            flush(stream)
        manifest = Manifest(self.impacts, tuple(spaces), (written,), file_entry(catalog), self.text_fields)
        with writing(folder / MANIFEST), (folder / MANIFEST).open("wb") as stream:
            stream.write(manifest.to_bytes())
            flush(stream)
        return folder

    def _finish(
        self, column: _Column, raw: SparseVectors, named: int
    ) -> tuple[SpaceEntry, SparseVectors, NDArray[Any]]:
        mass = mean_mass(raw)
        final = raw if column.encoder is None else column.encoder.document.finish(raw, mass)
        if not np.all(final.weights > 0) or not np.all(np.isfinite(final.weights)):
            raise BadModel(
                "the encoder gave a weight that is not a positive finite number",
                where=column.name,
                hint="check the model's weights, or try another --backend",
            )
        scale, clipped = 1.0, 0
        stored: NDArray[Any] = final.weights
        if self.impacts == "uint8":
            scale = choose_scale(final.weights)
            stored, clipped = to_levels(final.weights, scale)
            keep = stored > 0
            if not np.all(keep):
                before = np.concatenate([[0], np.cumsum(keep)])
                final = SparseVectors.trusted(before[final.indptr], final.terms[keep], final.weights[keep])
                stored = stored[keep]
        encoder = column.encoder
        entry = SpaceEntry(
            name=column.name,
            base=column.base,
            capacity=column.capacity,
            weight=column.weight,
            scale=scale,
            clipped=clipped,
            mean_mass=mass,
            terms=named,
            source=encoder.source if encoder else None,
            settings=dict(encoder.settings) if encoder else {},
            document_fingerprint=encoder.document_fingerprint if encoder else column.document_fingerprint,
            query_fingerprint=encoder.query_fingerprint if encoder else None,
        )
        return entry, final, stored


def _as_documents(documents: Iterable[Document | Mapping[str, Any]], text_fields: Sequence[str]) -> Iterator[Document]:
    seen: dict[str, str] = {}
    for number, item in enumerate(documents):
        place = f"document {number}"
        if isinstance(item, Document):
            document = _checked(item, item.where or place)
        else:
            document = document_from_mapping(item, text_fields, place)
        place = document.where or place
        if document.id in seen:
            raise BadInput(
                f"the id {document.id!r} appears twice", where=place, hint=f"it was first seen at {seen[document.id]}"
            )
        seen[document.id] = place
        yield document


def _checked(document: Document, where: str) -> Document:
    if not isinstance(document.text, str):
        raise BadInput(f"the text must be a string, not a {type(document.text).__name__}", where=where)
    if not isinstance(document.fields, dict):
        raise BadInput(f"the fields must be a dict, not a {type(document.fields).__name__}", where=where)
    identifier = checked_identifier(document.id, where)
    vector = None if document.vector is None else checked_vector(document.vector, where)
    return Document(identifier, document.text, document.fields, vector, where)


def _columns(encoder: AnyEncoder | None) -> list[_Column]:
    if encoder is None:
        return [_Column(READY_SPACE, 0, TERM_LIMIT, 1.0, None, TokenTable())]
    parts = in_id_order(encoder.parts)
    bases, sizes = term_ranges([part.capacity for part in parts])
    return [
        _Column(part.name, base, size, part.weight, part, part.document.vocabulary)
        for part, base, size in zip(parts, bases, sizes, strict=True)
    ]


def _encode(column: _Column, documents: Sequence[Document]) -> SparseVectors:
    if column.encoder is not None:
        for document in documents:
            if document.vector is not None:
                raise BadInput(
                    "the document carries a vector, and an encoder was given too",
                    where=document.where,
                    hint="give no encoder, or leave the vector out",
                )
        return column.encoder.document.encode([document.text for document in documents])
    return SparseVectors.concatenate([_ready_vector(document, column.vocabulary) for document in documents])


def _ready_vector(document: Document, vocabulary: TokenTable) -> SparseVectors:
    if document.vector is None:
        raise BadInput(
            "the document carries no vector, and no encoder was given", where=document.where, hint="name an encoder"
        )
    return vectors_from_dicts([document.vector], vocabulary)


def _named_terms(number: int, column: _Column, raw: SparseVectors) -> list[TermRow]:
    if not column.vocabulary:
        return []
    size = len(column.vocabulary)
    frequencies = np.bincount(raw.terms[raw.terms < size], minlength=size).tolist()
    tokens = ((term, column.vocabulary.token(term)) for term in range(size))
    return [(number, token, term, frequencies[term]) for term, token in tokens if token is not None]


def _one_segment(finals: list[SparseVectors], levels: list[NDArray[Any]], bases: list[int]) -> Segment:
    # float32 holds a level as exactly as a weight, so levels can travel as the weights of the joined rows.
    carriers = [
        SparseVectors.trusted(final.indptr, final.terms, stored.astype(np.float32))
        for final, stored in zip(finals, levels, strict=True)
    ]
    joined = join_spaces(carriers, bases)
    return invert(joined, joined.weights.astype(levels[0].dtype))
