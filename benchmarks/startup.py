"""How long until the first answer: `lsr --help`, `lsr search` on 100,000 stored passages, and what `lsr warmup` saves.

    python benchmarks/startup.py [--passages 100000] [--index DIR] [--rounds 5]

Passages are made from the shipped SciFact abstracts: two random sentences and a made-up number word each. The model
encodes every sentence once, and a passage's vector is the larger weight of its two sentences, term by term; BM25 sees
the passage's own words. Times are medians over fresh processes with warm file caches; memory is the largest of any.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lsr.documents import Document
from lsr.encoders.base import BlendedEncoder
from lsr.encoders.registry import load_encoder
from lsr.index import Index
from lsr.sources import open_documents
from lsr.vectors import SparseVectors

SCIFACT = Path(__file__).resolve().parents[1] / "demo" / "scifact"
QUERY = "how do cancer cells hide from the immune system"
FIRST_QUERY = (
    "import time; start = time.perf_counter(); import lsr, sys;"
    "searcher = lsr.Searcher(lsr.Index.open(sys.argv[1]), kernel='compiled');"
    "searcher.search(sys.argv[2]); print(time.perf_counter() - start)"
)


class PairOfSentences:
    """The model's document encoder for passages of two known sentences."""

    def __init__(self, inner: object, sentences: Sequence[str]) -> None:
        self.inner = inner
        self.rows = {text: row for row, text in enumerate(sentences)}
        self.vectors = inner.encode(sentences)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def encode(self, texts: Sequence[str]) -> SparseVectors:
        rows = []
        for text in texts:
            first, second = (self.vectors.row(self.rows[part]) for part in text.split(" | ")[:2])
            terms = np.concatenate([first[0], second[0]])
            weights = np.concatenate([first[1], second[1]])
            order = np.lexsort((-weights, terms))
            terms, weights = terms[order], weights[order]
            keep = np.concatenate([[True], terms[1:] != terms[:-1]])
            rows.append((terms[keep], weights[keep]))
        return SparseVectors.from_rows(rows)


def passages(sentences: Sequence[str], count: int) -> Iterator[Document]:
    chance = random.Random(1)
    for i in range(count):
        text = f"{chance.choice(sentences)} | {chance.choice(sentences)} | number{i % 9973}"
        yield Document(f"p{i}", text, {"text": text})


def build(path: Path, count: int) -> None:
    abstracts = [document.fields["text"] for document in open_documents(SCIFACT)]
    sentences = sorted(
        {s.strip() for text in abstracts[:900] for s in re.split(r"(?<=[.!?])\s", text) if 40 < len(s) < 300}
    )
    sentences = [s for s in sentences if " | " not in s]
    encoder = load_encoder("splade-tiny+bm25")
    assert isinstance(encoder, BlendedEncoder)
    encoder.parts[0].document = PairOfSentences(encoder.parts[0].document, sentences)  # type: ignore[assignment]
    print(f"{len(sentences)} sentences encoded; indexing {count} passages", file=sys.stderr)
    Index.build(path, passages(sentences, count), encoder=encoder, force=True).close()


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> tuple[float, float, str]:
    """Wall seconds, peak resident MB, and the output of one fresh process."""
    started = time.perf_counter()
    environment = {**os.environ, **(environment or {})}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its compiled modules beside it
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024, output


def report(name: str, samples: list[tuple[float, float, str]]) -> None:
    seconds = statistics.median(sample[0] for sample in samples)
    print(f"| {name} | {seconds:.3f} | {max(sample[1] for sample in samples):.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", action="store_true", help="only build the index")
    chosen = parser.parse_args()
    if chosen.build:
        build(chosen.index, chosen.passages)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.index or Path(folder) / "index"
        if not path.exists():
            # In a process of its own: the peak memory of a child counts what its parent held when it was started.
            numbers = ["--passages", str(chosen.passages)]
            subprocess.run([sys.executable, __file__, "--build", "--index", str(path), *numbers], check=True)
        lsr = [sys.executable, "-m", "lsr"]
        subprocess.run([*lsr, "warmup", str(path)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        print("| process | seconds, median | peak MB |\n|---|---|---|")
        report("lsr --help", [run([*lsr, "--help"]) for _ in range(chosen.rounds)])
        report("lsr search", [run([*lsr, "search", str(path), QUERY]) for _ in range(chosen.rounds)])
        first = [sys.executable, "-c", FIRST_QUERY, str(path), QUERY]
        cold = {"NUMBA_CACHE_DIR": str(Path(folder) / "numba")}
        samples = []
        for _ in range(chosen.rounds):
            shutil.rmtree(cold["NUMBA_CACHE_DIR"], ignore_errors=True)
            samples.append(run(first, cold))
        report("first query with the compiled kernel, before warmup", samples)
        report("first query with the compiled kernel, after warmup", [run(first) for _ in range(chosen.rounds)])


if __name__ == "__main__":
    main()
