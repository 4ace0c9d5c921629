"""Write the golden indexes of format version 1: ``PYTHONPATH=tests/search python tests/index/write_golden.py``.

They stand for all indexes that users have built. Whoever needs to write them again has changed the format: that takes a
new version number, and a folder of its own beside the old one.
"""

import json
import math
import shutil
import struct
from pathlib import Path

import oracle

from lsr.index.index import Index

GOLDEN = Path(__file__).parent / "golden"
QUERIES = [
    {"frequent": 1.0},
    {"frequent": 0.25, "windowed": 1.5, "rare": 2.0},
    {"rare": 1.0, "": 0.5, "naïve": 3.0, "unknown": 1.0},
    {"windowed": 0.1, "always": 0.3},
]
K = 12


def documents():
    """As many as make one column, one windowed list and rare lists likely; weights are float32 numbers."""
    for i in range(320):
        vector = {"always": (1 + i % 11) / 8}
        if i % 2 == 0:
            vector["frequent"] = float32(math.sqrt(1 + i % 13))
        if i % 20 == 3:
            vector["windowed"] = float32(1 / (1 + i % 7))
        if i % 45 == 3:
            vector["rare"] = 2.75
        if i % 100 == 8:
            vector |= {"": 0.01, "naïve": 3.0}
        yield {"id": f"d{i}", "vector": {} if i == 5 else vector, "n": i}


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def levels(rows):
    """Rows of levels times the scale, by the scale rule of FORMAT.md."""
    mantissa, exponent = math.frexp(max(weight for row in rows for weight in row.values()) / 255)
    scale = math.ldexp(math.ceil(mantissa * 2**16), exponent - 16)
    return [{token: min(round(weight / scale), 255) * scale for token, weight in row.items()} for row in rows]


def main():
    rows = [document["vector"] for document in documents()]
    order = {token: term for term, token in enumerate(dict.fromkeys(token for row in rows for token in row))}
    expected = {}
    for impacts, stored in (("uint8", levels(rows)), ("float32", rows)):
        shutil.rmtree(GOLDEN / impacts, ignore_errors=True)
        Index.build(GOLDEN / impacts, documents(), encoder=None, impacts=impacts).close()
        numbered = [{order[token]: weight for token, weight in row.items()} for row in stored]
        known = [{order[t]: float32(weight) for t, weight in query.items() if t in order} for query in QUERIES]
        expected[impacts] = [
            {"query": query, "hits": [[f"d{number}", score] for number, score in oracle.top(numbered, terms, K)]}
            for query, terms in zip(QUERIES, known, strict=True)
        ]
    (GOLDEN / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
