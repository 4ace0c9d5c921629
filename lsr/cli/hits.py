"""Hits as people read them: rank, score, id, title, the best part of the text, and what each term contributed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lsr.cli.output import Style, answer, bar, table, visible, wants_colour
from lsr.cli.queries import Asked
from lsr.cli.snippets import snippet

if TYPE_CHECKING:
    from lsr.search.results import Contribution, Explanation, Hit
    from lsr.searcher import Searcher
    from lsr.vectors import SparseVectors

SNIPPET_WIDTH = 200
_TITLE = "title"
_INDENT = "    "


class Page:
    """Writes the answers to queries on standard output.

    Args:
        searcher: What answered.
        blend: The weight of each term space.
        explain: Whether to show what each term contributed.
    """

    def __init__(self, searcher: Searcher, blend: dict[str, float], *, explain: bool) -> None:
        self._searcher = searcher
        self._blend = blend
        self._explain = explain
        self._style = Style(wants_colour(sys.stdout))
        self._written = 0

    def write(self, asked: Asked, query: SparseVectors, hits: Sequence[Hit]) -> None:
        """Write the answer to one query.

        Args:
            asked: The query.
            query: Its vector, one row.
            hits: Its hits, best first.
        """
        if self._explain and self._blend and not self._written:
            weights = ", ".join(f"{name}={weight:g}" for name, weight in self._blend.items())
            answer(self._style.faint(f"blend: {weights}"))
        if self._written:
            answer("")
        self._written += 1
        if asked.text is not None:
            answer(self._style.strong(visible(asked.text)) + self._style.faint(f"  (query {visible(asked.id)})"))
        stored = self._searcher.index.catalog.fields([hit.number for hit in hits])
        for hit, fields in zip(hits, stored, strict=True):
            # A vector needs no encoder, and none is loaded only to mark what it matches.
            gains = self._searcher.gains(query, hit) if asked.text is not None else {}
            self._write_hit(query, hit, fields, gains)

    def _write_hit(self, query: SparseVectors, hit: Hit, fields: dict[str, Any], gains: dict[int, float]) -> None:
        title = fields.get(_TITLE)
        shown = self._marked(title, gains) if isinstance(title, str) else ""
        answer(f"{hit.rank:>3}  {hit.score:.4f}  {self._style.strong(visible(hit.id))}  {shown}".rstrip())
        text = self._marked(self._body(fields), gains)
        if text:
            answer(_INDENT + text)
        if self._explain:
            explanation = self._searcher.explain_hit(query, hit, blend=self._blend)
            for line in contribution_lines(explanation.contributions):
                answer(_INDENT + line)

    def _body(self, fields: dict[str, Any]) -> str:
        names = self._searcher.index.manifest.text_fields or tuple(fields)
        texts = [fields.get(name) for name in names if name != _TITLE]
        return " ".join(text.strip() for text in texts if isinstance(text, str))

    def _marked(self, text: str, gains: dict[int, float]) -> str:
        matches = self._searcher.matches(text) if gains else []
        spans = [(match.start, match.end, gains[match.term]) for match in matches if match.term in gains]
        pieces = snippet(text, spans, SNIPPET_WIDTH)
        return "".join(self._style.found(visible(p.text)) if p.found else visible(p.text) for p in pieces)


def contribution_lines(contributions: Sequence[Contribution]) -> list[str]:
    """A table of terms: space, name, query weight times impact, and the score with a bar."""
    if not contributions:
        return []
    largest = max(part.score for part in contributions)
    rows = [
        [
            part.space,
            visible(part.token),
            f"{part.query_weight:.4f} x {part.impact:.4f}",
            f"{part.score:.4f}",
            bar(part.score, largest),
        ]
        for part in contributions
    ]
    return table(rows, right=(2, 3))


def explanation_json(explanation: Explanation) -> list[dict[str, Any]]:
    """The terms of an explanation as JSON values, largest score first."""
    return [
        {
            "space": part.space,
            "token": part.token,
            "query_weight": part.query_weight,
            "impact": part.impact,
            "score": part.score,
        }
        for part in explanation.contributions
    ]
