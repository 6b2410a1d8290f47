"""New text put into the exact span of the old one; every other byte of a JSON line stays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from dedup.files.rows import encode_json

_BLANKS = rb"[ \t\r\n]*+"
_KEY = re.compile(_BLANKS + rb"[{,]" + _BLANKS + rb'("(?:[^"\\]++|\\.)*+")' + _BLANKS + b":" + _BLANKS)
_SCALAR = re.compile(rb"[^\s,}\]]++")
_MARK = re.compile(rb'["\[\]{}]')
_QUOTE, _BACKSLASH = b'"\\'


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
    position = line.index(b"{")
    span: tuple[int, int] | None = None
    # Every key stands behind the opening brace or a comma.
    while key := _KEY.match(line, position):
        token, start = key[1], key.end()
        position = _value_end(line, start)
        if token == plain or (b"\\" in token and json.loads(token) == name):
            span = (start, position)
    if span is None:
        raise KeyError(name)
    return span


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
        return _SCALAR.match(line, start).end()  # type: ignore[union-attr]  # of valid JSON, matches
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
