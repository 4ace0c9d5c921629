"""`lsr search`."""

import gzip
import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lsr.encoders.registry import EMBEDDED


def test_words_without_quotes_are_one_query(lsr, blended):
    one = lsr("search", blended, "block-max", "pruning", "--json").json
    assert one["query"] == "block-max pruning"
    assert one["query_id"] == "1"
    assert one == lsr("search", blended, "block-max pruning", "--json").json


def test_json_has_rank_id_score_and_stored_fields(lsr, blended):
    hits = lsr("search", blended, "sleeping cats", "--k", 3, "--json").json["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert list(hits[0]) == ["rank", "id", "score", "title", "text"]
    assert hits[0]["text"].startswith("cats sleep")
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_stored_fields_do_not_hide_rank_and_score(lsr, tmp_path):
    (tmp_path / "d.jsonl").write_text('{"id": "1", "text": "apple", "score": "mine", "rank": 77}\n')
    assert lsr("index", tmp_path / "d.jsonl", "-o", tmp_path / "i", "--model", "bm25").code == 0
    hit = lsr("search", tmp_path / "i", "apple", "--json").json["hits"][0]
    assert hit["rank"] == 1
    assert isinstance(hit["score"], float)


def test_explanations_add_up_to_the_score(lsr, blended):
    answer = lsr("search", blended, "sleeping cats", "-k", 2, "--json", "--explain").json
    assert answer["blend"] == {"splade-tiny": 1.0, "bm25": 1.5}
    for hit in answer["hits"]:
        total = sum(part["score"] for part in hit["explanation"])
        assert total == pytest.approx(hit["score"], rel=1e-6)
        assert {part["space"] for part in hit["explanation"]} == {"splade-tiny", "bm25"}


def test_a_blend_chooses_the_weights(lsr, blended, words):
    alone = lsr("search", blended, "sleeping cats", "--json", "--blend", "splade-tiny=0,bm25=1").json
    bm25 = lsr("search", words, "sleeping cats", "--json", "--blend", "bm25=1").json
    assert [(hit["id"], hit["score"]) for hit in alone["hits"]] == [(hit["id"], hit["score"]) for hit in bm25["hits"]]


def test_trec_lines_for_a_file_of_queries(lsr, words, folder):
    done = lsr("search", words, "--queries", folder / "queries.jsonl", "--trec", "-k", 2, "--run-name", "mine")
    rows = [line.split() for line in done.out.splitlines()]
    assert [row[0] for row in rows[:2]] == ["q1", "q1"]
    assert all(len(row) == 6 and row[1] == "Q0" and row[5] == "mine" for row in rows)
    assert [row[3] for row in rows[:2]] == ["1", "2"]


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_lines_of_standard_input_are_queries(lsr, words, arguments):
    done = lsr("search", words, *arguments, "--json", stdin=b"sleeping cats\n\nthe river\n")
    assert [(answer["query_id"], answer["query"]) for answer in done.lines] == [
        ("1", "sleeping cats"),
        ("2", "the river"),
    ]


def test_threads_do_not_change_the_answer(lsr, words, folder):
    arguments = ("search", words, "--queries", folder / "queries.jsonl", "--json")
    assert lsr(*arguments).out == lsr(*arguments, "--threads", 3).out


def test_no_known_term_is_a_note_and_no_error(lsr, words):
    done = lsr("search", words, "xylophone", "--json")
    assert (done.code, done.json["hits"]) == (0, [])
    assert "note: no hits" in done.err


def test_fewer_hits_than_wanted_is_a_note(lsr, words, folder):
    few = lsr("search", words, "cats", "-k", 20, "--json")
    assert (few.code, len(few.json["hits"])) == (0, 5)
    assert "only 5 documents" in few.err
    beyond = lsr("search", words, "cats", "-k", 1000, "--json")
    assert "k is 1000, and the index holds 30 documents" in beyond.err
    many = lsr("search", words, "--queries", folder / "queries.jsonl", "-k", 20, "--trec")
    assert re.search(r"of 3 queries, \d had no hits and \d fewer than 20", many.err)
    assert lsr("search", words, "cats", "-k", 20, "--quiet").err == ""


def test_a_terminal_gets_highlights(lsr, words, terminal, monkeypatch):
    shown = lsr("search", words, "sleeping cats", "-k", 1, out=terminal()).out
    assert "\x1b[1;33mcats\x1b[0m \x1b[1;33msleep\x1b[0m" in shown
    monkeypatch.setenv("NO_COLOR", "1")
    plain = lsr("search", words, "sleeping cats", "-k", 1, out=terminal()).out
    assert plain == re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "cats sleep through" in plain


def test_no_colour_without_a_terminal_unless_forced(lsr, words, monkeypatch, terminal):
    assert "\x1b" not in lsr("search", words, "cats").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in lsr("search", words, "cats").out
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in lsr("search", words, "cats", out=terminal()).out


def test_only_what_contributes_is_highlighted(lsr, blended, terminal):
    shown = lsr("search", blended, "sleeping cats", "-k", 1, "--blend", "splade-tiny=0", out=terminal()).out
    assert "\x1b[1;33mhunt" not in shown
    assert "\x1b[1;33mcats" in shown


def test_stored_control_characters_and_markup_are_shown_not_obeyed(lsr, tmp_path, terminal):
    (tmp_path / "d.jsonl").write_text(
        '{"id": "1", "title": "[red]t[/red]", "text": "apple \\u001b[2J \\u202e pie [bold]"}\n'
    )
    assert lsr("index", tmp_path / "d.jsonl", "-o", tmp_path / "i", "--model", "bm25").code == 0
    shown = lsr("search", tmp_path / "i", "apple", out=terminal()).out
    assert "\x1b[2J" not in shown
    assert "\\x1b[2J \\u202e pie [bold]" in shown
    assert "[red]t[/red]" in shown


def test_explain_prints_the_blend_and_bars_under_each_hit(lsr, blended):
    shown = lsr("search", blended, "cats", "-k", 2, "--explain").out
    assert shown.startswith("blend: splade-tiny=1, bm25=1.5\n")
    assert len(re.findall(r"bm25 +cat .* x .*█", shown)) == 2


def test_several_answers_are_kept_apart(lsr, words, folder):
    shown = lsr("search", words, "--queries", folder / "queries.jsonl", "-k", 1).out
    assert "block-max pruning  (query q1)" in shown
    assert "\n\nsleeping cats  (query q2)\n" in shown


def test_a_vector_is_a_query(lsr, vectors):
    done = lsr("search", vectors, "--vector", '{"dog": 2, "cat": 0.5, "bird": 1}', "--json", "--explain")
    assert [(hit["id"], hit["score"]) for hit in done.json["hits"]] == [("b", 6.0), ("a", 2.0)]
    assert done.json["query"] is None
    assert "does not know bird" in done.err
    assert [part["token"] for part in done.json["hits"][1]["explanation"]] == ["cat", "dog"]
    shown = lsr("search", vectors, "--vector", '{"dog": 2}').out
    assert "a dog" in shown


def test_a_vector_names_the_space_of_a_token(lsr, blended):
    parts = [
        lsr("search", blended, "--vector", f'{{"{space}:cat": 1}}', "--json", "--explain").json["hits"][0][
            "explanation"
        ]
        for space in ("splade-tiny", "bm25")
    ]
    assert [part[0]["space"] for part in parts] == ["splade-tiny", "bm25"]


@pytest.mark.parametrize("vector", ["nonsense", "[1]", '{"cat": -1}', '{"cat": NaN}', '{"cat": "x"}', '{"cat": true}'])
def test_wrong_vectors(lsr, vectors, vector):
    done = lsr("search", vectors, "--vector", vector)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: --vector: ")


@pytest.mark.parametrize("words", [[""], ["  "], ["", "\t"]])
def test_a_blank_query_is_refused(lsr, blended, words):
    for verb in ("search", "explain"):
        done = lsr(verb, blended, *words)
        assert (done.code, done.out) == (2, "")
        assert "error: the query is empty" in done.err


def test_a_blend_with_two_weights_of_one_space_is_refused(lsr, blended):
    done = lsr("search", blended, "cats", "--blend", "bm25=1,bm25=2")
    assert (done.code, done.out) == (2, "")
    assert "error: --blend: bm25 has two weights" in done.err


def test_one_document_is_told_in_the_singular(lsr, tmp_path):
    (tmp_path / "d.tsv").write_text("1\tapple\n")
    built = lsr("index", tmp_path / "d.tsv", "-o", tmp_path / "i", "--model", "bm25")
    assert "\n1 document, 1 posting in " in built.err
    assert "the index holds 1 document\n" in lsr("search", tmp_path / "i", "apple").err
    assert lsr("verify", tmp_path / "i").out.startswith("sound: 1 document; ")


def test_compressed_standard_input_is_read(lsr, words):
    done = lsr("search", words, "--json", stdin=gzip.compress(b"cats\nriver\n"))
    assert [line["query"] for line in done.lines] == ["cats", "river"]


def test_queries_may_come_through_a_pipe_or_with_the_names_of_other_tools(lsr, words, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    content = '{"query_id": "q7", "query": "cats"}\n{"qid": 8, "text": "river"}\n'
    with ThreadPoolExecutor(1) as writer:
        writer.submit((tmp_path / "pipe").write_text, content)
        done = lsr("search", words, "--queries", tmp_path / "pipe", "--json")
    assert [(line["query_id"], line["query"]) for line in done.lines] == [("q7", "cats"), ("8", "river")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("x", "--queries", "file"),
        ("x", "--vector", "{}"),
        ("--vector", "{}", "--model", "bm25"),
        ("--vector", "{}", "--force-model"),
        ("x", "--run-name", "mine"),
        ("x", "--run-name", "", "--trec"),
        ("x", "--trec", "--json"),
        ("x", "--trec", "--explain"),
        ("x", "--blend", "nonsense"),
        ("x", "--blend", "bm25=-1"),
        ("x", "--blend", "other=1"),
        ("x", "--k", "0"),
        ("x", "--threads", "0"),
    ],
)
def test_contradictions_are_usage_errors(lsr, words, arguments):
    done = lsr("search", words, *arguments)
    assert (done.code, done.out) == (2, "")
    assert "error" in done.err


def test_another_model_must_be_forced(lsr, blended, words):
    refused = lsr("search", words, "cats", "--model", "splade-tiny")
    assert refused.code == 4
    same = lsr("search", blended, "cats", "--model", "splade-tiny+bm25", "--json")
    assert same.json == lsr("search", blended, "cats", "--json").json
    forced = lsr("search", words, "cats", "--model", "splade-tiny", "--force-model", "--json")
    assert forced.code == 0


def test_ready_vectors_with_a_model_are_asked_by_token(lsr, vectors, terminal):
    assert lsr("search", vectors, "cat").code == 2
    unproved = lsr("search", vectors, "cat", "--model", "splade-tiny")
    assert unproved.code == 4
    assert "does not say with which model" in unproved.err
    assert "--force-model" in unproved.err
    weights = lsr("encode", "cat", "--query").json
    asked = ("search", vectors, "cat", "--model", "splade-tiny", "--force-model")
    hits = lsr(*asked, "--json").json["hits"]
    assert "a \x1b[1;33mcat\x1b[0m" in lsr(*asked, out=terminal()).out
    assert hits[0]["id"] == "a"
    assert hits[0]["score"] == pytest.approx(2 * weights["cat"] + 0.5 * weights.get("dog", 0), rel=1e-5)


def test_ready_vectors_without_names_are_asked_by_term_id(lsr, tmp_path):
    from lsr import load_encoder

    term = load_encoder("splade-tiny").document.vocabulary.find("cat")
    np.savez(tmp_path / "v.npz", indptr=[0, 1, 2], terms=[term, 1], weights=[1.0, 1.0])
    assert lsr("index", tmp_path / "v.npz", "-o", tmp_path / "i").code == 0
    assert (
        lsr("search", tmp_path / "i", "cat", "--model", "splade-tiny", "--force-model", "--json").json["hits"][0]["id"]
        == "0"
    )


def test_a_vector_needs_no_model(lsr, tmp_path, terminal):
    model = shutil.copytree(EMBEDDED["splade-tiny"], tmp_path / "model")
    (tmp_path / "d.tsv").write_text("a\ta cat\nb\ta dog\n")
    assert lsr("index", tmp_path / "d.tsv", "-o", tmp_path / "i", "--model", model).code == 0
    shutil.rmtree(model)
    shown = lsr("search", tmp_path / "i", "--vector", '{"cat": 1}', "--explain", out=terminal())
    assert (shown.code, shown.out.count("a cat")) == (0, 1)
    assert "a \x1b" not in shown.out
    assert lsr("search", tmp_path / "i", "cat").code == 3


def test_a_model_that_has_moved_is_taken_with_the_settings_of_the_index(lsr, tmp_path):
    model = shutil.copytree(EMBEDDED["splade-tiny"], tmp_path / "model")
    (tmp_path / "d.tsv").write_text("a\tder Hund und die Häuser\nb\ta dog\n")
    made = ("index", tmp_path / "d.tsv", "-o", tmp_path / "i", "--model", f"{model}+bm25", "--language", "german")
    assert lsr(*made).code == 0
    before = lsr("search", tmp_path / "i", "haus", "--json").json
    model.rename(tmp_path / "elsewhere")
    after = lsr("search", tmp_path / "i", "haus", "--json", "--model", f"{tmp_path / 'elsewhere'}+bm25")
    assert after.json == before


def test_standard_input_without_queries_is_an_error(lsr, words):
    assert lsr("search", words, stdin=b"\n \n").code == 4


def test_a_vector_over_terms_without_names_takes_their_numbers(lsr, tmp_path):
    np.savez(tmp_path / "v.npz", indptr=[0, 1, 2], terms=[7, 1], weights=[1.0, 2.0])
    assert lsr("index", tmp_path / "v.npz", "-o", tmp_path / "i").code == 0
    done = lsr("search", tmp_path / "i", "--vector", json.dumps({"7": 2, "vectors:1": 0.5, "9" * 5000: 1}), "--json")
    assert [(hit["id"], hit["score"]) for hit in done.json["hits"]] == [("0", 2.0), ("1", 1.0)]
    assert "does not know 999" in done.err


def test_snippets_look_up_no_names_of_terms(lsr, blended, terminal, monkeypatch):
    expected = lsr("search", blended, "sleeping cats", "-k", 3, out=terminal()).out
    assert "\x1b[1;33mcats" in expected
    monkeypatch.setattr("lsr.index.catalog.CatalogVocabulary.token", None)
    assert lsr("search", blended, "sleeping cats", "-k", 3, out=terminal()).out == expected


def test_a_k_out_of_range_is_told_the_range(lsr, words):
    for k in (0, 2**31 + 1):
        assert f"k is {k}; it must be a whole number from 1 to {2**31}" in lsr("search", words, "cats", "-k", k).err
