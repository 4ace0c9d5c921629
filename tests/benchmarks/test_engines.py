"""The side-by-side benchmark of engines, on a few hundred random documents."""

import importlib.util
import json
import os
import sys

import numpy as np
import pytest

from benchmarks.engines import figures, generator, generator_check, plots
from benchmarks.engines.__main__ import main
from benchmarks.engines.frames import receive, send
from benchmarks.engines.inverted import invert
from benchmarks.engines.plots import draw
from benchmarks.engines.process import EngineProcess, LeftOut
from benchmarks.engines.report import best_exact_rival, bytes_a_posting, tables
from benchmarks.engines.truth import judge, kth_scores, true_scores
from benchmarks.engines.vectors import Documents, Queries, load_documents, load_queries, to_levels

TERMS = 120
needs_scipy = pytest.mark.skipif(importlib.util.find_spec("scipy") is None, reason="scipy is not installed")


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Loading matplotlib takes a second."""
    monkeypatch.setattr(plots, "draw", lambda results, folder: [])


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


def random_documents(count, seed=0):
    rng = np.random.default_rng(seed)
    held = rng.random((count, TERMS)) < 0.6 / np.arange(1, TERMS + 1) ** 0.5
    held[:, 0] = True
    starts = np.concatenate([[0], np.cumsum(held.sum(axis=1))])
    terms = np.nonzero(held)[1].astype(np.uint32)
    return Documents(starts, terms, rng.integers(1, 256, len(terms), dtype=np.uint8), TERMS)


@pytest.fixture
def files(tmp_path):
    """Documents and queries as .npz files."""
    paths = []
    for name, rows in (("docs", random_documents(300)), ("queries", random_documents(40, seed=1))):
        paths.append(tmp_path / f"{name}.npz")
        scaled = (rows.levels * 0.01).astype(np.float32)
        shape = [len(rows), TERMS]
        np.savez(paths[-1], indptr=rows.starts, indices=rows.terms, q=rows.levels, data=scaled, shape=shape)
    return paths


def run(files, out, *options):
    sizes = ["--documents", "200", "--rounds", "2", "--queries-per-round", "15", "--k", "5", "50"]
    main(["--vectors", str(files[0]), "--queries", str(files[1]), "--out", str(out), *sizes, *options])


def saved(out, size="*"):
    return {path.stem: json.loads(path.read_text()) for path in out.glob(f"settings-*/{size}/*.json")}


@needs_scipy
@pytest.mark.parametrize("weights", ["integers", "floats"])
def test_exact_engines_give_right_answers_through_the_whole_pipeline(
    files, tmp_path, weights, capsys, monkeypatch, compiled_once
):
    monkeypatch.setenv("LSR_CACHE", str(compiled_once))
    out = tmp_path / "out"
    run(files, out, "--engines", "lsr", "scipy", "--query-weights", weights)
    results = saved(out)
    assert results.keys() == {"lsr", "lsr-reordered", "lsr-small", "lsr-mapped", "scipy"}
    for result in results.values():
        assert [(row["k"], row["recall"], row["exact"], row["checked"]) for row in result["rows"]] == [
            (5, 1.0, True, 30),
            (50, 1.0, True, 30),
        ]
        assert all(row["score_error"] <= (0 if weights == "integers" else 1e-6) for row in result["rows"])
        assert all(0 < row["p50"] <= row["p95"] <= row["p99"] for row in result["rows"])
        assert result["peak_mb"] >= result["before_mb"] > 0
    shown = capsys.readouterr()
    assert "| scipy |" in shown.out
    assert "round 2 of 2" in shown.err


@needs_scipy
def test_results_that_are_there_are_kept(files, tmp_path, capsys):
    out = tmp_path / "out"
    run(files, out, "--engines", "scipy")
    before = saved(out)["scipy"]
    capsys.readouterr()
    run(files, out, "--engines", "scipy", "--documents", "200", "250")
    assert saved(out, 200)["scipy"] == before
    shown = capsys.readouterr()
    assert "taken from" in shown.err
    assert saved(out, 250)["scipy"]["run"] != before["run"]
    run(files, out, "--engines", "scipy", "--again")
    assert saved(out, 200)["scipy"]["run"] != before["run"]


@needs_scipy
def test_an_engine_that_is_not_installed_is_left_out(files, tmp_path, capsys):
    if importlib.util.find_spec("infinity_embedded"):
        pytest.skip("infinity is installed")
    run(files, tmp_path / "out", "--engines", "scipy", "infinity")
    assert "infinity: left out: not installed (infinity_embedded)" in capsys.readouterr().err
    assert saved(tmp_path / "out").keys() == {"scipy"}


@needs_scipy
def test_sizes_above_the_collection_are_generated(files, tmp_path):
    run(files, tmp_path / "out", "--engines", "scipy", "--documents", "400")
    result = saved(tmp_path / "out")["scipy"]
    assert result["generated"]
    assert result["documents"] == 400
    assert all(row["exact"] for row in result["rows"])


def test_unknown_engines_and_lone_vectors_are_refused(files, capsys):
    with pytest.raises(SystemExit):
        main(["--engines", "lucene"])
    assert "unknown engine lucene" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--vectors", str(files[0])])


def test_the_process_of_an_engine_ends_at_its_memory_limit(tmp_path):
    documents = random_documents(100)
    documents.save(tmp_path / "documents")
    process = EngineProcess(min(os.sched_getaffinity(0)), tmp_path / "log", sys.executable, limit_mb=1)
    message = {"do": "build", "build": "scipy", "documents": str(tmp_path / "documents"), "folder": str(tmp_path / "w")}
    with pytest.raises(LeftOut, match="needs more than"):
        process.ask(message)
    process.end()


def test_messages_survive_the_way_between_processes(tmp_path):
    arrays = {"a": np.arange(5, dtype=np.uint32), "empty": np.empty(0, np.float32)}
    with (tmp_path / "pipe").open("wb") as stream:
        send(stream, {"do": "x"}, arrays)
        send(stream, {"do": "y"})
    with (tmp_path / "pipe").open("rb") as stream:
        message, received = receive(stream)
        assert message == {"do": "x"}
        assert all(np.array_equal(received[name], array) for name, array in arrays.items())
        assert receive(stream) == ({"do": "y"}, {})
        with pytest.raises(EOFError):
            receive(stream)


def test_figures_are_medians_over_rounds():
    rounds = [figures.of_round(np.array([1000, 2000, 3000]) * factor) for factor in (1, 2, 50)]
    found = figures.over_rounds(rounds)
    assert (found["mean"], found["p50"]) == (4.0, 4.0)
    assert found["p50_range"] == [2.0, 100.0]
    assert found["p99"] == pytest.approx(5.96)


def test_recall_goes_by_score_and_wants_no_more_than_match():
    scores = np.array([0.0, 5.0, 3.0, 3.0, 1.0, 0.0])
    kth = kth_scores(scores, [2, 10])
    assert kth == {2: (3.0, 2), 10: (1.0, 4)}

    def verdict(k, documents):
        return judge(scores, kth[k], np.array(documents), scores[documents], whole=True)

    assert verdict(2, [1, 3]).exact, "a tie at the cut is as good as the other document"
    assert verdict(2, [1, 4]).recall == 0.5
    assert not verdict(2, [1, 1]).exact
    assert verdict(10, [1, 2, 3, 4]).exact
    assert judge(scores, kth[2], np.array([1, 3]), np.array([5.0, 3.3]), whole=True).score_error == pytest.approx(0.1)
    assert judge(np.zeros(3), (0.0, 0), np.array([1]), np.array([0.0]), whole=True) is None


def test_true_scores_are_dot_products(tmp_path):
    documents = random_documents(150)
    lists = invert(documents, tmp_path / "lists")
    terms, weights = np.array([0, 3, 7, TERMS + 5], np.uint32), np.array([2.0, 0.5, 9.0, 1.0], np.float32)
    held = [dict(zip(row.tolist(), levels.tolist(), strict=True)) for row, levels in documents.rows()]
    wanted = [sum(row.get(t, 0) * w for t, w in zip(terms, weights, strict=True)) for row in held]
    assert np.array_equal(true_scores(lists, terms, weights), wanted)
    again = invert(documents, tmp_path / "lists")
    assert np.array_equal(again.documents, lists.documents)


def row(setting, k, p50, exact=True):
    return {"setting": setting, "k": k, "p50": p50, "mean": p50, "p95": p50, "p99": p50, "p50_range": [p50, p50]} | {
        "recall": 1.0 if exact else 0.9,
        "exact": exact,
    }


def result(build, run_id, *rows):
    return {"build": build, "family": build, "run": run_id, "rows": list(rows), "documents": 10, "postings": 100} | {
        "structures": {"lists": 250, "identifiers": 99},
        "version": "1",
        "build_s": 1.0,
        "peak_mb": 2.0,
        "anonymous_mb": 1.0,
        "generated": False,
        "machine": "m",
        "loads": [1.0],
    }


def test_ratios_compare_with_the_best_exact_rival_of_the_same_run():
    results = [
        result("lsr", "a", row("", 10, 10.0)),
        result("scipy", "a", row("", 10, 40.0)),
        result("pisa", "a", row("slow", 10, 90.0), row("quick", 10, 30.0)),
        result("seismic", "a", row("", 10, 5.0, exact=False)),
        result("splade-index", "b", row("", 10, 20.0)),
    ]
    assert best_exact_rival(results, "a", 10) == ("pisa quick", 30.0)
    assert best_exact_rival(results[:1], "a", 10) is None
    assert "different runs: (a) lsr, scipy, pisa, seismic; (b) splade-index" in tables(results, {})
    assert bytes_a_posting(results[0]) == 2.5
    shown = {line.split(" | ")[0].strip("| "): line for line in tables(results, {}).splitlines() if "| yes |" in line}
    assert shown["lsr"].endswith("| 3.00 |")
    assert shown["splade-index"].endswith("| 1.00 |")
    assert "pisa slow" not in shown


def test_generated_documents_are_sound_and_always_the_same(tmp_path):
    source = random_documents(60)
    made = generator.generate(source, 500, tmp_path / "a", seed=3)
    again = generator.generate(source, 500, tmp_path / "b", seed=3)
    longer = generator.portion(source, 500, 3, 0)
    other = generator.generate(source, 500, tmp_path / "c", seed=4)
    assert len(made) == 500
    assert np.array_equal(made.terms, again.terms)
    assert np.array_equal(made.levels, again.levels)
    assert np.array_equal(made.terms, longer.terms)
    assert not np.array_equal(made.starts, other.starts)
    assert made.levels.min() >= 1
    assert all(np.all(np.diff(terms.astype(np.int64)) > 0) for terms, _ in made.rows())
    assert made.postings / 500 == pytest.approx(source.postings / 60, rel=0.15)


def test_generating_in_several_portions_starts_like_a_smaller_set(tmp_path, monkeypatch):
    monkeypatch.setattr(generator, "PORTION", 100)
    source = random_documents(60)
    small = generator.generate(source, 200, tmp_path / "small")
    large = generator.generate(source, 350, tmp_path / "large")
    assert len(large) == 350
    assert np.array_equal(large.head(200).terms, small.terms)
    assert np.array_equal(large.head(200).levels, small.levels)


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_plots_show_latency_and_recall(tmp_path):
    results = [result("lsr", "a", row("", 10, 10.0)), result("seismic", "a", row("", 10, 5.0, exact=False))]
    names = {path.name for path in draw(results, tmp_path)}
    assert {"latency-by-size.svg", "recall-by-latency-10.png"} <= names
    assert "seismic" not in (tmp_path / "latency-by-size.svg").read_text()
    assert "seismic" in (tmp_path / "recall-by-latency-10.svg").read_text()


def test_block_bounds_hold_for_every_document(tmp_path):
    lists = invert(random_documents(101), tmp_path / "lists")
    terms, weights = np.array([0, 2, 9], np.uint32), np.array([1.0, 3.0, 2.0], np.float32)
    scores = true_scores(lists, terms, weights)
    bounds = generator_check.block_bounds(lists, terms, weights, 8)
    assert len(bounds) == 13
    assert all(bounds[number // 8] >= score for number, score in enumerate(scores))
    assert np.array_equal(generator_check.block_bounds(lists, terms, weights, 1), scores)


def test_the_generator_is_compared_with_real_documents(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(generator_check, "_reordering", lambda: lambda documents: np.arange(len(documents))[::-1])
    run(files, tmp_path / "out", "--check-generator")
    shown = capsys.readouterr().out
    assert "300 documents, generated from 150" in shown
    assert "nearest neighbour's cosine" in shown
    rows = dict(line.strip("| ").split(" | ", 1) for line in shown.splitlines() if " | " in line)
    as_it_is, reordered = (
        rows[f"blocks of 8 that reach the top 10, {order}"] for order in ("as they are", "reordered")
    )
    assert as_it_is != reordered


def test_vectors_without_whole_weights_are_scaled(files, tmp_path):
    np.savez(tmp_path / "floats.npz", indptr=[0, 2], indices=[3, 5], data=[0.001, 4.0])
    documents = load_documents(tmp_path / "floats.npz")
    assert (documents.levels.tolist(), documents.vocabulary) == ([1, 255], 6)
    assert load_queries(tmp_path / "floats.npz", "floats").weights.tolist() == pytest.approx([0.001, 4.0])
    assert to_levels(np.array([2.0, 1.0])).tolist() == [255, 128]
    whole = load_queries(files[1], "integers")
    assert isinstance(whole, Queries)
    assert whole.whole


def test_documents_can_be_reordered_and_mapped(tmp_path):
    documents = random_documents(20)
    order = np.random.default_rng(0).permutation(20)
    moved = documents.take(order).save(tmp_path / "moved")
    for position, number in enumerate(order):
        assert moved.row(position)[0].tolist() == documents.row(number)[0].tolist()
        assert moved.row(position)[1].tolist() == documents.row(number)[1].tolist()
