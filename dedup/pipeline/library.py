"""The same job for records that a caller holds in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa

from dedup.config import Config
from dedup.errors import DataError, UsageError
from dedup.files import Chunk, Fields, choose_fields, parse, parse_objects, replace_texts
from dedup.pipeline.corpus import Corpus
from dedup.pipeline.decisions import Decider
from dedup.pipeline.outputs import new_texts
from dedup.pipeline.prepare import prepare
from dedup.pipeline.progress import Progress
from dedup.pipeline.resolve import resolve
from dedup.pipeline.spill import Place, Scratch, TemporaryFolder, spill_file
from dedup.pipeline.workers import Crew
from dedup.records import Article, Cluster, Decision, Link, Result
from dedup.schema import prepared_schema
from dedup.statistics import Statistics

_ROWS_AT_ONCE = 2_000
Records = Iterable[Mapping[str, Any]] | Iterable[Article] | Any


@dataclass(frozen=True, slots=True)
class _Part:
    """Some records: mappings or a record batch, with the number of the first."""

    content: Sequence[Mapping[str, Any]] | pa.RecordBatch
    first: int


def deduplicate(
    records: Records,
    *,
    config: Config | None = None,
    against: Records | None = None,
    statistics: Statistics | None = None,
    on_bad_record: Literal["raise", "reject"] = "raise",
    workers: int = 1,
    temp: str | None = None,
) -> Result:
    """Find the copies among records, keep the best version of each and say why.

    Parameters
    ----------
    records : iterable of mappings or `Article`, Arrow table, pandas or Polars frame
        Fields are found by their names (text, body, content …; id; title …) or
        named in ``config.read``.
    config : Config, optional
        Cut-offs of the stages.
    against : the same, optional
        Records already published: newcomers are dropped for them, they stay.
    statistics : Statistics, optional
        Frozen statistics to judge by; learned from the records when absent.
    on_bad_record : {"raise", "reject"}
        What becomes of records without a text.
    workers : int
        Processes for large inputs.
    temp : str, optional
        Where to make the temporary folder.

    Returns
    -------
    Result

    Raises
    ------
    DataError
        On a bad record, unless they are to be rejected.
    UsageError
        If no field holds a text, or an argument is none of those allowed.

    Examples
    --------
    >>> storm = (
    ...     "The storm reached the coast on Monday night and left 12 villages without power, "
    ...     "the regional governor said. Repairs will take until Friday, he added."
    ... )
    >>> result = deduplicate([{"id": 1, "text": storm}, {"id": 2, "text": storm.upper()}])
    >>> [record["id"] for record in result.kept], result.decisions[1].relation
    ([1], 'exact')
    """
    config = config or Config()
    if on_bad_record not in ("raise", "reject"):
        raise UsageError(f"on_bad_record={on_bad_record!r}", remedy='give "raise" or "reject"')
    with TemporaryFolder(temp) as folder, Crew(workers) as crew:
        parts, fields = _parts(records, config)
        published, published_fields = _parts(against, config) if against is not None else ([], None)
        places = _prepare_all(parts, fields, folder.path, config, crew)
        n_new = len(places)
        if published_fields is not None:
            places += _prepare_all(published, published_fields, folder.path, config, crew)
        corpus = Corpus(places, prepared_schema(config.sketch.num_perm), n_new, ["records"] * len(places))
        rejected = _rejected(corpus, on_bad_record)
        outcome = resolve(corpus, config, crew, Progress(), Scratch(folder.path, None), statistics)
        decider = Decider(outcome)
        kept, dropped, tables, rows = [], [], [], []
        for part, batch, decided in zip(parts, corpus.batches[:n_new], decider.batches(crew), strict=True):
            new_text = new_texts(batch, decided.keep)
            rows.extend(decided.rows)
            gone = np.flatnonzero(~(decided.keep | decided.rejected))
            if isinstance(part.content, pa.RecordBatch):
                table = replace_texts(part.content, fields.text, new_text).filter(pa.array(decided.keep))
                tables.append(table)
                kept.extend(table.to_pylist())
                dropped.extend(part.content.take(pa.array(gone)).to_pylist())
            else:
                chosen = np.flatnonzero(decided.keep).tolist()
                kept.extend(_with_text(part.content[row], fields.text, new_text.get(row)) for row in chosen)
                dropped.extend(part.content[row] for row in gone.tolist())
        decisions = tuple(_decision(row, line) for line, row in enumerate(rows, 1))
        counts = {"in": corpus.n_new} | {
            name: decider.counts[name] for name in ("kept", "dropped", "rejected")
        }
    if counts["in"] != counts["kept"] + counts["dropped"] + counts["rejected"]:
        raise AssertionError(f"accounts do not balance: {counts}")
    table = pa.Table.from_batches(tables) if tables else None
    return Result(kept, dropped, _clusters(decisions), decisions, rejected, counts, decider.digest, table)


def _parts(records: Records, config: Config) -> tuple[list[_Part], Fields]:
    """Cut records into parts and find their fields."""
    table = _as_table(records)
    if table is not None:
        parts, first = [], 1
        for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            parts.append(_Part(batch, first))
            first += batch.num_rows
        return parts, choose_fields(table.column_names, config.read)
    if isinstance(records, str | bytes | Mapping):
        raise UsageError(
            f"records is a {type(records).__name__}",
            remedy="give an iterable of mappings, a table or a frame",
        )
    rows = [_as_mapping(record) for record in records]
    names = dict.fromkeys(name for row in rows[:1000] for name in row)
    fields = choose_fields(list(names) or ["text"], config.read)
    parts = [_Part(rows[at : at + _ROWS_AT_ONCE], at + 1) for at in range(0, len(rows), _ROWS_AT_ONCE)]
    return parts, fields


def _as_table(records: Records) -> pa.Table | None:
    """Return Arrow tables, readers and frames of pandas or Polars as a table, anything else as None."""
    if isinstance(records, pa.Table):
        return records
    if isinstance(records, pa.RecordBatch):
        return pa.Table.from_batches([records])
    module = type(records).__module__.partition(".")[0]
    if module == "pandas":
        return pa.Table.from_pandas(records)
    if hasattr(records, "__arrow_c_stream__"):
        table = pa.table(records)
        # Arrow can't filter string views yet; Polars hands its strings out as such.
        plain = [
            field.with_type(pa.large_string()) if pa.types.is_string_view(field.type) else field
            for field in table.schema
        ]
        return table.cast(pa.schema(plain, metadata=table.schema.metadata))
    return None


def _as_mapping(record: Mapping[str, Any] | Article) -> Mapping[str, Any]:
    if isinstance(record, Article):
        return asdict(record)
    if not isinstance(record, Mapping):
        raise UsageError(f"a record is a {type(record).__name__}", remedy="give mappings or Article values")
    return record


def _prepare_all(
    parts: Sequence[_Part], fields: Fields, folder: Path, config: Config, crew: Crew
) -> list[Place]:
    return list(crew.map(partial(_prepare_part, fields=fields, folder=folder, config=config), parts))


def _prepare_part(part: _Part, *, fields: Fields, folder: Path, config: Config) -> Place:
    if isinstance(part.content, pa.RecordBatch):
        chunk = Chunk(0, 0, part.content, part.first, -1, "records", "arrow")
        records = parse(chunk, fields, config.read.record_limit_bytes)
    else:
        records = parse_objects(part.content, fields, part.first)
    return spill_file(folder).append(prepare(records, config))


def _rejected(corpus: Corpus, on_bad_record: str) -> tuple[tuple[int, str], ...]:
    bad = np.flatnonzero(corpus.bad).tolist()
    rejected = tuple((document, str(corpus.value("bad", document))) for document in bad)
    if rejected and (on_bad_record == "raise" or bad[-1] >= corpus.n_new):
        position, reason = rejected[0]
        raise DataError(
            f"bad record: {reason}",
            where=f"record {position}",
            remedy='mend it or pass on_bad_record="reject"',
        )
    return rejected


def _with_text(record: Mapping[str, Any], field: str, text: str | None) -> Mapping[str, Any]:
    return record if text is None else {**record, field: text}


def _decision(row: bytes, line: int) -> Decision:
    plain = msgspec.json.decode(row)
    plain.pop("schema")
    plain.setdefault("id", None)  # a rejected record may have none that can be read
    plain["links"] = tuple(Link(**link) for link in plain.get("links", ()))
    for name in ("stands_for", "flags", "removed"):
        plain[name] = tuple(plain.get(name, ()))
    return Decision(**plain, line=line)


def _clusters(decisions: Sequence[Decision]) -> tuple[Cluster, ...]:
    members: dict[Any, list[Any]] = {}
    for decision in decisions:
        if decision.status == "dropped":
            members.setdefault(decision.kept_id, []).append(decision.id)
    clusters = [Cluster(kept, kept, tuple(ids)) for kept, ids in members.items()]
    return tuple(sorted(clusters, key=lambda cluster: -len(cluster.dropped)))
