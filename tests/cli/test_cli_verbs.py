"""`lsr encode`, `explain`, `eval`, `bench`, `info`, `verify`, `warmup`."""

import json
import shutil
import sys

import numpy as np
import pytest

# encode


def test_encode_prints_a_line_for_each_text(lsr):
    done = lsr("encode", "a cat", "a dog", "--top", 2)
    assert [len(row) for row in done.lines] == [2, 2]
    assert "cat" in done.lines[0]
    assert list(done.lines[0].values()) == sorted(done.lines[0].values(), reverse=True)


def test_encode_reads_a_file_and_standard_input_alike(lsr, tmp_path):
    (tmp_path / "t.txt").write_text("a cat\n\na dog\n")
    from_file = lsr("encode", "--file", tmp_path / "t.txt").out
    assert from_file == lsr("encode", "-", stdin=b"a cat\na dog\n").out
    assert from_file == lsr("encode", "a cat", "a dog").out


def test_encode_with_several_models_names_the_space(lsr):
    row = lsr("encode", "a cat", "--model", "splade-tiny+bm25").json
    assert {token.split(":")[0] for token in row} == {"splade-tiny", "bm25"}


def test_encode_takes_bm25_statistics_from_the_texts(lsr):
    short, long = lsr("encode", "cat", "cat dog bird fish", "--model", "bm25").lines
    assert short["cat"] > long["cat"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("x", "--file", "f"), 2),
        (("x", "--top", "0"), 2),
        (("x", "--query", "--model", "bm25"), 2),
        (("--file", "no-such-file"), 3),
        (("-",), 4),
    ],
)
def test_encode_errors(lsr, arguments, code):
    assert lsr("encode", *arguments).code == code


# explain


def test_explain_a_document(lsr, blended):
    hit = lsr("search", blended, "sleeping cats", "-k", 1, "--json").json["hits"][0]
    explanation = lsr("explain", blended, "sleeping", "cats", "--id", hit["id"], "--json").json
    assert explanation["score"] == hit["score"]
    assert sum(part["score"] for part in explanation["explanation"]) == pytest.approx(hit["score"], rel=1e-6)
    shown = lsr("explain", blended, "sleeping", "cats", "--id", hit["id"]).out
    assert f"{hit['id']}  score {hit['score']:.4f}  blend splade-tiny=1, bm25=1.5" in shown
    assert "█" in shown


def test_explain_a_query_tells_literal_from_added_terms(lsr, blended):
    spaces = lsr("explain", blended, "cats", "--json").json["spaces"]
    literal = {space["space"]: [t["token"] for t in space["terms"] if t["literal"]] for space in spaces}
    assert literal == {"splade-tiny": ["cats"], "bm25": ["cat"]}
    assert any(not term["literal"] for term in spaces[0]["terms"])
    shown = lsr("explain", blended, "cats").out
    assert shown.index("splade-tiny (weight 1)") < shown.index("added by the model") < shown.index("bm25 (weight 1.5)")


def test_explain_what_is_not_there(lsr, words):
    assert lsr("explain", words, "cats", "--id", "nobody").code == 3
    nothing = lsr("explain", words, "xylophone")
    assert nothing.code == 0
    assert "no term of the query" in nothing.err
    apart = lsr("explain", words, "cats", "--id", "d0")
    assert apart.code == 0
    assert "shares no term" in apart.err


def test_every_verb_that_takes_queries_takes_a_model_for_ready_vectors(lsr, vectors, folder, tmp_path):
    (tmp_path / "q.tsv").write_text("1\tcat\n")
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta\t1\n")
    queries, judged = ("--queries", tmp_path / "q.tsv"), ("--qrels", tmp_path / "qrels.tsv")
    for command in (
        ("explain", vectors, "cat", "--id", "a", "--json"),
        ("bench", vectors, *queries, "-k", 1, "--json"),
        ("eval", vectors, *queries, *judged, "--measures", "RR", "--json"),
    ):
        assert lsr(*command).code == 2, command
        assert lsr(*command, "--model", "splade-tiny").code == 4, command
        done = lsr(*command, "--model", "splade-tiny", "--force-model")
        assert done.code == 0, done.err
    assert done.json["measures"] == {"RR": 1.0}
    score = lsr("search", vectors, "cat", "--model", "splade-tiny", "--force-model", "--json").json["hits"][0]["score"]
    explained = lsr("explain", vectors, "cat", "--id", "a", "--json", "--model", "splade-tiny", "--force-model")
    assert explained.json["score"] == score
    query = lsr("explain", vectors, "cat", "--json", "--model", "splade-tiny", "--force-model").json["spaces"][0]
    assert [term["token"] for term in query["terms"] if term["literal"]] == ["cat"]


# eval


def test_eval_of_a_folder_prints_one_object_for_each_system(lsr, folder):
    done = lsr("eval", folder, "--json", "--quiet")
    assert [row["system"] for row in done.lines] == ["splade-tiny", "bm25", "splade-tiny+bm25"]
    assert all(set(row) == {"dataset", "system", "queries", "measures"} for row in done.lines)
    assert done.lines[0]["dataset"] == "small"
    assert done.lines[0]["queries"] == 3
    assert list(done.lines[0]["measures"]) == ["nDCG@10", "R@100", "RR@10"]


def test_eval_of_index_and_run_agree(lsr, folder, words, tmp_path):
    judged = ("--qrels", folder / "qrels" / "test.tsv")
    queries = ("--queries", folder / "queries.jsonl")
    index = lsr("eval", words, *queries, *judged, "--json").json
    (tmp_path / "mine.txt").write_text(lsr("search", words, *queries, "-k", 1000, "--trec").out)
    run = lsr("eval", tmp_path / "mine.txt", *judged, "--json").json
    assert run["measures"] == index["measures"]
    assert (run["system"], run["dataset"]) == ("mine", "test")
    assert (index["system"], index["dataset"]) == ("bm25", "words.idx")


def test_eval_table_and_minimum(lsr, folder):
    arguments = ("eval", folder, "--model", "bm25", "--measures", "RR@10", "--quiet")
    done = lsr(*arguments, "--min", "RR@10=0.5", "--min", "p@1=0.1")
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["dataset", "system", "queries", "RR@10", "P@1"]
    missed = lsr(*arguments, "--min", "RR@10=1.01")
    assert missed.code == 1
    assert "below the minimum of 1.01" in missed.err


def test_eval_measures_the_blends_that_are_named(lsr, folder):
    done = lsr("eval", folder, "--blend", "bm25=0", "--blend", "splade-tiny=0,bm25=1", "--json", "--impacts", "float32")
    assert [row["system"] for row in done.lines] == ["bm25=0", "splade-tiny=0,bm25=1"]


def test_eval_says_which_queries_count_as_zero_and_which_are_left_out(lsr, words, tmp_path):
    (tmp_path / "queries.tsv").write_text("q1\tblock-max pruning\nq2\tsleeping cats\nextra\triver\n")
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td0\t1\nq2\td2\t1\nq7\td3\t1\nq8\td3\t1\n")
    judged = ("--qrels", tmp_path / "qrels.tsv", "--measures", "Success@30", "--json")
    done = lsr("eval", words, "--queries", tmp_path / "queries.tsv", *judged)
    assert (done.json["queries"], done.json["measures"]) == (4, {"Success@30": 0.5})
    said = f"{tmp_path / 'queries.tsv'}"
    assert f"warning: 2 of 4 judged queries are not in {said} and count as 0, such as q7\n" in done.err
    assert f"note: 1 of 3 queries in {said} have no judgments and are left out, such as extra\n" in done.err
    quiet = lsr("eval", words, "--queries", tmp_path / "queries.tsv", *judged, "--quiet").err
    assert quiet.startswith("warning: ")
    assert "note: " not in quiet
    (tmp_path / "run.txt").write_text("q1 Q0 d0 1 1.0 x\nextra Q0 d0 1 1.0 x\n")
    of_run = lsr("eval", tmp_path / "run.txt", *judged)
    assert of_run.json["measures"] == {"Success@30": 0.25}
    assert "warning: 3 of 4 judged queries" in of_run.err
    assert "such as q2\n" in of_run.err


def test_eval_is_silent_where_queries_and_judgments_agree(lsr, words, folder):
    judged = ("--queries", folder / "queries.jsonl", "--qrels", folder / "qrels" / "test.tsv")
    assert lsr("eval", words, *judged).err == ""


def test_eval_takes_no_empty_name_for_the_default(lsr, folder):
    done = lsr("eval", folder, "--model", "", "--quiet")
    assert done.code == 2
    assert "the name of an encoder is empty" in done.err
    assert lsr("eval", folder, "--model", "bm25", "--impacts", "", "--quiet").code == 2


@pytest.mark.parametrize(
    ("target", "arguments", "code"),
    [
        ("folder", ("--qrels", "x"), 2),
        ("folder", ("--split", "dev"), 3),
        ("folder", ("--measures", "nonsense"), 2),
        ("folder", ("--min", "nDCG@10"), 2),
        ("folder", ("--min", "nDCG@10=nan"), 2),
        ("folder", ("--measures", "R@5000"), 2),
        ("index", (), 2),
        ("index", ("--model", "bm25"), 2),
        ("run", (), 2),
        ("run", ("--qrels", "x", "--queries", "y"), 2),
        ("run", ("--qrels", "{judged}", "--depth", "10"), 2),
        ("run", ("--qrels", "{judged}", "--threads", "2"), 2),
        ("run", ("--qrels", "{judged}", "--model", "bm25"), 2),
        ("folder", ("--force-model",), 2),
        ("run", ("--qrels", "no-such-file"), 3),
        ("nothing", (), 3),
    ],
)
def test_eval_errors(lsr, folder, words, tmp_path, target, arguments, code):
    (tmp_path / "run.txt").write_text("q1 Q0 d0 1 1.0 x\n")
    targets = {"folder": folder, "index": words, "run": tmp_path / "run.txt", "nothing": tmp_path / "nothing"}
    judged = folder / "qrels" / "test.tsv"
    assert lsr("eval", targets[target], *(text.format(judged=judged) for text in arguments)).code == code


def test_eval_without_its_extra_says_what_to_install(lsr, folder, monkeypatch):
    monkeypatch.setattr("lsr.eval.measures.find_spec", lambda _name: None)
    done = lsr("eval", folder, "--json")
    assert done.code == 5
    assert "pip install" in json.loads(done.err.splitlines()[-1])["error"]["hint"]


# bench


def test_bench_prints_a_list_with_one_object_for_each_k(lsr, words, folder):
    rows = lsr("bench", words, "--queries", folder / "queries.jsonl", "--k", "1,10", "--threads", 2, "--json").json
    assert [(row["k"], row["queries"], row["threads"], row["exact"]) for row in rows] == [
        (1, 3, 2, True),
        (10, 3, 2, True),
    ]
    assert {"mean_us", "p50_us", "p95_us", "p99_us", "encode_us"} < set(rows[0])


def test_bench_of_ready_vectors_has_a_table(lsr, vectors, tmp_path):
    np.savez(tmp_path / "q.npz", indptr=[0, 1], terms=[0], weights=[1.0])
    head, row = lsr("bench", vectors, "--vectors", tmp_path / "q.npz", "--k", 5).out.splitlines()
    assert head.split()[:4] == ["k", "queries", "threads", "mean_us"]
    assert row.split()[:3] == ["5", "1", "1"]


def test_bench_measures_the_compiled_kernel_only(lsr, words, folder, monkeypatch):
    monkeypatch.setattr("lsr.search.engine.PATIENCE", 10**9)
    monkeypatch.delitem(sys.modules, "lsr.search.kernels.exhaustive", raising=False)
    monkeypatch.setattr("lsr.search.kernels.portable.search", None)
    assert lsr("bench", words, "--queries", folder / "queries.jsonl", "--k", "1").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--queries", "x", "--vectors", "y"),
        ("--queries", "x", "--k", "ten"),
        ("--vectors", "y", "--model", "bm25"),
        ("--vectors", "y", "--force-model"),
    ],
)
def test_bench_usage(lsr, words, arguments):
    assert lsr("bench", words, *arguments).code == 2


# info, verify, warmup


def test_info_tells_the_facts_of_the_manifest(lsr, blended):
    facts = lsr("info", blended, "--json").json
    manifest = json.loads((blended / "gen-1" / "manifest.json").read_text())
    assert facts["documents"] == 30
    assert facts["postings"] == manifest["segments"][0]["postings"]
    assert [space["weight"] for space in facts["spaces"]] == [1.0, 1.5]
    assert facts["spaces"][0]["query_fingerprint"] == manifest["spaces"][0]["query_fingerprint"]
    assert facts["bytes_per_posting"] * facts["postings"] == pytest.approx(facts["posting_bytes"])
    shown = lsr("info", blended).out
    assert "space splade-tiny  weight 1, model splade-tiny" in shown
    assert facts["spaces"][0]["query_fingerprint"] in shown


def test_info_of_ready_vectors(lsr, vectors):
    assert "the vectors came ready-made" in lsr("info", vectors).out


def test_verify_finds_a_changed_byte(lsr, words, tmp_path):
    assert "sound: 30 documents" in lsr("verify", words).out
    assert lsr("verify", words, "--json").json["sound"] is True
    broken = tmp_path / "broken.idx"
    shutil.copytree(words, broken)
    array = broken / "gen-1" / "segment-0" / "columns.npy"
    data = bytearray(array.read_bytes())
    data[-1] ^= 1
    array.write_bytes(data)
    done = lsr("verify", broken)
    assert (done.code, done.out) == (1, "")
    assert f"error: {array}: the checksum" in done.err
    as_json = lsr("verify", broken, "--json")
    assert (as_json.code, as_json.json["sound"], as_json.json["path"]) == (1, False, str(array))


def test_verify_without_an_index_is_not_damage(lsr, tmp_path):
    assert lsr("verify", tmp_path / "none").code == 3


def test_after_warmup_searches_compile_nothing(lsr, blended, vectors):
    from lsr.search.kernels import columns, exhaustive

    def compiled():
        return set(columns.search_many.signatures), set(exhaustive.search_many.signatures)

    done = lsr("warmup", blended)
    assert done.code == 0
    assert "uint8 and float32" in done.out
    assert "read in" in done.out
    ready = compiled()
    for index, query in ((blended, '{"cat": 1}'), (vectors, '{"cat": 1}')):
        assert lsr("search", index, "--vector", query).code == 0
    assert lsr("search", blended, "--queries", "-", "--trec", "--threads", 2, stdin=b"cats\nriver\n").code == 0
    assert compiled() == ready
    facts = lsr("warmup", "--json").json
    assert facts["kernels"] == ["uint8", "float32"]
