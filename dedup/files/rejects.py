"""Plain JSONL outputs: decisions and the like, and the quarantine file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import pyarrow as pa

from dedup.files.atomic import AtomicFile
from dedup.files.chunks import HEAD_BYTES, Chunk
from dedup.files.columnar import row_objects
from dedup.files.compression import compressor

_FLUSH_BYTES = 1 << 20


class RowsWriter:
    """A JSONL file of rows made here, compressed by its name's ending; staged by ``close``."""

    def __init__(self, path: str, *, no_overwrite: bool = False, spool_dir: str | None = None) -> None:
        self._file = AtomicFile(path, no_overwrite=no_overwrite, spool_dir=spool_dir)
        self._compressor = compressor(path)
        self._buffer = bytearray()
        self._encoder = msgspec.json.Encoder()
        self._closed = False
        self.path = path
        self.count = 0

    def write_row(self, row: Mapping[str, Any] | msgspec.Raw) -> None:
        """Add one row; its values may be `msgspec.Raw`, such as the JSON token of an id."""
        self._encoder.encode_into(row, self._buffer, len(self._buffer))
        self._buffer += b"\n"
        self.count += 1
        if len(self._buffer) >= _FLUSH_BYTES:
            self._flush()

    def write_lines(self, lines: Sequence[bytes]) -> None:
        """Add rows that are JSON already."""
        self._buffer += b"\n".join([*lines, b""])
        self.count += len(lines)
        if len(self._buffer) >= _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._file.write(self._compressor.compress(bytes(self._buffer)))
        self._buffer.clear()

    def close(self) -> str:
        """Stage the file; return its SHA-256."""
        if not self._closed:
            self._flush()
            self._file.write(self._compressor.flush())
            self._closed = True
        return self._file.close()

    def publish(self) -> None:
        """Let the file appear."""
        self.close()
        self._file.publish()

    def abort(self) -> None:
        """Remove what was not published."""
        self._file.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def write_rows(path: str, *, no_overwrite: bool = False, spool_dir: str | None = None) -> RowsWriter:
    """Open a plain JSONL output."""
    return RowsWriter(path, no_overwrite=no_overwrite, spool_dir=spool_dir)


class RejectsWriter(RowsWriter):
    """The quarantine: rows of file, line, offset, reason and ``bytes``, ``base64`` or ``row``."""

    def write(self, chunk: Chunk, records: pa.RecordBatch, rejected: Mapping[int, str] | None = None) -> int:
        """Add a chunk's bad records, and good ones rejected for another reason; return how many."""
        reasons = {
            row: reason for row, reason in enumerate(records.column("bad").to_pylist()) if reason is not None
        }
        reasons.update(rejected or {})
        for row in sorted(reasons):
            line, offset = records.column("line")[row].as_py(), records.column("offset")[row].as_py()
            entry: dict[str, Any] = {"file": chunk.file, "line": line}
            if offset >= 0:
                entry["offset"] = offset
            entry["reason"] = reasons[row]
            entry.update(self._content(chunk, records, row, entry))
            self.write_row(entry)
        return len(reasons)

    def _content(
        self, chunk: Chunk, records: pa.RecordBatch, row: int, entry: dict[str, Any]
    ) -> dict[str, Any]:
        length = records.column("length")[row].as_py()
        if isinstance(chunk.payload, bytes):
            start = entry["offset"] - chunk.offset
            return _as_text(chunk.payload[start : start + length], length, reason=entry["reason"])
        if chunk.format == "text":
            entry["file"] = str(Path(chunk.file) / chunk.payload.column("path")[row].as_py())
            return _as_text(chunk.payload.column("content")[row].as_py(), length, reason=entry["reason"])
        return {"row": row_objects(chunk.payload.slice(row, 1))[0]}


def _as_text(raw: bytes, length: int, *, reason: str) -> dict[str, Any]:
    """Return the raw record as text if it is UTF-8, else as base64; of an oversized one the head."""
    if len(raw) < length or "over the limit" in reason:
        raw = raw[:HEAD_BYTES]
    cut = len(raw) < length
    more = {"truncated": True} if cut else {}
    # A cut may fall inside a character.
    for end in range(len(raw), len(raw) - (4 if cut else 1), -1):
        try:
            return {"bytes": raw[: max(0, end)].decode(), **more}
        except UnicodeDecodeError:
            continue
    return {"base64": base64.b64encode(raw).decode(), **more}
