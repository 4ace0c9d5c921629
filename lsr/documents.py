"""One document as every part of the program sees it, and how a mapping becomes one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from numbers import Integral, Real
from typing import Any

from lsr.errors import BadInput, UsageError, nearest

TEXT_FIELDS = ("title", "text")
"""Fields joined by one space into the text that is encoded, unless the caller names others."""

WEIGHT_LIMIT = 2.0**32
"""The largest weight that a document or a query may give a term. Then no sum over all 2**32 terms, times the largest
weight of a blend, leaves the range of float32: scores are finite."""

_SMALLEST = 2**12


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

    Empty text fields leave no extra space. At least one text field must be there, unless there is a vector. Only an
    object of token and weight is a ready vector; a ``vector`` of another kind, such as a dense one, is stored like any
    other field.

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
    given = mapping.get("vector")
    vector = checked_vector(given, where) if isinstance(given, Mapping) else None
    texts = [_text(mapping, name, where) for name in text_fields if mapping.get(name) is not None]
    stored = {str(name): value for name, value in mapping.items() if name != key}
    if vector is not None:
        del stored["vector"]
    elif not texts:
        nulls = [name for name in text_fields if name in mapping]
        if nulls and given is None:
            raise BadInput(f'field "{nulls[0]}" is null', where=where, hint="give it a text, be it an empty one")
        raise no_vector(given, where) if given is not None else _no_text_field(text_fields, list(stored), where)
    return Document(identifier, " ".join(text for text in texts if text), stored, vector, where)


class CheckedDocuments(ABC):
    """Documents that were checked where they were read, and whose identifiers are all different.

    Whoever subclasses it vouches for that: such documents are indexed without another check.
    """

    @abstractmethod
    def __iter__(self) -> Iterator[Document]:
        """The documents, in order."""


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
        BadInput: Not a mapping, a token that is not valid text, or a weight that is not a number from 0 to
            ``WEIGHT_LIMIT``.
    """
    if not isinstance(vector, Mapping):
        raise no_vector(vector, where)
    checked: dict[str, float] = {}
    for token, weight in vector.items():
        if not isinstance(token, str) or not _is_unicode(token):
            raise BadInput(f"token {token!r} of the vector is not a valid string", where=where)
        if not isinstance(weight, Real) or isinstance(weight, bool):
            raise BadInput(f"the weight of token {token!r} must be a number, not {_kind(weight)}", where=where)
        number = _as_float(weight)
        if not 0 <= number <= WEIGHT_LIMIT:
            raise BadInput(
                f"the weight of token {token!r} is {weight}; weights must lie between 0 and {WEIGHT_LIMIT:.0f}",
                where=where,
                hint="drop or clip such weights before",
            )
        checked[token] = number
    return checked


def no_vector(given: object, where: str | None = None) -> BadInput:
    """The error for a field ``vector`` that is no ready vector.

    Args:
        given: What the field holds.
        where: Where it was read.
    """
    return BadInput(f'field "vector" must be an object of token and weight, not {_kind(given)}', where=where)


def checked_text_fields(text_fields: Sequence[str], where: str) -> tuple[str, ...]:
    """Names of text fields, as a tuple.

    Args:
        text_fields: What the caller gave.
        where: The name of the argument or option, for messages.

    Raises:
        UsageError: A single string, no name, or something that is not a string.
    """
    if isinstance(text_fields, str) or not text_fields or not all(isinstance(name, str) for name in text_fields):
        raise UsageError(
            f"text fields must be a list of names, not {text_fields!r}", where=where, hint="such as ['title', 'text']"
        )
    return tuple(text_fields)


class UniqueIdentifiers(tuple[str, ...]):
    """Identifiers that are sound and all different, as ``unique_identifiers`` makes them; nobody checks them again."""

    __slots__ = ()


def unique_identifiers(values: Iterable[object], where: str) -> UniqueIdentifiers:
    """Identifiers of rows.

    Args:
        values: What the caller gave.
        where: Where they were read, for messages.

    Raises:
        BadInput: One is wrong, or one comes twice.
    """
    seen = SeenIdentifiers()
    names = []
    for row, value in enumerate(values):
        name = checked_identifier(value, where, name=f"ids[{row}]")
        if (first := seen.first(name, row)) is not None:
            raise BadInput(f"duplicate id {name!r}: ids[{first}] and ids[{row}]", where=where)
        names.append(name)
    return UniqueIdentifiers(names)


class SeenIdentifiers:
    """A hash table (open addressing) from identifiers to the place that had them first.

    It keeps 128 bits of hash in place of the identifier: 36 to 72 bytes each, and among 2**32 different identifiers
    two are taken for the same one with a probability below 2**-64.
    """

    def __init__(self) -> None:
        self._count = 0
        self._allocate(_SMALLEST)

    def first(self, identifier: str, place: int) -> int | None:
        """The place of an identifier if it was seen before; else ``None``, and ``place`` is remembered.

        Args:
            identifier: Any string.
            place: A number from 0 to 2**63 - 2.
        """
        key, check = hash(identifier), hash(f"{identifier}\0")  # SipHash under a secret key: as good as independent
        keys, checks, places, mask = self._keys, self._checks, self._places, self._mask
        slot = key & mask
        while held := places[slot]:  # an empty slot has place 0, the others one more than they were given
            if keys[slot] == key and checks[slot] == check:
                return held - 1
            slot = (slot + 1) & mask
        keys[slot], checks[slot], places[slot] = key, check, place + 1
        self._count += 1
        if 3 * self._count > 2 * len(places):
            self._grow()
        return None

    def _grow(self) -> None:
        old = zip(self._keys, self._checks, self._places, strict=True)
        self._allocate(2 * len(self._places))
        keys, checks, places, mask = self._keys, self._checks, self._places, self._mask
        for key, check, place in old:
            if place:
                slot = key & mask
                while places[slot]:
                    slot = (slot + 1) & mask
                keys[slot], checks[slot], places[slot] = key, check, place

    def _allocate(self, size: int) -> None:
        self._keys, self._checks, self._places = (array("q", [0]) * size for _ in range(3))
        self._mask = size - 1


def _no_text_field(text_fields: Sequence[str], here: list[str], where: str | None) -> BadInput:
    guesses = (nearest(name, here) for name in text_fields)
    guess = next((name for name in guesses if name is not None), None)
    if not here:
        hint = "it has no field but its id"
    else:
        question = f"did you mean {guess!r}? " if guess else ""
        hint = f"{question}choose from the fields here with text_fields (--text-fields): {', '.join(here)}"
    return BadInput(f"no text field: none of {', '.join(text_fields)}", where=where, hint=hint)


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
