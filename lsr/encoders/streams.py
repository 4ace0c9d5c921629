"""Batches computed side by side: one stream of batches a thread, each with a single-threaded BLAS.

Many small matrix products run faster this way than one product spread over all cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_threads() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_streams(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    threads: int,
    guard: Callable[[], AbstractContextManager[None]],
) -> list[Result]:
    """``function`` of every item, in order, by up to ``threads`` threads inside ``guard``.

    A single item runs in the calling thread, unguarded: there is nothing to run beside it.
    """
    if len(items) <= 1:
        return [function(item) for item in items]
    with guard():
        if threads == 1:
            return [function(item) for item in items]
        pool = ThreadPoolExecutor(min(threads, len(items)), thread_name_prefix="lsr-encode")
        try:
            return list(pool.map(function, items))
        finally:
            pool.shutdown(cancel_futures=True)


class _BlasLimit:
    """One BLAS thread while anybody asks for it.

    The limit belongs to the whole process: only the first to enter may read the old value, only the last to leave may
    put it back.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._controller: Any = None
        self._limit: Any = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._users == 0:
                self._limit = self._blas().limit(limits=1, user_api="blas")
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._limit.restore_original_limits()

    def _blas(self) -> Any:
        if self._controller is None:
            from threadpoolctl import ThreadpoolController

            self._controller = ThreadpoolController()
        return self._controller


one_blas_thread = _BlasLimit()
"""Context in which BLAS uses one thread a call; may be entered by several threads at once."""
