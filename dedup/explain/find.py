"""What a user names → two articles: texts, files, ids within inputs, or an id within decisions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dedup.config import ReadConfig
from dedup.errors import UsageError
from dedup.files import find_inputs, parse, resolve_fields
from dedup.files.textfolder import decode_text
from dedup.records import Article
from dedup.report.ledger import Row, open_decisions, read_rows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAME_CHARS = 60


def find_pair(
    named: Sequence[str], *, decisions: str | None, read: ReadConfig, input_format: str | None = None
) -> tuple[Article, Article]:
    """Return the two articles that are meant.

    Parameters
    ----------
    named : sequence of str
        Two texts or files; two ids and the inputs that hold them; or, with
        `decisions`, one id and the inputs.
    decisions : str, optional
        File of decisions: the id's record is held against the one kept for it.
    read : ReadConfig
        Names of fields.
    input_format : str, optional
        Instead of telling the inputs' format by their names.

    Raises
    ------
    UsageError
        If it can't be told what is meant, or an id is not there.
    """
    if decisions is not None:
        if len(named) < 2:
            raise UsageError(
                "--decisions without an id and inputs", remedy="give: ID INPUT... --decisions FILE"
            )
        wanted = _partners(named[0], decisions)
        return _among(wanted, named[1:], read, input_format)
    if len(named) == 2:
        return _text_or_file(named[0], "A"), _text_or_file(named[1], "B")
    if len(named) < 2:
        raise UsageError("one text alone", remedy="give two texts or files, or two ids and the inputs")
    return _among([_Wanted(named[0]), _Wanted(named[1])], named[2:], read, input_format)


class _Wanted:
    """A record by its id, or exactly by file and line."""

    def __init__(self, shown: str, row: Row | None = None) -> None:
        self.shown = shown
        self.place = (row.file, row.line) if row is not None else None

    def is_at(self, file: str, line: int, token: str | None) -> bool:
        if self.place is not None:
            return self.place == (file, line)
        return token is not None and self.shown in (token, json.loads(token))


def _partners(shown: str, decisions: str) -> list[_Wanted]:
    """Find an id's decision and the record it is told about: the one kept for it, or the likest one."""
    rows: dict[bytes, Row] = {}
    named = None
    for row in read_rows(open_decisions(decisions)):
        rows.setdefault(bytes(row.id), row)
        if named is None and _matches(shown, bytes(row.id)):
            named = row
    if named is None:
        raise UsageError(f"no record has the id {shown!r}", where=decisions, remedy="check the id")
    if named.status == "rejected":
        raise UsageError(f"{shown!r} was rejected: {named.reason}", where=decisions)
    if named.status == "dropped":
        other = bytes(named.cluster)
    elif named.links:
        other = bytes(named.links[0].id)
    else:
        others = [
            bytes(row.id) for row in rows.values() if row.status == "dropped" and row.cluster == named.id
        ]
        if not others:
            raise UsageError(f"{shown!r} is kept, and nothing looks like it", where=decisions)
        other = others[0]
    partner = rows.get(other)
    if partner is None:
        # Published before: it is looked up in the inputs by its id.
        return [_Wanted(shown, named), _Wanted(other.decode())]
    return [_Wanted(shown, named), _Wanted(other.decode(), partner)]


def _matches(shown: str, token: bytes) -> bool:
    return shown in (token.decode(), str(json.loads(token)))


def _text_or_file(named: str, name: str) -> Article:
    if "\n" not in named and len(named) < 4096 and Path(named).is_file():
        return Article(decode_text(Path(named).read_bytes()), id=named[-_NAME_CHARS:])
    if " " not in named.strip():
        raise UsageError(
            "neither a file nor a text", where=named, remedy="give two texts or files, or ids and inputs"
        )
    return Article(named, id=name)


def _among(
    wanted: Sequence[_Wanted], inputs: Sequence[str], read: ReadConfig, input_format: str | None
) -> tuple[Article, Article]:
    found: dict[int, Article] = {}
    for source in find_inputs(inputs, input_format=input_format):
        fields = resolve_fields([source], read)
        for chunk in source.chunks():
            batch = parse(chunk, fields, read.record_limit_bytes)
            lines, tokens = batch.column("line").to_pylist(), batch.column("id").to_pylist()
            for number, (line, token) in enumerate(zip(lines, tokens, strict=True)):
                for which, record in enumerate(wanted):
                    if which not in found and record.is_at(chunk.file, line, token):
                        value = {name: batch.column(name)[number].as_py() for name in batch.schema.names}
                        found[which] = _article(value, record.shown)
        if len(found) == len(wanted):
            return found[0], found[1]
    missing = [record.shown for which, record in enumerate(wanted) if which not in found]
    raise UsageError(
        f"no record has the id {missing[0]!r}", where=", ".join(inputs), remedy="check the ids and the inputs"
    )


def _article(value: dict[str, Any], shown: str) -> Article:
    date = value["date"]
    return Article(
        value["text"] or "",
        json.loads(value["id"]) if value["id"] else shown,
        value["title"],
        value["source"],
        _EPOCH + timedelta(microseconds=date) if date is not None else None,
        value["url"],
    )
