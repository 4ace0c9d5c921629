"""Anserini's JsonVectorCollection: JSON Lines with ``id``, ``contents`` and ``vector`` (token to weight)."""

from __future__ import annotations

from lsr.documents import Document, no_vector
from lsr.errors import BadInput
from lsr.sources.jsonl import JsonlSource
from lsr.sources.lines import Line


class AnseriniSource(JsonlSource):
    """Documents with ready vectors; ``contents`` is their text."""

    format = "anserini"
    default_text_fields = ("contents",)

    def parse(self, text: str, line: Line) -> Document:
        """The document of an object with a vector."""
        document = super().parse(text, line)
        if document.vector is not None:
            return document
        if "vector" in document.fields:
            raise no_vector(document.fields["vector"], line.where)
        hint = "text that is still to be encoded is read with input_format jsonl (--input-format)"
        raise BadInput('no field "vector"', where=line.where, hint=hint)
