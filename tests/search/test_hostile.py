"""Forged indexes whose checksums all fit: refused, or searched as exhaustive scoring of their own postings says."""

import json
import shutil

import numpy as np
import oracle
import pytest
from toy import edit_manifest, forge_array, segment_of, space, write_index

from lsr.errors import LsrError
from lsr.index.index import Index
from lsr.index.manifest import BYTE_ARRAYS, FLOAT_ARRAYS
from lsr.search.engine import Engine
from lsr.vectors import SparseVectors

SIZE = 20_000
SPACES = (
    space("words", base=0, capacity=40, scale=40009 * 2.0**-22),
    space("more", base=40, capacity=2**32 - 40, scale=65535 * 2.0**-24),
)
QUERIES = SparseVectors.from_rows(
    [
        ([0, 1, 20, 21, 50, 51], [1.5, 0.25, 2.0, 1e-6, 0.75, 3.0]),
        ([2, 22, 52, 53], [0.5, 100.0, 1.0, 1.0]),
        ([50], [1.0]),
    ]
)


def original_rows():
    """Terms below 20 are frequent, 20 to 39 are in one document of fifty, and those from 50 on are rare."""
    random = np.random.default_rng(5)
    rows = []
    for i in range(SIZE):
        terms = {int(t): 1 for t in random.choice(20, 3, replace=False)}
        if i % 5 == 0:
            terms[20 + int(random.integers(20))] = 1
        if i % 400 == 0:
            terms[50 + i % 7] = 1
        rows.append((sorted(terms), random.integers(1, 256, len(terms)).astype(np.float32).tolist()))
    return SparseVectors.from_rows(rows)


@pytest.fixture(scope="module", params=["uint8", "reordered", "float32"])
def original(request, tmp_path_factory):
    rows = original_rows()
    spaces = (
        SPACES if request.param != "float32" else [space("words", capacity=40), space("more", base=40, capacity=99)]
    )
    order = np.random.default_rng(6).permutation(SIZE).astype(np.uint32) if request.param == "reordered" else None
    impacts = "float32" if request.param == "float32" else "uint8"
    path = tmp_path_factory.mktemp("original") / "x"
    return write_index(path, [segment_of(rows, impacts, order=order)], spaces, impacts=impacts)


def damage(random, array):
    """Change a few elements in one of several ways."""
    if len(array) == 0:
        return
    at = int(random.integers(len(array)))
    kind = int(random.integers(6))
    if kind == 0:
        array[at] = random.bytes(array.itemsize) and np.frombuffer(random.bytes(array.itemsize), array.dtype)[0]
    elif kind == 1:
        array.view(np.uint8)[at * array.itemsize + int(random.integers(array.itemsize))] ^= 1 << int(random.integers(8))
    elif kind == 2:
        array[at] = array[int(random.integers(len(array)))]
    elif kind == 3:
        other = int(random.integers(len(array)))
        array[[at, other]] = array[[other, at]]
    elif kind == 4:
        array[at : at + int(random.integers(1, 50))] = array[at]
    else:
        array[at:] = np.roll(array[at:], 1)


def damage_manifest(random, manifest):
    """Change one number of the manifest."""
    places = [(manifest["spaces"][i], name) for i in range(2) for name in ("base", "capacity", "scale", "terms")]
    segment = manifest["segments"][0]
    places += [(segment, "documents"), (segment, "postings")]
    places += [(entry, name) for entry in segment["files"].values() for name in ("bytes", "length")]
    where, name = places[int(random.integers(len(places)))]
    where[name] = [0, 1, where[name] + 1, where[name] - 1, where[name] * 2, 2**31, 2**32, 2**40, 2**62][
        random.integers(9)
    ]


def decoded(index):
    """The documents of an index as dicts of term to impact, read posting by posting."""
    documents = [{} for _ in range(len(index))]
    for segment in index.segments:
        for place, term in enumerate(segment.terms.tolist()):
            _, entry = index.space_of(term)
            numbers, impacts = segment.postings(place)
            for number, impact in zip(numbers.tolist(), impacts.tolist(), strict=True):
                documents[segment.first + number][term] = impact * entry.scale
    return documents


def answers(found):
    rows = zip(found.documents.tolist(), found.scores.tolist(), found.counts.tolist(), strict=True)
    return [list(zip(documents[:count], scores[:count], strict=True)) for documents, scores, count in rows]


def try_one(original, root, random, section):
    shutil.copytree(original, root)
    if section == "manifest":
        edit_manifest(root, lambda manifest: damage_manifest(random, manifest))
    else:
        forge_array(root, section, lambda array: damage(random, array))
    try:
        index = Index.open(root)
    except LsrError:
        return False
    with index:
        found = Engine(index.segments, index.manifest.spaces, "compiled").search(QUERIES, 20)
        queries = [dict(zip(*(part.tolist() for part in QUERIES.row(q)), strict=True)) for q in range(len(QUERIES))]
        assert answers(found) == [oracle.top(decoded(index), query, 20) for query in queries]
    return True


def run(original, tmp_path, rounds):
    impacts = json.loads((original / "gen-1" / "manifest.json").read_bytes())["impacts"]
    sections = ["manifest", *(FLOAT_ARRAYS if impacts == "float32" else BYTE_ARRAYS)]
    random = np.random.default_rng(7)
    opened = 0
    for i in range(rounds):
        root = tmp_path / str(i)
        opened += try_one(original, root, random, sections[i % len(sections)])
        shutil.rmtree(root)
    return opened


def test_a_few_forged_indexes(original, tmp_path):
    assert run(original, tmp_path, 26) < 26


@pytest.mark.slow
def test_many_forged_indexes(original, tmp_path):
    assert 0 < run(original, tmp_path, 340) < 340
