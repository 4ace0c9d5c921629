"""What was checked on this machine is trusted, nothing else is, and the memory of it stays small."""

import shutil

import pytest
from toy import word_encoder

from lsr.errors import CorruptIndex, Refused
from lsr.index import builder, trust
from lsr.index import index as index_module
from lsr.index.builder import BuildOptions, build
from lsr.index.files import exclusive
from lsr.index.index import Index

DOCUMENTS = [{"id": str(i), "text": "apple banana"} for i in range(4)]


@pytest.fixture
def root(tmp_path, own_cache):
    """An index that no stamp vouches for."""
    build(tmp_path / "x", DOCUMENTS, word_encoder())
    shutil.rmtree(own_cache)
    return tmp_path / "x"


@pytest.fixture
def trusted(root):
    """An index that was checked here already."""
    Index.open(root).close()
    return root


@pytest.fixture
def checks(monkeypatch):
    """One entry for each segment that was checked in full."""
    found = []
    real = index_module.check_segment
    monkeypatch.setattr(index_module, "check_segment", lambda *a: found.append(a) or real(*a))
    return found


def stamps(folder):
    return sorted(path for path in (folder / "checked").iterdir())


def flip(root):
    """Change a byte of the postings."""
    path = root / "gen-1" / "segment-0" / "columns.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return path


def test_a_sound_index_is_checked_once(root, checks):
    for _ in range(3):
        Index.open(root).close()
    assert len(checks) == 1
    Index.open(root, verify=True).close()
    assert len(checks) == 2


def test_what_was_built_here_needs_no_check(tmp_path, checks):
    Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder()).close()
    Index.open(tmp_path / "x").close()
    assert checks == []


def test_the_stamp_of_a_build_is_written_while_no_other_process_can_replace_the_index(tmp_path, monkeypatch):
    real = builder.trust

    def at_that_moment(*arguments):
        with pytest.raises(Refused, match="another process is writing this index"), exclusive(tmp_path / "x"):
            pass
        real(*arguments)

    monkeypatch.setattr(builder, "trust", at_that_moment)
    Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder()).close()


def test_a_build_that_is_replaced_at_once_opens_what_replaced_it(tmp_path, monkeypatch):
    real = index_module.current_generation

    def slow(root):
        monkeypatch.setattr(index_module, "current_generation", real)
        build(root, DOCUMENTS[:1], word_encoder(), BuildOptions(force=True))
        raise CorruptIndex("the generation that the pointer named is gone")

    monkeypatch.setattr(index_module, "current_generation", slow)
    with Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder()) as index:
        assert (index.generation, len(index)) == ("gen-2", 1)


def test_a_stamp_does_not_travel(trusted, tmp_path):
    copy = shutil.copytree(trusted, tmp_path / "copy")
    path = flip(copy)
    with pytest.raises(CorruptIndex, match="checksum") as caught:
        Index.open(copy)
    assert caught.value.where == str(path)


def test_a_change_after_the_check_is_noticed(trusted):
    flip(trusted)
    with pytest.raises(CorruptIndex, match="checksum"):
        Index.open(trusted)


def test_a_change_during_the_check_is_noticed_at_the_next_opening(root, monkeypatch):
    real = index_module.check_segment

    def slow(*arguments):
        real(*arguments)
        flip(root)

    with monkeypatch.context() as patch:
        patch.setattr(index_module, "check_segment", slow)
        Index.open(root).close()
    with pytest.raises(CorruptIndex, match="checksum"):
        Index.open(root)


def test_stricter_checks_do_not_trust_older_stamps(trusted, checks, monkeypatch):
    monkeypatch.setattr(trust, "CHECKS", trust.CHECKS + 1)
    Index.open(trusted).close()
    Index.open(trusted).close()
    assert len(checks) == 1


@pytest.mark.parametrize("content", [b"\xff{", b"[]", b"{}", b""])
def test_a_damaged_stamp_only_means_another_check(trusted, own_cache, checks, content):
    (stamp,) = stamps(own_cache)
    stamp.write_bytes(content)
    Index.open(trusted).close()
    assert len(checks) == 1


def test_an_index_has_one_stamp_however_often_it_is_rebuilt(tmp_path, own_cache):
    for _ in range(3):
        Index.build(tmp_path / "x", DOCUMENTS, encoder=word_encoder(), force=True).close()
    assert len(stamps(own_cache)) == 1


def test_stamps_of_indexes_that_are_gone_do_not_pile_up(tmp_path, own_cache, monkeypatch):
    monkeypatch.setattr(trust, "_LOOKED_AT", 3)
    Index.build(tmp_path / "stays", DOCUMENTS, encoder=word_encoder()).close()
    for number in range(12):
        Index.build(tmp_path / f"{number}", DOCUMENTS, encoder=word_encoder()).close()
        shutil.rmtree(tmp_path / f"{number}")
    assert len(stamps(own_cache)) < 8
    (own_cache / "checked" / "left-behind.new").write_text("")
    (own_cache / "checked" / "of-an-older-release.json").write_text("[]")
    monkeypatch.setattr(trust, "_LOOKED_AT", 100)
    Index.open(tmp_path / "stays", verify=True).close()
    assert len(stamps(own_cache)) == 1


def test_what_cannot_be_read_is_not_pruned(trusted, own_cache):
    (own_cache / "checked" / "folder").mkdir()
    Index.open(trusted, verify=True).close()
    assert (own_cache / "checked" / "folder").is_dir()


def test_stamps_lie_in_the_users_cache(root, tmp_path, monkeypatch):
    monkeypatch.delenv("LSR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Index.open(root).close()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Index.open(root).close()
    assert len(stamps(tmp_path / "cache" / "lsr")) == 1
    assert len(stamps(tmp_path / "home" / ".cache" / "lsr")) == 1


def test_a_user_without_a_home_can_open_an_index(root, monkeypatch):
    for name in ("LSR_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("lsr.index.trust.Path.home", homeless)
    Index.open(root).close()
