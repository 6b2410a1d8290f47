"""JSON Lines: files split at line feeds only, into chunks of whole lines.

A UTF-8 byte order mark at the start belongs to no record, but offsets count it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dedup.errors import DataError
from dedup.files.chunks import HEAD_BYTES, TARGET_BYTES, Chunk, Source, over_limit
from dedup.files.lines import BLANK, LINE_FEED, names_of
from dedup.files.raw import RawInput

_FIELDS_FROM = 1000
_FIELDS_BYTES = 64 << 20


def skip_mark(pieces: Iterator[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, piece) without a UTF-8 byte order mark; refuse UTF-16 and UTF-32."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= 4:
            break
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[:4] == b"\0\0\xfe\xff":
        raise DataError(
            "input is UTF-16 or UTF-32, not UTF-8",
            where=name,
            remedy="convert it first, such as with iconv -t UTF-8",
        )
    offset = 3 if head[:3] == b"\xef\xbb\xbf" else 0
    yield offset, head[offset:]
    offset = len(head)
    for piece in pieces:
        yield offset, piece
        offset += len(piece)


class JsonlSource(Source):
    """A JSON Lines file or stream."""

    format = "jsonl"

    def __init__(self, raw: RawInput, index: int, *, record_limit_bytes: int) -> None:
        super().__init__(raw, index)
        self._limit = record_limit_bytes

    def fields(self) -> list[str]:
        """Return the field names of the first 1000 records (or 64 MB), in order of appearance."""
        names: dict[str, None] = {}
        seen = size = 0
        self.raw.restart(digest=False)
        for chunk in self._read(1 << 20, again=False):
            assert isinstance(chunk.payload, bytes)
            size += len(chunk.payload)
            for line in () if chunk.reason else chunk.payload.split(b"\n"):
                if line.strip(BLANK):
                    seen += 1
                    names.update(dict.fromkeys(names_of(line)))
                if seen >= _FIELDS_FROM:
                    return list(names)
            if size >= _FIELDS_BYTES:
                break
        return list(names)

    def _read(self, target_bytes: int = TARGET_BYTES, *, again: bool) -> Iterator[Chunk]:
        line = 1
        for ordinal, (offset, payload, length) in enumerate(
            split_lines(skip_mark(self.raw.pieces(), self.name), target_bytes, self._limit)
        ):
            if ordinal == 0:
                self._refuse_array(payload)
            reason = over_limit(length, self._limit) if length else None
            yield self._chunk(ordinal, payload, line, offset, reason=reason, record_length=length)
            line += 1 if length else _count_lines(payload)

    def _refuse_array(self, payload: bytes) -> None:
        if self.name.lower().endswith(".json") and payload[:64].lstrip()[:1] == b"[":
            raise DataError(
                "file is one JSON array, not JSON Lines",
                where=self.name,
                remedy="convert it, such as with jq -c '.[]'",
            )


def _count_lines(payload: bytes) -> int:
    # Four times as fast as bytes.count.
    return int(np.count_nonzero(np.frombuffer(payload, np.uint8) == LINE_FEED))


def split_lines(
    pieces: Iterator[tuple[int, bytes]], target_bytes: int, limit: int
) -> Iterator[tuple[int, bytes, int]]:
    """Yield (offset, payload, length) of whole lines; length is 0, or that of one oversized line.

    Of an oversized line the payload is the head; its rest is read and dropped
    piece by piece, so that memory stays flat whatever its length.
    """
    whole: list[bytes] = []
    partial: list[bytes] = []
    whole_bytes = partial_bytes = start = 0
    skipping = False
    for offset, piece in pieces:
        if not whole and not partial:
            start = offset
        cut = piece.rfind(b"\n") + 1
        if skipping:
            end = piece.find(b"\n")
            partial_bytes += end if end >= 0 else len(piece)
            if end < 0:
                continue
            yield start, partial[0], partial_bytes
            start, skipping, partial_bytes, partial = start + partial_bytes + 1, False, 0, []
            whole, whole_bytes = [piece[end + 1 : cut]], cut - end - 1
        elif cut:
            whole += [*partial, piece[:cut]]
            whole_bytes += partial_bytes + cut
            partial, partial_bytes = [], 0
        if not skipping:
            partial.append(piece[cut:])
            partial_bytes += len(piece) - cut
        if whole_bytes >= target_bytes or (whole_bytes and partial_bytes > limit):
            yield start, b"".join(whole), 0
            start, whole, whole_bytes = start + whole_bytes, [], 0
        if partial_bytes > limit:
            partial, skipping = [b"".join(partial)[:HEAD_BYTES]], True
    if skipping:
        yield start, partial[0], partial_bytes
    elif rest := b"".join([*whole, *partial]):
        yield start, rest, 0
