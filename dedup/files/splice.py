"""New text put into the exact span of the old one; every other byte of a JSON line stays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from dedup.files.rows import encode_json

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SPACE = rb"[ \t\r\n]*+"
_KEY = re.compile(_SPACE + rb"(" + _STRING + rb")" + _SPACE + rb":" + _SPACE, re.DOTALL)
_VALUE = re.compile(rb"(" + _STRING + rb')|([\[{])|[^\s,}\]"\[{]++', re.DOTALL)
_NEXT = re.compile(_SPACE + rb"([,}])")
_NESTED = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)


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
    position = line.index(b"{") + 1
    span: tuple[int, int] | None = None
    while key := _KEY.match(line, position):
        start, end = _value_span(line, key.end())
        token = key.group(1)
        if token == plain or (b"\\" in token and json.loads(token) == name):
            span = (start, end)
        following = _NEXT.match(line, end)
        if following is None or following.group(1) == b"}":
            break
        position = following.end()
    if span is None:
        raise KeyError(name)
    return span


def _value_span(line: bytes, start: int) -> tuple[int, int]:
    value = _VALUE.match(line, start)
    if value is None:
        raise KeyError(f"no value at byte {start}")
    if value.group(2) is None:
        return value.span()
    depth = 0
    for token in _NESTED.finditer(line, start):
        first = line[token.start()]
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth -= 1
            if depth == 0:
                return start, token.end()
    raise KeyError(f"unclosed value at byte {start}")


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
