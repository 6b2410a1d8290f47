"""Folders of plain text files: each file is one record, its relative path the id."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from dedup.files.chunks import HEAD_BYTES, TARGET_BYTES, Chunk, Source, changed, over_limit
from dedup.files.raw import PIECE_BYTES, unreadable
from dedup.files.rows import SUSPECT, Rows, string_tokens

_SCHEMA = pa.schema([("path", pa.large_string()), ("content", pa.large_binary()), ("length", pa.int64())])
# Small files need few bytes and many calls; this keeps chunks from growing too wide.
_FILES_PER_CHUNK = 4096


class TextFolderSource(Source):
    """Text files under one folder. The name shown is the folder's."""

    format = "text"
    columns = ("id", "text")

    def __init__(self, root: str, files: Sequence[str], index: int, *, record_limit_bytes: int) -> None:
        self.name = root
        self.index = index
        self.files = sorted(files)
        self.sha256: str | None = None
        self.size_bytes: int | None = None
        self._limit = record_limit_bytes
        self._checks: list[int] = []

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.name)

    def fields(self) -> list[str]:
        """Return the two fields that a text file has."""
        return ["id", "text"]

    def paths(self) -> list[Path]:
        """Return the files, in the order of the records."""
        return [self.path / name for name in self.files]

    def chunks(self, target_bytes: int = TARGET_BYTES) -> Iterator[Chunk]:
        """Yield the files for the first time."""
        self._checks, self._target_bytes = [], target_bytes
        digest = hashlib.sha256()
        self.size_bytes = 0
        for chunk in self._read(target_bytes, again=False, digest=digest):
            self._checks.append(_check(chunk))
            yield chunk
        self.sha256 = digest.hexdigest()

    def chunks_again(self) -> Iterator[Chunk]:
        """Yield the same files once more, and raise SystemFailure if one has changed."""
        for number, chunk in enumerate(self._read(self._target_bytes, again=True)):
            if number >= len(self._checks) or self._checks[number] != _check(chunk):
                raise changed(self.name)
            yield chunk

    def _read(self, target_bytes: int, *, again: bool, digest: Any = None) -> Iterator[Chunk]:
        rows: list[tuple[str, bytes, int]] = []
        size = ordinal = done = 0
        for name in self.files:
            content, length = self._read_file(name, digest)
            rows.append((PurePath(name).as_posix(), content, length))
            size += len(content)
            if size >= target_bytes or len(rows) >= _FILES_PER_CHUNK:
                yield self._chunk(ordinal, _batch(rows), done + 1, 0)
                ordinal, done, rows, size = ordinal + 1, done + len(rows), [], 0
        if rows:
            yield self._chunk(ordinal, _batch(rows), done + 1, 0)

    def _read_file(self, name: str, digest: Any) -> tuple[bytes, int]:
        """Return content and length; of a file over the limit the head only."""
        path = self.path / name
        parts, length = [], 0
        if digest is not None:
            digest.update(PurePath(name).as_posix().encode("utf-8", "surrogateescape") + b"\0")
        try:
            with path.open("rb", buffering=0) as file:
                while piece := file.read(PIECE_BYTES):
                    length += len(piece)
                    if digest is not None:
                        digest.update(piece)
                    if length <= self._limit:
                        parts.append(piece)
                    elif len(parts) != 1 or len(parts[0]) != HEAD_BYTES:
                        parts = [b"".join([*parts, piece])[:HEAD_BYTES]]
        except OSError as error:
            raise unreadable(str(path), error) from error
        if digest is not None:
            self.size_bytes = (self.size_bytes or 0) + length
        return b"".join(parts), length


def _batch(rows: list[tuple[str, bytes, int]]) -> pa.RecordBatch:
    # A name that is not UTF-8 must not stop the run; its odd bytes show as question marks.
    names = [os.fsencode(name).decode("utf-8", "replace") for name, _, _ in rows]
    arrays = [names, [content for _, content, _ in rows], [length for _, _, length in rows]]
    return pa.RecordBatch.from_arrays(
        [pa.array(a, f.type) for a, f in zip(arrays, _SCHEMA, strict=True)], schema=_SCHEMA
    )


def _check(chunk: Chunk) -> int:
    value = 0
    for row in chunk.payload.to_pylist():  # type: ignore[union-attr]
        value = zlib.crc32(row["content"], zlib.crc32(f"{row['path']}\0{row['length']}".encode(), value))
    return value


def decode_text(content: bytes) -> str:
    """Return the text of a file, without a byte order mark.

    Raises
    ------
    UnicodeDecodeError
        If it is not UTF-8.
    """
    return content.removeprefix(b"\xef\xbb\xbf").decode()


def replace_content(content: bytes, text: str) -> bytes:
    """Return the bytes of a file with another text; a byte order mark stays."""
    return content[:3] * content.startswith(b"\xef\xbb\xbf") + text.encode()


def parse_text(chunk: Chunk, record_limit_bytes: int) -> pa.RecordBatch:
    """Turn one chunk of text files into a RECORDS batch; line counts files, offset is 0."""
    rows = Rows()
    batch = chunk.payload
    lengths = batch.column("length").to_pylist()  # type: ignore[union-attr]
    paths = string_tokens(batch.column("path").to_pylist())  # type: ignore[union-attr]
    for path, content, length in zip(paths, batch.column("content"), lengths, strict=True):  # type: ignore[union-attr]
        if length > record_limit_bytes:
            rows.add_bad(over_limit(length, record_limit_bytes))
            continue
        try:
            text = decode_text(content.as_py())
        except UnicodeDecodeError as error:
            rows.add_bad(f"file is not UTF-8 (byte {error.start + 1})")
            continue
        rows.text.append(text)
        rows.id.append(path)
        for column in (rows.title, rows.source, rows.date, rows.url):
            column.append(None)
        rows.flags.append(SUSPECT if "\0" in text else 0)
        rows.bad.append(None)
    lines = range(chunk.first_line, chunk.first_line + len(lengths))
    return rows.batch(list(lines), [0] * len(lengths), lengths)
