"""A collection folder in the BEIR layout.

FOLDER/corpus.jsonl[.gz]      {"_id": ..., "title": ..., "text": ...}
FOLDER/queries.jsonl[.gz]     {"_id": ..., "text": ...}
FOLDER/qrels/SPLIT.tsv        query-id <tab> corpus-id <tab> score, after a header
"""

from __future__ import annotations

from pathlib import Path

from lsr import defaults
from lsr.errors import NotFound, nearest
from lsr.sources.jsonl import JsonlSource

CORPUS = ("corpus.jsonl", "corpus.jsonl.gz")
QUERIES = ("queries.jsonl", "queries.jsonl.gz")


class BeirSource(JsonlSource):
    """The documents of a BEIR folder."""

    format = "beir"


def corpus_file(folder: Path) -> Path | None:
    """The file with the documents of a BEIR folder, or ``None`` if it has none."""
    return next((folder / name for name in CORPUS if (folder / name).is_file()), None)


def query_file(folder: Path) -> Path:
    """The file with the queries of a BEIR folder.

    Raises:
        NotFound: It has none.
    """
    for name in QUERIES:
        if (folder / name).is_file():
            return folder / name
    raise NotFound(
        f"no {' or '.join(QUERIES)} in this folder", where=str(folder), hint="give the file with the queries"
    )


def qrels_file(folder: Path, split: str | None = None) -> Path:
    """The file with the judgments of a split; without a name, the only one, or ``test`` of several.

    Raises:
        NotFound: There are no judgments, or no split of that name.
    """
    splits = {file.stem: file for file in sorted((folder / "qrels").glob("*.tsv"))}
    if split is None:
        split = next(iter(splits)) if len(splits) == 1 else defaults.SPLIT
    if split in splits:
        return splits[split]
    close = nearest(split, list(splits))
    suggestion = f"did you mean {close!r}? " if close else ""
    raise NotFound(
        f"no split {split!r}" if splits else f"no relevance judgments, and so no split {split!r}",
        where=str(folder / "qrels"),
        hint=f"{suggestion}splits here: {', '.join(splits) or 'none'}",
    )
