"""One document as every part of the program sees it, and how a mapping becomes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from numbers import Integral, Real
from typing import Any

from lsr.errors import BadInput

TEXT_FIELDS = ("title", "text")
"""Fields joined by one space into the text that is encoded, unless the caller names others."""

FLOAT32_MAX = 3.4028234663852886e38
"""The largest weight that can be stored."""


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
    identifier = checked_identifier(mapping[key], where, name=key)
    vector = mapping.get("vector")
    if vector is not None:
        vector = checked_vector(vector, where)
    texts = [_text(mapping, name, where) for name in text_fields if mapping.get(name) is not None]
    if not texts and vector is None:
        raise BadInput(
            f"no text field: none of {', '.join(text_fields)}",
            where=where,
            hint=f"choose from the fields here with --text-fields: {', '.join(str(n) for n in mapping if n != key)}",
        )
    stored = {str(name): value for name, value in mapping.items() if name not in (key, "vector")}
    return Document(identifier, " ".join(text for text in texts if text), stored, vector, where)


def checked_identifier(value: object, where: str | None = None, *, name: str = "id") -> str:
    """An identifier as a string; whole numbers are accepted.

    Args:
        value: What the caller gave.
        where: Where it was read, for messages.
        name: What it is called there.

    Raises:
        BadInput: Not a string, empty, or with a control character or a lone surrogate.
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        what = "an empty one" if value == "" else _kind(value)
        raise BadInput(f'field "{name}" must be a non-empty string, not {what}', where=where)
    if any(ord(letter) < 32 for letter in value):
        raise BadInput(f'field "{name}" holds a control character: {value!r}', where=where)
    if not _is_unicode(value):
        raise BadInput(f'field "{name}" holds a lone surrogate, which is not valid Unicode: {value!r}', where=where)
    return str(value)


def checked_vector(vector: object, where: str | None = None) -> dict[str, float]:
    """A ready vector as a plain mapping of token to weight.

    Args:
        vector: What the caller gave.
        where: Where it was read, for messages.

    Raises:
        BadInput: Not a mapping, a token that is not valid text, or a weight that is not a finite number of at least 0.
    """
    if not isinstance(vector, Mapping):
        raise BadInput(f'field "vector" must be an object of token and weight, not {_kind(vector)}', where=where)
    checked: dict[str, float] = {}
    for token, weight in vector.items():
        if not isinstance(token, str) or not _is_unicode(token):
            raise BadInput(f"token {token!r} of the vector is not a valid string", where=where)
        if not isinstance(weight, Real) or isinstance(weight, bool):
            raise BadInput(f"the weight of token {token!r} must be a number, not {_kind(weight)}", where=where)
        number = _as_float(weight)
        if not 0 <= number <= FLOAT32_MAX:
            raise BadInput(
                f"the weight of token {token!r} is {weight}; weights must be finite and not negative",
                where=where,
                hint="drop or clip such weights before",
            )
        checked[token] = number
    return checked


def _as_float(number: Real) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(mapping: Mapping[str, Any], name: str, where: str | None) -> str:
    value = mapping[name]
    if not isinstance(value, str):
        raise BadInput(f'field "{name}" must be a string, not {_kind(value)}', where=where)
    return value.strip()


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    other = "a string" if isinstance(value, str) else f"a value of type {type(value).__name__}"
    return "null" if value is None else names.get(type(value), other)
