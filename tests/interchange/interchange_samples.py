"""Indexes to export, a decoder of protocol buffers that shares nothing with the code under test, and comparisons."""

import numpy as np
from toy import segment_of, space, write_index

from lsr.index.index import Index
from lsr.searcher import Searcher
from lsr.vectors import SparseVectors

SCALES = (2.0**-6, 3 * 2.0**-9)


def blend(root, *, impacts="uint8", documents=90, seed=1):
    """An index of two term spaces in two segments, the second reordered; names in the first space only."""
    rng = np.random.default_rng(seed)
    named, capacity = 40, 1000
    rows = []
    for i in range(documents):
        terms = np.flatnonzero(rng.random(named + 30) < 0.3)
        terms = np.where(terms < named, terms, named + (terms - named) * 31)  # the second space has gaps
        rows.append((terms if i % 11 else [], rng.integers(1, 256, len(terms)) if i % 11 else []))
    half = documents // 2
    parts = [SparseVectors.from_rows(rows[:half]), SparseVectors.from_rows(rows[half:])]
    order = rng.permutation(documents - half).astype(np.uint32) if impacts == "uint8" else None
    segments = [segment_of(parts[0], impacts), segment_of(parts[1], impacts, half, order=order)]
    scales = SCALES if impacts == "uint8" else (1.0, 1.0)
    spaces = [
        space("words", capacity=named, weight=0.5, scale=scales[0], terms=named),
        space("ids", base=named, capacity=capacity, scale=scales[1]),
    ]
    tokens = [(0, f"w{term:02}é", term, 1) for term in range(named)]
    ids = [f"doc {i}" for i in range(documents)]
    write_index(root, segments, spaces, impacts=impacts, ids=ids, terms=tokens)
    return Index.open(root)


def ready(root, rows, impacts="uint8"):
    """An index of documents with a vector."""
    documents = [{"id": f"d{i}", "contents": f"text {i}", "vector": row} for i, row in enumerate(rows)]
    return Index.build(root, documents, encoder=None, impacts=impacts)


def weights(index, *, prefixed=True):
    """Identifier to token to weight, and identifier to token to level, of all documents in order."""
    found = [{} for _ in range(len(index))]
    levels = [{} for _ in range(len(index))]
    for segment in index.segments:
        for place, term in enumerate(segment.terms.tolist()):
            number, entry = index.space_of(term)
            token = index.vocabularies[number].token(term - entry.base)
            token = str(term - entry.base) if token is None else token
            name = f"{entry.name}:{token}" if prefixed and len(index.manifest.spaces) > 1 else token
            for document, impact in zip(*(array.tolist() for array in segment.postings(place)), strict=True):
                found[segment.first + document][name] = impact * entry.scale
                levels[segment.first + document][name] = impact
    ids = index.external_ids(range(len(index)))
    return dict(zip(ids, found, strict=True)), dict(zip(ids, levels, strict=True))


def hits(index, query, k=20):
    results = Searcher(index, kernel="portable").search_vector(list(query), list(query.values()), k)
    return [(hit.id, hit.score) for hit in results]


def messages(data):
    """The messages of a CIFF file, each as a list of (field number, value); values of length are bytes."""
    at, found = 0, []
    while at < len(data):
        length, at = _number(data, at)
        found.append(fields(data[at : at + length]))
        at += length
    return found


def fields(data):
    at, found = 0, []
    while at < len(data):
        tag, at = _number(data, at)
        if tag & 7 == 0:
            value, at = _number(data, at)
        elif tag & 7 == 1:
            value, at = data[at : at + 8], at + 8
        else:
            assert tag & 7 == 2
            length, at = _number(data, at)
            value, at = data[at : at + length], at + length
        found.append((tag >> 3, value))
    return found


def _number(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def number(value):
    value %= 2**64
    out = []
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(name, value):
    """A field: a whole number, or bytes with their length."""
    if isinstance(value, bytes):
        return number(name << 3 | 2) + number(len(value)) + value
    return number(name << 3) + number(value)


def message(*pairs):
    body = b"".join(field(name, value) for name, value in pairs)
    return number(len(body)) + body


def ciff(lists, ids, *, description="by hand", counts=None):
    """A CIFF file by hand: lists are (term, [(document, tf)])."""
    many, documents = counts or (len(lists), len(ids))
    out = message((1, 1), (2, many), (3, documents), (4, many), (5, documents), (8, description.encode()))
    for term, postings in lists:
        before, body = 0, []
        for document, tf in postings:
            body.append((4, field(1, document - before) + field(2, tf)))
            before = document
        out += message((1, term.encode()), (2, len(postings)), (3, sum(tf for _, tf in postings)), *body)
    for i, identifier in enumerate(ids):
        out += message((1, i), (2, identifier.encode()), (3, 1))
    return out
