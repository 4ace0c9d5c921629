"""Runs: ranked hits of many queries, and the six-column TREC file that carries them between tools.

A ranking is decided in one way everywhere: scores are rounded to float32, higher is better, and equal scores keep the
order in which they came. A file that is written here has strictly falling scores, so that tools which break ties in
other ways (by document id, up or down) see the same ranking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lsr.errors import BadInput, UsageError
from lsr.sources.lines import Lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Run = Mapping[str, Sequence[tuple[str, float]]]
"""Query id to its hits, each a document id and a score."""

_COLUMNS = "query Q0 document rank score tag"
_OVERFLOW = (2 - 2.0**-24) * 2.0**127
"""From here on, numbers round to infinity in float32."""


def ranked(hits: Sequence[tuple[str, float]], where: str | None = None) -> list[tuple[str, float]]:
    """Hits by float32 score descending; equal scores keep the order given. Scores come back rounded to float32.

    Raises:
        BadInput: A score is NaN, infinite, or too large for float32.
    """
    import numpy as np

    with np.errstate(over="ignore"):
        scores = np.asarray([score for _, score in hits], np.float64).astype(np.float32)
    finite = np.isfinite(scores)
    if not np.all(finite):
        document, score = hits[int(np.argmin(finite))]
        raise BadInput(f"the score of document {document!r} is {score}, not a finite float32 number", where=where)
    order = np.argsort(-scores, kind="stable")
    return [(hits[i][0], score) for i, score in zip(order.tolist(), scores[order].tolist(), strict=True)]


def read_run(path: str | PathLike[str]) -> dict[str, list[tuple[str, float]]]:
    """Read a run from a TREC file, plain or gzip by content: six columns between white space, in UTF-8.

    The rank column is ignored, as trec_eval does: scores decide, and equal ones keep the order of the lines. Blank
    lines are skipped.

    Returns:
        Query id to hits, ranked.

    Raises:
        NotFound: The file can't be read.
        BadInput: It is gzip, and damaged. Or a line has another number of columns, a score that is no finite number,
            an id that is not UTF-8, or a document that its query has already; the message says ``path:line``.
    """
    scores: dict[str, dict[str, float]] = {}
    for line in Lines([Path(path)]):
        if line.data is None:
            raise BadInput("the line is far too long", where=line.where, hint=f"a TREC run has: {_COLUMNS}")
        columns = line.data.split()
        if not columns:
            continue
        if len(columns) != 6:
            raise BadInput(f"{len(columns)} columns instead of 6", where=line.where, hint=f"a TREC run has: {_COLUMNS}")
        try:
            query, document = columns[0].decode(), columns[2].decode()
        except UnicodeDecodeError:
            raise BadInput("an id is not valid UTF-8", where=line.where) from None
        hits = scores.setdefault(query, {})
        if document in hits:
            raise BadInput(f"document {document!r} appears twice for query {query!r}", where=line.where)
        hits[document] = _score(columns[4], line.where)
    return {query: ranked(list(hits.items())) for query, hits in scores.items()}


def write_run(stream: TextIO, run: Run, tag: str) -> None:
    """Write a run as a TREC file: ``query Q0 document rank score tag``, ranks from 1.

    Scores are float32 with 9 significant digits, which is enough to read back the same number. Within a query they fall
    strictly: a score that is not below its predecessor's is replaced by the next smaller float32.

    Raises:
        UsageError: The tag is empty or holds white space.
        BadInput: An id is empty or holds white space, or a score is not a finite float32 number.
    """
    if not _is_word(tag):
        raise UsageError(f"the tag {tag!r} is empty or holds white space", hint="use a name such as lsr-bm25")
    for query, hits in run.items():
        ordered = ranked(hits, where=f"query {query!r}")
        for identifier in (query, *(document for document, _ in ordered)):
            if not _is_word(identifier):
                raise BadInput(
                    f"the id {identifier!r} is empty or holds white space, which a TREC run can't carry",
                    where=f"query {query!r}",
                    hint="use the JSON output instead, or rename the documents",
                )
        falling = strictly_falling([score for _, score in ordered]).tolist()
        for rank, ((document, _), score) in enumerate(zip(ordered, falling, strict=True), start=1):
            stream.write(f"{query} Q0 {document} {rank} {score:.9g} {tag}\n")


def strictly_falling(scores: ArrayLike) -> NDArray[np.float32]:
    """The largest float32 scores that fall strictly and exceed none of the given ones.

    Args:
        scores: Finite scores, one-dimensional, descending.

    Raises:
        BadInput: There are ties at the very bottom of the float32 range.
    """
    import numpy as np

    bits = np.asarray(scores, np.float32).view(np.int32).astype(np.int64)
    # Sign and magnitude become one integer that counts float32 numbers from zero: neighbours differ by 1.
    steps = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    places = np.arange(len(steps))
    steps = np.minimum.accumulate(steps + places) - places
    if np.any(steps <= -0x7F800000):
        raise BadInput("scores tie at the lowest float32 number, so that no order can be written")
    return np.where(steps < 0, -steps | 0x80000000, steps).astype(np.uint32).view(np.float32)


def _score(text: bytes, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = float("nan")
    if not abs(score) < _OVERFLOW:
        shown = text.decode(errors="replace")
        raise BadInput(
            f"the score is {shown!r}, not a finite float32 number", where=where, hint=f"a TREC run has: {_COLUMNS}"
        )
    return score


def _is_word(text: str) -> bool:
    return text.split() == [text]
