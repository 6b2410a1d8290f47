"""Records as an engine hands them over → prepared rows, in types that every engine has."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dedup.canonical import id_order
from dedup.config import Config
from dedup.files import Chunk, Fields, parse
from dedup.files.splice import splice_text
from dedup.flags import damage
from dedup.pipeline.decisions import removals
from dedup.pipeline.prepare import prepare
from dedup.schema import RECORDS

# Prepared at once; more would only take more memory.
_ROWS_AT_ONCE = 2_000

PREPARED = pa.schema(
    [
        ("place", pa.int64()),  # which row of the snapshot; joins rows and decides nothing
        ("rest", pa.binary()),  # digest of the columns that no stage looks at
        ("id", pa.string()),  # JSON token, null when absent
        ("id_order", pa.binary()),  # sorts as ids do
        ("title", pa.string()),
        ("source", pa.string()),
        ("date", pa.int64()),
        ("url", pa.string()),
        ("flags", pa.int64()),
        ("damage", pa.int32()),  # `flags.damage` of them
        ("bad", pa.string()),
        ("readable", pa.string()),  # cleaned text, null when cleaning changed nothing
        ("removed", pa.string()),  # JSON list of {line, rule, chars}, null when nothing was removed
        ("removed_bytes", pa.int64()),
        ("digest", pa.binary()),
        ("identity", pa.binary()),
        ("id_hash", pa.int64()),
        ("key_digest", pa.binary()),
        ("key", pa.binary()),
        ("classes", pa.binary()),
        ("title_key", pa.binary()),
        ("n_tokens", pa.int32()),
        ("signature", pa.binary()),  # uint32, little-endian
        ("fingerprints", pa.binary()),  # uint64, little-endian
        ("lines", pa.binary()),  # uint64, little-endian
    ]
)


LINES = pa.schema([("value", pa.string())])


def prepare_columns(
    batches: Iterable[pa.RecordBatch], *, fields: Fields, config: Config
) -> Iterator[pa.RecordBatch]:
    """Prepare rows that have ``place``, ``rest`` and the columns named in `fields`; yield `PREPARED`."""
    for batch in _slices(batches):
        chunk = Chunk(0, 0, batch.select(fields.names()), 1, -1, "records", "arrow")
        records = parse(chunk, fields, config.read.record_limit_bytes)
        yield _plain(prepare(records, config), batch.column("place"), batch.column("rest"))


def prepare_lines(
    batches: Iterable[pa.RecordBatch], *, fields: Fields, config: Config
) -> Iterator[pa.RecordBatch]:
    """Prepare rows that have ``place``, ``rest`` and ``value``, a line of JSON as bytes; yield `PREPARED`.

    A blank line is no record and yields no row.
    """
    for batch in _slices(batches):
        payload = b"\n".join(batch.column("value").to_pylist())
        chunk = Chunk(0, 0, payload, 0, 0, "records", "jsonl")
        records = parse(chunk, fields, config.read.record_limit_bytes)
        rows = records.column("line")
        yield _plain(
            prepare(records, config), batch.column("place").take(rows), batch.column("rest").take(rows)
        )


def prepare_again(batches: Iterable[pa.RecordBatch], *, config: Config) -> Iterator[pa.RecordBatch]:
    """Prepare cleaned texts as a later run will read them; takes and yields `PREPARED`."""
    for batch in _slices(batches):
        n_rows = batch.num_rows
        columns = {
            "text": batch.column("readable"),
            **{name: batch.column(name) for name in ("id", "title", "source", "date", "url")},
            **dict.fromkeys(("line", "offset", "length"), pa.array(np.full(n_rows, -1, np.int64))),
            "flags": pa.array(np.zeros(n_rows, np.uint32)),
            "bad": pa.nulls(n_rows, pa.large_string()),
        }
        records = pa.record_batch([columns[field.name].cast(field.type) for field in RECORDS], schema=RECORDS)
        yield _plain(prepare(records, config), batch.column("place"), batch.column("rest"))


def splice_lines(batches: Iterable[pa.RecordBatch], *, name: str) -> Iterator[pa.RecordBatch]:
    """Put cleaned texts into lines of JSON: takes ``value`` and the text, null for none; yields `LINES`."""
    for batch in batches:
        lines, texts = (column.to_pylist() for column in batch.columns)
        values = [
            line if text is None else splice_text(line.encode(), name, text)
            for line, text in zip(lines, texts, strict=True)
        ]
        yield pa.record_batch([pa.array(values, pa.string())], schema=LINES)


def sortable_id(token: str | None) -> bytes:
    """Return bytes that sort as the ids of JSON tokens do: numbers by value, strings, then none.

    Examples
    --------
    >>> tokens = ["9", "10", "1.5", "-3", '"a"', None]
    >>> sorted(tokens, key=sortable_id)
    ['-3', '1.5', '9', '10', '"a"', None]
    """
    kind, value = id_order(None if token is None else msgspec.json.decode(token))
    if kind:
        return bytes([kind]) + str(value).encode()
    whole = abs(math.trunc(value))
    size = (whole.bit_length() + 7) // 8
    magnitude: bytes = size.to_bytes(4) + whole.to_bytes(size) + struct.pack(">d", float(abs(value) - whole))
    if value < 0:
        return b"\0\0" + bytes(255 - byte for byte in magnitude)
    return b"\0\1" + magnitude


def _slices(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
            yield batch.slice(start, _ROWS_AT_ONCE)


def _plain(prepared: pa.RecordBatch, place: pa.Array, rest: pa.Array) -> pa.RecordBatch:
    """Return a prepared batch in the types of `PREPARED`: no engine has all of Arrow's."""
    columns = {name: prepared.column(name) for name in prepared.schema.names}
    removed = columns["removed"]
    columns |= {
        "place": place,
        "rest": rest,
        "id_order": pa.array([sortable_id(token) for token in columns["id"].to_pylist()], pa.binary()),
        "removed": pa.array([_summary(value) for value in removed.to_pylist()], pa.string()),
        "damage": pa.array(damage(columns["flags"].to_numpy())),
        "removed_bytes": pc.binary_length(removed).fill_null(0),
        "id_hash": pa.array(columns["id_hash"].to_numpy().view(np.int64)),
        "fingerprints": _as_bytes(columns["fingerprints"]),
        "lines": _as_bytes(columns["lines"]),
    }
    return pa.record_batch([columns[field.name].cast(field.type) for field in PREPARED], schema=PREPARED)


def _summary(removed: bytes | None) -> bytes | None:
    return None if removed is None else msgspec.json.encode(removals(removed))


def _as_bytes(column: pa.LargeListArray) -> pa.LargeBinaryArray:
    """Return lists of uint64 as binary values."""
    offsets: NDArray[np.int64] = column.offsets.to_numpy() * 8
    values = np.ascontiguousarray(column.values.to_numpy())
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(column), [None, pa.py_buffer(offsets), pa.py_buffer(values)]
    )
