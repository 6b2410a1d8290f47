"""New text put into the exact span of the old one; every other byte of a JSON line stays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from dedup.files.rows import encode_json

_SPACE = re.compile(rb"[ \t\r\n]*+")
_COLON = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+")
_SCALAR = re.compile(rb"[^\s,}\]]++")
_MARK = re.compile(rb'["\[\]{}]')
_QUOTE, _BACKSLASH, _COMMA = b'"\\,'


def find_value(line: bytes, name: str) -> tuple[int, int]:
    """Return the span of the value of the last top-level key of that name.

    Parameters
    ----------
    line : bytes
        One valid JSON object. With a repeated key the last one counts, as for decoders.
    name : str
        The key, unescaped.

    Raises
    ------
    KeyError
        If there is no such key.

    Examples
    --------
    >>> line = b'{"text": "a", "x": {"text": 1}, "text":"b"}'
    >>> start, end = find_value(line, "text")
    >>> line[start:end], start
    (b'"b"', 39)
    """
    plain = b'"' + name.encode() + b'"'
    position = _after(_SPACE, line, line.index(b"{") + 1)
    span: tuple[int, int] | None = None
    while line[position] == _QUOTE:
        key_end = _string_end(line, position)
        token = line[position:key_end]
        start = _after(_COLON, line, key_end)
        end = _value_end(line, start)
        if token == plain or (b"\\" in token and json.loads(token) == name):
            span = (start, end)
        position = _after(_SPACE, line, end)
        if line[position] != _COMMA:
            break
        position = _after(_SPACE, line, position + 1)
    if span is None:
        raise KeyError(name)
    return span


def _after(pattern: re.Pattern[bytes], line: bytes, position: int) -> int:
    found = pattern.match(line, position)
    if found is None:
        raise ValueError(f"not a JSON object at byte {position + 1}")
    return found.end()


def _string_end(line: bytes, start: int) -> int:
    """Return where the string that begins at ``start`` ends; a pattern takes five times as long."""
    end = start
    while True:
        end = line.index(b'"', end + 1)
        before = end - 1
        while line[before] == _BACKSLASH:
            before -= 1
        if (end - before) % 2:
            return end + 1


def _value_end(line: bytes, start: int) -> int:
    if line[start] == _QUOTE:
        return _string_end(line, start)
    if line[start] not in b"[{":
        return _after(_SCALAR, line, start)
    depth, position = 0, start
    while found := _MARK.search(line, position):
        mark = line[found.start()]
        position = _string_end(line, found.start()) if mark == _QUOTE else found.end()
        depth += (mark in b"[{") - (mark in b"]}")
        if depth == 0:
            return position
    raise ValueError(f"unclosed value at byte {start + 1}")


def splice_text(line: bytes, name: str, text: str) -> bytes:
    """Return the JSON line with another text; all other bytes stay.

    A value that was written in ASCII with escapes stays in ASCII.

    Examples
    --------
    >>> splice_text(b'{"n": 1.0,  "text":"old" }', "text", "new")
    b'{"n": 1.0,  "text":"new" }'
    """
    start, end = find_value(line, name)
    old = line[start:end]
    new = json.dumps(text).encode() if old.isascii() and b"\\u" in old else encode_json(text)
    return b"".join((line[:start], new, line[end:]))


def add_members(line: bytes, members: Mapping[str, object]) -> bytes:
    """Return the JSON line with further members before its closing brace.

    Examples
    --------
    >>> add_members(b'{"a": 1}', {"b": None})
    b'{"a": 1,"b":null}'
    """
    if not members:
        return line
    end = line.rindex(b"}")
    comma = b"" if line[:end].rstrip().endswith(b"{") else b","
    return b"".join((line[:end], comma, encode_json(members)[1:-1], line[end:]))
