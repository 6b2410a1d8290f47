"""The kernels that sum up what gaps hold against the same sums in plain Python, gap by gap."""

from __future__ import annotations

import random

import pytest

from dedup.flags import TOKEN_CAPITAL, TOKEN_NUMBER
from dedup.kernels import evidence as limits
from dedup.kernels import facts as bits
from dedup.kernels import gaps as places
from dedup.normaliser.key import make_key
from dedup.verify import View
from dedup.verify.align import Survey, survey
from dedup.verify.equate import cancel
from dedup.verify.evidence import (
    Evidence,
    Side,
    _capitals,
    _compare_stages,
    _count_facts,
    _Heard,
    collect,
    exchanged,
)

NO_LIMIT = (1 << 30, float("inf"), float("inf"))
OWN = (bits.OWN, bits.LACKED)
WORDS = (
    "the",
    "council",
    "voted",
    "to",
    "close",
    "harbour",
    "harbor",
    "womens",
    "women",
    "s",
    "of",
    "in",
    "x",
)
NAMES = ("Brandt", "Okafor", "Sandhaven", "Lindqvist", "Monday", "Friday", "April", "NATO", "USA", "May", "Ö")
ACTS = ("approved", "passed", "rejected", "Committee", "committees", "corrected", "correction", "first")
NUMBERS = ("12", "14", "30", "1998", "4.5", "4", "5", "seven", "forty", "eight", "mln", "3rd", "b2b")
STRANGE = ("über", "中", "国", "人", "三", "十", "год")


def text_of(rng: random.Random, n_sentences: int, strange: bool) -> list[list[str]]:
    kinds, weights = (WORDS, NAMES, ACTS, NUMBERS, STRANGE), (9, 3, 1, 2, 8 if strange else 0)
    return [
        [rng.choice(kind) for kind in rng.choices(kinds, weights, k=rng.choice((4, 9, 9, 16, 70)))]
        for _ in range(n_sentences)
    ]


def edited(sentences: list[list[str]], rng: random.Random, strange: bool) -> list[list[str]]:
    out = []
    for words in sentences:
        draw = rng.random()
        if draw < 0.08:
            continue
        if draw < 0.16:
            out += text_of(rng, 1, strange)
        kept: list[str] = []
        for word in words:
            chance = rng.random()
            if chance < 0.12:
                kept += text_of(rng, 1, strange)[0][: rng.randint(1, 4)]
            if chance > 0.06:
                kept.append(word)
        out.append(kept)
    return out


def view_of(sentences: list[list[str]], rng: random.Random, *, cased: bool) -> View:
    # A date stamp, numbered lines, headlines in capitals: what the rules except.
    lines = [" ".join(words) for words in sentences if words]
    lines = [line[:1].upper() + line[1:] + "." for line in lines]
    lines = [f"{rng.randint(1, 30)} {line}" if rng.random() < 0.1 else line for line in lines]
    if rng.random() < 0.5:
        lines.insert(0, f"Monday July {rng.randint(1, 30)} 2005")
    text = rng.choice((" ", "\n")).join(lines)
    key, classes = make_key(text if cased else text.lower())
    title = rng.sample(["sandhaven", "okafor", "council", "votes", "brandt"], rng.randint(0, 3))
    return View(key.encode(), classes, title_tokens=title, source=rng.choice(("one", "two", None)))


def sum_up(a: View, b: View, shown: Survey) -> Evidence:
    """Gather the evidence gap by gap, every word looked at."""
    counts, heard = shown.counts, _Heard()
    sides = Side(foreign=counts[places.FOREIGN_A]), Side(foreign=counts[places.FOREIGN_B])
    moved = counts[places.MOVED_A : places.MOVED_B + 1]
    evidence = Evidence(sides, shown.matched, counts[places.RUNS], moved, 0)
    caseless = a.capitals == b.capitals == "nothing"
    seen: set[tuple[str, str]] = set()
    for i1, i2, j1, j2 in shown.gaps.tolist():
        spans = (a, range(i1, i2), shown.marks[0]), (b, range(j1, j2), shown.marks[1])
        own = [[p for p in span if marks[p] in OWN] for _, span, marks in spans]
        framed = [[p for p in span if marks[p] == bits.FRAMED] for _, span, marks in spans]
        facts = [meaning(view, some) for (view, *_), some in zip(spans, own, strict=True)]
        framing = [meaning(view, some) for (view, *_), some in zip(spans, framed, strict=True)]
        meant = [x | y for x, y in zip(facts, framing, strict=True)]
        acts = meant[0] & meant[1] & bits.STAGE or (meant[0] | meant[1]) & bits.BODY
        if acts and min(i1, j1) < limits.LEAD_TOKENS and (any(own) or all(meant)):
            _compare_stages(a, b, [i1, i2, j1, j2], meant[0] & meant[1], shown.marks, heard, evidence)
        left, right = cancel(a, b, *own, *facts) if all(own) else own
        if caseless and left and right and max(i2 - i1, j2 - j1) <= limits.NAME_TOKENS:
            pair = " ".join(a.tokens[i1:i2]), " ".join(b.tokens[j1:j2])
            if pair in seen and not evidence.replaced:
                evidence.replaced = f"{pair[0]} against {pair[1]}"
            seen.add(pair)
        inside = bool(i1 + j1) and (i2 < a.n_tokens or j2 < b.n_tokens)
        count_tokens(a, left, right, shown.marks[0], sides[0], inside=inside)
        count_tokens(b, right, left, shown.marks[1], sides[1], inside=inside)
        _count_facts(a, b, left, right, (facts[0], facts[1]), shown.marks, heard, evidence)
        few, many = sorted((len(left), len(right)))
        if few and many <= limits.REWORDED and many <= 3 * few + 5 and a.source and a.source == b.source:
            subjects = _capitals(a, left), _capitals(b, right)
            if all(subjects):
                heard.subjects[0].extend(subjects[0])
                heard.subjects[1].extend(subjects[1])
    only_a, only_b = exchanged(heard.swaps)
    evidence.numbers = list(zip(only_a.elements(), only_b.elements(), strict=False))
    evidence.subjects = heard.subjects
    if not evidence.stage:
        evidence.stage = min((body for body, n in heard.bodies.items() if n), default="")
    return evidence


def meaning(view: View, some: list[int]) -> int:
    found = 0
    for p in some:
        found |= int(view.facts[p]) | (bits.CAPITAL if view.classes[p] & TOKEN_CAPITAL else 0)
    return found


def count_tokens(
    view: View, own: list[int], other: list[int], marks: bytes, side: Side, *, inside: bool
) -> None:
    n = len(own)
    side.own += n
    side.longest = max(side.longest, n)
    side.lead += sum(p < limits.LEAD_TOKENS for p in own)
    if inside and len(other) * limits.CLAUSE_SHARE <= n:
        side.clause = max(side.clause, sum(marks[p] == bits.LACKED for p in own))
    small = sum(not view.classes[p] & (TOKEN_CAPITAL | TOKEN_NUMBER) for p in own)
    head = view.capitals != "nothing" and small <= limits.HEAD_SMALL_LETTERS * n
    if n > limits.LONG_PASSAGE or (n >= limits.SENTENCE_TOKENS and not head):
        side.prose += n
    elif n >= limits.SENTENCE_TOKENS:
        side.foreign += n


@pytest.mark.parametrize("kind", ["names", "caseless", "strange"])
def test_gaps_sum_up_to_what_the_rules_say(kind: str) -> None:
    told = set()
    for seed in range(150):
        rng = random.Random(f"{kind} {seed}")
        sentences = text_of(rng, rng.choice((1, 4, 14)), kind == "strange")
        cased = kind != "caseless"
        a = view_of(sentences, rng, cased=cased)
        b = view_of(edited(sentences, rng, kind == "strange"), rng, cased=cased)
        shown = survey(a, b)
        found, expected = collect(a, b, shown, NO_LIMIT), sum_up(a, b, shown)
        if not any(map(any, expected.subjects)):
            found.subjects = expected.subjects = ((), ())
        found.numbers, expected.numbers = list(found.numbers), list(expected.numbers)
        assert found == expected, seed
        told |= {name for side in found.sides for name in Side.__slots__ if getattr(side, name)}
        told |= {name for name in ("numbers", "names", "days", "stage", "replaced") if getattr(found, name)}
        told |= {"subjects"} if any(found.subjects) else set()
    caseful = {"added_names", "names", "subjects", "days"}
    assert told >= set(Side.__slots__) - caseful | {"numbers"}
    assert kind != "names" or told >= caseful | {"stage"}
    assert kind != "caseless" or "replaced" in told


def test_beyond_hope_the_rest_is_not_looked_at() -> None:
    rng = random.Random(3)
    sentences = text_of(rng, 30, strange=False)
    a, b = (view_of(edited(sentences, rng, strange=False), rng, cased=True) for _ in range(2))
    shown = survey(a, b)
    whole, cut = collect(a, b, shown, NO_LIMIT), collect(a, b, shown, (5, 20.0, 20.0))
    for part, side in zip(cut.sides, whole.sides, strict=True):
        assert part.longest > 5 or part.own > 20
        assert part.own < side.own
