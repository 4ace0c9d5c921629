"""How a command ends: every way has its exit code and its words, decided here and nowhere else.

    0        done; also when the reader of standard output went away
    1        ran, and the answer is "no": damage found, a measure below its minimum
    2 to 7   an ``LsrError``, see ``lsr.errors``
    70       a defect of lsr: the traceback goes to a file
    130      Ctrl-C
    143      SIGTERM

An error is two lines on standard error, ``error: WHERE: MESSAGE`` and ``hint: WHAT TO DO``; with ``--json`` it is one
line ``{"error": {"code", "message", "hint", "path"}}`` instead.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from lsr.cli.output import ANSWER, answering, note, visible
from lsr.errors import LsrError, NotFound, WriteFailed, is_denied, remedy, unreadable

DONE = 0
ANSWER_IS_NO = 1
DEFECT = 70
INTERRUPTED = 130
TERMINATED = 143


class Terminated(BaseException):
    """SIGTERM has come; like ``KeyboardInterrupt``, it is no ``Exception``."""


def outcome(action: Callable[[], int | None], *, as_json: bool) -> int:
    """Run a command to its end.

    Args:
        action: The command; it gives its exit code, or ``None`` for 0.
        as_json: Whether errors are printed as JSON.

    Returns:
        The exit code.
    """
    try:
        code = action()
        with answering():
            sys.stdout.flush()
    except LsrError as error:
        if isinstance(error, WriteFailed) and error.where == ANSWER:
            _silence_answer()
        return report(error, as_json=as_json)
    except BrokenPipeError:
        _silence_answer()
        return DONE
    except KeyboardInterrupt:
        note("interrupted")
        return INTERRUPTED
    except Terminated:
        note("terminated")
        return TERMINATED
    except OSError as error:
        refusal = _refusal(error)
        return _report_defect(error, as_json=as_json) if refusal is None else report(refusal, as_json=as_json)
    except Exception as error:  # whatever else comes up here is a defect, and its traceback is of use to us only
        return _report_defect(error, as_json=as_json)
    return DONE if code is None else code


def report(error: LsrError, *, as_json: bool) -> int:
    """Print an error and give its exit code."""
    if as_json:
        note(json.dumps({"error": error.as_dict()}, ensure_ascii=False))
    else:
        place = f"{error.where}: " if error.where else ""
        text = f"error: {place}{error.message}" + (f"\nhint: {error.hint}" if error.hint else "")
        for line in text.split("\n"):
            note(visible(line))
    return error.exit_code


@contextlib.contextmanager
def sigterm_raises() -> Iterator[None]:
    """Turn SIGTERM into ``Terminated`` for the body, so that it is cleaned up after as after Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _report_defect(error: Exception, *, as_json: bool) -> int:
    trace = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile("w", prefix="lsr-error-", suffix=".txt", delete=False) as file:
            file.write(trace)
        place = f"the traceback in {file.name}"
    except OSError:
        note(trace)
        place = "the traceback above"
    problem = LsrError(f"a defect of lsr: {type(error).__name__}: {error}", hint=f"please report it with {place}")
    return report(problem, as_json=as_json)


def _refusal(error: OSError) -> NotFound | None:
    """The error for what the operating system refuses whoever asks; ``None`` if it may be a defect of lsr."""
    if error.errno == errno.ENOENT and error.filename is None:  # what os.getcwd() says
        return NotFound("the current folder does not exist any more", hint="change to another folder")
    if error.filename is None or not (is_denied(error) or error.errno in (errno.ENAMETOOLONG, errno.ELOOP)):
        return None
    refused = unreadable(error, error.filename)
    refused.hint = refused.hint or remedy(error.errno)
    return refused


def _silence_answer() -> None:
    """Point standard output to nowhere: what is left in its buffer must not fail once more when the process ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
