"""JSON Lines: split at line feeds only, decoded by msgspec, one record per line.

A blank line is no record: it is not counted and not written again. A UTF-8
byte order mark at the start belongs to no record either. Offsets count both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa

from dedup.errors import DataError
from dedup.files.chunks import HEAD_BYTES, TARGET_BYTES, Chunk, Fields, Source, over_limit
from dedup.files.raw import RawInput
from dedup.files.rows import SUSPECT, Rows, as_date, as_label, encode_json, single_bad

NESTING_LIMIT = 500
_FIELDS_FROM = 1000
_FIELDS_BYTES = 64 << 20
_BLANK = b" \t\r"
_LINE_FEED = 0x0A
_SAFE_DIGITS = 300  # fewer fit into a double
_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
_decode = msgspec.json.decode
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


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
                if line.strip(_BLANK):
                    seen += 1
                    names.update(dict.fromkeys(_names_of(line)))
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
    return int(np.count_nonzero(np.frombuffer(payload, np.uint8) == _LINE_FEED))


def _names_of(line: bytes) -> list[str]:
    if nested_deeper(line, NESTING_LIMIT):
        return []
    try:
        return list(_decode_names(line))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


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


def nested_deeper(line: bytes, limit: int) -> bool:
    """Tell whether arrays and objects nest deeper than the limit.

    Examples
    --------
    >>> nested_deeper(b'{"a":[[1]]}', 3), nested_deeper(b'{"a":"[[["}', 1)
    (False, False)
    """
    if line.count(b"[") + line.count(b"{") <= limit:
        return False
    depth = 0
    for token in _TOKENS.finditer(line):
        first = token.group()[0]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
    return False


@lru_cache(maxsize=8)
def _decoders(fields: Fields) -> tuple[Any, Any]:
    """Return the fast decoder (text a string, id raw, the rest plain) and the patient one (all raw)."""
    names = fields.names()
    fast: list[tuple[str, Any, Any]] = []
    for number, name in enumerate(names):
        if name == fields.text:
            fast.append((f"f{number}", str, None))
        elif name == fields.id:
            fast.append((f"f{number}", msgspec.Raw, msgspec.Raw()))
        else:
            fast.append((f"f{number}", Any, None))
    slow = [(name, msgspec.Raw, msgspec.Raw()) for name, _, _ in fast]
    rename = {f"f{number}": name for number, name in enumerate(names)}
    try:
        kinds = [msgspec.defstruct("Row", spec, rename=rename, gc=False) for spec in (fast, slow)]
    except ValueError:
        # msgspec refuses names that hold quotes, backslashes or control characters.
        patient = _RawByName(names)
        return patient.refuse, patient.decode
    return msgspec.json.Decoder(kinds[0]).decode, msgspec.json.Decoder(kinds[1]).decode


class _RawByName:
    """Decode any field names, slowly, into the same attributes as the structs."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._row = msgspec.defstruct("Row", [(f"f{number}", msgspec.Raw) for number in range(len(names))])

    def refuse(self, line: bytes) -> Any:
        raise msgspec.ValidationError("decode this one patiently")

    def decode(self, line: bytes) -> Any:
        found = _decode_names(line)
        return self._row(*(found.get(name, msgspec.Raw()) for name in self._names))


def parse_jsonl(chunk: Chunk, fields: Fields, record_limit_bytes: int) -> pa.RecordBatch:
    """Parse one chunk of JSON Lines into a RECORDS batch, bad records included."""
    payload = chunk.payload
    assert isinstance(payload, bytes)
    if chunk.reason is not None:
        return single_bad(chunk.reason, chunk.first_line, chunk.offset, chunk.record_length)
    reader = _Reader(fields, payload, record_limit_bytes)
    numbers, starts, lengths = [], [], []
    number, start = chunk.first_line, 0
    while start < len(payload):
        end = payload.find(b"\n", start)
        line = payload[start : end if end >= 0 else len(payload)]
        # Only a line that begins with white space can be blank.
        if line[:1] not in _BLANK or line.strip(_BLANK):
            reader.read(line)
            numbers.append(number)
            starts.append(start + chunk.offset)
            lengths.append(len(line))
        number, start = number + 1, start + len(line) + 1
    return reader.rows.batch(numbers, starts, lengths)


class _Reader:
    """Turns lines into rows; one per chunk."""

    def __init__(self, fields: Fields, payload: bytes, limit: int) -> None:
        self.rows = Rows()
        self._fast, self._slow = _decoders(fields)
        self._limit = limit
        self._valid = _is_utf8(payload)
        self._may_hold_nul = b"\\u0000" in payload
        names = fields.names()
        attributes = {name: f"f{number}" for number, name in enumerate(names)}
        roles = (fields.text, fields.id, fields.title, fields.source, fields.date, fields.url)
        self._text, self._id, *self._labels = (
            attributes.get(name, "") if name is not None else "" for name in roles
        )
        # A field may serve two purposes, as the URL serves as id; the text in two goes the patient way.
        self._shares_id = bool(self._id) and self._id in self._labels
        self._shares_text = fields.text in roles[1:]

    def read(self, line: bytes) -> None:
        if len(line) > self._limit:
            self.rows.add_bad(over_limit(len(line), self._limit))
            return
        if not self._valid and (problem := _utf8_problem(line)):
            self.rows.add_bad(problem)
            return
        if (b"[" in line or line.find(b"{", 1) > 0) and nested_deeper(line, NESTING_LIMIT):
            self.rows.add_bad(f"JSON nested deeper than {NESTING_LIMIT} levels")
            return
        try:
            row = None if self._shares_text else self._fast(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            row = None
        if row is None or (text := getattr(row, self._text)) is None:
            self._read_patiently(line)
            return
        values = [getattr(row, name) if name else None for name in self._labels]
        token = getattr(row, self._id) if self._id else None
        if self._shares_id:
            values = [
                _plain_value(token) if name == self._id else value
                for name, value in zip(self._labels, values, strict=True)
            ]
        self._add(text, token, values, 0)

    def _add(self, text: str, token: Any, values: list[Any], flags: int) -> None:
        identity = _id_token(token) if token is not None else None
        if identity is False:
            self.rows.add_bad("id is an array, an object or a number out of range")
            return
        title, source, date, url = values
        rows = self.rows
        rows.settle()
        rows.text.append(text)
        rows.id.append(identity)
        rows.title.append(title if type(title) is str else as_label(title))
        rows.source.append(source if type(source) is str else as_label(source))
        rows.url.append(url if type(url) is str else as_label(url))
        moment, undated = as_date(date)
        rows.date.append(moment)
        if self._may_hold_nul and "\0" in text:
            flags |= SUSPECT
        rows.flags.append(flags | undated)
        rows.bad.append(None)

    def _read_patiently(self, line: bytes) -> None:
        """Read a line that the fast decoder refused, or say what is wrong with it."""
        flags = 0
        mended = _without_lone_surrogates(line)
        if mended != line:
            line, flags = mended, SUSPECT
        try:
            row = self._slow(line)
            text = _plain_value(getattr(row, self._text))
            values = [_plain_value(getattr(row, name)) if name else None for name in self._labels]
            if isinstance(text, str):
                self._add(text, getattr(row, self._id) if self._id else None, values, flags)
                return
            raw = getattr(row, self._text)
        except msgspec.ValidationError:
            self.rows.add_bad("line is not a JSON object")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.rows.add_bad(f"line is not JSON: {_without_prefix(str(error))}")
        except RecursionError:
            self.rows.add_bad("JSON nested too deep")
        else:
            self.rows.add_bad(_text_problem(bytes(raw)))


def _is_utf8(payload: bytes) -> bool:
    # Arrow validates several GB a second and makes no copy; bytes.decode makes one.
    offsets = pa.py_buffer(np.array([0, len(payload)], dtype=np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(payload)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _utf8_problem(line: bytes) -> str | None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"line is not UTF-8 (byte {error.start + 1})"
    return None


def _id_token(raw: Any) -> bytes | Literal[False] | None:
    """Return the id's JSON token, None when absent, False when it can be no id."""
    token = bytes(raw)
    if token[:1] == b'"':
        if b"\\" in token:
            token = encode_json(_decode(token))
        return token if len(token) > 2 else None
    if token in (b"", b"null"):
        return None
    if token[0] in b"[{":
        return False
    # What a decoder can't read (1e999, thousands of digits) can't be ordered either.
    beyond = (len(token) > _SAFE_DIGITS or b"e" in token.lower()) and _plain_value(token) is None
    return False if beyond else token


def _plain_value(raw: Any) -> Any:
    token = bytes(raw)
    if not token or token[0] in b"[{":
        return None
    try:
        return _decode(token)
    except msgspec.ValidationError:
        return None  # a number beyond a double


def _without_prefix(message: str) -> str:
    return message.removeprefix("JSON is malformed: ")


def _text_problem(token: bytes) -> str:
    return {b"": "text is missing", b"null": "text is null"}.get(token, "text is not a string")


def _without_lone_surrogates(line: bytes) -> bytes:
    """Replace escaped halves of surrogate pairs by U+FFFD; pairs and escaped backslashes stay."""

    def mend(found: re.Match[bytes]) -> bytes:
        escape = found.group()
        return b"\\ufffd" if len(escape) == 6 else escape

    return _ESCAPES.sub(mend, line)
