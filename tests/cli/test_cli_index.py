"""`lsr index`."""

import gzip
import io
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest


def test_says_what_it_did_on_standard_error_only(lsr, folder, tmp_path):
    done = lsr("index", folder, "-o", tmp_path / "i", "--model", "bm25")
    assert (done.code, done.out) == (0, "")
    assert "format beir, found out by content" in done.err
    assert "30 documents" in done.err
    assert f"next: lsr search {tmp_path / 'i'}" in done.err


def test_quiet_is_silent_and_json_is_one_object(lsr, folder, tmp_path):
    done = lsr("index", folder, "-o", tmp_path / "i", "--model", "bm25", "--quiet", "--json")
    assert done.err == ""
    summary = done.json
    assert (summary["documents"], summary["format"], summary["skipped"]) == (30, "beir", 0)
    files = [*(tmp_path / "i").rglob("*.npy"), *(tmp_path / "i").rglob("*.sqlite")]
    stored = sum(file.stat().st_size for file in files)
    assert summary["bytes"] == stored


def test_json_names_the_format_and_no_note_does(lsr, tmp_path):
    (tmp_path / "d.tsv").write_text("1\tapple\n")
    arguments = ("index", tmp_path / "d.tsv", "--model", "bm25")
    done = lsr(*arguments, "-o", tmp_path / "i", "--json")
    assert done.json["format"] == "tsv"
    assert "format tsv" not in done.err
    assert "format tsv, found out by content" in lsr(*arguments, "-o", tmp_path / "j").err


@pytest.mark.parametrize(
    ("option", "said"), [("--model", "the name of an encoder is empty"), ("--text-fields", "no name given")]
)
def test_an_empty_name_is_no_default(lsr, folder, tmp_path, option, said):
    done = lsr("index", folder, "-o", tmp_path / "i", "--quiet", option, "")
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "i").exists()


def test_counts_texts_that_were_cut(lsr, tmp_path):
    (tmp_path / "d.tsv").write_text("1\tshort\n2\t" + "long words go on " * 20 + "\n")
    done = lsr(
        "index", tmp_path / "d.tsv", "-o", tmp_path / "i", "--model", "splade-tiny", "--max-length", 16, "--json"
    )
    assert done.json["truncated"] == {"splade-tiny": 1}
    assert "1 of 2 texts were longer than splade-tiny reads" in done.err


def test_texts_without_a_term_are_counted(lsr, tmp_path):
    (tmp_path / "d.tsv").write_text("1\tapple\n2\tthe\n3\tof\n")
    done = lsr("index", tmp_path / "d.tsv", "-o", tmp_path / "i", "--model", "bm25", "--json")
    assert done.json["empty"] == {"bm25": 2}
    assert "2 of 3 texts have no term of bm25" in done.err


def test_reads_standard_input(lsr, tmp_path):
    text = b'{"id": "x", "text": "hello world"}\n'
    assert lsr("index", "-", "-o", tmp_path / "i", "--model", "bm25", stdin=text).code == 0
    assert [hit["id"] for hit in lsr("search", tmp_path / "i", "hello", "--json").json["hits"]] == ["x"]


@pytest.mark.parametrize("name", ["d.jsonl", "d.jsonl.gz", "d.txt", "d.tsv"])
def test_finds_out_the_format(lsr, tmp_path, name):
    content = {
        "d.jsonl": '{"id": "1", "text": "green apples"}\n',
        "d.txt": "green apples\n",
        "d.tsv": "1\tgreen apples\n",
    }
    data = content[name.removesuffix(".gz")].encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert lsr("index", tmp_path / name, "-o", tmp_path / "i", "--model", "bm25").code == 0
    assert lsr("search", tmp_path / "i", "apple", "--json").json["hits"][0]["id"] == "1"


def test_encodes_only_the_fields_that_are_named(lsr, tmp_path):
    (tmp_path / "d.jsonl").write_text('{"id": "1", "head": "apple", "body": "pear", "text": "plum"}\n')
    assert (
        lsr("index", tmp_path / "d.jsonl", "-o", tmp_path / "i", "--model", "bm25", "--text-fields", "head, body").code
        == 0
    )
    found = {
        word: len(lsr("search", tmp_path / "i", word, "--json").json["hits"]) for word in ("apple", "pear", "plum")
    }
    assert found == {"apple": 1, "pear": 1, "plum": 0}


def test_ready_vectors_need_no_model(lsr, vectors):
    facts = lsr("info", vectors, "--json").json
    assert [space["model"] for space in facts["spaces"]] == [None]
    assert facts["impacts"] == "float32"


def test_npz_vectors_keep_their_ids(lsr, tmp_path):
    np.savez(tmp_path / "v.npz", indptr=[0, 1, 2], terms=[7, 9], weights=[1.0, 2.0], ids=["x", "y"])
    done = lsr("index", tmp_path / "v.npz", "-o", tmp_path / "i")
    assert "--vector VECTOR" in done.err
    assert [hit["id"] for hit in lsr("search", tmp_path / "i", "--vector", '{"9": 1}', "--json").json["hits"]] == ["y"]


def test_a_model_for_ready_vectors_is_refused(lsr, tmp_path):
    (tmp_path / "v.jsonl").write_text('{"id": "a", "vector": {"cat": 1}}\n')
    done = lsr("index", tmp_path / "v.jsonl", "-o", tmp_path / "i", "--model", "bm25")
    assert done.code == 2
    assert "ready vectors" in done.err
    assert not (tmp_path / "i").exists()


def test_bad_lines_are_skipped_and_counted_on_demand(lsr, tmp_path):
    (tmp_path / "d.jsonl").write_text('{"id": "1", "text": "apple"}\nnonsense\n{"id": "2", "text": "pear"}\n')
    arguments = ("index", tmp_path / "d.jsonl", "-o", tmp_path / "i", "--model", "bm25")
    assert lsr(*arguments).code == 4
    done = lsr(*arguments, "--on-error", "skip", "--json")
    assert (done.code, done.json["documents"], done.json["skipped"]) == (0, 2, 1)
    assert "1 bad line skipped" in done.err


def test_an_index_is_replaced_only_by_force(lsr, folder, tmp_path):
    arguments = ("index", folder, "-o", tmp_path / "i", "--model", "bm25", "--quiet")
    assert lsr(*arguments).code == 0
    refused = lsr(*arguments)
    assert refused.code == 6
    assert "--force" in refused.err
    assert lsr(*arguments, "--force").code == 0


def test_settings_change_the_vectors(lsr, folder, tmp_path):
    assert (
        lsr(
            "index", folder, "-o", tmp_path / "i", "--model", "bm25", "--k1", 1.2, "--b", 0.75, "--language", "none"
        ).code
        == 0
    )
    assert lsr("info", tmp_path / "i", "--json").json["spaces"][0]["settings"] == {
        "k1": 1.2,
        "b": 0.75,
        "language": "none",
    }


@pytest.mark.parametrize(
    ("model", "option"), [("splade-tiny", "--k1"), ("bm25", "--max-length"), ("bm25", "--backend")]
)
def test_a_setting_that_concerns_no_part_is_refused(lsr, folder, tmp_path, model, option):
    done = lsr("index", folder, "-o", tmp_path / "i", "--model", model, option, 1)
    assert done.code == 2
    assert option in done.err


def test_progress_is_a_bar_on_a_terminal(lsr, folder, tmp_path, terminal):
    done = lsr("index", folder, "-o", tmp_path / "i", "--model", "bm25", err=terminal())
    assert "30/30" in done.err
    assert "documents" in done.err


def test_a_full_disk_leaves_nothing(lsr, folder, tmp_path, monkeypatch):
    def full(*_arguments, **_arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    done = lsr("index", folder, "-o", tmp_path / "i", "--model", "bm25")
    assert done.code == 7
    assert "No space left on device" in done.err
    assert not (tmp_path / "i").exists()


@pytest.mark.parametrize(("signal", "code"), [(KeyboardInterrupt, 130), ("terminated", 143)])
def test_an_interrupted_run_keeps_its_shards_and_the_old_index(lsr, folder, words, tmp_path, monkeypatch, signal, code):
    from lsr.cli.exits import Terminated
    from lsr.encoders.bm25 import BM25Documents

    encode = BM25Documents.encode
    calls = []

    def interrupted(self, texts):
        calls.append(len(texts))
        if len(calls) == 3:
            raise KeyboardInterrupt if signal is KeyboardInterrupt else Terminated
        return encode(self, texts)

    monkeypatch.setattr("lsr.index.builder.SHARD_DOCUMENTS", 8)
    shutil.copytree(words, tmp_path / "i")
    arguments = ("index", folder, "-o", tmp_path / "i", "--model", "bm25")
    with monkeypatch.context() as patch:
        patch.setattr(BM25Documents, "encode", interrupted)
        stopped = lsr(*arguments, "--force")
    assert stopped.code == code
    assert "--resume" in stopped.err
    assert lsr("search", tmp_path / "i", "cats", "--json").json["hits"]

    resumed = lsr(*arguments, "--resume", "--json")
    assert resumed.json["encoded"] == 30 - 16
    assert lsr("index", folder, "-o", tmp_path / "whole", "--model", "bm25").code == 0
    assert _contents(tmp_path / "i" / "gen-2") == _contents(tmp_path / "whole" / "gen-1")


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_clipped_weights_are_told(lsr, tmp_path):
    weights = np.r_[np.full(3000, 1.0), 1000.0].astype(np.float32)
    rows = len(weights)
    np.savez(tmp_path / "v.npz", indptr=np.arange(rows + 1), terms=np.zeros(rows, np.uint32), weights=weights)
    done = lsr("index", tmp_path / "v.npz", "-o", tmp_path / "i", "--json")
    clipped = done.json["clipped"]["vectors"]
    assert ("were clipped" in done.err) == (clipped > 0)
    assert json.loads((tmp_path / "i" / "gen-1" / "manifest.json").read_text())["spaces"][0]["clipped"] == clipped


def test_standard_error_that_is_closed_does_not_stop_it(lsr, folder, tmp_path):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    assert lsr("index", folder, "-o", tmp_path / "i", "--model", "bm25", err=Closed()).code == 0


@pytest.mark.parametrize("arguments", [("", "-o", "{new}"), ("{folder}", "-o", "")])
def test_an_empty_path_is_not_the_current_folder(lsr, folder, tmp_path, arguments):
    given = [argument.format(folder=folder, new=tmp_path / "i") for argument in arguments]
    done = lsr("index", *given, "--model", "bm25")
    assert (done.code, done.out) == (2, "")
    assert "error: a path is empty" in done.err


def test_the_texts_beside_ready_vectors_can_be_encoded(lsr, tmp_path):
    rows = [{"id": "a", "contents": "a cat", "vector": {"owl": 2.0}}, {"id": "b", "contents": "a dog", "vector": {}}]
    (tmp_path / "v.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ("index", tmp_path / "v.jsonl", "-o", tmp_path / "i", "--model", "bm25")
    refused = lsr(*arguments)
    assert refused.code == 2
    assert "encode the texts with --input-format jsonl" in refused.err
    unnamed = lsr(*arguments, "--input-format", "jsonl")
    assert unnamed.code == 4
    assert "--text-fields): contents" in unnamed.err
    assert lsr(*arguments, "--input-format", "jsonl", "--text-fields", "contents").code == 0
    assert [hit["id"] for hit in lsr("search", tmp_path / "i", "cat", "--json").json["hits"]] == ["a"]
    assert lsr("search", tmp_path / "i", "owl", "--json").json["hits"] == []


def test_arrays_have_no_texts_to_encode(lsr, tmp_path):
    np.savez(tmp_path / "v.npz", indptr=[0, 1], terms=[1], weights=[1.0])
    done = lsr("index", tmp_path / "v.npz", "-o", tmp_path / "i", "--model", "bm25")
    assert done.code == 2
    assert "hint: leave out --model and its settings\n" in done.err


def test_what_a_folder_holds_besides_is_named(lsr, tmp_path):
    source = tmp_path / "mixed"
    source.mkdir()
    (source / "docs.jsonl").write_text('{"id": "1", "text": "apple"}\n')
    arguments = ("index", source, "-o", tmp_path / "i", "--model", "bm25", "--force")
    assert "left out" not in lsr(*arguments).err
    for name in ("a.txt", "b.tsv", "c.txt.gz", "d.txt", "picture.png"):
        (source / name).touch()
    note = next(line for line in lsr(*arguments).err.splitlines() if "left out" in line)
    assert note.startswith("note: left out, as a folder is read in one format: a.txt, b.tsv, c.txt.gz and 1 more; ")
    assert "left out" not in lsr(*arguments, "--quiet").err
    (source / "docs.jsonl").unlink()
    (source / "a.txt").write_text("apple")
    (source / "c.txt.gz").unlink()
    assert "in one format: b.tsv; " in lsr(*arguments).err


def test_a_collection_folder_leaves_nothing_out(lsr, folder, tmp_path):
    assert "left out" not in lsr("index", folder, "-o", tmp_path / "i", "--model", "bm25").err


def test_documents_may_come_through_a_pipe(lsr, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as writer:
        writer.submit((tmp_path / "pipe").write_bytes, gzip.compress(b'{"id": "1", "text": "apple"}\n'))
        done = lsr("index", tmp_path / "pipe", "-o", tmp_path / "i", "--model", "bm25")
    assert done.code == 0
    assert "format jsonl, as no --input-format is given" in done.err


def test_a_first_line_that_looks_like_a_header_is_told(lsr, tmp_path):
    (tmp_path / "d.tsv").write_text("doc_id\tcontent\n1\tapple\n")
    arguments = ("index", tmp_path / "d.tsv", "-o", tmp_path / "i", "--model", "bm25")
    done = lsr(*arguments)
    assert "2 documents" in done.err
    assert "note: the first line was taken for a document, and looks like a header: doc_id content" in done.err
    named = lsr(*arguments, "--text-fields", "content", "--force")
    assert "1 document," in named.err
    assert "header" not in named.err


def test_the_next_command_can_be_copied(lsr, tmp_path):
    (tmp_path / "d.tsv").write_text("1\tapple\n")
    done = lsr("index", tmp_path / "d.tsv", "-o", tmp_path / "my index", "--model", "bm25")
    assert f"next: lsr search '{tmp_path / 'my index'}' YOUR QUESTION" in done.err
