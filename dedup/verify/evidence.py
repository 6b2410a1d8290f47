"""What an alignment shows: what either text has of its own, and which facts were exchanged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import starmap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dedup.flags import TOKEN_CAPITAL, TOKEN_NUMBER, TOKEN_SENTENCE_START
from dedup.kernels import equals, gaps
from dedup.kernels import evidence as kernels
from dedup.kernels import facts as marks
from dedup.kernels.evidence import LONG_PASSAGE, REWORDED
from dedup.verify.align import Survey, Surveys
from dedup.verify.equate import (
    cancel,
    names_other_day,
    same_amounts,
    same_reading,
)
from dedup.verify.facts import exchanges_days, number_of
from dedup.verify.lexicon import hash_words
from dedup.verify.names import beside_shared, is_date_stamp, is_list_number, is_name
from dedup.verify.stages import count_bodies, exchanged_stage
from dedup.verify.view import View

_CALENDAR = marks.WEEKDAY | marks.MONTH
_OWN_OR_FRAMED = bytes((marks.OWN, marks.LACKED, marks.FRAMED))
_OWN_OR_CANCELLED = bytes((marks.OWN, marks.LACKED, marks.CANCELLED))


@dataclass(slots=True)
class Side:
    """What one text has and the other lacks, furniture and moved passages left out.

    Fields stand in the order of `dedup.kernels.evidence`.
    """

    own: int = 0  # tokens
    longest: int = 0  # own tokens in one gap
    clause: int = 0  # most words that the other text has nowhere in a gap where it has next to nothing
    numbers: int = 0  # numbers that the other text has nowhere
    names: int = 0  # names that the other text has nowhere
    added_names: int = 0  # first names, ranks and acronyms beside a name that both have
    foreign: int = 0  # tokens of furniture, datelines and house text
    lead: int = 0  # own tokens near the top
    prose: int = 0  # own tokens in passages of a sentence's length
    corrections: int = 0  # words that announce a correction


@dataclass(slots=True)
class Evidence:
    """Both sides, the facts exchanged in place, and the alignment's shape."""

    sides: tuple[Side, Side]
    matched: int
    n_runs: int
    moved: Sequence[int]  # tokens of either found elsewhere in the other text
    names: int  # names that stand against names
    numbers: Sequence[tuple[str, str]] = ()  # numbers exchanged, mere swaps left out
    days: int = 0  # gaps in which one weekday or month stands for another
    stage: str = ""  # what the lead of one says was done, and of the other was not
    replaced: str = ""  # a passage that another stands for again and again, where capitals name nothing
    # Names that stand against other names in texts of one source, wherever else the other text has them.
    subjects: tuple[Sequence[str], Sequence[str]] = ((), ())
    unheard: Callable[[Evidence], None] | None = None  # adds what only words tell: facts exchanged, stages

    def hear(self) -> None:
        """Add what only words tell; lengths and passages stay as they are."""
        if self.unheard is not None:
            self.unheard(self)
            self.unheard = None


def collect(
    a: View, b: View, survey: Survey, most: tuple[int, float, float], *, ocr: bool = False
) -> Evidence:
    """Gather all evidence from an alignment.

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
    longest, own = np.array(most[:1], np.float64), np.array([most[1:]], np.float64)
    evidence = next(collect_pairs([(a, b)], [survey], longest, own, ocr=ocr))
    evidence.hear()
    return evidence


def collect_pairs(
    views: Sequence[tuple[View, View]],
    shown: Sequence[Survey],
    longest: NDArray[np.float64],
    most: NDArray[np.float64],
    *,
    ocr: bool = False,
) -> Iterator[Evidence]:
    """Gather the evidence of some pairs at once; what only words tell is left until it is heard.

    Parameters
    ----------
    views : sequence of tuple of View
        The documents of each pair.
    shown : sequence of Survey
        Theirs, all of the same `Surveys`.
    longest, most : numpy.ndarray of float64, shape (n_pairs,), (n_pairs, 2)
        The longest passage and the numbers of tokens of their own that a and b may have: beyond them the
        rest of the evidence changes nothing.
    ocr : bool
        Forgive letters taken for others.
    """
    if not shown:
        return
    surveys, pairs = shown[0].among, np.array([one.number for one in shown], np.int64)
    if ocr:
        # Most of what is left of damaged texts are other readings: all of it is looked at.
        longest, most = np.full_like(longest, np.inf), np.full_like(most, np.inf)
    rest, rows, unsettled = settle(surveys, pairs, longest, most, ocr=ocr)
    for k, gap, row in _gaps_of(unsettled, surveys.gaps, rows):
        _settle_words(*views[k], gap, row, shown[k], rest[int(surveys.marks_at[pairs[k]]) :], ocr=ocr)
    sums, swapped, words = sum_up(views, surveys, pairs, longest, most, rest, rows)
    spoken: dict[int, list[_Gap]] = {}
    for (k, gap, row), what in zip(_gaps_of(words, surveys.gaps, rows), words[:, 2].tolist(), strict=True):
        spoken.setdefault(k, []).append(_Gap(gap, row, what))
    own = starmap(Side, sums.tolist())
    sides = zip(own, own, strict=True)
    for k, ((a, b), one, both, names) in enumerate(zip(views, shown, sides, swapped.tolist(), strict=True)):
        counts = one.counts
        both[0].foreign += counts[gaps.FOREIGN_A]
        both[1].foreign += counts[gaps.FOREIGN_B]
        moved = counts[gaps.MOVED_A : gaps.MOVED_B + 1]
        evidence = Evidence(both, one.matched, counts[gaps.RUNS], moved, names)
        if k in spoken:
            left = rest[int(surveys.marks_at[pairs[k]]) :]
            evidence.unheard = partial(_hear, a, b, spoken[k], one, left)
        yield evidence


def settle(
    surveys: Surveys, pairs: NDArray[np.int64], longest: NDArray[np.float64], most: NDArray[np.float64],
    *, ocr: bool,
) -> tuple[NDArray[np.bool_], NDArray[np.int32], NDArray[np.int32]]:  # fmt: skip
    """Take from the gaps of some pairs what is one word in two spellings.

    Return what is left, a row for each gap, and the gaps that need a closer look:
    see `dedup.kernels.equals.settle_pairs`.
    """
    tokens, n_gaps = surveys.tokens, len(surveys.gaps)
    rest = np.empty(len(surveys.marks), np.bool_)
    rows, unsettled = np.empty((n_gaps, equals.N_COLUMNS), np.int32), np.empty((n_gaps, 2), np.int32)
    n_unsettled = equals.settle_pairs(
        pairs, surveys.left, surveys.right, tokens.key, tokens.key_offsets, tokens.offsets, tokens.starts,
        tokens.facts, tokens.classes, surveys.marks_at, surveys.marks, surveys.gaps_at, surveys.gaps, longest,
        most, ocr, rest, rows, unsettled,
    )  # fmt: skip
    return rest, rows, unsettled[:n_unsettled]


def sum_up(
    views: Sequence[tuple[View, View]], surveys: Surveys, pairs: NDArray[np.int64],
    longest: NDArray[np.float64], most: NDArray[np.float64], rest: NDArray[np.bool_], rows: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:  # fmt: skip
    """Sum up what is left of the gaps of some pairs.

    Return a row of sums for each text, the names exchanged in each pair, and the gaps whose words are
    needed: see `dedup.kernels.evidence.sum_pairs`.
    """
    tokens, n_gaps = surveys.tokens, len(surveys.gaps)
    cased = np.array([one != "nothing" for one in tokens.capitals])
    titles, titles_at = _hash_titles(views, surveys, pairs)
    one_source = np.array([a.source is not None and a.source == b.source for a, b in views], np.bool_)
    sums, swapped = np.zeros((2 * len(pairs), kernels.N_SUMS), np.int64), np.zeros(len(pairs), np.int64)
    words = np.empty((n_gaps, 3), np.int32)
    n_words = kernels.sum_pairs(
        pairs, surveys.left, surveys.right, tokens.key, tokens.key_offsets, tokens.offsets, tokens.starts,
        tokens.hashes, tokens.facts, tokens.classes, cased, titles, titles_at, surveys.marks_at,
        surveys.marks, rest, surveys.gaps_at, surveys.gaps, rows, longest, most, one_source, sums, swapped,
        words,
    )  # fmt: skip
    return sums, swapped, words[:n_words]


class _Gap(NamedTuple):
    """A gap, its row, and what its words are needed for."""

    span: list[int]
    row: list[int]
    what: int


@dataclass(slots=True)
class _Heard:
    """What the words of a pair's gaps say, until all are heard."""

    swaps: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))  # numbers in one place
    subjects: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    bodies: Counter[str] = field(default_factory=Counter)


def _gaps_of(
    listed: NDArray[np.int32], spans: NDArray[np.int32], rows: NDArray[np.int32]
) -> Iterator[tuple[int, list[int], list[int]]]:
    """Yield the pair, the places and the row of each gap listed."""
    numbers = listed[:, 1]
    return zip(listed[:, 0].tolist(), spans[numbers].tolist(), rows[numbers].tolist(), strict=True)


def _hash_titles(
    views: Sequence[tuple[View, View]], surveys: Surveys, pairs: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the hashes of the titles' words, and where those of each document begin."""
    titles = dict(zip(surveys.left[pairs].tolist(), (a.title_tokens for a, _ in views), strict=True))
    titles |= zip(surveys.right[pairs].tolist(), (b.title_tokens for _, b in views), strict=True)
    titles_at = np.zeros(len(surveys.tokens.offsets), np.int64)
    numbers = sorted(titles)
    titles_at[np.array(numbers, np.int64) + 1] = [len(titles[number]) for number in numbers]
    return hash_words([word for number in numbers for word in titles[number]]), np.cumsum(titles_at)


def _settle_words(
    a: View, b: View, gap: list[int], row: list[int], survey: Survey, rest: NDArray[np.bool_], *, ocr: bool
) -> None:
    """Take from both sides of a gap what is said on the other in some form, where only words tell it."""
    i1, i2, j1, j2 = gap
    rest_a, rest_b = rest[: a.n_tokens], rest[a.n_tokens : a.n_tokens + b.n_tokens]
    if ocr and _same_reading(a, b, gap, survey.marks):
        rest_a[i1:i2] = rest_b[j1:j2] = False
        return
    if row[equals.SETTLED]:
        return
    left, right = _places(rest_a[i1:i2], i1), _places(rest_b[j1:j2], j1)
    left, right = cancel(a, b, left, right, row[equals.MEANS_A], row[equals.MEANS_B])
    rest_a[i1:i2] = rest_b[j1:j2] = False
    rest_a[left] = rest_b[right] = True


def _hear(
    a: View, b: View, spoken: Sequence[_Gap], survey: Survey, rest: NDArray[np.bool_], evidence: Evidence
) -> None:
    """Add what the words of some gaps say."""
    heard = _Heard()
    for gap, row, what in spoken:
        i1, i2, j1, j2 = gap
        if what & kernels.FOR_STAGES:
            meant = row[equals.ALL_MEANS_A] & row[equals.ALL_MEANS_B]
            _compare_stages(a, b, gap, meant, survey.marks, heard, evidence)
        if what & kernels.FOR_REPLACED:
            evidence.replaced = f"{' '.join(a.tokens[i1:i2])} against {' '.join(b.tokens[j1:j2])}"
        if what & (kernels.FOR_FACTS | kernels.FOR_SUBJECTS):
            left, right = _places(rest[i1:i2], i1), _places(rest[a.n_tokens + j1 : a.n_tokens + j2], j1)
            if what & kernels.FOR_SUBJECTS:
                heard.subjects[0].extend(_capitals(a, left))
                heard.subjects[1].extend(_capitals(b, right))
            if what & kernels.FOR_FACTS:
                facts = row[equals.MEANS_A], row[equals.MEANS_B]
                _count_facts(a, b, left, right, facts, survey.marks, heard, evidence)
    only_a, only_b = exchanged(heard.swaps)
    evidence.numbers = list(zip(only_a.elements(), only_b.elements(), strict=False))
    evidence.subjects = heard.subjects
    if not evidence.stage:
        evidence.stage = min((body for body, n in heard.bodies.items() if n), default="")


def _places(marked: NDArray[np.bool_], start: int) -> list[int]:
    return [start + p for p, is_left in enumerate(marked.tolist()) if is_left]


def exchanged(sides: tuple[Sequence[str], Sequence[str]]) -> tuple[Counter[str], Counter[str]]:
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


def _chosen(marked: bytes, start: int, end: int, wanted: bytes) -> list[int]:
    return [p for p in range(start, end) if marked[p] in wanted]


def _same_reading(a: View, b: View, gap: list[int], marked: tuple[bytes, bytes]) -> bool:
    i1, i2, j1, j2 = gap
    return same_reading(
        a, b, _chosen(marked[0], i1, i2, _OWN_OR_CANCELLED), _chosen(marked[1], j1, j2, _OWN_OR_CANCELLED)
    )


def _compare_stages(
    a: View, b: View, gap: list[int], meant: int, marked: tuple[bytes, bytes], heard: _Heard,
    evidence: Evidence,
) -> None:  # fmt: skip
    i1, i2, j1, j2 = gap
    left, right = _chosen(marked[0], i1, i2, _OWN_OR_FRAMED), _chosen(marked[1], j1, j2, _OWN_OR_FRAMED)
    if len(left) > REWORDED or len(right) > REWORDED:
        return
    tokens_a, tokens_b = a.words, b.words
    if meant & marks.STAGE and not evidence.stage:
        evidence.stage = exchanged_stage([tokens_a[p] for p in left], [tokens_b[p] for p in right])
    # A body that acts is named with a capital; "in committee" is no event.
    count_bodies(
        [tokens_a[p] for p in left if a.classes[p] & TOKEN_CAPITAL],
        [tokens_b[p] for p in right if b.classes[p] & TOKEN_CAPITAL],
        heard.bodies,
    )


def _count_facts(
    a: View, b: View, left: list[int], right: list[int], facts: tuple[int, int],
    marked: tuple[bytes, bytes], heard: _Heard, evidence: Evidence,
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
            heard.swaps[0].extend(number_of(a.words[p]) for p in numbers_a + known_a)
            heard.swaps[1].extend(number_of(b.words[p]) for p in numbers_b + known_b)
        evidence.names += min(len(names_a), len(names_b))
        if facts[0] & _CALENDAR and facts[1] & _CALENDAR:
            evidence.days += exchanges_days(
                [a.words[p] for p in left if a.classes[p] & TOKEN_CAPITAL],
                [b.words[p] for p in right if b.classes[p] & TOKEN_CAPITAL],
            ) or names_other_day(a, b, left, right)
    exchanged = bool(names_a and names_b)
    for side, view, places, names in ((side_a, a, left, names_a), (side_b, b, right, names_b)):
        added = 0 if exchanged else sum(beside_shared(view, p, places) for p in names)
        side.added_names += added
        side.names += len(names) - added


def _capitals(view: View, places: list[int]) -> list[str]:
    """Return the names among own tokens, those that the other text has elsewhere included."""
    return [
        view.words[p]
        for p in places
        if view.classes[p] & TOKEN_CAPITAL
        and not view.classes[p] & (TOKEN_NUMBER | TOKEN_SENTENCE_START)
        and not view.facts[p] & marks.NO_NAME
    ]


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
            if not is_list_number(view, p) and not is_date_stamp(view, p):
                (lacking if lacked else known).append(p)
        elif lacked:
            if classes[p] & TOKEN_CAPITAL and is_name(view, other, p):
                names.append(p)
            elif fact & marks.CORRECTION:
                side.corrections += 1
    return lacking, known, names
