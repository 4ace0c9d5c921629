"""Judged collections in the BEIR layout: documents, the judged queries of one split, and their judgments.

FOLDER/corpus.jsonl[.gz]      {"_id": ..., "title": ..., "text": ...}
FOLDER/queries.jsonl[.gz]     {"_id": ..., "text": ...}
FOLDER/qrels/SPLIT.tsv        query-id <tab> corpus-id <tab> score, after a header
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from lsr.documents import Document
from lsr.errors import BadInput, NotFound, nearest

DEFAULT_SPLIT = "test"


@dataclass(frozen=True)
class Collection:
    """One split of a judged collection.

    Attributes:
        name: Name of its folder.
        split: Name of the split.
        documents: Opens the documents; each call reads them anew.
        queries: Id to text of the judged queries of the split, in the order of the query file.
        qrels: Query id to document id to grade.
    """

    name: str
    split: str
    documents: Callable[[], Iterable[Document]]
    queries: dict[str, str]
    qrels: dict[str, dict[str, int]]


def open_collection(folder: str | PathLike[str], split: str | None = None) -> Collection:
    """Open a folder in the BEIR layout; queries and judgments are read now, documents when they are asked for.

    Args:
        folder: The folder.
        split: Name of a file in ``qrels/`` without its suffix; ``None`` takes "test", or the only one there is.

    Raises:
        NotFound: The folder, one of its files or the split does not exist.
        BadInput: A file is malformed, or a judged query is not among the queries.
    """
    from lsr.sources import open_documents, open_queries, read_qrels

    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise NotFound("no such collection folder", where=str(folder))
    _file(folder, "corpus.jsonl")
    query_file = _file(folder, "queries.jsonl")
    qrels_file = _split_file(folder, split)
    qrels = read_qrels(qrels_file)
    queries = {query.id: query.text for query in open_queries(query_file) if query.id in qrels}
    unknown = [query for query in qrels if query not in queries]
    if unknown:
        raise BadInput(
            f"{len(unknown)} of {len(qrels)} judged queries are not in {query_file.name}, such as {unknown[0]!r}",
            where=str(qrels_file),
            hint="judgments and queries must come from the same release of the collection",
        )
    return Collection(folder.name, qrels_file.stem, lambda: open_documents(folder, input_format="beir"), queries, qrels)


def _file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise NotFound(
        f"no {name} or {name}.gz in this folder",
        where=str(folder),
        hint="a judged collection has corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv",
    )


def _split_file(folder: Path, split: str | None) -> Path:
    splits = {path.stem: path for path in sorted((folder / "qrels").glob("*.tsv"))}
    where = str(folder / "qrels")
    if not splits:
        raise NotFound(
            "no relevance judgments here", where=where, hint="a judged collection has at least qrels/test.tsv"
        )
    if split is None:
        split = next(iter(splits)) if len(splits) == 1 else DEFAULT_SPLIT
    if split not in splits:
        close = nearest(split, list(splits))
        suggestion = f"did you mean {close}? " if close else ""
        raise NotFound(
            f"no split {split!r}", where=where, hint=f"{suggestion}splits here, for --split: {', '.join(splits)}"
        )
    return splits[split]
