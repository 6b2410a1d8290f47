"""Where an index lives: documents, postings and a ledger in SQLite or PostgreSQL; no stages.

`open_store` picks the dialect by the URL. `Postings` keeps look-up keys as
sorted segments on top of either.
"""

from __future__ import annotations

from pathlib import Path

from dedup.stores.postings import Postings
from dedup.stores.store import SCHEMA, Document, Head, Store

__all__ = ["SCHEMA", "Document", "Head", "Postings", "Store", "is_index", "open_store"]

_SERVERS = ("postgresql://", "postgres://")


def is_index(url: str) -> bool:
    """Tell whether this names an index rather than a file of records, by address or by the file's header."""
    if url.startswith((*_SERVERS, "sqlite:")):
        return True
    try:
        with Path(url).open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


def open_store(url: str, *, write: bool) -> Store:
    """Open the store at a path (SQLite) or a ``postgresql://`` address.

    Parameters
    ----------
    url : str
        A path, ``sqlite:PATH`` or ``postgresql://…``.
    write : bool
        Writers make a store that is not there yet; readers never write.

    Raises
    ------
    IndexFailure
        If it is missing, locked by another writer, or nothing of ours.
    """
    if url.startswith(_SERVERS):
        from dedup.stores.postgres import PostgresStore

        return PostgresStore(url, write=write)
    from dedup.stores.sqlite import SqliteStore

    return SqliteStore(url.removeprefix("sqlite:"), write=write)
