"""nDCG@10 of BM25, the embedded model and their blend on judged collections, with float32 and with uint8 impacts.

    python benchmarks/quality.py COLLECTIONS [--max-length 256] [--only scifact nfcorpus] [--json quality.json]

COLLECTIONS is a folder of folders in the BEIR layout. Every text is encoded once, and indexed twice.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lsr.encoders.base import BlendedEncoder, Counters, DocumentEncoder, Match
from lsr.encoders.registry import load_encoder
from lsr.eval.collections import Collection, open_collection
from lsr.eval.systems import evaluate_index
from lsr.index import Index
from lsr.vectors import SparseVectors, Vocabulary

MEASURES = "nDCG@10 R@100"


class Remembering:
    """A document encoder that encodes the same batch of texts only once."""

    def __init__(self, inner: DocumentEncoder) -> None:
        self.inner = inner
        self.vocabulary: Vocabulary = inner.vocabulary
        self.counters: Counters = inner.counters
        self.identity: Mapping[str, Any] = inner.identity
        self.needs_collection = inner.needs_collection
        self.known: dict[tuple[str, ...], SparseVectors] = {}

    def encode(self, texts: Sequence[str]) -> SparseVectors:
        key = tuple(texts)
        if key not in self.known:
            self.known[key] = self.inner.encode(texts)
        return self.known[key]

    def finish(self, raw: SparseVectors, mean_mass: float) -> SparseVectors:
        return self.inner.finish(raw, mean_mass)

    def matches(self, text: str) -> list[Match]:
        return self.inner.matches(text)


def measure(collection: Collection, max_length: int) -> dict[str, dict[str, float]]:
    """Measures by system and impact type, such as ``{"bm25 float32": {"nDCG@10": ...}}``."""
    encoder = load_encoder("splade-tiny+bm25", max_length=max_length)
    assert isinstance(encoder, BlendedEncoder)
    for part in encoder.parts:
        if part.capacity is not None:  # BM25 is fast, and its vocabulary belongs to one index
            part.document = Remembering(part.document)
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for impacts in ("float32", "uint8"):
            path = Path(folder) / impacts
            Index.build(path, collection.documents(), encoder=encoder, impacts=impacts).close()
            for result in evaluate_index(path, collection.queries, collection.qrels, measures=MEASURES):
                rows[f"{result.system} {impacts}"] = result.measures
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", type=Path)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    folders = sorted(path for path in chosen.collections.iterdir() if (path / "qrels").is_dir())
    table: dict[str, dict[str, dict[str, float]]] = {}
    header: list[str] = []
    for folder in folders:
        if chosen.only and folder.name not in chosen.only:
            continue
        started = time.monotonic()
        table[folder.name] = rows = measure(open_collection(folder, "test"), chosen.max_length)
        if not header:
            header = list(rows)
            print("| collection | " + " | ".join(header) + " | s |")
            print("|---" * (len(header) + 2) + "|")
        figures = " | ".join(f"{rows[name]['nDCG@10']:.4f}" for name in header)
        print(f"| {folder.name} | {figures} | {time.monotonic() - started:.0f} |", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
