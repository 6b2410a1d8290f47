"""Raw bytes of an input, read more than once: files as they are, streams through a spool file."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dedup.errors import DataError, SystemFailure, UsageError
from dedup.files.compression import Expansion, detect_compression, expand

PIECE_BYTES = 1 << 20
STANDARD_INPUT = "<stdin>"


class RawInput:
    """The bytes of a file or stream, with a digest, a stamp and decompression.

    Parameters
    ----------
    path : str
        As given; ``-`` is standard input.
    expansion_limit : int
        What a compressed input may unfold to, as a multiple of its size.
    spool_dir : str, optional
        Folder for the copy of an input that can't be read twice: standard
        input, pipes. It is made while the first pass reads.
    """

    def __init__(self, path: str, *, expansion_limit: int, spool_dir: str | None = None) -> None:
        self.is_stdin = path == "-"
        self.name = STANDARD_INPUT if self.is_stdin else path
        self.path = None if self.is_stdin else Path(path)
        self._limit = expansion_limit
        self._spool_dir = spool_dir
        self._spool: _Spool | None = None
        # Where the bytes can be read again one by one: of a file that is not compressed; set by `pieces`.
        self.plain_path: str | None = None
        self._stamp: tuple[int, ...] | None = None
        self._hash: Any = None
        self._size = 0
        if self.is_stdin or not stat.S_ISREG(self._stat().st_mode):
            self._spool = _Spool(self.path, spool_dir)

    @property
    def is_stream(self) -> bool:
        """Whether the input can be read only once and is copied."""
        return self._spool is not None

    def restart(self, *, digest: bool) -> None:
        """Begin a pass: take the stamp, and compute the digest of what is read if asked."""
        self._hash = hashlib.sha256() if digest else None
        self._size = 0
        if digest and self._spool is None:
            self._stamp = self._stamp_now()

    def digest(self) -> tuple[str | None, int]:
        """Return SHA-256 and size of the bytes read in this pass."""
        return (self._hash.hexdigest() if self._hash is not None else None, self._size)

    def require_unchanged(self) -> None:
        """Raise if size, time or identity of the file are not those of the first pass."""
        if self._spool is None and self._stamp != self._stamp_now():
            raise SystemFailure(
                "input changed during the run",
                where=self.name,
                remedy="run again when nothing writes to it, or on a copy",
            )

    def pieces(self) -> Iterator[bytes]:
        """Yield the decompressed bytes in pieces of some size."""
        stream = self._raw_pieces()
        first = next(stream, b"")
        kind = detect_compression(self.name, first)
        if kind is None:
            self.plain_path = (
                None if self.path is None or self._spool is not None else str(self.path.resolve())
            )
            if first:
                yield first
            yield from stream
            return
        size = None if self._spool is not None or self.path is None else self._stat().st_size
        yield from expand(kind, first, stream, Expansion(self.name, self._limit, size))

    def copied(self) -> BinaryIO:
        """Return a seekable file with all raw bytes; a stream is copied to its end first."""
        if self._spool is not None:
            return self._spool.whole()
        return self._open()

    def hash_all(self) -> None:
        """Read everything for the digest alone."""
        for _ in self._raw_pieces():
            pass

    def _raw_pieces(self) -> Iterator[bytes]:
        spool = self._spool
        source = spool.pieces() if spool is not None else _file_pieces(self._open(), self.name)
        for piece in source:
            self._size += len(piece)
            if self._hash is not None:
                self._hash.update(piece)
            yield piece

    def _open(self) -> BinaryIO:
        assert self.path is not None
        try:
            return self.path.open("rb", buffering=0)
        except OSError as error:
            raise unreadable(self.name, error) from error

    def _stat(self) -> os.stat_result:
        assert self.path is not None
        try:
            return self.path.stat()
        except OSError as error:
            raise unreadable(self.name, error) from error

    def _stamp_now(self) -> tuple[int, ...]:
        found = self._stat()
        return (found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)


class _Spool:
    """A stream that can be read again: what came is in a temporary file, the rest still to come."""

    def __init__(self, path: Path | None, folder: str | None) -> None:
        self._path = path
        self._folder = folder
        self._stream: BinaryIO | None = None
        self._file: BinaryIO | None = None
        self._length = 0
        self._ended = False

    def pieces(self) -> Iterator[bytes]:
        position = 0
        while True:
            if position < self._length:
                assert self._file is not None
                self._file.seek(position)
                piece = self._file.read(min(PIECE_BYTES, self._length - position))
            else:
                piece = self._more()
            if not piece:
                return
            position += len(piece)
            yield piece

    def whole(self) -> BinaryIO:
        while self._more():
            pass
        assert self._file is not None
        self._file.flush()
        return os.fdopen(os.dup(self._file.fileno()), "rb")

    def _more(self) -> bytes:
        if self._ended:
            return b""
        if self._stream is None:
            self._stream = sys.stdin.buffer if self._path is None else self._path.open("rb")
        if self._file is None:
            self._file = self._temporary()
            # The file is needed until the second pass, and nobody else knows when the source is done with.
            weakref.finalize(self, self._file.close)
        try:
            piece = self._stream.read(PIECE_BYTES)
        except OSError as error:
            raise unreadable(str(self._path or STANDARD_INPUT), error) from error
        self._ended = not piece
        if self._ended and self._path is not None:
            self._stream.close()
        try:
            self._file.seek(self._length)
            self._file.write(piece)
        except OSError as error:
            raise SystemFailure(
                f"cannot copy the input stream: {error.strerror}",
                remedy="give a folder with more room with --temp",
            ) from error
        self._length += len(piece)
        return piece

    def _temporary(self) -> BinaryIO:
        try:
            return tempfile.TemporaryFile(dir=self._folder, prefix="dedup-input-")
        except OSError as error:
            raise SystemFailure(
                f"cannot make a temporary file: {error.strerror}",
                where=self._folder,
                remedy="choose another folder with --temp",
            ) from error


def _file_pieces(file: BinaryIO, name: str) -> Iterator[bytes]:
    with file:
        while True:
            try:
                piece = file.read(PIECE_BYTES)
            except OSError as error:
                raise unreadable(name, error) from error
            if not piece:
                return
            yield piece


def unreadable(name: str, error: OSError) -> UsageError | SystemFailure | DataError:
    """Return the error for a file that can't be opened or read."""
    if isinstance(error, FileNotFoundError):
        return UsageError("input does not exist", where=name, remedy="check the path")
    if isinstance(error, IsADirectoryError):
        return UsageError("input is a folder", where=name, remedy="name a file")
    if isinstance(error, PermissionError):
        return SystemFailure(
            "no permission to read", where=name, remedy="change its permissions or run as its owner"
        )
    return DataError(
        f"cannot read: {error.strerror or error}", where=name, remedy="check the file and its disk"
    )
