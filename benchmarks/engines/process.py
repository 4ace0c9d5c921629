"""The parent's side of an engine's process: start it, ask it, watch its memory, end it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.engines.frames import Arrays, receive, send
from benchmarks.engines.worker import memory_mb

ROOT = Path(__file__).resolve().parents[2]
_ONE_THREAD = ("OMP", "MKL", "OPENBLAS", "RAYON", "NUMBA", "POLARS_MAX")
_GLANCE = 0.1
_START = f"""
import sys, types
ours = sys.modules["benchmarks"] = types.ModuleType("benchmarks")
ours.__path__ = [{str(ROOT / "benchmarks")!r}]
from benchmarks.engines.worker import main
main()
"""
"""Runs the worker although the engine's environment may hold a package named ``benchmarks``, as some do."""


class LeftOut(Exception):
    """An engine can't take part; the message says why."""


class EngineProcess:
    """One engine in a process of its own, on one core.

    Args:
        core: The core that it is kept on.
        log: File for what the engine prints.
        python: Interpreter that has the engine's package.
        limit_mb: Ends when its own memory (what no file backs) is more than that.
    """

    def __init__(self, core: int, log: Path, python: str = sys.executable, limit_mb: float = float("inf")) -> None:
        environment = os.environ | {f"{name}_NUM_THREADS": "1" for name in _ONE_THREAD} | {"POLARS_MAX_THREADS": "1"}
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [python, "-c", _START, str(core)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                cwd=ROOT,
            )
        self._log = log
        self._limit_mb = limit_mb
        self.anonymous_mb = 0.0
        self._over = False
        threading.Thread(target=self._watch, daemon=True).start()

    def ask(self, message: dict[str, Any], arrays: Arrays | None = None) -> tuple[dict[str, Any], Arrays]:
        """Send a message and wait for the reply.

        Raises:
            LeftOut: The engine refuses, failed, died, or needed too much memory.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            send(self._process.stdin, message, arrays)
            reply, result = receive(self._process.stdout)
        except (EOFError, BrokenPipeError):
            if self._over:
                raise LeftOut(f"needs more than {self._limit_mb / 1024:.0f} GB") from None
            raise LeftOut(f"its process ended ({self._process.wait()}); see {self._log}") from None
        if "left_out" in reply:
            raise LeftOut(reply["left_out"])
        return reply, result

    def end(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _watch(self) -> None:
        while self._process.poll() is None:
            self.anonymous_mb = max(self.anonymous_mb, memory_mb("RssAnon", self._process.pid))
            if self.anonymous_mb > self._limit_mb:
                self._over = True
                self._process.kill()
            time.sleep(_GLANCE)
