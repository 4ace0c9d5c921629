"""Latency of search, apart from encoding.

Every figure comes from repeated rounds over all queries after an untimed one, and is the median over the rounds: of
each query's latency for the percentiles, of the time of a whole batch for the mean under several threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

from lsr.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lsr.searcher import Searcher
    from lsr.vectors import SparseVectors

Answer = TypeVar("Answer")
Clock = Callable[[], int]
"""Nanoseconds since some fixed moment."""


def measure_latency(
    searcher: Searcher,
    queries: Sequence[str] | SparseVectors,
    ks: Sequence[int],
    *,
    threads: int = 1,
    rounds: int = 3,
    clock: Clock = time.perf_counter_ns,
) -> list[dict[str, int | float | bool]]:
    """Time searches for each k.

    With one thread, queries run one after the other. With several, the mean is the time of one batch search divided
    by the number of queries (so it falls as throughput rises), and the percentiles are latencies of single searches
    while that many threads run them at once.

    Args:
        searcher: What is measured. Choose its kernel: with "auto", a few queries may be too little warming up.
        queries: Texts, which are encoded one at a time before anything is timed; or vectors over the index's terms.
        ks: Numbers of hits.
        threads: Threads for search.
        rounds: Timed passes over all queries.
        clock: Where the time comes from.

    Returns:
        One object for each k: ``k``, ``queries`` (their number), ``threads``, ``mean_us``, ``p50_us``, ``p95_us``,
        ``p99_us`` (microseconds of search a query), ``encode_us`` (mean microseconds to encode a query; 0.0 for
        vectors) and ``exact`` (whether all hits are the true top k, as the search itself says).

    Raises:
        UsageError: There are no queries or no k, or a number is below 1.
    """
    for what, number in (("threads", threads), ("rounds", rounds), *(("k", k) for k in ks)):
        if number < 1:
            raise UsageError(f"{what} must be at least 1, not {number}")
    if len(queries) == 0 or len(ks) == 0:
        raise UsageError("nothing to measure", hint="give at least one query and one k")
    singles, encode_us = _vectors(searcher, queries, clock)
    rows: list[dict[str, int | float | bool]] = []
    for k in ks:
        row: dict[str, int | float | bool] = {"k": k, "queries": len(singles), "threads": threads}
        figures, exact = _latencies(searcher, singles, k, threads, rounds, clock)
        rows.append(row | figures | {"encode_us": encode_us, "exact": exact})
    return rows


def _vectors(
    searcher: Searcher, queries: Sequence[str] | SparseVectors, clock: Clock
) -> tuple[list[SparseVectors], float]:
    """Each query as vectors of one row, and the mean microseconds to encode one."""
    from lsr.vectors import SparseVectors

    if isinstance(queries, SparseVectors):
        return [queries.slice(i, i + 1) for i in range(len(queries))], 0.0
    searcher.encode_queries([queries[0]])
    start = clock()
    singles = [searcher.encode_queries([text]) for text in queries]
    return singles, _microseconds(clock() - start) / len(singles)


def _latencies(
    searcher: Searcher, singles: list[SparseVectors], k: int, threads: int, rounds: int, clock: Clock
) -> tuple[dict[str, float], bool]:
    """The figures, and whether all hits were exact."""
    import numpy as np

    def search(query: SparseVectors) -> bool:
        return searcher.search_batch(query, k, threads=1).exact

    def latency(query: SparseVectors) -> int:
        start = clock()
        search(query)
        return clock() - start

    with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
        exact = all(_pass(search, singles, pool))
        nanoseconds = np.array([_pass(latency, singles, pool) for _ in range(rounds)])
    of_query: NDArray[np.float64] = np.median(nanoseconds, axis=0) / 1000
    p50, p95, p99 = np.percentile(of_query, [50, 95, 99]).tolist()
    mean = float(of_query.mean()) if threads == 1 else _batch_mean(searcher, singles, k, threads, rounds, clock)
    return {"mean_us": mean, "p50_us": p50, "p95_us": p95, "p99_us": p99}, exact


def _pass(ask: Callable[[SparseVectors], Answer], singles: list[SparseVectors], pool: Executor | None) -> list[Answer]:
    return list(pool.map(ask, singles) if pool is not None else map(ask, singles))


def _batch_mean(
    searcher: Searcher, singles: list[SparseVectors], k: int, threads: int, rounds: int, clock: Clock
) -> float:
    """Median microseconds of a batch search over all queries, divided by their number."""
    from statistics import median

    from lsr.vectors import SparseVectors

    batch = SparseVectors.concatenate(singles)
    searcher.search_batch(batch, k, threads=threads)
    times = []
    for _ in range(rounds):
        start = clock()
        searcher.search_batch(batch, k, threads=threads)
        times.append(clock() - start)
    return _microseconds(median(times)) / len(singles)


def _microseconds(nanoseconds: float) -> float:
    return nanoseconds / 1000
