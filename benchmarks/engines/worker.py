"""The process of one engine: it builds the index, and times its own searches when it is told to.

Its argument is the core that it stays on. It reads messages from its standard input and answers on its standard output
(``frames``). What the engine itself prints goes to standard error.
"""

from __future__ import annotations

import gc
import importlib.metadata
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from benchmarks.engines.adapters.base import Engine, Unfit, build_named
from benchmarks.engines.frames import Arrays, receive, send
from benchmarks.engines.vectors import Documents, Queries

REHEARSAL = 64
"""Documents of a first, unmeasured index, by which everything is loaded and compiled."""

Reply = tuple[dict[str, Any], Arrays]


class Worker:
    """An engine, its prepared queries, and the messages that it understands."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._queries: list[Any] = []

    def build(self, message: dict[str, Any], _arrays: Arrays) -> Reply:
        """Build an index of ``documents`` (a folder) below ``folder``, after a rehearsal with a few documents."""
        build = build_named(message["build"])
        documents, folder = Documents.open(Path(message["documents"])), Path(message["folder"])
        make = build.adapter_class()
        rehearsal = make(documents.head(REHEARSAL), _made(folder / "rehearsal"), **build.options)
        query = rehearsal.prepare(*_as_query(documents))
        rehearsal.answer(rehearsal.searcher(rehearsal.settings[0], 10)(query))
        del rehearsal, query
        gc.collect()
        before = memory_mb("VmRSS")
        started = time.perf_counter()
        self._engine = make(documents, _made(folder / "measured"), **build.options)
        took = time.perf_counter() - started
        return {
            "build_s": took,
            "before_mb": before,
            "structures": self._engine.structures(),
            "settings": list(self._engine.settings),
            "version": importlib.metadata.version(self._engine.package),
        }, {}

    def prepare(self, message: dict[str, Any], arrays: Arrays) -> Reply:
        """Take the queries."""
        assert self._engine is not None
        queries = Queries(arrays["starts"], arrays["terms"], arrays["weights"], message["whole"])
        self._queries = [self._engine.prepare(*queries.row(i)) for i in range(len(queries))]
        return {"queries": len(self._queries)}, {}

    def ask(self, message: dict[str, Any], _arrays: Arrays) -> Reply:
        """Time ``count`` queries from ``first`` on, after ``warm`` others; both go round at the end of all queries."""
        assert self._engine is not None
        first, total = message["first"], len(self._queries)
        chosen = [self._queries[(first + i) % total] for i in range(-message["warm"], message["count"])]
        search = self._engine.searcher(message["setting"], message["k"])
        for query in chosen[: message["warm"]]:
            search(query)
        nanoseconds, found = timed(search, chosen[message["warm"] :])
        answers = [self._engine.answer(one) for one in found]
        return {"peak_mb": memory_mb("VmHWM")}, {
            "nanoseconds": nanoseconds,
            "counts": np.array([len(documents) for documents, _ in answers], np.int64),
            "documents": np.concatenate([documents for documents, _ in answers]),
            "scores": np.concatenate([scores for _, scores in answers]),
        }


def timed(
    search: Callable[[Any], Any], queries: Sequence[Any]
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], list[Any]]:
    """Nanoseconds of each search, and what it gave; Python's collector rests meanwhile."""
    nanoseconds = np.empty(len(queries), np.int64)
    found = []
    clock = time.perf_counter_ns
    gc.collect()
    gc.disable()
    try:
        for i, query in enumerate(queries):
            started = clock()
            result = search(query)
            nanoseconds[i] = clock() - started
            found.append(result)
    finally:
        gc.enable()
    return nanoseconds, found


def memory_mb(name: str, process: int | str = "self") -> float:
    """A line of a process's memory status in MB, such as ``VmHWM``; 0 where the system has none."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), 0.0)


def serve(incoming: IO[bytes], outgoing: IO[bytes]) -> None:
    """Answer messages until the other side ends."""
    worker = Worker()
    while True:
        try:
            message, arrays = receive(incoming)
        except EOFError:
            return
        try:
            reply, result = getattr(worker, message["do"])(message, arrays)
        except Unfit as reason:
            reply, result = {"left_out": str(reason)}, {}
        except ModuleNotFoundError as reason:
            reply, result = {"left_out": f"not installed ({reason.name})"}, {}
        except BaseException as error:  # some engines' panics derive from BaseException
            if isinstance(error, KeyboardInterrupt):
                return
            reply, result = {"left_out": f"failed: {type(error).__name__}: {str(error)[:200]}"}, {}
        send(outgoing, reply, result)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _as_query(documents: Documents) -> tuple[Any, Any]:
    terms, levels = documents.row(0)
    return np.array(terms), levels.astype(np.float32)


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[1])})  # threads that start later inherit it
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, outgoing)
    os._exit(0)  # engines with threads of their own may hang at exit
