"""Opening judged collections in the BEIR layout."""

import gzip
import json

import pytest

from lsr.errors import BadInput, NotFound
from lsr.eval import open_collection

DOCUMENTS = [{"_id": "01", "title": "Red", "text": "A red fox."}, {"_id": "b", "title": "", "text": "A hen."}]
QUERIES = [{"_id": "q3", "text": "hen?"}, {"_id": "q1", "text": "fox?"}, {"_id": "q2", "text": "nobody asked"}]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def collection_at(folder, splits=("test",), compressed=False):
    def write(name, text):
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / name).write_text(text)

    (folder / "qrels").mkdir(parents=True)
    write("corpus.jsonl", lines(DOCUMENTS))
    write("queries.jsonl", lines(QUERIES))
    for split in splits:
        rows = "query-id\tcorpus-id\tscore\nq1\t01\t2\nq1\tb\t0\n" + ("q3\tb\t1\n" if split == "test" else "")
        (folder / "qrels" / f"{split}.tsv").write_text(rows)
    return folder


@pytest.mark.parametrize("compressed", [False, True])
def test_documents_judged_queries_and_judgments(tmp_path, compressed):
    collection = open_collection(collection_at(tmp_path / "toy", compressed=compressed))
    assert (collection.name, collection.split) == ("toy", "test")
    assert list(collection.queries.items()) == [("q3", "hen?"), ("q1", "fox?")]
    assert collection.qrels == {"q1": {"01": 2, "b": 0}, "q3": {"b": 1}}
    expected = [("01", "Red A red fox."), ("b", "A hen.")]
    for _ in range(2):
        assert [(document.id, document.text) for document in collection.documents()] == expected


def test_the_test_split_comes_first_then_the_only_one(tmp_path):
    assert open_collection(collection_at(tmp_path / "a", ["dev", "test"])).split == "test"
    assert open_collection(collection_at(tmp_path / "a" / "b", ["dl19"])).split == "dl19"
    named = open_collection(tmp_path / "a", "dev")
    assert (named.split, list(named.queries)) == ("dev", ["q1"])


def test_a_missing_split_is_answered_with_those_there(tmp_path):
    folder = collection_at(tmp_path / "toy", ["dev", "train"])
    with pytest.raises(NotFound, match=r"no split 'test'.*dev, train"):
        open_collection(folder)
    with pytest.raises(NotFound, match=r"did you mean 'train'.*dev, train"):
        open_collection(folder, "trian")


def test_a_folder_that_is_no_collection_says_what_is_missing(tmp_path):
    with pytest.raises(NotFound, match="no such collection"):
        open_collection(tmp_path / "none")
    folder = collection_at(tmp_path / "toy", splits=())
    with pytest.raises(NotFound, match="no relevance judgments"):
        open_collection(folder)
    (folder / "queries.jsonl").unlink()
    with pytest.raises(NotFound, match=r"no queries\.jsonl"):
        open_collection(folder)


def test_a_judged_query_without_text_is_an_error(tmp_path):
    folder = collection_at(tmp_path / "toy")
    (folder / "queries.jsonl").write_text(lines(QUERIES[:1]))
    with pytest.raises(BadInput, match=r"1 of 2 judged queries.*'q1'"):
        open_collection(folder)
