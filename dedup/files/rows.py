"""RECORDS batches built from plain Python lists, once per chunk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from dedup.files.dates import parse_date
from dedup.flags import FLAGS
from dedup.schema import RECORDS

SUSPECT = FLAGS["suspect_characters"]
UNDATED = FLAGS["date_unparseable"]
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SETTLED_TEXTS = 64
encode_json = msgspec.json.Encoder().encode


class Rows:
    """Columns of RECORDS while they grow, one entry per record."""

    __slots__ = ("_settled", "bad", "date", "flags", "id", "source", "text", "title", "url")

    def __init__(self) -> None:
        self.text: list[str | None] = []
        self._settled: list[pa.Array] = []
        self.id: list[bytes | None] = []
        self.title: list[str | None] = []
        self.source: list[str | None] = []
        self.date: list[int | None] = []
        self.url: list[str | None] = []
        self.flags: list[int] = []
        self.bad: list[str | None] = []

    def add_bad(self, reason: str) -> None:
        """Add a record that goes to quarantine."""
        for column in (self.text, self.id, self.title, self.source, self.date, self.url):
            column.append(None)
        self.flags.append(0)
        self.bad.append(reason)

    def extend(
        self,
        texts: list[str],
        ids: list[bytes | None],
        titles: list[Any],
        sources: list[Any],
        dates: list[Any],
        urls: list[Any],
    ) -> None:
        """Add good records column by column; ids are tokens, labels and dates values of any kind."""
        self._settle_now()
        settled = pa.array(texts, pa.large_string())
        self._settled.append(settled)
        self.id += ids
        self.title += _as_labels(titles)
        self.source += _as_labels(sources)
        self.url += _as_labels(urls)
        found = _as_dates(dates)
        self.date += [moment for moment, _ in found]
        if _holds_nul(settled):
            self.flags += [
                undated | (SUSPECT if "\0" in text else 0)
                for text, (_, undated) in zip(texts, found, strict=True)
            ]
        else:
            self.flags += [undated for _, undated in found]
        self.bad += [None] * len(texts)

    def settle(self) -> None:
        """Move texts into Arrow when some have gathered.

        Strings that live on until the chunk's end are fresh memory each time,
        and the page faults took longer than the decoding.
        """
        if len(self.text) >= _SETTLED_TEXTS:
            self._settle_now()

    def _settle_now(self) -> None:
        if self.text:
            self._settled.append(pa.array(self.text, pa.large_string()))
            self.text = []

    def batch(self, lines: Any, offsets: Any, lengths: Any) -> pa.RecordBatch:
        """Return the finished batch; the three arrays are int64, one entry per record."""
        string = pa.large_string()
        self._settle_now()
        columns = [
            self._settled[0]
            if len(self._settled) == 1
            else pa.concat_arrays([*self._settled, pa.array([], string)]),
            pa.array(self.id, string),
            pa.array(self.title, string),
            pa.array(self.source, string),
            pa.array(self.date, pa.int64()),
            pa.array(self.url, string),
            pa.array(lines, pa.int64()),
            pa.array(offsets, pa.int64()),
            pa.array(lengths, pa.int64()),
            pa.array(np.array(self.flags, dtype=np.uint32)),
            pa.array(self.bad, string),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=RECORDS)


def single_bad(reason: str, line: int, offset: int, length: int) -> pa.RecordBatch:
    """Return a batch of one bad record."""
    rows = Rows()
    rows.add_bad(reason)
    return rows.batch([line], [offset], [length])


def replace_surrogates(text: str) -> str:
    """Return the text with every lone surrogate as U+FFFD.

    Examples
    --------
    >>> replace_surrogates("a" + chr(0xD800)) == "a" + chr(0xFFFD)
    True
    """
    return _LONE_SURROGATE.sub("\ufffd", text)


def as_label(value: object) -> str | None:
    """Return a title, source or URL as text: strings as they are, numbers as digits, else None."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return None


def _as_labels(values: list[Any]) -> list[str | None]:
    return values if _only_strings(values) else list(map(as_label, values))


def _as_dates(values: list[Any]) -> list[tuple[int | None, int]]:
    # Numbers of different types may be equal, and what else JSON holds has no hash.
    if not _only_strings(values):
        return list(map(as_date, values))
    found = {value: as_date(value) for value in set(values)}
    return [found[value] for value in values]


def _only_strings(values: list[Any]) -> bool:
    return set(map(type, values)) <= {str, type(None)}


def _holds_nul(texts: pa.LargeStringArray) -> bool:
    data = texts.buffers()[2]
    return data is not None and data.size > 0 and bool(np.min(np.frombuffer(data, np.uint8)) == 0)


def as_date(value: object) -> tuple[int | None, int]:
    """Return a date in microseconds and the flags it earns; null and the empty string are simply absent."""
    if value is None or value == "":
        return None, 0
    moment = parse_date(value)
    return moment, 0 if moment is not None else UNDATED


def string_tokens(values: Sequence[str | None]) -> list[bytes | None]:
    """Return ids as JSON tokens; an empty one is an absent one."""
    return [encode_json(value) if value else None for value in values]
