"""One schema and one set of statements; `sqlite.py` and `postgres.py` hold what differs between the two.

Statements are written with ``?`` for parameters. Every write happens inside
`Store.writing`, which is exclusive among all writers of the store; every read
that must be consistent inside `Store.reading`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from dedup.errors import IndexFailure

# Of the tables; another one is refused, and `rebuild` reads what documents and texts it has.
SCHEMA = 2
# `{blob}` and `{int}` are the only types whose names differ. No foreign keys: removal is by ordinal
# everywhere, and checks of each of 100 rows a batch cost more than `verify` does once.
TABLES = (
    "CREATE TABLE {p}meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE {p}documents (ordinal {int} PRIMARY KEY, id TEXT NOT NULL, digest {blob} NOT NULL,"
    " key_digest {blob} NOT NULL, identity {blob} NOT NULL, keeper {int} NOT NULL, n_tokens {int} NOT NULL,"
    " flags {int} NOT NULL, date {int}, source TEXT, added {int} NOT NULL, verdict TEXT)",
    # Few documents are members of another's cluster: a partial index stays small.
    "CREATE INDEX {p}members ON {p}documents (keeper) WHERE keeper <> ordinal",
    "CREATE TABLE {p}texts (ordinal {int} PRIMARY KEY, content {blob} NOT NULL)",
    "CREATE TABLE {p}sketches (ordinal {int} PRIMARY KEY, data {blob} NOT NULL)",
    "CREATE TABLE {p}segments (number {int} PRIMARY KEY, ready {int} NOT NULL, n_entries {int} NOT NULL,"
    " fences {blob} NOT NULL, marks {blob} NOT NULL)",
    "CREATE TABLE {p}pages (number {int} PRIMARY KEY, entries {blob} NOT NULL)",
    "CREATE TABLE {p}ledger (batch TEXT PRIMARY KEY, input TEXT NOT NULL, at {int} NOT NULL,"
    " verdicts {blob} NOT NULL)",
)
NAMES = ("meta", "documents", "texts", "sketches", "segments", "pages", "ledger")
_DELETED_AT_ONCE = 1_000
_HEAD = "ordinal, id, digest, key_digest, identity, keeper, n_tokens, flags, date, source, added, verdict"


class ConnectionLost(IndexFailure):
    """Raise when the server went away; what was not committed is gone, and can be done again."""


@dataclass(frozen=True, slots=True)
class Head:
    """A document's row without its text: what can be decided from is here."""

    ordinal: int
    id: str  # the id's JSON token
    digest: bytes
    key_digest: bytes
    identity: bytes
    keeper: int  # its own ordinal when kept
    n_tokens: int
    flags: int
    date: int | None  # microseconds since 1970-01-01 UTC
    source: str | None
    added: int  # the same, of its arrival
    verdict: str | None  # JSON, None for a plain "new"

    @property
    def kept(self) -> bool:
        """Tell whether it stands for itself."""
        return self.keeper == self.ordinal


@dataclass(frozen=True, slots=True)
class Document:
    """A document to be stored; `content` is None in an index without texts."""

    head: Head
    content: bytes | None
    sketch: bytes


class Store(ABC):
    """Tables of one index behind one connection; not to be shared between threads."""

    prefix = ""
    # Entries in a page of postings, which PostgreSQL keeps in the row up to 2,000 bytes.
    page_entries = 240
    shown: str  # the address, without a password
    write: bool

    @abstractmethod
    def reading(self) -> AbstractContextManager[None]:
        """Hold one snapshot while reading."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """Hold the writers' lock; commit at the end, roll back on an error."""

    @abstractmethod
    def merging(self) -> AbstractContextManager[bool]:
        """Hold the right to merge segments over several transactions; False where another has it."""

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""

    @abstractmethod
    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; return the number of rows it touched."""

    @abstractmethod
    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert many rows the fast way."""

    @abstractmethod
    def rows_of(
        self, columns: str, table: str, column: str, values: Sequence[int], *, where: str = ""
    ) -> list[tuple[Any, ...]]:
        """Return rows of a table whose integer column has one of the values, and that fulfil a condition."""

    @abstractmethod
    def scan(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a large query without holding them all."""

    @abstractmethod
    def size_bytes(self) -> int:
        """Return what the tables take on disk."""

    @abstractmethod
    def check(self) -> list[str]:
        """Return what the database itself finds wrong."""

    @abstractmethod
    def shrink(self) -> None:
        """Give free space back to the system."""

    @abstractmethod
    def replacement(self) -> AbstractContextManager[Store]:
        """Hold an empty store beside this one, gone at the end unless it took this one's place."""

    @abstractmethod
    def take_place(self, new: Store) -> None:
        """Put a replacement, committed, in the place of this store, whole or not at all."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connection and locks."""

    def reconnect(self) -> None:  # noqa: B027  (most stores have no connection to lose)
        """Connect again after `ConnectionLost`."""

    def meta(self, name: str) -> str | None:
        """Return a setting of the index."""
        found = self.rows(f"SELECT value FROM {self.prefix}meta WHERE name = ?", (name,))
        return str(found[0][0]) if found else None

    def set_meta(self, name: str, value: str) -> None:
        """Set a setting of the index."""
        self.execute(f"DELETE FROM {self.prefix}meta WHERE name = ?", (name,))
        self.execute(f"INSERT INTO {self.prefix}meta (name, value) VALUES (?, ?)", (name, value))

    def counter(self, name: str) -> int:
        """Return a counter, 0 where it was never raised."""
        return int(self.meta(name) or 0)

    def raise_counter(self, name: str, by: int = 1) -> int:
        """Raise a counter and return its old value; for writers only."""
        before = self.counter(name)
        self.set_meta(name, str(before + by))
        return before

    def create_tables(self, types: dict[str, str]) -> None:
        """Make all tables."""
        for statement in TABLES:
            self.execute(statement.format(p=self.prefix, **types))

    def heads(self, ordinals: Sequence[int]) -> dict[int, Head]:
        """Return the heads of those documents that are still there."""
        found = self.rows_of(_HEAD, "documents", "ordinal", ordinals)
        return {int(row[0]): _head(row) for row in found}

    def members(self, keepers: Sequence[int]) -> list[Head]:
        """Return the documents dropped for any of these, by ordinal."""
        # The condition is that of the partial index, without which the database would read all rows.
        rows = self.rows_of(_HEAD, "documents", "keeper", keepers, where="keeper <> ordinal AND")
        return sorted(map(_head, rows), key=lambda head: head.ordinal)

    def all_heads(
        self, where: str = "", values: Sequence[Any] = (), *, limit: int | None = None
    ) -> Iterator[Head]:
        """Yield heads by ordinal: all, those that fulfil an SQL condition, or the first few."""
        condition = f" WHERE {where}" if where else ""
        few = f" LIMIT {limit}" if limit is not None else ""
        sql = f"SELECT {_HEAD} FROM {self.prefix}documents{condition} ORDER BY ordinal{few}"
        for row in self.scan(sql, values):
            yield _head(row)

    def contents(self, ordinals: Sequence[int]) -> dict[int, bytes]:
        """Return packed texts by ordinal."""
        return {int(o): bytes(c) for o, c in self.rows_of("ordinal, content", "texts", "ordinal", ordinals)}

    def sketches(self, ordinals: Sequence[int]) -> dict[int, bytes]:
        """Return packed sketches by ordinal."""
        return {int(o): bytes(d) for o, d in self.rows_of("ordinal, data", "sketches", "ordinal", ordinals)}

    def add_documents(self, documents: Sequence[Document]) -> None:
        """Insert documents; their ordinals must be new."""
        columns = tuple(name.strip() for name in _HEAD.split(","))
        self.insert("documents", columns, (_row(d.head) for d in documents))
        self.insert(
            "texts",
            ("ordinal", "content"),
            ((d.head.ordinal, d.content) for d in documents if d.content is not None),
        )
        self.insert("sketches", ("ordinal", "data"), ((d.head.ordinal, d.sketch) for d in documents))

    def decide(self, ordinal: int, keeper: int, verdict: str | None) -> None:
        """Give a stored document another keeper and verdict."""
        self.execute(
            f"UPDATE {self.prefix}documents SET keeper = ?, verdict = ? WHERE ordinal = ?",
            (keeper, verdict, ordinal),
        )

    def delete_documents(self, ordinals: Sequence[int]) -> None:
        """Delete documents; their postings lead nowhere until the next compaction."""
        for at in range(0, len(ordinals), _DELETED_AT_ONCE):
            listed = ",".join(map(str, ordinals[at : at + _DELETED_AT_ONCE]))
            for table in ("documents", "texts", "sketches"):
                self.execute(f"DELETE FROM {self.prefix}{table} WHERE ordinal IN ({listed})")

    def ledger(self, batch: str) -> tuple[str, bytes] | None:
        """Return the content digest and the packed verdicts of a batch that was committed before."""
        found = self.rows(f"SELECT input, verdicts FROM {self.prefix}ledger WHERE batch = ?", (batch,))
        return (str(found[0][0]), bytes(found[0][1])) if found else None

    def add_ledger(self, batch: str, content: str, at: int, verdicts: bytes) -> None:
        """Record a batch with its verdicts."""
        self.insert("ledger", ("batch", "input", "at", "verdicts"), [(batch, content, at, verdicts)])

    def clear(self) -> None:
        """Delete all content but the settings."""
        for table in NAMES[1:]:
            self.execute(f"DELETE FROM {self.prefix}{table}")


def _head(row: Sequence[Any]) -> Head:
    ordinal, identifier, digest, key_digest, identity, *rest = row
    return Head(ordinal, identifier, bytes(digest), bytes(key_digest), bytes(identity), *rest)


def _row(head: Head) -> tuple[Any, ...]:
    return (
        head.ordinal, head.id, head.digest, head.key_digest, head.identity, head.keeper, head.n_tokens,
        head.flags, head.date, head.source, head.added, head.verdict,
    )  # fmt: skip
