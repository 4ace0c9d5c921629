import errno

import pytest
from toy import WORDS, folder_bytes, word_encoder

from lsr.encoders.base import BlendedEncoder
from lsr.encoders.bm25 import load_bm25
from lsr.errors import BadInput, BadModel, NotFound, Refused, ShardsDropped, UsageError, WriteFailed
from lsr.index import builder
from lsr.index.index import Index
from lsr.vectors import SparseVectors

# Every document brings a word that no earlier one has, so BM25's vocabulary grows in every shard.
DOCUMENTS = [
    {"id": f"d{i}", "text": f"new{i} {WORDS[i % 6]} {WORDS[(i * i) % 6]} new{i // 2}", "n": i} for i in range(23)
]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(builder, "SHARD_DOCUMENTS", 5)


def blend():
    return BlendedEncoder((word_encoder(), load_bm25(language="none")))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def interrupted(path, documents, after, **arguments):
    encoder = blend()
    encoder.parts[0].document.interrupt_at = after
    with pytest.raises(KeyboardInterrupt):
        Index.build(path, documents, encoder=encoder, **arguments)


def resumed(path, documents, **arguments):
    """How many documents were encoded again."""
    encoder = blend()
    Index.build(path, documents, encoder=encoder, resume=True, **arguments).close()
    return encoder.parts[0].document.texts


@pytest.mark.parametrize("after", [0, 3, 5, 12, 22])
def test_a_resumed_build_ends_with_the_bytes_of_an_uninterrupted_one(tmp_path, after):
    Index.build(tmp_path / "whole", DOCUMENTS, encoder=blend()).close()
    interrupted(tmp_path / "x", DOCUMENTS, after)
    assert resumed(tmp_path / "x", DOCUMENTS) == 23 - after // 5 * 5
    assert folder_bytes(tmp_path / "x") == folder_bytes(tmp_path / "whole")


@pytest.mark.parametrize("changed", [0, 7, 14])
def test_shards_that_do_not_fit_are_dropped_with_a_warning_before_anything_is_encoded(tmp_path, changed):
    interrupted(tmp_path / "x", DOCUMENTS, 17)
    documents = [*DOCUMENTS]
    documents[changed] = documents[changed] | {"text": "another text"}
    encoder = blend()
    encoder.parts[0].document.interrupt_at = 0
    with pytest.warns(ShardsDropped) as caught, pytest.raises(KeyboardInterrupt):
        Index.build(tmp_path / "x", documents, encoder=encoder, resume=True)
    assert [warning.message.shards for warning in caught] == [3 - changed // 5]
    with pytest.warns(ShardsDropped):
        assert resumed(tmp_path / "x", documents) == 23 - changed // 5 * 5


@pytest.mark.parametrize("damaged", [False, True])
def test_shards_that_fit_are_no_reason_to_warn(tmp_path, recwarn, damaged):
    interrupted(tmp_path / "x", DOCUMENTS, 17)
    if damaged:
        (tmp_path / "x" / ".build" / "shard-000001.npz").write_bytes(b"PK")
    later = [*DOCUMENTS[:16], DOCUMENTS[16] | {"text": "another text"}, *DOCUMENTS[17:]]
    assert resumed(tmp_path / "x", later) == 8 + 5 * damaged
    assert not [warning for warning in recwarn if warning.category is ShardsDropped]


def test_progress_counts_what_was_taken_over(tmp_path):
    interrupted(tmp_path / "x", DOCUMENTS, 12)
    done = []
    resumed(tmp_path / "x", DOCUMENTS, progress=done.append)
    assert done[:2] == [5, 10]
    assert done[-1] == 23


def test_a_changed_document_invalidates_its_shard_and_all_after_it(tmp_path):
    changed = [dict(document) for document in DOCUMENTS]
    changed[7]["n"] = "another stored field"
    Index.build(tmp_path / "whole", changed, encoder=blend()).close()
    interrupted(tmp_path / "x", DOCUMENTS, 21)
    assert resumed(tmp_path / "x", changed) == 23 - 5
    assert folder_bytes(tmp_path / "x") == folder_bytes(tmp_path / "whole")


def test_another_encoder_or_other_text_fields_invalidate_all_shards(tmp_path):
    interrupted(tmp_path / "x", DOCUMENTS, 21)
    other = BlendedEncoder((word_encoder(step=2.0), load_bm25(language="none")))
    Index.build(tmp_path / "x", DOCUMENTS, encoder=other, resume=True).close()
    assert other.parts[0].document.texts == 23
    interrupted(tmp_path / "y", DOCUMENTS, 21)
    assert resumed(tmp_path / "y", DOCUMENTS, text_fields=["text", "title"]) == 23


def test_another_backend_invalidates_all_shards(tmp_path):
    interrupted(tmp_path / "x", DOCUMENTS, 21)
    other = blend()
    other.parts[0].document.backend = "torch"
    assert other.parts[0].document_fingerprint == blend().parts[0].document_fingerprint
    Index.build(tmp_path / "x", DOCUMENTS, encoder=other, resume=True).close()
    assert other.parts[0].document.texts == 23


def test_another_release_invalidates_all_shards(tmp_path, monkeypatch):
    interrupted(tmp_path / "x", DOCUMENTS, 21)
    monkeypatch.setattr(builder, "__version__", "0.0.0")
    assert resumed(tmp_path / "x", DOCUMENTS) == 23


@pytest.mark.parametrize("error", [RuntimeError("its own"), MemoryError(), OSError(errno.EIO, "a network share")])
def test_an_error_that_is_not_the_inputs_fault_keeps_finished_shards(tmp_path, error):
    def stream():
        yield from DOCUMENTS[:12]
        raise error

    with pytest.raises(type(error)) as caught:
        Index.build(tmp_path / "x", stream(), encoder=blend())
    assert caught.value is error
    assert resumed(tmp_path / "x", DOCUMENTS) == 13


def test_such_an_error_before_the_first_finished_shard_leaves_nothing(tmp_path):
    def stream():
        yield from DOCUMENTS[:4]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Index.build(tmp_path / "x", stream(), encoder=blend())
    assert list(tmp_path.iterdir()) == []


def failing(documents, error):
    yield from documents
    raise error


ERRORS = [BadInput("a bad line"), WriteFailed("no space", hint="free some space"), UsageError("a wrong value")]


@pytest.mark.parametrize("error", ERRORS)
def test_errors_of_input_and_disk_keep_finished_shards_and_no_index(tmp_path, error):
    with pytest.raises(type(error), match=r"finished shards are kept: go on with resume=True \(--resume\)"):
        Index.build(tmp_path / "x", failing(DOCUMENTS[:12], error), encoder=blend())
    assert names(tmp_path / "x") == [".build"]
    with pytest.raises(NotFound, match="only an unfinished build is here"):
        Index.open(tmp_path / "x")
    assert resumed(tmp_path / "x", DOCUMENTS) == 13


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("documents", [DOCUMENTS[:4], DOCUMENTS[:5], [{"id": "another", "text": ""}]])
def test_a_failed_resume_never_costs_a_shard_that_it_found(tmp_path, error, documents):
    interrupted(tmp_path / "x", DOCUMENTS, 21)
    with pytest.raises(type(error)):
        Index.build(tmp_path / "x", failing(documents, error), encoder=blend(), resume=True)
    assert names(tmp_path / "x" / ".build") == [f"shard-00000{number}.npz" for number in range(4)]
    assert resumed(tmp_path / "x", DOCUMENTS) == 3


@pytest.mark.parametrize(
    "arguments", [{"impacts": "int4"}, {"text_fields": "text"}, {"ids": ["1"]}, {"encoder": word_encoder(weight=-1)}]
)
def test_wrong_arguments_cost_no_shard(tmp_path, arguments):
    interrupted(tmp_path / "x", DOCUMENTS, 21)
    for how in ({"resume": True}, {"force": True}):
        with pytest.raises(UsageError):
            Index.build(tmp_path / "x", DOCUMENTS, **{"encoder": blend(), **how, **arguments})
    assert resumed(tmp_path / "x", DOCUMENTS) == 3


@pytest.mark.parametrize("error", [WriteFailed("no space"), KeyboardInterrupt()])
def test_a_failure_after_the_last_shard_keeps_all_shards_and_nothing_else(tmp_path, monkeypatch, error):
    def fail(path, *_):
        (tmp_path / "x" / ".build" / "shard-000009.new").write_text("half")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(builder, "write_catalog", fail)
        with pytest.raises(type(error)):
            Index.build(tmp_path / "x", DOCUMENTS, encoder=blend())
    assert names(tmp_path / "x" / ".build") == [f"shard-00000{number}.npz" for number in range(5)]
    assert resumed(tmp_path / "x", DOCUMENTS) == 0


def test_a_model_that_is_at_fault_costs_only_the_shards_of_its_own_run(tmp_path):
    def broken():
        encoder = word_encoder()
        encoder.document.finish = lambda raw, mean_mass: SparseVectors.trusted(raw.indptr, raw.terms, -raw.weights)
        return encoder

    with pytest.raises(BadModel):
        Index.build(tmp_path / "x", DOCUMENTS, encoder=broken())
    assert list(tmp_path.iterdir()) == []
    encoder = word_encoder()
    encoder.document.interrupt_at = 21
    with pytest.raises(KeyboardInterrupt):
        Index.build(tmp_path / "x", DOCUMENTS, encoder=encoder)
    with pytest.raises(BadModel):
        Index.build(tmp_path / "x", DOCUMENTS, encoder=broken(), resume=True)
    encoder = word_encoder()
    Index.build(tmp_path / "x", DOCUMENTS, encoder=encoder, resume=True).close()
    assert encoder.document.texts == 0


def test_other_impacts_take_over_the_shards(tmp_path):
    interrupted(tmp_path / "x", DOCUMENTS, 21)
    assert resumed(tmp_path / "x", DOCUMENTS, impacts="float32") == 3


def test_fewer_documents_take_over_their_shards(tmp_path):
    Index.build(tmp_path / "whole", DOCUMENTS[:10], encoder=blend()).close()
    interrupted(tmp_path / "x", DOCUMENTS, 21)
    assert resumed(tmp_path / "x", DOCUMENTS[:10]) == 0
    assert folder_bytes(tmp_path / "x") == folder_bytes(tmp_path / "whole")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a zip file"),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"new7", b"new8")),
    ],
)
def test_a_damaged_shard_is_encoded_again(tmp_path, damage):
    Index.build(tmp_path / "whole", DOCUMENTS, encoder=blend()).close()
    interrupted(tmp_path / "x", DOCUMENTS, 21)
    damage(tmp_path / "x" / ".build" / "shard-000001.npz")
    assert resumed(tmp_path / "x", DOCUMENTS) == 5 + 3
    assert folder_bytes(tmp_path / "x") == folder_bytes(tmp_path / "whole")


def test_vectors_with_unusual_tokens_survive_a_resume(tmp_path):
    documents = [{"id": str(i), "vector": {f"a\n{i}": 1.5, "": 1.0, f"{i}": 0.25}} for i in range(12)]
    Index.build(tmp_path / "whole", documents, encoder=None).close()

    def stream():
        yield from documents[:11]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Index.build(tmp_path / "x", stream(), encoder=None)
    Index.build(tmp_path / "x", documents, encoder=None, resume=True).close()
    assert folder_bytes(tmp_path / "x") == folder_bytes(tmp_path / "whole")


def test_an_interrupted_build_is_not_thrown_away_unless_forced(tmp_path):
    interrupted(tmp_path / "x", DOCUMENTS, 21)
    with pytest.raises(NotFound, match="only an unfinished build is here") as caught:
        Index.open(tmp_path / "x")
    assert "--resume" in caught.value.hint
    encoder = blend()
    with pytest.raises(Refused, match="interrupted build"):
        Index.build(tmp_path / "x", DOCUMENTS, encoder=encoder)
    Index.build(tmp_path / "x", DOCUMENTS, encoder=encoder, force=True).close()
    assert encoder.parts[0].document.texts == 23


def test_an_interrupted_replacement_leaves_the_old_index_and_can_go_on(tmp_path):
    Index.build(tmp_path / "x", DOCUMENTS[:3], encoder=blend()).close()
    interrupted(tmp_path / "x", DOCUMENTS, 12, force=True)
    with Index.open(tmp_path / "x") as index:
        assert len(index) == 3
    with pytest.raises(Refused):
        Index.build(tmp_path / "x", DOCUMENTS, encoder=blend())
    assert resumed(tmp_path / "x", DOCUMENTS) == 13
    with Index.open(tmp_path / "x") as index:
        assert (len(index), index.generation) == (23, "gen-2")


def test_a_process_that_died_while_publishing_can_go_on(tmp_path, monkeypatch):
    Index.build(tmp_path / "whole", DOCUMENTS, encoder=blend()).close()

    def die(path, content):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lsr.index.generations.replace_file", die)
        with pytest.raises(KeyboardInterrupt):
            Index.build(tmp_path / "x", DOCUMENTS, encoder=blend())
    assert (tmp_path / "x" / "gen-1").exists()
    with pytest.raises(NotFound, match="only an unfinished build is here"):
        Index.open(tmp_path / "x")
    with pytest.raises(Refused, match="an interrupted build is here"):
        Index.build(tmp_path / "x", DOCUMENTS, encoder=blend())
    assert resumed(tmp_path / "x", DOCUMENTS) == 0
    assert folder_bytes(tmp_path / "x") == folder_bytes(tmp_path / "whole")


def test_a_vocabulary_that_had_words_before_is_not_taken_for_an_empty_one(tmp_path):
    used = load_bm25(language="none", k1=1.2)  # no settings by which it could be loaded anew
    used.encode_documents(["words of another collection"])

    def stream():
        yield from DOCUMENTS[:11]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Index.build(tmp_path / "x", stream(), encoder=used)
    fresh = load_bm25(language="none", k1=1.2)
    with Index.build(tmp_path / "x", DOCUMENTS, encoder=fresh, resume=True) as index:
        assert index.vocabularies[0].lookup("new0") == (0, 2)
