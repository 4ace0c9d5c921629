"""The file system refuses at every possible moment: the old index stands, and nothing of the new one stays."""

import errno
import itertools
import os
import re
from pathlib import Path

import pytest
from toy import folder_bytes, word_encoder

from lsr.errors import WriteFailed, writing
from lsr.index import catalog
from lsr.index.index import Index

OLD = [{"id": "1", "text": "apple"}]
NEW = [{"id": str(i), "text": "banana cherry"} for i in range(3)]


def reads(arguments, named):
    return "rb" in arguments or named.get("mode") == "rb"


def refusing(real, at, code=errno.ENOSPC):
    """``real``, but call number ``at`` fails; opening a file to read it does not count."""
    calls = itertools.count()

    def call(*arguments, **named):
        if not reads(arguments, named) and next(calls) == at:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **named)

    return call


def moments(name, owner, monkeypatch, tmp_path):
    """How often a whole build calls a function."""
    count = 0
    real = getattr(owner, name)

    def counted(*arguments, **named):
        nonlocal count
        count += not reads(arguments, named)
        return real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, counted)
        Index.build(tmp_path / "counted", NEW, encoder=word_encoder()).close()
    return count


@pytest.mark.parametrize(("name", "owner"), [("fsync", os), ("mkdir", Path), ("rename", Path), ("open", Path)])
def test_no_failing_call_leaves_a_trace(name, owner, tmp_path, monkeypatch):
    total = moments(name, owner, monkeypatch, tmp_path)
    assert total > 0
    for at in range(total):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, refusing(getattr(owner, name), at))
            try:
                Index.build(tmp_path / "x", NEW, encoder=word_encoder()).close()
            except WriteFailed as error:
                assert "No space left on device" in error.message
                assert "free some space" in error.hint
                assert error.where
        if (tmp_path / "x").exists():  # only a failure after the last flush that readers depend on may leave an index
            with Index.verify(tmp_path / "x") as index:
                assert len(index) == 3
            assert sorted(p.name for p in (tmp_path / "x").iterdir()) == ["CURRENT", "gen-1"]
            for file in sorted((tmp_path / "x").rglob("*"), reverse=True):
                file.unlink() if file.is_file() else file.rmdir()
            (tmp_path / "x").rmdir()


@pytest.mark.parametrize(("name", "owner"), [("fsync", os), ("mkdir", Path), ("rename", Path), ("replace", Path)])
def test_an_old_index_survives_every_failing_call(name, owner, tmp_path, monkeypatch):
    total = moments(name, owner, monkeypatch, tmp_path)
    Index.build(tmp_path / "x", OLD, encoder=word_encoder()).close()
    before = folder_bytes(tmp_path / "x")
    for at in range(total):
        failed = False
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, refusing(getattr(owner, name), at, errno.EROFS))
            try:
                Index.build(tmp_path / "x", NEW, encoder=word_encoder(), force=True).close()
            except WriteFailed as error:
                failed = True
                assert "Read-only file system" in error.message
                assert error.hint == "the file system is read-only: choose another folder"
        with Index.verify(tmp_path / "x") as index:
            replaced = len(index) == 3
        assert replaced or failed
        if replaced:
            for file in (tmp_path / "x").rglob("*"):
                assert not file.name.startswith(".")
            Index.build(tmp_path / "x", OLD, encoder=word_encoder(), force=True).close()
            before = folder_bytes(tmp_path / "x")
        else:
            assert folder_bytes(tmp_path / "x") == before


def test_a_full_disk_under_the_catalog_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "TABLES", ("PRAGMA max_page_count = 8", *catalog.TABLES))
    documents = [{"id": str(i), "text": "apple", "long": "x" * 50_000} for i in range(3)]
    with pytest.raises(WriteFailed, match="database or disk is full") as caught:
        Index.build(tmp_path / "x", documents, encoder=word_encoder())
    assert caught.value.where.endswith("catalog.sqlite")
    assert "free some space" in caught.value.hint
    assert not (tmp_path / "x").exists()


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
