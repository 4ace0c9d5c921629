"""Measures: names, values (against pytrec_eval), and what is refused."""

import io
import json
import subprocess
import sys

import pytest
import pytrec_eval
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsr.errors import BadInput, MissingExtra, UsageError
from lsr.eval import Measure, evaluate, parse_measure, parse_measures, read_run, write_run

TREC_NAMES = {
    "nDCG@3": "ndcg_cut_3",
    "R@3": "recall_3",
    "RR": "recip_rank",
    "MAP": "map",
    "MAP@3": "map_cut_3",
    "P@3": "P_3",
    "Success@3": "success_3",
}
QRELS = {"q1": {"a": 1, "b": 2}, "q2": {"a": 1}}

documents = st.sampled_from(["a", "b", "c", "d", "007", "7", "é"])
scores = st.one_of(st.sampled_from([0.0, 1.0, 1.00000001, 2.5]), st.floats(-4, 4, width=32))
hits = st.dictionaries(documents, scores, max_size=7).flatmap(lambda found: st.permutations(list(found.items())))
queries = st.sampled_from(["q1", "q2", "q3", "q4"])
runs = st.dictionaries(queries, hits, min_size=1)
qrels = st.dictionaries(queries, st.dictionaries(documents, st.integers(-1, 3), min_size=1), min_size=1)


@pytest.mark.parametrize(
    ("given_name", "canonical"),
    [
        ("nDCG@10", "nDCG@10"),
        ("ndcg@10", "nDCG@10"),
        ("MRR@10", "RR@10"),
        (" rr ", "RR"),
        ("AP(rel=2)", "MAP(rel=2)"),
        ("R(rel=2)@100", "R(rel=2)@100"),
        ("Recall(rel=1)@100", "R@100"),
        ("success@5", "Success@5"),
    ],
)
def test_a_measure_has_one_canonical_name(given_name, canonical):
    measure = parse_measure(given_name)
    assert str(measure) == canonical
    assert parse_measure(str(measure)) == measure


def test_a_list_of_measures_may_be_one_string_and_repeats_count_once():
    assert parse_measures("nDCG@10, R(rel=2)@100 ndcg@10,") == [Measure("nDCG", 10), Measure("R", 100, 2)]
    assert parse_measures(["RR", "P@5"]) == [Measure("RR"), Measure("P", 5)]


@pytest.mark.parametrize("name", ["nDGC@10", "NDCG@0", "nDCG@ten", "nDCG@10@5", "R@100(rel=2)", "R(rel=0)@5", "bpref"])
def test_an_unknown_measure_is_refused_with_the_known_ones(name):
    with pytest.raises(UsageError, match="unknown measure") as caught:
        parse_measure(name)
    assert "Success@k" in caught.value.hint


def test_a_misspelt_measure_gets_a_suggestion():
    with pytest.raises(UsageError, match="did you mean nDCG"):
        parse_measure("nDGC@10")


def test_a_cut_off_is_asked_for_where_it_is_needed():
    with pytest.raises(UsageError, match=r"needs a cut-off.*nDCG@10"):
        parse_measure("ndcg")
    with pytest.raises(UsageError, match="no measure"):
        parse_measures(" ,")


def measurable(run, judgments):
    """Whether run and judgments share a query, and a judged query found a document that is judged somewhere."""
    found = {document for query in judgments for document, _ in run.get(query, ())}
    judged = {document for grades in judgments.values() for document in grades}
    return not run.keys().isdisjoint(judgments) and (not found or bool(found & judged))


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.tuples(runs, qrels).filter(lambda pair: measurable(*pair)))
def test_a_tied_run_is_worth_the_same_here_and_in_trec_eval(tmp_path_factory, pair):
    run, judgments = pair
    ours = evaluate(run, judgments, list(TREC_NAMES))
    path = tmp_path_factory.getbasetemp() / "tied.trec"
    with path.open("w", encoding="utf-8") as stream:
        write_run(stream, run, "lsr")
    reread = {query: [] for query in run} | read_run(path)
    assert evaluate(reread, judgments, list(TREC_NAMES)) == ours
    exported = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, _, document, _, score, _ = line.split()
        exported.setdefault(query, {})[document] = float(score)
    theirs = pytrec_eval.RelevanceEvaluator(judgments, set(TREC_NAMES.values())).evaluate(exported)
    for name, trec_name in TREC_NAMES.items():
        expected = {query: theirs.get(query, {}).get(trec_name, 0.0) for query in judgments}
        assert ours.per_query[name] == pytest.approx(expected)
        assert ours.means[name] == pytest.approx(sum(expected.values()) / len(judgments))


@given(hits.filter(lambda found: any(document in "ab" for document, _ in found)))
def test_a_relevance_level_is_that_of_trec_eval(found):
    stream = io.StringIO()
    write_run(stream, {"q1": found}, "lsr")
    columns = [line.split() for line in stream.getvalue().splitlines()]
    exported = {"q1": {line[2]: float(line[4]) for line in columns}}
    ours = evaluate({"q1": found}, {"q1": QRELS["q1"]}, "RR(rel=2) R(rel=2)@3")
    evaluator = pytrec_eval.RelevanceEvaluator({"q1": QRELS["q1"]}, {"recip_rank", "recall_3"}, relevance_level=2)
    theirs = evaluator.evaluate(exported)["q1"]
    assert ours.means == pytest.approx({"RR(rel=2)": theirs["recip_rank"], "R(rel=2)@3": theirs["recall_3"]})


def test_a_level_takes_away_the_gain_of_lower_grades():
    run = {"q1": [("a", 2.0), ("b", 1.0)]}
    graded = evaluate(run, {"q1": {"a": 1, "b": 2}}, "nDCG(rel=2)@10").means
    assert graded["nDCG(rel=2)@10"] == evaluate(run, {"q1": {"b": 2}}, "nDCG@10").means["nDCG@10"]


def test_ties_keep_the_order_given_whatever_the_ids():
    for relevant in ("a", "z"):
        other = "z" if relevant == "a" else "a"
        first = evaluate({"q": [(relevant, 1.0), (other, 1.0)]}, {"q": {relevant: 1}}, "RR")
        second = evaluate({"q": [(other, 1.0), (relevant, 1.0)]}, {"q": {relevant: 1}}, "RR")
        assert (first.means["RR"], second.means["RR"]) == (1.0, 0.5)


def test_every_judged_query_counts_and_no_other():
    judgments = {"answered": {"a": 1}, "unanswered": {"a": 1}, "hopeless": {"a": 0}, "unjudged": {}}
    run = {"answered": [("a", 1.0)], "hopeless": [("a", 1.0)], "unjudged": [("a", 1.0)], "stranger": [("b", 1.0)]}
    result = evaluate(run, judgments, "RR")
    assert result.per_query == {"RR": {"answered": 1.0, "unanswered": 0.0, "hopeless": 0.0}}
    assert result.means == {"RR": 1 / 3}
    assert result.queries == 3


def test_a_run_without_any_hit_is_worth_nothing():
    assert evaluate({"q1": []}, QRELS, "RR").means == {"RR": 0.0}


def test_values_are_plain_floats_that_json_takes():
    result = evaluate({"q1": [("a", 1.0)]}, QRELS, ["RR"])
    assert json.loads(json.dumps(result.means)) == {"RR": 0.5}
    assert type(result.per_query["RR"]["q1"]) is float


def test_ids_that_do_not_meet_are_an_error_with_examples():
    with pytest.raises(BadInput, match=r"query id.*'001'.*'q1', 'q2'"):
        evaluate({"001": [("a", 1.0)]}, QRELS, "RR")
    with pytest.raises(BadInput, match=r"document id.*'a.txt'.*'a', 'b'"):
        evaluate({"q1": [("a.txt", 1.0)]}, QRELS, "RR")
    with pytest.raises(BadInput, match="the run has none"):
        evaluate({}, QRELS, "RR")
    with pytest.raises(BadInput, match="no relevance judgments"):
        evaluate({"q1": [("a", 1.0)]}, {}, "RR")


def test_a_run_that_misses_its_own_judged_documents_is_only_a_bad_run():
    assert evaluate({"q2": [("b", 1.0)]}, QRELS, "RR").means == {"RR": 0.0}


def test_scores_that_are_no_numbers_and_repeated_documents_are_refused():
    with pytest.raises(BadInput, match="nan"):
        evaluate({"q1": [("a", float("nan"))]}, QRELS, "RR")
    with pytest.raises(BadInput, match="twice"):
        evaluate({"q1": [("a", 1.0), ("a", 0.5)]}, QRELS, "RR")


def test_without_ranx_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ranx", None)
    with pytest.raises(MissingExtra, match="eval") as caught:
        evaluate({"q1": [("a", 1.0)]}, QRELS, "RR")
    assert "pip install" in caught.value.hint


def test_names_are_parsed_without_loading_anything_heavy():
    code = (
        "import sys, lsr.eval as e; e.parse_measures('nDCG@10'); "
        "print(sorted({'numpy', 'numba', 'ranx', 'torch', 'pandas'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_evaluating_leaves_the_threading_of_numba_alone():
    code = (
        "import numba, lsr.eval as e; numba.set_num_threads(1); before = numba.config.THREADING_LAYER; "
        "e.evaluate({'q': [('a', 1.0)]}, {'q': {'a': 1}}, 'RR'); "
        "print(numba.config.THREADING_LAYER == before, numba.get_num_threads())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True 1\n"
