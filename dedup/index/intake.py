"""What callers hand in → records with an id each, prepared."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dedup.config import Config
from dedup.errors import DataError, UsageError
from dedup.files import choose_fields, parse_objects
from dedup.index.verdicts import Verdict
from dedup.pipeline.prepare import prepare
from dedup.pipeline.workers import Crew
from dedup.records import Article
from dedup.schema import RECORDS

_ROWS_AT_ONCE = 500
Incoming = Article | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Records that are to be stored: prepared, with their texts and, if given, when they were added."""

    prepared: pa.RecordBatch
    readable: pa.Array
    added: list[int] | None


class Intake:
    """Records with an id each, good ones only.

    ``digests`` are those of the texts as they first came, ``added`` the times
    of their arrival in microseconds, for records that moved from another index.
    """

    def __init__(
        self, records: pa.RecordBatch, digests: list[bytes] | None = None, added: list[int] | None = None
    ) -> None:
        self.tokens: list[str] = records.column("id").to_pylist()
        self.digests = digests or [
            hashlib.sha256(text.encode()).digest()[:16] for text in records.column("text").to_pylist()
        ]
        self._records = records
        self._added = added

    def take(self, rows: Sequence[int], config: Config, crew: Crew) -> Chosen:
        """Prepare some of the records."""
        records = self._records.take(pa.array(rows, pa.int64()))
        prepared = prepare_all(records, config, crew)
        at = prepared.schema.get_field_index("digest")
        digests = pa.array([self.digests[row] for row in rows], pa.binary(16))
        prepared = prepared.set_column(at, prepared.schema.field(at), digests)
        readable = pc.coalesce(prepared.column("readable"), records.column("text"))
        return Chosen(prepared, readable, None if self._added is None else [self._added[row] for row in rows])


@dataclass
class SortedOut:
    """Of some records: rows to be judged, verdicts on rows known before, ordinals that updates replace."""

    fresh: list[int] = field(default_factory=list)
    known: dict[int, Verdict] = field(default_factory=dict)
    outdated: list[int] = field(default_factory=list)


def to_records(articles: Iterable[Incoming], config: Config) -> pa.RecordBatch:
    """Return articles as one batch of `schema.RECORDS`.

    Raises
    ------
    DataError
        If one has no text, or an id of a type that can't be one.
    """
    rows = [asdict(a) if isinstance(a, Article) else a for a in articles]
    for row in rows:
        if not isinstance(row, Mapping):
            raise UsageError(
                f"an article is a {type(row).__name__}", remedy="give Article values or mappings"
            )
    names = dict.fromkeys(name for row in rows for name in row)
    records = parse_objects(rows, choose_fields(list(names) or ["text"], config.read), 1)
    bad = records.column("bad")
    if bad.null_count < len(bad):
        place = next(at for at, reason in enumerate(bad.to_pylist()) if reason is not None)
        raise DataError(f"bad record: {bad[place].as_py()}", where=f"article {place + 1}", remedy="mend it")
    return records


def give_ids(records: pa.RecordBatch, batch: str | None) -> pa.RecordBatch:
    """Return records that all have an id; those without get one from their content and the batch's.

    Raises
    ------
    UsageError
        If a record has no id and there is no batch id: a retry could not be told from a copy.
    """
    tokens = records.column("id").to_pylist()
    if None not in tokens:
        return records
    if batch is None:
        raise UsageError(
            "an article without an id, and no batch id",
            remedy="give each article an id, or the batch one (batch=…, --batch)",
        )
    texts = records.column("text").to_pylist()
    seen: Counter[str] = Counter()
    for row, token in enumerate(tokens):
        if token is None:
            digest = hashlib.sha256(texts[row].encode()).hexdigest()[:32]
            seen[digest] += 1
            number = f".{seen[digest]}" if seen[digest] > 1 else ""
            tokens[row] = _token(f"sha:{digest}#{batch}{number}")
    return with_ids(records, tokens)


def temporary_ids(records: pa.RecordBatch) -> pa.RecordBatch:
    """Return records that all have an id, for a query: nothing is stored under it."""
    tokens = records.column("id").to_pylist()
    if None not in tokens:
        return records
    texts = records.column("text").to_pylist()
    made = (_token("sha:" + hashlib.sha256(text.encode()).hexdigest()[:32]) for text in texts)
    return with_ids(
        records, [own if token is None else token for token, own in zip(tokens, made, strict=True)]
    )


def with_ids(records: pa.RecordBatch, tokens: Sequence[str]) -> pa.RecordBatch:
    """Return records under other ids."""
    at = RECORDS.names.index("id")
    columns = records.columns
    columns[at] = pa.array(tokens, pa.large_string())
    return pa.record_batch(columns, schema=RECORDS)


def prepare_all(records: pa.RecordBatch, config: Config, crew: Crew) -> pa.RecordBatch:
    """Prepare records, in parts where there are many."""
    parts = [records.slice(at, _ROWS_AT_ONCE) for at in range(0, max(1, len(records)), _ROWS_AT_ONCE)]
    prepared = list(crew.map(partial(prepare, config=config), parts))
    return prepared[0] if len(prepared) == 1 else pa.concat_batches(prepared)


def content_digest(records: pa.RecordBatch) -> str:
    """Return a digest of ids and texts, in order: the same for a batch and its retry."""
    found = hashlib.sha256()
    for token, text in zip(records.column("id").to_pylist(), records.column("text").to_pylist(), strict=True):
        found.update(f"{token}\0{len(text)}\0".encode())
        found.update(text.encode())
    return found.hexdigest()[:32]


def _token(identifier: str) -> str:
    from dedup.files.rows import encode_json

    return encode_json(identifier).decode()
