"""Streams of documents, and several term spaces side by side."""

import math
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import word_encoder

from lsr.encoders import base
from lsr.encoders.base import BlendedEncoder
from lsr.encoders.bm25 import load_bm25
from lsr.encoders.spaces import join_spaces
from lsr.errors import UsageError
from lsr.vectors import SparseVectors

TEXTS = ["apple banana", "banana banana cherry", "", "fig apple apple", "date"]


def blend(weight=1.5):
    return BlendedEncoder((word_encoder(step=0.5), replace(load_bm25(language="none"), weight=weight)))


ENCODERS = [word_encoder, lambda: load_bm25(language="none"), blend]


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("indptr", "terms", "weights"))


@pytest.mark.parametrize("make", ENCODERS)
def test_a_stream_gives_the_labelled_rows_of_the_whole(make, monkeypatch):
    monkeypatch.setattr(base, "CHUNK", 2)
    encoder, streaming = make(), make()
    whole = encoder.encode_documents(TEXTS)
    chunks = list(streaming.iter_documents(iter(TEXTS)))
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert same(SparseVectors.concatenate(chunks), whole)
    assert {chunk.fingerprint for chunk in chunks} == {whole.fingerprint} == {encoder.document_fingerprint}
    assert [row for chunk in chunks for row in chunk.to_dicts()] == whole.to_dicts()


@pytest.mark.parametrize("make", ENCODERS)
def test_progress_counts_texts(make, monkeypatch):
    monkeypatch.setattr(base, "CHUNK", 2)
    done = []
    make().encode_documents(iter(TEXTS), progress=done.append)
    assert done == [2, 4, 5]


def test_an_encoder_that_needs_no_collection_reads_no_further_than_asked(monkeypatch):
    monkeypatch.setattr(base, "CHUNK", 2)
    read = []
    chunks = word_encoder().iter_documents(read.append(text) or text for text in TEXTS)
    assert len(next(chunks)) == 2
    assert read == TEXTS[:2]


@pytest.mark.parametrize("make", ENCODERS)
def test_a_single_text_is_refused_before_the_stream_starts(make):
    with pytest.raises(UsageError, match="got a single one"):
        make().iter_documents("apple")


def test_a_bad_text_is_named_by_its_place_in_the_stream(monkeypatch):
    monkeypatch.setattr(base, "CHUNK", 2)
    with pytest.raises(UsageError, match="text 3 is a int"):
        word_encoder().encode_documents(["apple", "", "fig", 4])


@pytest.mark.parametrize("make", ENCODERS)
def test_no_texts_give_labelled_vectors_without_rows(make):
    encoder = make()
    nothing = encoder.encode_documents([])
    assert (len(nothing), nothing.fingerprint) == (0, encoder.document_fingerprint)
    assert nothing.vocabulary is not None
    assert len(encoder.encode_queries(["apple"], collection=nothing)) == 1


def test_terms_of_a_blend_are_called_by_space_and_token():
    encoder = blend()
    documents = encoder.encode_documents(TEXTS)
    queries = encoder.encode_queries(["fig"], collection=documents)
    assert documents.to_dicts()[4] == {"words:date": 0.5, "bm25:date": pytest.approx(0.66, abs=0.1)}
    assert set(queries.to_dicts()[0]) == {"words:fig", "bm25:fig"}
    names = documents.vocabulary
    assert len(names) == 6 + 5
    for term in documents.terms.tolist():
        assert names.find(names.token(term)) == term
    assert [names.find(name) for name in ("fig", "words:zzz", "bm25:zzz", "other:fig")] == [None] * 4
    assert names.token(6 + 5) is None


def test_queries_of_a_blend_use_the_statistics_of_the_collection_that_is_given():
    encoder = blend()
    small, large = encoder.encode_documents(["fig", "date"]), encoder.encode_documents(["fig"] + ["date"] * 99)
    weights = [encoder.encode_queries(["fig"], collection=c).to_dicts()[0]["bm25:fig"] for c in (small, large, small)]
    assert weights[0] == weights[2] == pytest.approx(1.5 * math.log1p(1.5 / 1.5))
    assert weights[1] == pytest.approx(1.5 * math.log1p(99.5 / 1.5))


@given(st.floats(2.0**-126, 2.0**32, width=32), st.floats(1e-6, 1e6))
def test_a_joined_weight_is_the_product_in_float64_rounded_once(weight, factor):
    expected = struct.unpack("f", struct.pack("f", weight * factor))[0]
    vectors = SparseVectors.from_rows([([3], [weight])])
    terms, weights = join_spaces([vectors], [4], [factor]).row(0)
    assert (terms.tolist(), weights.tolist()) == ([7], [expected])


def test_a_fingerprint_of_a_blend_changes_with_what_changes_its_vectors():
    encoder = blend()
    other = BlendedEncoder((word_encoder(step=0.7), encoder.parts[1]))
    assert encoder.query_fingerprint == blend().query_fingerprint != blend(weight=2.0).query_fingerprint
    assert encoder.document_fingerprint != other.document_fingerprint
    assert encoder.document_fingerprint == blend(weight=2.0).document_fingerprint
    turned = BlendedEncoder(tuple(reversed(encoder.parts)))
    assert (turned.query_fingerprint, turned.document_fingerprint) == (
        encoder.query_fingerprint,
        encoder.document_fingerprint,
    )
