"""Bit flags of a record and of a token: plain numbers, so that nothing heavy is loaded for them."""

from __future__ import annotations

from functools import cache
from typing import Any

EMPTY = 1 << 0  # no token at all: kept, matches nothing
SHORT = 1 << 1  # under 30 tokens: merged only when nearly equal
STUB = 1 << 2  # paywall, cookie, JavaScript notice, dateline alone: kept, never merged
UNSETTLED = 1 << 3  # a cleaning rule did not settle: the text was left as it came
MOJIBAKE = 1 << 4  # wrongly decoded characters were repaired
DEGRADED = 1 << 5  # replacement characters or unrepaired damage: not preferred as canonical
DATE_UNPARSEABLE = 1 << 6
DUPLICATE_ID = 1 << 7
LONG = 1 << 8  # aligned in windows
SUSPECT_CHARACTERS = 1 << 9  # NUL, lone surrogates or other characters that had to be replaced
CORRECTED = 1 << 10  # says of itself that it is a corrected version: preferred as canonical
UNPUNCTUATED = 1 << 11  # no stop and no comma: the marks were lost, "$1.65 million" reads "1 65 million"

# Bits of `flags` by name. The names go into decisions in this order.
FLAGS: dict[str, int] = {
    "empty": EMPTY,
    "short": SHORT,
    "stub": STUB,
    "unsettled": UNSETTLED,
    "mojibake": MOJIBAKE,
    "degraded": DEGRADED,
    "date_unparseable": DATE_UNPARSEABLE,
    "duplicate_id": DUPLICATE_ID,
    "long": LONG,
    "suspect_characters": SUSPECT_CHARACTERS,
    "corrected": CORRECTED,
    "unpunctuated": UNPUNCTUATED,
}

# For people: in the documentation and in reports.
FLAG_MEANINGS: dict[str, str] = {
    "empty": "no word at all; kept, matches nothing",
    "short": "under 30 tokens; merged only when nearly equal",
    "stub": "a paywall, cookie or JavaScript notice, a dateline alone; kept, never merged",
    "unsettled": "cleaning did not settle; the text was left as it came",
    "mojibake": "wrongly decoded characters were repaired",
    "degraded": "replacement characters or damage that could not be repaired; not preferred",
    "date_unparseable": "the date could not be read and counts as missing",
    "duplicate_id": "another record has the same id and another text",
    "long": "aligned in windows",
    "suspect_characters": "NUL, lone surrogates or other characters that had to be replaced",
    "corrected": "says of itself that it is a corrected version; preferred",
    "unpunctuated": "60 tokens or more without a stop or a comma: the marks were lost; not preferred",
}

# Bits of a token's class byte.
TOKEN_NUMBER = 1  # holds a digit
TOKEN_CAPITAL = 2  # began with a capital letter in the readable text
TOKEN_SENTENCE_START = 4  # first token of a sentence, line or quotation
TOKEN_LINE_START = 8  # first token of a line of the readable text
TOKEN_UNSPACED = 16  # one character of a script written without spaces
TOKEN_UPPER = 32  # two or more letters, all of them capitals


@cache
def flag_names(flags: int) -> tuple[str, ...]:
    """Return the names of the bits set in ``flags``, in the order of ``FLAGS``.

    Examples
    --------
    >>> flag_names(STUB | SHORT)
    ('short', 'stub')
    """
    return tuple(name for name, bit in FLAGS.items() if flags & bit)


def damage(flags: Any) -> Any:
    """Return how unsound a version is, 0 the soundest: damaged, repaired, without marks, not corrected.

    Parameters
    ----------
    flags : int or numpy.ndarray of uint32
        Bits of `FLAGS`.

    Examples
    --------
    >>> damage(CORRECTED) < damage(0) < damage(UNPUNCTUATED) < damage(MOJIBAKE) < damage(DEGRADED)
    True
    """
    return (
        (flags & DEGRADED != 0) * 8
        + (flags & MOJIBAKE != 0) * 4
        + (flags & UNPUNCTUATED != 0) * 2
        + (flags & CORRECTED == 0) * 1
    )
