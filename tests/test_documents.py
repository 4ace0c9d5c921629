import collections
import tracemalloc
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.documents import (
    Document,
    SeenIdentifiers,
    checked_identifier,
    checked_vector,
    document_from_mapping,
    unique_identifiers,
)
from lsr.errors import BadInput


def test_title_and_text_are_joined_and_everything_else_is_stored():
    mapping = {"_id": "d1", "title": " A title ", "text": "body\n", "url": "x", "n": [1, None]}
    document = document_from_mapping(mapping, where="file:3")
    assert document == Document(
        "d1", "A title body", {"title": " A title ", "text": "body\n", "url": "x", "n": [1, None]}, None, "file:3"
    )


def test_empty_and_missing_text_fields_leave_no_space():
    assert document_from_mapping({"id": "1", "title": "", "text": "body"}).text == "body"
    assert document_from_mapping({"id": "1", "title": None, "text": "body"}).text == "body"
    assert document_from_mapping({"id": "1", "text": ""}).text == ""


def test_other_text_fields_can_be_chosen():
    assert document_from_mapping({"id": "1", "text": "a", "body": "b", "head": "h"}, ("head", "body")).text == "h b"


@pytest.mark.parametrize(("given", "expected"), [(7, "7"), (np.int64(7), "7"), ("ü x", "ü x"), (np.str_("a"), "a")])
def test_identifiers_are_strings_or_whole_numbers(given, expected):
    assert checked_identifier(given) == expected
    assert type(checked_identifier(given)) is str


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "not an empty one"),
        (None, "not null"),
        (True, "not true or false"),
        (1.0, "not a number"),
        (["a"], "not a list"),
        ({}, "not an object"),
        (b"a", "not a value of type bytes"),
        ("a\tb", "control character"),
        ("a\nb", "control character"),
        ("\ud800", "lone surrogate"),
    ],
)
def test_other_identifiers_are_refused_with_the_place(value, message):
    with pytest.raises(BadInput, match=message) as caught:
        document_from_mapping({"id": value, "text": "t"}, where="file:3")
    assert caught.value.where == "file:3"


@pytest.mark.parametrize(
    ("mapping", "message", "hint"),
    [
        ({"text": "t"}, 'no field "_id" or "id"', "fields here: text"),
        ({}, 'no field "_id" or "id"', "fields here: none"),
        ({"id": "1", "body": "b", 5: "c"}, "no text field: none of title, text", "body, 5"),
        ({"id": "1", "texts": "b"}, "no text field", "did you mean 'texts'? choose from the fields here"),
        ({"id": "1"}, "no text field", "it has no field but its id"),
        ({"id": "1", "text": None}, 'field "text" is null', "give it a text"),
        ({"id": "1", "text": 5}, 'field "text" must be a string, not a number', None),
        ({"id": "1", "text": ["a"]}, 'field "text" must be a string, not a list', None),
        (["id"], "must be an object with fields, not a list", None),
        ("id", "must be an object with fields, not a string", None),
        (None, "must be an object with fields, not null", None),
    ],
)
def test_mappings_that_make_no_document_are_refused(mapping, message, hint):
    with pytest.raises(BadInput, match=message) as caught:
        document_from_mapping(mapping)
    assert hint is None or hint in caught.value.hint


def test_a_vector_needs_no_text():
    document = document_from_mapping({"id": "1", "vector": {"a": 1, "b": np.float32(0.5)}, "contents": "c"})
    assert document.vector == {"a": 1.0, "b": 0.5}
    assert document.fields == {"contents": "c"}


@pytest.mark.parametrize("vector", [[0.1, 0.2], "base64", 5, None])
def test_beside_a_text_a_vector_of_another_kind_is_a_field(vector):
    document = document_from_mapping({"id": "1", "text": "t", "vector": vector})
    assert (document.vector, document.fields) == (None, {"text": "t", "vector": vector})


def test_identifiers_of_rows_are_checked_once():
    names = unique_identifiers([1, "b"], "file")
    assert names == ("1", "b")
    for values, message in (
        (["a", "b", "a"], r"file: duplicate id 'a': ids\[0\] and ids\[2\]"),
        (["a", ""], r'file: field "ids\[1\]" must be'),
    ):
        with pytest.raises(BadInput, match=message):
            unique_identifiers(values, "file")


def test_a_vector_may_be_any_mapping_of_any_numbers():
    checked = checked_vector(collections.OrderedDict(a=np.float64(1.5), b=np.int32(2), c=0))
    assert checked == {"a": 1.5, "b": 2.0, "c": 0.0}
    assert {type(weight) for weight in checked.values()} == {float}


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ([0.1, 0.2], "must be an object of token and weight, not a list"),
        (5, "must be an object of token and weight, not a number"),
        ({"a": nan}, "the weight of token 'a' is nan"),
        ({"a": -1}, "the weight of token 'a' is -1"),
        ({"a": inf}, "the weight of token 'a' is inf"),
        ({"a": 1e39}, r"the weight of token 'a' is 1e\+39"),
        ({"a": 2.0**33}, "is 8589934592.0; weights must lie between 0 and 4294967296"),
        ({"a": 10**400}, "the weight of token 'a' is 10000"),
        ({"a": "1"}, "must be a number, not a string"),
        ({"a": None}, "must be a number, not null"),
        ({"a": True}, "must be a number, not true or false"),
        ({5: 1.0}, "token 5 of the vector is not a valid string"),
        ({"\ud800": 1.0}, "is not a valid string"),
    ],
)
def test_bad_vectors_are_refused_with_the_place(vector, message):
    with pytest.raises(BadInput, match=message) as caught:
        document_from_mapping({"id": "1", "vector": vector}, where="file:3")
    assert caught.value.where == "file:3"


@given(st.lists(st.text(max_size=3)))
def test_seen_identifiers_behave_like_a_dictionary(identifiers):
    seen, expected = SeenIdentifiers(), {}
    for place, identifier in enumerate(identifiers):
        assert seen.first(identifier, place) == expected.get(identifier)
        expected.setdefault(identifier, place)


def test_seen_identifiers_grow():
    seen = SeenIdentifiers()
    assert all(seen.first(f"id{i}", i) is None for i in range(20_000))
    assert [seen.first(f"id{i}", -1) for i in range(20_000)] == list(range(20_000))


def test_seen_identifiers_take_little_memory_even_at_the_moment_when_they_grow():
    tracemalloc.start()
    try:
        seen = SeenIdentifiers()
        count = 2**17 // 3 + 2  # the table has just grown from 2**16 places
        for i in range(count):
            seen.first(f"an identifier {i}", i)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 75 * count
    assert peak < 110 * count
