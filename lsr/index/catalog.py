"""The catalog of a generation: document identifiers, stored fields, and the names of terms, in one SQLite file.

It is written in one pass at publication, in document order and without time stamps, so the same input gives the same
bytes; it is read lazily, a few rows a search.
"""

from __future__ import annotations

import errno
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from lsr.errors import BadInput, CorruptIndex, UsageError, WriteFailed, remedy
from lsr.index.files import cannot_read

TABLES = (
    "CREATE TABLE document (number INTEGER PRIMARY KEY, id TEXT NOT NULL, fields TEXT NOT NULL) STRICT",
    "CREATE TABLE term (space INTEGER NOT NULL, token TEXT NOT NULL, id INTEGER NOT NULL, "
    "documents INTEGER NOT NULL, PRIMARY KEY (space, token)) STRICT, WITHOUT ROWID",
)
INDEXES = (
    "CREATE UNIQUE INDEX document_id ON document (id)",
    "CREATE UNIQUE INDEX term_id ON term (space, id)",
)
CLOSED = "the index is closed"
"""What is said to somebody who asks a closed index."""
_ROWS_A_QUERY = 500
_REMEMBERED_TOKENS = 100_000
_ERRNO = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
}
"""What the operating system probably said when SQLite says this."""

TermRow = tuple[int, str, int, int]
"""Space number, token, term id inside the space, number of documents that contain it."""


def write_catalog(path: Path, documents: Iterable[tuple[str, str]], terms: Iterable[TermRow]) -> None:
    """Write the catalog file.

    Args:
        path: The file to make.
        documents: Identifier and stored fields (a JSON object as text) of each document, in order; the caller has
            made sure that no identifier comes twice.
        terms: The named terms of all spaces.

    Raises:
        BadInput: Two terms have the same token, or a string can't be stored.
        WriteFailed: The file system refused.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")  # the caller flushes the finished file once
            for statement in TABLES:
                connection.execute(statement)
            connection.execute("BEGIN")
            rows = ((number, identifier, fields) for number, (identifier, fields) in enumerate(documents))
            connection.executemany("INSERT INTO document VALUES (?, ?, ?)", rows)
            _insert_terms(connection, terms)
            connection.execute("COMMIT")
            for statement in INDEXES:
                connection.execute(statement)
    except sqlite3.OperationalError as error:
        hint = remedy(_ERRNO.get(error.sqlite_errorcode & 0xFF))  # the lowest byte is the kind of error
        raise WriteFailed(f"cannot write: {error}", where=str(path), hint=hint) from error
    except (sqlite3.DataError, UnicodeEncodeError) as error:
        raise BadInput(f"an id, a field or a token can't be stored: {error}") from error


def _insert_terms(connection: sqlite3.Connection, terms: Iterable[TermRow]) -> None:
    try:
        connection.executemany("INSERT INTO term VALUES (?, ?, ?, ?)", terms)
    except sqlite3.IntegrityError as error:
        raise BadInput(
            "two terms of a vocabulary have the same token", where="vocabulary", hint="give each term its own name"
        ) from error


class Catalog:
    """Read access to a catalog file; safe to share between threads.

    Args:
        path: The SQLite file. It is never changed, so it is opened without locks.

    Raises:
        CorruptIndex: The file is not a catalog.
        NotFound: Its permissions forbid to read it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._closed = False
        try:
            path.open("rb").close()  # SQLite does not say why a file can't be opened
        except OSError as error:
            raise cannot_read(error, path) from error
        with self._reporting():
            self._connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
        try:
            schema = self._all("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
            if tuple(row[0] for row in schema) != TABLES + INDEXES:
                raise CorruptIndex("the catalog has other tables than it should", where=str(path))
        except CorruptIndex:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def ids(self, numbers: Sequence[int]) -> list[str]:
        """Identifiers of documents by number, in the order asked for.

        Raises:
            CorruptIndex: A number is not in the catalog.
            UsageError: The index is closed.
        """
        return self._column("id", numbers)

    def fields(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Stored fields of documents by number, in the order asked for.

        Raises:
            CorruptIndex: A number is not in the catalog, or the stored fields are not a JSON object.
            UsageError: The index is closed.
        """
        try:
            found = [json.loads(text) for text in self._column("fields", numbers)]
        except ValueError as error:
            raise CorruptIndex("stored fields are not valid JSON", where=str(self._path)) from error
        if not all(isinstance(item, dict) for item in found):
            raise CorruptIndex("stored fields are not a JSON object", where=str(self._path))
        return found

    def number(self, identifier: str) -> int | None:
        """The number of the document with that identifier."""
        row = self._one("SELECT number FROM document WHERE id = ?", (identifier,))
        return None if row is None else int(row[0])

    def check(self, documents: int, spaces: Sequence[tuple[int, int]]) -> None:
        """Read every row and check what the rest of the program relies on.

        Args:
            documents: Number of documents that there must be, numbered from 0.
            spaces: For each term space, the number of named terms that there must be, and its capacity.

        Raises:
            CorruptIndex: Something is otherwise.
        """
        where = str(self._path)
        if self._all("PRAGMA quick_check(1)") != [("ok",)]:
            raise CorruptIndex("the catalog's database is damaged", where=where)
        found = self._all("SELECT count(*), coalesce(min(number), 0), coalesce(max(number), -1) FROM document")
        if found != [(documents, 0, documents - 1)]:
            raise CorruptIndex("the catalog has other documents than the manifest says", where=where)
        if self._one("SELECT 1 FROM document WHERE NOT json_valid(fields) OR json_type(fields) <> 'object'", ()):
            raise CorruptIndex("stored fields are not a JSON object", where=where)
        named = self._all("SELECT space, count(*) FROM term GROUP BY space ORDER BY space")
        if named != [(number, terms) for number, (terms, _) in enumerate(spaces) if terms]:
            raise CorruptIndex("the catalog has other terms than the manifest says", where=where)
        for number, (_, capacity) in enumerate(spaces):
            wrong = "SELECT 1 FROM term WHERE space = ? AND NOT (id >= 0 AND id < ? AND documents BETWEEN 0 AND ?)"
            if self._one(wrong, (number, capacity, documents)):
                raise CorruptIndex("a term of the catalog has an id or a count out of range", where=where)

    def lookup(self, space: int, token: str) -> tuple[int, int] | None:
        """Term id inside the space and number of documents of a token."""
        row = self._one("SELECT id, documents FROM term WHERE space = ? AND token = ?", (space, token))
        return None if row is None else (int(row[0]), int(row[1]))

    def token(self, space: int, term: int) -> str | None:
        """The token of a term id inside a space."""
        row = self._one("SELECT token FROM term WHERE space = ? AND id = ?", (space, term))
        return None if row is None else str(row[0])

    def _column(self, column: str, numbers: Sequence[int]) -> list[str]:
        found: dict[int, str] = {}
        for start in range(0, len(numbers), _ROWS_A_QUERY):
            some = [int(number) for number in numbers[start : start + _ROWS_A_QUERY]]
            marks = ",".join("?" * len(some))
            statement = f"SELECT number, {column} FROM document WHERE number IN ({marks})"  # noqa: S608 (own names)
            found.update(self._all(statement, some))
        try:
            return [found[int(number)] for number in numbers]
        except KeyError as error:
            raise CorruptIndex(f"document number {error} is not in the catalog", where=str(self._path)) from error

    def _all(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._reporting(), self._lock:
            return self._connection.execute(statement, values).fetchall()

    def _one(self, statement: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        with self._reporting(), self._lock:
            try:
                row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
            except UnicodeEncodeError:  # a lone surrogate names nothing that could be stored
                return None
        return row

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if self._closed:
                raise UsageError(CLOSED, where=str(self._path), hint="open it again: lsr.Index.open") from error
            raise CorruptIndex(f"the catalog can't be read: {error}", where=str(self._path)) from error


class CatalogVocabulary:
    """The vocabulary of one term space, with the statistics of its terms, as the catalog keeps it.

    Implements both ``Vocabulary`` and ``TermStatistics``.

    Args:
        catalog: The generation's catalog.
        space: Number of the term space.
        terms: Number of named terms.
        documents: Number of documents in the generation.
    """

    def __init__(self, catalog: Catalog, space: int, terms: int, documents: int) -> None:
        self.documents = documents
        self._catalog = catalog
        self._space = space
        self._terms = terms
        self._known: dict[str, tuple[int, int] | None] = {}

    def __len__(self) -> int:
        return self._terms

    def lookup(self, token: str) -> tuple[int, int] | None:
        """Term id and document frequency of a token, or ``None``; recent answers are remembered."""
        try:
            return self._known[token]
        except KeyError:
            row = self._catalog.lookup(self._space, token)
        if len(self._known) >= _REMEMBERED_TOKENS:
            self._known.clear()
        self._known[token] = row
        return row

    def find(self, token: str) -> int | None:
        """The id of a token, or ``None``."""
        row = self.lookup(token)
        return None if row is None else row[0]

    def token(self, term: int) -> str | None:
        """The token of an id, or ``None``."""
        return self._catalog.token(self._space, term)
