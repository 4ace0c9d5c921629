import contextlib
import io
import json

import pytest
from interchange_samples import blend, ciff, weights

from lsr.cli.app import main
from lsr.index.index import Index


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def index(tmp_path):
    with blend(tmp_path / "a.idx") as opened:
        yield opened


@pytest.mark.parametrize("name", ["v.ciff", "v.npz"])
def test_there_and_back(index, tmp_path, name):
    code, out, err = run("export", index.path, tmp_path / name)
    assert (code, out) == (0, "")
    assert f"90 documents, {index.manifest.postings:,} postings" in err
    code, out, err = run("import", tmp_path / name, "--out", tmp_path / "b.idx")
    assert (code, out) == (0, "")
    assert "next: lsr search" in err
    with Index.open(tmp_path / "b.idx") as back:
        assert weights(back) == weights(index)


def test_json_and_quiet(index, tmp_path):
    code, out, err = run("export", index.path, tmp_path / "v.jsonl", "--json", "--format", "seismic")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert facts.pop("seconds") >= 0
    assert facts == {
        "index": str(index.path),
        "file": str(tmp_path / "v.jsonl"),
        "format": "seismic",
        "documents": 90,
        "postings": index.manifest.postings,
        "bytes": (tmp_path / "v.jsonl").stat().st_size,
    }
    code, out, err = run("import", tmp_path / "v.jsonl", "-o", tmp_path / "b.idx", "--json", "--impacts", "float32")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert (facts["documents"], facts["postings"]) == (90, index.manifest.postings)
    assert facts["clipped"] == {"vectors": 0}
    assert facts["format"] == "anserini"
    assert run("export", index.path, tmp_path / "v.npz", "-q") == (0, "", "")
    assert run("import", tmp_path / "v.npz", "-o", tmp_path / "c.idx", "-q") == (0, "", "")


def test_anserini_is_told_of_its_whole_numbers(index, tmp_path):
    assert "--levels writes whole numbers" in run("export", index.path, tmp_path / "v.jsonl")[2]
    assert "--levels" not in run("export", index.path, tmp_path / "w.jsonl", "--levels")[2]
    code, _, _ = run("export", index.path, tmp_path / "parts", "--format", "anserini", "--split", 30, "--gzip")
    assert code == 0
    assert len(list((tmp_path / "parts").glob("part-*.jsonl.gz"))) == 3


def test_errors_have_their_exit_codes(index, tmp_path):
    (tmp_path / "there.npz").write_text("")
    (tmp_path / "v.ciff").write_bytes(ciff([("t", [(0, 999)])], ["a"]))
    (tmp_path / "short.ciff").write_bytes((tmp_path / "v.ciff").read_bytes()[:-1])
    into = ["--out", tmp_path / "b.idx"]
    for code, arguments in {
        2: ["export", index.path, tmp_path / "v.unknown"],
        3: ["import", tmp_path / "missing", *into],
        4: ["import", tmp_path / "short.ciff", "--impacts", "float32", *into],
        6: ["import", tmp_path / "v.ciff", *into],
    }.items():
        found, _, err = run(*arguments)
        assert found == code
        assert "hint: " in err
    assert run("export", index.path, tmp_path / "there.npz")[0] == 6
    assert run("export", index.path, tmp_path / "there.npz", "--force")[0] == 0
    assert not (tmp_path / "b.idx").exists()
