"""What callers hand over as texts, checked before an encoder reads it."""

from __future__ import annotations

from collections.abc import Iterable

from lsr.errors import UsageError


def checked_iterable(texts: Iterable[str]) -> Iterable[str]:
    """``texts`` itself, unless it is one string, which would be read letter by letter.

    Raises:
        UsageError: ``texts`` is a string, or can't be iterated.
    """
    if isinstance(texts, str | bytes):
        raise UsageError("expected several texts and got a single one", hint="put it into a list: [text]")
    if not isinstance(texts, Iterable):
        raise UsageError(f"expected several texts and got a value of type {type(texts).__name__}", hint="give a list")
    return texts


def checked_texts(texts: list[str], *, first: int = 0) -> list[str]:
    """``texts`` itself, if every item is text that can be encoded as UTF-8.

    Args:
        texts: The texts.
        first: Number of the first of them, for messages.

    Raises:
        UsageError: An item is not a string, or holds a lone surrogate.
    """
    for i, text in enumerate(texts, start=first):
        if not isinstance(text, str):
            raise UsageError(f"text {i} is a {type(text).__name__}, not a string")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise UsageError(
                    f"text {i} holds a lone surrogate, which is not valid Unicode",
                    hint="read the file as UTF-8 with errors='replace'",
                ) from None
    return texts
