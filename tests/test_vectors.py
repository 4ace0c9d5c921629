import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import BadInput
from lsr.vectors import TERM_LIMIT, SparseVectors, TokenTable, vectors_from_dicts

weights = st.floats(0, 1000, width=32)
rows = st.lists(st.dictionaries(st.integers(0, TERM_LIMIT - 1), weights, max_size=6), max_size=6)


def from_dicts(dicts):
    return SparseVectors.from_rows([(list(row), list(row.values())) for row in dicts])


def as_dicts(vectors):
    pairs = [vectors.row(i) for i in range(len(vectors))]
    return [dict(zip(terms.tolist(), values.tolist(), strict=True)) for terms, values in pairs]


@given(rows)
def test_rows_come_back_sorted_and_without_zeros(dicts):
    vectors = from_dicts(dicts)
    assert as_dicts(vectors) == [{term: weight for term, weight in row.items() if weight > 0} for row in dicts]
    assert all(np.all(np.diff(vectors.row(i)[0].astype(np.int64)) > 0) for i in range(len(vectors)))
    assert vectors.nnz == sum(len(row) for row in as_dicts(vectors))
    assert (vectors.indptr.dtype, vectors.terms.dtype, vectors.weights.dtype) == (np.int64, np.uint32, np.float32)


@given(rows, rows)
def test_concatenate_and_slice_are_inverse(first, second):
    a, b = from_dicts(first), from_dicts(second)
    both = SparseVectors.concatenate([a, b])
    assert as_dicts(both) == as_dicts(a) + as_dicts(b)
    assert as_dicts(both.slice(len(a), len(both))) == as_dicts(b)
    assert both.slice(len(a), len(both)).indptr[0] == 0


def test_concatenating_nothing_gives_no_rows():
    assert len(SparseVectors.concatenate([])) == 0


def test_concatenate_and_slice_keep_the_names():
    vectors = SparseVectors([0, 1], [0], [1.0], vocabulary=TokenTable(["a"]), fingerprint="f")
    for made in (SparseVectors.concatenate([vectors, vectors]), vectors.slice(0, 1)):
        assert made.to_dicts()[0] == {"a": 1.0}
        assert made.fingerprint == "f"


@pytest.mark.parametrize(
    ("indptr", "terms", "values", "message"),
    [
        ([0, 2], [1, 1], [1.0, 2.0], "row 0 names term 1 twice"),
        ([0, 1, 4], [9, 3, 5, 3], [1.0, 1.0, 1.0, 1.0], "row 1 names term 3 twice"),
        ([0, 1], [1], [-1.0], "weight 0 is -1.0"),
        ([0, 2], [1, 2], [1.0, float("nan")], "weight 1 is nan"),
        ([0, 1], [1], [float("inf")], "weight 0 is inf"),
        ([0, 1], [1], [1e39], r"weight 0 is 1e\+39; weights must lie between 0 and 4294967296"),
        ([0, 2], [1, 2], [2**32, 2**33], "weight 1 is 8589934592"),
        ([0, 1], [-1], [1.0], "term ids must lie between 0 and 4294967295"),
        ([0, 1], [TERM_LIMIT], [1.0], "term ids must lie between"),
        ([0, 1], [1.5], [1.0], "terms must be a one-dimensional array of integers"),
        ([0, 1], [True], [1.0], "terms must be"),
        ([0, 1], [[1]], [1.0], "terms must be"),
        ([0, 2], [[1], [1, 2]], [1.0, 1.0], "terms can't be read as an array"),
        ([0, 1], [1], ["1"], "weights must be a one-dimensional array of numbers"),
        ([0, 1], [1], [None], "weights must be"),
        ([0, 1], [1], [10**400], "weights must be"),
        ([0, 2], [1, 2], [[1.0], 2.0], "weights can't be read as an array"),
        ([1, 1], [1], [1.0], "indptr must start with 0 and never fall"),
        ([0, 2, 1], [1], [1.0], "indptr must start with 0 and never fall"),
        ([], [], [], "indptr must be"),
        ([0.0, 1.0], [1], [1.0], "indptr must be"),
        ([0, 2], [1], [1.0], "indptr ends at 2, but there are 1 terms and 1 weights"),
        ([0, 1], [1], [1.0, 2.0], "indptr ends at 1, but there are 1 terms and 2 weights"),
    ],
)
def test_arrays_that_make_no_vectors_are_refused(indptr, terms, values, message):
    with pytest.raises(BadInput, match=message):
        SparseVectors(indptr, terms, values)


def test_the_highest_term_id_is_kept():
    vectors = SparseVectors([0, 2], np.array([TERM_LIMIT - 1, 0], np.uint64), [1, 2])
    assert as_dicts(vectors) == [{0: 2.0, TERM_LIMIT - 1: 1.0}]


def test_to_dicts_is_heaviest_first_and_names_what_has_a_name():
    vectors = SparseVectors([0, 3, 3], [0, 1, 7], [0.5, 2.0, 1.0], vocabulary=TokenTable(["a", "b"]))
    assert [list(row.items()) for row in vectors.to_dicts()] == [[("b", 2.0), ("7", 1.0), ("a", 0.5)], []]
    assert SparseVectors([0, 1], [3], [1.0]).to_dicts() == [{"3": 1.0}]


def test_an_empty_token_is_a_name():
    vectors = SparseVectors([0, 2], [0, 1], [1.0, 2.0], vocabulary=TokenTable(["", "0"]))
    assert vectors.to_dicts() == [{"0": 2.0, "": 1.0}]


CALLERS = {
    "as they are stored": (np.int64, np.uint32, np.float32),
    "of other types": (np.int32, np.int64, np.float64),
}


@pytest.mark.parametrize("types", CALLERS.values(), ids=CALLERS)
def test_what_the_caller_does_to_his_arrays_later_changes_nothing(types):
    given = [np.array(values, kind) for values, kind in zip(([0, 1, 3], [4, 1, 2], [1, 2, 3]), types, strict=True)]
    for arrays in (given, [array[:] for array in given], [memoryview(array) for array in given]):
        vectors = SparseVectors(*arrays)
        before = as_dicts(vectors)
        for array in given:
            array += 1
        assert as_dicts(vectors) == before
        for array in given:
            array -= 1


def test_the_arrays_of_vectors_cannot_be_written_to():
    made = SparseVectors([0, 1, 2], [4, 1], [1, 2])
    for vectors in (made, made.slice(0, 1), SparseVectors.concatenate([made, made]), from_dicts([{1: 2.0}]),
                    SparseVectors([0, 2], [2, 1], [1, 0])):  # fmt: skip
        for array in (vectors.indptr, vectors.terms, vectors.weights):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_arrays_that_nobody_can_write_to_are_shared():
    terms, weights = np.array([1, 2], np.uint32), np.array([1, 2], np.float32)
    terms.flags.writeable = weights.flags.writeable = False
    vectors = SparseVectors([0, 2], terms, weights)
    assert np.shares_memory(vectors.terms, terms)
    assert np.shares_memory(vectors.weights, weights)


def test_dicts_of_tokens_grow_the_vocabulary():
    vocabulary = TokenTable(["a"])
    vectors = vectors_from_dicts([{"b": 1.0, "a": 2.0}, {}], vocabulary)
    assert vocabulary.tokens == ["a", "b"]
    assert vectors.to_dicts() == [{"a": 2.0, "b": 1.0}, {}]
    assert repr(vectors) == "SparseVectors(2 rows, 2 weights)"


def test_a_token_table_finds_both_ways():
    table = TokenTable(["a", "b"])
    assert (table.find("b"), table.find("c"), table.token(1), table.token(2), table.token(-1)) == (
        1,
        None,
        "b",
        None,
        None,
    )
    assert (table.add("b"), table.add("c"), len(table)) == (1, 2, 3)
