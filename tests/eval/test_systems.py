"""Systems over an index: which are evaluated, what is searched, and what is reported."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from lsr.documents import Document
from lsr.errors import BadInput, MissingExtra, UsageError
from lsr.eval import (
    Collection,
    evaluate_collection,
    evaluate_index,
    evaluate_searcher,
    result_as_json,
    search_run,
)

DOCUMENTS = [Document("d1", "red fox"), Document("d2", "red hen"), Document("d3", "fox fox hen")]
QUERIES = {"q1": "fox", "q2": "hen red", "q3": "unicorn", "unjudged": "red"}
QRELS = {"q1": {"d1": 1}, "q2": {"d2": 2, "d3": 1}, "q3": {"d1": 1}}


class FakeIndex:
    """Documents as words, in two term spaces: "match" scores shared words, "count" their occurrences."""

    built: ClassVar[dict] = {}

    def __init__(self, documents, spaces=("match", "count")):
        self.documents = list(documents)
        weights = {"match": 1.0, "count": 0.5}
        self.manifest = SimpleNamespace(spaces=[SimpleNamespace(name=name, weight=weights[name]) for name in spaces])

    def external_ids(self, numbers):
        return [self.documents[number].id for number in numbers.tolist()]

    @classmethod
    def build(cls, path, documents, *, encoder, impacts="uint8", text_fields=None, threads=None, progress=None):
        assert Path(path).parent.is_dir() and not Path(path).exists()
        cls.built[Path(path)] = cls(documents, encoder)
        cls.built[Path(path)].settings = (impacts, threads, progress)
        return cls.built[Path(path)]

    @classmethod
    def open(cls, path):
        return cls.built[Path(path)]


class FakeSearcher:
    def __init__(self, index):
        self.index = index
        self.calls = []

    def search_batch(self, queries, k, threads=1, blend=None):
        self.calls.append((queries, k, threads, blend))
        n = len(queries)
        found = np.full((n, k), -1), np.zeros((n, k), np.float32), np.zeros(n, np.int64)
        for i, text in enumerate(queries):
            words = [document.text.split() for document in self.index.documents]
            match = [len({*text.split()} & {*document}) for document in words]
            count = [sum(document.count(word) for word in text.split()) for document in words]
            weight = {"match": 1.0, "count": 0.5} if blend is None else blend
            score = np.array(match) * weight.get("match", 0.0) + np.array(count) * weight.get("count", 0.0)
            order = [number for number in np.argsort(-score, kind="stable")[:k] if score[number] > 0]
            found[0][i, : len(order)], found[1][i, : len(order)], found[2][i] = order, score[order], len(order)
        return SimpleNamespace(documents=found[0], scores=found[1], counts=found[2])


@pytest.fixture
def fakes(monkeypatch):
    monkeypatch.setattr("lsr.index.Index", FakeIndex, raising=False)
    monkeypatch.setitem(sys.modules, "lsr.searcher", SimpleNamespace(Searcher=FakeSearcher))
    monkeypatch.setattr(FakeIndex, "built", {})


def evaluated(spaces=("match", "count"), **options):
    index = FakeIndex(DOCUMENTS, spaces)
    searcher = FakeSearcher(index)
    options = {"measures": "RR", "dataset": "toy"} | options
    return evaluate_searcher(searcher, index, QUERIES, QRELS, **options), searcher.calls


def test_each_space_alone_and_the_default_blend_are_evaluated():
    results, calls = evaluated()
    assert [(result.system, result.measures["RR"]) for result in results] == [
        ("match", pytest.approx((1 + 1 + 0) / 3)),
        ("count", pytest.approx((1 / 2 + 1 + 0) / 3)),
        ("match+count", pytest.approx((1 / 2 + 1 + 0) / 3)),
    ]
    assert [blend for *_, blend in calls] == [
        {"match": 1.0, "count": 0.0},
        {"match": 0.0, "count": 1.0},
        {"match": 1.0, "count": 0.5},
    ]


def test_one_space_is_one_system():
    results, _ = evaluated(spaces=["count"])
    assert [result.system for result in results] == ["count"]


def test_named_blends_replace_the_default_systems():
    results, calls = evaluated(blends={"mostly match": {"match": 1.0, "count": 0.1}}, depth=2, threads=2)
    assert [result.system for result in results] == ["mostly match"]
    assert calls == [(["fox", "hen red", "unicorn"], 2, 2, {"match": 1.0, "count": 0.1})]


def test_the_json_object_has_what_scripts_rely_on():
    results, _ = evaluated(measures="nDCG@10, RR")
    line = json.loads(json.dumps(result_as_json(results[1])))
    assert list(line) == ["dataset", "system", "queries", "measures"]
    assert (line["dataset"], line["system"], line["queries"]) == ("toy", "count", 3)
    assert list(line["measures"]) == ["nDCG@10", "RR"]
    assert line["measures"]["RR"] == sum(results[1].evaluation.per_query["RR"].values()) / 3


def test_a_run_has_the_hits_of_each_query_in_order():
    index = FakeIndex(DOCUMENTS)
    run = search_run(FakeSearcher(index), index, QUERIES, depth=10, blend={"count": 1.0})
    assert run["q1"] == [("d3", 2.0), ("d1", 1.0)]
    assert run["q3"] == []
    assert search_run(FakeSearcher(index), index, {}) == {}


def test_measures_that_look_deeper_than_the_search_are_refused_before_it():
    for options in ({"measures": "R@100", "depth": 10}, {"measures": "nDCG"}):
        with pytest.raises(UsageError):
            evaluated(**options)


def test_judgments_for_other_queries_are_an_error():
    index = FakeIndex(DOCUMENTS)
    with pytest.raises(BadInput, match="query id"):
        evaluate_searcher(FakeSearcher(index), index, QUERIES, {"1": {"d1": 1}}, dataset="toy", measures="RR")


def test_a_collection_is_indexed_in_a_folder_that_is_gone_afterwards(fakes):
    collection = Collection("toy", "test", lambda: iter(DOCUMENTS), QUERIES, QRELS)
    results = evaluate_collection(
        collection, encoder=["match", "count"], impacts="float32", measures="RR", depth=20, threads=2, progress="bar"
    )
    assert [(result.dataset, result.system) for result in results] == [
        ("toy", "match"), ("toy", "count"), ("toy", "match+count"),
    ]  # fmt: skip
    [(path, index)] = FakeIndex.built.items()
    assert index.settings == ("float32", 2, "bar")
    assert not path.parent.exists()


def test_an_index_gives_its_folder_name_to_the_results(fakes, tmp_path):
    FakeIndex.build(tmp_path / "my.idx", DOCUMENTS, encoder=["count"])
    results = evaluate_index(tmp_path / "my.idx", QUERIES, QRELS, measures="RR")
    assert [result.dataset for result in results] == ["my.idx"]
    assert results[0].measures == evaluated(["count"])[0][0].measures


def test_a_missing_ranx_is_said_before_anything_is_indexed(fakes, monkeypatch):
    monkeypatch.setitem(sys.modules, "ranx", None)
    with pytest.raises(MissingExtra):
        evaluate_collection(Collection("toy", "test", lambda: iter(DOCUMENTS), QUERIES, QRELS), encoder=["count"])
    assert FakeIndex.built == {}
