"""Oracle equality of the engine (float64 sums in ascending term order, then float32; ties by document number)."""

import numpy as np
import pytest
from dense_columns import Engine
from hypothesis import given, settings
from hypothesis import strategies as st


def oracle(indptr, terms, levels, scale, n, q_terms, q_weights, k):
    order = np.argsort(q_terms, kind="stable")
    rows = np.repeat(np.arange(n), np.diff(indptr))
    score = np.zeros(n)
    for t, w in zip(q_terms[order], q_weights[order]):
        hit = terms == t
        score[rows[hit]] += np.float64(w) * np.float64(scale) * levels[hit]
    score32 = score.astype(np.float32)
    best = np.lexsort((np.arange(n), -score32))
    best = best[score[best] > 0][:k]
    return best, score32[best]


def collection(rng, n, vocab, per_doc, levels=(1, 256)):
    density = np.minimum(1, rng.pareto(0.7, vocab) * per_doc / vocab / 2 + 1e-3)
    hit = [np.sort(rng.choice(n, max(1, int(n * p)), replace=False)) for p in density]
    rows, terms = np.concatenate(hit), np.repeat(np.arange(vocab), [len(h) for h in hit])
    o = np.lexsort((terms, rows))
    rows, terms = rows[o], terms[o].astype(np.int32)
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=n), out=indptr[1:])
    return indptr, terms, rng.integers(*levels, len(terms)).astype(np.uint8)


def check(engine, data, scale, n, q_terms, q_weights, k):
    q_terms, q_weights = np.asarray(q_terms, np.int64), np.asarray(q_weights, np.float32)
    want_d, want_s = oracle(*data, scale, n, q_terms, q_weights, k)
    got_d, got_s = engine.search(q_terms, q_weights, k)
    np.testing.assert_array_equal(got_s, want_s)
    np.testing.assert_array_equal(got_d, want_d)
    d, s, c = engine.search_batch(np.array([0, len(q_terms)], np.int64), q_terms, q_weights, k)
    np.testing.assert_array_equal(d[0, : c[0]], want_d)
    np.testing.assert_array_equal(s[0, : c[0]], want_s)


SCALES = [1.0, float(np.float32(0.0110473633)), 2.0**-9]


@settings(max_examples=250, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 7, 255, 256, 257, 1000, 5000]),
    st.integers(1, 60),
    st.sampled_from([1, 2, 10, 100, 1000, 10**6]),
    st.sampled_from([0.0, 0.06, 0.3, 2.0]),
    st.sampled_from(["real", "wide", "equal", "few levels"]),
)
def test_random(seed, n, m, k, tau, kind):
    rng = np.random.default_rng(seed)
    vocab = 80
    data = collection(rng, n, vocab, 20, (100, 103) if kind == "few levels" else (1, 256))
    scale = SCALES[seed % 3]
    q_terms = rng.integers(0, vocab + 5, m)  # repeated and unknown terms as well, unsorted
    weights = {
        "real": rng.uniform(0.01, 3, m),
        "wide": 10 ** rng.uniform(-6, 2, m),
        "equal": np.ones(m),
        "few levels": rng.integers(0, 3, m),
    }[kind]
    engine = Engine(*data, scale, (n, vocab), tau)
    for _ in range(2):  # the second run shows dirty scratch
        check(engine, data, scale, n, q_terms, weights, k)


@pytest.mark.parametrize("n", [65535, 65536, 65537, 131073])
@pytest.mark.parametrize("tau", [0.0, 0.06, 2.0])
def test_window_borders(n, tau):
    rng = np.random.default_rng(n)
    data = collection(rng, n, 12, 2)
    engine = Engine(*data, SCALES[1], (n, 12), tau)
    for k in (1, 10, 1000, 20000):
        check(engine, data, SCALES[1], n, np.arange(12), rng.uniform(0.1, 3, 12), k)


@pytest.mark.parametrize("tau", [0.06, 2.0])
def test_overflow_and_ties(tau):
    n, m = 70000, 60
    indptr, terms, levels = (
        np.arange(0, n * m + 1, m),
        np.tile(np.arange(m, dtype=np.int32), n),
        np.full(n * m, 255, np.uint8),
    )
    levels[m * 69999 :] = 254
    engine = Engine(indptr, terms, levels, 1.0, (n, m), tau)
    for k in (1, 10, 1000):
        check(engine, (indptr, terms, levels), 1.0, n, np.arange(m), np.full(m, 100), k)


def test_late_window_and_refusals():
    n = 140000  # only the last window matches
    docs = np.arange(n - 500, n)
    indptr = np.searchsorted(docs, np.arange(n + 1)).astype(np.int64)
    data = indptr, np.zeros(500, np.int32), (np.arange(500) % 255 + 1).astype(np.uint8)
    engine = Engine(*data, 1.0, (n, 3), 0.06)
    for k in (1, 10, 100, 500, 1000):
        check(engine, data, 1.0, n, [0, 1], [0.5, 2], k)
    for bad in (-1, np.nan, np.inf):
        with pytest.raises(ValueError):
            engine.search(np.array([0, 1]), np.array([1, bad], np.float32), 10)
    for terms in ([], [7], [-1], [1]):
        assert len(engine.search(np.array(terms, np.int64), np.ones(len(terms), np.float32), 10)[0]) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 10, 100]))
def test_heavy_terms_of_low_levels(seed, k):
    rng = np.random.default_rng(seed)
    indptr, terms, _ = collection(rng, 3000, 20, 10)
    levels = rng.integers(1, np.array([3, 255] * 10)[terms] + 1).astype(np.uint8)
    weights = np.where(np.arange(20) % 2, 10 ** rng.uniform(-3, 0, 20), 10 ** rng.uniform(0, 2, 20))
    engine = Engine(indptr, terms, levels, 1.0, (3000, 20), 0.1)
    check(engine, (indptr, terms, levels), 1.0, 3000, np.arange(20), weights, k)
    check(engine, (indptr, terms, levels), 1.0, 3000, np.arange(2), weights[:2], k)
