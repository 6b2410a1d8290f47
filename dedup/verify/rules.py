"""Evidence → relation, by a short list of named rules.

An archivist drops a text when the other has everything of substance in it.
So each text is held against `RULES`, and the pair is `near`
or `contained` when one of the two meets no objection. What meets one is told
apart by what the two share and by what was exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from dedup.config import Profile, VerifyConfig
from dedup.flags import TOKEN_UPPER
from dedup.kernels import gaps as kernels
from dedup.records import Relation
from dedup.verify.align import Survey
from dedup.verify.evidence import Evidence, Side, exchanged
from dedup.verify.view import View

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a text may have of its own and still be dropped."""

    # Own tokens in one gap: a clause of one's own is longer, a reworded one shorter.
    passage: int = 12
    # Words of a clause that stands in one text only which the other has nowhere: a sculptor, an outcome.
    clause: int = 3
    # Share of the text that may be worded otherwise, if no fact is.
    reworded: float = 0.27
    # One number that the other lacks in so many tokens: none, unless a scanner made it …
    tokens_per_number: float = 1e9
    # … and one name: an office put in its own town, a capital that is no name.
    tokens_per_name: float = 200.0


LIMITS: dict[Profile, Limits] = {
    "news": Limits(),
    # Damaged letters make words that the other lacks.
    "ocr": Limits(passage=15, clause=15, tokens_per_number=400.0),
    # Nothing but typing: no clause, no fact.
    "strict": Limits(passage=3, clause=0, reworded=0.03, tokens_per_name=1e9),
}
# A scanner may have misread anything that stands against something.
_OCR_AT_A_GLANCE = replace(LIMITS["ocr"], reworded=1, tokens_per_number=0)
# Under so many tokens one word makes another notice.
SHORT_TOKENS = 30
SHORT_REWORDED = 0.15
# Under so many tokens the title may be all that tells two notices apart; two titles of one subject share
# a third of the words of the shorter.
TITLED_TOKENS = 60
TITLE_SHARE = 1 / 3
# A notice that returns days later in other words is the notice of another day; one this short needs no other
# words in both: a rate or an hour is all that is new. One source's notices may be longer.
NOTICE_TOKENS = 100
SOURCE_NOTICE_TOKENS = 200
BRIEF_TOKENS = 60
NOTICE_DAYS = 3
# Where every character is a token, so many are a turn of phrase and no news.
PHRASE_CHARACTERS = 5
# What returns after weeks in other words is about the next event.
DISTANT_DAYS = 30
DISTANT_REWORDED = 0.03
# Of a copy cut out of a text so many times its length, this share of the shingles is there; a text that
# has less there shares words, not passages.
SCATTERED_IN = 1.5
SCATTERED_CONTAINMENT = 0.55
# One source: so many own tokens near the top of both on another day, so many at all weeks later, or so
# many names against others.
SERIES_LEAD = 4
SERIES_REWORDED = 3
SERIES_NAMES = 3
# Texts are "near" when neither has more than this share of its own beyond the other.
NEAR_SHARE = 0.1
# Where every noun has a capital, one capital in four or so is a name's.
NOUN_WEIGHT = 0.25


def limits_of(profile: Profile) -> Limits:
    """Return the limits of a profile."""
    return LIMITS[profile]


class Verdict(NamedTuple):
    """A relation, which text holds more (0, 1 or neither), and the rule that said so."""

    relation: Relation
    fuller: Literal[0, 1] | None
    reason: str


def days_between(a: View, b: View) -> float | None:
    """Return how many days lie between two texts, None where a date is missing."""
    return abs(a.date - b.date) / _DAY_US if a.date is not None and b.date is not None else None


def glance(a: View, b: View, survey: Survey, config: VerifyConfig) -> tuple[str, str] | None:
    """Say why neither text may be dropped, if the alignment alone shows it; None if a closer look is due.

    Only what no discount can undo counts here: passages and facts in the
    midst of both texts, so that most pairs need no closer look.
    """
    counts = survey.counts
    if config.profile != "ocr" and counts[kernels.CERTAIN]:
        number, other = a.words[counts[kernels.CERTAIN_A]], b.words[counts[kernels.CERTAIN_B]]
        objection = f"number {number} against {other}"
        return objection, objection
    limits = _OCR_AT_A_GLANCE if config.profile == "ocr" else LIMITS[config.profile]
    objections = _glance_at(a, counts, 0, limits), _glance_at(b, counts, 1, limits)
    return objections if objections[0] and objections[1] else None


def _glance_at(view: View, counts: list[int], side: int, limits: Limits) -> str:
    own, longest = counts[kernels.LEAST_A + side], counts[kernels.LEAST_LONGEST_A + side]
    numbers = counts[kernels.LEAST_NUMBERS_A + side]
    if longest > limits.passage:
        return f"a passage of {longest} tokens of its own"
    if own > limits.reworded * view.n_tokens:
        return f"{own} of {view.n_tokens} tokens of its own"
    if numbers * limits.tokens_per_number > view.n_tokens:
        return f"{numbers} numbers of its own"
    return ""


def decide(
    a: View, b: View, evidence: Evidence, containment: float, config: VerifyConfig
) -> Verdict | tuple[str, str]:
    """Return the verdict of a pair of which one may be dropped, else what speaks against dropping either."""
    if config.profile == "ocr":
        # Damaged letters leave few shingles whole.
        containment = 1.0
    views, limits = (a, b), LIMITS[config.profile]
    case_a = Case.of(views, evidence, 0, limits, containment)
    case_b = Case.of(views, evidence, 1, limits, containment)
    against_a, against_b = objection(case_a, _BY_LENGTH), objection(case_b, _BY_LENGTH)
    if not (against_a and against_b):
        evidence.hear()
        against_a = against_a or objection(case_a, _BY_FACTS)
        against_b = against_b or objection(case_b, _BY_FACTS)
    objections = against_a, against_b
    return objections if against_a and against_b else _drop(views, evidence, objections)


def exchanged_facts(a: View, b: View, evidence: Evidence) -> float:
    """Return how many facts were exchanged in place, all words heard."""
    if evidence.replaced:
        return float(a.n_tokens)
    return len(evidence.numbers) + name_weight((a, b)) * evidence.names + evidence.days


class Case(NamedTuple):
    """A text that may be dropped for the other one, and what is known about the two."""

    views: tuple[View, View]
    evidence: Evidence
    side: int  # which of the two would go
    limits: Limits
    containment: float
    n: int  # its length in tokens
    own: Side  # what it has of its own

    @classmethod
    def of(
        cls, views: tuple[View, View], evidence: Evidence, side: int, limits: Limits, containment: float
    ) -> Case:
        """Return the case of one of two texts."""
        return cls(views, evidence, side, limits, containment, views[side].n_tokens, evidence.sides[side])


_Rule = Callable[[Case], str]


def objection(case: Case, rules: Sequence[_Rule]) -> str:
    """Say which of some rules speaks against dropping a text for the other, "" when none does."""
    for rule in rules:
        if said := rule(case):
            return said
    return ""


def _passage(case: Case) -> str:
    longest = case.own.longest
    return f"a passage of {longest} tokens of its own" if longest > case.limits.passage else ""


def _clause(case: Case) -> str:
    if case.own.clause > case.limits.clause and not case.views[case.side].unspaced:
        return f"a clause with {case.own.clause} words of its own"
    return ""


def _reworded(case: Case) -> str:
    own = case.own.own
    return f"{own} of {case.n} tokens of its own" if own > case.limits.reworded * case.n else ""


def _scattered(case: Case) -> str:
    longer = case.views[1 - case.side].n_tokens > SCATTERED_IN * case.n
    if longer and case.containment < SCATTERED_CONTAINMENT:
        return f"only {round(100 * case.containment)} % of its passages in a much longer text"
    return ""


def _numbers_exchanged(case: Case) -> str:
    numbers = case.evidence.numbers
    return "number {} against {}".format(*numbers[0]) if numbers else ""


def _days_exchanged(case: Case) -> str:
    return "another day or month" if case.evidence.days else ""


def _replaced(case: Case) -> str:
    return f"{case.evidence.replaced}, each time" if case.evidence.replaced else ""


def _own_facts(case: Case) -> str:
    own, exchanged, limits = case.own, case.evidence.names, case.limits
    names = name_weight(case.views) * (exchanged + (own.names - exchanged) / 2)
    if own.numbers * limits.tokens_per_number + names * limits.tokens_per_name > case.n:
        return f"{own.numbers} numbers and {own.names} names of its own"
    return ""


def _other_stage(case: Case) -> str:
    return f"another stage: {case.evidence.stage}" if case.evidence.stage else ""


def _short(case: Case) -> str:
    n, own = case.n, case.own
    if n >= SHORT_TOKENS:
        return ""
    if own.own > SHORT_REWORDED * n or own.added_names:
        return f"{own.own} of only {n} tokens of its own"
    if own.own and case.evidence.sides[1 - case.side].own and _is_shouted(case.views[case.side]):
        return "a word exchanged that may be a name"
    return ""


def _titles(case: Case) -> str:
    if case.n < TITLED_TOKENS and not same_subject(*(view.title_tokens for view in case.views)):
        return "titles of two subjects over a notice"
    return ""


def _correction(case: Case) -> str:
    return "a correction note" if case.own.corrections else ""


def _is_shouted(view: View) -> bool:
    """Tell whether a text is set in capitals, where a name looks like any other word."""
    return 2 * int((view.kinds & TOKEN_UPPER != 0).sum()) > view.n_tokens


def same_subject(title: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether two titles may stand over one short text; so does a title that is missing.

    A notice of dividends names its company in the title alone.

    Examples
    --------
    >>> same_subject("alden corp sets quarterly dividend".split(), "brent mills declares payout".split())
    False
    """
    words, others = set(title), set(other)
    if not words or not others:
        return True
    return len(words & others) >= TITLE_SHARE * min(len(words), len(others))


def _other_time(case: Case) -> str:
    """Say so if a text comes back after some time in other words: it is about the next event then."""
    views, evidence, side = case.views, case.evidence, case.side
    days = days_between(*views)
    if days is None or days <= NOTICE_DAYS:
        return ""
    n = views[side].n_tokens
    own, other = evidence.sides[side].own, evidence.sides[1 - side].own
    if views[side].unspaced:
        own = max(0, own - PHRASE_CHARACTERS)
    one_source = views[0].source is not None and views[0].source == views[1].source
    most = SOURCE_NOTICE_TOKENS if one_source else NOTICE_TOKENS
    if (n < most and own and other) or (n < BRIEF_TOKENS and (own or other)):
        return f"a notice of {n} tokens that returns after {days:.0f} days"
    if days <= DISTANT_DAYS:
        return ""
    if min(own / n, other / views[1 - side].n_tokens) > DISTANT_REWORDED:
        return f"reworded after {days:.0f} days"
    if views[0].source == views[1].source and max(one.lead for one in evidence.sides) >= SERIES_LEAD:
        return f"one source, another opening after {days:.0f} days"
    return ""


def _series(case: Case) -> str:
    """Say so if one source wrote both texts, and about other matters or on another day.

    Two look-alikes of one source are more often a series than a copy: reprints cross sources.
    """
    (a, b), evidence = case.views, case.evidence
    days = days_between(a, b)
    if a.source is None or a.source != b.source or a.capitals != "names" or b.capitals != "names":
        return ""
    lead = min(side.lead for side in evidence.sides)
    if days is not None and days >= 1 and lead >= SERIES_LEAD:
        return "one source, another day, another lead"
    reworded = min(side.own for side in evidence.sides)
    if days is not None and days > DISTANT_DAYS and reworded >= SERIES_REWORDED:
        return f"one source, reworded after {days:.0f} days"
    only_a, only_b = exchanged(evidence.subjects)
    if min(only_a.total(), only_b.total()) >= SERIES_NAMES:
        return f"one source, {min(only_a)} against {min(only_b)}"
    return ""


# Each says "" or an objection; the first one that objects gives the reason.
RULES: dict[str, _Rule] = {
    "passage": _passage,
    "clause": _clause,
    "reworded": _reworded,
    "scattered": _scattered,
    "numbers exchanged": _numbers_exchanged,
    "days exchanged": _days_exchanged,
    "replaced": _replaced,
    "own facts": _own_facts,
    "stage": _other_stage,
    "short": _short,
    "titles": _titles,
    "correction": _correction,
    "time": _other_time,
    "series": _series,
}
# What these ask for is known before any word is heard.
_BY_LENGTH = _passage, _clause, _reworded, _scattered
_BY_FACTS = tuple(RULES.values())[len(_BY_LENGTH) :]


def name_weight(views: tuple[View, View]) -> float:
    """Return how much of a name a capital inside a sentence is worth."""
    return NOUN_WEIGHT if "nouns" in (views[0].capitals, views[1].capitals) else 1.0


def _drop(views: tuple[View, View], evidence: Evidence, objections: tuple[str, str]) -> Verdict:
    n = views[0].n_tokens, views[1].n_tokens
    if not any(objections):
        share = round(100 * evidence.matched / max(1, min(n)))
        reason = f"near: no fact of its own in either; {share} % matched in {evidence.n_runs} runs"
        return Verdict("near", None, reason)
    dropped = 0 if not objections[0] else 1
    fuller: Literal[0, 1] = 1 if dropped == 0 else 0
    relation: Relation = "near" if evidence.sides[fuller].own <= NEAR_SHARE * n[fuller] else "contained"
    share = round(100 * (evidence.matched + evidence.moved[dropped]) / max(1, n[dropped]))
    return Verdict(
        relation,
        fuller,
        f"{relation}: the dropped text has no fact of its own; {share} % of it in the other, "
        f"in {evidence.n_runs} runs",
    )
