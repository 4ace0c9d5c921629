"""nDCG@10 of BM25, the embedded model and their blend on judged collections, with float32 and with uint8 impacts.

    python benchmarks/quality.py COLLECTIONS [--max-length 256] [--only scifact nfcorpus] [--json quality.json]

COLLECTIONS is a folder of folders in the BEIR layout. Every text is encoded once, and indexed twice.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from lsr import defaults
from lsr.encoders.base import BlendedEncoder, DocumentEncoder
from lsr.encoders.registry import load_encoder
from lsr.eval.collections import Collection, open_collection
from lsr.eval.systems import evaluate_collection
from lsr.vectors import SparseVectors

MEASURES = "nDCG@10 R@100"


class Remembering:
    """A document encoder that encodes the same batch of texts only once; all else is that of the one inside."""

    def __init__(self, inner: DocumentEncoder) -> None:
        self.inner = inner
        self.known: dict[tuple[str, ...], SparseVectors] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode(self, texts: Sequence[str]) -> SparseVectors:
        key = tuple(texts)
        if key not in self.known:
            self.known[key] = self.inner.encode(texts)
        return self.known[key]


def measure(collection: Collection, max_length: int) -> dict[str, dict[str, float]]:
    """Measures by system and impact type, such as ``{"bm25 float32": {"nDCG@10": ...}}``."""
    encoder = load_encoder(defaults.MODEL, max_length=max_length)
    assert isinstance(encoder, BlendedEncoder)
    for part in encoder.parts:
        if not part.needs_collection:  # BM25 is fast, and its vocabulary belongs to one index
            part.document = cast(DocumentEncoder, Remembering(part.document))
    return {
        f"{result.system} {impacts}": result.measures
        for impacts in ("float32", "uint8")
        for result in evaluate_collection(collection, encoder=encoder, impacts=impacts, measures=MEASURES)
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", type=Path)
    parser.add_argument("--max-length", type=int, default=defaults.INDEX_LENGTH)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
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
