"""How far generated documents differ from real ones in what decides an engine's speed.

Half of the real documents are stretched to the real number, and both sets are measured: density and length of lists,
similarity of a document to its nearest neighbour, and the share of blocks whose bound reaches the k-th score, which are
the blocks that no block-max engine can skip; before and after the documents are reordered.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.generator import generate
from benchmarks.engines.inverted import Lists, invert
from benchmarks.engines.truth import kth_scores, true_scores
from benchmarks.engines.vectors import Documents, Queries

BLOCKS = (8, 32)
SAMPLE = 500
K = 10


def check(real: Documents, queries: Queries, folder: Path, *, sampled: int = SAMPLE) -> str:
    """A Markdown table of real against generated.

    Args:
        real: All real documents.
        queries: Queries for the blocks; the first hundred are asked.
        folder: For the generated documents and the lists.
        sampled: Number of documents whose nearest neighbour is looked for.
    """
    real = real.head(len(real) // 2 * 2)
    made = generate(real.head(len(real) // 2), len(real), folder / f"generated-{len(real)}-from-half")
    sides = [
        measure(documents, queries, folder / f"{name}-{len(real)}", sampled)
        for name, documents in (("real", real), ("made", made))
    ]
    lines = [
        f"{len(real):,} documents, generated from {len(real) // 2:,}",
        "",
        "| | real | generated | difference |",
        "|---|---|---|---|",
    ]
    for name, value in sides[0].items():
        other = sides[1][name]
        lines.append(f"| {name} | {_short(value)} | {_short(other)} | {(other - value) / value if value else 0:+.1%} |")
    return "\n".join(lines)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def measure(documents: Documents, queries: Queries, folder: Path, sampled: int) -> dict[str, float]:
    """The figures of one set."""
    lists = invert(documents, folder / "lists")
    figures = _shape(documents, lists, queries) | _neighbours(documents, lists, sampled)
    thresholds = [kth_scores(true_scores(lists, *queries.row(q)), [K])[K][0] for q in range(min(100, len(queries)))]
    figures |= _surviving(lists, queries, thresholds, "as they are")
    reorder = _reordering()
    if reorder is not None:
        moved = documents.take(reorder(documents))
        figures |= _surviving(invert(moved, folder / "reordered-lists"), queries, thresholds, "reordered")
    return figures


def _shape(documents: Documents, lists: Lists, queries: Queries) -> dict[str, float]:
    lengths = np.diff(lists.borders)
    used = lengths[lengths > 0]
    touched = np.add.reduceat(lengths[queries.terms], queries.starts[:-1])
    return {
        "terms a document": documents.postings / len(documents),
        "terms used": float(len(used)),
        **{f"list length, {share} %": float(np.percentile(used, share)) for share in (50, 90, 99)},
        "longest list": float(used.max()),
        **{
            f"postings in terms of density above {density}": float(used[used > density * len(documents)].sum())
            / documents.postings
            for density in (0.2, 0.05, 0.01)
        },
        "postings that a query touches, per document": float(touched.mean()) / len(documents),
    }


def _neighbours(documents: Documents, lists: Lists, sampled: int) -> dict[str, float]:
    """Cosine of a document to the most similar other one."""
    squares = np.concatenate([[0.0], np.cumsum(documents.levels.astype(np.float64) ** 2)])
    norms = np.sqrt(np.maximum(np.diff(squares[documents.starts]), 1.0))
    nearest = []
    for number in np.random.default_rng(1).choice(len(documents), min(sampled, len(documents)), replace=False).tolist():
        terms, levels = documents.row(number)
        similar = true_scores(lists, terms, levels.astype(np.float32)) / (norms * norms[number])
        similar[number] = 0.0
        nearest.append(float(similar.max()))
    return {f"nearest neighbour's cosine, {share} %": float(np.percentile(nearest, share)) for share in (10, 50, 90)}


def _surviving(lists: Lists, queries: Queries, thresholds: list[float], order: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for size in BLOCKS:
        survived = [
            float(np.mean(block_bounds(lists, *queries.row(q), size) >= threshold))
            for q, threshold in enumerate(thresholds)
        ]
        shares[f"blocks of {size} that reach the top {K}, {order}"] = float(np.mean(survived))
    return shares


def block_bounds(
    lists: Lists, terms: NDArray[np.uint32], weights: NDArray[np.float32], size: int
) -> NDArray[np.float64]:
    """For each block of documents the sum of its largest impacts, float64 [blocks]."""
    bounds = np.zeros(-(-lists.size // size), np.float64)
    for term, weight in zip(terms.tolist(), weights.tolist(), strict=True):
        documents, levels = lists.of(term)
        if len(documents):
            blocks = documents // size
            edges = np.flatnonzero(np.diff(blocks, prepend=np.int64(-1)))
            bounds[blocks[edges]] += weight * np.maximum.reduceat(levels, edges)
    return bounds


def _reordering() -> Callable[[Documents], NDArray[np.uint32]] | None:
    try:
        from lsr.index.forward import Rows
        from lsr.index.reordering import reorder
    except ImportError:
        print("this version of lsr does not reorder documents: left out", file=sys.stderr)
        return None
    return lambda documents: reorder(
        Rows(0, np.asarray(documents.starts), np.asarray(documents.terms), np.asarray(documents.levels))
    )
