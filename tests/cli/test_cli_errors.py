"""Bad input and what the command says about it: what, where, what to do, and the exit code."""

import io
import json
import re
from pathlib import Path

import pytest

import lsr as package

OK = '{"id": "1", "text": "apple"}\n'


@pytest.mark.parametrize(
    ("content", "place", "said"),
    [
        (OK + '{"text": "pear"}\n', ":2", 'no field "_id" or "id"'),
        (OK + '{"id": "2"}\n', ":2", "no text field"),
        (OK + OK.replace("1", "2") + "{nonsense\n", ":3", "invalid JSON"),
        (OK + OK, ":2", "'1'"),
        ("", "", "empty"),
        ('{"id": "1", "vector": {"cat": -1}}\n', ":1", "-1"),
        ('{"id": "1", "vector": {"cat": NaN}}\n', ":1", "NaN"),
    ],
    ids=["no id", "no text", "invalid JSON", "duplicate", "empty", "negative weight", "NaN"],
)
def test_bad_collections(lsr, tmp_path, content, place, said):
    source = tmp_path / "d.jsonl"
    source.write_text(content)
    done = lsr("index", source, "-o", tmp_path / "i")
    assert (done.code, done.out) == (4, "")
    error = next(line for line in done.err.splitlines() if line.startswith("error: "))
    assert error.startswith(f"error: {source}{place}: ")
    assert said in error
    assert not (tmp_path / "i").exists()


def test_an_empty_standard_input(lsr, tmp_path):
    assert lsr("index", "-", "-o", tmp_path / "i", "--model", "bm25").code == 4
    assert not (tmp_path / "i").exists()


def test_an_unknown_model_has_a_suggestion(lsr, folder, tmp_path):
    done = lsr("index", folder, "-o", tmp_path / "i", "--model", "splade-tny")
    assert done.code == 3
    assert "hint: did you mean splade-tiny?" in done.err
    assert not (tmp_path / "i").exists()


@pytest.mark.parametrize("verb", ["search", "info", "verify", "explain", "bench", "warmup"])
def test_folders_that_are_no_index(lsr, folder, tmp_path, verb):
    more = {"search": ["x"], "explain": ["x"], "bench": ["--queries", folder / "queries.jsonl"]}.get(verb, [])
    (tmp_path / "half" / ".build").mkdir(parents=True)
    (tmp_path / "half" / ".build" / "shard-0.npz").touch()
    for path, said in (
        (tmp_path / "none", "no such index"),
        (folder, "no lsr index"),
        (tmp_path / "half", "unfinished"),
    ):
        done = lsr(verb, path, *more)
        assert done.code == 3
        assert done.err.startswith(f"error: {path}: ")
        assert said in done.err
        assert "hint: " in done.err


def test_an_index_never_goes_into_a_foreign_folder(lsr, folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert lsr("index", folder, "-o", tmp_path / "mine", "--model", "bm25", "--force").code == 6
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_damaged_index(lsr, words, tmp_path):
    import shutil

    shutil.copytree(words, tmp_path / "i")
    (tmp_path / "i" / "gen-1" / "segment-0" / "terms.npy").write_bytes(b"short")
    assert lsr("search", tmp_path / "i", "cats").code == 4
    assert lsr("verify", tmp_path / "i").code == 1


def test_a_place_that_cannot_be_written(lsr, folder, tmp_path):
    (tmp_path / "file").write_text("")
    done = lsr("index", folder, "-o", tmp_path / "file" / "i", "--model", "bm25")
    assert done.code == 7
    assert "cannot write" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("serch", "x"),
        ("search",),
        ("search", "i", "--no-such-option"),
        ("search", "i", "x", "--k", "ten"),
        ("index", "d.jsonl"),
        ("index", "d.jsonl", "-o", "i", "--k1", "x"),
        ("index", "{folder}", "-o", "{new}", "--impacts", "uint4", "--model", "bm25"),
        ("index", "{folder}", "-o", "{new}", "--on-error", "shrug"),
        ("index", "{folder}", "-o", "{new}", "--input-format", "jsnl"),
        ("index", "{folder}", "-o", "{new}", "--text-fields", ","),
        ("index", "{folder}", "-o", "{new}", "--model", "bm25", "--language", "klingon"),
    ],
)
def test_usage_errors(lsr, folder, tmp_path, arguments):
    done = lsr(*(argument.format(folder=folder, new=tmp_path / "i") for argument in arguments))
    assert (done.code, done.out) == (2, "")
    assert "error: " in done.err
    assert not (tmp_path / "i").exists()


def test_a_wrong_command_line_names_the_help(lsr):
    assert "hint: lsr search --help" in lsr("search").err
    assert "hint: lsr --help" in lsr("serch").err


def test_with_json_an_error_is_one_json_line(lsr, tmp_path):
    for arguments, code in (
        (("search", tmp_path / "none", "x", "--json"), "not_found"),
        (("serch", "--json"), "usage"),
    ):
        done = lsr(*arguments)
        assert done.out == ""
        error = json.loads(done.err)["error"]
        assert set(error) == {"code", "message", "hint", "path"}
        assert error["code"] == code


@pytest.mark.parametrize("as_json", [True, False])
def test_a_defect_leaves_its_traceback_in_a_file(lsr, words, tmp_path, monkeypatch, as_json):
    def broken(*_arguments, **_options):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("lsr.index.index.Index.open", broken)
    done = lsr("info", words, *(["--json"] if as_json else []))
    assert done.code == 70
    file = Path(re.search(r"[^ ]*lsr-error-\w+\.txt", done.err)[0])
    assert file.parent == tmp_path
    assert "in broken" in file.read_text()
    assert "Traceback" not in done.err


def test_a_defect_without_room_for_a_file_prints_its_traceback(lsr, words, monkeypatch):
    def broken(*_arguments, **_options):
        raise OSError("no room")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", broken)
    monkeypatch.setattr("lsr.index.index.Index.open", broken)
    done = lsr("info", words)
    assert done.code == 70
    assert "Traceback" in done.err


@pytest.mark.parametrize("raised", [KeyboardInterrupt, BrokenPipeError])
def test_interruptions_end_quietly(lsr, words, monkeypatch, raised):
    def interrupted(*_arguments, **_options):
        raise raised

    monkeypatch.setattr("lsr.index.index.Index.open", interrupted)
    done = lsr("info", words)
    assert done.code == (130 if raised is KeyboardInterrupt else 0)
    assert "Traceback" not in done.err


def test_an_answer_that_cannot_be_written_is_an_error(lsr, words):
    class Full(io.StringIO):
        def flush(self):
            raise OSError(28, "No space left on device")

    done = lsr("info", words, out=Full())
    assert done.code == 7
    assert "standard output: cannot write: No space left on device" in done.err


def test_it_runs_outside_the_main_thread(lsr, words):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lsr, "info", words).result().code == 0


def test_version_and_help(lsr):
    assert package.__version__ in lsr("--version").out
    assert lsr().out == lsr("--help").out
    assert lsr("-h").code == 0
