"""What an alignment shows: what either text has of its own, and which facts were exchanged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dedup.flags import TOKEN_CAPITAL, TOKEN_NUMBER, TOKEN_SENTENCE_START, TOKEN_UPPER
from dedup.verify.align import Alignment, Gap
from dedup.verify.edges import Frames, find_frames, house_places
from dedup.verify.equate import cancel, same_amounts, same_reading
from dedup.verify.facts import CALENDAR, CORRECTION_WORDS, MONTHS, UNITS, WEEKDAYS, number_of
from dedup.verify.stages import exchanged_stage
from dedup.verify.view import View

# A passage unmatched in place counts as moved when runs of so many tokens stand in the other text.
MOVED_RUN = 5
# A gap up to here is a rewording in place, and facts on its two sides were exchanged for each other;
# beyond it one passage stands where another did, and nothing follows from their facts.
REWORDED = 20
# The lead says what happened: so many tokens from the top.
LEAD_TOKENS = 80
# Below so many tokens, or beside more than this part of them, what is exchanged at an edge counts.
FRAMED_TOKENS = 120
FRAMED_PART = 12
# A dateline with agency and date: "WASHINGTON, D.C., Tuesday, May 16th, 2006 – U.S. Senators".
DATELINE_TOKENS = 12


@dataclass(slots=True)
class Side:
    """What one text has and the other lacks, furniture and moved passages left out."""

    own: int = 0  # tokens
    longest: int = 0  # own tokens in one gap
    second: int = 0  # and in the next longest
    numbers: int = 0  # numbers that the other text has nowhere
    names: int = 0  # names that the other text has nowhere
    added_names: int = 0  # first names, ranks and acronyms beside a name that both have
    foreign: int = 0  # tokens of furniture, datelines and house text
    notes: list[str] = field(default_factory=list)  # own tokens that announce a correction


@dataclass(slots=True)
class Evidence:
    """Both sides, the facts exchanged in place, and the alignment's shape."""

    sides: tuple[Side, Side]
    matched: int
    n_blocks: int
    windowed: bool
    numbers: list[tuple[str, str]] = field(default_factory=list)  # numbers exchanged, mere swaps left out
    names: list[tuple[str, str]] = field(default_factory=list)  # names exchanged
    days: int = 0  # gaps in which one weekday or month stands for another
    stage: str = ""  # what the lead of one says was done, and of the other was not
    variants: int = 0  # names that differ by a slip of the keys
    moved: tuple[int, int] = (0, 0)  # tokens found elsewhere in the other text


def collect(a: View, b: View, alignment: Alignment, house: NDArray[np.uint64], *, ocr: bool = False) -> Evidence:
    """Gather the evidence from an alignment.

    Parameters
    ----------
    a, b : View
    alignment : Alignment
    house : numpy.ndarray of uint64
        Hashes of house lines, sorted.
    ocr : bool
        Forgive letters taken for others.
    """
    evidence = Evidence((Side(), Side()), alignment.matched, len(alignment.blocks), alignment.windowed)
    frames = find_frames(a, b, alignment)
    house_a, house_b = house_places(a, house), house_places(b, house)
    swaps: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    moved_a = moved_b = 0
    for i1, i2, j1, j2 in alignment.gaps:
        left = _unmoved(a.code, i1, i2, b.code)
        right = _unmoved(b.code, j1, j2, a.code)
        moved_a += i2 - i1 - len(left)
        moved_b += j2 - j1 - len(right)
        if house_a:
            left = _without_house(left, house_a, evidence.sides[0])
        if house_b:
            right = _without_house(right, house_b, evidence.sides[1])
        if left and right:
            if ocr and same_reading(a, b, left, right):
                continue
            left, right, variants = cancel(a, b, left, right)
            evidence.variants += variants
        if not left and not right:
            continue
        left, right = _without_frames(a, b, frames, (i1, i2, j1, j2), left, right, evidence)
        if min(i1, j1) < LEAD_TOKENS:
            left = _without_dateline(a, left, evidence.sides[0])
            right = _without_dateline(b, right, evidence.sides[1])
            if not evidence.stage and max(len(left), len(right)) <= REWORDED:
                evidence.stage = exchanged_stage([a.tokens[p] for p in left], [b.tokens[p] for p in right])
        if left or right:
            _judge(a, b, left, right, evidence, swaps)
    evidence.moved = moved_a, moved_b
    only_a, only_b = swaps[0] - swaps[1], swaps[1] - swaps[0]
    evidence.numbers = list(zip(only_a.elements(), only_b.elements(), strict=False))
    return evidence


def _without_house(places: list[int], house: frozenset[int], side: Side) -> list[int]:
    rest = [p for p in places if p not in house]
    side.foreign += len(places) - len(rest)
    return rest


def _without_dateline(view: View, places: list[int], side: Side) -> list[int]:
    """Drop a date with its place and agency: no word in small letters, a month or a weekday among them."""
    classes, tokens = view.classes, view.tokens
    if (
        len(places) > DATELINE_TOKENS
        or not any(tokens[p] in MONTHS or tokens[p] in WEEKDAYS for p in places)
        or not all(classes[p] & (TOKEN_CAPITAL | TOKEN_NUMBER) for p in places)
        or len(places) < 3
    ):
        return places
    side.foreign += len(places)
    return []


def _without_frames(
    a: View, b: View, frames: Frames, gap: Gap, left: list[int], right: list[int], evidence: Evidence
) -> tuple[list[int], list[int]]:
    i1, i2, j1, j2 = gap
    at_head = i2 <= frames.head[0] and j2 <= frames.head[1]
    at_tail = i1 >= frames.tail[0] and j1 >= frames.tail[1]
    if not at_head and not at_tail:
        return left, right
    # In a short text what is exchanged at an edge is the message: the town of a notice, the day of a table.
    if left and right:
        shorter = min(a.n_tokens, b.n_tokens)
        if shorter < FRAMED_TOKENS or shorter < FRAMED_PART * min(len(left), len(right)):
            return left, right
    framed = frames.framed[0 if at_head else 1]
    if framed[0]:
        evidence.sides[0].foreign += len(left)
        left = []
    if framed[1]:
        evidence.sides[1].foreign += len(right)
        right = []
    return left, right


def _unmoved(code: str, start: int, end: int, other: str) -> list[int]:
    """Return the places in a gap that no run of the other text covers."""
    if end - start < MOVED_RUN:
        return list(range(start, end))
    places: list[int] = []
    at = start
    last = end - MOVED_RUN
    while at <= last:
        if code[at : at + MOVED_RUN] in other:
            stop = at + MOVED_RUN
            while stop < end and code[stop - MOVED_RUN + 1 : stop + 1] in other:
                stop += 1
            at = stop
        else:
            places.append(at)
            at += 1
    places.extend(range(at, end))
    return places


def _judge(
    a: View,
    b: View,
    left: list[int],
    right: list[int],
    evidence: Evidence,
    swaps: tuple[Counter[str], Counter[str]],
) -> None:
    """Count what is left of a gap."""
    numbers_a, known_a, names_a = _own_facts(a, b, left, evidence.sides[0])
    numbers_b, known_b, names_b = _own_facts(b, a, right, evidence.sides[1])
    if numbers_a and numbers_b:
        numbers_a, numbers_b = same_amounts(a, b, numbers_a, numbers_b)
    side_a, side_b = evidence.sides
    side_a.numbers += len(numbers_a)
    side_b.numbers += len(numbers_b)
    few, many = sorted((len(left), len(right)))
    if few and many <= REWORDED and many <= 3 * few + 5:
        if (numbers_a or known_a) and (numbers_b or known_b):
            swaps[0].update(number_of(a.tokens[p]) for p in numbers_a + known_a)
            swaps[1].update(number_of(b.tokens[p]) for p in numbers_b + known_b)
        if names_a and names_b:
            evidence.names += [(a.tokens[p], b.tokens[q]) for p, q in zip(names_a, names_b, strict=False)]
        if _exchanges_days(a, b, left, right):
            evidence.days += 1
    exchanged = bool(names_a and names_b)
    for side, view, places, names in ((side_a, a, left, names_a), (side_b, b, right, names_b)):
        for p in names:
            if not exchanged and _beside_shared(view, p, places):
                side.added_names += 1
            else:
                side.names += 1


def _own_facts(view: View, other: View, places: list[int], side: Side) -> tuple[list[int], list[int], list[int]]:
    """Return numbers the other lacks, numbers it has elsewhere, and names it lacks; count the tokens."""
    n = len(places)
    side.own += n
    if n > side.longest:
        side.longest, side.second = n, side.longest
    elif n > side.second:
        side.second = n
    lacking: list[int] = []
    known: list[int] = []
    names: list[int] = []
    tokens, classes = view.tokens, view.classes
    for p in places:
        word = tokens[p]
        number = number_of(word)
        if number:
            (known if number in other.numbers else lacking).append(p)
        elif classes[p] & TOKEN_CAPITAL and word not in other.words and is_name(view, other, p):
            names.append(p)
        elif word in CORRECTION_WORDS:
            side.notes.append(word)
    return lacking, known, names


def is_name(view: View, other: View, p: int) -> bool:
    """Tell whether a capitalised token is a name, and not a noun, a headline's word or a sentence's first."""
    if view.capitals == "nothing":
        return False
    classes = view.classes
    word = view.tokens[p]
    if classes[p] & TOKEN_NUMBER or len(word) < 2 or word in CALENDAR or word in UNITS:
        return False
    if classes[p] & TOKEN_SENTENCE_START:
        # Only the headline can tell: a name is in the one and not in the other's.
        return word in view.title_tokens and bool(other.title_tokens) and word not in other.title_tokens
    in_headline = classes[p] & TOKEN_UPPER and 0 < p < len(classes) - 1
    return not (in_headline and classes[p - 1] & TOKEN_UPPER and classes[p + 1] & TOKEN_UPPER)


def _beside_shared(view: View, p: int, places: list[int]) -> bool:
    """Tell whether a name stands beside one that both texts have: a first name, a rank, an acronym."""
    own = set(places)
    for step in (1, -1):
        q = p + step
        while q in own and view.classes[q] & TOKEN_CAPITAL:
            q += step
        if q not in own and 0 <= q < view.n_tokens and view.classes[q] & TOKEN_CAPITAL:
            return True
    return False


def _exchanges_days(a: View, b: View, left: list[int], right: list[int]) -> bool:
    for table in (WEEKDAYS, MONTHS):
        in_a = {table[a.tokens[p]] for p in left if a.classes[p] & TOKEN_CAPITAL and a.tokens[p] in table}
        in_b = {table[b.tokens[p]] for p in right if b.classes[p] & TOKEN_CAPITAL and b.tokens[p] in table}
        if in_a and in_b and not in_a & in_b:
            return True
    return False
