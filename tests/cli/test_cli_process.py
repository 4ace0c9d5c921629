"""What only a process of its own can show: imports, signals, pipes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "faiss", "ranx", "pandas", "numpy", "numba", "rich", "tokenizers")
ROOT = Path(__file__).parents[2]

_SLOW = """
import sys, time
import lsr.index.builder
from lsr.cli.app import main
from lsr.encoders.bm25 import BM25Documents

encode, calls = BM25Documents.encode, []

def slow(self, texts):
    calls.append(texts)
    if len(calls) == 3:
        print("two shards are done", file=sys.stderr, flush=True)
        time.sleep(60)
    return encode(self, texts)

BM25Documents.encode = slow
lsr.index.builder.SHARD_DOCUMENTS = 8
sys.exit(main())
"""


def _start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, text=True, env=environment, stderr=subprocess.PIPE, **options)


def test_help_loads_nothing_heavy():
    script = f"""
import sys
from lsr.cli.app import VERBS, main
assert main(["--help"]) == 0
assert all(main([verb, "--help"]) == 0 for verb in VERBS)
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    process = _start("-c", script, stdout=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert err.strip() == "[]"
    assert out.count("Examples:") == 12


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_indexing_keeps_finished_shards(lsr, folder, tmp_path, monkeypatch, number, code):
    arguments = ("index", folder, "-o", tmp_path / "i", "--model", "bm25")
    process = _start("-c", _SLOW, *arguments)
    assert process.stderr is not None
    while "two shards" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "--resume" in err
    assert "Traceback" not in err
    assert lsr("search", tmp_path / "i", "cats").code == 3

    monkeypatch.setattr("lsr.index.builder.SHARD_DOCUMENTS", 8)
    resumed = lsr(*arguments, "--resume", "--json")
    assert resumed.json["encoded"] == 30 - 16
    assert lsr("index", folder, "-o", tmp_path / "whole", "--model", "bm25").code == 0
    files = sorted(path.relative_to(tmp_path / "i") for path in (tmp_path / "i").rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*") if p.is_file())
    assert all((tmp_path / "i" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes() for file in files)


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_resuming_with_other_options_says_what_is_lost(lsr, folder, tmp_path, monkeypatch, quiet):
    monkeypatch.setattr("lsr.index.builder.SHARD_DOCUMENTS", 8)
    arguments = ("index", folder, "-o", tmp_path / "i", "--model", "bm25")
    broken = tmp_path / "broken.jsonl"
    broken.write_text((folder / "corpus.jsonl").read_text() + "{nonsense\n")
    assert lsr("index", broken, *arguments[2:]).code == 4
    done = lsr(*arguments, "--resume", "--language", "german", *quiet)
    assert done.code == 0
    warnings = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert "3 finished shards were made from other documents or with other settings" in warnings[0]
    assert ("documents/s" in done.err or "next:" in done.err) == (not quiet)

    assert lsr("index", broken, *arguments[2:], "--force").code == 4
    assert "warning" not in lsr(*arguments, "--resume").err


def test_a_reader_that_leaves_early_is_no_error(words, tmp_path):
    (tmp_path / "q.txt").write_text("cats and the river\n" * 2000)
    arguments = ("-m", "lsr", "search", words, "--queries", tmp_path / "q.txt", "--json")
    process = _start(*arguments, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["hits"]
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=60) == 0
    assert err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_standard_output(words):
    with Path("/dev/full").open("w") as full:
        process = _start("-m", "lsr.cli.app", "info", words, stdout=full)
        err = process.communicate(timeout=60)[1]
    assert process.returncode == 7
    assert err.startswith("error: standard output: cannot write")
