"""What the operating system refuses: closed streams, permissions, names too long, a folder that is gone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONG = "n" * 300

_ALL_IN_ONE_PROCESS = """
import contextlib, io, json, sys
from lsr.cli.app import main

outcomes = []
for arguments in json.loads(sys.argv[1]):
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        code = main(arguments)
    outcomes.append([code, err.getvalue()])
print(json.dumps(outcomes))
"""


def shell(line, **places):
    """Run a line of shell in which ``$lsr`` is the command."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "lsr": f"{sys.executable} -m lsr",
        **{name: str(place) for name, place in places.items()},
    }
    return subprocess.run(["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, timeout=60)


def ordinary_user(commands):
    """Exit code and errors of commands of somebody whom permissions bind, run in one process."""
    prefix = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("permissions do not bind this user")
        prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    given = json.dumps([list(map(str, command)) for command in commands])
    done = subprocess.run(
        [*prefix, sys.executable, "-c", _ALL_IN_ONE_PROCESS, given],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if prefix and done.returncode == 1 and "setpriv" in done.stderr:
        pytest.skip("permissions do not bind this user")
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", ["search $words", "encode -", "index - -o $new --model bm25"])
def test_a_closed_standard_input_is_empty(words, tmp_path, command):
    done = shell(f"$lsr {command} <&-", words=words, new=tmp_path / "i")
    assert done.returncode == 4
    assert "error: stdin: " in done.stderr
    assert not (tmp_path / "i").exists()


@pytest.mark.parametrize("command", ["search $words cats", "info $words", "--version", "index --help"])
def test_a_closed_standard_output_is_one_error(words, command):
    done = shell(f"$lsr {command} >&-", words=words)
    assert done.returncode == 7
    assert done.stderr == "error: standard output: cannot write: it is closed\n"


def test_a_build_needs_no_standard_output(lsr, folder, tmp_path):
    assert shell("$lsr index $folder -o $new --model bm25 >&-", folder=folder, new=tmp_path / "i").returncode == 0
    assert lsr("search", tmp_path / "i", "cats").code == 0


def test_without_any_stream_there_is_still_an_exit_code(words):
    assert shell("$lsr search $words cats <&- >&- 2>&-", words=words).returncode == 7
    assert shell("$lsr search $words <&- >&- 2>&-", words=words).returncode == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_help_onto_a_full_disk():
    done = shell("$lsr search --help >/dev/full")
    assert done.returncode == 7
    assert done.stderr.startswith("error: standard output: cannot write: No space left")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("index", "{folder}", "-o", LONG, "--model", "bm25"), 7),
        (("index", LONG, "-o", "{new}"), 3),
        (("index", "{folder}", "-o", "{new}", "--model", LONG), 3),
        (("search", LONG, "cats"), 3),
        (("search", "{words}", "--queries", LONG), 3),
        (("encode", "--file", LONG), 3),
        (("encode", "owl", "--model", LONG), 3),
        (("eval", LONG), 3),
        (("export", "{words}", f"{LONG}.npz"), 3),
    ],
)
def test_names_that_are_too_long_for_a_file(lsr, folder, words, tmp_path, arguments, code):
    done = lsr(*(argument.format(folder=folder, words=words, new=tmp_path / "i") for argument in arguments))
    assert (done.code, done.out) == (code, "")
    assert LONG in done.err
    assert "File name too long" in done.err


def test_many_models_may_have_a_name_that_is_too_long_for_a_file(lsr):
    done = lsr("encode", "owl", "--model", "+".join(["bm25"] * 60))
    assert done.code == 2
    assert "same part twice" in done.err


@pytest.mark.parametrize("command", ["eval .", "encode owl --model .", "export $words x.npz"])
def test_the_current_folder_is_gone(words, tmp_path, command):
    done = shell(f"mkdir $gone && cd $gone && rmdir $gone && $lsr {command}", words=words, gone=tmp_path / "gone")
    assert done.returncode == 3
    assert "error: " in done.stderr


def test_what_may_not_be_read_is_neither_missing_nor_damaged(folder, words, tmp_path):
    commands = []
    for number, closed in enumerate(["", "CURRENT", "gen-1/manifest.json", "gen-1/catalog.sqlite", "gen-1"]):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(words, copy)
        (copy / closed).chmod(0)
        commands += [("search", copy, "cats"), ("verify", copy)]
    shutil.copytree(words, tmp_path / "copy")
    (tmp_path / "copy" / "gen-1" / "segment-0" / "terms.npy").chmod(0)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret").chmod(0)
    source = shutil.copy(folder / "corpus.jsonl", tmp_path / "d.jsonl")
    source.chmod(0)
    model = shutil.copytree(ROOT / "lsr" / "models" / "splade-tiny", tmp_path / "model")
    (model / "model.safetensors").chmod(0)
    commands += [
        ("search", tmp_path / "copy", "cats"),
        ("search", words, "--queries", tmp_path / "secret" / "q.txt"),
        ("eval", tmp_path / "secret"),
        ("index", source, "-o", tmp_path / "new", "--model", "bm25"),
        ("encode", "owl", "--model", model),
        ("encode", "owl", "--model", tmp_path / "secret" / "model"),
    ]
    for command, (code, err) in zip(commands, ordinary_user(commands), strict=True):
        assert code == 3, command
        assert "cannot read: Permission denied\nhint: change the permissions" in err, command


def test_an_index_in_a_folder_that_may_not_be_entered(folder, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret").chmod(0)
    places = [tmp_path / "secret", tmp_path / "secret" / "i", tmp_path / "secret" / "a" / "i"]
    for code, err in ordinary_user([("index", folder, "-o", place, "--model", "bm25") for place in places]):
        assert code == 7
        assert "cannot write: Permission denied\nhint: choose another folder" in err


def test_a_refusal_that_nobody_foresaw_is_no_defect(lsr, words, monkeypatch):
    def refused(*_arguments, **_options):
        raise PermissionError(13, "Permission denied", "/somewhere")

    monkeypatch.setattr("lsr.index.index.Index.open", refused)
    done = lsr("info", words)
    assert done.code == 3
    assert done.err.startswith("error: /somewhere: cannot read: Permission denied\n")


_INTERRUPTED_IMPORT = """
import runpy, sys

class Interrupter:
    def find_spec(self, name, *_):
        if name == "lsr.cli.app":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupter())
runpy.run_module("lsr", run_name="__main__")
"""


def test_an_interruption_while_the_program_loads():
    done = subprocess.run([sys.executable, "-c", _INTERRUPTED_IMPORT], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
