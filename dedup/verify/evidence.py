"""What an alignment shows: what either text has of its own, and which facts were exchanged."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from dedup.flags import TOKEN_CAPITAL, TOKEN_NUMBER, TOKEN_SENTENCE_START
from dedup.kernels import equals, gaps
from dedup.kernels import facts as marks
from dedup.verify.align import Survey
from dedup.verify.equate import cancel, names_other_day, same_amounts, same_reading
from dedup.verify.facts import exchanges_days, number_of
from dedup.verify.names import beside_shared, is_date_stamp, is_list_number, is_name
from dedup.verify.stages import count_bodies, exchanged_stage
from dedup.verify.view import View

# A gap up to here is a rewording in place, and facts on its two sides were exchanged for each other;
# beyond it one passage stands where another did, and nothing follows from their facts.
REWORDED = 20
# A clause has at least so many times the tokens that stand in its place in the other text.
CLAUSE_SHARE = 3
# The lead says what happened: so many tokens from the top.
LEAD_TOKENS = 80
# A passage this long objects by its length alone: its facts add nothing.
LONG_PASSAGE = 60
# A passage of so many tokens is a sentence, or, with hardly a small letter, a headline or a contact. Fewer
# tokens are a wording.
SENTENCE_TOKENS = 10
HEAD_SMALL_LETTERS = 0.25
# A name written in characters or a word of a script without capitals.
NAME_TOKENS = 6
_CALENDAR = marks.WEEKDAY | marks.MONTH
# Gaps without any of these hold words only.
_MATTERS = marks.NUMBER | marks.CAPITAL | marks.CORRECTION
_LEFT = b"\1"
_OWN_OR_FRAMED = bytes((marks.OWN, marks.LACKED, marks.FRAMED))
_OWN_OR_CANCELLED = bytes((marks.OWN, marks.LACKED, marks.CANCELLED))


@dataclass(slots=True)
class Side:
    """What one text has and the other lacks, furniture and moved passages left out."""

    own: int = 0  # tokens
    longest: int = 0  # own tokens in one gap
    clause: int = 0  # most words that the other text has nowhere in a gap where it has next to nothing
    numbers: int = 0  # numbers that the other text has nowhere
    names: int = 0  # names that the other text has nowhere
    added_names: int = 0  # first names, ranks and acronyms beside a name that both have
    foreign: int = 0  # tokens of furniture, datelines and house text
    lead: int = 0  # own tokens near the top
    prose: int = 0  # own tokens in passages of a sentence's length
    correction: bool = False  # announces a correction


@dataclass(slots=True)
class Evidence:
    """Both sides, the facts exchanged in place, and the alignment's shape."""

    sides: tuple[Side, Side]
    matched: int
    n_runs: int
    numbers: list[tuple[str, str]] = field(default_factory=list)  # numbers exchanged, mere swaps left out
    names: list[tuple[str, str]] = field(default_factory=list)  # names exchanged
    days: int = 0  # gaps in which one weekday or month stands for another
    stage: str = ""  # what the lead of one says was done, and of the other was not
    moved: list[int] = field(default_factory=lambda: [0, 0])  # tokens found elsewhere in the other text
    swaps: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))  # numbers in one place
    replaced: str = ""  # a passage that another stands for again and again, where capitals name nothing
    # Names that stand against other names, wherever else the other text may have them.
    subjects: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    bodies: Counter[str] = field(default_factory=Counter)


def collect(
    a: View, b: View, survey: Survey, most: tuple[int, float, float], *, ocr: bool = False
) -> Evidence:
    """Gather the evidence from an alignment.

    Parameters
    ----------
    a, b : View
        The two documents.
    survey : Survey
        Theirs.
    most : tuple
        The longest passage and the numbers of tokens of their own that a and b may have: beyond them the
        rest of the evidence changes nothing.
    ocr : bool
        Forgive letters taken for others.
    """
    counts = survey.counts
    evidence = Evidence((Side(), Side()), survey.matched, counts[gaps.RUNS])
    evidence.moved = counts[gaps.MOVED_A : gaps.MOVED_B + 1]
    evidence.sides[0].foreign, evidence.sides[1].foreign = counts[gaps.FOREIGN_A : gaps.FOREIGN_B + 1]
    caseless = a.capitals == b.capitals == "nothing"
    seen: set[tuple[str, str]] = set()
    rows, rests = _settle(a, b, survey)

    def hopeless(side: Side, own: float) -> bool:
        return side.longest > most[0] or side.own > own

    for gap, row in zip(survey.gaps.tolist(), rows, strict=True):
        i1, i2, j1, j2 = gap
        n_left, n_right, facts_left, facts_right, *meant = row[: equals.SETTLED]
        # A headline that only one text has says nothing of the other's stage.
        if min(i1, j1) < LEAD_TOKENS and (n_left or n_right or all(meant)):
            _compare_stages(a, b, gap, meant, survey.marks, evidence)
        if not n_left and not n_right:
            continue
        left = right = None
        if n_left and n_right:
            if ocr and _same_reading(a, b, gap, survey.marks):
                continue
            if not row[equals.SETTLED]:
                left, right = _chosen(rests[0], i1, i2, _LEFT), _chosen(rests[1], j1, j2, _LEFT)
                left, right = cancel(a, b, left, right, facts_left, facts_right)
                _recount(row, 0, a, left, survey.marks[0])
                _recount(row, 1, b, right, survey.marks[1])
            if caseless and row[equals.REST_A] and row[equals.REST_B]:
                _note_replaced(a, b, gap, seen, evidence)
        if row[equals.REST_A] or row[equals.REST_B]:
            # At the very ends stand remains of furniture.
            inside = i1 + j1 and (i2 < a.n_tokens or j2 < b.n_tokens)
            _count_tokens(a, row, 0, evidence.sides[0], inside=inside)
            _count_tokens(b, row, 1, evidence.sides[1], inside=inside)
            if (facts_left | facts_right) & _MATTERS:
                if left is None or right is None:
                    left, right = _chosen(rests[0], i1, i2, _LEFT), _chosen(rests[1], j1, j2, _LEFT)
                _count_facts(a, b, left, right, (facts_left, facts_right), evidence, survey.marks)
            if not ocr and hopeless(evidence.sides[0], most[1]) and hopeless(evidence.sides[1], most[2]):
                break
    only_a, only_b = exchanged(evidence.swaps)
    evidence.numbers = list(zip(only_a.elements(), only_b.elements(), strict=False))
    if not evidence.stage:
        evidence.stage = min((body for body, n in evidence.bodies.items() if n), default="")
    return evidence


def _settle(a: View, b: View, survey: Survey) -> tuple[list[list[int]], tuple[bytes, bytes]]:
    """Return a row for each gap (columns of `dedup.kernels.equals`) and what is left of either text."""
    rows = np.empty((len(survey.gaps), equals.N_COLUMNS), np.int32)
    rests = np.empty(a.n_tokens, np.bool_), np.empty(b.n_tokens, np.bool_)
    marked = [np.frombuffer(marks_, np.uint8) for marks_ in survey.marks]
    equals.settle_gaps(
        survey.gaps, LEAD_TOKENS, a.key_bytes, a.starts, marked[0], a.facts, a.kinds, rests[0],
        b.key_bytes, b.starts, marked[1], b.facts, b.kinds, rests[1], rows,
    )  # fmt: skip
    return rows.tolist(), (rests[0].tobytes(), rests[1].tobytes())


def _recount(row: list[int], side: int, view: View, places: list[int], marked: bytes) -> None:
    """Count anew what is left of one side of a gap."""
    classes = view.classes
    row[equals.REST_A + side] = len(places)
    # Places rise, so that those near the top come first.
    row[equals.LEAD_A + side] = bisect_left(places, LEAD_TOKENS)
    row[equals.NEW_A + side] = sum(marked[p] == marks.LACKED for p in places)
    row[equals.SMALL_A + side] = sum(not classes[p] & (TOKEN_CAPITAL | TOKEN_NUMBER) for p in places)


def exchanged(sides: tuple[list[str], list[str]]) -> tuple[Counter[str], Counter[str]]:
    """Return what either side names more often than the other.

    Examples
    --------
    >>> exchanged((["12", "30"], ["30", "14"]))
    (Counter({'12': 1}), Counter({'14': 1}))
    """
    if not sides[0] or not sides[1]:
        return Counter(), Counter()
    left, right = Counter(sides[0]), Counter(sides[1])
    return left - right, right - left


def _note_replaced(a: View, b: View, gap: list[int], seen: set[tuple[str, str]], evidence: Evidence) -> None:
    """Note what one text calls otherwise again and again: a name, where capitals don't tell names."""
    i1, i2, j1, j2 = gap
    if i2 - i1 <= NAME_TOKENS and j2 - j1 <= NAME_TOKENS:
        pair = " ".join(a.tokens[i1:i2]), " ".join(b.tokens[j1:j2])
        if pair in seen and not evidence.replaced:
            evidence.replaced = f"{pair[0]} against {pair[1]}"
        seen.add(pair)


def _chosen(marked: bytes, start: int, end: int, wanted: bytes) -> list[int]:
    return [p for p in range(start, end) if marked[p] in wanted]


def _same_reading(a: View, b: View, gap: list[int], marked: tuple[bytes, bytes]) -> bool:
    i1, i2, j1, j2 = gap
    return same_reading(
        a, b, _chosen(marked[0], i1, i2, _OWN_OR_CANCELLED), _chosen(marked[1], j1, j2, _OWN_OR_CANCELLED)
    )


def _compare_stages(
    a: View, b: View, gap: list[int], meant: list[int], marked: tuple[bytes, bytes], evidence: Evidence
) -> None:
    i1, i2, j1, j2 = gap
    stages = meant[0] & meant[1] & marks.STAGE and not evidence.stage
    if not stages and not (meant[0] | meant[1]) & marks.BODY:
        return
    left, right = _chosen(marked[0], i1, i2, _OWN_OR_FRAMED), _chosen(marked[1], j1, j2, _OWN_OR_FRAMED)
    if len(left) > REWORDED or len(right) > REWORDED:
        return
    tokens_a, tokens_b = a.tokens, b.tokens
    if stages:
        evidence.stage = exchanged_stage([tokens_a[p] for p in left], [tokens_b[p] for p in right])
    # A body that acts is named with a capital; "in committee" is no event.
    count_bodies(
        [tokens_a[p] for p in left if a.classes[p] & TOKEN_CAPITAL],
        [tokens_b[p] for p in right if b.classes[p] & TOKEN_CAPITAL],
        evidence.bodies,
    )


def _count_facts(
    a: View, b: View, left: list[int], right: list[int], facts: tuple[int, int], evidence: Evidence,
    marked: tuple[bytes, bytes],
) -> None:  # fmt: skip
    side_a, side_b = evidence.sides
    numbers_a, known_a, names_a = _own_facts(a, b, left, side_a, marked[0])
    numbers_b, known_b, names_b = _own_facts(b, a, right, side_b, marked[1])
    if numbers_a and numbers_b:
        numbers_a, numbers_b = same_amounts(a, b, numbers_a, numbers_b)
    side_a.numbers += len(numbers_a)
    side_b.numbers += len(numbers_b)
    few, many = sorted((len(left), len(right)))
    # A longer passage that stands where a few words did was put in, not exchanged for them.
    if few and many <= REWORDED and many <= 3 * few + 5:
        if (numbers_a or known_a) and (numbers_b or known_b):
            evidence.swaps[0].extend(number_of(a.tokens[p]) for p in numbers_a + known_a)
            evidence.swaps[1].extend(number_of(b.tokens[p]) for p in numbers_b + known_b)
        subjects = _capitals(a, left), _capitals(b, right)
        if all(subjects):
            evidence.subjects[0].extend(subjects[0])
            evidence.subjects[1].extend(subjects[1])
        if names_a and names_b:
            evidence.names += [(a.tokens[p], b.tokens[q]) for p, q in zip(names_a, names_b, strict=False)]
        if facts[0] & _CALENDAR and facts[1] & _CALENDAR:
            evidence.days += exchanges_days(
                [a.tokens[p] for p in left if a.classes[p] & TOKEN_CAPITAL],
                [b.tokens[p] for p in right if b.classes[p] & TOKEN_CAPITAL],
            ) or names_other_day(a, b, left, right)
    exchanged = bool(names_a and names_b)
    for side, view, places, names in ((side_a, a, left, names_a), (side_b, b, right, names_b)):
        added = 0 if exchanged else sum(beside_shared(view, p, places) for p in names)
        side.added_names += added
        side.names += len(names) - added


def _capitals(view: View, places: list[int]) -> list[str]:
    """Return the names among own tokens, those that the other text has elsewhere included."""
    return [
        view.tokens[p]
        for p in places
        if view.classes[p] & TOKEN_CAPITAL
        and not view.classes[p] & (TOKEN_NUMBER | TOKEN_SENTENCE_START)
        and not view.facts[p] & marks.NO_NAME
    ]


def _count_tokens(view: View, row: list[int], number: int, side: Side, *, inside: bool) -> None:
    """Add what is left of one side of a gap to what its text has of its own."""
    n, other = row[equals.REST_A + number], row[equals.REST_B - number]
    side.lead += row[equals.LEAD_A + number]
    if inside and other * CLAUSE_SHARE <= n:
        side.clause = max(side.clause, row[equals.NEW_A + number])
    side.own += n
    side.longest = max(side.longest, n)
    if n > LONG_PASSAGE:
        side.prose += n
    elif n >= SENTENCE_TOKENS:
        if view.capitals != "nothing" and row[equals.SMALL_A + number] <= HEAD_SMALL_LETTERS * n:
            side.foreign += n
        else:
            side.prose += n


def _own_facts(
    view: View, other: View, places: list[int], side: Side, marked: bytes
) -> tuple[list[int], list[int], list[int]]:
    """Return numbers the other lacks, numbers it has elsewhere, and names it lacks."""
    lacking: list[int] = []
    known: list[int] = []
    names: list[int] = []
    if len(places) > LONG_PASSAGE:
        return lacking, known, names
    classes, facts = view.classes, view.facts
    for p in places:
        lacked = marked[p] == marks.LACKED
        fact = int(facts[p])
        if fact & marks.NUMBER:
            if not is_list_number(classes, p, number_of(view.tokens[p])) and not is_date_stamp(view, p):
                (lacking if lacked else known).append(p)
        elif lacked:
            if classes[p] & TOKEN_CAPITAL and is_name(view, other, p):
                names.append(p)
            elif fact & marks.CORRECTION:
                side.correction = True
    return lacking, known, names
