"""Bodies in place of an article that is not there: paywalls, cookie and JavaScript notices, error pages."""

from __future__ import annotations

import re
from functools import cache

from dedup.normaliser.leading import is_dateline_alone
from dedup.normaliser.lines import count_unspaced
from dedup.normaliser.notices import NOTICES
from dedup.normaliser.starts import literal_starts

_LONGEST = 900  # characters
_WORDS = 90
_SHARE = 0.5  # of the words that must stand in sentences of a notice
_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:[.!?。！？]+|\n|$)")


# Words that may come before a notice's own.
CALLS = "(?:sorry|oops|error|notice|attention|warning|please note)"
_CALL = re.compile(CALLS + r"\b[\s,:!-]*")


def is_stub(readable: str, *, dateline: bool = True, notice: bool = True) -> bool:
    """Tell a notice that stands in an article's place: a paywall, cookie, JavaScript or error notice.

    At least half of the words of a text of at most 90 words must stand in sentences that open like a
    notice to the reader. A dateline or byline alone is a stub too. Reports *about* such things are not.

    Parameters
    ----------
    readable : str
        A cleaned text.
    dateline, notice : bool
        Whether it may be a dateline alone, whether it may be a notice, as far as is known.

    Examples
    --------
    >>> is_stub("Please enable JavaScript to view this page.")
    True
    >>> is_stub("The court ruled on Tuesday that sites must ask before they store cookies.")
    False
    """
    if len(readable) > _LONGEST:
        return False
    return (dateline and is_dateline_alone(readable)) or (notice and _is_mostly_notices(readable))


def _is_mostly_notices(readable: str) -> bool:
    sentences = _SENTENCE.findall(readable)
    sizes = [len(sentence.split()) + count_unspaced(sentence) // 2 for sentence in sentences]
    total = sum(sizes)
    if not 0 < total <= _WORDS:
        return False
    missing = 0
    for sentence, size in zip(sentences, sizes, strict=True):
        if not _is_notice(sentence):
            missing += size
            if missing > (1 - _SHARE) * total:
                return False
    return True


def _is_notice(sentence: str) -> bool:
    # Quotation marks stay: a notice that is quoted is none.
    folded = sentence.casefold().lstrip(" \t*•-–—:»›").replace("’", "'")
    if match := _CALL.match(folded):
        folded = folded[match.end() :]
    return any(pattern.match(folded) for length in range(4) for pattern in _notices(folded[:length]))


@cache
def _by_start() -> dict[str, list[str]]:
    by_start: dict[str, list[str]] = {}
    for notice in NOTICES:
        for start in literal_starts(notice, 3):
            by_start.setdefault(start, []).append(notice)
    return by_start


def _notices(start: str) -> tuple[re.Pattern[str], ...]:
    """Return the notices that begin so; compiling all of them at once took a run of ten texts a twentieth."""
    return _compiled(start) if start in _by_start() else ()


@cache
def _compiled(start: str) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, _by_start()[start]))
