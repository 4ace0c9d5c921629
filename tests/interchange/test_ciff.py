import gzip
import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interchange_samples import SCALES, blend, ciff, field, fields, message, messages, number, ready, weights

from lsr.errors import BadInput, LsrError, NotFound, Refused, UsageError
from lsr.interchange import export_index, import_index, protobuf
from lsr.interchange.ciff_import import read_ciff
from lsr.interchange.ciff_reader import CiffFile

LISTS = [("cat", [(0, 3), (2, 255)]), ("dog", [(1, 1)])]
IDS = ["a", "b", "c"]


def write(folder, data):
    (folder / "v.ciff").write_bytes(data)
    return folder / "v.ciff"


def test_the_file_says_what_the_format_asks_for(tmp_path):
    with blend(tmp_path / "a.idx") as index:
        export_index(index, tmp_path / "v.ciff")
        levels = weights(index)[1]
        terms = {token for row in levels.values() for token in row}
    header, *rest = messages((tmp_path / "v.ciff").read_bytes())
    header = dict(header)
    total = sum(sum(row.values()) for row in levels.values())
    assert [header[i] for i in range(1, 7)] == [1, len(terms), len(levels), len(terms), len(levels), total]
    assert struct.unpack("<d", header[7])[0] == total / len(levels)
    described = json.loads(header[8])["lsr"]
    assert described["impacts"] == "uint8"
    assert [space["scale"] for space in described["spaces"]] == list(SCALES)

    lists, records = rest[: len(terms)], rest[len(terms) :]
    names = [dict(found)[1] for found in lists]
    assert names == sorted(names)
    ids = list(levels)
    for found in lists:
        term, document = dict(found)[1].decode(), 0
        postings = [dict(fields(value)) for name, value in found if name == 4]
        there = {}
        for posting in postings:
            document += posting[1]
            there[ids[document]] = posting[2]
        assert there == {name: row[term] for name, row in levels.items() if term in row}
        assert dict(found)[2] == len(postings)
        assert dict(found)[3] == sum(there.values())
    assert [(dict(r)[1], dict(r)[2].decode(), dict(r)[3]) for r in records] == [
        (i, name, sum(row.values())) for i, (name, row) in enumerate(levels.items())
    ]


def test_a_file_of_another_program_is_read(tmp_path):
    with import_index(write(tmp_path, ciff(LISTS, IDS)), tmp_path / "v.idx") as index:
        assert weights(index)[0] == {"a": {"cat": 3.0}, "b": {"dog": 1.0}, "c": {"cat": 255.0}}
        assert index.manifest.spaces[0].scale == 1.0
        assert index.manifest.text_fields is None


@pytest.mark.parametrize("description", ['{"lsr": 1}', "[1]", "{", '{"other": {}}'])
def test_a_description_of_another_program_is_not_taken_for_ours(tmp_path, description):
    read = read_ciff(write(tmp_path, ciff(LISTS, IDS, description=description)))
    assert [ready.space.name for ready in read.spaces] == ["vectors"]


def test_default_values_may_be_left_out_and_unknown_fields_are_skipped(tmp_path):
    extra = field(99, 7) + number(20 << 3 | 1) + bytes(8) + number(21 << 3 | 5) + bytes(4) + field(22, b"xyz")
    posting = [(4, extra + field(2, 9))] + [(4, field(2, 7) + field(1, 1))] * 60
    data = message((1, 1), (2, 1), (3, 61)) + message((4, posting[0][1]), *posting[1:], (2, 61), (1, b"t"), (3, 1))
    data += message((2, b"x")) + b"".join(message((3, 5), (2, b"y%d" % i), (1, i)) for i in range(1, 61))
    read = read_ciff(write(tmp_path, data))
    assert read.ids[:2] == ("x", "y1")
    assert read.spaces[0].vectors.weights.tolist() == [9.0] + [7.0] * 60


@given(
    st.lists(st.tuples(st.integers(1, 2**21), st.integers(1, 2**24)), min_size=1, max_size=300),
    st.integers(0, 2**20),
    st.integers(30, 4000),
)
def test_any_list_is_read_as_it_was_written(postings, first, block):
    """The decoder works on blocks of bytes, which cut postings anywhere."""
    gaps = np.array([first] + [gap for gap, _ in postings[1:]], np.int64)
    tfs = np.array([tf for _, tf in postings], np.int64)
    data = protobuf.encode_postings(gaps, tfs)
    parsed = [(dict(fields(value))[1], dict(fields(value))[2]) for name, value in fields(data) if name == 4]
    assert parsed == list(zip(gaps.tolist(), tfs.tolist(), strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protobuf, "_BLOCK", block)
        found = protobuf.decode_postings(b"head" + data, 4)
    assert found is not None
    assert [array.tolist() for array in found] == [gaps.tolist(), tfs.tolist()]


@pytest.mark.parametrize(
    "odd",
    [
        field(4, field(1, 1) + field(2, 2) + field(3, 3)),
        field(4, field(2, 1) + field(1, 2)),
        field(4, field(1, 1) + field(2, 2**31)),
        field(4, field(1, 1) + field(2, -1)),
        field(5, field(1, 1) + field(2, 1)),
        b"\xff" * 12,
        field(4, field(1, 1))[:-1] + b"\x81",
    ],
)
def test_the_fast_decoder_leaves_other_forms_alone(odd):
    usual = protobuf.encode_postings(np.arange(1, 40), np.arange(1, 40))
    assert protobuf.decode_postings(usual + odd, 0) is None


def test_a_compressed_file_is_read_like_a_plain_one(tmp_path):
    path = write(tmp_path, gzip.compress(ciff(LISTS, IDS)))
    assert read_ciff(path).ids == tuple(IDS)
    path.write_bytes(gzip.compress(ciff(LISTS, IDS))[:-9])
    with pytest.raises(BadInput):
        read_ciff(path)


def test_frequencies_above_255_need_float32(tmp_path):
    path = write(tmp_path, ciff([("cat", [(0, 256)])], ["a"]))
    with pytest.raises(Refused, match="has the frequency 256, and uint8 impacts end at 255") as caught:
        import_index(path, tmp_path / "v.idx")
    assert "--impacts float32" in caught.value.hint
    assert not (tmp_path / "v.idx").exists()
    with import_index(path, tmp_path / "v.idx", impacts="float32") as index:
        assert weights(index)[0] == {"a": {"cat": 256.0}}
        export_index(index, tmp_path / "again.ciff")
    with import_index(tmp_path / "again.ciff", tmp_path / "again.idx") as index:
        assert index.manifest.impacts == "float32"
        assert weights(index)[0] == {"a": {"cat": 256.0}}
    with pytest.raises(BadInput, match=r"above 2\^24"):
        read_ciff(write(tmp_path, ciff([("cat", [(0, 2**24 + 1)])], ["a"])), "float32")


def test_arguments_are_checked(tmp_path):
    path = write(tmp_path, ciff(LISTS, IDS))
    with pytest.raises(UsageError, match="unknown impacts 'int8'"):
        import_index(path, tmp_path / "v.idx", impacts="int8")
    with pytest.raises(UsageError, match="unknown format 'ciffy'") as caught:
        import_index(path, tmp_path / "v.idx", file_format="ciffy")
    assert "did you mean 'ciff'" in caught.value.hint
    with pytest.raises(UsageError, match="can't be resumed"):
        import_index(path, tmp_path / "v.idx", resume=True)
    with pytest.raises(NotFound):
        import_index(tmp_path / "missing.ciff", tmp_path / "v.idx", file_format="ciff")
    with pytest.raises(NotFound):
        import_index(tmp_path / "missing.ciff", tmp_path / "v.idx")


def lists_with(*fields_of_a_posting, before=(), documents=3):
    """A file of one list with one posting, made of these fields."""
    posting = b"".join(fields_of_a_posting)
    return message((1, 1), (2, 1), (3, documents)) + message((1, b"t"), (2, 1), *before, (4, posting))


LONG = [(i, 5) for i in range(100)]
WRONG = {
    "empty": (b"", 0, "ends before the header"),
    "no end of a length": (b"\x80" * 11, 0, "the length of the header does not end"),
    "length beyond the file": (number(10) + bytes(3), 0, "the header has 10 bytes, and the file goes on for 3"),
    "length beyond memory": (number(2**40) + bytes(3), 0, "has 1099511627776 bytes"),
    "version": (message((1, 2), (2, 0), (3, 0)), 2, "CIFF version 2 is not known"),
    "version as text": (message((1, b"1")), 3, "the version is no number"),
    "negative count": (message((1, 1), (2, -1)), 4, "a count of the header is -1"),
    "large count": (message((1, 1), (3, 2**31)), 4, "is 2147483648; it must lie between 0 and 2147483647"),
    "no list": (message((1, 1), (2, 1), (3, 1)), 7, "the file ends before posting list 1 of 1"),
    "no record": (message((1, 1), (2, 0), (3, 1)), 7, "the file ends before document record 1 of 1"),
    "description not UTF-8": (message((1, 1), (8, b"a\xff")), 6, "the description is not valid UTF-8"),
    "description no text": (message((1, 1), (8, 3)), 4, "the description is no text"),
    "field number 0": (message((0, 1)), 1, "a field has the number 0"),
    "group": (number(2) + b"\x0b\x0c", 1, "wire type 3"),
    "field beyond its message": (number(3) + b"\x42\x09a", 1, "a field is longer than the message around it"),
    "number beyond its message": (number(2) + b"\x08\x80", 2, "a number does not end"),
    "posting no message": (lists_with(before=[(4, 1)]), 14, "a posting is no message"),
    "negative document": (lists_with(field(1, -1), field(2, 1)), 16, "the distance to the document before is -1"),
    "negative frequency": (lists_with(field(1, 1), field(2, -5)), 18, "a term frequency is -5"),
    "frequency 0": (lists_with(field(1, 1)), 8, "has a frequency of 0"),
    "document beyond": (lists_with(field(1, 3), field(2, 1)), 8, "names a document that is not below 3"),
    "document twice": (ciff([("t", [(1, 1), (1, 1)])], IDS), None, "names a document twice"),
    "long list, document twice": (ciff([("t", [(0, 5), *LONG])], ["x"] * 100), None, "names a document twice"),
    "documents fall": (ciff([("t", [(2, 1), (1, 1)])], IDS), None, "the distance to the document before is -1"),
    "long list, documents fall": (ciff([("t", [*LONG, (3, 1)])], ["x"] * 100), None, "document before is -96"),
    "wrong frequency": (lists_with(field(1, 1), field(2, 1), before=[(2, 9)]), 8, "has 1 postings and says 9"),
    "empty list": (ciff([("t", [])], IDS), None, "has no posting"),
    "term twice": (ciff([LISTS[0], LISTS[0]], IDS), None, "has a posting list already"),
    "id twice": (ciff(LISTS, ["a", "b", "a"]), None, "duplicate id 'a': the record at byte"),
    "id empty": (ciff(LISTS, ["a", "", "c"]), None, '"collection_docid" must be a non-empty string'),
    "document number twice": (ciff([], [], counts=(0, 2)) + message((1, 0), (2, b"a")) * 2, None, "comes twice"),
    "document number beyond": (ciff([], [], counts=(0, 1)) + message((1, 1), (2, b"a")), None, "not below the number"),
    "more follows": (ciff(LISTS, IDS) + b"\0", None, "goes on after the last"),
    "counts too large": (ciff(LISTS, IDS, counts=(2**31 - 1, 2**31 - 1)), None, "a term is no text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_its_place(tmp_path, case):
    data, place, problem = WRONG[case]
    path = write(tmp_path, data)
    with pytest.raises(BadInput) as caught:
        read_ciff(path, "float32")
    assert problem in caught.value.message
    found, offset = caught.value.where.split(", byte ") if ", byte " in caught.value.where else (None, 0)
    assert found == str(path)
    assert place is None or int(offset) == place
    assert int(offset) <= len(data)


def test_a_file_without_documents_is_refused(tmp_path):
    with pytest.raises(BadInput, match="there are no documents"):
        import_index(write(tmp_path, ciff([], [])), tmp_path / "v.idx")
    assert not (tmp_path / "v.idx").exists()


def described(**changes):
    space = {"name": "vectors", "base": 0, "scale": 0.5, "weight": 1.0, "capacity": 9, "named": True}
    return json.dumps({"lsr": {"version": 1, "impacts": "uint8", "spaces": [space | changes]}})


TWO = {"name": "ids", "base": 9, "scale": 0.5, "weight": 1.0, "capacity": 5, "named": False}


@pytest.mark.parametrize(
    ("description", "problem"),
    [
        (described().replace('"version": 1', '"version": 2'), "has version 2; this release reads version 1"),
        (described().replace("uint8", "int4"), 'lacks "impacts" or "spaces"'),
        (described().split("[")[0] + "[]}}", 'lacks "impacts" or "spaces"'),
        (described().split("[")[0] + "[1]}}", "is no object"),
        (described(name=3), 'field "name"'),
        (described(base=True), 'field "base"'),
        (described(named=1), 'field "named"'),
        (described(scale=0), "out of range"),
        (described(scale=float("nan")), "out of range"),
        (described(scale=2**33), "out of range"),
        (described(weight=1e9), "out of range"),
        (described(capacity=0), "out of range"),
        (described(base=-1), "out of range"),
        (described(base=2**32), r"end above 2^32"),
        (described()[:-3] + "," + json.dumps(TWO | {"base": 8}) + "]}}", "overlap"),
        (described()[:-3] + "," + json.dumps(TWO | {"name": "vectors"}) + "]}}", "the same name"),
        (described()[:-3] + "," + json.dumps(TWO) + "]}}", "term 'cat' names none of the described spaces"),
        (described(capacity=1), "is no term of space 'vectors'"),
        (described(named=False), "is no term of space 'vectors'"),
        (described(scale=2.0**32), "a weight of vectors is larger than 4294967296"),
    ],
)
def test_a_description_is_not_believed(tmp_path, description, problem):
    with pytest.raises(BadInput) as caught:
        import_index(write(tmp_path, ciff(LISTS, IDS, description=description)), tmp_path / "v.idx")
    assert problem in caught.value.message
    assert caught.value.where.startswith(str(tmp_path / "v.ciff"))
    assert not (tmp_path / "v.idx").exists()


@pytest.mark.parametrize("token", ["01", "-1", "1_0", "٣", "", "5", "99999999999"])
def test_terms_without_names_are_called_by_their_number(tmp_path, token):
    description = described()[:-3] + "," + json.dumps(TWO) + "]}}"
    path = write(tmp_path, ciff([("ids:4", [(0, 2)]), (f"ids:{token}", [(0, 2)])], ["a"], description=description))
    with pytest.raises(BadInput, match="is no term of space 'ids'"):
        read_ciff(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    with blend(root / "a.idx", documents=70) as index:
        export_index(index, root / "v.ciff")
    return (root / "v.ciff").read_bytes()


PIECES = st.sampled_from(
    [b"", b"\0", b"\xff", b"\x80" * 4, number(2**31), number(-1), number(2**63), b"\x22\x04\x08\x00\x10\x00", b"\x0b"]
)


@given(st.data())
def test_a_mutated_file_gives_rows_or_a_typed_error(whole, tmp_path_factory, data):
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1) | st.integers(0, min(500, len(content) - 1)))
        kind = data.draw(st.sampled_from(["flip", "piece", "cut", "end"]))
        if kind == "flip":
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "piece":
            content[at : at + data.draw(st.integers(0, 3))] = data.draw(PIECES)
        elif kind == "cut":
            del content[at : at + data.draw(st.integers(1, 40))]
        else:
            del content[max(at, 1) :]
        content = content or bytearray(b"\0")
    path = write(tmp_path_factory.mktemp("mutated"), bytes(content))
    try:
        read = read_ciff(path, data.draw(st.sampled_from([None, "float32"])))
    except LsrError as error:
        assert str(path) in error.where
        return
    for space in read.spaces:
        vectors = space.vectors
        assert len(vectors) == len(read.ids) == len(set(read.ids))
        assert np.all(vectors.weights > 0)
        for i in range(len(vectors)):
            assert np.all(np.diff(vectors.row(i)[0].astype(np.int64)) > 0)


def test_the_reader_closes_its_file(tmp_path):
    path = write(tmp_path, ciff(LISTS, IDS))
    with CiffFile(path) as file:
        assert [listed.term for listed in file.lists()] == ["cat", "dog"]
        assert isinstance(file._stream, io.BufferedReader)
    assert file._stream.closed


def test_frequencies_that_32_bits_cannot_hold_are_refused(tmp_path):
    with ready(tmp_path / "a.idx", [{"x": 2.0**31}], "float32") as index, pytest.raises(Refused, match="32-bit"):
        export_index(index, tmp_path / "v.ciff")
    rows = [{"x": 2.0**30, "y": 2.0**30}]
    with ready(tmp_path / "b.idx", rows, "float32") as index, pytest.raises(Refused, match="32-bit"):
        export_index(index, tmp_path / "v.ciff")
    assert not (tmp_path / "v.ciff").exists()
