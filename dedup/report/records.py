"""The inputs, read once more for what decisions don't hold: titles, sources, dates, links and texts."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.config import ReadConfig
from dedup.errors import DataError
from dedup.files import Source, parse, resolve_fields
from dedup.report.ledger import Ledger, Row
from dedup.report.model import Record

NO_DATE = np.iinfo(np.int64).min
# A title of a megabyte is an accident; its beginning tells as much.
_TITLE_CHARS = 200
_ID_CHARS = 200
_URL_CHARS = 500
# Characters that turn the reading order of what stands around them.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


@dataclass
class Fields:
    """Source and date of every record, in the order of the decisions.

    ``source`` int32 numbers ``names``, -1 for none; ``date`` int64 in
    microseconds since 1970, NO_DATE for none.
    """

    source: NDArray[np.int32]
    date: NDArray[np.int64]
    names: list[str] = field(default_factory=list)


def shown_id(token: bytes) -> str:
    """Return an id as people read it: strings without quotes.

    Examples
    --------
    >>> shown_id(b'"a-1"'), shown_id(b"7")
    ('a-1', '7')
    """
    value = json.loads(token) if token else None
    return plain(value if isinstance(value, str) else token.decode(), _ID_CHARS)


def plain(text: str, limit: int) -> str:
    r"""Return one harmless line: no controls, nothing that turns the reading order, no more than `limit`.

    Examples
    --------
    >>> plain("a\x00b\nc" + chr(0x202E) + "d", 40)
    'a b c⟨U+202E⟩d'
    """
    cut = text[: limit + 1]
    cut = _TURNING.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", cut)
    cut = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") else c for c in cut)
    cut = " ".join(cut.split())
    return cut if len(text) <= limit else cut[:limit] + "…"


def shown_date(microseconds: int | None) -> str | None:
    """Return a date in ISO 8601, with the time if it has one.

    Examples
    --------
    >>> shown_date(0), shown_date(3_600_000_000)
    ('1970-01-01', '1970-01-01 01:00')
    """
    if microseconds is None:
        return None
    text = str(np.datetime64(microseconds, "us"))
    return text[:10] if microseconds % 86_400_000_000 == 0 else text[:16].replace("T", " ")


def web_link(url: str | None) -> str | None:
    """Return an address that may become a link: http and https only.

    Examples
    --------
    >>> web_link("https://example.org/a"), web_link("javascript:alert(1)")
    ('https://example.org/a', None)
    """
    if url is None or len(url) > _URL_CHARS:
        return None
    return url if re.match(r"https?://[^\s\"<>]+$", url, re.IGNORECASE) and not _TURNING.search(url) else None


def read_inputs(
    sources: Iterable[Source],
    ledger: Ledger,
    wanted: dict[int, Row],
    texts: set[int],
    config: ReadConfig,
    *,
    again: bool,
) -> tuple[Fields, dict[int, Record]]:
    """Read the inputs that decisions were made on.

    Parameters
    ----------
    sources : iterable of Source
        The inputs.
    ledger : Ledger
        Tells where each decision's record stands.
    wanted : dict of int to Row
        Decisions, by row, whose records are returned.
    texts : set of int
        Those whose texts are needed.
    config : ReadConfig
        Names of fields.
    again : bool
        Whether the sources have been read before, in this run.

    Raises
    ------
    DataError
        If a record is not the one that was decided about, or is missing.
    """
    sources = list(sources)
    names = sources[0].resolved if again and sources[0].resolved else resolve_fields(sources, config)
    order = np.argsort(ledger.place, kind="stable")
    places = ledger.place[order]
    numbers: dict[str, int] = {}
    fields = Fields(np.full(ledger.n_rows, -1, np.int32), np.full(ledger.n_rows, NO_DATE, np.int64))
    found: dict[int, Record] = {}
    n_seen = 0
    for source in sources:
        for chunk in source.chunks_again() if again else source.chunks():
            batch = parse(chunk, names, config.record_limit_bytes)
            here = ledger.place_of(chunk.file, batch.column("line").to_numpy())
            at = np.minimum(np.searchsorted(places, here), max(0, len(places) - 1))
            known = places[at] == here if len(places) else np.zeros(len(here), np.bool_)
            rows = order[at[known]]
            n_seen += len(rows)
            batch = batch.filter(pa.array(known))
            fields.date[rows] = batch.column("date").fill_null(NO_DATE).to_numpy()
            fields.source[rows] = _numbered(batch.column("source"), numbers)
            _collect(batch, rows, wanted, texts, found)
    if n_seen != ledger.n_rows:
        raise DataError(
            f"{ledger.n_rows - n_seen} of {ledger.n_rows} decisions have no record in the inputs",
            where=", ".join(source.name for source in sources),
            remedy="name the inputs as they were named in the run",
        )
    fields.names = list(numbers)
    return fields, found


def _numbered(column: pa.Array, numbers: dict[str, int]) -> NDArray[np.int32]:
    encoded = column.dictionary_encode()
    places = [numbers.setdefault(name, len(numbers)) for name in encoded.dictionary.to_pylist()]
    numbered: NDArray[np.int32] = np.array([*places, -1], np.int32)
    at: NDArray[np.int64] = encoded.indices.fill_null(len(places)).to_numpy()
    return numbered[at]


def _collect(
    batch: pa.RecordBatch,
    rows: NDArray[np.int64],
    wanted: dict[int, Row],
    texts: set[int],
    found: dict[int, Record],
) -> None:
    for number, row in enumerate(rows.tolist()):
        decision = wanted.get(row)
        if decision is None:
            continue
        value = {
            name: batch.column(name)[number].as_py() for name in ("text", "title", "source", "date", "url")
        }
        if value["text"] is not None and not _matches(decision.record, value["text"]):
            raise DataError(
                "the record is not the one that was decided about",
                where=f"{decision.file}:{decision.line}",
                remedy="give the inputs of that very run, unchanged",
            )
        found[row] = make_record(row, bytes(decision.id), value, with_text=row in texts)
        found[row].record = decision.record
        found[row].flags = decision.flags


def _matches(record: str, text: str) -> bool:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return digest.startswith(record.partition("#")[0])


def make_record(row: int, token: bytes, value: dict[str, object], *, with_text: bool) -> Record:
    """Return a record for showing, everything in it made harmless."""
    title, source, date, url, text = (value[name] for name in ("title", "source", "date", "url", "text"))
    return Record(
        row,
        shown_id(token),
        title=plain(title, _TITLE_CHARS) if isinstance(title, str) else None,
        source=plain(source, _TITLE_CHARS) if isinstance(source, str) else None,
        date=shown_date(date) if isinstance(date, int) else None,
        url=web_link(url) if isinstance(url, str) else None,
        text=text if with_text and isinstance(text, str) else None,
    )


def read_published(
    archives: Sequence[Source], wanted: set[bytes], texts: set[bytes], config: ReadConfig, *, again: bool
) -> dict[bytes, Record]:
    """Return the records that were published before and stand for others, by id token."""
    found: dict[bytes, Record] = {}
    for source in archives if wanted else ():
        names = source.resolved if again and source.resolved else resolve_fields([source], config)
        for chunk in source.chunks_again() if again else source.chunks():
            batch = parse(chunk, names, config.record_limit_bytes)
            for number, token in enumerate(batch.column("id").to_pylist()):
                key = token.encode() if token else b""
                if key in wanted and key not in found:
                    value = {
                        name: batch.column(name)[number].as_py()
                        for name in ("text", "title", "source", "date", "url")
                    }
                    found[key] = make_record(-1, key, value, with_text=key in texts)
    return found
