"""Rows in .npz files, JSON Lines, and how a format is found."""

import gzip
import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interchange_samples import blend, ciff, ready, weights

from lsr.errors import BadInput, LsrError, NotFound
from lsr.interchange import export_index, import_index
from lsr.interchange.formats import format_of_content
from lsr.interchange.npz import read_npz
from lsr.sources.npz import VectorSource

CSR = {"indptr": [0, 2, 3], "indices": [1, 4, 1], "data": [0.5, 2.0, 1.0]}


def save(path, **arrays):
    np.savez(path, **{name: np.array(value) for name, value in arrays.items()})
    return path


def test_the_arrays_are_those_of_scipy_and_ours_can_be_indexed_directly(tmp_path):
    with blend(tmp_path / "a.idx") as index:
        export_index(index, tmp_path / "v.npz")
        expected = weights(index)[0]
        source = VectorSource(tmp_path / "v.npz")
        assert list(source.ids) == list(expected)
    arrays = np.load(tmp_path / "v.npz")
    assert arrays["format"].item() == b"csr"
    assert arrays["shape"].tolist() == [90, arrays["indices"].max() + 1]
    assert (arrays["indptr"].dtype, arrays["indices"].dtype, arrays["data"].dtype) == (np.int64, np.int32, np.float32)
    names = dict(zip(arrays["token_ids"].tolist(), arrays["tokens"].tolist(), strict=True))
    for i, row in enumerate(expected.values()):
        inside = slice(arrays["indptr"][i], arrays["indptr"][i + 1])
        terms, found = arrays["indices"][inside].tolist(), arrays["data"][inside].tolist()
        assert {names.get(t, f"ids:{t - 40}"): w for t, w in zip(terms, found, strict=True)} == row


def test_large_term_ids_get_larger_numbers(tmp_path):
    save(tmp_path / "v.npz", indptr=[0, 1], indices=[2**32 - 1], data=[1.5])
    with import_index(tmp_path / "v.npz", tmp_path / "a.idx") as index:
        export_index(index, tmp_path / "w.npz")
        assert np.load(tmp_path / "w.npz")["indices"].tolist() == [2**32 - 1]
        with import_index(tmp_path / "w.npz", tmp_path / "b.idx") as back:
            assert back.segments[0].terms.tolist() == [2**32 - 1]


def test_a_matrix_of_another_program_is_read(tmp_path):
    path = save(tmp_path / "v.npz", **CSR, format=b"csr", shape=[2, 5])
    with import_index(path, tmp_path / "v.idx") as index:
        assert {name: set(row) for name, row in weights(index)[0].items()} == {"0": {"1", "4"}, "1": {"1"}}
    path = save(tmp_path / "v.npz", **CSR, ids=["x", "y"], tokens=["a", "b", "c", "d", "e"])
    with import_index(path, tmp_path / "v.idx", impacts="float32", force=True) as index:
        assert weights(index)[0] == {"x": {"b": 0.5, "e": 2.0}, "y": {"b": 1.0}}
    path = save(tmp_path / "v.npz", **CSR, tokens=["b"], token_ids=[1])
    assert read_npz(path).spaces[0].vectors.to_dicts()[0] == {"4": 2.0, "b": 0.5}


def spaces(**changes):
    space = {"name": "a", "base": 0, "scale": 0.5, "weight": 1.0, "capacity": 4, "named": True}
    other = {"name": "b", "base": 4, "scale": 0.5, "weight": 1.0, "capacity": 4, "named": True}
    return json.dumps({"lsr": {"version": 1, "impacts": "uint8", "spaces": [space | changes, other]}})


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ({"tokens": [1, 2]}, "tokens must be strings"),
        ({"tokens": [["a"]]}, "tokens must be strings"),
        ({"tokens": "a"}, "tokens must be strings"),
        ({"tokens": ["a"], "token_ids": [1, 4]}, "tokens must be strings"),
        ({"tokens": ["a"], "token_ids": ["b"]}, "tokens must be strings"),
        ({"tokens": ["a", "b"], "token_ids": [1, 1]}, "a term has two names"),
        ({"tokens": ["a", "a"], "token_ids": [1, 4]}, "two terms have the same name"),
        ({"tokens": ["a", "\ud800"], "token_ids": [1, 4]}, "not valid text"),
        ({"spaces": spaces(scale=-1)}, "out of range"),
        ({"spaces": spaces(capacity=1)}, "belongs to none of the described term spaces"),
        ({"spaces": spaces(), "tokens": ["b:x"], "token_ids": [1]}, "stands for a term of space 'a'"),
    ],
)
def test_names_and_spaces_are_not_believed(tmp_path, own, problem):
    path = save(tmp_path / "v.npz", **CSR, **own)
    with pytest.raises(BadInput) as caught:
        read_npz(path)
    assert problem in caught.value.message
    assert str(path) in caught.value.where


def test_characters_beyond_unicode_are_refused(tmp_path):
    strange = np.array([0x110000], np.uint32).view("<U1")
    for own in ({"tokens": strange, "token_ids": [1]}, {"ids": np.repeat(strange, 2)}):
        with pytest.raises(BadInput, match="cannot load the arrays"):
            read_npz(save(tmp_path / "v.npz", **CSR, **own))


def test_objects_are_not_loaded(tmp_path):
    np.savez(tmp_path / "v.npz", **CSR, tokens=np.array(["a", None], dtype=object))
    with pytest.raises(BadInput, match="cannot load the arrays"):
        read_npz(tmp_path / "v.npz")


@pytest.fixture(scope="module")
def archive_of_ours(tmp_path_factory):
    root = tmp_path_factory.mktemp("npz")
    with blend(root / "a.idx", documents=30) as index:
        export_index(index, root / "v.npz")
    with zipfile.ZipFile(root / "v.npz") as archive:
        return _Archive({name: archive.read(name) for name in archive.namelist()})


class _Archive(dict):
    """Files by name; it is not printed when a test fails."""

    def __repr__(self):
        return f"files {sorted(self)}"


@settings(max_examples=60)
@given(st.data())
def test_mutated_arrays_of_ours_give_rows_or_a_typed_error(archive_of_ours, tmp_path_factory, data):
    """The checksums of the archive are right, so that the arrays are reached."""
    name = data.draw(st.sampled_from(sorted(archive_of_ours)))
    content = bytearray(archive_of_ours[name])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1) | st.integers(0, 80))] = data.draw(
            st.sampled_from([0, 1, 34, 57, 125, 255])
        )
    path = tmp_path_factory.mktemp("mutated") / "v.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for entry, value in (archive_of_ours | {name: bytes(content)}).items():
            archive.writestr(entry, value)
    try:
        read = read_npz(path)
    except LsrError as error:
        assert str(path) in error.where
        return
    assert all(len(space.vectors) == len(read.ids) for space in read.spaces)


@settings(max_examples=30)
@given(st.data())
def test_mutated_lines_give_an_index_or_a_typed_error(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("lines")
    with ready(root / "a.idx", [{"x": 1.0}, {"y": 0.25, "z": 3.0}]) as index:
        export_index(index, root / "v.jsonl")
    content = bytearray((root / "v.jsonl").read_bytes())
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.sampled_from(b'"{}:,-9\n\x80e'))
    (root / "v.jsonl").write_bytes(content)
    try:
        import_index(root / "v.jsonl", root / "b.idx", file_format="anserini").close()
    except LsrError as error:
        assert error.exit_code == 4


def test_the_format_is_found_by_content(tmp_path, monkeypatch):
    with ready(tmp_path / "a.idx", [{"x": 1.0}]) as index:
        for name, file_format in (("c", "ciff"), ("n", "npz"), ("j", "anserini"), ("s", "seismic")):
            export_index(index, tmp_path / name, file_format=file_format)
        export_index(index, tmp_path / "parts", file_format="seismic", split=1)
        for name, found in (("c", "ciff"), ("n", "npz"), ("j", "anserini"), ("s", "anserini"), ("parts", "anserini")):
            assert format_of_content(tmp_path / name) == found
            with import_index(tmp_path / name, tmp_path / f"{name}.idx") as back:
                assert weights(back) == weights(index)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO((tmp_path / "j").read_bytes()))))
        with import_index("-", tmp_path / "stdin.idx") as back:
            assert weights(back) == weights(index)
    (tmp_path / "z").write_bytes(gzip.compress(ciff([("t", [(0, 1)])], ["a"])))
    assert format_of_content(tmp_path / "z") == "ciff"
    # A header of 123 bytes begins with the byte of an opening brace.
    for length in range(200):
        (tmp_path / "h").write_bytes(ciff([], [], description="x" * length))
        assert format_of_content(tmp_path / "h") == "ciff"


@pytest.mark.parametrize("content", [b"", b"text\n", b"\x80\x80", b"<xml>"])
def test_an_unknown_format_is_named_as_such(tmp_path, content):
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(BadInput, match="not recognised") as caught:
        import_index(tmp_path / "v", tmp_path / "v.idx")
    assert "--format" in caught.value.hint
    with pytest.raises(NotFound):
        import_index(tmp_path / "missing", tmp_path / "v.idx")


def test_an_interrupted_import_of_lines_goes_on(tmp_path):
    lines = [json.dumps({"id": str(i), "vector": {"x": 1.0 + i}}) for i in range(1500)]
    path = tmp_path / "v.jsonl"
    path.write_text("\n".join([*lines[:1400], "{"]))
    with pytest.raises(BadInput, match="invalid JSON"):
        import_index(path, tmp_path / "v.idx", impacts="float32")
    path.write_text("\n".join(lines))
    with import_index(path, tmp_path / "v.idx", impacts="float32", resume=True) as index:
        assert list(weights(index)[0].values()) == [{"x": 1.0 + i} for i in range(1500)]
