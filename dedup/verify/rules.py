"""Evidence → relation, by a short list of named rules.

An archivist drops a text when the other has everything of substance in it.
So each text is held against the rules of `_objection`, and the pair is `near`
or `contained` when one of the two meets no objection. What meets one is told
apart by what the two share and by what was exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from dedup.config import VerifyConfig
from dedup.records import Relation
from dedup.verify.evidence import Evidence
from dedup.verify.view import View

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a text may have of its own and still be dropped."""

    # Own tokens in one gap: a sentence of one's own is longer, a reworded clause shorter.
    passage: int = 15
    # Share of the text that may be worded otherwise, if no fact is.
    reworded: float = 0.27
    # One number that the other lacks in so many tokens is a slip of the copy desk …
    tokens_per_number: float = 400.0
    # … and one name: an office put in its own town, a capital that is no name.
    tokens_per_name: float = 200.0


_LIMITS = {
    "news": Limits(),
    "ocr": Limits(),
    # Nothing but typing: no clause, no fact.
    "strict": Limits(passage=3, reworded=0.03, tokens_per_number=1e9, tokens_per_name=1e9),
}
# Under so many tokens one word makes another notice.
SHORT_TOKENS = 30
SHORT_REWORDED = 0.15
# A short notice that returns days later in other words is the notice of another day.
NOTICE_TOKENS = 100
NOTICE_DAYS = 3
# Texts are "near" when neither has more than this share of its own beyond the other.
NEAR_SHARE = 0.1
# Under this share of the shorter text in order, they share passages at most …
PASSAGES_SHARE = 0.3
# … and under this containment nothing worth a note.
RELATED_CONTAINMENT = 0.1
# More exchanged facts than one in so many tokens: a form filled in anew.
TOKENS_PER_EXCHANGE = 100
NOUN_WEIGHT = 0.25
# One article in two cuts: this share of the shorter one is in the other.
STORY_SHARE = 0.5


class Verdict(NamedTuple):
    """A relation, which text holds more (0, 1 or neither), and the rule that said so."""

    relation: Relation
    fuller: Literal[0, 1] | None
    reason: str


def decide(
    a: View, b: View, evidence: Evidence, *, jaccard: float, containment: float, config: VerifyConfig
) -> Verdict:
    """Decide the relation of an aligned pair."""
    views = (a, b)
    days = abs(a.date - b.date) / _DAY_US if a.date is not None and b.date is not None else None
    if config.max_days is not None and days is not None and days > config.max_days:
        return Verdict("related", None, f"related: {days:.0f} days apart")
    limits = _LIMITS[config.profile]
    objections = (
        _objection(views, evidence, 0, limits, days),
        _objection(views, evidence, 1, limits, days),
    )
    if not all(objections):
        return _drop(views, evidence, objections)
    return _keep_both(views, evidence, objections, jaccard, containment)


def _objection(
    views: tuple[View, View], evidence: Evidence, side: int, limits: Limits, days: float | None
) -> str:
    """Say why a text must not be dropped for the other, "" when nothing speaks against it."""
    own = evidence.sides[side]
    n = views[side].n_tokens
    if own.longest > limits.passage:
        return f"a passage of {own.longest} tokens of its own"
    if own.own > limits.reworded * n:
        return f"{own.own} of {n} tokens of its own"
    if evidence.numbers:
        return "number {} against {}".format(*evidence.numbers[0])
    if evidence.days:
        return "another day or month"
    weight = _name_weight(views)
    names = weight * (len(evidence.names) + (own.names - len(evidence.names)) / 2)
    if own.numbers * limits.tokens_per_number + names * limits.tokens_per_name > n:
        return f"{own.numbers} numbers and {own.names} names of its own"
    if evidence.stage:
        return f"another stage: {evidence.stage}"
    if own.correction:
        return "a correction note"
    if n < SHORT_TOKENS and (own.own > SHORT_REWORDED * n or own.added_names):
        return f"{own.own} of only {n} tokens of its own"
    reworded = own.own and evidence.sides[1 - side].own
    if reworded and n < NOTICE_TOKENS and days is not None and days > NOTICE_DAYS:
        return f"a notice of {n} tokens that returns after {days:.0f} days"
    return ""


def _name_weight(views: tuple[View, View]) -> float:
    # Where every noun has a capital, one capital in four or so is a name's.
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


def _keep_both(
    views: tuple[View, View],
    evidence: Evidence,
    objections: tuple[str, str],
    jaccard: float,
    containment: float,
) -> Verdict:
    shorter = 0 if views[0].n_tokens <= views[1].n_tokens else 1
    n = views[shorter].n_tokens
    side = evidence.sides[shorter]
    objection = objections[shorter]
    found = (evidence.matched + evidence.moved[shorter]) / max(1, n)
    exchanged = len(evidence.numbers) + _name_weight(views) * len(evidence.names) + evidence.days
    if evidence.matched < PASSAGES_SHARE * n and jaccard < 0.1:
        if containment < RELATED_CONTAINMENT:
            return Verdict("unrelated", None, "unrelated: little in common")
        return Verdict("related", None, "related: shared passages only")
    if exchanged * TOKENS_PER_EXCHANGE > n:
        return Verdict("template", None, f"template: {exchanged:.0f} facts exchanged in place; {objection}")
    if found < STORY_SHARE:
        share = round(100 * found)
        return Verdict("related", None, f"related: {share} % of the shorter text shared; {objection}")
    compact = side.longest + side.second >= 0.7 * side.own and not exchanged
    relation: Relation = "partial" if compact and side.longest > 15 else "revised"
    return Verdict(relation, None, f"{relation}: {objection}")
