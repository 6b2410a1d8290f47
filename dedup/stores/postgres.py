"""The shared dialect: a PostgreSQL server, many workers on many machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dedup.errors import IndexFailure, UsageError
from dedup.stores.store import NAMES, SCHEMA, ConnectionLost, Store

if TYPE_CHECKING:
    import psycopg

_WRITERS, _MERGERS = 0x64647570_0001, 0x64647570_0002  # keys of advisory locks: "ddup" and a number
_SCANNED_AT_ONCE = 1_000
_TYPES = {
    "ordinal": "int8", "id": "text", "digest": "bytea", "key_digest": "bytea", "identity": "bytea",
    "keeper": "int8", "n_tokens": "int8", "flags": "int8", "date": "int8", "source": "text", "added": "int8",
    "verdict": "text", "content": "bytea", "data": "bytea", "ready": "int8", "n_entries": "int8",
    "fences": "bytea", "marks": "bytea", "number": "int8", "entries": "bytea", "batch": "text",
    "input": "text", "at": "int8", "verdicts": "bytea",
}  # fmt: skip


class PostgresStore(Store):
    """An index in tables ``dedup_…`` of one database and schema (the first of the ``search_path``).

    Writers take turns by an advisory lock that goes with their transaction;
    what they commit is on disk (``synchronous_commit`` is the server's).
    """

    def __init__(self, url: str, *, write: bool, prefix: str = "dedup_") -> None:
        self.write = write
        self.prefix = prefix
        self.shown = _without_password(url)
        self._url = url
        self._depth = 0
        self._connection = self._connect()
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg

        try:
            connection = psycopg.connect(self._url, autocommit=True, application_name="dedup")
        except psycopg.OperationalError as error:
            text = " ".join(str(error).split())
            raise IndexFailure(
                f"cannot connect: {text}", where=self.shown, remedy="check address, user and server"
            ) from None
        if not self.write:
            connection.execute("SET default_transaction_read_only = on")
        return connection

    def _prepare(self) -> None:
        if self._exists():
            return
        if not self.write:
            raise IndexFailure(
                "no index in this database", where=self.shown, remedy="make it with: dedup index add"
            )
        with self.writing():
            if self._exists():
                return
            self.create_tables({"int": "BIGINT", "blob": "BYTEA"})
            for table, column in (("texts", "content"), ("segments", "fences"), ("segments", "marks")):
                # Compressed already, or not compressible: the server need not try.
                self.execute(f"ALTER TABLE {self.prefix}{table} ALTER COLUMN {column} SET STORAGE EXTERNAL")
            self.set_meta("schema", str(SCHEMA))

    def _exists(self) -> bool:
        return self.rows("SELECT to_regclass(?)", (f"{self.prefix}ledger",))[0][0] is not None

    def reconnect(self) -> None:
        """Connect again."""
        with suppress(Exception):
            self._connection.close()
        self._depth = 0
        self._connection = self._connect()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold one snapshot; inside `writing` that is the transaction's own."""
        if self._depth:
            yield
            return
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Wait for the writers' lock; each statement then sees all that was committed before."""
        with self._transaction("BEGIN ISOLATION LEVEL READ COMMITTED"):
            self.rows("SELECT pg_advisory_xact_lock(?)", (_WRITERS,))
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self.execute(begin)
        self._depth = 1
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(Exception):
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._depth = 0

    @contextmanager
    def merging(self) -> Iterator[bool]:
        """Take the mergers' lock if it is free."""
        ours = bool(self.rows("SELECT pg_try_advisory_lock(?)", (_MERGERS,))[0][0])
        try:
            yield ours
        finally:
            if ours:
                with suppress(IndexFailure):
                    self.rows("SELECT pg_advisory_unlock(?)", (_MERGERS,))

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._errors():
            return list(self._connection.execute(_marked(sql), values).fetchall())

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement."""
        with self._errors():
            return int(self._connection.execute(_marked(sql), values).rowcount)

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert by COPY."""
        sql = f"COPY {self.prefix}{table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT BINARY)"
        with self._errors(), self._connection.cursor() as cursor, cursor.copy(_sql(sql)) as copy:
            copy.set_types([_TYPES[name] for name in columns])
            for row in rows:
                copy.write_row([_storable(value) for value in row])

    def rows_of(
        self, columns: str, table: str, column: str, values: Sequence[int], *, where: str = ""
    ) -> list[tuple[Any, ...]]:
        """Return rows by integer key."""
        if not values:
            return []
        sql = f"SELECT {columns} FROM {self.prefix}{table} WHERE {where} {column} = ANY(%s::bigint[])"
        with self._errors():
            return list(self._connection.execute(_sql(sql), (list(values),), binary=True).fetchall())

    def scan(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield rows by a cursor of the server's."""
        if not self._depth:
            with self.reading():
                yield from self.scan(sql, values)
            return
        with self._errors(), self._connection.cursor("dedup_scan") as cursor:
            cursor.itersize = _SCANNED_AT_ONCE
            cursor.execute(_marked(sql), values)
            rows = list(cursor.fetchmany(_SCANNED_AT_ONCE))
            while rows:
                yield from rows
                rows = list(cursor.fetchmany(_SCANNED_AT_ONCE))

    def size_bytes(self) -> int:
        """Return the size of the tables with their indexes."""
        return sum(
            int(
                self.rows("SELECT pg_total_relation_size(?::text::regclass)", (f"{self.prefix}{name}",))[0][0]
            )
            for name in NAMES
        )

    def check(self) -> list[str]:
        """Return nothing: the server checks its pages by itself, where checksums are on."""
        return []

    def shrink(self) -> None:
        """Make the space of removed rows usable."""
        for name in NAMES:
            self.execute(f"VACUUM (ANALYZE) {self.prefix}{name}")

    @contextmanager
    def replacement(self) -> Iterator[Store]:
        """Hold an empty index in tables beside these."""
        prefix = f"{self.prefix}new_"
        self._drop(prefix)
        new = PostgresStore(self._url, write=True, prefix=prefix)
        try:
            yield new
        finally:
            new.close()
            self._drop(prefix)

    def take_place(self, new: Store) -> None:
        """Rename the new tables in one transaction."""
        new.close()
        with self.writing():
            self._drop(self.prefix)
            for name in NAMES:
                self.execute(f"ALTER TABLE {new.prefix}{name} RENAME TO {self.prefix}{name}")
            self.execute(f"ALTER INDEX {new.prefix}members RENAME TO {self.prefix}members")

    def _drop(self, prefix: str) -> None:
        for name in NAMES:
            self.execute(f"DROP TABLE IF EXISTS {prefix}{name}")

    def close(self) -> None:
        """Close the connection, and with it all locks."""
        self._connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            text = " ".join(str(error).split())
            if self._connection.closed:
                raise ConnectionLost(
                    f"connection lost: {text}", where=self.shown, remedy="try again"
                ) from error
            raise IndexFailure(f"PostgreSQL says: {text}", where=self.shown, remedy="try again") from error
        except psycopg.Error as error:
            text = " ".join(str(error).split())
            raise IndexFailure(
                f"PostgreSQL says: {text}", where=self.shown, remedy="dedup index verify"
            ) from error


def _without_password(url: str) -> str:
    """Return an address for messages."""
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        raise UsageError(
            "PostgreSQL needs the package psycopg", remedy="pip install 'dedup[postgres]'"
        ) from error
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        # Its message may quote the address, and with it the password.
        raise UsageError(
            "cannot read the postgresql:// address", remedy="write postgresql://USER@HOST/DATABASE"
        ) from None
    user = f"{parts['user']}@" if parts.get("user") else ""
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"postgresql://{user}{parts.get('host') or ''}{port}/{parts.get('dbname') or ''}"


def _marked(sql: str) -> Any:
    return _sql(sql.replace("?", "%s"))


def _sql(sql: str) -> Any:
    # psycopg asks for literal strings; these are put together from constants and table names only.
    return sql


def _storable(value: Any) -> Any:
    """Return text without NUL, which PostgreSQL can't store."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
