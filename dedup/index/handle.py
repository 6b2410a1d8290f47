"""`Index`: ask whether an article was there before, and keep it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dedup.config import Config
from dedup.errors import IndexFailure, UsageError
from dedup.files.dates import parse_date
from dedup.index import settings as made_with
from dedup.index.adding import Adder, OnConflict
from dedup.index.case import Case, Engine
from dedup.index.changes import Changes, stored_verdict
from dedup.index.intake import (
    Incoming,
    Intake,
    content_digest,
    give_ids,
    prepare_all,
    temporary_ids,
    to_records,
)
from dedup.index.packing import Packer
from dedup.index.verdicts import Verdict, repeated
from dedup.pipeline.workers import Crew
from dedup.records import Cluster
from dedup.statistics import Statistics
from dedup.stores import Head, Postings, Store, open_store

Answer = TypeVar("Answer")

_RETRIES = 3
_SCANNED_AT_ONCE = 1_000


class Index:
    """A persistent index of articles.

    Made by `Index.open`. Not to be used by two threads at the same time; each
    worker process opens its own.

    Examples
    --------
    >>> import tempfile
    >>> storm = (
    ...     "The storm reached the coast on Monday night and left 12 villages without power, "
    ...     "the regional governor said. Repairs will take until Friday, he added."
    ... )
    >>> with tempfile.TemporaryDirectory() as folder, Index.open(folder + "/news.db", mode="w") as index:
    ...     first = index.add({"id": "a", "text": storm})
    ...     second = index.add({"id": "b", "text": storm.upper()})
    ...     first.verdict, second.verdict, second.of, second.relation
    ('new', 'duplicate', 'a', 'exact')
    """

    def __init__(self, store: Store, settings: made_with.Settings, crew: Crew) -> None:
        self._store = store
        self._settings = settings
        self._crew = crew
        self._postings = Postings(store)
        self._engine = Engine(
            settings.config, settings.statistics, crew, Packer(), settings.with_texts, store.shown
        )
        self._changes = Changes(store, self._postings, self._engine, settings.verifier_fingerprint)
        self._adder = Adder(store, self._postings, self._engine, self._changes)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        config: Config | None = None,
        mode: Literal["r", "w"] = "r",
        statistics: str | Statistics | None = None,
        no_text: bool = False,
        workers: int = 1,
    ) -> Index:
        """Open an index, with mode "w" also one that is not there yet.

        Parameters
        ----------
        url : str
            A path (SQLite), or ``postgresql://user@host/database``.
        config : Config, optional
            Cut-offs; by default those the index was made with. Another sketch
            is refused; other rules of verification apply to what comes.
        mode : {"r", "w"}
            Readers never write. SQLite has one writer at a time.
        statistics : str or Statistics, optional
            For a new index: the statistics to judge by, for good. By default the empty ones.
        no_text : bool
            For a new index: keep no texts. It answers with estimates then.
        workers : int
            Processes that prepare and compare large batches.

        Raises
        ------
        IndexFailure
            If the index is missing, locked, foreign, damaged, or made by another normaliser or sketch.
        """
        if mode not in ("r", "w"):
            raise UsageError(f"mode {mode!r}", remedy="choose r or w")
        store = open_store(url, write=mode == "w")
        try:
            return cls(store, made_with.open_or_create(store, config, statistics, no_text), Crew(workers))
        except BaseException:
            store.close()
            raise

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Index({self._store.shown!r}, mode={'w' if self._store.write else 'r'!r})"

    def close(self) -> None:
        """Let go of the store; everything acknowledged is on disk already."""
        self._crew.__exit__(None, None, None)
        self._store.close()

    @property
    def store(self) -> Store:
        """Where it lives."""
        return self._store

    @property
    def postings(self) -> Postings:
        """Its look-up keys."""
        return self._postings

    @property
    def engine(self) -> Engine:
        """What its comparisons need."""
        return self._engine

    @property
    def settings(self) -> made_with.Settings:
        """Configuration and statistics that verdicts are made by."""
        return self._settings

    def add(
        self, article: Incoming, *, batch: str | None = None, on_conflict: OnConflict = "error"
    ) -> Verdict:
        """Judge one article and store it; see `add_many`."""
        return self.add_many([article], batch=batch, on_conflict=on_conflict)[0]

    def add_many(
        self, articles: Iterable[Incoming], *, batch: str | None = None, on_conflict: OnConflict = "error"
    ) -> list[Verdict]:
        """Judge articles, against the index and each other, and store them in one transaction.

        Parameters
        ----------
        articles : iterable of Article or mappings
            Mappings are read as `dedup.deduplicate` reads them.
        batch : str, optional
            An id of the caller's for this very batch. A retry under it gets the
            first verdicts back. Needed where an article has no id.
        on_conflict : {"error", "update"}
            What to do when an id is there with another text.

        Returns
        -------
        list of Verdict
            One per article, in order. An article that is there under its id with
            the same text gets its present verdict, marked ``repeated``.

        Raises
        ------
        DataError
            If an article has no text.
        UsageError
            If one has no id and there is no batch id; if an id has another text
            already, unless that is to be an update.
        """
        if on_conflict not in ("error", "update"):
            raise UsageError(f"on_conflict {on_conflict!r}", remedy="choose error or update")
        self._require_writer()
        return self.add_records(
            to_records(articles, self._settings.config), batch=batch, on_conflict=on_conflict
        )

    def add_records(
        self, records: pa.RecordBatch, *, batch: str | None = None, on_conflict: OnConflict = "error"
    ) -> list[Verdict]:
        """Do as `add_many` does for good rows of `dedup.schema.RECORDS`."""
        records = give_ids(records, batch)
        content = content_digest(records) if batch is not None else ""
        return self._retried(lambda: self._adder.add(Intake(records), batch, content, on_conflict))

    def restore(self, records: pa.RecordBatch, heads: Sequence[Head]) -> list[Verdict]:
        """Judge and store records of another index, with the digests that their texts first had."""
        intake = Intake(records, [head.digest for head in heads], [head.added for head in heads])
        return self._retried(lambda: self._adder.add(intake, None, "", "error"))

    def load(self, prepared: pa.RecordBatch, texts: pa.Array) -> None:
        """Store records that a run kept, without judging them; inside ``store.writing``.

        A record whose id is there takes the old one's place.
        """
        self._postings.refresh()
        stored = self._adder.find(prepared.column("id").drop_null().to_pylist())
        self._changes.forget([head.ordinal for head in stored.values()])
        self._changes.load(prepared, pc.coalesce(prepared.column("readable"), texts))

    def query(self, article: Incoming) -> Verdict:
        """Return the verdict that `add` would give, without storing anything."""
        return self.query_many([article])[0]

    def query_many(self, articles: Iterable[Incoming]) -> list[Verdict]:
        """Return the verdict that `add` would give on each article alone, without storing anything."""
        return self.query_records(to_records(articles, self._settings.config))

    def query_records(self, records: pa.RecordBatch) -> list[Verdict]:
        """Do as `query_many` does for good rows of `dedup.schema.RECORDS`."""
        records = temporary_ids(records)
        prepared = prepare_all(records, self._settings.config, self._crew)
        return self._retried(lambda: [self._query(prepared.slice(row, 1)) for row in range(len(records))])

    def get(self, identifier: Any) -> dict[str, Any] | None:
        """Return a stored record with its present verdict, None if there is none under this id."""
        token = msgspec.json.encode(identifier).decode()
        with self._store.reading():
            self._postings.refresh()
            head = self._adder.find([token]).get(token)
            return None if head is None else next(self._records([head]))

    def remove(self, ids: Iterable[Any]) -> int:
        """Remove records by id; return how many were there.

        Members of a removed keeper are judged anew, the fullest first, against
        all that is left and each other; so each is kept or has a new keeper.
        """
        self._require_writer()
        tokens = [msgspec.json.encode(identifier).decode() for identifier in ids]

        def remove() -> int:
            with self._store.writing():
                self._postings.refresh()
                found = self._adder.find(tokens)
                return self._forget([head.ordinal for head in found.values()])

        return self._retried(remove)

    def expire(self, *, before: datetime | str) -> int:
        """Remove records dated before a time; return how many.

        A record without a date counts from the day it was added. Members of
        expired keepers are judged anew, as with `remove`.
        """
        self._require_writer()
        limit = parse_date(before)
        if limit is None:
            raise UsageError(f"cannot read the date {before!r}", remedy="give it as 2026-01-31")

        def expire() -> int:
            with self._store.writing():
                self._postings.refresh()
                condition = "COALESCE(date, added) < ?"
                return self._forget([head.ordinal for head in self._store.all_heads(condition, (limit,))])

        return self._retried(expire)

    def clusters(self) -> Iterator[Cluster]:
        """Yield kept records that stand for others, with the ids of these."""
        with self._store.reading():
            members: dict[int, list[Any]] = {}
            for head in self._store.all_heads("keeper <> ordinal"):
                members.setdefault(head.keeper, []).append(msgspec.json.decode(head.id))
            for head in sorted(self._store.heads(sorted(members)).values(), key=lambda h: h.ordinal):
                kept = msgspec.json.decode(head.id)
                yield Cluster(kept, kept, tuple(members[head.ordinal]))

    def export(self) -> Generator[dict[str, Any], None, None]:
        """Yield all records, kept ones first: added elsewhere in this order, they make the same clusters."""
        if not self._settings.with_texts:
            raise IndexFailure("an index without texts can't be exported", where=self._store.shown)
        with self._store.reading():
            for condition in ("keeper = ordinal", "keeper <> ordinal"):
                heads: list[Head] = []
                for head in self._store.all_heads(condition):
                    heads.append(head)
                    if len(heads) == _SCANNED_AT_ONCE:
                        yield from self._records(heads)
                        heads = []
                yield from self._records(heads)

    def stats(self) -> dict[str, Any]:
        """Return counts, sizes and fingerprints."""
        with self._store.reading():
            self._postings.refresh()
            prefix = self._store.prefix
            counts = self._store.rows(
                "SELECT count(*), COALESCE(SUM(CASE WHEN keeper = ordinal THEN 1 ELSE 0 END), 0),"
                f" MIN(date), MAX(date) FROM {prefix}documents"
            )[0]
            batches = self._store.rows(f"SELECT count(*) FROM {prefix}ledger")[0][0]
        documents, kept, first, last = (None if value is None else int(value) for value in counts)
        size = self._store.size_bytes()
        return {
            "url": self._store.shown,
            "documents": documents,
            "kept": kept,
            "dropped": (documents or 0) - (kept or 0),
            "first_date": _iso(first),
            "last_date": _iso(last),
            "batches": int(batches),
            "bytes": size,
            "bytes_per_document": round(size / documents) if documents else 0,
            "segments": len(self._postings.segments),
            "entries": sum(segment.n_entries for segment in self._postings.segments),
            "with_texts": self._settings.with_texts,
            "sketch_fingerprint": self._settings.sketch_fingerprint,
            "verifier_fingerprint": self._settings.verifier_fingerprint,
            "statistics_fingerprint": self._settings.statistics.fingerprint(),
            "statistics_documents": self._settings.statistics.n_docs,
        }

    def verify(self) -> list[str]:
        """Check the whole index; return what is wrong, nothing when all is well."""
        from dedup.index.checking import check

        return check(self._store, self._postings, self._engine)

    def compact(self) -> None:
        """Merge all postings, leave out those of removed documents, and give free space back."""
        self._require_writer()
        with self._store.reading():
            self._postings.refresh()
            alive = np.zeros(self._store.counter("ordinals") + 1, np.bool_)
            alive[-1] = True  # for all that other workers add meanwhile
            for (ordinal,) in self._store.scan(f"SELECT ordinal FROM {self._store.prefix}documents"):
                alive[ordinal] = True
        self._postings.merge(everything=True, alive=alive)
        self._store.shrink()

    def _query(self, prepared: pa.RecordBatch) -> Verdict:
        with self._store.reading():
            self._postings.refresh()
            token = prepared.column("id")[0].as_py()
            head = self._adder.find([token]).get(token)
            if head is not None and head.digest == prepared.column("digest")[0].as_py():
                return repeated(stored_verdict(head))
            case = Case(self._engine, prepared, ignore=[] if head is None else [head.ordinal])
            case.look_up(self._store, self._postings)
            if not case.heads:
                return self._changes.unlike_all(case)
            case.judge()
            return self._changes.verdicts(case)[0]

    def _forget(self, ordinals: Sequence[int]) -> int:
        if ordinals:
            self._changes.forget(ordinals)
            self._store.raise_counter("commits")
        return len(ordinals)

    def _records(self, heads: Sequence[Head]) -> Iterator[dict[str, Any]]:
        contents = self._store.contents([head.ordinal for head in heads]) if self._settings.with_texts else {}
        for head in heads:
            verdict = stored_verdict(head)
            record: dict[str, Any] = {"id": verdict.id}
            if head.ordinal in contents:
                text = self._engine.packer.unpack(
                    contents[head.ordinal], f"{self._store.shown}, id {head.id}"
                )
                record |= {"text": text.readable, "title": text.title, "url": text.url}
            record |= {
                "source": head.source,
                "date": _iso(head.date),
                "kept": head.kept,
                "verdict": verdict.to_dict(),
            }
            yield {name: value for name, value in record.items() if value is not None}

    def _require_writer(self) -> None:
        if not self._store.write:
            raise UsageError(
                "an index opened for reading", where=self._store.shown, remedy='open it with mode="w"'
            )

    def _retried(self, act: Callable[[], Answer]) -> Answer:
        """Do something again after a lost connection: all that is done here can be repeated."""
        from dedup.stores.store import ConnectionLost

        for _ in range(_RETRIES):
            try:
                return act()
            except ConnectionLost:
                self._store.reconnect()
        return act()


def _iso(date: int | None) -> str | None:
    return None if date is None else str(np.datetime64(date, "us").astype("datetime64[s]")) + "Z"
