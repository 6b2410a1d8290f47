"""Parquet, Arrow IPC and folders of text files as outputs."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dedup.files.atomic import AtomicFile, AtomicFolder
from dedup.files.chunks import Chunk, Fields
from dedup.files.columnar import replace_texts, select_rows
from dedup.files.rows import encode_json
from dedup.files.textfolder import replace_content
from dedup.files.writers import ANNOTATIONS, Annotations, NewText, Writer

_ROW_GROUP_BYTES = 64 << 20
_ROW_GROUP_ROWS = 1 << 17


class ColumnarWriter(Writer):
    """Parquet or Arrow IPC with the schema and metadata of the input."""

    def __init__(
        self, target: AtomicFile, fields: Fields, source: Any, *, format: str, annotate: bool
    ) -> None:
        super().__init__(target)
        self._text = fields.text
        self._held: list[pa.RecordBatch] = []
        self._held_rows = self._held_bytes = 0
        self._schema = source.columns
        for field in _annotation_fields() if annotate else ():
            self._schema = self._schema.append(field)
        self._handle = _Sink(target)
        self._sink = pa.PythonFile(self._handle, mode="w")
        self._writer: Any
        if format == "parquet":
            self._writer = pq.ParquetWriter(
                self._sink, self._schema, compression=getattr(source, "compression", "zstd")
            )
        elif target.path.lower().endswith(".arrows"):
            self._writer = pa.ipc.new_stream(self._sink, self._schema)
        else:
            self._writer = pa.ipc.new_file(self._sink, self._schema)

    def _write(
        self,
        chunk: Chunk,
        records: pa.RecordBatch,
        keep: Any,
        new_text: NewText,
        annotations: Annotations | None,
    ) -> None:
        batch: pa.RecordBatch = chunk.payload
        replaced = {row: text for row, text in new_text.items() if keep[row]}
        if replaced:
            batch = replace_texts(batch, self._text, replaced)
        if annotations is not None:
            rows = [annotations[row] for row in range(len(keep))]
            added = [_annotation_column(field, rows) for field in _annotation_fields()]
            batch = pa.RecordBatch.from_arrays([*batch.columns, *added], schema=self._schema)
        for part in select_rows(batch, keep):
            self._held.append(part.replace_schema_metadata(self._schema.metadata))
            self._held_rows += part.num_rows
            self._held_bytes += part.nbytes
        if self._held_rows >= _ROW_GROUP_ROWS or self._held_bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held, schema=self._schema))
        self._held, self._held_rows, self._held_bytes = [], 0, 0

    def _finish(self) -> None:
        self._flush()
        self._writer.close()

    def abort(self) -> None:
        """Remove what was not published."""
        # Arrow's writers write a footer when they are closed or collected; the file is going away.
        self._handle.discarding = True
        with contextlib.suppress(pa.ArrowException, OSError):
            self._writer.close()
        self._target.abort()


class _Sink:
    """What Arrow needs of a file to write to it."""

    closed = False
    discarding = False

    def __init__(self, target: AtomicFile) -> None:
        self._target = target

    def write(self, data: Any) -> int:
        if not self.discarding:
            self._target.write(data)
        return len(data)

    def tell(self) -> int:
        return self._target.size_bytes

    def flush(self) -> None:
        return None

    def close(self) -> None:
        return None

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _annotation_fields() -> list[pa.Field]:
    return [pa.field(name, pa.float64() if name == "dedup_score" else pa.string()) for name in ANNOTATIONS]


def _annotation_column(field: pa.Field, rows: list[Any]) -> pa.Array:
    values = [row.get(field.name) for row in rows]
    if pa.types.is_floating(field.type):
        return pa.array(values, field.type)
    return pa.array(
        [v if v is None or isinstance(v, str) else encode_json(v).decode() for v in values], field.type
    )


class TextFolderWriter(Writer):
    """A folder of text files under the paths they had."""

    def __init__(self, target: AtomicFolder) -> None:
        super().__init__(target)
        self._folder = target

    def _write(
        self,
        chunk: Chunk,
        records: pa.RecordBatch,
        keep: Any,
        new_text: NewText,
        annotations: Annotations | None,
    ) -> None:
        paths, contents = chunk.payload.column("path"), chunk.payload.column("content")  # type: ignore[union-attr]
        for row in np.flatnonzero(keep).tolist():
            content = contents[row].as_py()
            if row in new_text:
                content = replace_content(content, new_text[row])
            self._folder.write(paths[row].as_py(), content)
