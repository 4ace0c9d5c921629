"""Latency figures, with a clock that the searcher itself moves on."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from lsr.errors import UsageError
from lsr.eval import measure_latency
from lsr.index import Index
from lsr.searcher import Searcher as RealSearcher
from lsr.vectors import SparseVectors

KEYS = ["k", "queries", "threads", "mean_us", "p50_us", "p95_us", "p99_us", "encode_us", "exact"]


class Clock:
    """A clock for each thread, in nanoseconds."""

    def __init__(self):
        self.local = threading.local()

    def __call__(self):
        return getattr(self.local, "now", 0)

    def advance(self, microseconds):
        self.local.now = self() + round(1000 * microseconds)


class Searcher:
    """Takes ``cost(term, k, nth search of it)`` microseconds for a query of one term, and 7 to encode a text."""

    def __init__(self, cost):
        self.clock = Clock()
        self.cost = cost
        self.seen = {}
        self.encoded = []
        self.batches = []
        self.inexact = set()

    def encode_queries(self, texts, blend=None):
        self.encoded.extend(texts)
        self.clock.advance(7 * len(texts))
        return SparseVectors.from_rows([([int(text)], [1.0]) for text in texts])

    def search_batch(self, queries, k, threads=1):
        if len(queries) > 1:
            self.batches.append((len(queries), k, threads))
            self.clock.advance(1000 * len(self.batches))
            return SimpleNamespace(exact=True)
        term = int(queries.terms[0])
        nth = self.seen[term, k] = self.seen.get((term, k), -1) + 1
        self.clock.advance(self.cost(term, k, nth))
        return SimpleNamespace(exact=(term, k) not in self.inexact)


@pytest.fixture
def real_searcher(monkeypatch, tmp_path):
    monkeypatch.setenv("LSR_CACHE", str(tmp_path / "cache"))
    documents = [{"id": "d1", "text": "red fox"}, {"id": "d2", "text": "red hen"}]
    with Index.build(tmp_path / "toy.idx", documents, encoder="bm25") as index:
        yield RealSearcher(index)


def vectors(n):
    return SparseVectors(np.arange(n + 1), np.arange(n), np.ones(n))


def test_figures_are_those_of_the_queries():
    searcher = Searcher(lambda term, k, nth: 10 * (term + 1) + k)
    rows = measure_latency(searcher, vectors(5), [1, 100], clock=searcher.clock)
    assert [list(row) for row in rows] == [KEYS, KEYS]
    assert rows[0] == {
        "k": 1, "queries": 5, "threads": 1, "mean_us": 31.0, "p50_us": 31.0, "p95_us": pytest.approx(49.0),
        "p99_us": pytest.approx(50.6), "encode_us": 0.0, "exact": True,
    }  # fmt: skip
    assert (rows[1]["k"], rows[1]["p50_us"]) == (100, 130.0)
    assert all(type(row["mean_us"]) is float for row in rows)


def test_the_first_round_warms_up_and_one_slow_round_does_not_show():
    slow_rounds = {0: 1e6, 2: 1e4}
    searcher = Searcher(lambda term, k, nth: slow_rounds.get(nth, 5.0))
    row = measure_latency(searcher, vectors(3), [10], clock=searcher.clock)[0]
    assert (row["mean_us"], row["p99_us"]) == (5.0, 5.0)
    assert set(searcher.seen.values()) == {3}


def test_encoding_is_measured_apart_and_once_for_all_k():
    searcher = Searcher(lambda term, k, nth: 2.0)
    rows = measure_latency(searcher, ["4", "5", "6"], [1, 10], rounds=2, clock=searcher.clock)
    assert [(row["encode_us"], row["mean_us"]) for row in rows] == [(7.0, 2.0), (7.0, 2.0)]
    assert searcher.encoded == ["4", "4", "5", "6"]


def test_hits_are_exact_if_those_of_every_query_are():
    searcher = Searcher(lambda term, k, nth: 1.0)
    searcher.inexact.add((2, 100))
    rows = measure_latency(searcher, vectors(4), [10, 100], clock=searcher.clock)
    assert [row["exact"] for row in rows] == [True, False]


def test_with_several_threads_the_mean_is_that_of_the_batch_and_the_percentiles_those_of_single_searches():
    searcher = Searcher(lambda term, k, nth: 3.0)
    row = measure_latency(searcher, vectors(4), [10], threads=2, rounds=3, clock=searcher.clock)[0]
    assert searcher.batches == [(4, 10, 2)] * 4
    assert row["mean_us"] == 3000 / 4
    assert (row["p50_us"], row["p99_us"], row["threads"]) == (3.0, 3.0, 2)


@pytest.mark.parametrize("threads", [1, 2])
def test_texts_and_their_vectors_are_measured_through_an_index(real_searcher, threads):
    texts = ["red hen", "fox"]
    of_texts = measure_latency(real_searcher, texts, [1, 10], threads=threads)
    of_vectors = measure_latency(real_searcher, real_searcher.encode_queries(texts), [1, 10], threads=threads)
    assert [(row["k"], row["queries"], row["threads"]) for row in of_texts] == [(1, 2, threads), (10, 2, threads)]
    assert all(row["p99_us"] >= row["p50_us"] > 0 and row["mean_us"] > 0 for row in [*of_texts, *of_vectors])
    assert of_texts[0]["encode_us"] > 0 == of_vectors[0]["encode_us"]


@pytest.mark.parametrize(
    ("queries", "ks", "options", "message"),
    [
        ([], [10], {}, "nothing to measure"),
        (["1"], [], {}, "nothing to measure"),
        (["1"], [10, 0], {}, "k must be"),
        (["1"], [10], {"threads": 0}, "threads must be"),
        (["1"], [10], {"rounds": 0}, "rounds must be"),
    ],
)
def test_what_cannot_be_measured_is_refused(queries, ks, options, message):
    searcher = Searcher(lambda term, k, nth: 1.0)
    with pytest.raises(UsageError, match=message):
        measure_latency(searcher, queries, ks, clock=searcher.clock, **options)
