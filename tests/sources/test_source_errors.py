import gzip
import io
import json
import sys

import pytest

from lsr.errors import BadInput, NotFound, UsageError
from lsr.sources import lines, open_documents, open_queries, read_qrels

GOOD = '{"id": "good", "text": "fine"}'


def write(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def failure(source):
    with pytest.raises(BadInput) as caught:
        list(source)
    return caught.value


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": 1, "text": "x"', "invalid JSON at column 22"),
        ('{"id": 1 "text": "x"}', "invalid JSON at column 10"),
        ('["id", "text"]', "must be an object with fields, not a list"),
        ('{"text": "x"}', 'no field "_id" or "id"'),
        ('{"id": "", "text": "x"}', "non-empty string"),
        ('{"id": [1], "text": "x"}', "not a list"),
        ('{"id": true, "text": "x"}', "true or false"),
        ('{"id": "a\\u0007", "text": "x"}', "control character"),
        ('{"id": 1}', "no text field: none of title, text"),
        ('{"id": 1, "text": 5}', 'field "text" must be a string, not a number'),
        ('{"id": 1, "text": "x", "score": NaN}', "NaN is not a number"),
        ('{"id": 1, "text": "\\ud800"}', "lone surrogate"),
        ('{"id": 1, "text": ' + "[" * 100_000, "nested too deep"),
        ('{"id": 1, "text": "x", "n": ' + "1" * 5000 + "}", "invalid JSON: Exceeds"),
        (b'{"id": 1, "text": "\xff"}', "invalid UTF-8 at byte 20"),
    ],
)
def test_a_bad_json_line_is_named(tmp_path, line, message):
    path = write(tmp_path / "d.jsonl", GOOD.encode() + b"\n\n" + (line.encode() if isinstance(line, str) else line))
    error = failure(open_documents(path))
    assert message in error.message
    assert error.where == f"{path}:3"
    assert error.exit_code == 4


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("-0.3", "weight of token 'cat' is -0.3; weights must lie between 0 and 4294967296"),
        ("NaN", "NaN is not a number"),
        ("Infinity", "Infinity is not a number"),
        ("1e39", "weight of token 'cat' is 1e+39"),
        ("1e999", "weight of token 'cat' is inf"),
        ("9" * 400, "weight of token 'cat' is 9999"),
        ('"1"', "weight of token 'cat' must be a number"),
        ("true", "weight of token 'cat' must be a number"),
        ("null", "weight of token 'cat' must be a number"),
    ],
)
@pytest.mark.parametrize("name", ["anserini", "jsonl"])
def test_a_bad_weight_is_named(tmp_path, name, weight, message):
    line = f'{{"id": "a", "text": "t", "vector": {{"dog": 1, "cat": {weight}}}}}'
    error = failure(open_documents(write(tmp_path / "v.jsonl", line), input_format=name))
    assert message in error.message
    assert error.where == f"{tmp_path}/v.jsonl:1"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a", "contents": "fine"}', 'no field "vector"'),
        ('{"id": "a", "vector": [1, 2]}', "must be an object of token and weight"),
        ('{"id": "a", "contents": "fine", "vector": [1, 2]}', "must be an object of token and weight"),
    ],
)
def test_anserini_lines_need_their_vector(tmp_path, line, message):
    path = write(tmp_path / "v.jsonl", '{"id": "1", "vector": {"a": 1}}\n' + line)
    error = failure(open_documents(path))
    assert message in error.message
    assert error.where == f"{path}:2"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a\tone\nb\n", 2, "found 1 tab-separated columns, expected 2: _id, text"),
        ("a\tone\nb\ttwo\tthree\n", 2, "found 3 tab-separated columns, expected 2"),
        ("a\tb\tc\td\n", 1, "found 4 columns without a header"),
        ("id\ttext\turl\na\tx\n", 2, "found 2 tab-separated columns, expected 3: _id, text, url"),
        ("a\tone\n\ttwo\n", 2, "non-empty string"),
    ],
)
def test_a_bad_tab_separated_line_is_named(tmp_path, content, line, message):
    path = write(tmp_path / "d.tsv", content)
    error = failure(open_documents(path))
    assert message in error.message
    assert error.where == f"{path}:{line}"


def test_a_duplicate_id_names_both_lines(tmp_path):
    path = write(tmp_path / "d.jsonl", f'{GOOD}\n{{"id": "b", "text": "x"}}\n\n{GOOD}\n')
    error = failure(open_documents(path))
    assert error.where == f"{path}:4"
    assert error.message == f"duplicate id 'good': it stands at {path}:1 already"


def test_a_duplicate_id_in_another_file_names_both_files(tmp_path):
    other = '{"id": "x", "text": "x"}'
    write(tmp_path / "a.jsonl", f"{other}\n{GOOD}\n")
    write(tmp_path / "b.jsonl", f"\n{GOOD}\n")
    error = failure(open_documents(tmp_path))
    assert error.where == f"{tmp_path}/b.jsonl:2"
    assert f"{tmp_path}/a.jsonl:2" in error.message


def test_numbers_and_strings_are_the_same_id(tmp_path):
    path = write(tmp_path / "d.jsonl", '{"id": 1, "text": "x"}\n{"id": "1", "text": "y"}\n')
    assert "duplicate id '1'" in failure(open_documents(path)).message


def test_all_bad_lines_are_listed_and_nothing_after_the_first_is_given_out(tmp_path):
    path = write(tmp_path / "d.jsonl", f'{GOOD}\n{{"id"\n{{"id": "later", "text": "x"}}\n[]\n{GOOD}\n')
    given = []
    with pytest.raises(BadInput) as caught:
        given.extend(document.id for document in open_documents(path))
    assert given == ["good"]
    error = caught.value
    assert error.where == f"{path}:2"
    assert error.message.splitlines()[0] == "3 bad lines:"
    assert [line.split(": ")[0].strip() for line in error.message.splitlines()[1:]] == [
        f"{path}:2",
        f"{path}:4",
        f"{path}:5",
    ]


def test_at_most_twenty_bad_lines_are_listed(tmp_path):
    path = write(tmp_path / "d.jsonl", GOOD + "\n{" * 50)
    message = failure(open_documents(path)).message
    assert message.startswith("20 bad lines; reading stopped there:")
    assert len(message.splitlines()) == 21


def test_the_search_for_more_bad_lines_ends(tmp_path):
    good = "\n".join(json.dumps({"id": i, "text": "x"}) for i in range(10_100))
    path = write(tmp_path / "d.jsonl", f"{{\n{good}\n{{\n")
    assert failure(open_documents(path)).message.startswith("invalid JSON")


def test_bad_lines_can_be_skipped_and_are_counted(tmp_path):
    rows = [GOOD, "{", '{"id": "b", "text": "x"}', GOOD, '{"id": "c"}', '{"id": "d", "text": "y"}', "[]"]
    source = open_documents(write(tmp_path / "d.jsonl", "\n".join(rows)), on_error="skip")
    assert [document.id for document in source] == ["good", "b", "d"]
    assert source.skipped == 4
    assert [document.id for document in source] == ["good", "b", "d"]
    assert source.skipped == 4


def test_a_source_whose_every_line_was_skipped_is_an_error(tmp_path):
    source = open_documents(write(tmp_path / "d.jsonl", "{\n{\n"), on_error="skip")
    assert "all 2 were bad" in failure(source).message


def test_an_unknown_way_to_treat_errors_is_refused(tmp_path):
    with pytest.raises(UsageError, match="'ignore'"):
        open_documents(tmp_path, on_error="ignore")


def test_a_line_over_the_limit_is_named_and_does_not_stop_the_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LINE_LIMIT", 2**10)
    long = '{"id": "long", "text": "' + "x" * 5000 + '"}'
    last = '{"id": "last", "text": "x"}'
    path = write(tmp_path / "d.jsonl", f"{GOOD}\n{long}\n{last}")
    error = failure(open_documents(path))
    assert "longer than" in error.message
    assert error.where == f"{path}:2"
    assert [document.where for document in open_documents(path, on_error="skip")] == [f"{path}:1", f"{path}:3"]


@pytest.mark.parametrize("size", [1023, 1024, 1025])
def test_the_limit_counts_the_bytes_before_the_line_end(tmp_path, monkeypatch, size):
    monkeypatch.setattr(lines, "LINE_LIMIT", 1024)
    path = write(tmp_path / "d.txt", "x" * size + "\nlast\n")
    documents = list(open_documents(path, on_error="skip"))
    assert [document.id for document in documents] == (["1", "2"] if size <= 1024 else ["2"])


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_an_error(tmp_path, content):
    with pytest.raises(BadInput, match="empty"):
        open_documents(write(tmp_path / "d.jsonl", content))


@pytest.mark.parametrize("content", ["id\ttext\n", "id\ttext\n\n"])
def test_a_file_with_only_a_header_is_an_error(tmp_path, content):
    error = failure(open_documents(write(tmp_path / "d.tsv", content)))
    assert error.message == "no document in it"
    assert "'tsv'" in error.hint


def test_empty_stdin_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b""))))
    error = failure(open_documents("-"))
    assert (error.message, error.where) == ("no document in it", "stdin")


def test_an_empty_text_folder_is_an_error(tmp_path):
    assert failure(open_documents(tmp_path, input_format="text")).message == "no document in it"


def test_text_files_name_the_line_that_is_not_utf8(tmp_path, monkeypatch):
    write(tmp_path / "a.txt", b"fine\nbad \xe9\n")
    write(tmp_path / "b.txt", "good")
    write(tmp_path / "c.txt", "x" * 2000)
    monkeypatch.setattr("lsr.sources.text.LINE_LIMIT", 1000)
    monkeypatch.setattr(lines, "LINE_LIMIT", 1000)
    error = failure(open_documents(tmp_path))
    assert error.where == f"{tmp_path}/a.txt:2"
    assert "larger than" in error.message
    skipping = open_documents(tmp_path, on_error="skip")
    assert [document.id for document in skipping] == ["b.txt"]
    assert skipping.skipped == 2


def test_a_file_name_that_is_not_utf8_is_an_error(tmp_path):
    write(tmp_path / "good.txt", "x")
    try:
        write(tmp_path / "bad\udcff.txt", "x")
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    assert "UTF-8" in failure(open_documents(tmp_path)).message


def test_text_has_no_other_field(tmp_path):
    source = open_documents(write(tmp_path / "d.txt", "words"), text_fields=["body"])
    assert "no text field: none of body" in failure(source).message


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data[:40] + b"\0" * 40 + data[80:]])
def test_damaged_gzip_is_an_error(tmp_path, damage):
    rows = "\n".join(json.dumps({"id": i, "text": "x"}) for i in range(5000))
    path = write(tmp_path / "d.jsonl.gz", damage(gzip.compress(rows.encode())))
    for on_error in ("stop", "skip"):
        with pytest.raises(BadInput, match="damaged gzip") as caught:
            list(open_documents(path, on_error=on_error))
        assert caught.value.where == str(path)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("corpus.json", "did you mean"), ("qqqqqqqqqqqq", "check the path"), ("no/such/file", "there is no folder")],
)
def test_a_missing_path_comes_with_a_hint(tmp_path, name, hint):
    write(tmp_path / "corpus.jsonl", GOOD)
    with pytest.raises(NotFound, match="no such file or folder") as caught:
        open_documents(tmp_path / name)
    assert hint in caught.value.hint
    assert caught.value.where == str(tmp_path / name)
    assert caught.value.exit_code == 3


def test_what_cannot_be_read_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "corpus.jsonl", GOOD)
    with pytest.raises(NotFound, match="cannot read"):
        open_documents(path / "below")
    source = open_documents(path)
    path.unlink()
    with pytest.raises(NotFound, match="no such file"):
        list(source)

    def refuse(*_arguments):
        raise PermissionError(13, "Permission denied")

    write(path, GOOD)
    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(NotFound, match="cannot read: Permission denied"):
        open_documents(path)


@pytest.mark.parametrize("name", ["d.jsonl", "d.tsv", "d.txt", "d.jsonl.gz"])
@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-16-LE", "UTF-16-BE", "UTF-32", "UTF-32-LE", "UTF-32-BE"])
def test_another_encoding_is_named_with_its_remedy(tmp_path, name, encoding, monkeypatch):
    mark = "" if encoding in ("UTF-16", "UTF-32") else "\ufeff"  # without a byte order Python writes the mark itself
    data = f"{mark}{GOOD}\n{GOOD}\n".encode(encoding)
    path = write(tmp_path / name, gzip.compress(data) if name.endswith(".gz") else data)
    kind = encoding[:6]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    attempts = (
        (lambda: open_documents(path), path),
        (lambda: list(open_documents(path, input_format="jsonl")), path),
        (lambda: list(open_documents(path, input_format="jsonl", on_error="skip")), path),
        (lambda: open_queries(path), path),
        (lambda: read_qrels(path), path),
        (lambda: list(open_documents("-")), "stdin"),
    )
    for attempt, place in attempts:
        with pytest.raises(BadInput, match=f"the file is in {kind}, and only UTF-8 is read") as caught:
            attempt()
        assert caught.value.where == str(place)
        assert f"iconv -f {kind} -t UTF-8" in caught.value.hint


def test_a_text_file_in_another_encoding_is_named_and_can_be_skipped(tmp_path):
    write(tmp_path / "a.txt", "good")
    write(tmp_path / "b.txt", "bad".encode("UTF-16"))
    error = failure(open_documents(tmp_path, input_format="text"))
    assert (error.where, error.message) == (f"{tmp_path}/b.txt", "the file is in UTF-16, and only UTF-8 is read")
    assert [document.id for document in open_documents(tmp_path, on_error="skip")] == ["a.txt"]


@pytest.mark.parametrize("name", ["d.jsonl", "d.jsonl.gz"])
def test_a_mark_of_utf8_is_no_part_of_the_text(tmp_path, name):
    data = f"\ufeff{GOOD}\n".encode()
    path = write(tmp_path / name, gzip.compress(data) if name.endswith(".gz") else data)
    source = open_documents(path)
    assert source.format == "jsonl"
    assert [document.id for document in source] == ["good"]
    folder = tmp_path / "texts"
    folder.mkdir()
    write(folder / "a.txt", "\ufeffwords".encode())
    assert [document.text for document in open_documents(folder)] == ["words"]


def test_a_mistyped_text_field_comes_with_the_right_name(tmp_path):
    path = write(tmp_path / "d.jsonl", '{"id": 1, "headline": "x", "body": "y"}')
    error = failure(open_documents(path, text_fields=["headlin"]))
    assert error.message == "no text field: none of headlin"
    assert "did you mean 'headline'?" in error.hint
    assert "headline, body" in error.hint
