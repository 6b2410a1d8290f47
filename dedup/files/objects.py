"""Records that a caller holds in memory: mappings and `Article` values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from dedup.files.chunks import Fields
from dedup.files.rows import SUSPECT, Rows, as_date, as_label, encode_json, replace_surrogates


def parse_objects(objects: Sequence[Mapping[str, Any]], fields: Fields, first_line: int) -> pa.RecordBatch:
    """Return one row of `dedup.schema.RECORDS` for every mapping; line counts records, offset is -1.

    Examples
    --------
    >>> parse_objects([{"id": 7, "text": "Hello"}], Fields("text", "id"), 1).column("id")[0].as_py()
    '7'
    """
    rows = Rows()
    for record in objects:
        _add(rows, record, fields)
    count = len(objects)
    return rows.batch(list(range(first_line, first_line + count)), [-1] * count, [-1] * count)


def _add(rows: Rows, record: Mapping[str, Any], fields: Fields) -> None:
    text = record.get(fields.text)
    if not isinstance(text, str):
        rows.add_bad(f"field {fields.text!r} is {'missing or null' if text is None else type(text).__name__}")
        return
    identifier = record.get(fields.id) if fields.id else None
    if identifier is not None and not isinstance(identifier, str | int | float):
        rows.add_bad(f"id is a {type(identifier).__name__}")
        return
    flags = 0
    if "\0" in text or not _encodes(text):
        flags, text = SUSPECT, replace_surrogates(text)
    date, undated = as_date(record.get(fields.date)) if fields.date else (None, 0)
    rows.text.append(text)
    rows.id.append(_token(identifier))
    rows.title.append(_label(record, fields.title))
    rows.source.append(_label(record, fields.source))
    rows.date.append(date)
    rows.url.append(_label(record, fields.url))
    rows.flags.append(flags | undated)
    rows.bad.append(None)
    rows.settle()


def _token(identifier: str | int | float | None) -> bytes | None:
    """Return an id's JSON token; the empty string and NaN, with which frames fill gaps, are absent ids."""
    if isinstance(identifier, str):
        return encode_json(replace_surrogates(identifier)) if identifier else None
    if identifier is None or (isinstance(identifier, float) and not math.isfinite(identifier)):
        return None
    return encode_json(identifier)


def _label(record: Mapping[str, Any], name: str | None) -> str | None:
    label = as_label(record.get(name)) if name else None
    return label if label is None or label.isascii() else replace_surrogates(label)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
