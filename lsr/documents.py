"""One document as every part of the program sees it, and how a mapping becomes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lsr.errors import BadInput

TEXT_FIELDS = ("title", "text")
"""Fields joined by one space into the text that is encoded, unless the caller names others."""


@dataclass(slots=True)
class Document:
    """A document before it is encoded.

    Attributes:
        id: The caller's own identifier, unique in a collection.
        text: What is encoded.
        fields: What is stored and given back with a hit; JSON values, in the order of the source.
        vector: A ready sparse vector by token, if the source has one (then ``text`` is not encoded).
        where: Where it was read, such as ``corpus.jsonl:17``, for messages.
    """

    id: str
    text: str
    fields: dict[str, Any] = field(default_factory=dict)
    vector: Mapping[str, float] | None = None
    where: str | None = None


def document_from_mapping(
    mapping: Mapping[str, Any], text_fields: Sequence[str] = TEXT_FIELDS, where: str | None = None
) -> Document:
    """A document from a mapping with ``id`` or ``_id`` and the text fields, or a ``vector``.

    Empty text fields leave no extra space. At least one text field must be there, unless there is a vector.

    Raises:
        BadInput: No identifier, no text field, or a field of the wrong type.
    """
    if not isinstance(mapping, Mapping):
        raise BadInput(f"a document must be an object with fields, not {_kind(mapping)}", where=where)
    key = "_id" if "_id" in mapping else "id"
    if key not in mapping:
        raise BadInput(
            'no field "_id" or "id"', where=where, hint=f"fields here: {', '.join(map(str, mapping)) or 'none'}"
        )
    identifier = mapping[key]
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        identifier = str(identifier)
    if not isinstance(identifier, str) or not identifier:
        raise BadInput(f'field "{key}" must be a non-empty string, not {_kind(identifier)}', where=where)
    if any(ord(letter) < 32 for letter in identifier):
        raise BadInput(f'field "{key}" holds a control character: {identifier!r}', where=where)
    vector = mapping.get("vector")
    if vector is not None and not isinstance(vector, Mapping):
        raise BadInput(f'field "vector" must be an object of token and weight, not {_kind(vector)}', where=where)
    texts = [_text(mapping, name, where) for name in text_fields if mapping.get(name) is not None]
    if not texts and vector is None:
        raise BadInput(
            f"no text field: none of {', '.join(text_fields)}",
            where=where,
            hint=f"choose from the fields here with --text-fields: {', '.join(n for n in mapping if n != key)}",
        )
    stored = {str(name): value for name, value in mapping.items() if name not in (key, "vector")}
    return Document(identifier, " ".join(text for text in texts if text), stored, vector, where)


def _text(mapping: Mapping[str, Any], name: str, where: str | None) -> str:
    value = mapping[name]
    if not isinstance(value, str):
        raise BadInput(f'field "{name}" must be a string, not {_kind(value)}', where=where)
    return value.strip()


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number", str: "a string"}
    return "null" if value is None else names.get(type(value), f"a {type(value).__name__}")
