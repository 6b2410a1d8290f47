"""CSV and TSV: quoting of RFC 4180 as the csv module reads it, record spans over raw bytes.

A quote opens a quoted value only at the start of a field. Records end at a
line feed outside quotes; blank lines are no records. All values are text.
The header, with its byte order mark if it has one, leaves as it came.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from dedup.errors import DataError, UsageError
from dedup.files.chunks import HEAD_BYTES, TARGET_BYTES, Chunk, Fields, Source, over_limit
from dedup.files.jsonl import skip_mark
from dedup.files.raw import RawInput
from dedup.files.rows import SUSPECT, Rows, as_date, single_bad, string_tokens

_QUOTE = 0x22
# The csv module counts in C longs, which have 32 bits on Windows.
_NO_FIELD_LIMIT = 2**31 - 1


@lru_cache(maxsize=8)
def _patterns(delimiter: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return the patterns of one field and of one record with its line feed or the end of the data."""
    stop = re.escape(delimiter.encode())
    field = rb'(?:"[^"]*+(?:""[^"]*+)*+"[^%b\n]*+|(?!")[^%b\n]*+)' % (stop, stop)
    return re.compile(field), re.compile(field + rb"(?:" + stop + field + rb")*+(\n|\Z)")


class DelimitedSource(Source):
    """A CSV or TSV file or stream with a header.

    ``header_bytes`` is the header as it stands in the file; ``columns`` the
    names in it; ``delimiter`` is told from it for CSV.
    """

    def __init__(self, raw: RawInput, index: int, *, format: str, record_limit_bytes: int) -> None:
        super().__init__(raw, index)
        self.format = format
        self._limit = record_limit_bytes
        self.delimiter = "\t" if format == "tsv" else ","
        self.header_bytes = b""
        self._header_seen = False

    def fields(self) -> list[str]:
        """Return the names in the header."""
        if not self._header_seen:
            self.raw.restart(digest=False)
            self._read_header(self.raw.pieces())
        return list(self.columns)

    def _read_header(self, pieces: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
        """Take the header from the stream and return the rest."""
        marked = skip_mark(pieces, self.name)
        offset, buffer = next(marked)
        mark = b"\xef\xbb\xbf" if offset else b""
        while (end := _header_end(buffer)) < 0:
            piece = next(marked, None)
            if piece is None or len(buffer) > self._limit:
                break
            buffer += piece[1]
        raw = buffer if end < 0 else buffer[:end]
        self._take_header(raw)
        self.header_bytes = mark + raw
        return _chained((offset + len(raw), buffer[len(raw) :]), marked)

    def _take_header(self, raw: bytes) -> None:
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise DataError(
                "header is not UTF-8", where=f"{self.name}:1", remedy="convert the file to UTF-8"
            ) from error
        if not text.strip():
            raise DataError(
                "file has no header", where=self.name, remedy="add a first line that names the columns"
            )
        if self.format == "csv":
            self.delimiter = max(",;", key=lambda mark: len(_cells(text, mark)))
        names = _cells(text, self.delimiter)
        doubled = sorted(name for name, count in Counter(names).items() if count > 1)
        if doubled:
            raise UsageError(
                f"header has {', '.join(map(repr, doubled))} more than once",
                where=self.name,
                remedy="rename the columns",
            )
        self.columns, self._header_seen = tuple(names), True

    def _read(self, target_bytes: int = TARGET_BYTES, *, again: bool) -> Iterator[Chunk]:
        rest = self._read_header(self.raw.pieces())
        line = 1 + max(1, self.header_bytes.count(b"\n"))
        more: dict[str, Any] = {"header": self.columns, "delimiter": self.delimiter}
        records = split_records(rest, self.delimiter, target_bytes, self._limit)
        for ordinal, (offset, payload, length, newlines) in enumerate(records):
            reason = None
            if length > self._limit:
                reason = over_limit(length, self._limit)
            elif length:
                reason = f"unclosed quote opened at line {line + _unclosed_line(payload, self.delimiter)}"
            yield self._chunk(
                ordinal,
                payload[:HEAD_BYTES] if length else payload,
                line,
                offset,
                reason=reason,
                record_length=length,
                **more,
            )
            line += newlines


def _chained(first: tuple[int, bytes], rest: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    yield first
    yield from rest


def _header_end(buffer: bytes) -> int:
    found = _patterns(",")[1].match(buffer)
    if found is not None and found.group(1):
        return found.end()
    found = _patterns(";")[1].match(buffer)
    return found.end() if found is not None and found.group(1) else -1


def _cells(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter), [])


def _unclosed_line(payload: bytes, delimiter: str) -> int:
    """Return how many lines after the record's first one the open quote stands."""
    field = _patterns(delimiter)[0]
    position = 0
    while (found := field.match(payload, position)) is not None and found.end() < len(payload):
        position = found.end() + 1
    return payload.count(b"\n", 0, position)


def split_records(
    pieces: Iterator[tuple[int, bytes]], delimiter: str, target_bytes: int, limit: int
) -> Iterator[tuple[int, bytes, int, int]]:
    """Yield (offset, payload, length, newlines) of whole records.

    ``length`` is 0, or that of one oversized or unclosed record, of which the
    payload may be the head only.
    """
    buffer, start, done, next_try = b"", -1, 0, target_bytes
    for offset, piece in pieces:
        start = offset if start < 0 else start
        buffer += piece
        if len(buffer) < next_try:
            continue
        done = _last_record_end(buffer, delimiter)
        if done:
            yield start, buffer[:done], 0, buffer.count(b"\n", 0, done)
            start, buffer = start + done, buffer[done:]
        # Doubling keeps the work on one long record linear.
        next_try = target_bytes if done else min(2 * len(buffer), max(limit, len(buffer)) + 1)
        if len(buffer) > limit:
            head, length, newlines, buffer = _skip_record(buffer, pieces, delimiter)
            yield start, head, length, newlines
            start, next_try = start + length + 1, target_bytes
    done = _last_record_end(buffer, delimiter, at_end=True)
    if done:
        yield start, buffer[:done], 0, buffer.count(b"\n", 0, done)
    if done < len(buffer):
        yield start + done, buffer[done:], len(buffer) - done, 0


def _last_record_end(buffer: bytes, delimiter: str, *, at_end: bool = False) -> int:
    if _QUOTE not in buffer:
        return len(buffer) if at_end else buffer.rfind(b"\n") + 1
    match = _patterns(delimiter)[1].match
    position = 0
    while position < len(buffer) and (found := match(buffer, position)) and (at_end or found.group(1)):
        position = found.end()
    return position


def _skip_record(
    buffer: bytes, pieces: Iterator[tuple[int, bytes]], delimiter: str
) -> tuple[bytes, int, int, bytes]:
    """Read past one record and return its head, its length, its line feeds and what follows it."""
    end = _RecordEnd(delimiter)
    head, length, newlines = buffer[:HEAD_BYTES], 0, 0
    while (found := end.find(buffer)) < 0:
        length += len(buffer)
        newlines += buffer.count(b"\n")
        following = next(pieces, None)
        if following is None:
            return head, length, newlines, b""
        buffer = following[1]
    return head, length + found, newlines + buffer.count(b"\n", 0, found + 1), buffer[found + 1 :]


class _RecordEnd:
    """Finds the line feed that ends a record, in pieces, with nothing held but the state."""

    def __init__(self, delimiter: str) -> None:
        self._state = "start"
        self._stop = re.compile(rb"[\n" + re.escape(delimiter.encode()) + rb"]")

    def find(self, data: bytes) -> int:
        position = 0
        while position < len(data):
            if self._state == "quoted":
                position = data.find(b'"', position) + 1
                if not position:
                    return -1
                self._state = "closing"
            elif self._state in ("start", "closing"):
                # A quote after a closing one is a doubled quote: the value goes on.
                quote = data[position] == _QUOTE
                self._state, position = ("quoted", position + 1) if quote else ("plain", position)
            else:
                stop = self._stop.search(data, position)
                if stop is None:
                    return -1
                if stop.group() == b"\n":
                    return stop.start()
                self._state, position = "start", stop.end()
        return -1


def parse_delimited(chunk: Chunk, fields: Fields, record_limit_bytes: int) -> pa.RecordBatch:
    """Parse one chunk of CSV or TSV into a RECORDS batch, bad records included."""
    payload = chunk.payload
    assert isinstance(payload, bytes)
    if chunk.reason is not None:
        return single_bad(chunk.reason, chunk.first_line, chunk.offset, chunk.record_length)
    spans = _record_spans(payload, chunk.delimiter)
    rows = Rows()
    lines, line, last = [], chunk.first_line, 0
    former = csv.field_size_limit(_NO_FIELD_LIMIT)
    try:
        for start, end in spans:
            line += payload.count(b"\n", last, start)
            last = start
            lines.append(line)
            _add_row(rows, payload[start:end], chunk, fields, record_limit_bytes)
    finally:
        csv.field_size_limit(former)
    offsets = [chunk.offset + start for start, _ in spans]
    return rows.batch(lines, offsets, [end - start for start, end in spans])


def _record_spans(payload: bytes, delimiter: str) -> list[tuple[int, int]]:
    """Return (start, end) of each record that is not blank, without its line feed."""
    spans, position = [], 0
    match = _patterns(delimiter)[1].match
    while position < len(payload):
        found = match(payload, position)
        if found is None:
            break
        start, (end, after) = position, found.span(1)
        if end > start + (payload[end - 1] == 0x0D):
            spans.append((start, end))
        position = after
    return spans


def _add_row(rows: Rows, record: bytes, chunk: Chunk, fields: Fields, limit: int) -> None:
    if len(record) > limit:
        rows.add_bad(over_limit(len(record), limit))
        return
    try:
        cells = _cells(record.decode(), chunk.delimiter)
    except UnicodeDecodeError as error:
        rows.add_bad(f"row is not UTF-8 (byte {error.start + 1})")
        return
    except csv.Error as error:
        rows.add_bad(f"row is not CSV: {error}")
        return
    if len(cells) != len(chunk.header):
        rows.add_bad(f"row has {len(cells)} fields, the header {len(chunk.header)}")
        return
    places = _places(chunk.header, fields)
    text, identity, title, source, date, url = (None if place is None else cells[place] for place in places)
    if text is None:
        rows.add_bad("text is missing")
        return
    moment, undated = as_date(date)
    rows.text.append(text)
    rows.id.append(string_tokens([identity])[0])
    rows.title.append(title)
    rows.source.append(source)
    rows.date.append(moment)
    rows.url.append(url)
    rows.flags.append(undated | (SUSPECT if "\0" in text else 0))
    rows.bad.append(None)


@lru_cache(maxsize=64)
def _places(header: tuple[str, ...], fields: Fields) -> tuple[int | None, ...]:
    names = (fields.text, fields.id, fields.title, fields.source, fields.date, fields.url)
    return tuple(header.index(name) if name is not None and name in header else None for name in names)


def read_cells(record: bytes, chunk: Chunk) -> dict[str, str]:
    """Return a good row as a mapping from the header's names to its texts."""
    former = csv.field_size_limit(_NO_FIELD_LIMIT)
    try:
        return dict(zip(chunk.header, _cells(record.decode(), chunk.delimiter), strict=True))
    finally:
        csv.field_size_limit(former)


def quote_cell(text: str, delimiter: str, *, always: bool = False) -> bytes:
    """Return one value as it stands in a row, quoted where it must be.

    Examples
    --------
    >>> quote_cell("a, b", ","), quote_cell("a, b", ";")
    (b'"a, b"', b'a, b')
    """
    if always or text[:1] == '"' or any(mark in text for mark in (delimiter, "\n", "\r")):
        text = '"' + text.replace('"', '""') + '"'
    return text.encode()


def splice_cell(record: bytes, place: int, text: str, delimiter: str) -> bytes:
    """Return the row with another text in one place; the bytes of all other fields stay.

    Examples
    --------
    >>> splice_cell(b"1,old,007", 1, "so, new", ",")
    b'1,"so, new",007'
    """
    field = _patterns(delimiter)[0]
    start = 0
    for _ in range(place):
        found = field.match(record, start)
        start = found.end() + 1 if found else len(record)
    found = field.match(record, start)
    end = found.end() if found else len(record)
    if end == len(record) and record[-1:] == b"\r" and end > start:
        end -= 1
    new = quote_cell(text, delimiter, always=record[start : start + 1] == b'"')
    return b"".join((record[:start], new, record[end:]))


def add_cells(record: bytes, names: tuple[str, ...], values: Mapping[str, object], delimiter: str) -> bytes:
    """Return the row with further fields at its end, before a carriage return."""
    body = record.removesuffix(b"\r")
    added = [quote_cell("" if values.get(name) is None else str(values[name]), delimiter) for name in names]
    return delimiter.encode().join([body, *added]) + record[len(body) :]
