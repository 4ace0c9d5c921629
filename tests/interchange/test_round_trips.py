import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interchange_samples import SCALES, blend, hits, ready, weights
from toy import segment_of, space, write_index

from lsr.errors import NotFound, Refused, UsageError
from lsr.index.index import Index
from lsr.interchange import export_index, import_index
from lsr.interchange.rows import document_ranges
from lsr.vectors import SparseVectors

QUERIES = (
    {"words:w01é": 1.5, "words:w17é": 0.25, "ids:31": 2.0},
    {"words:w00é": 1.0, "words:w39é": 3.5, "ids:0": 0.125, "ids:899": 1.0, "ids:62": 0.7},
)
FILES = {"ciff": "v.ciff", "ciff.gz": "v.ciff.gz", "npz": "v.npz", "anserini": "v.jsonl", "gz": "v.jsonl.gz"}


@pytest.mark.parametrize("name", FILES.values())
@pytest.mark.parametrize("impacts", ["uint8", "float32"])
def test_an_index_of_several_spaces_comes_back_with_the_same_weights_and_hits(tmp_path, name, impacts):
    with blend(tmp_path / "a.idx", impacts=impacts) as index:
        export_index(index, tmp_path / name)
        chosen = "float32" if "jsonl" in name else None  # one scale for both spaces would round
        with import_index(tmp_path / name, tmp_path / "b.idx", impacts=chosen) as back:
            assert weights(back)[0] == weights(index)[0]
            assert list(weights(back)[0]) == list(weights(index)[0])
            for query in QUERIES:
                assert hits(back, query) == hits(index, query)
            if chosen is None:
                assert back.manifest.impacts == impacts
                assert weights(back)[1] == weights(index)[1]
                assert [(s.name, s.scale, s.weight, s.clipped) for s in back.manifest.spaces] == [
                    (s.name, s.scale, s.weight, 0) for s in index.manifest.spaces
                ]


@pytest.mark.parametrize("name", FILES.values())
def test_a_single_space_keeps_its_names_levels_and_scale(tmp_path, name):
    rows = [{"cat": 0.5, "dog": 2.0, "": 0.75}, {}, {"dog": 0.0078125, "straße: 2": 1.0}]
    with ready(tmp_path / "a.idx", rows) as index:
        export_index(index, tmp_path / name)
        with import_index(tmp_path / name, tmp_path / "b.idx") as back:
            assert weights(back) == weights(index)
            assert back.manifest.spaces[0].scale == index.manifest.spaces[0].scale
            assert back.manifest.text_fields is None


@pytest.mark.parametrize("scale", [SCALES[1], 2.0**-64])
@pytest.mark.parametrize("name", ["v.ciff", "v.npz"])
def test_a_scale_that_the_builder_would_not_choose_is_kept(tmp_path, name, scale):
    vectors = SparseVectors.from_rows([([3, 70_000], [7, 100]), ([3], [254])])
    write_index(tmp_path / "a.idx", [segment_of(vectors)], [space(scale=scale)])
    with Index.open(tmp_path / "a.idx") as index:
        export_index(index, tmp_path / name)
        with import_index(tmp_path / name, tmp_path / "b.idx") as back:
            assert weights(back) == weights(index)
            assert back.manifest.spaces[0].scale == scale
            assert back.manifest.spaces[0].terms == 0
            assert back.segments[0].terms.tolist() == [3, 70_000]


@settings(max_examples=25)
@given(
    st.lists(st.dictionaries(st.text("abc", min_size=1), st.integers(1, 255), max_size=5), min_size=1, max_size=8),
    st.sampled_from(["v.ciff", "v.npz", "v.jsonl"]),
)
def test_any_levels_come_back(tmp_path_factory, rows, name):
    root = tmp_path_factory.mktemp("any")
    with ready(root / "a.idx", rows) as index:
        export_index(index, root / name)
        with import_index(root / name, root / "b.idx") as back:
            assert weights(back) == weights(index)


@settings(max_examples=25)
@given(st.lists(st.floats(2.0**-100, 2.0**32, width=32), min_size=1, max_size=20))
def test_any_float32_weight_comes_back_from_text(tmp_path_factory, numbers):
    root = tmp_path_factory.mktemp("floats")
    with ready(root / "a.idx", [{f"t{i}": x for i, x in enumerate(numbers)}], "float32") as index:
        export_index(index, root / "v.jsonl")
        with import_index(root / "v.jsonl", root / "b.idx", impacts="float32") as back:
            assert weights(back) == weights(index)


def test_levels_are_whole_numbers(tmp_path):
    with blend(tmp_path / "a.idx") as index:
        export_index(index, tmp_path / "v.jsonl", levels=True)
        export_index(index, tmp_path / "v.npz", levels=True)
        lines = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
        assert {line["id"]: line["vector"] for line in lines} == weights(index)[1]
        assert np.load(tmp_path / "v.npz")["data"].dtype == np.uint8
        for name in ("v.jsonl", "v.npz"):
            with import_index(tmp_path / name, tmp_path / f"{name}.idx") as back:
                assert back.manifest.spaces[0].scale == 1.0
                assert list(map(sorted, (row.values() for row in weights(back)[0].values()))) == list(
                    map(sorted, (row.values() for row in weights(index)[1].values()))
                )


def test_the_text_of_a_document_travels_with_its_vector(tmp_path):
    documents = [
        {"id": "a", "title": "T", "text": "x", "other": 3, "vector": {"x": 1.0}},
        {"id": "b", "vector": {"x": 2.0}},
        {"id": "c", "contents": "y", "vector": {"x": 2.0}},
    ]
    with Index.build(tmp_path / "a.idx", documents, encoder=None) as index:
        export_index(index, tmp_path / "a.jsonl")
        export_index(index, tmp_path / "s.jsonl", file_format="seismic")
    for name, key in (("a.jsonl", "contents"), ("s.jsonl", "content")):
        lines = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        assert lines == [
            {"id": "a", key: "x", "vector": {"x": 1.0}},
            {"id": "b", key: "", "vector": {"x": 2.0}},
            {"id": "c", key: "y", "vector": {"x": 2.0}},
        ]
    with import_index(tmp_path / "s.jsonl", tmp_path / "s.idx", file_format="seismic") as back:
        assert back.catalog.fields([2]) == [{"content": "y"}]


def test_text_fields_of_an_encoded_index_are_joined(tmp_path):
    documents = [{"id": "a", "title": "The cat", "text": "sleeps"}, {"id": "b", "text": "a dog"}]
    with Index.build(tmp_path / "a.idx", documents, encoder="bm25") as index:
        export_index(index, tmp_path / "v.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert [line["contents"] for line in lines] == ["The cat sleeps", "a dog"]


def test_several_files_are_read_as_one(tmp_path):
    with blend(tmp_path / "a.idx") as index:
        told = []
        written = export_index(
            index, tmp_path / "parts", file_format="anserini", split=40, compress=True, progress=told.append
        )
        names = sorted(file.name for file in (tmp_path / "parts").iterdir())
        assert names == ["part-00000.jsonl.gz", "part-00001.jsonl.gz", "part-00002.jsonl.gz"]
        assert written.bytes == sum(file.stat().st_size for file in (tmp_path / "parts").iterdir())
        assert told == [45, 90]
        lines = [gzip.decompress((tmp_path / "parts" / name).read_bytes()).count(b"\n") for name in names]
        assert lines == [40, 40, 10]
        with import_index(tmp_path / "parts", tmp_path / "b.idx", impacts="float32") as back:
            assert weights(back)[0] == weights(index)[0]


@pytest.mark.parametrize("postings", [1, 50, 10**6])
def test_documents_come_whole_and_in_order_whatever_the_memory(tmp_path, postings):
    with blend(tmp_path / "a.idx") as index:
        expected = weights(index)[1]
        rows = {}
        for some in document_ranges(index, postings):
            assert len(some) == 1 or some.starts[-1] <= postings
            ids = index.external_ids(range(some.first, some.first + len(some)))
            for i, name in enumerate(ids):
                inside = slice(some.starts[i], some.starts[i + 1])
                assert np.all(np.diff(some.terms[inside].astype(np.int64)) > 0)
                rows[name] = some.impacts[inside].tolist()
        assert list(rows) == list(expected)
        assert list(map(sorted, rows.values())) == [sorted(row.values()) for row in expected.values()]


def test_the_same_index_gives_the_same_bytes(tmp_path):
    with blend(tmp_path / "a.idx") as index:
        for name in FILES.values():
            export_index(index, tmp_path / name)
            before = (tmp_path / name).read_bytes()
            export_index(index, tmp_path / name, force=True)
            assert (tmp_path / name).read_bytes() == before


def test_nothing_is_overwritten_or_left_half_written(tmp_path, monkeypatch):
    with ready(tmp_path / "a.idx", [{"x": 1.5}, {"y": 1.0}], "float32") as index:
        (tmp_path / "there.npz").write_text("old")
        (tmp_path / "folder.npz").mkdir()
        with pytest.raises(Refused, match="a file of that name exists") as caught:
            export_index(index, tmp_path / "there.npz")
        assert "--force" in caught.value.hint
        with pytest.raises(Refused, match="a folder of that name exists"):
            export_index(index, tmp_path / "folder.npz", force=True)
        with pytest.raises(Refused, match="exists"):
            export_index(index, tmp_path / "folder.npz", file_format="seismic", split=5)
        with pytest.raises(NotFound, match="no such folder to write to"):
            export_index(index, tmp_path / "missing" / "v.npz")
        with pytest.raises(Refused, match="float32 impacts that are none"):
            export_index(index, tmp_path / "v.ciff")
        for name in ("there.npz", "v.jsonl"):
            with pytest.raises(Refused, match="have no levels"):
                export_index(index, tmp_path / name, levels=True, force=True)
        with pytest.raises(Refused, match="have no levels"):
            export_index(index, tmp_path / "parts", file_format="seismic", split=1, levels=True)
        assert (tmp_path / "there.npz").read_text() == "old"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.idx", "folder.npz", "there.npz"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("v.bin", {}, "tells no format"),
        ("v.ciff", {"file_format": "cif"}, "unknown format 'cif'"),
        ("v.ciff", {"split": 3}, "3 documents a file is not possible in format ciff"),
        ("v", {"split": 0, "file_format": "anserini"}, "0 documents a file"),
        ("v.npz.gz", {}, "npz is not compressed"),
        ("v.jsonl", {"file_format": "seismic", "compress": True}, "seismic is not compressed"),
        ("v.ciff", {"levels": True}, "always holds levels"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, name, options, message):
    with ready(tmp_path / "a.idx", [{"x": 1.0}]) as index, pytest.raises(UsageError, match=message):
        export_index(index, tmp_path / name, **options)


def test_names_that_would_clash_are_refused(tmp_path):
    segment = segment_of(SparseVectors.from_rows([([0, 7], [1, 2])]))
    write_index(tmp_path / "a.idx", [segment], [space(terms=1)], terms=[(0, "7", 0, 1)])
    with Index.open(tmp_path / "a.idx") as index, pytest.raises(Refused, match="the same name"):
        export_index(index, tmp_path / "v.ciff")
