"""The benchmarks run as their pages say."""

import importlib.util
import json
from pathlib import Path

from lsr.encoders.splade import SpladeDocuments

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def collection_at(folder):
    texts = {"1": "owls fly silently", "2": "bats listen to echoes", "3": "eels stun fish"}
    (folder / "qrels").mkdir(parents=True)
    rows = [json.dumps({"_id": name, "text": text}) for name, text in texts.items()]
    (folder / "corpus.jsonl").write_text("\n".join(rows))
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "silent owls"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\n")


def test_quality_prints_a_row_for_each_collection_and_encodes_each_text_once(tmp_path, capsys, monkeypatch):
    collection_at(tmp_path / "all" / "animals")
    collection_at(tmp_path / "all" / "others")
    encode, encoded = SpladeDocuments.encode, []
    monkeypatch.setattr(SpladeDocuments, "encode", lambda self, texts: encoded.extend(texts) or encode(self, texts))
    load("quality").main([str(tmp_path / "all"), "--only", "animals", "--json", str(tmp_path / "out.json")])
    header, line, row = capsys.readouterr().out.splitlines()
    systems = [
        f"{system} {impacts}"
        for impacts in ("float32", "uint8")
        for system in ("splade-tiny", "bm25", "splade-tiny+bm25")
    ]
    assert header == f"| collection | {' | '.join(systems)} | s |"
    assert line.count("|") == row.count("|") == 9
    assert row.startswith("| animals | 1.0000 | 1.0000 | 1.0000 | 1.0000 | 1.0000 | 1.0000 | ")
    assert list(json.loads((tmp_path / "out.json").read_text())["animals"]) == systems
    assert len(encoded) == 3
