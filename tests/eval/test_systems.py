"""Systems over an index: which are evaluated, what is searched, and what is reported."""

import json
import sys
import tempfile
from dataclasses import replace

import pytest

from lsr.documents import Document
from lsr.encoders.base import BlendedEncoder
from lsr.encoders.bm25 import load_bm25
from lsr.encoders.registry import load_encoder
from lsr.errors import BadInput, MissingExtra, ModelMismatch, UsageError
from lsr.eval import (
    Collection,
    evaluate_collection,
    evaluate_index,
    evaluate_searcher,
    result_as_json,
    search_run,
)
from lsr.index import Index
from lsr.searcher import Searcher

DOCUMENTS = [Document("d1", "red fox"), Document("d2", "red hen"), Document("d3", "fox fox hen")]
QUERIES = {"q1": "fox", "q2": "hen red", "q3": "unicorn", "unjudged": "red"}
QRELS = {"q1": {"d1": 1}, "q2": {"d2": 2, "d3": 1}, "q3": {"d1": 1}}
TOY = Collection("toy", "test", lambda: iter(DOCUMENTS), QUERIES, QRELS)


def two_spaces():
    """A space "presence" that ignores repetitions, so that d1 and d3 tie for "fox", and BM25, which puts d3 first."""
    presence = replace(load_encoder("bm25", k1=0.0), name="presence", weight=1.0)
    return BlendedEncoder((presence, replace(load_encoder("bm25"), weight=0.5)))


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LSR_CACHE", str(tmp_path / "cache"))


def counting(name):
    """An encoder that nothing can load by name, and the number of texts that its query side has encoded."""
    encoder = replace(load_encoder("bm25"), name=name, source="nowhere/to-be-found")
    encode, texts = encoder.query.encode, []
    encoder.query.encode = lambda asked, statistics=None: texts.extend(asked) or encode(asked, statistics)
    return encoder, texts


@pytest.fixture
def searcher(tmp_path):
    with Index.build(tmp_path / "toy.idx", DOCUMENTS, encoder=two_spaces(), impacts="float32") as index:
        yield Searcher(index)


def evaluated(searcher, **options):
    return evaluate_searcher(searcher, QUERIES, QRELS, **{"measures": "RR", "dataset": "toy"} | options)


def test_each_space_alone_and_the_default_blend_are_evaluated(searcher):
    results = evaluated(searcher)
    assert [(result.system, result.queries) for result in results] == [
        ("presence", 3),
        ("bm25", 3),
        ("presence+bm25", 3),
    ]
    assert [result.evaluation.per_query["RR"] for result in results] == [
        {"q1": 1.0, "q2": 1.0, "q3": 0.0},
        {"q1": 0.5, "q2": 1.0, "q3": 0.0},
        {"q1": 0.5, "q2": 1.0, "q3": 0.0},
    ]
    assert [result.measures["RR"] for result in results] == [2 / 3, 0.5, 0.5]


def test_one_space_is_one_system(tmp_path):
    with Index.build(tmp_path / "one.idx", DOCUMENTS, encoder="bm25") as index:
        assert [result.system for result in evaluated(Searcher(index))] == ["bm25"]


def test_named_blends_replace_the_default_systems(searcher):
    results = evaluated(searcher, blends={"only presence": {"presence": 2.0, "bm25": 0.0}, "both": {}}, threads=2)
    assert [(result.system, result.measures["RR"]) for result in results] == [("only presence", 2 / 3), ("both", 0.5)]
    with pytest.raises(UsageError, match="presense"):
        evaluated(searcher, blends={"misspelt": {"presense": 1.0}})


def test_the_json_object_has_what_scripts_rely_on(searcher):
    result = evaluated(searcher, measures="nDCG@10, RR")[1]
    line = json.loads(json.dumps(result_as_json(result)))
    assert line == {"dataset": "toy", "system": "bm25", "queries": 3, "measures": result.measures}
    assert list(line["measures"]) == ["nDCG@10", "RR"]


def test_a_run_has_the_hits_of_each_query_in_order(searcher):
    run = search_run(searcher, QUERIES, blend={"presence": 0.0})
    assert [document for document, _ in run["q1"]] == ["d3", "d1"]
    assert run["q1"][0][1] > run["q1"][1][1] > 0
    assert run["q3"] == []
    assert [len(hits) for hits in search_run(searcher, QUERIES, depth=1).values()] == [1, 1, 0, 1]
    assert search_run(searcher, {}) == {}


def test_measures_that_look_deeper_than_the_search_are_refused(searcher):
    with pytest.raises(UsageError, match="R@100 looks at 100 hits, and only 10"):
        evaluated(searcher, measures="R@100", depth=10)


def test_judgments_for_other_queries_are_an_error(searcher):
    with pytest.raises(BadInput, match="query id"):
        evaluate_searcher(searcher, QUERIES, {"1": {"d1": 1}}, dataset="toy", measures="RR")


def test_a_collection_is_indexed_in_a_folder_that_is_gone_afterwards(monkeypatch, tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    done = []
    results = evaluate_collection(
        TOY, encoder=two_spaces(), impacts="float32", measures="RR", depth=20, progress=done.append
    )
    assert [(result.dataset, result.system, result.measures["RR"]) for result in results] == [
        ("toy", "presence", 2 / 3),
        ("toy", "bm25", 0.5),
        ("toy", "presence+bm25", 0.5),
    ]
    assert done[-1] == len(DOCUMENTS)
    assert list(folder.iterdir()) == []


def test_the_encoder_that_is_given_encodes_each_query_once_for_all_blends():
    (one, texts_of_one), (two, texts_of_two) = counting("one"), counting("two")
    blends = {f"{weight}": {"two": weight} for weight in (0.0, 0.5, 1.0, 2.0)}
    results = evaluate_collection(TOY, encoder=BlendedEncoder((one, two)), blends=blends, measures="RR")
    assert [result.system for result in results] == list(blends)
    assert texts_of_one == texts_of_two == ["fox", "hen red", "unicorn"]
    only = evaluate_collection(TOY, encoder=BlendedEncoder((one, two)), blends={"one": {"two": 0}}, measures="RR")
    assert only[0].measures == results[0].measures
    assert (len(texts_of_one), len(texts_of_two)) == (6, 3)


def test_a_named_encoder_is_loaded_once_for_a_collection(monkeypatch):
    loaded = []
    monkeypatch.setattr("lsr.encoders.bm25.load_bm25", lambda **own: loaded.append(own) or load_bm25(**own))
    assert evaluate_collection(TOY, encoder="bm25", measures="RR")[0].measures == {"RR": 0.5}
    assert loaded == [{}]


def test_an_index_is_evaluated_with_another_encoder_only_by_force(searcher):
    other = BlendedEncoder(tuple(replace(load_encoder("bm25", language="none"), name=name) for name in "ab"))
    with pytest.raises(ModelMismatch):
        evaluate_index(searcher.index.path, QUERIES, QRELS, measures="RR", encoder=other)
    forced = evaluate_index(searcher.index.path, QUERIES, QRELS, measures="RR", encoder=other, force=True)
    assert [result.measures for result in forced] == [result.measures for result in evaluated(searcher)]


def test_an_index_gives_its_folder_name_to_the_results(searcher):
    results = evaluate_index(searcher.index.path, QUERIES, QRELS, measures="RR")
    assert [result.dataset for result in results] == ["toy.idx"] * 3
    assert [result.measures for result in results] == [result.measures for result in evaluated(searcher)]


def test_what_cannot_be_measured_is_said_before_anything_is_read(monkeypatch):
    def documents():
        raise AssertionError("documents were read")

    unread = replace(TOY, documents=documents)
    with pytest.raises(UsageError):
        evaluate_collection(unread, encoder="bm25", measures="nDCG")
    monkeypatch.setitem(sys.modules, "ranx", None)
    with pytest.raises(MissingExtra):
        evaluate_collection(unread, encoder="bm25")
