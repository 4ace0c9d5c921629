"""Looking up terms, and taking scores apart."""

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import WORDS, word_encoder

from lsr.encoders.base import BlendedEncoder
from lsr.encoders.bm25 import load_bm25
from lsr.errors import UsageError
from lsr.index.index import Index
from lsr.searcher import Searcher
from lsr.vectors import SparseVectors, TokenTable

words = st.sampled_from([*WORDS, "pie"])
texts = st.lists(words, max_size=8).map(" ".join)


def blend():
    return BlendedEncoder((word_encoder(step=0.7), load_bm25(language="none")))


@pytest.fixture(scope="module")
def nameless(tmp_path_factory):
    """An index of ready vectors whose terms have no names."""
    vectors = SparseVectors([0, 2, 3], [1, 7, 7], [1.0, 2.0, 1.0])
    with Index.build(tmp_path_factory.mktemp("nameless") / "x", vectors) as index:
        yield Searcher(index)


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    with Index.build(
        tmp_path_factory.mktemp("named") / "x", [{"id": "a", "text": "apple pie 42 42:7"}], encoder=blend()
    ) as index:
        yield Searcher(index, blend())


WRONG = {
    "an encoder that is a number": lambda searcher: Searcher(searcher.index, 5),
    "a blend that is a string": lambda searcher: searcher.search("apple", blend="words=1"),
    "a blend that is a list": lambda searcher: searcher.search("apple", blend=["words"]),
    "no queries": lambda searcher: searcher.search_batch(None),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_arguments_of_another_kind_are_usage_errors(named, call):
    with pytest.raises(UsageError) as caught:
        call(named)
    assert caught.value.hint


def test_terms_without_names_are_called_by_their_numbers(nameless):
    assert [nameless.find_term(token) for token in ("7", "007", "vectors:7")] == [7, 7, 7]
    by_name = nameless.search_vector(["7", "1"], [1.0, 0.5])
    assert [(hit.id, hit.score) for hit in by_name] == [("0", 2.5), ("1", 1.0)]
    assert list(by_name) == list(nameless.search_vector([7, 1], [1.0, 0.5]))


@pytest.mark.parametrize("token", ["cat", "", "-7", "7.0", "\u0667", str(2**32), "9" * 5000, "other:7", "vectors:"])
def test_what_names_no_term_id_is_unknown(nameless, token):
    assert nameless.find_term(token) is None


def test_where_terms_have_names_a_number_is_a_word(named):
    base = named.index.manifest.space("bm25").base
    forty_two = named.index.vocabularies[1].find("42")
    assert named.find_term("42") == named.find_term("bm25:42") == base + forty_two
    assert named.find_term("words:42") is None
    assert named.find_term("0") is None


@given(
    documents=st.lists(texts, min_size=1, max_size=6),
    query=texts,
    weights=st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)),
    impacts=st.sampled_from(["uint8", "float32"]),
)
def test_an_explanation_has_exactly_the_score_of_its_hit(tmp_path_factory, documents, query, weights, impacts):
    rows = [{"id": f"d{i}", "text": text} for i, text in enumerate(documents)]
    chosen = dict(zip(("words", "bm25"), weights, strict=True))
    path = tmp_path_factory.mktemp("explained") / "x"
    with Index.build(path, rows, encoder=blend(), impacts=impacts) as index:
        searcher = Searcher(index, blend())
        vector = searcher.encode_queries([query], blend=chosen)
        for hit in searcher.search(query, blend=chosen):
            explanation = searcher.explain_hit(vector, hit, blend=chosen)
            assert explanation.score == hit.score
            assert explanation.blend == chosen
            assert explanation == searcher.explain(query, hit.id, blend=chosen)
            assert searcher.gains(vector, hit) == {part.term: part.score for part in explanation.contributions}


def test_gains_need_no_names(named, monkeypatch):
    vector = named.encode_queries(["apple pie"])
    (hit,) = named.search("apple pie")
    monkeypatch.setattr("lsr.index.catalog.CatalogVocabulary.token", None)
    assert sum(named.gains(vector, hit).values()) == pytest.approx(hit.score, rel=1e-6)


ASK = {
    "search": lambda searcher, vector, hit: searcher.search("apple"),
    "search_vector": lambda searcher, vector, hit: searcher.search_vector([0], [1.0]),
    "search_batch of vectors": lambda searcher, vector, hit: searcher.search_batch(vector),
    "search_batch of texts": lambda searcher, vector, hit: searcher.search_batch(["apple"]),
    "encode_queries": lambda searcher, vector, hit: searcher.encode_queries(["apple"]),
    "explain": lambda searcher, vector, hit: searcher.explain("apple", "a"),
    "explain_hit": lambda searcher, vector, hit: searcher.explain_hit(vector, hit),
    "gains": lambda searcher, vector, hit: searcher.gains(vector, hit),
    "find_term": lambda searcher, vector, hit: searcher.find_term("apple"),
    "matches": lambda searcher, vector, hit: searcher.matches("apple"),
}


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
@pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
def test_a_closed_index_answers_nothing(tmp_path, ask, used):
    with Index.build(tmp_path / "x", [{"id": "a", "text": "apple"}], encoder=blend()) as index:
        searcher, other = Searcher(index, blend()), Searcher(index, blend())
        vector, (hit,) = other.encode_queries(["apple"]), other.search("apple")
        if used:
            ask(searcher, vector, hit)
    with pytest.raises(UsageError, match="closed"):
        ask(searcher, vector, hit)


@pytest.mark.slow
@pytest.mark.parametrize("impacts", ["uint8", "float32"])
def test_both_kernels_answer_like_the_oracle_over_a_large_index(tmp_path, impacts):
    random = np.random.default_rng(7)
    rows = [
        dict(zip(random.choice(300, size=8, replace=False).tolist(), random.integers(1, 256, 8).tolist(), strict=True))
        for _ in range(50_000)
    ]
    vectors = SparseVectors.from_rows((list(row), list(row.values())) for row in rows)
    vectors.vocabulary = TokenTable([f"t{i}" for i in range(300)])
    queries = [
        dict(zip(random.choice(300, size=6, replace=False).tolist(), [1.0, 0.5, 2.0, 1.0, 0.25, 3.0], strict=True))
        for _ in range(10)
    ]
    asked = SparseVectors.from_rows((list(query), list(query.values())) for query in queries)
    with Index.build(tmp_path / "x", vectors, impacts=impacts) as index:
        for k in (10, 5000):
            expected = [oracle.top(rows, query, k) for query in queries]
            for kernel in ("portable", "compiled"):
                found = Searcher(index, kernel=kernel).search_batch(asked, k, threads=2)
                numbers, scores = found.documents.tolist(), found.scores.tolist()
                assert [list(zip(*row, strict=True)) for row in zip(numbers, scores, strict=True)] == expected
