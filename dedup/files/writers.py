"""Records leave as they came: kept rows as raw bytes, changed ones with new text in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from dedup.files.atomic import AtomicFile, AtomicFolder
from dedup.files.chunks import Chunk, Fields
from dedup.files.columnar import row_objects, select_rows
from dedup.files.compression import compressor
from dedup.files.delimited import add_cells, read_cells, splice_cell
from dedup.files.rows import encode_json
from dedup.files.splice import add_members, splice_text
from dedup.files.textfolder import decode_text

ANNOTATIONS = (
    "dedup_status",
    "dedup_cluster",
    "dedup_story",
    "dedup_kept_id",
    "dedup_relation",
    "dedup_score",
)

Annotations = Sequence[Mapping[str, object]] | Mapping[int, Mapping[str, object]]
NewText = Mapping[int, str]


class Writer:
    """An output that follows its inputs' format.

    ``write`` takes the chunks of the second pass in order, ``close`` stages
    (synced, under a temporary name), ``publish`` lets the target appear. As a
    context manager it removes on leaving what was not published.
    """

    def __init__(self, target: AtomicFile | AtomicFolder) -> None:
        self._target = target
        self.path = target.path
        self.count = 0

    def write(
        self,
        chunk: Chunk,
        records: pa.RecordBatch,
        keep: Any,
        new_text: NewText | None = None,
        annotations: Annotations | None = None,
    ) -> None:
        """Write the kept rows of one chunk.

        Parameters
        ----------
        chunk : Chunk
            From ``chunks_again``.
        records : pa.RecordBatch
            What ``parse`` made of it; only ``offset`` and ``length`` are looked at.
        keep : ndarray of bool, shape (n_records,)
            Which rows to write.
        new_text : mapping of int to str, optional
            Row to the text that replaces the old one.
        annotations : sequence or mapping of int to mapping, optional
            By row, the fields to add.
        """
        keep = np.asarray(keep, dtype=bool)
        if len(keep) != records.num_rows:
            raise ValueError(f"keep has {len(keep)} entries for {records.num_rows} records")
        # Of a record that could not be read whole there is only a head.
        if chunk.reason is None and keep.any():
            self.count += int(keep.sum())
            self._write(chunk, records, keep, new_text or {}, annotations)

    def _write(
        self,
        chunk: Chunk,
        records: pa.RecordBatch,
        keep: Any,
        new_text: NewText,
        annotations: Annotations | None,
    ) -> None:
        raise NotImplementedError

    def close(self) -> str:
        """Finish and sync; return the SHA-256 of the output. Nothing is published yet."""
        if self._target.sha256 is None:
            self._finish()
        return self._target.close()

    def _finish(self) -> None:
        """Write what is still held."""

    def publish(self) -> None:
        """Let the output appear under its name."""
        self.close()
        self._target.publish()

    def abort(self) -> None:
        """Remove what was not published."""
        self._target.abort()

    @property
    def size_bytes(self) -> int:
        """Bytes written so far."""
        return self._target.size_bytes

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class LineWriter(Writer):
    """JSONL, CSV and TSV: runs of unchanged rows are copied whole."""

    def __init__(self, target: AtomicFile, *, line_end: bytes = b"\n", head: bytes = b"") -> None:
        super().__init__(target)
        self._file = target
        self._compressor = compressor(target.path)
        self._line_end = line_end
        self._open_line = False
        if head:
            self._put(head)

    def _put(self, data: bytes) -> None:
        if data:
            if self._open_line:
                data = self._line_end + data
            self._open_line = data[-1] != 0x0A
            self._file.write(self._compressor.compress(data))

    def _finish(self) -> None:
        self._file.write(self._compressor.flush())

    def _write(
        self,
        chunk: Chunk,
        records: pa.RecordBatch,
        keep: Any,
        new_text: NewText,
        annotations: Annotations | None,
    ) -> None:
        assert isinstance(chunk.payload, bytes)
        starts = records.column("offset").to_numpy() - chunk.offset
        ends = starts + records.column("length").to_numpy()
        changed = np.zeros(len(keep), dtype=bool)
        if annotations is not None:
            changed[:] = True
        elif new_text:
            changed[list(new_text)] = True
        payload = memoryview(chunk.payload)
        parts: list[tuple[int, bytes | memoryview]] = _runs(payload, starts, ends, keep & ~changed)
        if changed.any():
            edit = self._editor(chunk)
            for row in np.flatnonzero(keep & changed).tolist():
                start, end = int(starts[row]), int(ends[row])
                added = None if annotations is None else annotations[row]
                parts.append((start, edit(chunk.payload[start:end], new_text.get(row), added)))
                parts.append((end, payload[end : end + 1]))
            parts.sort(key=lambda part: part[0])
        self._put(b"".join([part for _, part in parts]))

    def _editor(self, chunk: Chunk) -> Callable[[bytes, str | None, Mapping[str, object] | None], bytes]:
        raise NotImplementedError


def _runs(payload: memoryview, starts: Any, ends: Any, wanted: Any) -> list[tuple[int, bytes | memoryview]]:
    """Return (start, slice) of each stretch of wanted rows that stand next to each other."""
    rows = np.flatnonzero(wanted)
    if not len(rows):
        return []
    first, last = starts[rows], ends[rows]
    breaks = np.flatnonzero(first[1:] != last[:-1] + 1)
    begin = first[np.concatenate(([0], breaks + 1))].tolist()
    stop = (last[np.concatenate((breaks, [len(rows) - 1]))] + 1).tolist()
    return [(start, payload[start:end]) for start, end in zip(begin, stop, strict=True)]


class JsonlWriter(LineWriter):
    """JSON Lines, from JSON Lines or, row by row, from any other format."""

    def __init__(self, target: AtomicFile, fields: Fields) -> None:
        super().__init__(target)
        self._text = fields.text

    def _editor(self, chunk: Chunk) -> Callable[[bytes, str | None, Mapping[str, object] | None], bytes]:
        def edit(line: bytes, text: str | None, added: Mapping[str, object] | None) -> bytes:
            if text is not None:
                line = splice_text(line, self._text, text)
            return line if added is None else add_members(line, added)

        return edit

    def _write(
        self,
        chunk: Chunk,
        records: pa.RecordBatch,
        keep: Any,
        new_text: NewText,
        annotations: Annotations | None,
    ) -> None:
        if chunk.format == "jsonl":
            super()._write(chunk, records, keep, new_text, annotations)
            return
        rows = np.flatnonzero(keep).tolist()
        name = "text" if chunk.format == "text" else self._text
        lines = []
        for row, members in zip(rows, _objects(chunk, records, rows), strict=True):
            if row in new_text:
                members[name] = new_text[row]
            if annotations is not None:
                members.update(annotations[row])
            lines.append(encode_json(members))
        self._put(b"\n".join([*lines, b""]))


def _objects(chunk: Chunk, records: pa.RecordBatch, rows: list[int]) -> Iterator[dict[str, Any]]:
    """Yield the rows of another format as mappings that encode to JSON."""
    payload = chunk.payload
    if isinstance(payload, bytes):
        starts, lengths = records.column("offset"), records.column("length")
        for row in rows:
            start = starts[row].as_py() - chunk.offset
            yield read_cells(payload[start : start + lengths[row].as_py()], chunk)
    elif chunk.format == "text":
        for row in rows:
            yield {
                "id": payload.column("path")[row].as_py(),
                "text": decode_text(payload.column("content")[row].as_py()),
            }
    else:
        keep = np.zeros(payload.num_rows, dtype=bool)
        keep[rows] = True
        for batch in select_rows(payload, keep):
            yield from row_objects(batch)


class DelimitedWriter(LineWriter):
    """CSV or TSV with the header, delimiter and line ends of the input."""

    def __init__(self, target: AtomicFile, fields: Fields, source: Any, *, annotate: bool) -> None:
        head, line_end = source.header_bytes, b"\r\n" if source.header_bytes.endswith(b"\r\n") else b"\n"
        if annotate:
            body = head.rstrip(b"\r\n")
            head = source.delimiter.encode().join([body, *(name.encode() for name in ANNOTATIONS)]) + line_end
        super().__init__(target, line_end=line_end, head=head)
        self._place = source.columns.index(fields.text)

    def _editor(self, chunk: Chunk) -> Callable[[bytes, str | None, Mapping[str, object] | None], bytes]:
        def edit(record: bytes, text: str | None, added: Mapping[str, object] | None) -> bytes:
            if text is not None:
                record = splice_cell(record, self._place, text, chunk.delimiter)
            return record if added is None else add_cells(record, ANNOTATIONS, added, chunk.delimiter)

        return edit
