"""Tables, colours, progress."""

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.cli import output, progress


@given(st.text())
def test_visible_text_is_one_line_without_control_characters(text):
    shown = output.visible(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown)
    assert not set("\u202e\u2066\u200f") & set(shown)


def test_visible_text_keeps_letters_of_all_scripts():
    for text in ("naïve café", "日本語", "نص عربي", "क्\u200dष", "emoji 👩\u200d🔬"):
        assert output.visible(text) == text


def test_table_aligns_columns():
    assert output.table([["a", "1"], ["bbb", "10"]], right=(1,)) == ["a     1", "bbb  10"]


def test_bars_grow_with_the_value():
    lengths = [len(output.bar(value, 10.0)) for value in (0.001, 2.5, 5.0, 10.0)]
    assert lengths == [1, 6, 12, 24]


@pytest.mark.parametrize(
    ("count", "text"),
    [(999, "999 bytes"), (1500, "1.5 kB"), (2_000_000, "2.0 MB"), (3 * 10**9, "3.0 GB"), (10**12, "1.0 TB")],
)
def test_sizes(count, text):
    assert output.size_text(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(41.7, "42 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")])
def test_durations(seconds, text):
    assert progress.duration(seconds) == text


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_every_ten_seconds_with_rate_and_time_left(capsys):
    clock = Clock()
    lines = progress.ProgressLines(lambda: 1000, clock)
    for second in range(1, 26):
        clock.now = float(second)
        lines(10 * second)
    shown = capsys.readouterr().err.splitlines()
    assert shown == [
        "100 of 1,000 documents, 10 documents/s, 1 min 30 s left",
        "200 of 1,000 documents, 10 documents/s, 1 min 20 s left",
    ]


def test_without_a_total_there_is_no_time_left(capsys):
    clock = Clock()
    lines = progress.ProgressLines(lambda: None, clock)
    clock.now = 10.0
    lines(50)
    assert capsys.readouterr().err == "50 documents, 5 documents/s\n"


def test_the_pace_forgets_what_was_taken_over_long_ago():
    clock = Clock()
    pace = progress.Pace(clock)
    clock.now = 0.1
    pace.rate(10_000)
    for second in range(1, 100):
        clock.now = float(second)
        rate = pace.rate(10_000 + second)
    assert rate == pytest.approx(1.0, rel=0.1)


def test_a_pace_without_time_is_zero():
    assert progress.Pace(Clock()).rate(5) == 0.0


def test_quiet_progress_is_none():
    with progress.progress(lambda: 1, quiet=True) as report:
        assert report is None


def test_the_total_is_estimated_from_the_bytes_read(tmp_path):
    from lsr.sources import open_documents

    line = '{"id": "%05d", "text": "' + "x" * 1000 + '"}\n'
    (tmp_path / "d.jsonl").write_text("".join(line % i for i in range(2000)))
    reading = progress.Reading(open_documents(tmp_path / "d.jsonl"))
    assert reading.total() is None
    documents = iter(reading)
    for _ in range(500):
        next(documents)
    assert 1800 <= reading.total() <= 2200
    assert sum(1 for _ in documents) == 1500
    assert reading.total() == 2000


def test_a_known_total_is_not_estimated(tmp_path):
    from lsr.sources import open_documents

    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("text")
    assert progress.Reading(open_documents(tmp_path)).total() == 2


def test_a_line_for_people_does_not_fail_on_a_closed_stream(monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    output.note("nobody listens")
