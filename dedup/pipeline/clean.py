"""Cleaning alone: every record stays, its text cleaned, every removal listed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dedup.config import Config
from dedup.errors import DataError
from dedup.files import (
    Chunk,
    Fields,
    RejectsWriter,
    RowsWriter,
    check_distinct,
    find_inputs,
    open_writer,
    parse,
    resolve_fields,
)
from dedup.normaliser import clean_batch
from dedup.pipeline.outputs import Outputs, new_texts
from dedup.pipeline.spill import TemporaryFolder
from dedup.pipeline.workers import Crew


def clean_files(
    inputs: Sequence[str],
    outputs: Outputs,
    *,
    removed: str | None = None,
    config: Config | None = None,
    input_format: str | None = None,
    workers: int | None = None,
    temp: str | None = None,
) -> tuple[int, int, int]:
    """Clean files; return the numbers of records, of texts changed and of lines removed.

    Raises
    ------
    UsageError, DataError, SystemFailure
        As `dedup.pipeline.run.run`.
    """
    config = config or Config()
    totals = np.zeros(3, np.int64)
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryFolder(temp))
        sources = find_inputs(
            inputs,
            input_format=input_format,
            record_limit_bytes=config.read.record_limit_bytes,
            expansion_limit=config.read.expansion_limit,
            spool_dir=str(folder.path),
        )
        check_distinct(sources, [*outputs.paths(), *([removed] if removed else [])])
        fields = resolve_fields(sources, config.read)
        plain: dict[str, Any] = {"no_overwrite": outputs.no_overwrite, "spool_dir": str(folder.path)}
        rejects = stack.enter_context(RejectsWriter(outputs.rejects, **plain)) if outputs.rejects else None
        removals = stack.enter_context(RowsWriter(removed, **plain)) if removed else None
        records = stack.enter_context(
            open_writer(
                outputs.records or "-", sources=sources, format=outputs.format, fields=fields, **plain
            )
        )
        crew = stack.enter_context(Crew(workers or os.cpu_count() or 1))
        task = partial(_clean_chunk, fields=fields, limit=config.read.record_limit_bytes)
        # The first pass shows that the file is whole, the second brings all columns.
        for source in sources:
            for _ in source.chunks():
                pass
            for chunk, batch in crew.map(task, source.chunks_again()):
                bad = ~batch.column("bad").is_null().to_numpy(zero_copy_only=False)
                _set_aside(chunk, batch, bad, rejects)
                new_text = new_texts(batch, ~bad)
                records.write(chunk, batch, ~bad, new_text)
                n_removed = _write_removals(chunk, batch, removals)
                totals += (batch.num_rows, len(new_text), n_removed)
        outcomes: list[Any] = [writer for writer in (rejects, removals, records) if writer is not None]
        for outcome in outcomes:
            outcome.close()
        for outcome in outcomes:
            outcome.publish()
    return int(totals[0]), int(totals[1]), int(totals[2])


def _clean_chunk(chunk: Chunk, *, fields: Fields, limit: int) -> tuple[Chunk, pa.RecordBatch]:
    records = parse(chunk, fields, limit)
    cleaned = clean_batch(records.column("text"), records.column("title"))
    removed = [
        json.dumps([{"line": r.line, "rule": r.rule, "text": r.text} for r in rows]) if rows else None
        for rows in cleaned.removed
    ]
    names = ("id", "line", "offset", "length", "bad")
    columns = [records.column(name) for name in names]
    return chunk, pa.record_batch(
        [*columns, cleaned.readable, pa.array(removed, pa.large_string())],
        names=[*names, "readable", "removed"],
    )


def _set_aside(chunk: Chunk, batch: pa.RecordBatch, bad: Any, rejects: RejectsWriter | None) -> None:
    if not bad.any():
        return
    if rejects is None:
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"bad record: {batch.column('bad')[row].as_py()}",
            where=f"{chunk.file}:{batch.column('line')[row].as_py()}",
            remedy="add --rejects FILE to set bad records aside",
        )
    rejects.write(chunk, batch)


def _write_removals(chunk: Chunk, batch: pa.RecordBatch, removals: RowsWriter | None) -> int:
    n_removed = 0
    for row in _rows_with_removals(batch):
        found = json.loads(batch.column("removed")[row].as_py())
        n_removed += len(found)
        if removals is not None:
            token = batch.column("id")[row].as_py()
            place = {"file": chunk.file, "record_line": batch.column("line")[row].as_py()}
            identity = {"id": json.loads(token)} if token is not None else {}
            for removal in found:
                removals.write_row(identity | removal | place)
    return n_removed


def _rows_with_removals(batch: pa.RecordBatch) -> Iterator[int]:
    yield from np.flatnonzero(pc.is_valid(batch.column("removed")).to_numpy(zero_copy_only=False)).tolist()
