"""Lines of JSON → rows, decoded by msgspec, one record per line.

A blank line is no record: it is not counted and not written again, but offsets
and line numbers count it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.files.chunks import Chunk, Fields, over_limit
from dedup.files.rows import SUSPECT, Rows, as_date, as_label, encode_json, single_bad

NESTING_LIMIT = 500
BLANK = b" \t\r"
LINE_FEED = 0x0A
_SPACE, _RETURN, _OPEN, _CLOSE = b" \r{}"
_CASE = 0x20  # tells a brace from its bracket
# So few lines are read one by one.
_FEW = 4
_SAFE_DIGITS = 300  # fewer fit into a double
_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
_decode = msgspec.json.decode
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def names_of(line: bytes) -> list[str]:
    """Return the field names of one record; none of a bad one."""
    if nested_deeper(line, NESTING_LIMIT):
        return []
    try:
        return list(_decode_names(line))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


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
def _decoders(fields: Fields) -> tuple[Any, Any, Any]:
    """Return the fast decoder (text a string, id raw, the rest plain), that for many lines, the patient one.

    The patient one leaves all raw; where only this one will do, there is none for many lines.
    """
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
        return patient.refuse, None, patient.decode
    decoder = msgspec.json.Decoder(kinds[0])
    return decoder.decode, decoder.decode_lines, msgspec.json.Decoder(kinds[1]).decode


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
    starts, ends = _line_places(payload)
    numbers = np.arange(chunk.first_line, chunk.first_line + len(starts))
    # Only a line that begins with white space can be blank.
    spaced = np.flatnonzero(np.frombuffer(payload, np.uint8)[starts] <= _SPACE).tolist()
    blank = [row for row in spaced if not payload[starts[row] : ends[row]].strip(BLANK)]
    if blank:
        numbers, starts, ends = (np.delete(places, blank) for places in (numbers, starts, ends))
    reader = _Reader(fields, payload, record_limit_bytes)
    reader.read_all(starts, ends)
    return reader.rows.batch(numbers, starts + chunk.offset, ends - starts)


def _line_places(payload: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each line begins and ends."""
    ends = np.flatnonzero(np.frombuffer(payload, np.uint8) == LINE_FEED)
    if payload and payload[-1] != LINE_FEED:
        ends = np.append(ends, len(payload))
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1] + 1
    return starts, ends


class _Reader:
    """Turns lines into rows; one per chunk."""

    def __init__(self, fields: Fields, payload: bytes, limit: int) -> None:
        self.rows = Rows()
        self._payload = payload
        self._fast, self._many, self._slow = _decoders(fields)
        self._limit = limit
        self._valid = _is_utf8(payload)
        names = fields.names()
        attributes = {name: f"f{number}" for number, name in enumerate(names)}
        roles = (fields.text, fields.id, fields.title, fields.source, fields.date, fields.url)
        self._text, self._id, *self._labels = (
            attributes.get(name, "") if name is not None else "" for name in roles
        )
        # A field may serve two purposes, as the URL serves as id; the text in two goes the patient way.
        self._shares_id = bool(self._id) and self._id in self._labels
        self._shares_text = fields.text in roles[1:]

    def read_all(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        """Read the lines, none of them blank, that begin and end at these places."""
        alone = np.flatnonzero(~self._go_together(starts, ends)).tolist()
        self._starts, self._ends = starts.tolist(), ends.tolist()
        first = 0
        for row in [*alone, len(starts)]:
            self._read_run(first, row)
            self._read_run(row, min(row + 1, len(starts)))
            first = row + 1

    def _go_together(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the lines that may be decoded in one go with their neighbours.

        The decoder takes a value that spans lines, and two on one line. But no value goes on behind a brace
        that closes one line with a brace that opens the next: there are as many values as lines only if
        each line is one.
        """
        if self._many is None or self._shares_text or not self._valid:
            return np.zeros(len(starts), np.bool_)
        data = np.frombuffer(self._payload, np.uint8)
        returns = (data[ends - 1] == _RETURN) & (ends - starts > 1)
        together: NDArray[np.bool_] = (
            (data[starts] == _OPEN) & (data[ends - 1 - returns] == _CLOSE) & (ends - starts <= self._limit)
        )
        opens = data | _CASE == _OPEN
        if np.count_nonzero(opens) - np.count_nonzero(together) >= NESTING_LIMIT:
            places = np.flatnonzero(opens)
            together &= np.searchsorted(places, ends) - np.searchsorted(places, starts) <= NESTING_LIMIT
        return together

    def _read_run(self, first: int, last: int) -> None:
        """Read neighbouring lines in one go; if any of them is refused, each half again."""
        if last - first <= _FEW:
            for row in range(first, last):
                self._read(self._payload[self._starts[row] : self._ends[row]])
        elif not self._read_together(first, last):
            middle = (first + last) // 2
            self._read_run(first, middle)
            self._read_run(middle, last)

    def _read_together(self, first: int, last: int) -> bool:
        """Read lines in one go, or do nothing unless all of them are good."""
        try:
            found = self._many(memoryview(self._payload)[self._starts[first] : self._ends[last - 1]])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        texts = _column(found, self._text)
        if len(found) != last - first or None in texts:
            return False
        tokens = list(map(bytes, _column(found, self._id))) if self._id else [b""] * len(found)
        ids: list[bytes | None] = []
        for token in tokens:
            plain = token[:1] == b'"' and len(token) > 2 and b"\\" not in token
            identity = token if plain else _id_token(token)
            if identity is False:
                return False
            ids.append(identity)
        labels = [
            _column(found, name)
            if not self._shares_id or name != self._id
            else list(map(_plain_value, tokens))
            for name in self._labels
        ]
        self.rows.extend(texts, ids, *labels)
        return True

    def _read(self, line: bytes) -> None:
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
        if "\0" in text:
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


def _column(rows: list[Any], name: str) -> list[Any]:
    return list(map(attrgetter(name), rows)) if name else [None] * len(rows)


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
