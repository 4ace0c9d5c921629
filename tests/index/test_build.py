import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from toy import WORDS, folder_bytes, word_encoder

from lsr.documents import WEIGHT_LIMIT, Document
from lsr.encoders.base import BlendedEncoder
from lsr.encoders.bm25 import load_bm25
from lsr.errors import BadInput, BadModel, CorruptIndex, NotFound, Refused, UsageError
from lsr.index import builder, intake
from lsr.index.index import Index
from lsr.search.engine import Engine
from lsr.searcher import Searcher
from lsr.sources import open_documents
from lsr.vectors import SparseVectors, TokenTable

DOCUMENTS = [
    {"_id": "a", "title": "Apple", "text": "banana banana", "url": "u"},
    {"_id": "b", "text": "cherry"},
    {"_id": "c", "text": "nothing known"},
]

READY = {"encoder": None}


def stored(index):
    """Impacts by document number and term id, as weights."""
    found = [{} for _ in range(len(index))]
    for segment in index.segments:
        for term in segment.terms.tolist():
            _, space = index.space_of(term)
            for number in range(segment.size):
                value = segment.impact(term, number)
                if value:
                    found[segment.first + number][term] = value * space.scale
    return found


def test_mappings_become_an_index_that_says_what_it_holds(tmp_path):
    done = []
    with Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder(), progress=done.append) as index:
        assert len(index) == 3
        assert stored(index) == [{0: 1.0, 1: 2.0}, {2: 1.0}, {}]
        assert index.external_ids([2, 0]) == ["c", "a"]
        assert index.catalog.fields([0]) == [{"title": "Apple", "text": "banana banana", "url": "u"}]
        assert index.catalog.number("b") == 1
        assert index.catalog.number("z") is None
        assert index.manifest.text_fields == ("title", "text")
        assert repr(index) == f"Index({str(tmp_path / 'x')!r}, 3 documents, words)"
        words = index.vocabularies[0]
        assert (words.find("cherry"), words.token(2), words.lookup("banana"), len(words)) == (2, "cherry", (1, 1), 6)
    assert done[-1] == 3
    assert sorted(p.name for p in (tmp_path / "x").iterdir()) == ["CURRENT", "gen-1"]


def test_documents_of_any_iterable_give_the_same_bytes(tmp_path):
    made = [Document(d["_id"], f"{d.get('title', '')} {d['text']}".strip(), {k: d[k] for k in d if k != "_id"})
            for d in DOCUMENTS]  # fmt: skip
    for name, documents in (("x", DOCUMENTS), ("y", (d for d in DOCUMENTS)), ("z", made)):
        Index.build(tmp_path / name, documents, encoder=word_encoder()).close()
    contents = [(tmp_path / name / "CURRENT").read_bytes() for name in "xyz"]
    assert contents[0] == contents[1] == contents[2]


@pytest.mark.parametrize("impacts", ["uint8", "float32"])
def test_impact_types(tmp_path, impacts):
    vectors = SparseVectors([0, 2, 3], [5, 6, 5], [0.1, 3.0, 0.001])
    with Index.build(tmp_path / "x", vectors, impacts=impacts) as index:
        scale = index.manifest.spaces[0].scale
        if impacts == "float32":
            assert scale == 1.0
            assert stored(index) == [{5: float(np.float32(0.1)), 6: 3.0}, {5: float(np.float32(0.001))}]
        else:
            assert stored(index) == [{5: round(0.1 / scale) * scale, 6: 255 * scale}, {}]
            assert index.manifest.postings == 2


def test_ready_vectors_have_row_numbers_as_ids(tmp_path):
    with Index.build(tmp_path / "x", SparseVectors([0, 1, 1], [2**32 - 1], [1.0])) as index:
        assert index.external_ids([0, 1]) == ["0", "1"]
        assert stored(index) == [{2**32 - 1: 1.0}, {}]
        assert len(index.vocabularies[0]) == 0
        assert index.vocabularies[0].token(2**32 - 1) is None


def test_ready_vectors_keep_ids_names_and_the_model_that_made_them(tmp_path):
    vocabulary = TokenTable(["p", "q"])
    vectors = SparseVectors([0, 1, 3], [1, 0, 7], [1, 2, 3], vocabulary=vocabulary, fingerprint="f" * 32)
    with Index.build(tmp_path / "x", vectors, ids=np.array([10, 20])) as index:
        assert index.external_ids([0, 1]) == ["10", "20"]
        assert [index.vocabularies[0].lookup(token) for token in ("p", "q")] == [(0, 1), (1, 1)]
        assert index.manifest.spaces[0].document_fingerprint == "f" * 32


def test_a_vocabulary_with_holes_names_only_what_has_a_name(tmp_path):
    class Holes(TokenTable):
        def token(self, term):
            return None if term == 1 else super().token(term)

    vectors = SparseVectors([0, 1], [1], [1.0], vocabulary=Holes(["p", "q", "r"]))
    with Index.build(tmp_path / "x", vectors) as index:
        assert (len(index.vocabularies[0]), index.vocabularies[0].token(1)) == (2, None)
        Index.open(tmp_path / "x", verify=True).close()


def test_documents_with_vectors_need_no_encoder(tmp_path):
    documents = [{"id": 1, "vector": {"x\ny": 1.0, "": 2.0}, "text": "kept"}, {"id": 2, "vector": {}}]
    with Index.build(tmp_path / "x", documents, encoder=None) as index:
        assert stored(index) == [{0: 1.0, 1: 2.0}, {}]
        assert index.vocabularies[0].token(0) == "x\ny"
        assert index.vocabularies[0].find("") == 1
        assert index.catalog.fields([0]) == [{"text": "kept"}]
        assert index.manifest.text_fields is None


def test_an_object_of_weights_beside_a_text_says_how_to_index_it(tmp_path):
    with pytest.raises(BadInput, match="an encoder is to encode its text") as caught:
        Index.build(tmp_path / "x", [{"id": "1", "text": "a", "vector": {"x": 1}}])
    assert "pass encoder=None" in caught.value.hint


@pytest.mark.parametrize("vector", [[0.1, 0.2], "base64", None])
def test_a_dense_vector_is_a_field_like_any_other(tmp_path, vector):
    with Index.build(tmp_path / "x", [{"id": "1", "text": "apple", "vector": vector}], encoder=word_encoder()) as index:
        assert stored(index) == [{0: 1.0}]
        assert index.catalog.fields([0]) == [{"text": "apple", "vector": vector}]


def test_a_dense_vector_is_no_ready_vector(tmp_path):
    with pytest.raises(BadInput, match="must be an object of token and weight, not a list") as caught:
        Index.build(tmp_path / "x", [{"id": "1", "text": "apple", "vector": [0.1]}], encoder=None)
    assert caught.value.where == "document 0"


@pytest.mark.parametrize("names", ["xy", "yx"])
def test_vectors_over_several_growing_vocabularies_keep_all_their_names(tmp_path, names):
    encoder = BlendedEncoder(tuple(replace(load_bm25(language="none"), name=name) for name in names))
    vectors = encoder.encode_documents(["apple pie", "pie"])
    with Index.build(tmp_path / "x", vectors) as index:
        words = index.vocabularies[0]
        assert [words.lookup(f"{name}:pie") for name in names] == [(1, 2), (2**31 + 1, 2)]
        assert len(words) == 4
        (hit,) = Searcher(index).search_vector([f"{names[1]}:apple"], [1.0])
        assert hit.id == "0"


def test_what_a_source_has_checked_is_not_checked_again(tmp_path, monkeypatch):
    (tmp_path / "d.jsonl").write_text('{"id": "a", "vector": {"x": 1}}\n{"id": "b", "vector": {"x": 1, "y": 2}}\n')
    np.savez(tmp_path / "v.npz", indptr=[0, 1], terms=[1], weights=[1.0], ids=["x"])
    texts, arrays = open_documents(tmp_path / "d.jsonl"), open_documents(tmp_path / "v.npz")

    def again(*_):
        raise AssertionError

    for name in ("checked_vector", "checked_identifier", "SeenIdentifiers", "unique_identifiers"):
        monkeypatch.setattr(intake, name, again)
    with Index.build(tmp_path / "x", texts, encoder=None) as index:
        assert stored(index) == [{0: 1.0}, {0: 1.0, 1: 2.0}]
    with Index.build(tmp_path / "y", arrays.vectors, ids=arrays.ids) as index:
        assert index.external_ids([0]) == ["x"]


def test_documents_of_two_sources_may_not_share_an_identifier(tmp_path):
    (tmp_path / "d.tsv").write_text("a\tapple\n")
    both = chain(open_documents(tmp_path / "d.tsv"), open_documents(tmp_path / "d.tsv"))
    with pytest.raises(BadInput, match="duplicate id 'a': document 0 has it already") as caught:
        Index.build(tmp_path / "x", both, encoder=word_encoder())
    assert caught.value.where == f"{tmp_path}/d.tsv:1"


def test_a_blend_has_one_range_of_term_ids_for_each_space(tmp_path):
    encoder = BlendedEncoder((load_bm25(language="none"), word_encoder("one"), word_encoder("two", step=0.5)))
    with Index.build(tmp_path / "x", DOCUMENTS, encoder=encoder) as index:
        spaces = index.manifest.spaces
        assert [(space.name, space.base) for space in spaces] == [("one", 0), ("two", 6), ("bm25", 12)]
        assert spaces[2].base + spaces[2].capacity == 2**32
        assert [space.weight for space in spaces] == [1.0, 1.0, 1.5]
        assert spaces[2].mean_mass == 2.0
        rows = stored(index)
        assert rows[1][2] == 1.0
        assert rows[1][8] == pytest.approx(0.5, rel=0.01)
        assert set(rows[2]) == {15, 16}
        assert [index.vocabularies[2].token(i) for i in range(5)] == ["apple", "banana", "cherry", "nothing", "known"]
        assert index.space_of(7)[1].name == "two"


def test_an_encoder_that_has_seen_another_collection_gives_the_same_index(tmp_path):
    used = load_bm25()
    used.encode_documents(["some other words", "cherry pie"])
    Index.build(tmp_path / "x", DOCUMENTS, encoder=load_bm25()).close()
    Index.build(tmp_path / "y", DOCUMENTS, encoder=used).close()
    blended = BlendedEncoder((used,))
    Index.build(tmp_path / "z", DOCUMENTS, encoder=blended).close()
    pointers = {(tmp_path / name / "CURRENT").read_bytes() for name in "xyz"}
    assert len(pointers) == 1


def test_an_encoder_can_be_named(tmp_path):
    with Index.build(tmp_path / "x", DOCUMENTS, encoder="bm25") as index:
        assert [space.source for space in index.manifest.spaces] == ["bm25"]


@pytest.mark.parametrize(
    ("documents", "message", "where"),
    [
        ([], "there are no documents", None),
        (
            [{"id": "1", "text": "a"}, {"id": "1", "text": "b"}],
            "duplicate id '1': document 0 has it already",
            "document 1",
        ),
        (
            [{"id": "1", "text": "a"}, {"id": 1, "text": "b"}],
            "duplicate id '1': document 0 has it already",
            "document 1",
        ),
        ([{"id": "1", "text": "a", "vector": {"x": 1}}], "carries a ready vector, and an encoder", "document 0"),
        ([{"id": "1", "vector": {"x": float("nan")}}], "token 'x' is nan", "document 0"),
        ([{"id": "1", "text": "a"}, {"id": "2", "text": 5}], "must be a string", "document 1"),
        ([{"id": "1", "text": "a", "when": {1, 2}}], "can't be stored as JSON", "document 0"),
        ([{"id": "1", "text": "a", "n": float("nan")}], "can't be stored as JSON", "document 0"),
        ([{"id": "1", "text": "a", "n": {("t",): 1}}], "can't be stored as JSON", "document 0"),
        ([{"id": "1", "text": "a", "n": "\ud800"}], "can't be stored as JSON", "document 0"),
        ([{"id": "1", "text": "a \udc80"}], "can't be stored as JSON", "document 0"),
        ([Document("1", 5)], "the text must be a string", "document 0"),
        ([Document("", "a", where="file:9")], "not an empty one", "file:9"),
        ([Document("1", "a", ["not", "a", "dict"])], "fields must be a dict", "document 0"),
        ([5], "must be an object with fields, not a number", "document 0"),
    ],
)
def test_bad_documents_are_refused_by_name_and_leave_nothing(tmp_path, documents, message, where):
    with pytest.raises(BadInput, match=message) as caught:
        Index.build(tmp_path / "x", documents, encoder=word_encoder())
    assert caught.value.where == where
    assert list(tmp_path.iterdir()) == []


def test_a_field_that_holds_itself_is_refused(tmp_path):
    endless = []
    endless.append(endless)
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for value in (endless, deep):
        with pytest.raises(BadInput, match="can't be stored as JSON"):
            Index.build(tmp_path / "x", [{"id": "1", "text": "a", "n": value}], encoder=word_encoder())


@pytest.mark.parametrize(
    ("documents", "arguments", "error", "message"),
    [
        ([{"id": "1", "text": "a"}], {"impacts": "int4"}, UsageError, "unknown impacts 'int4'"),
        ([{"id": "1", "text": "a"}], {"ids": ["1"]}, UsageError, "ids belong to SparseVectors"),
        (
            [{"id": "1", "text": "a"}],
            {"text_fields": "text"},
            UsageError,
            "text fields must be a list of names",
        ),
        ([{"id": "1", "text": "a"}], {"encoder": None}, BadInput, "no vector, and no encoder was given"),
        ({"id": "1", "text": "a"}, {}, UsageError, "not a single dict"),
        ("corpus.jsonl", {}, UsageError, "not a single str"),
        (None, {}, UsageError, "not a single NoneType"),
        (SparseVectors([0, 1], [1], [1]), {}, UsageError, "encoder means nothing for vectors"),
        (SparseVectors([0, 1], [1], [1]), {"encoder": "bm25"}, UsageError, "encoder means nothing for vectors"),
        (SparseVectors([0, 1], [1], [1]), {**READY, "text_fields": ["a"]}, UsageError, "text_fields means nothing"),
        (SparseVectors([0, 1], [1], [1]), {**READY, "resume": True}, UsageError, "resume means nothing"),
        (SparseVectors.from_rows([]), READY, BadInput, "there are no documents"),
        (SparseVectors([0, 1], [1], [1]), {**READY, "ids": ["a", "b"]}, BadInput, "2 ids for 1 vectors"),
        (SparseVectors([0, 1], [1], [1]), {**READY, "ids": [None]}, BadInput, "not null"),
        (
            SparseVectors([0, 1, 1], [1], [1]),
            {**READY, "ids": ["a", "a"]},
            BadInput,
            r"ids: duplicate id 'a': ids\[0\] and ids\[1\]",
        ),
        (
            SparseVectors([0, 1], [1], [1], vocabulary=TokenTable(["x", "x"])),
            READY,
            BadInput,
            "two terms of a vocabulary have the same token",
        ),
        (
            SparseVectors([0, 1], [0], [1], vocabulary=TokenTable(["\ud800"])),
            READY,
            BadInput,
            "an id, a field or a token can't be stored",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused_and_leave_nothing(tmp_path, documents, arguments, error, message):
    with pytest.raises(error, match=message):
        Index.build(tmp_path / "x", documents, **{"encoder": word_encoder(), **arguments})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("weight", [np.nan, np.inf, 0.0, -1.0, 2.0**33])
def test_an_encoder_with_impossible_weights_is_refused(tmp_path, weight):
    encoder = word_encoder()
    broken = SparseVectors.trusted(np.array([0, 1]), np.array([0], np.uint32), np.array([weight], np.float32))
    encoder.document.encode = lambda texts: broken
    with pytest.raises(BadModel, match="not a positive number up to 4294967296") as caught:
        Index.build(tmp_path / "x", [{"id": "1", "text": "a"}], encoder=encoder)
    assert caught.value.where == "words"
    assert not (tmp_path / "x").exists()


def test_a_folder_with_other_things_is_refused_and_untouched(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(Refused, match=r"holds no lsr index \('notes.txt'"):
            Index.build(tmp_path, DOCUMENTS, encoder=word_encoder(), force=force)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(Refused, match="a file of that name exists"):
        Index.build(tmp_path / "notes.txt", DOCUMENTS, encoder=word_encoder())


FOREIGN = {
    "the database of another program": {"CURRENT": "MANIFEST-000004\n", "MANIFEST-000004": "x", "000003.log": "x"},
    "an empty CURRENT": {"CURRENT": ""},
    "checkpoints of a model": {"gen-1/model.safetensors": "x", "gen-2/model.safetensors": "x"},
    "checkpoints with manifests": {"gen-1/manifest.json": '{"format": "pt"}', "gen-1/weights": "x"},
    "no manifest but a list": {"gen-1/manifest.json": "[]"},
    "another .build": {".build/debug.yaml": "x"},
    "a file called .build": {".build": "x"},
    "a file called gen-1": {"gen-1": "x"},
}


def lay_out(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


@pytest.mark.parametrize("files", FOREIGN.values(), ids=FOREIGN)
def test_a_folder_of_another_program_is_never_taken_for_an_index(tmp_path, files):
    lay_out(tmp_path, files)
    before = folder_bytes(tmp_path)
    for options in ({}, {"force": True}, {"resume": True}, {"force": True, "resume": True}):
        with pytest.raises(Refused, match="holds no lsr index"):
            Index.build(tmp_path, DOCUMENTS, encoder=word_encoder(), **options)
    assert folder_bytes(tmp_path) == before
    with pytest.raises(NotFound, match="this folder holds no lsr index"):
        Index.open(tmp_path)


@pytest.mark.parametrize("pointer", [True, False])
def test_what_others_put_beside_an_index_is_left_alone(tmp_path, pointer):
    root = tmp_path / "x"
    Index.build(root, DOCUMENTS, encoder=word_encoder()).close()
    if not pointer:
        (root / "CURRENT").unlink()
    foreign = {"notes.txt": "mine", "gen-7/model.safetensors": "x", "gen-9": "x"}
    lay_out(root, foreign)
    with Index.build(root, DOCUMENTS, encoder=word_encoder(), force=True) as index:
        assert index.generation == "gen-10"
    assert {name: (root / name).read_text() for name in foreign} == foreign
    assert sorted(path.name for path in root.iterdir()) == ["CURRENT", "gen-10", "gen-7", "gen-9", "notes.txt"]


def test_a_foreign_work_folder_beside_an_index_is_refused(tmp_path):
    Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder()).close()
    lay_out(tmp_path / "x", {".build/debug.yaml": "mine"})
    with pytest.raises(Refused, match="another program's") as caught:
        Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder(), force=True)
    assert caught.value.where == str(tmp_path / "x" / ".build")
    assert (tmp_path / "x" / ".build" / "debug.yaml").read_text() == "mine"


@pytest.mark.parametrize("left", [[], ["manifest.json"], ["manifest.json", "catalog.sqlite"]])
def test_a_generation_whose_removal_was_interrupted_is_removed_later(tmp_path, left):
    Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder()).close()
    shutil.copytree(tmp_path / "x" / "gen-1", tmp_path / "x" / "gen-2")
    for entry in (tmp_path / "x" / "gen-2").iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name not in left:
            entry.unlink()
    Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder(), force=True).close()
    assert len(list((tmp_path / "x").glob("gen-*"))) == 1


def test_an_index_with_a_damaged_manifest_is_replaced_as_a_whole(tmp_path):
    Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder()).close()
    (tmp_path / "x" / "gen-1" / "manifest.json").write_text("{")
    Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder(), force=True).close()
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["CURRENT", "gen-2"]


def test_an_empty_folder_is_taken_and_given_back_empty(tmp_path):
    with pytest.raises(BadInput):
        Index.build(tmp_path, [], encoder=word_encoder())
    assert list(tmp_path.iterdir()) == []
    Index.build(tmp_path, DOCUMENTS, encoder=word_encoder()).close()


def test_an_index_is_replaced_only_by_force_and_open_readers_go_on(tmp_path):
    old = Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder())
    for resume in (False, True):
        with pytest.raises(Refused, match="an index stands here already"):
            Index.build(tmp_path / "x", DOCUMENTS[:1], encoder=word_encoder(), resume=resume)
    new = Index.build(tmp_path / "x", DOCUMENTS[:1], encoder=word_encoder(), force=True)
    assert (len(new), new.generation) == (1, "gen-2")
    assert sorted(p.name for p in (tmp_path / "x").iterdir()) == ["CURRENT", "gen-2"]
    assert stored(old)[1] == {2: 1.0}
    assert old.external_ids([2]) == ["c"]
    assert old.catalog.fields([0])[0]["url"] == "u"


def test_a_damaged_index_can_be_replaced_by_force(tmp_path):
    Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder()).close()
    for damage, message in (
        (lambda p: p.write_text("junk"), "an index stands here already"),
        (Path.unlink, "a damaged index stands here already: its file CURRENT is missing"),
    ):
        damage(tmp_path / "x" / "CURRENT")
        with pytest.raises(CorruptIndex, match="current generation"):
            Index.open(tmp_path / "x")
        for resume in (False, True):
            with pytest.raises(Refused, match=message) as caught:
                Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder(), resume=resume)
            assert "--force" in caught.value.hint
        Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder(), force=True).close()
        current, generation = sorted(p.name for p in (tmp_path / "x").iterdir())
        assert current == "CURRENT" and generation.startswith("gen-")


def test_a_folder_that_another_process_writes_is_refused(tmp_path):
    Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder()).close()
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from lsr.index.files import exclusive\n"
            "with exclusive(pathlib.Path(sys.argv[1])):\n print('held', flush=True); sys.stdin.read()",
            str(tmp_path / "x"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Refused, match="another process is writing this index"):
            Index.build(tmp_path / "x", DOCUMENTS[:1], encoder=word_encoder(), force=True)
    finally:
        holder.communicate(timeout=30)
    with Index.build(tmp_path / "x", DOCUMENTS[:1], encoder=word_encoder(), force=True) as index:
        assert len(index) == 1


def test_a_closed_index_says_so(tmp_path):
    index = Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder())
    index.check_open()
    catalog = index.catalog
    index.close()
    index.close()
    for ask in (
        index.check_open,
        index.__enter__,
        lambda: index.segments,
        lambda: index.catalog,
        lambda: index.external_ids([0]),
        lambda: index.vocabularies[0].find("cherry"),
        lambda: catalog.fields([0]),
    ):
        with pytest.raises(UsageError, match="the index is closed") as caught:
            ask()
        assert str(tmp_path / "x") in caught.value.where
    assert len(index) == 3


def test_a_duplicate_is_found_before_its_shard_is_encoded_and_without_keeping_identifiers(tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "SHARD_DOCUMENTS", 2)
    encoder = word_encoder()
    stream = ({"id": str(i % 5), "text": "apple"} for i in range(10**9))
    with pytest.raises(BadInput, match="duplicate id '0': document 0 has it already") as caught:
        Index.build(tmp_path / "x", stream, encoder=encoder)
    assert caught.value.where == "document 5"
    assert encoder.document.texts == 4


@pytest.mark.parametrize("weight", [1e300, 1e-7, -1.0, float("nan")])
def test_an_encoder_whose_weight_no_index_may_have_is_refused(tmp_path, weight):
    with pytest.raises(UsageError, match="it must be 0, or a number from 1e-6 to 1e6") as caught:
        Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder(weight=weight))
    assert caught.value.where == "words"
    assert not (tmp_path / "x").exists()


def test_weights_too_small_for_levels_are_refused_and_not_silently_dropped(tmp_path):
    vectors = SparseVectors([0, 1], [1], [1e-30])
    with pytest.raises(BadInput, match="the largest weight is 1e-30, which is too small") as caught:
        Index.build(tmp_path / "x", vectors)
    assert caught.value.where == "vectors"
    assert not (tmp_path / "x").exists()
    with Index.build(tmp_path / "x", vectors, impacts="float32") as index:
        assert index.manifest.postings == 1


def test_the_scale_of_bm25_does_not_depend_on_the_collection(tmp_path):
    collections = (DOCUMENTS, [{"id": "1", "text": "apple " * 500}], [{"id": "1", "text": "the"}])
    scales = set()
    for number, documents in enumerate(collections):
        with Index.build(tmp_path / str(number), documents, encoder=load_bm25(k1=number)) as index:
            scales.add(index.manifest.spaces[0].scale)
            assert index.manifest.spaces[0].clipped == 0
    (scale,) = scales
    assert 1 / 255 <= scale < 1 / 255 * (1 + 2**-15)


def test_the_largest_scores_are_finite(tmp_path):
    vectors = SparseVectors([0, 1000], np.arange(1000), np.full(1000, WEIGHT_LIMIT))
    for impacts in ("uint8", "float32"):
        with Index.build(tmp_path / impacts, vectors, impacts=impacts) as index:
            engine = Engine(index.segments, index.manifest.spaces, "portable")
            queries = SparseVectors.trusted(vectors.indptr, vectors.terms, vectors.weights * np.float32(1e6))
            assert np.isfinite(engine.search(queries, 1).scores[0, 0])


def test_names_that_cannot_be_stored_are_simply_not_found(tmp_path):
    with Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder()) as index:
        assert index.catalog.number("\ud800") is None
        assert index.vocabularies[0].find("\ud800") is None


def test_a_vocabulary_forgets_when_it_has_remembered_much(tmp_path, monkeypatch):
    monkeypatch.setattr("lsr.index.catalog._REMEMBERED_TOKENS", 2)
    with Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder()) as index:
        for _ in range(2):
            assert [index.vocabularies[0].find(word) for word in WORDS] == list(range(6))


def test_more_documents_than_one_catalog_query_takes(tmp_path):
    with Index.build(tmp_path / "x", SparseVectors.from_rows([([1], [1])] * 1203)) as index:
        numbers = list(reversed(range(1203)))
        assert index.external_ids(numbers) == [str(number) for number in numbers]


@pytest.mark.parametrize(
    ("documents", "arguments"),
    [
        ([{"id": "1", "text": "apple"}], {"encoder": 5}),
        (SparseVectors([0, 1, 2], [1, 2], [1.0, 1.0]), {"ids": "ab"}),
        (SparseVectors([0, 1, 2], [1, 2], [1.0, 1.0]), {"ids": 5}),
    ],
)
def test_arguments_of_another_kind_are_usage_errors(tmp_path, documents, arguments):
    with pytest.raises(UsageError):
        Index.build(tmp_path / "x", documents, **arguments)
    assert not (tmp_path / "x").exists()
