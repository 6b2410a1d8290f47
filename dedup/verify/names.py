"""Which capitalised tokens are names, and which numbers are no facts."""

from __future__ import annotations

from dedup.flags import TOKEN_CAPITAL, TOKEN_LINE_START, TOKEN_NUMBER, TOKEN_SENTENCE_START, TOKEN_UPPER
from dedup.kernels.evidence import STAMP_TOKENS, STAMPED_TOKENS
from dedup.verify.facts import CALENDAR, MONTHS, UNITS, WEEKDAYS, number_of
from dedup.verify.view import View

_LINE_AND_SENTENCE = _LINE_OR_SENTENCE = TOKEN_LINE_START | TOKEN_SENTENCE_START


def is_name(view: View, other: View, p: int) -> bool:
    """Tell whether a capitalised token is a name, and not a headline's word or a sentence's first.

    Parameters
    ----------
    view, other : View
        The text that has the token, and the one it is held against.
    p : int
        The token's place.
    """
    if view.capitals == "nothing":
        return False
    classes = view.classes
    word = view.words[p]
    if classes[p] & TOKEN_NUMBER or len(word) < 2 or word in CALENDAR or word in UNITS:
        return False
    if classes[p] & TOKEN_SENTENCE_START:
        # Only the headline can tell: a name is in the one and not in the other's.
        return word in view.title_tokens and bool(other.title_tokens) and word not in other.title_tokens
    # Three capitalised words in a row are a headline in capitals.
    in_headline = classes[p] & TOKEN_UPPER and 0 < p < len(classes) - 1
    return not (in_headline and classes[p - 1] & TOKEN_UPPER and classes[p + 1] & TOKEN_UPPER)


def beside_shared(view: View, p: int, places: list[int]) -> bool:
    """Tell whether a name stands beside one that both texts have: a first name, a rank, an acronym."""
    own = set(places)
    for step in (1, -1):
        q = p + step
        while q in own and view.classes[q] & TOKEN_CAPITAL:
            q += step
        if q not in own and 0 <= q < view.n_tokens and view.classes[q] & TOKEN_CAPITAL:
            return True
    return False


def is_date_stamp(view: View, p: int) -> bool:
    """Tell whether a number is the day of a date that opens a line near the top: "July 27, 2005".

    The day a copy was put out is no fact of the story. In a short text it is: the day of a notice.
    """
    classes, tokens = view.classes, view.words
    if p >= STAMP_TOKENS or view.n_tokens < STAMPED_TOKENS or p + 1 >= len(classes):
        return False
    month = next((q for q in (p - 1, p + 1) if q >= 0 and tokens[q] in MONTHS), None)
    if month is None:
        return False
    first, last = min(p, month), max(p, month)
    # A weekday may stand before the date.
    if first and tokens[first - 1] in WEEKDAYS:
        first -= 1
    year = last + 1 < len(classes) and len(tokens[last + 1]) == 4 and tokens[last + 1].isdecimal()
    return year and bool(classes[first] & _LINE_OR_SENTENCE)


def is_list_number(view: View, p: int) -> bool:
    """Tell whether a number is a list's numbering: short, alone before a sentence at the start of a line."""
    classes = view.classes
    return (
        classes[p] & _LINE_AND_SENTENCE == _LINE_AND_SENTENCE
        and p + 1 < len(classes)
        and bool(classes[p + 1] & TOKEN_CAPITAL)
        and len(number_of(view.words[p])) <= 2
    )
