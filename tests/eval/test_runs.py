"""Reading, writing and ranking of runs."""

import gzip
import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import BadInput, NotFound, UsageError
from lsr.eval import read_run, write_run
from lsr.eval.runs import ranked, strictly_falling

LARGEST = float(np.finfo(np.float32).max)
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


def file_of(tmp_path, content, name="run.trec"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def written(run, tag="t"):
    stream = io.StringIO()
    write_run(stream, run, tag)
    return stream.getvalue()


def test_scores_decide_and_equal_ones_keep_the_order_of_the_lines(tmp_path):
    path = file_of(tmp_path, "q1 Q0 007 9 1.5 x\nq1 Q0 b 1 2 x\n\nq2\tQ0\tc\t1\t-1\tx\r\nq1 Q0 a 3 1.5 x\n")
    assert read_run(path) == {"q1": [("b", 2.0), ("007", 1.5), ("a", 1.5)], "q2": [("c", -1.0)]}


def test_scores_that_differ_only_beyond_float32_are_equal(tmp_path):
    path = file_of(tmp_path, "q Q0 z 1 1.0 x\nq Q0 a 2 1.00000001 x\n")
    assert [document for document, _ in read_run(path)["q"]] == ["z", "a"]


def test_a_compressed_run_reads_like_a_plain_one(tmp_path):
    text = b"q Q0 d\xc3\xa9 1 0.5 x\n"
    plain = read_run(file_of(tmp_path, text))
    assert plain == {"q": [("dé", 0.5)]}
    for content, name in ((gzip.compress(text), "run.gz"), (gzip.compress(text), "packed.trec"), (text, "plain.gz")):
        assert read_run(file_of(tmp_path, content, name)) == plain


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q Q0 d 1 0.5", "5 columns"),
        ("q Q0 d d 1 0.5 x", "7 columns"),
        ("q Q0 d 1 nan x", "'nan'"),
        ("q Q0 d 1 inf x", "'inf'"),
        ("q Q0 d 1 1e39 x", "'1e39'"),
        ("q Q0 d 1 high x", "'high'"),
        ("q Q0 a 2 0.5 x", "'a' appears twice"),
        (b"q Q0 \xff 1 0.5 x", "UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    line = line if isinstance(line, bytes) else line.encode()
    path = file_of(tmp_path, b"q Q0 a 1 0.5 x\n" + line + b"\n")
    with pytest.raises(BadInput, match=message) as caught:
        read_run(path)
    assert caught.value.where == f"{path}:2"


def test_a_file_that_cannot_be_read_is_not_found(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(NotFound) as caught:
            read_run(path)
        assert caught.value.where == str(path)


def test_a_damaged_compressed_run_and_an_endless_line_are_bad_input(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="damaged gzip"):
        read_run(file_of(tmp_path, gzip.compress(b"q Q0 a 1 1 x\n")[:-9]))
    monkeypatch.setattr("lsr.sources.lines.LINE_LIMIT", 32)
    path = file_of(tmp_path, "q Q0 a 1 1 x\n" + "q" * 40 + "\n")
    with pytest.raises(BadInput, match="too long") as caught:
        read_run(path)
    assert caught.value.where == f"{path}:2"


def test_a_written_run_has_ranks_and_nine_digits():
    text = written({"q": [("b", 1 / 3), ("a", 0.5)], "none": []}, "lsr-bm25")
    assert text == "q Q0 a 1 0.5 lsr-bm25\nq Q0 b 2 0.333333343 lsr-bm25\n"


@given(st.lists(finite.filter(lambda score: score > -LARGEST / 2), max_size=30))
def test_written_scores_fall_strictly_and_keep_the_ranking(tmp_path_factory, scores):
    hits = [(f"d{i}", score) for i, score in enumerate(scores)]
    path = tmp_path_factory.getbasetemp() / "run.trec"
    path.write_text(written({"q": hits}))
    again = read_run(path).get("q", [])
    assert [document for document, _ in again] == [document for document, _ in ranked(hits)]
    assert all(first > second for (_, first), (_, second) in pairwise(again))


@given(st.lists(finite.filter(lambda score: score > -LARGEST / 2), max_size=30).map(lambda s: sorted(s, reverse=True)))
def test_scores_move_by_the_fewest_float32_steps(scores):
    expected = []
    for score in np.array(scores, np.float32):
        expected.append(min(score, np.nextafter(expected[-1], np.float32(-np.inf))) if expected else score)
    assert strictly_falling(scores).tolist() == expected


def test_scores_without_ties_are_written_unchanged():
    scores = [LARGEST, 3.25, 1e-45, 0.0, -1e-45, -2.5, -LARGEST]
    assert strictly_falling(scores).tolist() == np.array(scores, np.float32).tolist()


def test_ties_at_the_bottom_of_the_range_are_refused():
    with pytest.raises(BadInput, match="lowest float32"):
        written({"q": [("a", -LARGEST), ("b", -LARGEST)]})


@pytest.mark.parametrize("score", [float("nan"), float("inf"), 1e39])
def test_a_score_that_is_not_finite_is_refused(score):
    with pytest.raises(BadInput, match="document 'b'") as caught:
        written({"q7": [("a", 1.0), ("b", score)]})
    assert "q7" in str(caught.value)


def test_ids_and_tags_that_would_break_the_columns_are_refused():
    for run in ({"q": [("a b", 1.0)]}, {"q r": [("a", 1.0)]}, {"q": [("", 1.0)]}, {"q": [("a\u2028b", 1.0)]}):
        with pytest.raises(BadInput, match="white space"):
            written(run)
    with pytest.raises(UsageError, match="tag"):
        written({}, "my run")
