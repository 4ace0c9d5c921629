"""How far indexing is, with its rate and the time left: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lsr.cli.output import note
from lsr.documents import CheckedDocuments, Document
from lsr.errors import ShardsDropped

if TYPE_CHECKING:
    from lsr.sources import Source

Report = Callable[[int], None]
"""Takes the number of documents that are done."""

INTERVAL = 10.0
"""Seconds between two lines."""
_HORIZON = 30.0


class Reading(CheckedDocuments):
    """The documents of a source, counted as they are handed out, so that their number can be estimated.

    Args:
        source: Where the documents come from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._count = 0

    def __iter__(self) -> Iterator[Document]:
        self._count = 0
        for document in self._source:
            self._count += 1
            yield document

    def total(self) -> int | None:
        """The number of documents: known, estimated from the bytes read so far, or ``None``."""
        if self._source.total is not None:
            return self._source.total
        size, read = self._source.bytes_total, self._source.bytes_read
        return round(self._count * size / read) if size and read else None


class Pace:
    """Documents a second over the last half minute.

    Args:
        clock: Seconds since some fixed moment.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])

    def rate(self, done: int) -> float:
        """The pace now that ``done`` documents are finished; 0.0 as long as no time has passed."""
        now = self._clock()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] > _HORIZON:
            self._seen.popleft()
        start, before = self._seen[0]
        return (done - before) / (now - start) if now > start else 0.0


class ProgressLines:
    """Progress as lines.

    Args:
        total: Gives the number of documents, or ``None``.
        clock: Seconds since some fixed moment.
    """

    def __init__(self, total: Callable[[], int | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._pace = Pace(clock)
        self._next = clock() + INTERVAL

    def __call__(self, done: int) -> None:
        """Print a line if the last one is long enough ago."""
        rate = self._pace.rate(done)
        if self._clock() < self._next:
            return
        self._next = self._clock() + INTERVAL
        total = self._total()
        of = f" of {total:,}" if total else ""
        left = f", {duration((total - done) / rate)} left" if total and rate > 0 else ""
        note(f"{done:,}{of} documents, {rate:,.0f} documents/s{left}")


@contextmanager
def progress(total: Callable[[], int | None], *, quiet: bool) -> Iterator[Report | None]:
    """Show progress on standard error while the body runs.

    Args:
        total: Gives the number of documents, or ``None``; it is asked again and again, as an estimate gets better.
        quiet: Show nothing.

    Yields:
        What is to be told the number of documents done, or ``None``.
    """
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(total) as report:
            yield report
    else:
        yield ProgressLines(total)


@contextmanager
def noting_dropped_shards() -> Iterator[None]:
    """Print the warning of a resumed build that can't take over earlier work as one line, even if all else is quiet."""
    show = warnings.showwarning

    def show_ours(message: Warning | str, category: type[Warning], *place: Any) -> None:
        if issubclass(category, ShardsDropped):
            note(f"warning: {message}")
        else:
            show(message, category, *place)

    with warnings.catch_warnings():
        warnings.simplefilter("always", ShardsDropped)
        warnings.showwarning = show_ours  # type: ignore[assignment]
        yield


@contextmanager
def _bar(total: Callable[[], int | None]) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("documents, {task.fields[rate]:,.0f}/s,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    pace = Pace()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=None, rate=0.0)
        yield lambda done: shown.update(task, completed=done, total=total(), rate=pace.rate(done))


def duration(seconds: float) -> str:
    """A time span for people: ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
