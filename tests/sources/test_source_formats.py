import gzip
import io
import itertools
import json
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import BadInput, NotFound, UsageError
from lsr.sources import FORMATS, detect_format, open_documents
from lsr.sources.lines import Lines

ROWS = [
    {"_id": "a", "title": "Wings", "text": "lift and drag", "year": 1958},
    {"_id": "007", "title": "", "text": "  heat  ", "metadata": {"url": "x"}},
]


def write(path, content):
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def pairs(source):
    return [(document.id, document.text) for document in source]


@pytest.fixture
def stdin(monkeypatch):
    def give(text):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(text.encode()))))

    return give


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_beir_folder(tmp_path, suffix):
    corpus = write(tmp_path / f"corpus.jsonl{suffix}", jsonl(ROWS))
    write(tmp_path / "queries.jsonl", jsonl([{"_id": "q", "text": "?"}]))
    source = open_documents(tmp_path)
    assert (source.format, source.path, source.total) == ("beir", str(tmp_path), None)
    first, second = source
    assert (first.id, first.text, first.where) == ("a", "Wings lift and drag", f"{corpus}:1")
    assert first.fields == {"title": "Wings", "text": "lift and drag", "year": 1958}
    assert (second.id, second.text) == ("007", "heat")


@pytest.mark.parametrize("name", ["docs.jsonl", "docs.jsonl.gz", "docs.json", "docs"])
def test_jsonl_file(tmp_path, name):
    source = open_documents(str(write(tmp_path / name, jsonl(ROWS))))
    assert source.format == "jsonl"
    assert pairs(source) == [("a", "Wings lift and drag"), ("007", "heat")]
    assert source.skipped == 0


def test_jsonl_takes_other_identifiers_text_fields_and_line_ends(tmp_path):
    rows = [{"id": 7, "body": "x", "head": "h"}, {"id": "8", "body": "ü", "head": None}]
    content = "\ufeff\r\n" + jsonl(rows).replace("\n", "\r\n\r\n").rstrip()
    source = open_documents(write(tmp_path / "d.jsonl", content), text_fields=["head", "body"])
    assert pairs(source) == [("7", "h x"), ("8", "ü")]
    assert [document.where.rsplit(":")[-1] for document in source] == ["2", "4"]


def test_jsonl_folder_reads_the_files_by_name(tmp_path):
    write(tmp_path / "2.jsonl.gz", jsonl([{"id": "b", "text": "two"}]))
    write(tmp_path / "1.jsonl", jsonl([{"id": "a", "text": "one"}]))
    source = open_documents(tmp_path)
    assert source.format == "jsonl"
    assert pairs(source) == [("a", "one"), ("b", "two")]
    assert [document.where for document in source] == [f"{tmp_path}/1.jsonl:1", f"{tmp_path}/2.jsonl.gz:1"]


def test_jsonl_may_carry_vectors(tmp_path):
    path = write(tmp_path / "d.jsonl", jsonl([{"id": "a", "vector": {"cat": 1.5}}]))
    assert next(iter(open_documents(path, input_format="jsonl"))).vector == {"cat": 1.5}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\tone\nb\ttwo \n", [("a", "one"), ("b", "two")]),
        ("a\tT\tone\nb\t\ttwo\n", [("a", "T one"), ("b", "two")]),
        ("id\ttext\na\tone\n", [("a", "one")]),
        ("_id\ttitle\ttext\na\tT\tone\n", [("a", "T one")]),
        ("docid\turl\ttext\na\thttp\tone\n", [("a", "one")]),
        ('a\t"quoted, text"\n\nb\t\n', [("a", '"quoted, text"'), ("b", "")]),
        ("id\tone\n", [("id", "one")]),
    ],
)
def test_tsv(tmp_path, content, expected):
    source = open_documents(write(tmp_path / "d.tsv", content))
    assert source.format == "tsv"
    assert pairs(source) == expected
    assert pairs(source) == expected


def test_tsv_columns_are_stored_and_chosen_by_name(tmp_path):
    path = write(tmp_path / "d.tsv", "doc_id\tabstract\turl\na\tone\thttp\n")
    (document,) = open_documents(path, text_fields=["abstract"])
    assert document.text == "one"
    assert document.fields == {"abstract": "one", "url": "http"}


@pytest.mark.parametrize("name", ["d.txt", "d.txt.gz"])
def test_text_file_has_a_document_on_each_line(tmp_path, name):
    source = open_documents(write(tmp_path / name, "first line\n\n  \nsecond line"))
    assert source.format == "text"
    assert pairs(source) == [("1", "first line"), ("4", "second line")]


def test_text_folder_has_a_document_in_each_file(tmp_path):
    write(tmp_path / "b.txt", "\ufefftwo\r\nlines\r\n")
    write(tmp_path / "a" / "z.txt.gz", "deep")
    write(tmp_path / "readme.md", "no")
    source = open_documents(tmp_path)
    assert (source.format, source.total) == ("text", 2)
    assert pairs(source) == [("a/z.txt.gz", "deep"), ("b.txt", "two\nlines")]
    assert [document.where for document in source] == [f"{tmp_path}/a/z.txt.gz", f"{tmp_path}/b.txt"]


@pytest.mark.parametrize("name", ["v.jsonl", "v.jsonl.gz", "folder/v.jsonl"])
def test_anserini(tmp_path, name):
    rows = [{"id": "a", "contents": "cats", "vector": {"cat": 1.5, "dog": 0}}, {"id": 2, "vector": {}}]
    write(tmp_path / name, jsonl(rows))
    source = open_documents(tmp_path / name.split("/")[0])
    assert source.format == "anserini"
    first, second = source
    assert (first.id, first.text, first.vector) == ("a", "cats", {"cat": 1.5, "dog": 0})
    assert first.fields == {"contents": "cats"}
    assert (second.id, second.text, second.vector) == ("2", "", {})


def test_stdin_is_jsonl_unless_told_otherwise(stdin):
    stdin(jsonl(ROWS))
    source = open_documents("-")
    assert (source.format, source.path, source.bytes_total, source.bytes_read) == ("jsonl", "-", None, 0)
    documents = list(source)
    assert [document.where for document in documents] == ["stdin:1", "stdin:2"]
    stdin("a\tone\n")
    assert pairs(open_documents("-", input_format="tsv")) == [("a", "one")]
    stdin("one\ntwo")
    assert pairs(open_documents("-", input_format="text")) == [("1", "one"), ("2", "two")]


@pytest.mark.parametrize("name", ["beir", "vectors"])
def test_folders_and_arrays_do_not_come_from_stdin(name):
    with pytest.raises(UsageError, match="standard input"):
        open_documents("-", input_format=name)


def test_the_format_can_be_forced(tmp_path):
    path = write(tmp_path / "d.jsonl", jsonl(ROWS))
    assert [d.id for d in open_documents(path, input_format="text")] == ["1", "2"]
    write(tmp_path / "t" / "corpus.jsonl", jsonl(ROWS))
    write(tmp_path / "t" / "x.txt", "text")
    assert pairs(open_documents(tmp_path / "t", input_format="text")) == [("x.txt", "text")]
    assert len(list(open_documents(tmp_path / "t", input_format="jsonl"))) == 2


@pytest.mark.parametrize("name", ["d.jsonl", "d.jsonl.gz"])
def test_progress_reaches_the_size_of_the_file(tmp_path, name):
    path = write(tmp_path / name, jsonl({"id": i, "text": f"{i}" * 50} for i in range(3000)))
    source = open_documents(path)
    assert source.bytes_total == path.stat().st_size
    assert source.bytes_read == 0
    steps = [source.bytes_read for _ in source]
    assert steps == sorted(steps)
    assert 0 < steps[0] <= steps[-1] <= source.bytes_total == source.bytes_read


def test_documents_come_before_the_whole_input_is_there(monkeypatch):
    class Endless(io.RawIOBase):
        numbers = itertools.count()

        def readable(self):
            return True

        def readinto(self, buffer):
            data = f'{{"id": {next(self.numbers)}, "text": "x"}}\n'.encode()
            buffer[: len(data)] = data
            return len(data)

    class Stdin:
        buffer = io.BufferedReader(Endless(), 64)

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert [d.id for d in itertools.islice(open_documents("-"), 3)] == ["0", "1", "2"]


def test_two_iterations_of_one_source_do_not_disturb_each_other(tmp_path):
    source = open_documents(write(tmp_path / "d.tsv", "id\ttext\na\tone\nb\ttwo\n"))
    assert [(x.id, y.id) for x, y in zip(source, source, strict=True)] == [("a", "a"), ("b", "b")]


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"])), min_size=1))
def test_any_text_survives_jsonl(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("any") / "d.jsonl"
    path.write_text(jsonl({"id": i, "text": text} for i, text in enumerate(texts)))
    documents = list(open_documents(path))
    assert [document.fields["text"] for document in documents] == texts
    assert [document.text for document in documents] == [text.strip() for text in texts]


@given(st.lists(st.binary().map(lambda data: data.replace(b"\n", b"").rstrip(b"\r")), min_size=1))
def test_lines_are_the_lines_of_the_file(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("lines") / "f"
    path.write_bytes(b"x" + b"\n".join(lines) + b"\n")
    read = list(Lines([path]))
    assert [line.data for line in read] == [b"x" + lines[0], *lines[1:]]
    assert [line.number for line in read] == list(range(1, len(lines) + 1))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("d", '{"id": 1, "text": "x"}\n', "jsonl"),
        ("d", '{"id": 1, "text": "about \\"vector\\": { things"}\n', "jsonl"),
        ("d", '{"id": 1, "text": "x", "vector": [1]}\n', "jsonl"),
        ("d", '{"id": 1, "vector": {}}\n', "anserini"),
        ("d", '{"id": 1, "vector": {"a": 1}, "contents": "' + "x" * 70_000 + '"}\n', "anserini"),
        ("d", '{"id": 1, "text": \n', "jsonl"),
        ("d", "\n\n7\tsome text\n8\tmore text\n", "tsv"),
        ("d.txt", "7\tsome text\n8\tmore text\n", "tsv"),
        ("d.txt", "7\tsome text\na plain line\n", "text"),
        ("d.tsv", "one two\tthree\n", "tsv"),
        ("d.jsonl", "no json\n", "jsonl"),
        ("d.jsonl.gz", "no json\n", "jsonl"),
        ("d.txt.gz", "words\n", "text"),
    ],
)
def test_formats_are_found_out_by_content(tmp_path, name, content, expected):
    assert detect_format(write(tmp_path / name, content)) == expected


def test_gzip_is_known_by_content_not_by_name(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_bytes(gzip.compress(jsonl(ROWS).encode()))
    assert len(list(open_documents(path))) == 2


@pytest.mark.parametrize("content", ["just words\n", "\0\0binary", '[{"id": 1, "text": "x"}]'])
def test_an_unknown_format_says_what_there_is(tmp_path, content):
    with pytest.raises(BadInput, match="not recognised") as caught:
        open_documents(write(tmp_path / "data.bin", content))
    assert caught.value.where == str(tmp_path / "data.bin")
    assert "JSON" in caught.value.hint if content[0] == "[" else all(name in caught.value.hint for name in FORMATS)


def test_a_folder_without_a_known_layout_says_what_was_looked_for(tmp_path):
    write(tmp_path / "image.png", b"\x89PNG")
    with pytest.raises(BadInput, match="layout") as caught:
        open_documents(tmp_path)
    assert all(word in caught.value.hint for word in ("corpus.jsonl", ".txt", ".jsonl"))


@pytest.mark.parametrize(("name", "hint"), [("jsnl", "did you mean 'jsonl'"), ("zzz", "anserini")])
def test_an_unknown_format_name_is_refused(tmp_path, name, hint):
    with pytest.raises(UsageError, match=name) as caught:
        open_documents(tmp_path, input_format=name)
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["beir", "tsv", "vectors", "jsonl", "anserini"])
def test_a_forced_format_that_does_not_fit_is_refused(tmp_path, name):
    path = write(tmp_path / "d.txt", "words\n") if name == "beir" else tmp_path
    with pytest.raises((BadInput, NotFound)) as caught:
        open_documents(path, input_format=name)
    assert caught.value.where == str(path)
    assert "--input-format" in caught.value.hint


def test_a_forced_beir_folder_needs_its_corpus(tmp_path):
    with pytest.raises(NotFound, match=r"corpus\.jsonl"):
        open_documents(tmp_path, input_format="beir")


@pytest.mark.parametrize("fields", ["title", [], [1]])
def test_text_fields_are_a_list_of_names(tmp_path, fields):
    with pytest.raises(UsageError, match="list of names"):
        open_documents(tmp_path, text_fields=fields)


def test_sources_read_in_threads_stay_apart(tmp_path):
    path = write(tmp_path / "d.jsonl", jsonl({"id": i, "text": "x"} for i in range(500)))
    source, counts = open_documents(path), []
    threads = [threading.Thread(target=lambda: counts.append(len(list(source)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [500] * 4
