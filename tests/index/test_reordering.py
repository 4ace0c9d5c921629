"""An order is a permutation, is the same for any number of threads, and brings similar documents together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.index import reordering
from lsr.index.forward import Rows
from lsr.index.reordering import reorder
from lsr.vectors import TERM_LIMIT, SparseVectors


def rows_of(documents):
    vectors = SparseVectors.from_rows([(sorted(terms), [1.0] * len(terms)) for terms in documents])
    return Rows(0, vectors.indptr, vectors.terms, np.ones(len(vectors.terms), np.uint8))


def topics(count, size, seed=0):
    """Documents of a few topics in random order: each topic has its own twenty terms, and all share ten."""
    random = np.random.default_rng(seed)
    topic = random.permutation(np.repeat(np.arange(count), size))
    own = [set((20 * t + random.choice(20, 8, replace=False)).tolist()) for t in topic]
    return topic, [terms | {10_000 + int(i) for i in random.choice(10, 3, replace=False)} for terms in own]


@given(st.lists(st.sets(st.sampled_from([0, 1, 2, 3, 70_000, TERM_LIMIT - 1]), max_size=5), min_size=1, max_size=80))
def test_any_rows_are_ordered_by_a_permutation(documents):
    order = reorder(rows_of(documents))
    assert order.dtype == np.uint32
    assert sorted(order.tolist()) == list(range(len(documents)))


def test_documents_of_a_topic_come_to_lie_together():
    topic, documents = topics(8, 64)
    changes = np.count_nonzero(np.diff(topic[reorder(rows_of(documents))]))
    assert changes < 20  # 7 if every topic lies together, about 450 in random order


@pytest.mark.parametrize("apart", [32, 100_000])
def test_threads_do_not_change_the_order(apart, monkeypatch):
    monkeypatch.setattr(reordering, "APART", apart)
    rows = rows_of(topics(6, 50)[1])
    expected = reorder(rows).tolist()
    assert reorder(rows, threads=2).tolist() == expected
    assert reorder(rows, threads=5).tolist() == expected


def test_little_memory_leaves_out_frequent_terms_and_still_orders():
    topic, documents = topics(8, 64)
    everywhere = [terms | {20_000 + i for i in range(5)} for terms in documents]
    edges = 2 * sum(len(terms) for terms in documents)
    changes = np.count_nonzero(np.diff(topic[reorder(rows_of(everywhere), memory=edges)]))
    assert changes < 20
    assert reorder(rows_of(documents), memory=0).tolist() == list(range(512))


def test_wide_term_ids_are_found_without_a_table():
    _, documents = topics(4, 40)
    far = [{term + TERM_LIMIT - 30_000 for term in terms} for terms in documents]
    assert np.array_equal(reorder(rows_of(far)), reorder(rows_of(documents)))
