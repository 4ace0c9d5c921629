"""The shipped SciFact collection as vectors of the embedded model, encoded once and kept as ``.npz`` files."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np

COLLECTION = Path(__file__).resolve().parents[2] / "demo" / "scifact"


def encoded(folder: Path) -> tuple[Path, Path]:
    """Paths of the documents' and the queries' vectors, which are made if they are not there."""
    documents, queries = folder / "scifact-documents.npz", folder / "scifact-queries.npz"
    if documents.exists() and queries.exists():
        return documents, queries
    from lsr.encoders.registry import load_encoder

    print("encoding the shipped SciFact collection once", file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    encoder = load_encoder("splade-tiny", max_length=256)
    vocabulary = len(encoder.parts[0].document.vocabulary)
    corpus = [f"{line.get('title', '')} {line['text']}" for line in _lines(COLLECTION / "corpus.jsonl.gz")]
    asked = [line["text"] for line in _lines(COLLECTION / "queries.jsonl.gz")]
    for path, vectors in (
        (documents, encoder.encode_documents(corpus)),
        (queries, encoder.encode_queries(asked)),
    ):
        np.savez(
            path,
            indptr=vectors.indptr,
            indices=vectors.terms,
            data=vectors.weights,
            shape=np.array([len(vectors), vocabulary]),
        )
    return documents, queries


def _lines(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]
