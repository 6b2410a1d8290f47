"""The embedded dialect: one file, one writer, any number of readers, nothing to install."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dedup.errors import IndexFailure, SystemFailure
from dedup.stores.places import WriterLock, refuse_network
from dedup.stores.store import SCHEMA, Store

_APPLICATION = 0x64647570  # "ddup", in the file's header
_BUSY_TIMEOUT_S = 30
# A writer sorts new pages in; a reader has the system's cache besides.
_WRITER_CACHE_KIB, _READER_CACHE_KIB = 64 << 10, 8 << 10
_VALUES_AT_ONCE = 2_000
# Of new files. Packed texts of 2 kB leave less room unused than in pages of 4,096 bytes: 4.4 kB a document,
# not 4.7. Twice the size saves 0.2 kB more, and writes twice as much for a single article.
_PAGE_SIZE = 8_192
# Fixed in 3.51.3, and in the branches 3.50 and 3.44 from these on.
_WAL_RACE_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Tell whether a version of SQLite is free of the race when its write-ahead log is reset.

    Examples
    --------
    >>> wal_is_safe((3, 51, 3)), wal_is_safe((3, 50, 6)), wal_is_safe((3, 44, 6)), wal_is_safe((3, 46, 1))
    (True, False, True, False)
    """
    if version >= _WAL_RACE_FIXED[0]:
        return True
    return any(version[:2] == fixed[:2] and version >= fixed for fixed in _WAL_RACE_FIXED[1:])


class SqliteStore(Store):
    """An index in one SQLite file.

    A reader opens it read-only. A writer holds a lock file for as long as it
    is open; ``synchronous=FULL`` in either journal mode.
    """

    page_entries = 1_000  # 8,000 bytes, which fill a page of the file

    def __init__(self, path: str, *, write: bool) -> None:
        self.shown = path
        self.write = write
        self._path = Path(path)
        self._lock: WriterLock | None = None
        if not self._path.parent.is_dir():
            raise IndexFailure("no such folder", where=str(self._path.parent), remedy="make it first")
        refuse_network(self._path.parent)
        if not write and not self._path.exists():
            raise IndexFailure("no such index", where=path, remedy="make it with: dedup index add")
        if write:
            self._lock = WriterLock(self._path)
        try:
            self._connection = self._connect()
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        mode = "rwc" if self.write else "ro"
        address = f"file:{quote(str(self._path.resolve()))}?mode={mode}"
        try:
            # Used by one thread at a time, but not always by the one that opened it (asyncio.to_thread).
            return sqlite3.connect(
                address, uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT_S, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise _failure(error, self.shown) from error

    def _prepare(self) -> None:
        if not self.write:
            self._recover()
        application = int(self.rows("PRAGMA application_id")[0][0])
        empty = int(self.rows("SELECT count(*) FROM sqlite_master")[0][0]) == 0
        if application != _APPLICATION and not (self.write and empty):
            raise IndexFailure("not an index of dedup", where=self.shown, remedy="name another file")
        self.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        self.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB if self.write else _READER_CACHE_KIB}")
        if not self.write:
            self.execute("PRAGMA query_only = ON")
            return
        version = tuple(int(part) for part in sqlite3.sqlite_version.split("."))
        wanted = "wal" if wal_is_safe((version[0], version[1], version[2])) else "delete"
        self.rows(f"PRAGMA journal_mode = {wanted}")
        self.execute("PRAGMA synchronous = FULL")
        if empty:
            with self.writing():
                self.create_tables({"int": "INTEGER", "blob": "BLOB"})
                self.set_meta("schema", str(SCHEMA))
                self.execute(f"PRAGMA application_id = {_APPLICATION}")

    def _recover(self) -> None:
        """Roll back what a killed writer left, which a read-only connection may not do."""
        journal = self._path.with_name(self._path.name + "-journal")
        if journal.exists() and journal.stat().st_size:
            with suppress(IndexFailure, SystemFailure, sqlite3.Error), WriterLock(self._path):
                mender = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S)
                mender.execute("SELECT count(*) FROM sqlite_master").fetchone()
                mender.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold one snapshot; inside `writing` that is the transaction's own."""
        if self._connection.in_transaction:
            yield
            return
        self.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Begin at once and commit at the end."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def merging(self) -> Iterator[bool]:
        """Give the right at once: there is one writer."""
        yield True

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _failure(error, self.shown) from error

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement."""
        try:
            return self._connection.execute(sql, values).rowcount
        except sqlite3.Error as error:
            raise _failure(error, self.shown) from error

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert with one prepared statement."""
        marks = ", ".join("?" * len(columns))
        try:
            self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
        except sqlite3.Error as error:
            raise _failure(error, self.shown) from error

    def rows_of(
        self, columns: str, table: str, column: str, values: Sequence[int], *, where: str = ""
    ) -> list[tuple[Any, ...]]:
        """Return rows by integer key; written into the statement, a list is read faster than bound."""
        found: list[tuple[Any, ...]] = []
        for at in range(0, len(values), _VALUES_AT_ONCE):
            listed = ",".join(map(str, values[at : at + _VALUES_AT_ONCE]))
            found += self.rows(f"SELECT {columns} FROM {table} WHERE {where} {column} IN ({listed})")
        return found

    def scan(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield rows as SQLite finds them."""
        try:
            yield from self._connection.execute(sql, values)
        except sqlite3.Error as error:
            raise _failure(error, self.shown) from error

    def size_bytes(self) -> int:
        """Return the size of the file."""
        return self._path.stat().st_size

    def check(self) -> list[str]:
        """Run SQLite's own check."""
        found = [str(row[0]) for row in self.rows("PRAGMA integrity_check(20)")]
        return [] if found == ["ok"] else found

    def shrink(self) -> None:
        """Rewrite the file without its holes."""
        self.execute("VACUUM")

    @contextmanager
    def replacement(self) -> Iterator[Store]:
        """Hold an empty index in a file beside this one."""
        path = self._path.with_name(self._path.name + ".rebuild")
        try:
            for leftover in _files_of(path):
                leftover.unlink(missing_ok=True)
            new = SqliteStore(str(path), write=True)
            try:
                yield new
            finally:
                new.close()
        finally:
            for leftover in _files_of(path):
                leftover.unlink(missing_ok=True)

    def take_place(self, new: Store) -> None:
        """Rename the new file over the old one; the lock stays with this writer."""
        assert isinstance(new, SqliteStore)
        new.close()
        self._connection.close()
        try:
            new._path.replace(self._path)
            if os.name != "nt":
                folder = os.open(self._path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except OSError as error:
            raise SystemFailure(f"cannot replace the index: {error.strerror}", where=self.shown) from error
        self._connection = self._connect()

    def close(self) -> None:
        """Close the connection, then let others write."""
        connection = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _files_of(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in ("", "-journal", "-wal", "-shm", ".lock")]


def _failure(error: sqlite3.Error, where: str) -> IndexFailure | SystemFailure:
    """Return our error for one of SQLite's."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    text = str(error)
    if code == sqlite3.SQLITE_FULL:
        return SystemFailure(
            f"cannot write to the index: {text}", where=where, remedy="make room on the disk"
        )
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return SystemFailure(
            f"cannot use the index: {text}", where=where, remedy="check the disk and the permissions"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return IndexFailure(f"the index is busy: {text}", where=where, remedy="try again")
    if code == sqlite3.SQLITE_NOTADB:
        return IndexFailure("not an index of dedup", where=where, remedy="name another file")
    if code == sqlite3.SQLITE_CORRUPT:
        return IndexFailure(
            f"damaged index: {text}", where=where, remedy="restore a copy, or export what can be read"
        )
    return IndexFailure(f"SQLite says: {text}", where=where, remedy="check with: dedup index verify")
