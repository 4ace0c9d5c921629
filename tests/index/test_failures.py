"""The file system refuses at every possible moment: it is told, and the old index stands."""

import errno
import itertools
import os
import re
import shutil
from pathlib import Path

import pytest
from toy import folder_bytes, word_encoder

from lsr.errors import WriteFailed, writing
from lsr.index import catalog
from lsr.index.index import Index

OLD = [{"id": "1", "text": "apple"}]
NEW = [{"id": str(i), "text": "banana cherry"} for i in range(3)]
CALLS = [("fsync", os), ("posix_fallocate", os), ("mkdir", Path), ("rename", Path), ("replace", Path), ("open", Path)]


class Refusing:
    """A function of the file system whose call number ``at`` fails; opening a file to read it does not count.

    ``place`` is then the path that it failed at.
    """

    def __init__(self, real, at, code):
        self.real, self.at, self.code = real, at, code
        self.calls = itertools.count()
        self.place = None

    def __get__(self, owner, _kind=None):
        return self if owner is None else lambda *arguments, **named: self(owner, *arguments, **named)

    def __call__(self, *arguments, **named):
        reads = "rb" in arguments or named.get("mode") == "rb"
        if not reads and next(self.calls) == self.at:
            first = arguments[0]
            self.place = Path(os.readlink(f"/proc/self/fd/{first}")) if isinstance(first, int) else first
            raise OSError(self.code, os.strerror(self.code))
        return self.real(*arguments, **named)


def failing_builds(name, owner, code, path, monkeypatch, **arguments):
    """Build once for each call of a function, which then fails; gives the path that it failed at and the error."""
    for at in itertools.count():
        call = Refusing(getattr(owner, name), at, code)
        error = None
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, call)
            try:
                Index.build(path, NEW, encoder=word_encoder(), **arguments).close()
            except WriteFailed as caught:
                error = caught
        if call.place is None:
            assert at > 0
            assert error is None
            return
        yield call.place, error


def is_ignored(place, cache):
    """Whether a failure there may go by without a word: only a stamp, which saves another check, is not missed."""
    return place.is_relative_to(cache)


def is_after_publication(name, place, root):
    """Whether readers see the new index although the call failed: the name of the new pointer may not last."""
    return (name, place) == ("fsync", root) and "gen-" in (root / "CURRENT").read_text()


def index_bytes(root):
    return {name: content for name, content in folder_bytes(root).items() if not name.startswith(".build/shard-")}


@pytest.mark.parametrize(("name", "owner"), CALLS)
def test_every_failing_call_is_reported_and_leaves_finished_shards_or_nothing(
    name, owner, tmp_path, monkeypatch, own_cache
):
    root = tmp_path / "x"
    for place, error in failing_builds(name, owner, errno.ENOSPC, root, monkeypatch):
        if is_ignored(place, own_cache):
            assert error is None
        else:
            assert error is not None, place
            assert "No space left on device" in error.message
            assert "free some space" in error.hint
            assert error.where
        if root.exists() and (error is None or (root / "CURRENT").exists()):
            assert error is None or is_after_publication(name, place, root)
            with Index.open(root, verify=True) as index:
                assert len(index) == 3
        elif root.exists():
            assert [path.name for path in root.rglob("*")] == [".build", "shard-000000.npz"]
            assert "resume=True" in error.hint
            encoder = word_encoder()
            Index.build(root, NEW, encoder=encoder, resume=True).close()
            assert encoder.document.texts == 0
        shutil.rmtree(root, ignore_errors=True)


@pytest.mark.parametrize(("name", "owner"), CALLS)
def test_an_old_index_survives_every_failing_call(name, owner, tmp_path, monkeypatch, own_cache):
    root = tmp_path / "x"
    Index.build(root, OLD, encoder=word_encoder()).close()
    before = index_bytes(root)
    for place, error in failing_builds(name, owner, errno.EROFS, root, monkeypatch, force=True):
        if is_ignored(place, own_cache):
            assert error is None
        else:
            assert error is not None, place
            assert "Read-only file system" in error.message
            assert error.hint.startswith("the file system is read-only: choose another folder")
        with Index.open(root, verify=True) as index:
            replaced = len(index) == 3
        if replaced:
            assert error is None or is_after_publication(name, place, root)
            Index.build(root, OLD, encoder=word_encoder(), force=True).close()
            before = index_bytes(root)
        else:
            assert index_bytes(root) == before


def test_a_full_disk_under_the_catalog_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "TABLES", ("PRAGMA max_page_count = 8", *catalog.TABLES))
    documents = [{"id": str(i), "text": "apple", "long": "x" * 50_000} for i in range(3)]
    with pytest.raises(WriteFailed, match="database or disk is full") as caught:
        Index.build(tmp_path / "x", documents, encoder=word_encoder())
    assert caught.value.where.endswith("catalog.sqlite")
    assert "free some space" in caught.value.hint
    assert [path.name for path in (tmp_path / "x").rglob("*")] == [".build", "shard-000000.npz"]


def test_a_catalog_that_cannot_be_opened_has_another_remedy(tmp_path):
    with pytest.raises(WriteFailed, match="unable to open database file") as caught:
        catalog.write_catalog(tmp_path / "none" / "catalog.sqlite", [], [])
    assert "permissions" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "change the permissions"),
        (errno.EPERM, "change the permissions"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EIO, "choose another folder"),
    ],
)
def test_the_remedy_fits_what_the_operating_system_said(code, advice):
    with pytest.raises(WriteFailed, match=re.escape(f"cannot write: {os.strerror(code)}")) as caught, writing("file"):
        raise OSError(code, os.strerror(code))
    assert advice in caught.value.hint
    assert ("free some space" in caught.value.hint) == (code in (errno.ENOSPC, errno.EDQUOT))
    assert caught.value.where == "file"


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteFailed, match="cannot write: Not a directory") as caught:
        Index.build(tmp_path / "file" / "x", NEW, encoder=word_encoder())
    assert caught.value.where == str(tmp_path / "file" / "x")


def test_a_folder_that_cannot_be_listed_is_reported(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(WriteFailed, match="cannot be read: Permission denied"):
        Index.build(tmp_path, NEW, encoder=word_encoder())


def test_a_cache_that_cannot_be_written_only_means_another_check(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LSR_CACHE", str(tmp_path / "file" / "cache"))
    Index.build(tmp_path / "x", NEW, encoder=word_encoder()).close()
    with Index.open(tmp_path / "x") as index:
        assert len(index) == 3
