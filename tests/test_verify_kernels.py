"""The verifier's kernels against plain Python, and the quick look against the closer one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dedup.config import Profile, VerifyConfig
from dedup.flags import TOKEN_NUMBER
from dedup.kernels import facts as bits
from dedup.kernels import gaps as places
from dedup.kernels.sketches import hash_tokens
from dedup.normaliser.key import make_key
from dedup.verify import View, line_hashes
from dedup.verify.align import survey
from dedup.verify.evidence import collect
from dedup.verify.facts import fold, number_of
from dedup.verify.rules import decide, glance, limits_of

WORDS = ("the", "a", "of", "harbour", "council", "voted", "to", "close", "terminal", "after", "engineers")
WORDS += ("cracks", "in", "silos", "and", "said", "it", "would", "cost", "years", "while", "promised")
NAMES = ("Brandt", "Okafor", "Westmoor", "Sandhaven", "Lindqvist", "Harmsen", "Calder", "Monday", "April")
NUMBERS = ("12", "14", "30", "220", "1998", "4.5", "5", "seven", "1,200", "3rd")


def make_view(text: str, **fields: object) -> View:
    key, classes = make_key(text)
    return View(key.encode(), classes, **fields)  # type: ignore[arg-type]


def sentence(rng: random.Random) -> str:
    kinds = rng.choices((WORDS, NAMES, NUMBERS), (8, 2, 1), k=rng.randint(6, 18))
    drawn = [rng.choice(kind) for kind in kinds]
    return " ".join(drawn).capitalize() + "."


def edited(text: str, rng: random.Random) -> str:
    out = []
    for word in text.split(" "):
        draw = rng.random()
        if word[0].isdigit() and draw < 0.2:
            out.append(str(rng.randint(31, 99)))
        elif draw < 0.03:
            out.append(rng.choice(WORDS))
        elif draw > 0.02 * rng.randint(1, 4):
            out.append(word)
        if rng.random() < 0.01:
            out.append(f"{sentence(rng)} {sentence(rng)}")
    return " ".join(out)


DIGITS = ("12", "012", "3.50", "3.0", "12th", "1980s", "0", "000", "0.5", "b2b", "3d", "7a", "400percent")


@pytest.mark.parametrize("token", [*DIGITS, "seven", "million", "mln", "pct", "percent", "town", "iki"])
def test_one_form_for_all_ways_of_writing_a_number(token: str) -> None:
    classes = bytes([TOKEN_NUMBER if any(map(str.isdigit, token)) else 0])
    view = View(token.encode(), classes)
    expected = np.empty(1, np.uint64)
    form = fold(token).encode()
    hash_tokens(np.frombuffer(form, np.uint8), 0, len(form), expected)
    assert view.folded[0] == expected[0]
    assert bool(view.facts[0] & bits.NUMBER) == bool(number_of(token))


def test_token_hashes_are_those_of_the_sketches() -> None:
    view = make_view("Straßenbahnhaltestellenschild 12 a")
    expected = np.empty(view.n_tokens, np.uint64)
    hash_tokens(np.frombuffer(view.key, np.uint8), 0, len(view.key), expected)
    assert view.hashes.tolist() == expected.tolist()


def test_house_lines_are_marked_by_their_hashes() -> None:
    house = make_view("Give to the fund that pays us")
    view = make_view("The board met.\nGive to the fund that pays us\nIt voted.")
    marks = view.among.mark_house(np.sort(line_hashes(house)))
    assert [t for t, m in zip(view.tokens, marks, strict=True) if m == bits.HOUSE] == list(house.tokens)


@pytest.mark.parametrize("seed", range(8))
def test_every_token_has_one_mark_and_gaps_and_matches_add_up(seed: int) -> None:
    rng = random.Random(seed)
    text = " ".join(sentence(rng) for _ in range(30))
    a, b = make_view(text), make_view(edited(text, rng))
    shown = survey(a, b)
    for side, view in enumerate((a, b)):
        in_gaps = sum(int(g[2 * side + 1] - g[2 * side]) for g in shown.gaps)
        assert shown.matched + in_gaps == view.n_tokens
        marks = shown.marks[side]
        assert marks.count(bits.MATCHED) == shown.matched
        own = marks.count(bits.OWN) + marks.count(bits.LACKED)
        assert own == shown.counts[places.OWN_A + side]
        assert marks.count(bits.MOVED) == shown.counts[places.MOVED_A + side]
        other = (b, a)[side]
        for place, mark in enumerate(marks):
            if mark == bits.LACKED and not view.facts[place] & bits.NUMBER:
                assert view.tokens[place] not in other.tokens


@pytest.mark.parametrize(("profile", "least"), [("news", 20), ("strict", 20)])
def test_what_the_quick_look_keeps_the_closer_one_keeps_too(profile: Profile, least: int) -> None:
    config = VerifyConfig(profile=profile)
    kept = 0
    for seed in range(60):
        rng = random.Random(seed)
        text = " ".join(sentence(rng) for _ in range(rng.choice((4, 12, 40))))
        a, b = make_view(text), make_view(edited(edited(text, rng), rng))
        shown = survey(a, b)
        if glance(a, b, shown, config) is not None:
            kept += 1
            limits = limits_of(profile)
            most = limits.passage, limits.reworded * a.n_tokens, limits.reworded * b.n_tokens
            evidence = collect(a, b, shown, most, ocr=profile == "ocr")
            assert isinstance(decide(a, b, evidence, 1.0, config), tuple)
    assert kept >= least
