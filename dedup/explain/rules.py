"""Each rule of the verifier with its value and its verdict, for either text of a pair."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from dedup.config import Config
from dedup.statistics import Statistics
from dedup.verify import View, rules
from dedup.verify.align import survey
from dedup.verify.evidence import Evidence, collect
from dedup.verify.unspaced import is_unspaced

T = TypeVar("T")
# The verifier stops looking once nothing can help a pair any more; here all of it is wanted.
_NEVER = 1e8
_NEVER_HOPELESS = (1 << 30, float("inf"), float("inf"))


@dataclass(frozen=True, slots=True)
class Check:
    """One rule held against both texts.

    ``found`` tells in words what either text has, ``objects`` whether the rule
    speaks against dropping it for the other.
    """

    rule: str
    limit: str
    found: tuple[str, str]
    objects: tuple[bool, bool]


def check_rules(views: tuple[View, View], statistics: Statistics, config: Config) -> list[Check]:
    """Hold two texts against every rule, also where one objection would do.

    A text may be dropped for the other when no rule objects.
    """
    a, b = views
    evidence = _evidence(a, b, statistics, config)
    limits = rules.limits_of(config.verify.profile)
    n = a.n_tokens, b.n_tokens
    sides = evidence.sides
    # Where every noun has a capital, one capital in four or so is a name's.
    weight = rules.NOUN_WEIGHT if "nouns" in (a.capitals, b.capitals) else 1.0
    days = rules.days_between(a, b)
    own = [(side.own, size) for side, size in zip(sides, n, strict=True)]
    far = f"{days:.0f} days apart" if days is not None else "no dates"
    returned = _pair(rules.other_time(views, evidence, side, days) for side in (0, 1))
    series = rules.one_of_a_series(views, evidence, days)
    checks = [
        Check(
            "longest passage of its own",
            f"at most {limits.passage} tokens",
            _pair(f"{side.longest} tokens" for side in sides),
            _pair(side.longest > limits.passage for side in sides),
        ),
        Check(
            "clause that the other leaves out",
            f"at most {limits.clause} new words",
            _pair(f"{side.clause} words" for side in sides),
            _pair(
                side.clause > limits.clause and not is_unspaced(view)
                for side, view in zip(sides, views, strict=True)
            ),
        ),
        Check(
            "share of its own",
            f"at most {limits.reworded:.0%}",
            _pair(f"{mine} of {size} tokens" for mine, size in own),
            _pair(mine > limits.reworded * size for mine, size in own),
        ),
        _exchanged(evidence.numbers),
        Check("day or month exchanged", "none", (str(evidence.days),) * 2, (evidence.days > 0,) * 2),
        _own_facts(evidence, limits, n, weight),
        Check("another stage", "none", (evidence.stage or "none",) * 2, (bool(evidence.stage),) * 2),
        Check(
            "announces a correction",
            "no",
            _pair("yes" if side.correction else "no" for side in sides),
            _pair(side.correction for side in sides),
        ),
        Check(
            "short text",
            f"under {rules.SHORT_TOKENS} tokens: nearly equal",
            _pair(f"{size} tokens" for size in n),
            _pair(
                size < rules.SHORT_TOKENS and (side.own > rules.SHORT_REWORDED * size or side.added_names > 0)
                for side, size in zip(sides, n, strict=True)
            ),
        ),
        Check(
            "returns in other words",
            f"within {rules.NOTICE_DAYS} days, or as it was",
            _pair(objection or far for objection in returned),
            _pair(bool(objection) for objection in returned),
        ),
        Check("one of a series", "no", (series or "no",) * 2, (bool(series),) * 2),
    ]
    if config.verify.max_days is not None and days is not None:
        too_far = days > config.verify.max_days
        checks.append(
            Check("days apart", f"at most {config.verify.max_days}", (far, far), (too_far, too_far))
        )
    return checks


def _evidence(a: View, b: View, statistics: Statistics, config: Config) -> Evidence:
    """Collect the evidence in the order of texts that the verifier takes, and return it for a and b."""
    swapped = (b.n_tokens, b.key) < (a.n_tokens, a.key)
    if swapped:
        a, b = b, a
    house = statistics.house
    shown = survey(a, b, (a.house_marks(house), b.house_marks(house)))
    evidence = collect(a, b, shown, _NEVER_HOPELESS, ocr=config.verify.profile == "ocr")
    if swapped:
        evidence.sides = evidence.sides[1], evidence.sides[0]
        evidence.numbers = [(second, first) for first, second in evidence.numbers]
    return evidence


def _own_facts(evidence: Evidence, limits: rules.Limits, n: tuple[int, int], weight: float) -> Check:
    exchanged = len(evidence.names)
    objects = []
    for side, size in zip(evidence.sides, n, strict=True):
        names = weight * (exchanged + (side.names - exchanged) / 2)
        objects.append(side.numbers * limits.tokens_per_number + names * limits.tokens_per_name > size)
    rare = limits.tokens_per_number < _NEVER
    numbers = f"one number in {limits.tokens_per_number:.0f} tokens" if rare else "no number"
    return Check(
        "numbers and names the other lacks",
        f"{numbers}, one name in {limits.tokens_per_name:.0f} tokens",
        _pair(f"{side.numbers} numbers, {side.names} names" for side in evidence.sides),
        (objects[0], objects[1]),
    )


def _exchanged(pairs: list[tuple[str, str]]) -> Check:
    found = _pair(", ".join(pair[side] for pair in pairs[:5]) or "none" for side in (0, 1))
    return Check("numbers exchanged", "none", found, (bool(pairs),) * 2)


def _pair(values: Iterable[T]) -> tuple[T, T]:
    first, second = values
    return first, second
