"""Batches computed side by side: one stream of batches a thread, each with a single-threaded BLAS.

Many small matrix products run faster this way than one product spread over all cores, and their results do not depend
on how many cores there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
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

    One item, or one thread, is run by the calling thread.
    """
    with guard():
        if threads == 1 or len(items) <= 1:
            return [function(item) for item in items]
        pool = ThreadPoolExecutor(min(threads, len(items)), thread_name_prefix="lsr-encode")
        try:
            return list(pool.map(function, items))
        finally:
            pool.shutdown(cancel_futures=True)


class SharedContext:
    """A context for a setting of the whole process, which several threads may be inside at once.

    Only the first to enter makes the change and only the last to leave undoes it, so that nobody takes the changed
    value for the original one.

    Args:
        make: Makes the context that changes the setting.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[None]]) -> None:
        self._make = make
        self._lock = Lock()
        self._inside = 0
        self._context: AbstractContextManager[None]

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Enter; leave with the body."""
        with self._lock:
            if self._inside == 0:
                self._context = self._make()
                self._context.__enter__()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._context.__exit__(None, None, None)


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def _limited_blas() -> Iterator[None]:
    with _blas().limit(limits=1, user_api="blas"):
        yield


one_blas_thread = SharedContext(_limited_blas)
"""Context in which BLAS uses one thread a call."""
