"""The first two minutes: index a real collection, search it, and see how good each ranking is.

Every step is a command that you can type yourself; it is printed before it runs.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCIFACT = Path("demo/scifact")
INDEX = Path("demo/out/scifact.idx")
QUERIES = (
    "vitamin D deficiency",
    "how do cancer cells evade the immune system",
    "antibiotic resistance in hospitals",
)
LSR = (sys.executable, "-m", "lsr")


def main() -> None:
    """Run the demo, or only fill the compile caches with ``--warm``."""
    os.chdir(ROOT)
    if "--warm" in sys.argv[1:]:
        warm()
        return
    started = time.monotonic()
    show("index", SCIFACT, "--out", INDEX, "--max-length", 256, "--force")
    for query in QUERIES:
        show("search", INDEX, query, "--k", 3)
    show("eval", INDEX, "--queries", SCIFACT / "queries.jsonl.gz", "--qrels", SCIFACT / "qrels/test.tsv",
         "--measures", "nDCG@10 R@100")  # fmt: skip
    print(f"\nDone in {time.monotonic() - started:.0f} s. Now try, with {VENV_HINT}:\n")
    for line in (
        f'lsr search {INDEX} "your own question"',
        f'lsr explain {INDEX} "{QUERIES[2]}"',
        f'lsr search {INDEX} "{QUERIES[2]}" --explain --k 2',
        "lsr index your-documents.jsonl --out my.idx",
    ):
        print(f"  {line}")


VENV_HINT = "the environment active (source .venv/bin/activate)"


def show(*arguments: object) -> None:
    """Print a command, run it, and stop the demo if it fails."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ lsr {shlex.join(words)}", flush=True)
    colour = {} if "NO_COLOR" in os.environ else {"FORCE_COLOR": "1"}
    result = subprocess.run([*LSR, *words], env={**os.environ, **colour}, check=False)
    if result.returncode:
        sys.exit(result.returncode)


def warm() -> None:
    """Compile what the demo uses, in the search kernels and in the evaluation library."""
    subprocess.run([*LSR, "warmup"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        run, qrels = Path(folder, "run.txt"), Path(folder, "qrels.txt")
        run.write_text("q Q0 a 1 2 x\nq Q0 b 2 1 x\n")
        qrels.write_text("q 0 a 1\n")
        command = [*LSR, "eval", str(run), "--qrels", str(qrels), "--measures", "nDCG@10 R@100", "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
