"""Gzip, bzip2 and Zstandard streams, read and written; a stream that stops early is an error."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from dedup.errors import DataError

ENDINGS = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bzip2"}
# A small file may unfold to this much whatever its ratio.
EXPANSION_FLOOR = 1 << 30
_OUTPUT_BYTES = 1 << 20
# Fed to a decoder that can't bound its output. 128 kB of zeros take 4 bytes:
# 1 kB gives 32 MB at worst, 8 kB 256 MB.
_SMALLEST_FEED = 1 << 10
_LARGEST_FEED = 1 << 13


def split_ending(name: str) -> tuple[str, str | None]:
    """Return the name without its compression's ending, and the compression.

    Examples
    --------
    >>> split_ending("news.jsonl.gz"), split_ending("news.csv")
    (('news.jsonl', 'gzip'), ('news.csv', None))
    """
    for ending, kind in ENDINGS.items():
        if name.lower().endswith(ending):
            return name[: -len(ending)], kind
    return name, None


def detect_compression(name: str, head: bytes) -> str | None:
    """Return the compression that a file's first bytes show, or else its name claims.

    Examples
    --------
    >>> detect_compression("a.jsonl", bytes([0x1F, 0x8B, 8, 0])), detect_compression("a.jsonl", b"{}")
    ('gzip', None)
    """
    if head[:3] == b"\x1f\x8b\x08":
        return "gzip"
    if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        return "zstd"
    if head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "bzip2"
    return split_ending(name)[1]


@dataclass(slots=True)
class Expansion:
    """How far one input may unfold; ``size_bytes`` is None for a stream."""

    name: str
    limit: int
    size_bytes: int | None
    read_bytes: int = 0
    made_bytes: int = 0

    def add(self, made: int) -> None:
        """Count decompressed bytes and raise when they are too many."""
        self.made_bytes += made
        if self.made_bytes > EXPANSION_FLOOR:
            packed = self.size_bytes if self.size_bytes is not None else self.read_bytes
            if self.made_bytes > self.limit * packed:
                raise DataError(
                    f"compressed input unfolds to more than {self.limit} times its {packed} bytes",
                    where=self.name,
                    remedy="decompress it yourself if you trust it",
                )

    def damaged(self, what: str) -> DataError:
        """Return the error for a stream that is not whole."""
        return DataError(what, where=self.name, remedy="fetch or make the file again")


class _Decoder(Protocol):
    eof: bool
    unused_data: bytes


def expand(kind: str, first: bytes, stream: Iterator[bytes], expansion: Expansion) -> Iterator[bytes]:
    """Yield the decompressed bytes of all members or frames.

    Raises
    ------
    DataError
        If the stream is corrupt, stops inside a member, or unfolds too far.
    """
    state: list[Any] = [None, False]  # decoder of the open member; whether any member was whole
    for piece in _chain(first, stream):
        expansion.read_bytes += len(piece)
        try:
            for made in _feed(kind, piece, state):
                expansion.add(len(made))
                if made:
                    yield made
        except (zlib.error, OSError, EOFError, ValueError) as error:
            raise expansion.damaged(
                f"{kind} data is corrupt within the first {expansion.read_bytes} bytes"
            ) from error
    if state[0] is not None or not state[1]:
        raise expansion.damaged(f"{kind} stream is truncated after {expansion.read_bytes} bytes")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _feed(kind: str, piece: bytes, state: list[Any]) -> Iterator[bytes]:
    """Pass one piece through the open member and those that follow it."""
    while piece:
        if state[0] is None:
            if state[1] and kind == "gzip":
                piece = piece.lstrip(b"\0")  # tapes and tar pad with zeros
                if not piece:
                    return
            state[0] = _decoder(kind)
        decoder = state[0]
        yield from (_drain_zstd(decoder, piece) if kind == "zstd" else _drain_bounded(kind, decoder, piece))
        if not decoder.eof:
            return
        piece = decoder.unused_data
        state[0], state[1] = None, True


def _decoder(kind: str) -> Any:
    if kind == "gzip":
        return zlib.decompressobj(31)
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    return _ZstdFrame()


def _drain_bounded(kind: str, decoder: Any, piece: bytes) -> Iterator[bytes]:
    if kind == "gzip":
        while piece:
            yield decoder.decompress(piece, _OUTPUT_BYTES)
            piece = decoder.unconsumed_tail
        # Output may still wait inside zlib when all input is consumed.
        while not decoder.eof and (more := decoder.decompress(b"", _OUTPUT_BYTES)):
            yield more
        return
    yield decoder.decompress(piece, _OUTPUT_BYTES)
    while not decoder.eof and not decoder.needs_input:
        yield decoder.decompress(b"", _OUTPUT_BYTES)


class _ZstdFrame:
    """One frame; python-zstandard's stream reader ends silently on a truncated one, this does not."""

    def __init__(self) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self.unused_data = b""
        self.feed = _SMALLEST_FEED

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    def decompress(self, data: bytes) -> bytes:
        try:
            return bytes(self._frame.decompress(data))
        except self._error as error:
            raise ValueError(str(error)) from error

    def end(self, rest: bytes) -> None:
        self.unused_data = self._frame.unused_data + rest


def _drain_zstd(frame: _ZstdFrame, piece: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(piece):
        part = piece[position : position + frame.feed]
        position += len(part)
        made = frame.decompress(part)
        yield made
        if frame.eof:
            frame.end(piece[position:])
            return
        # The feed follows the ratio, so that one call makes about a megabyte.
        grow = len(made) < _OUTPUT_BYTES // 2
        frame.feed = min(frame.feed * 2, _LARGEST_FEED) if grow else max(frame.feed // 2, _SMALLEST_FEED)


class _Plain:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def compressor(name: str) -> Any:
    """Return an object with ``compress`` and ``flush`` for an output of this name.

    The gzip header holds no time, so that equal content gives equal bytes.
    """
    kind = split_ending(name)[1]
    if kind == "gzip":
        return zlib.compressobj(6, zlib.DEFLATED, 31)
    if kind == "bzip2":
        return bz2.BZ2Compressor()
    if kind == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
    return _Plain()
