"""The work folder of a build: finished shards of documents that an interrupted build can take up again.

A shard is one file ``shard-N.npz`` with the raw vectors of every term space, the words that its documents added to
growing vocabularies, and the documents' identifiers and stored fields. It is valid for exactly one content: its digest
covers the build's settings, everything before it, and its own documents.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.documents import Document
from lsr.errors import BadInput, writing
from lsr.index.files import flush
from lsr.vectors import SparseVectors

_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a file that is missing or damaged may raise."""


def chain_digest(previous: str, documents: Sequence[Document]) -> str:
    """Digest of a shard's documents and of all that came before them.

    Raises:
        BadInput: A field has no form in JSON, or a text is not valid Unicode.
    """
    digest = hashlib.sha256(previous.encode())
    for document in documents:
        content = [document.id, document.text, document.fields, document.vector]
        try:
            digest.update(json.dumps(content, allow_nan=False, ensure_ascii=False).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise BadInput(
                f"a field can't be stored as JSON: {error}",
                where=document.where,
                hint="leave the field out, or make it a string, a finite number, a list or an object",
            ) from error
    return digest.hexdigest()


class ShardFolder:
    """The shards of one build.

    Args:
        folder: The work folder; it must exist.
        spaces: Number of term spaces.
    """

    def __init__(self, folder: Path, spaces: int) -> None:
        self.folder = folder
        self.spaces = spaces

    def write(
        self,
        number: int,
        digest: str,
        documents: Sequence[Document],
        raw: Sequence[SparseVectors],
        new_tokens: Sequence[Sequence[str]],
    ) -> None:
        """Write one shard; it counts as finished once its file has its name.

        Raises:
            WriteFailed: The file system refused.
        """
        rows = [[document.id, json.dumps(document.fields, ensure_ascii=False)] for document in documents]
        arrays: dict[str, NDArray[Any]] = {
            "digest": _from_text(digest),
            "documents": _from_text(json.dumps(rows)),
            "tokens": _from_text(json.dumps([list(tokens) for tokens in new_tokens])),
        }
        for i, vectors in enumerate(raw):
            arrays[f"indptr{i}"] = vectors.indptr
            arrays[f"terms{i}"] = vectors.terms
            arrays[f"weights{i}"] = vectors.weights
        target = self._path(number)
        temporary = target.with_suffix(".new")
        with writing(self.folder):
            with temporary.open("wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type]
                flush(stream)
            temporary.replace(target)

    def finished(self, number: int, digest: str) -> list[list[str]] | None:
        """The new tokens of each space, if the shard is there, whole, and with that content; otherwise ``None``."""
        try:
            with np.load(self._path(number), allow_pickle=False) as stored:
                if _to_text(stored["digest"]) != digest:
                    return None
                for name in stored.files:
                    stored[name]  # reads it, which compares the checksum in the file
                tokens: list[list[str]] = json.loads(_to_text(stored["tokens"]))
        except _DAMAGE:
            return None
        return tokens

    def unfit(self, number: int, digest: str) -> int:
        """How many shards are of no use from one on, as that has another content than the one asked for.

        No later shard can fit then, as its digest covers all that comes before it.

        Args:
            number: Number of the shard.
            digest: Of the content that is wanted.

        Returns:
            The number of shards; 0 if there is no such shard, or it is only damaged.
        """
        try:
            with np.load(self._path(number), allow_pickle=False) as stored:
                if _to_text(stored["digest"]) == digest:
                    return 0
        except _DAMAGE:
            return 0
        return sum(path >= self._path(number) for path in self.folder.glob("shard-*.npz"))

    def vectors(self, number: int, space: int) -> SparseVectors:
        """The raw vectors of one space in one shard."""
        with np.load(self._path(number), allow_pickle=False) as stored:
            return SparseVectors.trusted(stored[f"indptr{space}"], stored[f"terms{space}"], stored[f"weights{space}"])

    def documents(self, count: int) -> Iterator[tuple[str, str]]:
        """Identifier and stored fields (JSON text) of all documents of the first ``count`` shards."""
        for number in range(count):
            with np.load(self._path(number), allow_pickle=False) as stored:
                rows = json.loads(_to_text(stored["documents"]))
            yield from rows

    def _path(self, number: int) -> Path:
        return self.folder / f"shard-{number:06}.npz"


def _from_text(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)


def _to_text(array: NDArray[np.uint8]) -> str:
    return array.tobytes().decode()
