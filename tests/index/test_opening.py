"""Whatever happens to the bytes of an index, opening it either works or says what is wrong."""

import contextlib
import itertools
import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from toy import edit_manifest, forge_array, point, segment_of, space, word_encoder, write_index

from lsr.encoders.base import BlendedEncoder
from lsr.encoders.bm25 import load_bm25
from lsr.errors import CorruptIndex, IncompatibleIndex, LsrError, NotFound
from lsr.index import index as index_module
from lsr.index.builder import BuildOptions, build
from lsr.index.files import file_entry
from lsr.index.index import Index
from lsr.index.manifest import BYTE_ARRAYS
from lsr.vectors import SparseVectors

# Frequent words, words of five in a hundred documents, and words of one: a column, a windowed list and rare lists.
DOCUMENTS = [{"id": str(i), "text": f"apple banana w{i}" + " often" * (i % 20 == 0)} for i in range(320)]
ARRAY_FILES = [f"{name}.npy" for name in BYTE_ARRAYS]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """An index that no stamp vouches for."""
    path = tmp_path_factory.mktemp("index") / "x"
    build(path, DOCUMENTS, BlendedEncoder((word_encoder(), load_bm25(language="none"))))
    return path


@pytest.fixture
def root(original, tmp_path):
    return shutil.copytree(original, tmp_path / "x")


@pytest.fixture
def trusted(root):
    """An index that was checked here already: only the cheap checks are made when it is opened again."""
    Index.open(root).close()
    return root


def files(root):
    return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["CURRENT", "manifest.json", "catalog.sqlite", *ARRAY_FILES])
def test_every_flipped_byte_is_noticed(root, name):
    (path,) = root.rglob(name)
    content = path.read_bytes()
    step = max(1, len(content) // 200) | 1
    for at in range(0, len(content), step):
        for flip in (1, 0x80):
            changed = bytearray(content)
            changed[at] ^= flip
            path.write_bytes(changed)
            with pytest.raises((CorruptIndex, IncompatibleIndex)):
                Index.open(root, verify=True)
    path.write_bytes(content)
    Index.open(root, verify=True).close()


@pytest.mark.parametrize("name", ARRAY_FILES)
def test_headers_are_compared_even_in_a_trusted_index(trusted, name, monkeypatch):
    monkeypatch.setattr(index_module, "is_trusted", lambda *_: True)
    (path,) = trusted.rglob(name)
    content = path.read_bytes()
    for at in range(0, 128, 3):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(CorruptIndex, match="header"):
            Index.open(trusted)


def test_truncated_grown_and_missing_files_are_noticed(trusted, monkeypatch):
    monkeypatch.setattr(index_module, "is_trusted", lambda *_: True)
    for path in files(trusted):
        content = path.read_bytes()
        for changed in (content[:-1], content[: len(content) // 2], b"", content + b"\0"):
            path.write_bytes(changed)
            with pytest.raises(CorruptIndex):
                Index.open(trusted)
        path.unlink()
        with pytest.raises(CorruptIndex):
            Index.open(trusted)
        path.mkdir()
        with pytest.raises(NotFound if path.name == "CURRENT" else CorruptIndex):
            Index.open(trusted)
        path.rmdir()
        path.write_bytes(content)
    Index.open(trusted, verify=True).close()


@pytest.mark.parametrize(
    "pointer",
    [
        b"",
        b"gen-1",
        b"gen-0 " + b"0" * 64 + b"\n",
        b"../gen-1 " + b"0" * 64 + b"\n",
        b"\xff" * 80,
        b"gen-1 " + b"0" * 65,
    ],
)
def test_a_damaged_pointer_is_noticed(root, pointer):
    (root / "CURRENT").write_bytes(pointer)
    with pytest.raises(CorruptIndex, match="pointer to the current generation is damaged"):
        Index.open(root)


def test_a_pointer_to_another_generation_is_noticed(root):
    (root / "CURRENT").write_text((root / "CURRENT").read_text().replace("gen-1", "gen-7"))
    with pytest.raises(CorruptIndex, match="No such file"):
        Index.open(root)


def test_a_folder_that_cannot_be_listed_says_so(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(NotFound, match="cannot read: Permission denied"):
        Index.open(tmp_path)


def test_what_is_no_index_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    for path, message in (
        (tmp_path / "none", "no such index"),
        (tmp_path / "file", "an index is a folder, and this is a file"),
        (tmp_path, "this folder holds no lsr index"),
    ):
        with pytest.raises(NotFound, match=message) as caught:
            Index.open(path)
        assert caught.value.where == str(path)


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    made = value.copy()
    if len(path) == 1 and new is KeyError:
        del made[path[0]]
    else:
        made[path[0]] = replaced(value[path[0]], path[1:], new)
    return made


FINGERPRINTS = ("document_fingerprint", "query_fingerprint")
FREE = {"weight", "scale", "clipped", "mean_mass", "source", "settings", "name", "text_fields", *FINGERPRINTS}
"""Fields that may hold other values of their type without contradicting anything."""


def test_every_damaged_field_of_a_manifest_is_noticed(root):
    path = root / "gen-1" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    news = [None, True, -1, 2**70, 10**400, 1.5, float("nan"), float("inf"), "x", "", [], [1], {}, {"x": 1}, KeyError]
    for place in places(manifest):
        for new in news:
            if not place and new is KeyError:
                continue
            changed = replaced(manifest, place, new)
            if changed == manifest:
                continue
            path.write_text(json.dumps(changed))
            point(root)
            try:
                Index.open(root, verify=True).close()
            except (CorruptIndex, IncompatibleIndex):
                continue
            assert FREE & set(place), (place, new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(impacts="int4"), 'impacts are "int4"'),
        (lambda m: m.update(impacts="float32"), "float32 impacts have no scale"),
        (lambda m: m.update(segments=[]), "at least one term space and one segment"),
        (lambda m: m.update(spaces=[]), "at least one term space and one segment"),
        (
            lambda m: m["segments"].append({**m["segments"][0], "folder": "segment-1", "documents": 2**32 - 3}),
            "32 bits",
        ),
        (lambda m: m["catalog"].update(dtype="<u4"), "the catalog is not an array"),
        (lambda m: m["spaces"][1].update(base=5), "overlap another space"),
        (lambda m: m["spaces"][1].update(capacity=2**32), "overlap another space or the 32-bit limit"),
        (lambda m: m["spaces"][0].update(terms=7), "names more terms than it may have"),
        (lambda m: m["spaces"][0].update(scale=0.1), "at most 16 significant bits"),
        (lambda m: m["spaces"][0].update(scale=0), r"must be from 2\^-64 to 2\^32"),
        (lambda m: m["spaces"][0].update(scale=2.0**33), r"must be from 2\^-64 to 2\^32"),
        (lambda m: m["spaces"][0].update(weight=1e300), 'the weight of space "words" must be 0, or from 1e-6 to 1e6'),
        (lambda m: m["spaces"][0].update(weight=1e-7), "must be 0, or from 1e-6 to 1e6"),
        (lambda m: m["spaces"][0].update(name="bm25"), "two term spaces have the same name"),
        (lambda m: m["segments"][0].update(folder="../segment-0"), 'expected "segment-0"'),
        (lambda m: m["segments"][0]["files"].pop("terms"), "must have exactly the arrays"),
        (lambda m: m["segments"][0]["files"]["terms"].update(dtype="<i4"), "must have exactly the arrays"),
        (lambda m: m["segments"][0].update(postings=3), "postings, and the manifest says 3"),
        (lambda m: m["segments"][0]["files"]["list_starts"].update(length=3), "a size that does not fit its length"),
        (lambda m: m["segments"][0]["files"]["tops"].update(length=None), "an array without a length"),
        (lambda m: m["segments"][0]["files"]["terms"].update(bytes=0), "a size that does not fit its length"),
        (lambda m: m["spaces"][0].update(capacity=1, terms=1), "a term id belongs to no term space"),
        (lambda m: m["segments"][0].update(documents=321), "the catalog has other documents"),
        (lambda m: m["spaces"][0].update(terms=5), "the catalog has other terms"),
        (lambda m: m["spaces"][0].update(clipped="1"), 'field "clipped" is missing or wrong'),
    ],
)
def test_contradictions_in_a_manifest_are_named(root, change, message):
    edit_manifest(root, change)
    with pytest.raises(CorruptIndex, match=message):
        Index.open(root)


def test_a_manifest_that_is_no_json_is_noticed(root):
    for content in (b"", b"{", b"[" * 100_000, b"\xff\xfe", b"[]", b"1"):
        (root / "gen-1" / "manifest.json").write_bytes(content)
        point(root)
        with pytest.raises(CorruptIndex, match=r"not valid JSON|expected an object"):
            Index.open(root)


@pytest.mark.parametrize("version", [0, 2, 10**6])
def test_another_format_version_is_told_from_damage(root, version):
    edit_manifest(root, lambda m: (m.clear(), m.update(format=version, something="else")))
    with pytest.raises(IncompatibleIndex, match=f"format version {version}") as caught:
        Index.open(root)
    assert "build the index again" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("rare_documents", lambda a: a.__setitem__(-1, 320), "names a document that does not exist"),
        ("rare_documents", lambda a: a.__setitem__(-1, 2**32 - 1), "names a document that does not exist"),
        ("rare_levels", lambda a: a.__setitem__(0, 0), "a level is 0"),
        ("rare_starts", lambda a: a.__setitem__(0, 1), "list starts do not ascend"),
        ("rare_starts", lambda a: a.__setitem__(1, 2**40), "list starts do not ascend"),
        ("rare_starts", lambda a: a.__setitem__(1, -5), "list starts do not ascend"),
        ("rare_starts", lambda a: a.__setitem__(-1, 2**62), "list starts do not ascend"),
        ("rare_starts", lambda a: a.__setitem__(1, 0), "list starts do not ascend"),
        ("list_starts", lambda a: a.__setitem__(1, a[1] + 1), "list starts do not ascend"),
        ("list_levels", lambda a: a.__setitem__(0, 0), "a level is 0"),
        ("list_offsets", lambda a: a.__setitem__(-1, 320), "names a document that does not exist"),
        ("list_offsets", lambda a: a.__setitem__(-1, 2**16 - 1), "larger than a window"),
        ("list_offsets", lambda a: a.__setitem__(1, a[0]), "offsets are not ascending inside a window"),
        ("list_borders", lambda a: a.__setitem__(0, 1), "window borders do not ascend"),
        ("list_borders", lambda a: a.__setitem__(1, a[1] - 1), "window borders do not ascend"),
        ("list_borders", lambda a: a.__setitem__(1, 2**32 - 1), "window borders do not ascend"),
        ("columns", lambda a: a.__setitem__(-1, 1), "a column is not padded with zeros"),
        ("columns", lambda a: a.__setitem__(slice(0, 512), 0), "a column holds no posting"),
        ("columns", lambda a: a.__setitem__(7, 0), "postings, and the manifest says"),
        ("tops", lambda a: a.__setitem__(0, a[0] - 1), "a highest level is not that of its list"),
        ("tops", lambda a: a.__setitem__(-1, a[-1] - 1), "a highest level is not that of its list"),
        ("slots", lambda a: a.__setitem__(0, 3 << 30), "a slot names a container that does not exist"),
        ("slots", lambda a: a.__setitem__(0, 1), "rows are not counted in term order"),
        ("terms", lambda a: a.__setitem__(slice(0, 2), a[1::-1].copy()), "term ids are not ascending"),
        ("terms", lambda a: a.__setitem__(1, a[0]), "term ids are not ascending"),
    ],
)
def test_a_forged_array_with_right_checksums_is_refused(root, name, change, message):
    forge_array(root, name, change)
    with pytest.raises(CorruptIndex, match=message) as caught:
        Index.open(root)
    assert f"{name}.npy" in caught.value.where or "the manifest says" in caught.value.message


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0, 2.0**33])
def test_forged_float_impacts_are_refused(tmp_path, value):
    vectors = SparseVectors([0, 2], [0, 1], [1.0, 2.0])
    write_index(tmp_path / "x", [segment_of(vectors, "float32")], [space()], impacts="float32")
    Index.open(tmp_path / "x").close()
    forge_array(tmp_path / "x", "impacts", lambda a: a.__setitem__(0, value))
    with pytest.raises(CorruptIndex, match="an impact is not a positive number up to 4294967296"):
        Index.open(tmp_path / "x")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE document SET number = 999 WHERE number = 3", "other documents"),
        ("DELETE FROM document WHERE number = 3", "other documents"),
        ("UPDATE document SET fields = '{' WHERE number = 1", r"not a JSON object|can't be read"),
        ("UPDATE document SET fields = '[]' WHERE number = 1", "not a JSON object"),
        ("DELETE FROM term WHERE token = 'apple'", "other terms"),
        ("UPDATE term SET space = 2 WHERE space = 1", "other terms"),
        ("UPDATE term SET id = 6 WHERE token = 'fig'", "an id or a count out of range"),
        ("UPDATE term SET id = -1 WHERE token = 'fig'", "an id or a count out of range"),
        ("UPDATE term SET documents = 500 WHERE token = 'w1'", "an id or a count out of range"),
        ("DROP INDEX document_id", "other tables"),
        ("CREATE VIEW more AS SELECT 1", "other tables"),
        ("ALTER TABLE term RENAME TO other", "other tables"),
    ],
)
def test_a_forged_catalog_with_a_right_checksum_is_refused(root, statement, message):
    path = root / "gen-1" / "catalog.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    entry = file_entry(path)
    edit_manifest(root, lambda m: m["catalog"].update(bytes=entry.bytes, sha256=entry.sha256))
    with pytest.raises(CorruptIndex, match=message):
        Index.open(root)


def test_a_file_that_is_no_catalog_is_refused(root):
    path = root / "gen-1" / "catalog.sqlite"
    path.write_bytes(b"not a database" * 100)
    entry = file_entry(path)
    edit_manifest(root, lambda m: m["catalog"].update(bytes=entry.bytes, sha256=entry.sha256))
    with pytest.raises(CorruptIndex, match="the catalog can't be read"):
        Index.open(root)


def test_an_index_that_is_replaced_while_it_is_opened_is_opened_anew(root, monkeypatch):
    real = index_module.open_segment

    def slow(*arguments, **options):
        monkeypatch.setattr(index_module, "open_segment", real)
        build(root, DOCUMENTS[:1], word_encoder(), BuildOptions(force=True))
        return real(*arguments, **options)

    monkeypatch.setattr(index_module, "open_segment", slow)
    with Index.open(root) as index:
        assert (index.generation, len(index)) == ("gen-2", 1)


@pytest.mark.parametrize("at", range(4))
def test_a_catalog_that_vanishes_between_two_looks_is_damage(root, monkeypatch, at):
    """As when a writer replaces the generation: only this error makes the reader try again."""
    catalog, real, looks = root / "gen-1" / "catalog.sqlite", Path.stat, itertools.count()

    def vanishing(path, **options):
        if path == catalog and next(looks) == at:
            raise FileNotFoundError(2, "No such file or directory")
        return real(path, **options)

    monkeypatch.setattr(Path, "stat", vanishing)
    try:
        Index.open(root).close()
    except CorruptIndex as error:
        assert "the catalog is missing" in error.message
    assert next(looks) > 1


def test_a_missing_row_is_reported_when_it_is_asked_for(root):
    with Index.open(root) as index, pytest.raises(CorruptIndex, match="document number 999 is not in the catalog"):
        index.external_ids([999])


def test_every_error_of_opening_is_one_of_ours(root):
    """Random damage, several files at once."""
    random = np.random.default_rng(3)
    originals = {path: path.read_bytes() for path in files(root)}
    for _ in range(150):
        for path in random.choice(list(originals), 2, replace=False):
            content = bytearray(originals[path])
            start = int(random.integers(0, len(content)))
            content[start : start + int(random.integers(1, 40))] = random.bytes(int(random.integers(0, 40)))
            path.write_bytes(content)
        with contextlib.suppress(LsrError):
            Index.open(root).close()
        for path, content in originals.items():
            path.write_bytes(content)


def test_an_index_without_a_posting_is_sound(tmp_path):
    empty = SparseVectors.from_rows([([], [])] * 3)
    write_index(tmp_path / "x", [segment_of(empty)], [space()])
    with Index.open(tmp_path / "x") as index:
        assert (len(index), index.manifest.postings, index.segments[0].impact(7, 1)) == (3, 0, 0.0)


@pytest.mark.parametrize(("fields", "message"), [("{", "not valid JSON"), ("[]", "not a JSON object")])
def test_stored_fields_that_went_bad_after_the_check_are_reported(root, monkeypatch, fields, message):
    path = root / "gen-1" / "catalog.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE document SET fields = ? WHERE number = 1", (fields,))
    connection.close()
    monkeypatch.setattr(index_module, "is_trusted", lambda *_: True)
    with Index.open(root) as index:
        assert index.catalog.fields([0]) == [{"text": "apple banana w0 often"}]
        with pytest.raises(CorruptIndex, match=message):
            index.catalog.fields([0, 1])
