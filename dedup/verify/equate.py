"""The two sides of a gap, less what both say in another form."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime

from rapidfuzz.distance import Levenshtein

from dedup.flags import TOKEN_CAPITAL
from dedup.kernels.equals import REWORDED_TOKENS, VARIANT_PAIRS
from dedup.kernels.facts import MONTH, NUMBER, VALUE, WEEKDAY
from dedup.verify.amounts import without_same_values
from dedup.verify.facts import (
    MONTHS,
    SCALES,
    WEEKDAYS,
    fold,
    is_abbreviation,
    is_variant,
    may_vary,
    number_of,
    same_amount,
)
from dedup.verify.view import View

# Under the ocr profile: two readings of one passage agree in this share of their letters.
OCR_LIKENESS = 0.6
# What scanners take for each other most.
_LOOK_ALIKES = str.maketrans({"l": "1", "i": "1", "o": "0", "s": "5", "b": "8", "z": "2"})
_CALENDAR = WEEKDAY | MONTH


def cancel(
    a: View, b: View, left: list[int], right: list[int], facts_a: int, facts_b: int
) -> tuple[list[int], list[int]]:
    """Remove what both sides have in some form; return the rest.

    `facts_a` and `facts_b` are the bits of what the tokens of either side mean.
    """
    tokens_a, tokens_b = a.tokens, b.tokens
    in_words = (facts_a | facts_b) & VALUE
    if len(left) == 1 and len(right) == 1:
        if in_words and not without_same_values(tokens_a, tokens_b, left, right)[0]:
            return [], []
        return _cancel_one(left, right, tokens_a[left[0]], tokens_b[right[0]])
    if min(len(left), len(right)) > REWORDED_TOKENS:
        return left, right
    words_a = [tokens_a[p] for p in left]
    words_b = [tokens_b[p] for p in right]
    letters_a, letters_b = "".join(words_a), "".join(words_b)
    # "women s" and "womens", "400 000" and "400000", words run together at a line's end.
    if letters_a == letters_b:
        return [], []
    if not letters_a.isalpha() and not letters_b.isalpha():
        left, right = _without_same_digits(left, right, words_a, words_b)
    if in_words:
        left, right = without_same_values(tokens_a, tokens_b, left, right)
    if facts_a & _CALENDAR and facts_b & _CALENDAR:
        left, right = _without_same_day(a, b, left, right)
    if left and right and len(left) * len(right) <= VARIANT_PAIRS:
        return _without_variants(left, right, tokens_a, tokens_b)
    return left, right


def _cancel_one(left: list[int], right: list[int], word: str, other: str) -> tuple[list[int], list[int]]:
    same = fold(word) == fold(other) or (
        may_vary(word, other) and (is_variant(word, other) or is_abbreviation(word, other))
    )
    return ([], []) if same else (left, right)


def _without_same_day(a: View, b: View, left: list[int], right: list[int]) -> tuple[list[int], list[int]]:
    """Remove a day that one side names by its weekday and the other by its date.

    Where both texts are dated the two must agree; else they get the benefit of the doubt.
    """
    rest_a, date_a = _named_day(a, left)
    rest_b, date_b = _named_day(b, right)
    if not date_a or not date_b or (date_a[0] is None) == (date_b[0] is None):
        return left, right
    weekday = date_a[0] if date_a[0] is not None else date_b[0]
    month, day = (date_b if date_a[0] is not None else date_a)[1:]
    published = a.date if a.date is not None else b.date
    if weekday is not None and published is not None and not _falls_on(published, month, day, weekday):
        return left, right
    return rest_a, rest_b


def names_other_day(a: View, b: View, left: list[int], right: list[int]) -> bool:
    """Tell whether one side names a weekday and the other a date that falls on another."""
    day_a, day_b = _named_day(a, left)[1], _named_day(b, right)[1]
    return bool(day_a and day_b and (day_a[0] is None) != (day_b[0] is None))


def _named_day(view: View, places: list[int]) -> tuple[list[int], tuple[int | None, int, int] | None]:
    """Find one weekday, or one month with a day; return the other places and (weekday, month, day)."""
    weekdays = [p for p in places if view.facts[p] & WEEKDAY]
    months = [p for p in places if view.facts[p] & MONTH and view.kinds[p] & TOKEN_CAPITAL]
    if len(weekdays) == 1 and not months:
        return [p for p in places if p != weekdays[0]], (WEEKDAYS[view.tokens[weekdays[0]]], 0, 0)
    if len(months) != 1 or weekdays:
        return places, None
    month = months[0]
    days = [p for p in places if abs(p - month) == 1 and view.facts[p] & NUMBER]
    number = number_of(view.tokens[days[0]]) if len(days) == 1 else ""
    if not number.isdecimal() or not 1 <= int(number) <= 31:
        return places, None
    taken = {month, days[0]}
    return [p for p in places if p not in taken], (None, MONTHS[view.tokens[month]], int(number))


def _falls_on(published: int, month: int, day: int, weekday: int) -> bool:
    """Tell whether the date nearest to the day of publication falls on the weekday."""
    today = datetime.fromtimestamp(published / 1e6, UTC).date()
    dates = []
    for year in (today.year - 1, today.year, today.year + 1):
        with suppress(ValueError):
            dates.append(date(year, month, day))
    return bool(dates) and min(dates, key=lambda d: abs(d - today)).weekday() == weekday


def _without_same_digits(
    left: list[int], right: list[int], words_a: list[str], words_b: list[str]
) -> tuple[list[int], list[int]]:
    """Remove all numbers if they are the same digits cut apart elsewhere: "4.2" and "4 2"."""
    digits_a = ["".join(filter(str.isdigit, w)) for w in words_a]
    digits_b = ["".join(filter(str.isdigit, w)) for w in words_b]
    joined = "".join(digits_a)
    # As many numbers on either side are not cut apart: 1.5 is not 15.
    as_many = sum(map(bool, digits_a)) == sum(map(bool, digits_b))
    if not joined or as_many or joined != "".join(digits_b):
        return left, right
    return (
        [p for p, digits in zip(left, digits_a, strict=True) if not digits],
        [p for p, digits in zip(right, digits_b, strict=True) if not digits],
    )


def _without_variants(
    left: list[int], right: list[int], tokens_a: list[str], tokens_b: list[str]
) -> tuple[list[int], list[int]]:
    """Remove words in two spellings, and those short for others."""
    # A variant has the same first letter; a digit may be one side's letter.
    begun: dict[str, list[int]] = {}
    for q in right:
        letter = tokens_b[q][0]
        begun.setdefault("0" if letter.isdigit() else letter, []).append(q)
    rest: list[int] = []
    gone: set[int] = set()
    for p in left:
        word = tokens_a[p]
        places = right if word[0].isdigit() else [*begun.get(word[0], ()), *begun.get("0", ())]
        for q in places:
            other = tokens_b[q]
            if q in gone or not may_vary(word, other):
                continue
            if is_variant(word, other) or is_abbreviation(word, other):
                gone.add(q)
                break
        else:
            rest.append(p)
    return (rest, [q for q in right if q not in gone]) if gone else (left, right)


def same_reading(a: View, b: View, left: list[int], right: list[int]) -> bool:
    """Tell whether two sides of a gap are readings of one passage, letters taken for others by a scanner.

    Numbers clean on both sides must agree: a scanner seldom turns one digit into another.
    """
    words_a = [a.tokens[p] for p in left]
    words_b = [b.tokens[p] for p in right]
    if _digits_differ(words_a, words_b):
        return False
    letters_a = "".join(words_a).translate(_LOOK_ALIKES)
    letters_b = "".join(words_b).translate(_LOOK_ALIKES)
    return bool(Levenshtein.normalized_similarity(letters_a, letters_b) >= OCR_LIKENESS)


def _digits_differ(words_a: list[str], words_b: list[str]) -> bool:
    """Tell whether clean numbers of one length stand against each other with other digits."""
    clean_a = {w for w in words_a if w.isdecimal()} - set(words_b)
    clean_b = {w for w in words_b if w.isdecimal()} - set(words_a)
    return any(len(x) == len(y) for x in clean_a for y in clean_b)


def same_amounts(a: View, b: View, left: list[int], right: list[int]) -> tuple[list[int], list[int]]:
    """Remove numbers that are one amount under different scales: 12.9 mln and 12,852,000."""
    right = list(right)
    rest: list[int] = []
    for p in left:
        for q in right:
            if same_amount(_amount(a, p), _amount(b, q)):
                right.remove(q)
                break
        else:
            rest.append(p)
    return rest, right


def _amount(view: View, p: int) -> tuple[str, int]:
    tokens = view.tokens
    return number_of(tokens[p]), SCALES.get(tokens[p + 1], 1) if p + 1 < len(tokens) else 1
