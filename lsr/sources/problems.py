"""What to do with bad lines: stop with a list of the first of them, or leave them out and count them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeVar

from lsr.errors import BadInput, UsageError

OnError = Literal["stop", "skip"]
REPORTED = 20
"""Bad lines in one report."""
LOOKAHEAD = 10_000
"""Lines that are read after the first bad one to find others."""

Record = TypeVar("Record")
Value = TypeVar("Value")


class BadLines:
    """The bad lines of one pass over a source.

    Args:
        on_error: ``stop`` collects them for one error, ``skip`` only counts them.

    Attributes:
        skipped: Number of lines left out.
        found: The errors collected so far.

    Raises:
        UsageError: ``on_error`` is something else.
    """

    def __init__(self, on_error: str = "stop") -> None:
        if on_error not in ("stop", "skip"):
            raise UsageError(f"unknown way to treat bad lines: {on_error!r}", where="on_error", hint="stop or skip")
        self.skipped = 0
        self.found: list[BadInput] = []
        self._skip = on_error == "skip"
        self._looked_at = 0

    def add(self, problem: BadInput) -> None:
        """Take note of a bad line."""
        if self._skip:
            self.skipped += 1
        else:
            self.found.append(problem)

    def enough(self) -> bool:
        """Whether to stop reading; to be asked once for every line from the first bad one on."""
        self._looked_at += 1
        return len(self.found) >= REPORTED or self._looked_at > LOOKAHEAD

    def report(self) -> None:
        """Raise what was collected, if anything.

        Raises:
            BadInput: With the place of the first bad line, and a message that lists all of them.
        """
        if not self.found:
            return
        first = self.found[0]
        if len(self.found) == 1:
            raise first
        listed = "\n".join(f"  {problem.where}: {problem.message}" for problem in self.found)
        ended = "; reading stopped there" if len(self.found) >= REPORTED else ""
        raise BadInput(f"{len(self.found)} bad lines{ended}:\n{listed}", where=first.where, hint=first.hint)


def sift(records: Iterable[Record], parse: Callable[[Record], Value | None], problems: BadLines) -> Iterator[Value]:
    """The parsed records, lazily; ``parse`` gives ``None`` for what is no record, such as a blank line.

    After a bad record nothing more is given out; others are looked for, and all are reported together.

    Raises:
        BadInput: Some records are bad and ``problems`` does not skip them, or ``records`` itself can't go on.
    """
    for record in records:
        try:
            value = parse(record)
        except BadInput as problem:
            problems.add(problem)
        else:
            if value is not None and not problems.found:
                yield value
        if problems.found and problems.enough():
            break
    problems.report()
