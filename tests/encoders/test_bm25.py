import math
import threading

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.encoders import bm25
from lsr.encoders.base import fingerprint
from lsr.encoders.bm25 import load_bm25
from lsr.errors import UsageError

WORDS = ["wing", "flow", "shock", "wave", "heat", "plate", "laminar", "mach"]
collections = st.lists(st.lists(st.sampled_from(WORDS), max_size=30), min_size=1, max_size=12).filter(any)
queries = st.lists(st.sampled_from([*WORDS, "unseen"]), min_size=1, max_size=8)
TEXTS = ["the cat sat on the mat", "cats and dogs", "", "a dog, a dog, a dog!"]


class Statistics:
    def __init__(self, documents, table):
        self.documents = documents
        self.table = table

    def lookup(self, token):
        return self.table.get(token)


def dense(vectors, width):
    out = np.zeros((len(vectors), width))
    for i in range(len(vectors)):
        terms, weights = vectors.row(i)
        out[i, terms] = weights
    return out


def scores(encoder, collection, queries):
    document_vectors = encoder.encode_documents(collection)
    query_vectors = encoder.encode_queries(queries, collection=document_vectors)
    width = len(encoder.document.vocabulary)
    return dense(query_vectors, width) @ dense(document_vectors, width).T


@settings(deadline=None)
@given(collections, queries, st.floats(0, 3), st.floats(0, 1))
def test_scores_equal_bm25s_in_lucene_form(collection, query, k1, b):
    oracle = bm25s.BM25(method="lucene", k1=k1, b=b)
    oracle.index(collection, show_progress=False)
    known = [word for word in query if any(word in row for row in collection)]
    expected = oracle.get_scores(known) if known else np.zeros(len(collection))
    encoder = load_bm25(language="none", k1=k1, b=b)
    found = scores(encoder, [" ".join(row) for row in collection], [" ".join(query)])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_documents_are_term_frequencies_in_order_of_first_appearance():
    encoder = load_bm25()
    raw = encoder.document.encode(TEXTS)
    assert encoder.document.vocabulary.tokens == ["cat", "sat", "mat", "dog"]
    assert raw.to_dicts() == [{"cat": 1, "sat": 1, "mat": 1}, {"cat": 1, "dog": 1}, {}, {"dog": 3}]
    assert raw.weights.dtype == np.float32
    assert raw.terms.dtype == np.uint32
    assert all(np.all(np.diff(raw.row(i)[0].astype(int)) > 0) for i in range(len(raw)))


def test_rows_ascend_by_term_when_a_text_names_old_terms_after_new_ones():
    encoder = load_bm25(language="none")
    encoder.document.encode(["one two three"])
    terms, weights = encoder.document.encode(["new three one three"]).row(0)
    assert terms.tolist() == [0, 2, 3]
    assert weights.tolist() == [1, 2, 1]


def test_counters_add_up_over_batches():
    encoder = load_bm25()
    encoder.document.encode(TEXTS)
    encoder.document.encode(["", "the"])
    counters = encoder.document.counters
    assert (counters.texts, counters.truncated, counters.empty) == (6, 0, 3)


def test_no_texts_give_no_rows():
    encoder = load_bm25()
    assert len(encoder.document.encode([])) == 0
    assert len(encoder.encode_documents([])) == 0


def test_finishing_follows_the_formula_with_exact_lengths():
    encoder = load_bm25(k1=1.2, b=0.75)
    raw = encoder.document.encode(["dog dog cat", "dog"])
    finished = encoder.document.finish(raw, 2.0)

    def weight(frequency, length):
        return frequency / (frequency + 1.2 * (1 - 0.75 + 0.75 * length / 2.0))

    expected = np.array([weight(2, 3), weight(1, 3), weight(1, 1)]).astype(np.float32)
    assert finished.weights.tolist() == expected.tolist()
    assert finished.terms.tolist() == raw.terms.tolist()
    assert raw.weights.tolist() == [2, 1, 1]
    assert finished.vocabulary is encoder.document.vocabulary


def test_finishing_rows_apart_gives_the_same_weights_as_together():
    encoder = load_bm25()
    raw = encoder.document.encode(TEXTS)
    together = encoder.document.finish(raw, 2.5)
    apart = [encoder.document.finish(raw.slice(i, i + 1), 2.5).weights for i in range(len(raw))]
    assert np.concatenate(apart).tolist() == together.weights.tolist()


def test_k1_of_zero_counts_presence_and_an_enormous_k1_stores_no_zero():
    assert load_bm25(k1=0).encode_documents(TEXTS).weights.tolist() == [1.0] * 6
    for k1 in (1e100, 1.7e308):
        assert load_bm25(k1=k1).encode_documents(["dog dog cat", "dog"]).nnz == 0


@given(collections, st.floats(0, 3), st.floats(0, 1))
def test_no_weight_is_above_the_limit_that_the_encoder_promises(collection, k1, b):
    encoder = load_bm25(language="none", k1=k1, b=b)
    weights = encoder.encode_documents([" ".join(row) for row in collection]).weights
    assert weights.max() <= encoder.document.weight_limit == 1.0


def test_b_of_zero_ignores_length():
    encoder = load_bm25(b=0)
    finished = encoder.encode_documents(["dog", "dog " + " ".join(WORDS * 5)])
    assert finished.row(0)[1][0] == finished.row(1)[1][0] == np.float32(1 / 1.9)


def test_queries_count_repeated_words_and_take_idf_from_the_statistics():
    encoder = load_bm25()
    statistics = Statistics(100, {"dog": (7, 10), "cat": (3, 100)})
    terms, weights = encoder.query.encode(["dogs, cats and dog: unicorns"], statistics).row(0)
    assert terms.tolist() == [3, 7]
    idf = [math.log(1 + (100 - 100 + 0.5) / 100.5), math.log(1 + (100 - 10 + 0.5) / 10.5)]
    assert weights.tolist() == np.array([idf[0], 2 * idf[1]]).astype(np.float32).tolist()


def test_a_query_without_known_words_is_an_empty_row():
    statistics = Statistics(10, {"dog": (0, 1)})
    vectors = load_bm25().query.encode(["unicorn", "", "the and", "dog"], statistics)
    assert vectors.to_dicts()[:3] == [{}, {}, {}]
    assert vectors.row(3)[0].tolist() == [0]


def test_queries_need_statistics():
    encoder = load_bm25()
    assert encoder.needs_collection
    with pytest.raises(UsageError, match="none is given"):
        encoder.query.encode(["dog"])
    encoder.encode_documents(TEXTS)
    with pytest.raises(UsageError, match="bm25 weighs query terms by their rarity"):
        encoder.encode_queries(["dog"])


def test_an_encoder_over_a_finished_collection_asks_it_and_takes_in_no_words():
    class Collection(Statistics):
        def find(self, token):
            return self.table[token][0] if token in self.table else None

        def token(self, term):
            return next((token for token, (own, _) in self.table.items() if own == term), None)

        def __len__(self):
            return len(self.table)

    encoder = load_bm25()
    over = encoder.over(Collection(100, {"dog": (7, 10)}))
    assert over.encode_queries(["dogs and cats"]).to_dicts() == [{"dog": pytest.approx(math.log(1 + 90.5 / 10.5))}]
    assert [match.term for match in over.document.matches("a dog, a cat")] == [7]
    assert (over.document_fingerprint, over.query_fingerprint) == (
        encoder.document_fingerprint,
        encoder.query_fingerprint,
    )
    with pytest.raises(UsageError, match="finished collection"):
        over.encode_documents(["cat"])
    assert encoder.encode_documents(["cat"]).to_dicts()[0].keys() == {"cat"}


def test_threads_that_share_an_encoder_see_their_own_collection():
    shared = load_bm25(language="none")
    found, start = {}, threading.Barrier(4)

    def work(number):
        collection = ["same"] + [f"other{number}"] * (10 * number)
        start.wait()
        for _ in range(20):
            documents = shared.encode_documents(collection)
            weight = shared.encode_queries(["same"], collection=documents).weights.tolist()
            found.setdefault(number, set()).add(tuple(weight))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, weights in found.items():
        expected = np.float32(math.log(1 + (10 * number + 0.5) / 1.5))
        assert weights == {(float(expected),)}


def test_matches_are_the_known_words_with_their_places():
    encoder = load_bm25()
    encoder.encode_documents(["cats sat"])
    text = "The dog chased a Cat; CATS sat."
    matches = encoder.document.matches(text)
    assert [(text[m.start : m.end], m.term) for m in matches] == [("Cat", 0), ("CATS", 0), ("sat", 1)]
    assert len(encoder.document.vocabulary) == 2


def test_a_given_vocabulary_is_continued():
    first = load_bm25()
    first.document.encode(TEXTS[:2])
    second = load_bm25(tokens=first.document.vocabulary.tokens)
    rows = second.document.encode(["a new dog"])
    assert rows.to_dicts() == [{"new": 1, "dog": 1}]
    assert second.document.vocabulary.tokens == ["cat", "sat", "mat", "dog", "new"]
    assert first.document.vocabulary.tokens == ["cat", "sat", "mat", "dog"]


def test_a_full_word_cache_changes_nothing(monkeypatch):
    texts = [f"word{i % 7} other{i} word{i % 3}" for i in range(40)]
    expected = load_bm25().document.encode(texts).to_dicts()
    monkeypatch.setattr(bm25, "_CACHE_LIMIT", 5)
    encoder = load_bm25()
    found = [row for text in texts for row in encoder.document.encode([text]).to_dicts()]
    assert found == expected


def test_threads_grow_one_vocabulary_without_losing_or_doubling_words():
    texts = [" ".join(f"w{(i * j) % 211}x" for j in range(300)) for i in range(24)]
    expected = load_bm25(language="none").encode_documents(texts).to_dicts()
    shared, found = load_bm25(language="none"), [None] * len(texts)

    def work(start):
        for i in range(start, len(texts), 8):
            found[i] = shared.document.encode([texts[i]])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tokens = shared.document.vocabulary.tokens
    assert len(set(tokens)) == len(tokens)
    assert [{tokens[t] for t in rows.terms} for rows in found] == [set(row) for row in expected]
    assert [rows.weights.sum() for rows in found] == [300] * 24
    assert shared.document.counters.texts == 24


@pytest.mark.parametrize(
    "options",
    [
        {"k1": -0.1},
        {"k1": math.nan},
        {"k1": math.inf},
        {"b": -0.01},
        {"b": 1.01},
        {"b": math.nan},
        {"k1": "1"},
        {"b": None},
    ],
)
def test_values_out_of_range_are_refused_by_name(options):
    with pytest.raises(UsageError) as caught:
        load_bm25(**options)
    assert caught.value.where == next(iter(options))


def test_what_the_encoder_says_of_itself():
    encoder = load_bm25()
    assert (encoder.name, encoder.source, encoder.weight, encoder.capacity) == ("bm25", "bm25", 1.5, None)
    variants = [{}, {"k1": 1.2}, {"b": 0.75}, {"language": "german"}, {"language": "none"}, {"language": "porter"}]
    assert len({load_bm25(**options).document_fingerprint for options in variants}) == len(variants)
    assert load_bm25(k1=1).document_fingerprint == load_bm25(k1=1.0).document_fingerprint
    assert load_bm25().query_fingerprint == load_bm25(k1=2).query_fingerprint
    assert load_bm25().query_fingerprint != load_bm25(language="german").query_fingerprint
    assert fingerprint(encoder.document.identity) == encoder.document_fingerprint
