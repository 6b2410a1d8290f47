"""What an alignment shows: what either text has of its own, and which facts were exchanged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dedup.flags import TOKEN_CAPITAL
from dedup.verify.align import Alignment, Gap
from dedup.verify.edges import Edges, Places, find_edges, house_places, without_dateline, without_frames
from dedup.verify.equate import cancel, same_amounts, same_reading
from dedup.verify.facts import CORRECTION_WORDS, exchanges_days, number_of
from dedup.verify.names import beside_shared, is_date_stamp, is_list_number, is_name
from dedup.verify.stages import count_bodies, exchanged_stage
from dedup.verify.view import View

# A passage unmatched in place counts as moved when runs of so many tokens stand in the other text.
MOVED_RUN = 5
# A gap up to here is a rewording in place, and facts on its two sides were exchanged for each other;
# beyond it one passage stands where another did, and nothing follows from their facts.
REWORDED = 20
# The lead says what happened: so many tokens from the top.
LEAD_TOKENS = 80
# A text that has less than this share of the other's length can't hold it: what the other has of its own
# needs no closer look.
HOLDING_SHARE = 0.6
# With more exchanged facts than this in a hundred tokens a pair is a form filled in anew, whatever follows.
HOPELESS = 4


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
    correction: bool = False  # announces a correction


@dataclass(slots=True)
class Evidence:
    """Both sides, the facts exchanged in place, and the alignment's shape."""

    sides: tuple[Side, Side]
    matched: int
    n_runs: int
    windowed: bool
    numbers: list[tuple[str, str]] = field(default_factory=list)  # numbers exchanged, mere swaps left out
    names: list[tuple[str, str]] = field(default_factory=list)  # names exchanged
    days: int = 0  # gaps in which one weekday or month stands for another
    stage: str = ""  # what the lead of one says was done, and of the other was not
    exchanges: int = 0  # numbers and names exchanged, swaps included
    variants: int = 0  # words that differ by a slip of the keys
    moved: list[int] = field(default_factory=lambda: [0, 0])  # tokens found elsewhere in the other text
    swaps: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))
    bodies: Counter[str] = field(default_factory=Counter)


def collect(
    a: View, b: View, alignment: Alignment, house: NDArray[np.uint64], *, ocr: bool = False
) -> Evidence:
    """Gather the evidence from an alignment.

    Parameters
    ----------
    a, b : View
        The two documents.
    alignment : Alignment
        Theirs.
    house : numpy.ndarray of uint64
        Hashes of house lines, sorted.
    ocr : bool
        Forgive letters taken for others.
    """
    evidence = Evidence((Side(), Side()), alignment.matched, len(alignment.blocks), alignment.windowed)
    edges = find_edges(a, b, alignment)
    houses = house_places(a, house), house_places(b, house)
    held = b.n_tokens >= HOLDING_SHARE * a.n_tokens, a.n_tokens >= HOLDING_SHARE * b.n_tokens
    hopeless = HOPELESS * min(a.n_tokens, b.n_tokens) / 100 + HOPELESS
    for gap in alignment.gaps:
        left = _unmoved(a.code, b.code, gap[0], gap[1]) if held[0] else list(range(gap[0], gap[1]))
        right = _unmoved(b.code, a.code, gap[2], gap[3]) if held[1] else list(range(gap[2], gap[3]))
        evidence.moved[0] += gap[1] - gap[0] - len(left)
        evidence.moved[1] += gap[3] - gap[2] - len(right)
        if houses[0]:
            left = _without_house(left, houses[0], evidence.sides[0])
        if houses[1]:
            right = _without_house(right, houses[1], evidence.sides[1])
        if left and right:
            if ocr and same_reading(a, b, left, right):
                continue
            left, right, variants = cancel(a, b, left, right)
            evidence.variants += variants
        if left or right:
            _judge((a, b), gap, (left, right), edges, evidence)
            if evidence.exchanges > hopeless:
                break
    only_a, only_b = evidence.swaps[0] - evidence.swaps[1], evidence.swaps[1] - evidence.swaps[0]
    evidence.numbers = list(zip(only_a.elements(), only_b.elements(), strict=False))
    if not evidence.stage:
        evidence.stage = min((body for body, n in evidence.bodies.items() if n), default="")
    return evidence


def _unmoved(code: str, whole: str, start: int, end: int) -> list[int]:
    """Return the places in a gap that no run of the other text, `whole`, covers."""
    places: list[int] = []
    at = start
    last = end - MOVED_RUN
    while at <= last:
        if code[at : at + MOVED_RUN] in whole:
            stop = at + MOVED_RUN
            while stop < end and code[stop - MOVED_RUN + 1 : stop + 1] in whole:
                stop += 1
            at = stop
        else:
            places.append(at)
            at += 1
    places.extend(range(at, end))
    return places


def _without_house(places: list[int], house: frozenset[int], side: Side) -> list[int]:
    rest = [p for p in places if p not in house]
    side.foreign += len(places) - len(rest)
    return rest


def _judge(pair: tuple[View, View], gap: Gap, places: Places, edges: Edges, evidence: Evidence) -> None:
    """Take furniture off what is left of a gap, then count its stages and facts."""
    a, b = pair
    left, right = places
    if min(gap[0], gap[2]) < LEAD_TOKENS:
        left = without_dateline(a, left, evidence.sides[0])
        right = without_dateline(b, right, evidence.sides[1])
        if len(left) <= REWORDED and len(right) <= REWORDED:
            _compare_stages(a, b, left, right, evidence)
    left, right = without_frames(pair, edges, gap, (left, right), evidence.sides)
    if left or right:
        _count_facts(a, b, left, right, evidence)


def _compare_stages(a: View, b: View, left: list[int], right: list[int], evidence: Evidence) -> None:
    tokens_a, tokens_b = a.tokens, b.tokens
    if left and right and not evidence.stage:
        evidence.stage = exchanged_stage([tokens_a[p] for p in left], [tokens_b[p] for p in right])
    # A body that acts is named with a capital; "in committee" is no event.
    count_bodies(
        [tokens_a[p] for p in left if a.classes[p] & TOKEN_CAPITAL],
        [tokens_b[p] for p in right if b.classes[p] & TOKEN_CAPITAL],
        evidence.bodies,
    )


def _count_facts(a: View, b: View, left: list[int], right: list[int], evidence: Evidence) -> None:
    side_a, side_b = evidence.sides
    numbers_a, known_a, names_a = _own_facts(a, b, left, side_a)
    numbers_b, known_b, names_b = _own_facts(b, a, right, side_b)
    if numbers_a and numbers_b:
        numbers_a, numbers_b = same_amounts(a, b, numbers_a, numbers_b)
    side_a.numbers += len(numbers_a)
    side_b.numbers += len(numbers_b)
    few, many = sorted((len(left), len(right)))
    # A longer passage that stands where a few words did was put in, not exchanged for them.
    if few and many <= REWORDED and many <= 3 * few + 5:
        if (numbers_a or known_a) and (numbers_b or known_b):
            evidence.swaps[0].update(number_of(a.tokens[p]) for p in numbers_a + known_a)
            evidence.swaps[1].update(number_of(b.tokens[p]) for p in numbers_b + known_b)
            evidence.exchanges += min(len(numbers_a), len(numbers_b))
        if names_a and names_b:
            evidence.exchanges += min(len(names_a), len(names_b))
            evidence.names += [(a.tokens[p], b.tokens[q]) for p, q in zip(names_a, names_b, strict=False)]
        evidence.days += exchanges_days(
            [a.tokens[p] for p in left if a.classes[p] & TOKEN_CAPITAL],
            [b.tokens[p] for p in right if b.classes[p] & TOKEN_CAPITAL],
        )
    exchanged = bool(names_a and names_b)
    for side, view, places, names in ((side_a, a, left, names_a), (side_b, b, right, names_b)):
        added = 0 if exchanged else sum(beside_shared(view, p, places) for p in names)
        side.added_names += added
        side.names += len(names) - added


def _own_facts(
    view: View, other: View, places: list[int], side: Side
) -> tuple[list[int], list[int], list[int]]:
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
    tokens, classes, words = view.tokens, view.classes, other.words
    for p in places:
        word = tokens[p]
        number = number_of(word)
        if number:
            if not is_list_number(classes, p, number) and not is_date_stamp(view, p):
                (known if number in other.numbers else lacking).append(p)
        elif word not in words:
            if classes[p] & TOKEN_CAPITAL and is_name(view, other, p):
                names.append(p)
            elif word in CORRECTION_WORDS:
                side.correction = True
    return lacking, known, names
