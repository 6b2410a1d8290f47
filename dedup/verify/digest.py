"""Whether a text that holds another is its full version, or a round-up of other items around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dedup.flags import TOKEN_CAPITAL, TOKEN_LINE_START, TOKEN_NUMBER, TOKEN_SENTENCE_START, TOKEN_UNSPACED
from dedup.kernels import facts as kernels
from dedup.verify.align import Survey
from dedup.verify.view import View

# A round-up has this many times as much of its own as it holds of the other text …
OTHER_ITEMS = 1.5
# … which stands in it in one piece: gaps take at most this part of its stretch.
SCATTERED = 0.3
# A text that begins with the shorter one is its full version as a rule: only if it never comes back to
# its names and words is the beginning the first item of several.
LATE_TOKENS = 30
RECURRING_LATE = 0.55
RECURRING_EARLY = 0.15
# Fewer names and words than this tell nothing.
LEAST_NAMES = 3
LEAST_WORDS = 8
# An item may have lost or got so many words of a dateline or a source.
DATELINE_TOKENS = 6
# Words up to this many bytes are of the language, not of the subject.
WORD_BYTES = 6
_HELD = (kernels.MATCHED, kernels.MOVED, kernels.CANCELLED)
_OTHER = (kernels.OWN, kernels.LACKED)


def is_digest(views: tuple[View, View], survey: Survey, holder: int) -> bool:
    """Tell whether the text that holds the other is a round-up that goes on about other matters.

    Parameters
    ----------
    views : tuple of View
        The two documents.
    survey : Survey
        Their alignment.
    holder : int
        Which of the two, 0 or 1, holds the other.
    """
    if views[0].title_tokens and list(views[0].title_tokens) == list(views[1].title_tokens):
        # A round-up has a title of its own.
        return False
    marks = np.frombuffer(survey.marks[holder], np.uint8)
    held, rest = np.isin(marks, _HELD), np.isin(marks, _OTHER)
    n_held = int(np.count_nonzero(held))
    if np.count_nonzero(rest) < OTHER_ITEMS * n_held:
        return False
    places = np.flatnonzero(marks == kernels.MATCHED)
    if not len(places):
        return False
    first, last = int(places[0]), int(places[-1]) + 1
    if np.count_nonzero(rest[first:last]) > SCATTERED * (last - first):
        return False
    # An item doesn't begin or end within a sentence, and what follows the first one begins a line.
    if not _is_apart(views[holder], first, last):
        return False
    late = bool(np.count_nonzero(rest[:first]) >= LATE_TOKENS)
    names, words = _recurring(views[holder], held, rest)
    if names is None and words is None:
        return False
    if names is None or words is None:
        return late and (names or 0) + (words or 0) <= RECURRING_LATE / 2
    return names + words <= (RECURRING_LATE if late else RECURRING_EARLY)


def _is_apart(view: View, first: int, last: int) -> bool:
    starts = TOKEN_SENTENCE_START | TOKEN_LINE_START
    if not (view.kinds[max(0, first - DATELINE_TOKENS) : first + 1] & starts).any():
        return False
    after = view.kinds[last : last + DATELINE_TOKENS]
    return not len(after) or bool((after & (TOKEN_LINE_START if first == 0 else starts)).any())


def _recurring(
    view: View, held: NDArray[np.bool_], rest: NDArray[np.bool_]
) -> tuple[float | None, float | None]:
    """Return what share of the held names and of the held words the rest comes back to."""
    kinds, hashes = view.kinds, view.hashes
    capital = (kinds & TOKEN_CAPITAL) != 0
    number = (kinds & TOKEN_NUMBER) != 0
    if np.count_nonzero(kinds & TOKEN_UNSPACED) > view.n_tokens // 2:
        # Where words are not set apart, two characters are the nearest thing.
        pairs = hashes[:-1] * np.uint64(31) + hashes[1:]
        return None, _share(pairs, held[:-1] & held[1:], rest[:-1] & rest[1:], 4 * LEAST_WORDS)
    sizes = np.diff(np.flatnonzero(np.frombuffer(view.key + b" ", np.uint8) == 32), prepend=-1) - 1
    named = capital & ~number & ((kinds & TOKEN_SENTENCE_START) == 0) & ((view.facts & kernels.NO_NAME) == 0)
    wordy = ~capital & ~number & (sizes >= WORD_BYTES)
    return _share(hashes, held & named, rest, LEAST_NAMES), _share(hashes, held & wordy, rest, LEAST_WORDS)


def _share(
    values: NDArray[np.uint64], held: NDArray[np.bool_], rest: NDArray[np.bool_], least: int
) -> float | None:
    distinct = np.unique(values[held])
    if len(distinct) < least:
        return None
    return float(np.isin(distinct, values[rest]).mean())
