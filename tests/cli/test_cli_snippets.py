"""The part of a text that shows best why it was found."""

from hypothesis import given
from hypothesis import strategies as st

from lsr.cli.snippets import ELLIPSIS, Piece, snippet

TEXT = "the quick brown fox jumps over the lazy dog and runs away from the angry bear"


def _span(word: str, weight: float) -> tuple[int, int, float]:
    start = TEXT.index(word)
    return start, start + len(word), weight


def _joined(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def test_a_short_text_is_shown_whole():
    assert snippet("a cat", [(2, 5, 1.0)], 20) == [Piece("a "), Piece("cat", found=True)]
    assert snippet("", [], 20) == []


def test_the_window_has_the_largest_sum_not_the_largest_span():
    spans = [_span("quick", 3.0), _span("angry", 2.0), _span("bear", 2.0)]
    pieces = snippet(TEXT, spans, 24)
    assert [piece.text for piece in pieces if piece.found] == ["angry", "bear"]
    assert pieces[0].text == ELLIPSIS


def test_of_equal_windows_the_first_is_taken():
    pieces = snippet(TEXT, [_span("fox", 1.0), _span("bear", 1.0)], 20)
    assert [piece.text for piece in pieces if piece.found] == ["fox"]


def test_without_matches_the_text_begins_at_its_beginning():
    pieces = snippet(TEXT, [], 21)
    assert pieces == [Piece("the quick brown fox"), Piece(ELLIPSIS)]


def test_cuts_fall_between_words():
    words = set(TEXT.split())
    shown = _joined(snippet(TEXT, [_span("lazy", 1.0)], 30)).strip(ELLIPSIS).split()
    assert "lazy" in shown
    assert set(shown) <= words


def test_overlapping_and_touching_spans_are_one():
    assert snippet("microscope", [(0, 5, 1.0), (5, 10, 1.0), (3, 8, 1.0)], 20) == [Piece("microscope", found=True)]


@given(
    text=st.text(alphabet="ab \n", max_size=120),
    spans=st.lists(st.tuples(st.integers(0, 130), st.integers(0, 130), st.floats(0.1, 5)), max_size=12),
    width=st.integers(1, 60),
)
def test_a_snippet_is_a_part_of_the_text_no_longer_than_wanted(text, spans, width):
    pieces = snippet(text, spans, width)
    body = [piece.text for piece in pieces if piece.text != ELLIPSIS]
    assert "".join(body) in text
    assert sum(map(len, body)) <= width
    covered = {i for start, end, _ in spans if end <= len(text) for i in range(start, end)}
    assert sum(len(piece.text) for piece in pieces if piece.found) <= len(covered)
    if len(text) <= width:
        assert "".join(body) == text
    elif any(0 <= start < end <= len(text) and end - start <= width for start, end, _ in spans):
        assert any(piece.found for piece in pieces)
