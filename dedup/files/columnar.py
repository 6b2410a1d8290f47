"""Parquet and Arrow IPC: batches of whole rows, bounded in bytes, the same in both passes.

The first pass reads the fields that serve a purpose, the second all columns.
A batch's rows depend on the file alone, never on the columns asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dedup.errors import DataError, SystemFailure, UsageError
from dedup.files.chunks import Chunk, Fields, Source, changed, over_limit
from dedup.files.raw import RawInput
from dedup.files.rows import SUSPECT, UNDATED, as_date, as_label, encode_json
from dedup.schema import RECORDS

# Dictionary-encoded pages unfold beyond what the footer says; this bounds a batch of them.
_LARGEST_BATCH_ROWS = 16_384


class ColumnarSource(Source):
    """What Parquet and Arrow files have in common."""

    def __init__(self, raw: RawInput, index: int) -> None:
        super().__init__(raw, index)
        self.needed: list[str] | None = None
        with _reading(self.name):
            self.columns = self._open_schema()
        names = self.columns.names
        if len(set(names)) != len(names):
            raise UsageError("two columns have the same name", where=self.name, remedy="rename one of them")

    def fields(self) -> list[str]:
        """Return the column names."""
        return list(self.columns.names)

    def use_fields(self, fields: Fields) -> None:
        """Read only these columns in the first pass.

        Raises
        ------
        UsageError
            If the text's column holds no strings.
        """
        super().use_fields(fields)
        self.needed = [name for name in fields.names() if name in self.columns.names]
        kind = self.columns.field(fields.text).type
        if not is_text_type(kind):
            raise UsageError(
                f"column {fields.text!r} holds {kind}, not text",
                where=self.name,
                remedy="name a column of strings with --text",
            )

    def chunks_again(self) -> Iterator[Chunk]:
        """Yield the same rows once more, with all columns; the file's digest is compared first."""
        self.raw.require_unchanged()
        self.raw.restart(digest=True)
        self._hash_file()
        if self.raw.digest()[0] != self.sha256:
            raise changed(self.name)
        # Taken anew by restart: what is read now must stay what was just compared.
        yield from super().chunks_again()

    def _seal(self) -> None:
        self._hash_file()
        self.raw.require_unchanged()
        super()._seal()

    def _hash_file(self) -> None:
        self.raw.hash_all()

    def _check(self, chunk: Chunk) -> int:
        return int(chunk.payload.num_rows)  # type: ignore[union-attr]

    def _read(self, target_bytes: int, *, again: bool) -> Iterator[Chunk]:
        needed = None if again else self.needed
        row = 1
        with _reading(self.name):
            for ordinal, batch in enumerate(self._batches(target_bytes, needed)):
                yield self._chunk(ordinal, batch, row, -1)
                row += batch.num_rows

    def _open_schema(self) -> pa.Schema:
        raise NotImplementedError

    def _batches(self, target_bytes: int, needed: list[str] | None) -> Iterator[pa.RecordBatch]:
        raise NotImplementedError

    def _handle(self) -> Any:
        if self.raw.is_stream:
            return pa.PythonFile(self.raw.copied(), mode="r")
        return pa.OSFile(str(self.path))


class ParquetSource(ColumnarSource):
    """A Parquet file."""

    format = "parquet"
    compression = "zstd"

    def _open_schema(self) -> pa.Schema:
        with pq.ParquetFile(self._handle()) as file:
            metadata = file.metadata
            if metadata.num_row_groups and metadata.num_columns:
                found = metadata.row_group(0).column(0).compression.lower()
                self.compression = {"uncompressed": "none", "lz4_raw": "lz4"}.get(found, found)
            return file.schema_arrow

    def _batches(self, target_bytes: int, needed: list[str] | None) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self._handle()) as file:
            for group in range(file.metadata.num_row_groups):
                described = file.metadata.row_group(group)
                if not described.num_rows:
                    continue
                rows = target_bytes * described.num_rows // max(1, described.total_byte_size)
                rows = max(1, min(rows, _LARGEST_BATCH_ROWS))
                yield from _regrouped(
                    file.iter_batches(rows, row_groups=[group], columns=needed, use_threads=False), rows
                )


def _regrouped(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of exactly so many rows: where a column comes in chunks the reader cuts shorter."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if not held and batch.num_rows == rows:
            yield batch
            continue
        held.append(batch)
        count += batch.num_rows
        while count >= rows:
            table = pa.Table.from_batches(held)
            yield _one_batch(table.slice(0, rows))
            held, count = table.slice(rows).to_batches(), count - rows
    if count:
        yield _one_batch(pa.Table.from_batches(held))


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().to_batches()[0]


class ArrowSource(ColumnarSource):
    """An Arrow IPC file or stream."""

    format = "arrow"

    def _open_schema(self) -> pa.Schema:
        with self._handle() as handle:
            return _ipc_reader(handle).schema

    def _batches(self, target_bytes: int, needed: list[str] | None) -> Iterator[pa.RecordBatch]:
        with self._handle() as handle:
            for whole in _ipc_batches(_ipc_reader(handle)):
                if not whole.num_rows:
                    continue
                rows = max(1, min(target_bytes * whole.num_rows // max(1, whole.nbytes), _LARGEST_BATCH_ROWS))
                batch = whole if needed is None else whole.select(needed)
                for start in range(0, batch.num_rows, rows):
                    yield batch.slice(start, rows)


def _ipc_reader(handle: Any) -> Any:
    magic = handle.read(6)
    handle.seek(0)
    return pa.ipc.open_file(handle) if magic == b"ARROW1" else pa.ipc.open_stream(handle)


def _ipc_batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if hasattr(reader, "num_record_batches"):
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        yield from reader


class _reading:  # noqa: N801  (used as a statement)
    """Turns Arrow's complaints about a file into a DataError."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PermissionError):
            raise SystemFailure(
                "no permission to read", where=self._name, remedy="change its permissions"
            ) from error
        if isinstance(error, (pa.ArrowException, OSError, EOFError)):
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(
                f"file is damaged or not of its format: {first}",
                where=self._name,
                remedy="fetch or make the file again",
            ) from error


def is_text_type(kind: pa.DataType) -> bool:
    """Tell whether a column of this Arrow type holds strings, dictionaries included."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def as_strings(column: pa.Array) -> pa.LargeStringArray:
    """Return a column of any string type as large_string."""
    return column if pa.types.is_large_string(column.type) else column.cast(pa.large_string())


def parse_columnar(chunk: Chunk, fields: Fields, record_limit_bytes: int) -> pa.RecordBatch:
    """Turn one batch of rows into a RECORDS batch, bad records included."""
    batch = chunk.payload
    count = batch.num_rows  # type: ignore[union-attr]
    names = set(batch.schema.names)  # type: ignore[union-attr]

    def column(name: str | None) -> pa.Array | None:
        return batch.column(name) if name is not None and name in names else None  # type: ignore[union-attr]

    text, bad = _texts(column(fields.text), count, record_limit_bytes)
    identity, problems = _tokens(column(fields.id), count)
    dates, flags = _dates(column(fields.date), count)
    if problems.any():
        bad = pc.if_else(pc.and_(pa.array(problems), bad.is_null()), "id is a list or a structure", bad)
    good = bad.is_null()
    flags |= np.where(np.asarray(pc.fill_null(pc.match_substring(text, "\0"), False)), SUSPECT, 0).astype(
        np.uint32
    )
    flags[~np.asarray(good)] = 0
    nothing = pa.scalar(None, pa.large_string())
    labels = [
        pc.if_else(good, _labels(column(name), count), nothing)
        for name in (fields.title, fields.source, fields.url)
    ]
    absent = np.full(count, -1, dtype=np.int64)
    return pa.RecordBatch.from_arrays(
        [
            pc.if_else(good, text, nothing),
            pc.if_else(good, identity, nothing),
            labels[0],
            labels[1],
            pc.if_else(good, dates, pa.scalar(None, pa.int64())),
            labels[2],
            pa.array(np.arange(chunk.first_line, chunk.first_line + count, dtype=np.int64)),
            pa.array(absent),
            pa.array(absent),
            pa.array(flags),
            bad,
        ],
        schema=RECORDS,
    )


def _texts(column: pa.Array | None, count: int, limit: int) -> tuple[pa.Array, pa.Array]:
    """Return the texts and the reasons why some are none."""
    string = pa.large_string()
    if column is None:
        return pa.nulls(count, string), pa.array(["text is missing"] * count, string)
    try:
        text = as_strings(column)
        text.validate(full=True)
        reasons = pa.nulls(count, string)
    except pa.ArrowInvalid:
        values, problems = _decoded(column)
        text, reasons = pa.array(values, string), pa.array(problems, string)
    reasons = pc.if_else(pc.and_(text.is_null(), reasons.is_null()), "text is null", reasons)
    lengths = np.asarray(pc.fill_null(pc.binary_length(text), 0))
    for row in np.flatnonzero(lengths > limit):
        mask = np.arange(count) == row
        reasons = pc.if_else(pa.array(mask), over_limit(int(lengths[row]), limit), reasons)
    return text, reasons


def _decoded(column: pa.Array) -> tuple[list[str | None], list[str | None]]:
    values: list[str | None] = []
    problems: list[str | None] = []
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    for value in column.cast(pa.large_binary()).to_pylist():
        try:
            values.append(None if value is None else value.decode())
            problems.append(None)
        except UnicodeDecodeError as error:
            values.append(None)
            problems.append(f"text is not UTF-8 (byte {error.start + 1})")
    return values, problems


def _tokens(column: pa.Array | None, count: int) -> tuple[pa.Array, Any]:
    """Return ids as JSON tokens, and where they can be none."""
    problems = np.zeros(count, dtype=bool)
    if column is None:
        return pa.nulls(count, pa.large_string()), problems
    if pa.types.is_nested(column.type):
        return pa.nulls(count, pa.large_string()), np.asarray(column.is_valid())
    values = plain_values(column)
    return pa.array(
        [None if value is None or value == "" else encode_json(value) for value in values], pa.large_string()
    ), problems


def _labels(column: pa.Array | None, count: int) -> pa.Array:
    if column is None:
        return pa.nulls(count, pa.large_string())
    if is_text_type(column.type):
        try:
            text = as_strings(column)
            text.validate(full=True)
        except pa.ArrowInvalid:
            return pa.array(_decoded(column)[0], pa.large_string())
        return text
    return pa.array([as_label(value) for value in plain_values(column)], pa.large_string())


def _dates(column: pa.Array | None, count: int) -> tuple[pa.Array, Any]:
    flags = np.zeros(count, dtype=np.uint32)
    if column is None:
        return pa.nulls(count, pa.int64()), flags
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        micros = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False)
        return micros.cast(pa.int64()), flags
    read = [as_date(value) for value in plain_values(column)]
    flags |= np.array([UNDATED if undated else 0 for _, undated in read], dtype=np.uint32)
    return pa.array([moment for moment, _ in read], pa.int64()), flags


def plain_values(column: pa.Array) -> list[Any]:
    """Return a column's values as Python objects; nanoseconds are cut to microseconds, which Python has."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_time64(kind) and kind.unit == "ns":
        column = column.cast(pa.time64("us"), safe=False)
    elif pa.types.is_duration(kind) and kind.unit == "ns":
        column = column.cast(pa.duration("us"), safe=False)
    elif is_text_type(kind):
        try:
            return list(column.to_pylist())
        except UnicodeDecodeError:
            return _decoded(column)[0]
    return list(column.to_pylist())


def row_objects(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return rows as mappings that encode to JSON: dates ISO 8601, bytes base64, decimals as strings."""
    columns = [plain_values(column) for column in batch.columns]
    return [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def select_rows(batch: pa.RecordBatch, keep: Any) -> list[pa.RecordBatch]:
    """Return the wanted rows, in one batch or, for types that Arrow can't filter, in slices."""
    if keep.all():
        return [batch]
    try:
        return [batch.filter(pa.array(keep))]
    except pa.ArrowNotImplementedError:
        edges = np.flatnonzero(np.diff(np.concatenate(([False], keep, [False])).astype(np.int8))).tolist()
        return [batch.slice(start, end - start) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def replace_texts(batch: pa.RecordBatch, name: str, new_text: dict[int, str]) -> pa.RecordBatch:
    """Return the batch with other texts in some rows; the column keeps its type."""
    place = batch.schema.get_field_index(name)
    column = batch.column(place)
    values = as_strings(column)
    mask = np.zeros(batch.num_rows, dtype=bool)
    rows = sorted(new_text)
    mask[rows] = True
    replaced = pc.replace_with_mask(
        values, pa.array(mask), pa.array([new_text[row] for row in rows], pa.large_string())
    )
    if pa.types.is_dictionary(column.type):
        replaced = replaced.cast(column.type.value_type).dictionary_encode()
    return batch.set_column(place, batch.schema.field(place), replaced.cast(column.type))
