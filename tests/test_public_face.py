"""The Python face that scripts rely on."""

import struct
import threading
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from toy import WORDS, word_encoder

import lsr
from lsr.encoders.base import BlendedEncoder, Match
from lsr.encoders.bm25 import load_bm25
from lsr.errors import BadInput, ModelMismatch, NotFound, UsageError
from lsr.vectors import TokenTable

DOCUMENTS = [
    {"id": "d0", "text": "apple banana pie", "url": "u0"},
    {"id": "d1", "text": "apple apple apple cherry"},
    {"id": "d2", "text": "banana pie pie"},
    {"id": "d3", "text": "nothing here"},
]


def blend():
    return BlendedEncoder((word_encoder(step=0.7), load_bm25(language="none")))


@pytest.fixture
def index(tmp_path):
    with lsr.Index.build(tmp_path / "x", DOCUMENTS, encoder=blend()) as made:
        yield made


@pytest.fixture
def searcher(index):
    return lsr.Searcher(index, blend())


@pytest.fixture
def vectors_index(tmp_path):
    vectors = lsr.SparseVectors([0, 2, 3], [1, 3, 3], [1, 2, 1], vocabulary=TokenTable(["a", "b", "c", "d"]))
    with lsr.Index.build(tmp_path / "v", vectors) as made:
        yield made


def ranking(results):
    return [(hit.id, hit.score) for hit in results]


def test_the_embedded_blend_from_documents_to_hits(tmp_path):
    with lsr.Index.build(tmp_path / "x", DOCUMENTS[:2]) as index:
        results = lsr.Searcher(index).search("apple pie", k=5)
    assert results[0].id == "d0"
    assert results.known_terms > 2
    assert [hit.rank for hit in results] == list(range(1, len(results) + 1))


def test_hits_tell_what_they_are(searcher):
    results = searcher.search("apple pie", k=3)
    assert (len(results), results.known_terms, results.exact, results.generation) == (3, 3, True, "gen-1")
    best = results[0]
    assert (best.rank, best.number, best.id, results[:2]) == (1, 1, "d1", list(results)[:2])
    assert {hit.id: hit.fields for hit in results}["d0"] == {"text": "apple banana pie", "url": "u0"}
    assert repr(results).startswith("Results([Hit(rank=1, id='d1', score=")


def test_k_beyond_the_collection_and_unknown_words_are_no_errors(searcher):
    assert len(searcher.search("apple", k=100)) == 2
    for text in ("", "zzz"):
        nothing = searcher.search(text)
        assert (len(nothing), nothing.known_terms) == (0, 0)


@pytest.mark.parametrize("k", [0, -1, True, 2.0, "3"])
def test_k_must_be_a_positive_whole_number(searcher, k):
    for call in (searcher.search, searcher.search_batch):
        with pytest.raises(UsageError, match="k is"):
            call("apple", k)
    with pytest.raises(UsageError, match="k is"):
        searcher.search_vector([1], [1], k)


def test_a_text_must_be_text(searcher):
    with pytest.raises(UsageError, match="text 0 is a int"):
        searcher.search(5)
    with pytest.raises(UsageError, match="lone surrogate"):
        searcher.search("\ud800")
    with pytest.raises(UsageError, match="got a single one"):
        searcher.search_batch("apple")


def test_blend_weights_change_scores_as_a_weighted_sum(searcher):
    only = {
        name: dict(ranking(searcher.search("apple pie", blend={**dict.fromkeys(("words", "bm25"), 0), name: 1})))
        for name in ("words", "bm25")
    }
    both = ranking(searcher.search("apple pie", blend={"words": 2, "bm25": 0.5}))
    for name, score in both:
        expected = 2 * only["words"].get(name, 0) + 0.5 * only["bm25"].get(name, 0)
        assert score == pytest.approx(expected, rel=1e-6)
    assert searcher.search("pie", blend={"bm25": 0}).known_terms == 0


def test_blend_weights_that_are_not_named_are_the_manifests(searcher):
    assert searcher.blend() == {"words": 1.0, "bm25": 1.5}
    assert searcher.blend({"words": np.float32(2)}) == {"words": 2.0, "bm25": 1.5}
    assert ranking(searcher.search("apple pie")) == ranking(searcher.search("apple pie", blend={"bm25": 1.5}))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"bm24": 1}, "did you mean bm25"),
        ({"q": 1}, "it has words, bm25"),
        ({"bm25": -1}, "bm25 is -1"),
        ({"bm25": nan}, "bm25 is nan"),
        ({"bm25": inf}, "bm25 is inf"),
        ({"bm25": 1e39}, r"bm25 is 1e\+39"),
        ({"bm25": 1e-50}, "bm25 is 1e-50"),
        ({"bm25": True}, "bm25 is True"),
        ({"bm25": "1"}, "bm25 is '1'"),
        ({"bm25": 0, "words": 0}, "all blend weights are zero"),
    ],
)
def test_a_blend_that_makes_no_sense_is_refused(searcher, chosen, message):
    with pytest.raises(UsageError, match=message):
        searcher.search("apple", blend=chosen)


def test_batches_are_arrays_with_the_same_answers(searcher):
    texts = ["apple pie", "zzz", "cherry", "banana banana"]
    expected = [ranking(searcher.search(text, 3, blend={"bm25": 1})) for text in texts]
    for threads in (1, 3):
        found = searcher.search_batch(iter(texts), 3, threads, blend={"bm25": 1})
        assert (found.documents.dtype, found.scores.dtype, found.documents.shape) == (np.int64, np.float32, (4, 3))
        rows = [
            [(f"d{number}", score) for number, score in zip(numbers[:n], scores[:n], strict=True)]
            for numbers, scores, n in zip(
                found.documents.tolist(), found.scores.tolist(), found.counts.tolist(), strict=True
            )
        ]
        assert rows == expected


def test_a_batch_of_vectors_is_used_as_it_is(searcher):
    queries = searcher.encode_queries(["apple pie"])
    found = searcher.search_batch(queries, 2)
    assert found.scores[0].tolist() == [hit.score for hit in searcher.search("apple pie", 2)]
    with pytest.raises(UsageError, match="scale the weights"):
        searcher.search_batch(queries, 2, blend={"bm25": 1})


def test_vectors_by_id_token_and_space(index):
    searcher = lsr.Searcher(index)  # no encoder can be loaded for "words", and none is needed
    base = index.manifest.space("bm25").base
    by_id = searcher.search_vector([0, base + 2], [1.0, 2.0])
    assert ranking(by_id) == ranking(searcher.search_vector(["apple", "pie"], [1.0, 2.0]))
    assert ranking(by_id) == ranking(searcher.search_vector(np.array([base + 2, 0]), np.array([2.0, 1.0])))
    assert ranking(by_id) == ranking(searcher.search_vector(("words:apple", "bm25:pie"), (1, 2)))
    in_bm25 = searcher.search_vector(["bm25:apple"], [1.0])
    assert ranking(in_bm25) == ranking(searcher.search_vector([base], [1.0]))
    assert ranking(in_bm25) != ranking(searcher.search_vector(["apple"], [1.0]))


def test_unknown_tokens_of_a_vector_are_left_out(index):
    searcher = lsr.Searcher(index)
    expected = searcher.search_vector(["apple"], [1.0])
    found = searcher.search_vector(["apple", "zzz", "words:zzz", "other:apple", "\ud800"], [1.0, 5, 5, 5, 5])
    assert ranking(found) == ranking(expected)
    assert found.known_terms == 1
    assert len(searcher.search_vector([], [])) == 0


@pytest.mark.parametrize(
    ("terms", "weights", "error", "message"),
    [
        ([1, 2], [1.0], BadInput, "2 terms and 1 weights"),
        ([1, 1], [1.0, 2.0], BadInput, "names term 1 twice"),
        (["apple", "words:apple"], [1.0, 2.0], BadInput, "names term 0 twice"),
        ([1], [nan], BadInput, "weight 0 is nan"),
        ([1], [-1.0], BadInput, "weight 0 is -1"),
        (["zzz"], [inf], BadInput, "weight 0 is inf"),
        ([-1], [1.0], BadInput, "term ids must lie between"),
        ([2**32], [1.0], BadInput, "term ids must lie between"),
        ([1.5], [1.0], BadInput, "terms must be"),
        ([1, "a"], [1.0, 1.0], BadInput, "terms must be"),
        (["a", [1]], [1.0, 1.0], BadInput, "terms can't be read as an array"),
        ([1], ["x"], BadInput, "weights must be"),
        ("apple", [1.0], UsageError, "terms must be several values"),
        (5, [1.0], UsageError, "terms must be several values"),
        ([1], 1.0, UsageError, "weights must be several values"),
        (np.array(1), np.array(1.0), UsageError, "terms must be several values"),
    ],
)
def test_a_vector_that_makes_no_sense_is_refused(index, terms, weights, error, message):
    with pytest.raises(error, match=message):
        lsr.Searcher(index).search_vector(terms, weights)


def test_explanations_add_up_to_the_score_exactly(searcher):
    for hit in searcher.search("apple pie banana", blend={"words": 0.3}):
        explained = searcher.explain("apple pie banana", hit.id, blend={"words": 0.3})
        in_term_order = sorted(explained.contributions, key=lambda part: part.term)
        total = 0.0
        for part in in_term_order:
            assert part.score == part.query_weight * part.impact
            total += part.score
        assert float(np.float32(total)) == explained.score == hit.score
        assert (explained.id, explained.number) == (hit.id, hit.number)
        assert explained.blend == {"words": 0.3, "bm25": 1.5}
        scores = [part.score for part in explained.contributions]
        assert scores == sorted(scores, reverse=True)
    assert {(part.space, part.token) for part in searcher.explain("apple pie", "d0").contributions} == {
        ("words", "apple"),
        ("bm25", "apple"),
        ("bm25", "pie"),
    }


def test_a_hit_of_an_encoded_query_can_be_explained(searcher):
    query = searcher.encode_queries(["apple pie"])
    hit = searcher.search("apple pie")[0]
    assert searcher.explain_hit(query, hit) == searcher.explain("apple pie", hit.id)


def test_a_document_that_shares_nothing_has_score_zero_and_a_missing_one_is_named(searcher):
    explained = searcher.explain("apple", "d3")
    assert (explained.score, explained.contributions) == (0.0, [])
    with pytest.raises(NotFound, match="no document has the id 'd9'"):
        searcher.explain("apple", "d9")


def test_matches_are_places_of_index_terms(searcher, index):
    base = index.manifest.space("bm25").base
    assert searcher.matches("a Banana pie") == [
        Match(2, 8, WORDS.index("banana")),
        Match(2, 8, base + 1),
        Match(9, 12, base + 2),
    ]


def test_another_encoder_is_refused_with_both_fingerprints(index):
    other = BlendedEncoder((word_encoder(step=0.9), load_bm25(language="none")))
    with pytest.raises(ModelMismatch) as caught:
        lsr.Searcher(index, other).search("apple")
    for fingerprint in (index.manifest.spaces[0].query_fingerprint, other.parts[0].query_fingerprint):
        assert fingerprint in caught.value.message
    forced = lsr.Searcher(index, other, force=True).search("apple")
    assert len(forced) == 2
    with pytest.raises(ModelMismatch, match="the encoder has 1 term spaces and the index has 2"):
        lsr.Searcher(index, "bm25").search("apple")


def test_the_order_of_a_given_blend_does_not_matter(index, searcher):
    turned = BlendedEncoder(tuple(reversed(blend().parts)))
    assert ranking(lsr.Searcher(index, turned).search("apple pie")) == ranking(searcher.search("apple pie"))


def test_an_index_with_another_stemmer_than_its_settings_say_is_refused(tmp_path):
    encoder = replace(load_bm25(language="none"), settings={})
    with lsr.Index.build(tmp_path / "x", DOCUMENTS, encoder=encoder) as index, pytest.raises(ModelMismatch):
        lsr.Searcher(index).search("apple")


def test_settings_are_kept_in_the_index(tmp_path):
    encoder = lsr.load_encoder("bm25", language="none", k1=1.2)
    with lsr.Index.build(tmp_path / "x", DOCUMENTS, encoder=encoder) as index:
        assert [hit.id for hit in lsr.Searcher(index).search("pie")] == ["d2", "d0"]


def test_one_encoder_can_serve_several_indexes(tmp_path):
    encoder = load_bm25(language="none")
    other = [{"id": "x", "text": "pie apple apple"}, {"id": "y", "text": "pie"}]
    with (
        lsr.Index.build(tmp_path / "a", DOCUMENTS, encoder=encoder) as a,
        lsr.Index.build(tmp_path / "b", other, encoder=encoder) as b,
    ):
        first, second = lsr.Searcher(a, encoder), lsr.Searcher(b, encoder)
        expected = ranking(lsr.Searcher(a, load_bm25(language="none")).search("apple pie"))
        assert ranking(first.search("apple pie")) == expected
        assert [hit.id for hit in second.search("apple pie")] == ["x", "y"]
        assert ranking(first.search("apple pie")) == expected


def test_ready_vectors_are_searched_by_vector_and_refuse_text_with_a_hint(vectors_index):
    searcher = lsr.Searcher(vectors_index)
    assert ranking(searcher.search_vector(["d", "b"], [1, 0.5])) == [("0", 2.5), ("1", 1.0)]
    with pytest.raises(UsageError, match="no encoder for text") as caught:
        searcher.search("d")
    assert "search it with a vector" in caught.value.hint


def test_ready_vectors_take_text_through_the_encoder_that_made_them(tmp_path, vectors_index):
    encoder = word_encoder()
    vectors = encoder.encode_documents([document["text"] for document in DOCUMENTS])
    with lsr.Index.build(tmp_path / "w", vectors) as index:
        assert [hit.id for hit in lsr.Searcher(index, encoder).search("cherry apple")] == ["1", "0"]
        with pytest.raises(ModelMismatch) as caught:
            lsr.Searcher(index, word_encoder(step=3.0)).search("apple")
        assert encoder.document_fingerprint in caught.value.message
    with pytest.raises(ModelMismatch, match="does not say with which model"):
        lsr.Searcher(vectors_index, encoder).search("apple")


def test_a_forced_encoder_finds_the_terms_of_ready_vectors_by_name(tmp_path):
    encoder = word_encoder(step=0.5)
    named = lsr.SparseVectors([0, 2], [1, 3], [1, 2], vocabulary=TokenTable(["x", "cherry", "fig", "apple"]))
    nameless = lsr.SparseVectors([0, 2], [0, 2], [2, 1])
    for name, vectors in (("named", named), ("nameless", nameless)):
        with lsr.Index.build(tmp_path / name, vectors, impacts="float32") as index:
            searcher = lsr.Searcher(index, encoder, force=True)
            assert ranking(searcher.search("apple apple cherry banana")) == [("0", 2 * 1.0 + 0.5)]
            places = [(match.start, match.term) for match in searcher.matches("a cherry apple")]
            assert places == ([(2, 1), (9, 3)] if name == "named" else [(2, 2), (9, 0)])


def test_vectors_of_a_blend_take_text_through_the_blend(tmp_path):
    texts = [document["text"] for document in DOCUMENTS]
    vectors = blend().encode_documents(texts)
    with (
        lsr.Index.build(tmp_path / "v", vectors, impacts="float32") as by_vector,
        lsr.Index.build(tmp_path / "t", DOCUMENTS, encoder=blend(), impacts="float32") as by_text,
    ):
        expected = lsr.Searcher(by_text, blend())
        found = lsr.Searcher(by_vector, blend())
        for text in ("apple pie", "cherry", "pie banana here"):
            wanted = [(hit.number, hit.score) for hit in expected.search(text)]
            assert [(hit.number, hit.score) for hit in found.search(text)] == wanted
        assert found.matches("a Banana pie") == expected.matches("a Banana pie")
        with pytest.raises(ModelMismatch, match="the encoder at hand is words"):
            lsr.Searcher(by_vector, word_encoder(step=0.7)).search("apple")


def test_bm25_needs_names_of_ready_vectors(tmp_path):
    with (
        lsr.Index.build(tmp_path / "x", lsr.SparseVectors([0, 1], [3], [1.0])) as index,
        pytest.raises(UsageError, match="bm25 finds words by their names"),
    ):
        lsr.Searcher(index, load_bm25(), force=True).search("apple")


def test_a_named_encoder_has_the_settings_of_the_index(tmp_path):
    documents = [{"id": "a", "text": "die Häuser und der Baum"}, {"id": "b", "text": "the houses"}]
    with lsr.Index.build(tmp_path / "x", documents, encoder=lsr.load_encoder("bm25", language="german")) as index:
        expected = ranking(lsr.Searcher(index).search("Haus"))
        assert ranking(lsr.Searcher(index, "bm25").search("Haus")) == expected != []


def test_query_vectors_of_another_encoder_are_refused(tmp_path, index):
    texts = [document["text"] for document in DOCUMENTS]
    one, other = word_encoder(), word_encoder(step=3.0)
    with lsr.Index.build(tmp_path / "one", DOCUMENTS, encoder=one) as of_one:
        searcher = lsr.Searcher(of_one)
        assert searcher.search_batch(one.encode_queries(["apple"]), 1).counts.tolist() == [1]
        with pytest.raises(ModelMismatch) as caught:
            searcher.search_batch(other.encode_queries(["apple"]), 1)
        assert other.query_fingerprint in caught.value.message
        unnamed = other.encode_queries(["apple"])
        unnamed.fingerprint = None
        assert searcher.search_batch(unnamed, 1).counts.tolist() == [1]
        forced = lsr.Searcher(of_one, force=True)
        assert forced.search_batch(other.encode_queries(["apple"]), 1).counts.tolist() == [1]
    encoder = blend()
    documents = encoder.encode_documents(texts)
    queries = encoder.encode_queries(["apple"], collection=documents)
    assert lsr.Searcher(index).search_batch(queries, 1).counts.tolist() == [1]
    for wrong in (one.encode_queries(["apple"]), encoder.parts[0].encode_queries(["apple"])):
        with pytest.raises(ModelMismatch):
            lsr.Searcher(index).search_batch(wrong, 1)


def test_vectors_of_a_blend_with_other_weights_need_that_blend(index):
    weighted = BlendedEncoder(tuple(replace(part, weight=2.0) for part in reversed(blend().parts)))
    documents = weighted.encode_documents([document["text"] for document in DOCUMENTS])
    queries = weighted.encode_queries(["apple"], collection=documents)
    with pytest.raises(ModelMismatch):
        lsr.Searcher(index).search_batch(queries, 1)
    assert lsr.Searcher(index, weighted).search_batch(queries, 1).counts.tolist() == [1]


def test_vectors_are_taken_where_the_index_says_nothing_about_its_model(vectors_index):
    queries = word_encoder().encode_queries(["banana"])
    for searcher in (lsr.Searcher(vectors_index), lsr.Searcher(vectors_index, word_encoder(), force=True)):
        assert searcher.search_batch(queries, 1).documents.tolist() == [[0]]


def test_query_weights_are_rounded_once(searcher):
    chosen = {"words": 0.1, "bm25": 1 / 3}
    alone = searcher.encode_spaces(["apple pie banana"])
    found = dict(zip(*(array.tolist() for array in searcher.join(alone, chosen).row(0)), strict=True))
    expected = {}
    for name, weight in chosen.items():
        base = searcher.index.manifest.space(name).base
        terms, weights = (array.tolist() for array in alone[name].row(0))
        expected |= {
            base + term: struct.unpack("f", struct.pack("f", value * weight))[0]
            for term, value in zip(terms, weights, strict=True)
        }
    assert found == expected
    assert found == dict(
        zip(*(a.tolist() for a in searcher.encode_queries(["apple pie banana"], blend=chosen).row(0)), strict=True)
    )


def test_a_space_that_was_not_encoded_is_named(searcher):
    only = searcher.encode_spaces(["apple"], ["words"])
    assert list(only) == ["words"]
    assert len(searcher.join(only, {"bm25": 0})) == 1
    with pytest.raises(UsageError, match="no query vectors for bm25"):
        searcher.join(only)


def test_hits_of_a_batch_are_those_of_a_search(searcher):
    batch = searcher.search_batch(["apple pie", "zzz"], 3)
    assert searcher.hits(batch, 0) == list(searcher.search("apple pie", 3))
    assert searcher.hits(batch, 1) == []


def test_threads_may_share_a_searcher(index):
    searcher = lsr.Searcher(index, blend())
    expected = dict.fromkeys(("apple pie", "cherry", "banana", "pie", "zzz"))
    for text in expected:
        expected[text] = ranking(lsr.Searcher(index, blend()).search(text))
    wrong = []
    start = threading.Barrier(8)

    def ask(offset):
        start.wait()
        texts = list(expected)
        for i in range(40):
            text = texts[(i + offset) % len(texts)]
            results = searcher.search(text)
            if ranking(results) != expected[text] or any("text" not in hit.fields for hit in results):
                wrong.append(text)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_encoders_are_found_by_name_and_path(tmp_path):
    from lsr.encoders.registry import EMBEDDED

    assert lsr.load_encoder("splade-tiny+bm25").name == "splade-tiny+bm25"
    local = lsr.load_encoder(EMBEDDED["splade-tiny"])
    assert (local.name, local.source) == ("splade-tiny", str(EMBEDDED["splade-tiny"]))


@pytest.mark.parametrize(
    ("name", "settings", "error", "message"),
    [
        ("", {}, UsageError, "the name of an encoder is empty"),
        ("splade-tiny+", {}, UsageError, "the name of an encoder is empty"),
        ("bm25+bm25", {}, UsageError, "the same part twice"),
        ("splade-tny", {}, NotFound, "no model named 'splade-tny'.*did you mean splade-tiny"),
        ("q", {}, NotFound, "known: splade-tiny, bm25"),
        ("./none", {}, NotFound, "no model named"),
        ("bm25", {"length": 3}, UsageError, "unknown setting 'length'"),
        ("bm25", {"source": "x"}, UsageError, "unknown setting 'source'"),
    ],
)
def test_names_that_name_no_encoder(name, settings, error, message):
    with pytest.raises(error, match=message):
        lsr.load_encoder(name, **settings)


def test_a_file_is_no_model(tmp_path):
    (tmp_path / "model.bin").write_text("")
    with pytest.raises(NotFound, match="a model is a directory, and this is a file"):
        lsr.load_encoder(tmp_path / "model.bin")


def test_a_hub_model_that_cannot_be_had_is_not_found(monkeypatch):
    import huggingface_hub

    asked = []

    def fail(name, **arguments):
        asked.append(arguments.get("local_files_only", False))
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(NotFound, match="could not be downloaded from the hub"):
        lsr.load_encoder("owner/model")
    assert asked == [True, False]


def test_a_hub_model_keeps_its_hub_name(monkeypatch):
    import huggingface_hub

    from lsr.encoders.registry import EMBEDDED

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(EMBEDDED["splade-tiny"]))
    loaded = lsr.load_encoder("owner/model")
    assert (loaded.name, loaded.source, loaded.settings) == ("model", "owner/model", {})


def test_an_index_names_the_revision_of_a_hub_model(monkeypatch, tmp_path):
    import huggingface_hub

    from lsr.encoders.registry import EMBEDDED

    commits = {None: "1" * 40, "1" * 40: "1" * 40}
    asked = []

    def snapshot(_name, *, revision=None, **_arguments):
        asked.append(revision)
        folder = tmp_path / "snapshots" / commits[revision]
        folder.parent.mkdir(exist_ok=True)
        if not folder.exists():
            folder.symlink_to(EMBEDDED["splade-tiny"])
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    with lsr.Index.build(tmp_path / "x", DOCUMENTS[:1], encoder="owner/model") as index:
        assert index.manifest.spaces[0].settings == {"max_length": 256, "revision": "1" * 40}
        commits[None] = "2" * 40
        for encoder in (None, "owner/model"):
            assert len(lsr.Searcher(index, encoder).search("apple")) == 1
        assert asked == [None, "1" * 40, "1" * 40]
        local = lsr.load_encoder(tmp_path / "snapshots" / ("1" * 40))
        assert local.settings == {}
        assert len(lsr.Searcher(index, EMBEDDED["splade-tiny"]).search("apple")) == 1


def test_vectors_of_a_blend_are_those_of_an_index(tmp_path):
    encoder = blend()
    documents = encoder.encode_documents([document["text"] for document in DOCUMENTS])
    queries = encoder.encode_queries(["apple pie", "cherry"], collection=documents)
    assert encoder.name == "words+bm25"
    with (
        lsr.Index.build(tmp_path / "v", documents, impacts="float32") as by_vector,
        lsr.Index.build(tmp_path / "t", DOCUMENTS, encoder=blend(), impacts="float32") as by_text,
    ):
        expected = lsr.Searcher(by_text, blend()).search_batch(["apple pie", "cherry"], 4)
        found = lsr.Searcher(by_vector, encoder).search_batch(queries, 4)
        with pytest.raises(ModelMismatch, match="not known to be the one of the index"):
            lsr.Searcher(by_vector).search_batch(queries, 4)
    assert found.documents.tolist() == expected.documents.tolist()
    assert found.scores.tolist() == expected.scores.tolist()


def test_bm25_queries_need_a_collection():
    encoder = load_bm25()
    documents = encoder.encode_documents(["apple pie", "apple"])
    with pytest.raises(UsageError, match="none is given"):
        encoder.encode_queries(["apple"])
    assert len(encoder.encode_queries(["pie"], collection=documents).to_dicts()[0]) == 1


def test_a_single_text_is_not_several():
    for encode in (blend().encode_documents, word_encoder().encode_queries):
        with pytest.raises(UsageError, match="got a single one"):
            encode("apple")
