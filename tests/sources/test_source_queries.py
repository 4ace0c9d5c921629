import gzip
import io
import sys

import pytest

from lsr.errors import BadInput, NotFound, UsageError
from lsr.sources import open_queries, read_qrels


def write(path, content):
    data = content if isinstance(content, bytes) else content.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def pairs(queries):
    return [(query.id, query.text) for query in queries]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "q.jsonl",
            '{"_id": "01", "text": "one", "n": {}}\n\n{"_id": 2, "text": ""}',
            [("01", "one"), ("2", "")],
        ),
        ("q.jsonl.gz", '{"id": "1", "query": "one"}', [("1", "one")]),
        ("q", '\ufeff{"id": "1", "query": "other", "text": "one"}', [("1", "one")]),
        ("q.tsv", "01\tone two\n2\t three\n", [("01", "one two"), ("2", "three")]),
        ("q.tsv.gz", "_id\ttext\n1\tone\n", [("1", "one")]),
        ("q.txt", "qid\tquery\n1\tone\n", [("1", "one")]),
        ("q.txt", "one two\n\n  three\r\n", [("1", "one two"), ("2", "three")]),
        ("q", "what is\ta tab?\nsecond", [("1", "what is\ta tab?"), ("2", "second")]),
    ],
)
def test_queries(tmp_path, name, content, expected):
    assert pairs(open_queries(write(tmp_path / name, content))) == expected


def test_queries_know_where_they_stand(tmp_path):
    path = write(tmp_path / "q.txt", "one\n\ntwo\n")
    assert [query.where for query in open_queries(str(path))] == [f"{path}:1", f"{path}:3"]


def test_queries_from_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"first\nsecond\n"))))
    queries = open_queries("-")
    assert pairs(queries) == [("1", "first"), ("2", "second")]
    assert queries[1].where == "stdin:2"


def test_a_split_of_a_beir_folder(tmp_path):
    write(tmp_path / "queries.jsonl.gz", '{"_id": "1", "text": "one"}\n{"_id": "2", "text": "two"}\n')
    write(tmp_path / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\n2\td\t1\n")
    write(tmp_path / "qrels" / "dev.tsv", "query-id\tcorpus-id\tscore\n9\td\t1\n")
    assert pairs(open_queries(tmp_path)) == [("1", "one"), ("2", "two")]
    assert pairs(open_queries(tmp_path, split="test")) == [("2", "two")]
    with pytest.raises(BadInput, match="no query in it for split 'dev'"):
        open_queries(tmp_path, split="dev")
    with pytest.raises(NotFound, match="no split 'tset'") as caught:
        open_queries(tmp_path, split="tset")
    assert "did you mean 'test'" in caught.value.hint
    assert "dev, test" in caught.value.hint


def test_a_split_needs_a_folder(tmp_path):
    with pytest.raises(UsageError, match="needs a BEIR folder"):
        open_queries(write(tmp_path / "q.txt", "one"), split="test")


def test_a_folder_without_queries(tmp_path):
    with pytest.raises(NotFound, match=r"queries\.jsonl"):
        open_queries(tmp_path)
    with pytest.raises(NotFound, match="no split") as caught:
        open_queries(tmp_path, split="test")
    assert "none" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        ("q.jsonl", '{"id": 1, "text": "x"}\n{"id"', 2, "invalid JSON at column 6"),
        ("q.jsonl", '{"id": 1, "text": "x"}\n[]', 2, "a query must be an object"),
        ("q.jsonl", '{"text": "x"}', 1, 'no field "_id" or "id"'),
        ("q.jsonl", '{"id": 1, "body": "x"}', 1, 'no field "text" or "query"'),
        ("q.jsonl", '{"id": 1, "text": null}', 1, 'field "text" must be a string'),
        ("q.jsonl", '{"id": 1, "text": "x"}\n\n{"id": 1, "text": "y"}', 3, "q.jsonl:1 already"),
        ("q.tsv", "1\tone\n1\ttwo\n", 2, "duplicate id '1'"),
        ("q.tsv", "1\tone\n2\n", 2, "found 1 tab-separated columns, expected 2"),
        ("q.tsv", "no tab", 1, "found 1 tab-separated columns"),
        ("q.tsv", "1\tone\n\ttwo\n", 2, "non-empty"),
        ("q.txt", b"fine\n\xff\n", 2, "invalid UTF-8"),
    ],
)
def test_bad_queries_are_named(tmp_path, name, content, line, message):
    path = write(tmp_path / name, content)
    with pytest.raises(BadInput) as caught:
        open_queries(path)
    assert message in caught.value.message
    assert caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize("content", ["", "\n \n", "id\ttext\n"])
def test_no_queries_are_an_error(tmp_path, content):
    with pytest.raises(BadInput, match="no query"):
        open_queries(write(tmp_path / "q.tsv", content))


def test_missing_queries(tmp_path):
    with pytest.raises(NotFound, match="no such file"):
        open_queries(tmp_path / "q.tsv")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("beir.tsv", "query-id\tcorpus-id\tscore\n01\td 1\t2\n01\td2\t-1\n\nq\td 1\t0\n"),
        ("beir.tsv.gz", "query-id\tcorpus-id\tscore\r\n01\td 1\t2\r\n01\td2\t-1\r\nq\td 1\t0\r\n"),
        ("without-header", "01\td2\t-1\n01\td 1\t2\nq\td 1\t+0\nq\td 1\t0\n"),
    ],
)
def test_beir_judgments(tmp_path, name, content):
    qrels = read_qrels(write(tmp_path / name, content))
    assert qrels == {"01": {"d 1": 2, "d2": -1}, "q": {"d 1": 0}}
    assert list(qrels) == ["01", "q"]


@pytest.mark.parametrize("space", [" ", "\t", "   "])
def test_trec_judgments(tmp_path, space):
    lines = [("1", "0", "D1", "3"), ("1", "Q0", "D2", "-2"), ("02", "0", "D1", "0")]
    path = write(tmp_path / "qrels.txt", "\n".join(space.join(line) for line in lines))
    assert read_qrels(str(path)) == {"1": {"D1": 3, "D2": -2}, "02": {"D1": 0}}


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("1 0 d 1\n1 0 d 2\n", 2, "document 'd' has grade 2 for query '1', and grade 1 on line 1"),
        ("query-id\tcorpus-id\tscore\n1\td\n", 2, "2 columns, expected 3"),
        ("1\td\t1\n1\t\t1\n", 2, "not empty"),
        ("1 0 d 1\n1 0 d\n", 2, "3 columns, expected 4"),
        ("1 0 d 1.5\n", 1, "whole number, not '1.5'"),
        ("1 0 d 1_0\n", 1, "whole number"),
        ("1\td\thigh\n", 1, "whole number, not 'high'"),
        ("word\n", 1, "1 columns"),
    ],
)
def test_bad_judgments_are_named(tmp_path, content, line, message):
    path = write(tmp_path / "qrels.tsv", content)
    with pytest.raises(BadInput) as caught:
        read_qrels(path)
    assert message in caught.value.message
    assert caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize("content", ["", "query-id\tcorpus-id\tscore\n"])
def test_no_judgments_are_an_error(tmp_path, content):
    with pytest.raises(BadInput, match="no relevance judgment"):
        read_qrels(write(tmp_path / "qrels.tsv", content))


def test_several_bad_judgments_are_listed_together(tmp_path):
    with pytest.raises(BadInput, match="2 bad lines"):
        read_qrels(write(tmp_path / "qrels.txt", "1 0 d 1\n1 0 e x\n1 0 f\n"))


def test_missing_judgments(tmp_path):
    with pytest.raises(NotFound, match="no such file"):
        read_qrels(tmp_path / "test.tsv")


def test_sources_load_no_numpy():
    import subprocess

    code = "import sys, lsr.sources; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
