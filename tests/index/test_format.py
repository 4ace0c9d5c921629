"""FORMAT.md says what the code does."""

import dataclasses
import hashlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import word_encoder

from lsr.index import catalog, manifest
from lsr.index.files import FileEntry, npy_header, open_array, write_array
from lsr.index.index import Index
from lsr.vectors import SparseVectors

FORMAT = (Path(__file__).parents[2] / "FORMAT.md").read_text()


def table(heading):
    """First two columns of the table under a heading."""
    section = re.split(r"^#+ ", FORMAT.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \| ", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("The manifest", manifest.Manifest),
        ("A term space", manifest.SpaceEntry),
        ("A segment", manifest.SegmentEntry),
        ("A file", FileEntry),
    ],
)
def test_fields_of_the_manifest(heading, kind):
    fields = [field.name for field in dataclasses.fields(kind)]
    if kind is manifest.Manifest:
        fields.insert(0, "format")
    assert list(table(heading)) == fields


@pytest.mark.parametrize("impacts", manifest.IMPACT_TYPES)
def test_arrays(impacts):
    described = {name: kind.strip("`").replace("\\|", "|") for name, kind in table(f"Arrays of {impacts}").items()}
    assert described == manifest.SEGMENT_ARRAYS[impacts]
    assert f"| `impacts` | string | `{'` or `'.join(manifest.IMPACT_TYPES)}`, for all segments |" in FORMAT


def test_version():
    assert f"format version {manifest.FORMAT_VERSION}\n" in FORMAT
    assert f"| `format` | integer | format version: {manifest.FORMAT_VERSION} |" in FORMAT


def test_catalog():
    (schema,) = re.findall(r"```sql\n(.+?)```", FORMAT, re.DOTALL)
    statements = [" ".join(statement.split()) for statement in schema.split(";") if statement.strip()]
    assert statements == [*catalog.TABLES, *catalog.INDEXES]


def test_header_of_an_array(tmp_path):
    array = np.arange(28, dtype=np.uint32)
    entry = write_array(tmp_path / "a.npy", array)
    content = (tmp_path / "a.npy").read_bytes()
    (line,) = re.findall(r"^ +(\{'descr'.+\})$", FORMAT, re.MULTILINE)
    prefix = bytes.fromhex(re.search(r"`(93 [0-9A-F ]+)`", FORMAT)[1])
    length = len(content) - array.nbytes - 10
    assert content[:10] == prefix + length.to_bytes(2, "little")
    assert content[10 : 10 + length].decode() == line.ljust(length - 1) + "\n"
    assert (10 + length) % 64 == 0
    assert np.array_equal(np.load(tmp_path / "a.npy"), open_array(tmp_path / "a.npy", entry))


DTYPES = sorted({dtype for arrays in manifest.SEGMENT_ARRAYS.values() for dtype in arrays.values()})


@given(dtype=st.sampled_from(DTYPES), length=st.integers(0, 2**62))
def test_a_header_is_what_numpy_writes_without_numpys_help(dtype, length):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": (length,)})
    assert npy_header(dtype, length) == stream.getvalue()
    assert len(npy_header(dtype, length)) == 128


@pytest.mark.parametrize("length", [0, 1, 1000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_reads_what_was_written(tmp_path, dtype, length):
    array = (np.arange(length) % 200).astype(dtype)
    entry = write_array(tmp_path / "a.npy", array)
    content = (tmp_path / "a.npy").read_bytes()
    assert entry == FileEntry(len(content), hashlib.sha256(content).hexdigest(), dtype, length)
    assert np.array_equal(np.load(tmp_path / "a.npy"), array)


def test_no_header_asks_numpy(tmp_path, monkeypatch):
    monkeypatch.delattr(np.lib.format, "write_array_header_1_0")
    monkeypatch.delattr(np.lib.format, "write_array")
    for impacts in manifest.IMPACT_TYPES:
        Index.build(tmp_path / impacts, SparseVectors([0, 1], [1], [1.0]), impacts=impacts).close()


def test_files_of_an_index(tmp_path):
    Index.build(tmp_path / "x", [{"id": "1", "text": "apple"}], encoder=word_encoder()).close()
    tree = re.search(r"```\nDIR/\n(.+?)```", FORMAT, re.DOTALL)[1]
    files = [path for path in (tmp_path / "x").rglob("*") if path.is_file()]
    assert len(files) == 3 + len(manifest.BYTE_ARRAYS)
    for path in files:
        assert path.name in tree
        assert path.parent.name in (*re.findall(r"[\w-]+(?=/)", tree), "x")
    assert re.fullmatch(r"gen-1 [0-9a-f]{64}\n", (tmp_path / "x" / "CURRENT").read_text())


def test_big_endian_arrays_are_written_little_endian(tmp_path):
    entry = write_array(tmp_path / "a.npy", np.arange(3, dtype=">i8"))
    assert entry.dtype == "<i8"
    assert open_array(tmp_path / "a.npy", entry).tolist() == [0, 1, 2]
