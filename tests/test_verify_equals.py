"""The kernel that settles gaps of words against the plain rules it stands for."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dedup.kernels import equals
from dedup.normaliser.key import make_key
from dedup.verify import View
from dedup.verify.align import survey
from dedup.verify.equate import cancel
from dedup.verify.evidence import settle
from dedup.verify.facts import is_abbreviation, is_variant, may_vary

LETTERS = st.text("abs", min_size=1, max_size=11)
WORDS = st.one_of(
    LETTERS, st.text("ab1s", min_size=1, max_size=6), st.sampled_from(["massachusetts", "mass"])
)


def bytes_of(word: str) -> NDArray[np.uint8]:
    return np.frombuffer(word.encode(), np.uint8)


@given(WORDS, WORDS)
@settings(max_examples=800, deadline=None)
@example("colour", "color")
@example("emphasise", "emphasize")
@example("iran", "iraq")
@example("sens", "senators")
@example("tn", "tenn")
@example("abcde", "bacde")
@example("1990s", "199os")
def test_one_word_in_two_spellings_is_what_the_rules_say(a: str, b: str) -> None:
    x, y = bytes_of(a), bytes_of(b)
    expected = may_vary(a, b) and (is_variant(a, b) or is_abbreviation(a, b))
    assert equals.is_one_word(x, 0, len(x), y, 0, len(y)) == expected


SPOKEN = (
    "colour",
    "color",
    "harbor",
    "harbour",
    "senators",
    "sens",
    "organise",
    "organize",
    "womens",
    "women",
)
GAP = st.lists(
    st.sampled_from(
        (
            *SPOKEN,
            "s",
            "12",
            "4.2",
            "seven",
            "forty",
            "Monday",
            "March",
            "über",
            "b2b",
            "400",
            "000",
            "4",
            "2",
            "中",
            "国",
        )
    ),
    max_size=7,
)


@given(GAP, GAP)
@settings(max_examples=300, deadline=None)
@example(["women", "s"], ["womens"])
@example(["organise", "senators"], ["sens", "organize"])
@example(["seven", "colour"], ["color"])
@example(["colour", "4.2"], ["4", "2", "color"])
@example(["中", "国", "senators"], ["国", "sens"])
def test_settled_gaps_are_left_as_the_rules_leave_them(left: list[str], right: list[str]) -> None:
    begin, end = "quoth the raven nevermore tapping at my door ", " gently rapping upon a midnight dreary"
    a, b = (View(*_key(begin + " ".join(some) + end)) for some in (left, right))
    shown = survey(a, b)
    no_limit = np.full(1, np.inf), np.full((1, 2), np.inf)
    rest, rows, _ = settle(shown.among, np.array([0]), *no_limit, ocr=False)
    rests = rest[: a.n_tokens], rest[a.n_tokens :]
    settled = 0
    for (i1, i2, j1, j2), row in zip(shown.gaps.tolist(), rows.tolist(), strict=True):
        own = [
            [p for p in range(*span) if marks[p] in b"\1\6"]
            for span, marks in zip(((i1, i2), (j1, j2)), shown.marks, strict=True)
        ]
        assert [len(some) for some in own] == row[:2]
        if not all(own) or not row[equals.SETTLED]:
            continue
        settled += 1
        expected = cancel(a, b, own[0], own[1], row[equals.MEANS_A], row[equals.MEANS_B])
        found = [p for p in range(i1, i2) if rests[0][p]], [p for p in range(j1, j2) if rests[1][p]]
        assert found == expected
    assume(settled)


def _key(text: str) -> tuple[bytes, bytes]:
    key, classes = make_key(text)
    return key.encode(), classes
