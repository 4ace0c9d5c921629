"""Judged collections in the BEIR layout (``lsr.sources.beir``): documents, the judged queries of a split, judgments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from lsr.documents import Document
from lsr.errors import BadInput, NotFound


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
    from lsr.sources.beir import qrels_file, query_file

    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise NotFound("no such collection folder", where=str(folder))
    open_documents(folder, input_format="beir")  # says if there are none
    asked, judged = query_file(folder), qrels_file(folder, split)
    qrels = read_qrels(judged)
    queries = {query.id: query.text for query in open_queries(asked) if query.id in qrels}
    unknown = [query for query in qrels if query not in queries]
    if unknown:
        raise BadInput(
            f"{len(unknown)} of {len(qrels)} judged queries are not in {asked.name}, such as {unknown[0]!r}",
            where=str(judged),
            hint="judgments and queries must come from the same release of the collection",
        )
    return Collection(folder.name, judged.stem, lambda: open_documents(folder, input_format="beir"), queries, qrels)
