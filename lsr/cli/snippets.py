"""Which part of a text shows best why it was found?"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

ELLIPSIS = "…"
_WORD_SEARCH = 24
"""How far a cut is moved to fall between two words."""


@dataclass(frozen=True)
class Piece:
    """A part of a snippet.

    Attributes:
        text: The characters.
        found: Whether they match the query.
    """

    text: str
    found: bool = False


Span = tuple[int, int, float]
"""Characters ``start`` to ``end - 1`` of a text, and what they contribute to its score."""


def snippet(text: str, spans: Iterable[Span], width: int) -> list[Piece]:
    """The window of a text whose spans contribute most, as pieces in order.

    Of windows with the same sum, the first is taken. Cuts fall between words where a space is near, and are marked by
    an ellipsis.

    Args:
        text: The text.
        spans: What matches in it; spans may overlap, and those that are longer than the window never fit.
        width: Number of characters wanted, at least 1.
    """
    fitting = sorted(span for span in spans if span[0] < span[1] <= len(text) and span[1] - span[0] <= width)
    start, end = _window(text, fitting, width)
    pieces = [Piece(ELLIPSIS)] if start > 0 else []
    at = start
    for first, last in _merged(span for span in fitting if span[0] >= start and span[1] <= end):
        pieces += [Piece(text[at:first]), Piece(text[first:last], found=True)]
        at = last
    pieces.append(Piece(text[at:end]))
    if end < len(text):
        pieces.append(Piece(ELLIPSIS))
    return [piece for piece in pieces if piece.text]


def _window(text: str, spans: list[Span], width: int) -> tuple[int, int]:
    if len(text) <= width:
        return 0, len(text)
    first, last = _best_cluster(spans, width)
    start = min(max(0, first - (width - (last - first)) // 2), len(text) - width)
    end = start + width
    if start > 0 and not text[start - 1].isspace():
        start = _next_space(text, start, min(start + _WORD_SEARCH, first, end))
    if end < len(text) and not text[end].isspace():
        end = _previous_space(text, end, max(end - _WORD_SEARCH, last, start))
    return start, end


def _best_cluster(spans: list[Span], width: int) -> tuple[int, int]:
    """Start and end of the consecutive spans within ``width`` characters whose sum is largest; (0, 0) without spans."""
    best_sum, best = 0.0, (0, 0)
    for i, (start, _, _) in enumerate(spans):
        limit = start + width
        after = bisect_left(spans, limit, lo=i, key=lambda span: span[0])
        inside = [span for span in spans[i:after] if span[1] <= limit]
        total = sum(weight for _, _, weight in inside)
        if total > best_sum:
            best_sum, best = total, (start, max(end for _, end, _ in inside))
    return best


def _next_space(text: str, start: int, limit: int) -> int:
    return next((i + 1 for i in range(start, limit) if text[i].isspace()), start)


def _previous_space(text: str, end: int, limit: int) -> int:
    return next((i for i in range(end - 1, limit - 1, -1) if text[i].isspace()), end)


def _merged(spans: Iterable[Span]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end, _ in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged
