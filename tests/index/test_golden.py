"""Indexes that an earlier release has written are read, and give the hits and scores that they gave then."""

import json
from pathlib import Path

import numpy as np
import pytest

from lsr.index.containers import KIND_SHIFT, KINDS
from lsr.index.index import Index
from lsr.searcher import Searcher

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())


@pytest.mark.parametrize("kernel", ["portable", "compiled"])
@pytest.mark.parametrize("impacts", ["uint8", "float32"])
def test_a_golden_index_gives_its_hits(impacts, kernel):
    with Index.open(GOLDEN / impacts, verify=True) as index:
        searcher = Searcher(index, kernel=kernel)
        for case in EXPECTED[impacts]:
            hits = searcher.search_vector(list(case["query"]), list(case["query"].values()), k=12)
            assert [[hit.id, hit.score] for hit in hits] == case["hits"]


def test_golden_indexes_hold_all_that_the_format_has():
    with Index.open(GOLDEN / "uint8") as index:
        assert set((index.segments[0].slots >> KIND_SHIFT).tolist()) == set(KINDS)
        assert index.manifest.spaces[0].scale not in (0.0, 1.0)
        assert index.external_ids([0, 319]) == ["d0", "d319"]
        assert index.catalog.fields([7]) == [{"n": 7}]
        assert {index.vocabularies[0].find(token) for token in ("", "naïve")} == {4, 5}


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.npy")), ids=lambda path: f"{path.parts[-4]} {path.stem}")
def test_its_arrays_can_be_read_by_numpy(path):
    assert np.load(path).ndim == 1
