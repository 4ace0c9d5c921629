"""JSON Lines: one object a line with ``_id`` or ``id``, text fields, and other fields that are stored."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from lsr.documents import Document, document_from_mapping
from lsr.errors import BadInput
from lsr.sources.base import LineParser, LineSource
from lsr.sources.lines import Line

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class JsonlSource(LineSource):
    """Documents of one or more JSON Lines files.

    Attributes:
        texts_only: Whether ready vectors are left out, so that an encoder can encode the texts.
    """

    format = "jsonl"
    texts_only = False

    def parser(self) -> LineParser:
        """Parses lines, each on its own."""
        return self.parse

    def parse(self, text: str, line: Line) -> Document:
        """The document of an object."""
        mapping = parse_json(text, line.where)
        if self.texts_only and isinstance(mapping, dict) and isinstance(mapping.get("vector"), dict):
            del mapping["vector"]
        return document_from_mapping(mapping, self.text_fields, line.where)


def parse_json(text: str, where: str) -> Any:
    """A JSON value, strictly: no NaN or Infinity, no lone surrogates, no bottomless nesting.

    Raises:
        BadInput: The text is something else; the message says the column.
    """
    try:
        value = _DECODER.decode(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        hint = "JSON Lines have one object a line" if text.lstrip().startswith("[") else None
        raise BadInput(f"invalid JSON at column {error.colno}: {error.msg}", where=where, hint=hint) from None
    except UnicodeEncodeError:
        raise BadInput("a string holds a lone surrogate (\\ud800 to \\udfff)", where=where) from None
    except RecursionError:
        raise BadInput("the JSON is nested too deep", where=where) from None
    except ValueError as error:
        raise BadInput(f"invalid JSON: {error}", where=where) from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON; weights and fields must be finite")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
