"""A collection folder in the BEIR layout: ``corpus.jsonl`` with ``_id``, ``title`` and ``text``."""

from __future__ import annotations

from pathlib import Path

from lsr.sources.jsonl import JsonlSource

CORPUS = ("corpus.jsonl", "corpus.jsonl.gz")


class BeirSource(JsonlSource):
    """The documents of a BEIR folder."""

    format = "beir"


def corpus_file(folder: Path) -> Path | None:
    """The file with the documents of a BEIR folder, or ``None`` if it has none."""
    return next((folder / name for name in CORPUS if (folder / name).is_file()), None)
