"""Dates as they come in news data → microseconds since 1970-01-01 UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?")
_TIME = r"(?:[T\s,]*(?:at\s+)?(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp]\.?[Mm]\.?)?)?\s*"
_ZONE = r"(Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
_DAY_FIRST = re.compile(
    rf"(?:[A-Za-z]+,?\s+)?(\d{{1,2}})[-\s]*([A-Za-z]{{3,9}})\.?[-,\s]*(\d{{4}}){_TIME}{_ZONE}"
)
_MONTH_FIRST = re.compile(
    rf"(?:[A-Za-z]+,\s+)?([A-Za-z]{{3,9}})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}}){_TIME}{_ZONE}"
)
_SERVICE_CODE = re.compile(r"(:\d{2}\.\d{1,3})[A-Z]{1,3}(?: [A-Z]{1,2}){0,2}$")
_ISO_REPAIR = re.compile(r"\s+(?=[+-]\d{2}:?\d{2}$)|\s*(?:UTC|GMT)$")


def parse_date(value: object) -> int | None:
    """Return a date as microseconds since 1970-01-01 UTC, or None if it can't be read.

    Takes ISO 8601, RFC 2822, ``20220924``, ``26-FEB-1987 15:01:01.79``,
    ``10Feb2006``, ``February 10, 2006``, seconds or milliseconds since 1970
    (number or digits) and typed dates. UTC where no zone is given. Leaves
    alone what has two readings, such as ``03/04/2022``, and years alone.

    Examples
    --------
    >>> parse_date("1970-01-01T01:00:00+01:00"), parse_date("19700102"), parse_date(86_400)
    (0, 86400000000, 86400000000)
    >>> parse_date("soon") is None
    True
    """
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return _parse_text(repr(value)) if -1e20 < value < 1e20 else None
    if isinstance(value, datetime):
        return _microseconds(value)
    if isinstance(value, date):
        return _microseconds(datetime(value.year, value.month, value.day))
    return None


@lru_cache(maxsize=1 << 16)
def _parse_text(text: str) -> int | None:
    text = text.strip()
    if not text or len(text) > 100:
        return None
    if _NUMBER.fullmatch(text):
        return _from_digits(text)
    for read in (datetime.fromisoformat, _repaired_iso, _named_month, parsedate_to_datetime, _coded):
        try:
            moment = read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        if moment is not None:
            return _microseconds(moment)
    return None


def _repaired_iso(text: str) -> datetime | None:
    text = _ISO_REPAIR.sub("", text)
    if text[4:5] == "/":
        text = text.replace("/", "-", 2)
    return datetime.fromisoformat(text)


def _coded(text: str) -> datetime | None:
    """Read a wire's stamp with the code of a service run into it: ``27-MAR-1987 13:46:59.98C T``."""
    stamp, found = _SERVICE_CODE.subn(r"\1", text)
    return _named_month(stamp) if found else None


def _from_digits(text: str) -> int | None:
    """Read a date without separators, or else seconds, milli-, micro- or nanoseconds since 1970."""
    if text.isascii() and len(text) in (8, 12, 14) and text[:2] in ("19", "20"):
        try:
            return _microseconds(datetime.strptime(text, "%Y%m%d%H%M%S"[: len(text) - 2]))
        except ValueError:
            pass
    number = float(text)
    # A number this small is a year or a placeholder far more often than a moment in early 1970.
    if abs(number) < 10_000:
        return None
    # 1e11 seconds are the year 5138; 1e11 milliseconds are March 1973.
    for limit, unit in ((1e11, 1_000_000.0), (1e14, 1_000.0), (1e17, 1.0), (1e20, 0.001)):
        if abs(number) < limit:
            return (
                int(text) * int(unit) if unit >= 1 and text.lstrip("+-").isdigit() else round(number * unit)
            )
    return None


def _named_month(text: str) -> datetime | None:
    if found := _DAY_FIRST.fullmatch(text):
        day, month, year, *clock = found.groups()
    elif found := _MONTH_FIRST.fullmatch(text):
        month, day, year, *clock = found.groups()
    else:
        return None
    number = _MONTHS.get(month[:3].lower())
    if number is None:
        return None
    hour, minute, second, fraction, half, zone = clock
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half[0] in "pP" else 0)
    micro = int((fraction or "0").ljust(6, "0")[:6])
    moment = datetime(int(year), number, int(day), hours, int(minute or 0), int(second or 0), micro)
    if zone and zone[0] in "+-":
        shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        moment = moment - shift if zone[0] == "+" else moment + shift
    return moment


def _microseconds(moment: datetime) -> int | None:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return (moment - _EPOCH) // _MICROSECOND
    except OverflowError:
        return None
