"""The command line inside the test process, and the small indexes that its tests share."""

import contextlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lsr.cli.app import main

_SUBJECTS = (
    "block-max pruning skips blocks of postings whose upper bound is too low",
    "an inverted index maps every term to the documents that contain it",
    "cats sleep through most of the day and hunt at dusk",
    "the white matter of the newborn brain grows in the first months",
    "a compiler turns source code into machine instructions",
    "the river floods the valley when the snow melts in spring",
)
_TAILS = ("in theory", "as everybody knows", "says the old handbook", "with one exception", "in most years")


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Outcome]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(
    *arguments: object, stdin: bytes = b"", out: io.StringIO | None = None, err: io.StringIO | None = None
) -> Outcome:
    out, err = out or io.StringIO(), err or io.StringIO()
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin)))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(argument) for argument in arguments])
    finally:
        sys.stdin = before
    return Outcome(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def lsr() -> Command:
    return run


@pytest.fixture
def terminal() -> type[Terminal]:
    return Terminal


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection in the BEIR layout: 30 documents, 3 queries, judgments."""
    root = tmp_path_factory.mktemp("collection") / "small"
    (root / "qrels").mkdir(parents=True)
    documents = [
        {"_id": f"d{i}", "title": subject.split()[0].title(), "text": f"{subject}, {tail}"}
        for i, (tail, subject) in enumerate((tail, subject) for tail in _TAILS for subject in _SUBJECTS)
    ]
    (root / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    queries = {"q1": "block-max pruning", "q2": "sleeping cats", "q3": "brain of the newborn"}
    (root / "queries.jsonl").write_text("".join(json.dumps({"_id": q, "text": t}) + "\n" for q, t in queries.items()))
    judged = ["q1\td0\t1", "q1\td6\t1", "q2\td2\t1", "q3\td3\t1"]
    (root / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(judged) + "\n")
    return root


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LSR_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name in ("NO_COLOR", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        patch.setenv("TERM", "xterm")
        yield


@pytest.fixture(scope="session")
def blended(folder: Path, _own_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the collection with the default model."""
    path = tmp_path_factory.mktemp("index") / "blended.idx"
    assert run("index", folder, "--out", path).code == 0
    return path


@pytest.fixture(scope="session")
def words(folder: Path, _own_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the collection with BM25 alone."""
    path = tmp_path_factory.mktemp("index") / "words.idx"
    assert run("index", folder, "--out", path, "--model", "bm25").code == 0
    return path


@pytest.fixture(scope="session")
def vectors(_own_cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of ready vectors with named terms."""
    root = tmp_path_factory.mktemp("vectors")
    rows = [
        {"id": "a", "contents": "a cat", "vector": {"cat": 2.0, "dog": 0.5}},
        {"id": "b", "contents": "a dog", "vector": {"dog": 3.0}},
    ]
    (root / "v.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run("index", root / "v.jsonl", "-o", root / "v.idx", "--impacts", "float32").code == 0
    return root / "v.idx"
