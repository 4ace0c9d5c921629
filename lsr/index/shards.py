"""The work folder of a build: finished shards of documents that an interrupted build can take up again.

A shard is two files: ``shard-N.npz`` with the raw vectors of every term space and the words that its documents added to
growing vocabularies, and ``shard-N.jsonl`` with identifiers and stored fields. A shard is valid for exactly one content: its
digest covers the build's settings, everything before it, and its own documents.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lsr.documents import Document
from lsr.errors import BadInput, writing
from lsr.index.files import flush
from lsr.vectors import SparseVectors


def chain_digest(previous: str, documents: Sequence[Document]) -> str:
    """Digest of a shard's documents and of all that came before them.

    Raises:
        BadInput: A field or a weight has no form in JSON.
    """
    digest = hashlib.sha256(previous.encode())
    for document in documents:
        content = [document.id, document.text, document.fields, document.vector]
        try:
            digest.update(json.dumps(content, allow_nan=False).encode())
        except (TypeError, ValueError) as error:
            raise BadInput(
                f"a field can't be stored as JSON: {error}", where=document.where or f"document {document.id!r}"
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
        """Write one shard; it counts as finished once its ``.npz`` file has its name.

        Raises:
            WriteFailed: The file system refused.
        """
        arrays = {"digest": np.frombuffer(digest.encode(), np.uint8)}
        for i, vectors in enumerate(raw):
            arrays[f"indptr{i}"] = vectors.indptr
            arrays[f"terms{i}"] = vectors.terms
            arrays[f"weights{i}"] = vectors.weights
            arrays[f"tokens{i}"] = np.frombuffer("\n".join(new_tokens[i]).encode(), np.uint8)
        lines, target = self._paths(number)
        temporary = target.with_suffix(".new")
        with writing(self.folder):
            with lines.open("wb") as stream:
                for document in documents:
                    row = [document.id, json.dumps(document.fields, ensure_ascii=False)]
                    stream.write(json.dumps(row).encode() + b"\n")
                flush(stream)
            with temporary.open("wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type]
                flush(stream)
            temporary.replace(target)

    def finished(self, number: int, digest: str) -> list[list[str]] | None:
        """The new tokens of each space, if the shard is there with that content; otherwise ``None``."""
        try:
            with np.load(self._paths(number)[1], allow_pickle=False) as stored:
                if stored["digest"].tobytes().decode() != digest:
                    return None
                texts = [stored[f"tokens{i}"].tobytes().decode() for i in range(self.spaces)]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return [text.split("\n") if text else [] for text in texts]

    def vectors(self, number: int, space: int) -> SparseVectors:
        """The raw vectors of one space in one shard."""
        with np.load(self._paths(number)[1], allow_pickle=False) as stored:
            return SparseVectors.trusted(stored[f"indptr{space}"], stored[f"terms{space}"], stored[f"weights{space}"])

    def documents(self, count: int) -> Iterator[tuple[str, str]]:
        """Identifier and stored fields (JSON text) of all documents of the first ``count`` shards."""
        for number in range(count):
            with self._paths(number)[0].open("rb") as stream:
                for line in stream:
                    identifier, fields = json.loads(line)
                    yield identifier, fields

    def _paths(self, number: int) -> tuple[Path, Path]:
        stem = f"shard-{number:06}"
        return self.folder / f"{stem}.jsonl", self.folder / f"{stem}.npz"
