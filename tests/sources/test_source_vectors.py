import zipfile

import numpy as np
import pytest

from lsr.errors import BadInput, UsageError
from lsr.sources import VectorSource, open_documents

INDPTR = np.array([0, 2, 2, 3])
TERMS = np.array([1, 5, 0])
WEIGHTS = np.array([0.5, 2.0, 1.0], np.float32)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def own(**changes):
    return {"indptr": INDPTR, "terms": TERMS, "weights": WEIGHTS, **changes}


def failure(path, **options):
    with pytest.raises(BadInput) as caught:
        open_documents(path, **options)
    assert caught.value.where == str(path)
    return caught.value


def test_arrays_become_vectors_with_default_ids(tmp_path):
    source = open_documents(save(tmp_path / "v.npz", **own()))
    assert isinstance(source, VectorSource)
    assert (source.format, source.total, source.ids, source.skipped) == ("vectors", 3, ("0", "1", "2"), 0)
    assert (source.bytes_total, source.bytes_read) == (None, 0)
    assert source.vectors.indptr.tolist() == INDPTR.tolist()
    assert source.vectors.terms.tolist() == TERMS.tolist()
    assert source.vectors.weights.tolist() == WEIGHTS.tolist()


def test_rows_can_be_read_as_documents(tmp_path):
    source = open_documents(save(tmp_path / "v.npz", **own(ids=np.array(["x", "y", "z"]))))
    documents = list(source)
    assert [(d.id, d.text, d.vector) for d in documents] == [
        ("x", "", {"1": 0.5, "5": 2.0}),
        ("y", "", {}),
        ("z", "", {"0": 1.0}),
    ]
    assert documents[2].where == f"{tmp_path}/v.npz, row 2"


@pytest.mark.parametrize("save_with", [np.savez, np.savez_compressed])
def test_the_layout_of_scipy_is_read(tmp_path, save_with):
    arrays = {"indptr": INDPTR.astype(np.int32), "indices": TERMS.astype(np.int32), "data": WEIGHTS.astype(float)}
    save_with(tmp_path / "v.npz", **arrays, format=np.array(b"csr"), shape=np.array([3, 9]))
    source = open_documents(tmp_path / "v.npz")
    assert source.vectors.to_dicts() == [{"5": 2.0, "1": 0.5}, {}, {"0": 1.0}]


def test_integer_ids_are_taken_as_strings(tmp_path):
    assert open_documents(save(tmp_path / "v.npz", **own(ids=np.array([7, 8, 9])))).ids == ("7", "8", "9")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": np.array([1, -1, 1.0])}, "weight 1 is -1.0"),
        ({"weights": np.array([1, np.nan, 1])}, "weight 1 is nan"),
        ({"weights": np.array([1, 1.0])}, "3 terms and 2 weights"),
        ({"indptr": np.array([0, 3, 2, 3])}, "never fall"),
        ({"terms": np.array([1, 1, 0])}, "names term 1 twice"),
        ({"terms": np.array([1.0, 2, 3])}, "integers"),
        ({"ids": np.array(["a", "b"])}, "ids must be 3 strings"),
        ({"ids": np.array([1.5, 2, 3])}, "ids must be 3 strings"),
        ({"ids": np.array(["a", "b", "a"])}, "duplicate id 'a': ids[0] and ids[2]"),
        ({"ids": np.array(["a", "", "c"])}, '"ids[1]" must be a non-empty string'),
        ({"ids": np.array(["a", "b", "c\n"])}, "control character"),
        ({"ids": np.array(["a", "b", None], dtype=object)}, "cannot load the arrays"),
        ({"format": np.array("csc")}, "'csc' format"),
        ({"shape": np.array([4, 9])}, "indptr has 3 rows"),
        ({"indptr": np.array([0]), "terms": TERMS[:0], "weights": WEIGHTS[:0]}, "no document"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, changes, message):
    assert message in failure(save(tmp_path / "v.npz", **own(**changes))).message


@pytest.mark.parametrize("missing", ["indptr", "terms", "weights"])
def test_a_missing_array_is_named(tmp_path, missing):
    arrays = own()
    del arrays[missing]
    error = failure(save(tmp_path / "v.npz", **arrays))
    assert f"'{missing}'" in error.message
    assert all(name in error.hint for name in arrays)


def test_other_files_are_no_vectors(tmp_path):
    text = tmp_path / "v.npz"
    text.write_text("words\n")
    assert "no .npz file" in failure(text, input_format="vectors").message
    assert "not recognised" in failure(text).message
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("readme.txt", "x")
    error = failure(tmp_path / "other.npz")
    assert "no array 'indptr'" in error.message
    assert "the file holds readme.txt; needed are indptr, terms and weights" in error.hint
    save(tmp_path / "more.npz", rows=INDPTR, terms=TERMS, weights=WEIGHTS)
    assert "the file holds rows, terms, weights; needed" in failure(tmp_path / "more.npz").hint
    with zipfile.ZipFile(tmp_path / "empty.npz", "w") as archive:
        archive.comment = b"nothing"
    assert "the file holds no array" in failure(tmp_path / "empty.npz", input_format="vectors").hint


@pytest.mark.parametrize("cut", [100, 300])
def test_a_damaged_file_is_an_error(tmp_path, cut):
    path = save(tmp_path / "v.npz", **own())
    data = bytearray(path.read_bytes())
    damaged = tmp_path / "cut.npz"
    damaged.write_bytes(data[:-cut])
    assert failure(damaged).message
    data[150] ^= 0xFF
    path.write_bytes(data)
    assert "cannot load the arrays" in failure(path).message


def test_vectors_have_no_text_fields(tmp_path):
    with pytest.raises(UsageError, match="text_fields: vectors have no text fields"):
        open_documents(save(tmp_path / "v.npz", **own()), text_fields=["title"])
