"""Other engines read what we write, and score alike; each test needs the engine's own package.

BMP keeps query weights that are multiples of 1/32 of the largest as they are, and its scores wrap at 65,536: ours stay
below.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from interchange_samples import fields, messages, ready

from lsr.index.index import Index
from lsr.interchange import export_index
from lsr.searcher import Searcher

QUERY = {"w3": 32.0, "w11": 8.0, "w24": 20.0, "w30": 3.0}
K = 10


@pytest.fixture
def index(tmp_path):
    rng = np.random.default_rng(3)
    rows = []
    for _ in range(200):
        terms = np.flatnonzero(rng.random(40) < 0.4)
        rows.append({f"w{t}": float(w) for t, w in zip(terms, rng.integers(1, 256, len(terms)), strict=True)})
    ready(tmp_path / "a.idx", rows).close()
    with Index.open(tmp_path / "a.idx") as opened:
        yield opened


@pytest.fixture
def expected(index):
    return [hit.score for hit in Searcher(index, kernel="portable").search_vector(list(QUERY), list(QUERY.values()), K)]


def scores_of(script, *arguments):
    """What a script prints; in a process of its own, since these engines end it when something is wrong."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{script}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_bmp_reads_our_ciff(index, expected, tmp_path):
    pytest.importorskip("bmp")
    export_index(index, tmp_path / "v.ciff")
    script = """
import json, sys, bmp
bmp.ciff2bmp(ciff_file=sys.argv[1], output=sys.argv[2], bsize=8, compress_range=False)
ids, scores = bmp.Searcher(sys.argv[2]).search(json.loads(sys.argv[3]), k=int(sys.argv[4]), alpha=1.0, beta=1.0)
print(); print(json.dumps([float(score) for score in scores]))
"""
    assert scores_of(script, tmp_path / "v.ciff", tmp_path / "v.bmp", json.dumps(QUERY), K) == expected


def test_pisa_reads_our_ciff(index, expected, tmp_path):
    """PISA's wheel reads its own uncompressed lists, which are copied here from the messages of the file."""
    pytest.importorskip("pyterrier_pisa")
    export_index(index, tmp_path / "v.ciff")
    header, *rest = messages((tmp_path / "v.ciff").read_bytes())
    lists, records = rest[: dict(header)[2]], rest[dict(header)[2] :]
    documents, frequencies = [np.array([1, dict(header)[3]])], []
    for found in lists:
        postings = [dict(fields(value)) for name, value in found if name == 4]
        documents += [[len(postings)], np.cumsum([posting[1] for posting in postings])]
        frequencies += [[len(postings)], [posting[2] for posting in postings]]
    folder = tmp_path / "pisa"
    folder.mkdir()
    arrays = {"docs": documents, "freqs": frequencies, "sizes": [[len(records)], [dict(r)[3] for r in records]]}
    for name, parts in arrays.items():
        np.concatenate(parts).astype("<u4").tofile(folder / f"inv.{name}")
    (folder / "fwd.terms").write_bytes(b"".join(dict(found)[1] + b"\n" for found in lists))
    (folder / "fwd.documents").write_bytes(b"".join(dict(record)[2] + b"\n" for record in records))
    script = """
import json, sys, numpy as np
from pyterrier_pisa import _pisathon as pisa
folder, query, k = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
pisa.build_binlex(folder + "/fwd.terms", folder + "/fwd.termlex")
pisa.build_binlex(folder + "/fwd.documents", folder + "/fwd.doclex")
context = pisa.RetrievalContext()
pisa.prepare_index(context, folder, "block_simdbp", "quantized", "", quantize=0, block_size=64)
found = [np.empty(k, np.int32), np.empty(k, object), np.empty(k, np.int32), np.empty(k, np.float32)]
names = ("result_qidxs", "result_docnos", "result_ranks", "result_scores")
count = pisa.retrieve(context, "maxscore", [(0, query)], k=k, threads=1, query_weighted=1, pretokenised=True,
                      **dict(zip(names, found)))
print(); print(json.dumps(found[3][:count].tolist()))
"""
    assert scores_of(script, folder, json.dumps(QUERY), K) == expected


def test_seismic_reads_our_lines(index, expected, tmp_path):
    """It keeps 16-bit floats, so scores are near ours."""
    pytest.importorskip("seismic")
    export_index(index, tmp_path / "v.jsonl", file_format="seismic")
    script = """
import json, sys, numpy as np, seismic
built = seismic.SeismicIndex.build(sys.argv[1], n_postings=1000, centroid_fraction=1.0, summary_energy=1.0, doc_cut=40,
                                     num_threads=1)
query, text = json.loads(sys.argv[2]), seismic.get_seismic_string()
weights = np.array(list(query.values()), np.float32)
found = built.search("q", np.array(list(query), text), weights, int(sys.argv[3]), 40, 0.1, 0, True)
print(); print(json.dumps([score for _, score, _ in found]))
"""
    found = scores_of(script, tmp_path / "v.jsonl", json.dumps(QUERY), K)
    assert found == pytest.approx(expected, rel=0.002)
