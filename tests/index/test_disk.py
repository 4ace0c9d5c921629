"""Real disks that refuse: a full one, a read-only one, and one where files may not grow. As a user sees it."""

import os
import resource
import subprocess
import sys

import pytest
from toy import folder_bytes

from lsr.index.index import Index

SIZE = 2**20
WRITE_FAILED = 7
OLD = '{"id": "1", "text": "apple"}\n'


@pytest.fixture
def source(tmp_path):
    """Documents whose index does not fit on the disk."""
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(f'{{"id": "{i}", "text": "apple", "long": "{"x" * 5000}"}}\n' for i in range(500)))
    return path


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own, and a way to change how it is mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*arguments):
        command = ["mount", "-t", "tmpfs", "-o", *arguments, "lsr-test", str(folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    if os.getuid() != 0 or not mount(f"size={SIZE}"):
        pytest.skip("only root may mount file systems, and not everywhere")
    yield folder, mount
    subprocess.run(["umount", str(folder)], check=True)


def build(source, out, *more, **options):
    command = [sys.executable, "-m", "lsr", "index", str(source), "--out", str(out), "--model", "bm25", "-q", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def has_failed(done, message, hint):
    assert done.returncode == WRITE_FAILED, done.stderr
    error, advice = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert advice == f"hint: {hint}"
    assert done.stdout == ""


def make_old(tmp_path, out):
    (tmp_path / "old.jsonl").write_text(OLD)
    assert build(tmp_path / "old.jsonl", out).returncode == 0
    return folder_bytes(out)


def test_a_full_disk_leaves_no_index(disk, source):
    folder, _ = disk
    has_failed(build(source, folder / "x"), "No space left on device", "free some space, or choose another folder")
    assert list(folder.iterdir()) == []


def test_a_full_disk_leaves_the_old_index(disk, source, tmp_path):
    folder, _ = disk
    before = make_old(tmp_path, folder / "x")
    done = build(source, folder / "x", "--force")
    has_failed(done, "No space left on device", "free some space, or choose another folder")
    assert folder_bytes(folder / "x") == before
    Index.open(folder / "x", verify=True).close()


def test_a_read_only_disk_is_told_from_a_full_one_and_its_index_can_be_read(disk, source, tmp_path):
    folder, mount = disk
    before = make_old(tmp_path, folder / "x")
    assert mount(f"remount,ro,size={SIZE}")
    hint = "the file system is read-only: choose another folder"
    has_failed(build(source, folder / "y"), "Read-only file system", hint)
    has_failed(build(source, folder / "x", "--force"), "Read-only file system", hint)
    assert folder_bytes(folder / "x") == before
    with Index.open(folder / "x", verify=True) as index:
        assert index.external_ids([0]) == ["1"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told_from_a_full_disk(source, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    done = build(source, tmp_path / "locked" / "x")
    has_failed(done, "Permission denied", "choose another folder, or change the permissions of this one")
    assert list((tmp_path / "locked").iterdir()) == []


def test_files_that_may_not_grow_leave_the_old_index(source, tmp_path):
    before = make_old(tmp_path, tmp_path / "x")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, SIZE))

    hint = "files may not grow so large here: raise the limit (ulimit -f), or choose another folder"
    for out, *more in ((tmp_path / "x", "--force"), (tmp_path / "y",)):
        has_failed(build(source, out, *more, preexec_fn=limit), "File too large", hint)
    assert folder_bytes(tmp_path / "x") == before
    assert not (tmp_path / "y").exists()
