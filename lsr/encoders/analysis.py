"""From text to the stems that BM25 counts: word pattern, lower case, stop words, Snowball stemmer.

A *word* is a letter, digit or underscore followed by at least one more; combining marks (the vowel signs of Devanagari
and Tamil, the points of Arabic and Hebrew letters, decomposed accents) continue a word. Words are put into lower case
and composed Unicode (NFC), so that both spellings of an accented letter meet; stop words go; the rest is stemmed.
Scripts without spaces between words come out as whole runs: they need a segmenter before.

What is a letter or a digit, and its lower case, is what the interpreter's Unicode tables say. Those of Python 3.11
(Unicode 14) and 3.12 (Unicode 15) differ only in characters that the older one does not know; no identity tells them
apart.
"""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata
from typing import Any, NamedTuple

import Stemmer

from lsr.errors import UsageError, nearest

NO_LANGUAGE = "none"
"""The language for text that is neither stemmed nor freed of stop words."""

# Marks are listed, as ``re`` has no class for them; the list is part of the pattern, and so of an encoder's identity.
_MARKS = (
    r"\u0300-\u036f"  # accents
    r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew (Yiddish)
    r"\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"  # Arabic (Persian)
    r"\u0900-\u0903\u093a-\u093c\u093e-\u094f\u0951-\u0957\u0962\u0963"  # Devanagari (Hindi, Nepali)
    r"\u0b82\u0bbe-\u0bc2\u0bc6-\u0bc8\u0bca-\u0bcd\u0bd7"  # Tamil
)
WORD_PATTERN = rf"\w[\w{_MARKS}]+"

_CACHE_LIMIT = 2**18
_LUCENE_ENGLISH = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with"
)
_STOP_WORDS_OF = {"dutch_porter": "dutch"}


class Token(NamedTuple):
    """A stem and the characters ``start`` to ``end - 1`` of the text that it stands for."""

    stem: str
    start: int
    end: int


def languages() -> list[str]:
    """The names that ``Analyzer`` takes: every Snowball stemmer at hand, and ``none``."""
    return sorted([*Stemmer.algorithms(), NO_LANGUAGE])


def stop_words(language: str) -> frozenset[str]:
    """The stop words of a language, in lower case.

    English (and ``porter``, the first English stemmer) has the 33 words of Lucene's ``EnglishAnalyzer``; the others
    have the list of the ``stop-words`` package. It lacks Armenian, Basque, Esperanto, Estonian, Irish, Lithuanian,
    Nepali, Serbian, Sesotho, Tamil and Yiddish: for these, as for ``none``, the set is empty.
    """
    if language in ("english", "porter"):
        return frozenset(_LUCENE_ENGLISH.split())
    if language == NO_LANGUAGE:
        return frozenset()
    from stop_words import safe_get_stop_words

    return frozenset(_folded(word) for word in safe_get_stop_words(_STOP_WORDS_OF.get(language, language)))


class Analyzer:
    """Turns text into stems. Safe to share between threads.

    Args:
        language: One of ``languages()``.

    Attributes:
        language: The language.
        identity: Everything that changes the stems, as JSON values.

    Raises:
        UsageError: The language is unknown.
    """

    def __init__(self, language: str = "english") -> None:
        known = languages()
        if language not in known:
            guess = nearest(str(language), known)
            raise UsageError(
                f"unknown language {language!r}",
                where="language",
                hint=f"did you mean {guess!r}?" if guess else f"one of {', '.join(known)}",
            )
        self.language = language
        self._stop_words = stop_words(language)
        self._stems: dict[str, str | None] = {}
        self._per_thread = threading.local()
        stemmed = language != NO_LANGUAGE
        self.identity: dict[str, Any] = {
            "language": language,
            "stop_words": hashlib.sha256("\n".join(sorted(self._stop_words)).encode()).hexdigest()[:16],
            "stemmer": f"snowball {language}, PyStemmer {Stemmer.version()}" if stemmed else None,
            "words": WORD_PATTERN,
        }
        self.words = re.compile(WORD_PATTERN).findall
        """Words of a text as they are written, in order: the fast first half of ``stems``."""
        self._places = re.compile(WORD_PATTERN).finditer

    def stem(self, word: str) -> str | None:
        """The stem of a word from ``words``, or ``None`` for a stop word."""
        try:
            return self._stems[word]
        except KeyError:
            pass
        if len(self._stems) >= _CACHE_LIMIT:
            self._stems = {}
        stem = self._stems[word] = self._stem(word)
        return stem

    def stems(self, text: str) -> list[str]:
        """The stems of a text in order, repeated as often as they occur."""
        return [stem for word in self.words(text) if (stem := self.stem(word)) is not None]

    def tokens(self, text: str) -> list[Token]:
        """The stems of a text with their places (offsets in characters of the text as given)."""
        return [
            Token(stem, *place.span()) for place in self._places(text) if (stem := self.stem(place.group())) is not None
        ]

    def _stem(self, word: str) -> str | None:
        folded = _folded(word)
        if len(folded) < 2 or folded in self._stop_words:
            return None
        if self.language == NO_LANGUAGE:
            return folded
        stemmer = getattr(self._per_thread, "stemmer", None)
        if stemmer is None:
            # A Snowball object must not be used by two threads at once; its own cache would only double ours.
            stemmer = self._per_thread.stemmer = Stemmer.Stemmer(self.language, 0)
        return str(stemmer.stemWord(folded)) or None


def _folded(word: str) -> str:
    lowered = word.lower()
    return lowered if lowered.isascii() else unicodedata.normalize("NFC", lowered)
