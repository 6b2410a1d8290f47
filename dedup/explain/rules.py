"""Each rule of the verifier with its value and its verdict, for either text of a pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from dedup.config import Config
from dedup.pipeline.verdicts import SAME_EVENT_US
from dedup.statistics import Statistics
from dedup.verify import Overlap, View, rules, unspaced
from dedup.verify.align import Survey, survey
from dedup.verify.digest import is_digest
from dedup.verify.evidence import collect
from dedup.verify.rules import Case

T = TypeVar("T")
# The verifier stops looking once nothing can help a pair any more; here all of it is wanted.
_NEVER = 1e8
_NEVER_HOPELESS = (1 << 30, float("inf"), float("inf"))
_HOUR_US = 3_600_000_000


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


class _Row(NamedTuple):
    """How one of the verifier's rules is told: its name, what it allows, and what a text has."""

    name: str
    limit: Callable[[Case], str]
    found: Callable[[Case], str]


def _days(case: Case) -> str:
    days = rules.days_between(*case.views)
    return "no dates" if days is None else f"{days:.0f} days apart"


def _facts_allowed(case: Case) -> str:
    rare = case.limits.tokens_per_number < _NEVER
    numbers = f"one number in {case.limits.tokens_per_number:.0f} tokens" if rare else "no number"
    return f"{numbers}, one name in {case.limits.tokens_per_name:.0f} tokens"


def _numbers(case: Case) -> str:
    # The evidence has them in the order of the texts.
    return ", ".join(pair[case.side] for pair in case.evidence.numbers[:5]) or "none"


# One for each of the verifier's rules, by its name there.
ROWS: dict[str, _Row] = {
    "passage": _Row(
        "longest passage of its own",
        lambda case: f"at most {case.limits.passage} tokens",
        lambda case: f"{case.own.longest} tokens",
    ),
    "clause": _Row(
        "clause that the other leaves out",
        lambda case: f"at most {case.limits.clause} new words",
        lambda case: f"{case.own.clause} words",
    ),
    "reworded": _Row(
        "share of its own",
        lambda case: f"at most {case.limits.reworded:.0%}",
        lambda case: f"{case.own.own} of {case.n} tokens",
    ),
    "scattered": _Row(
        "shingles the other has",
        lambda _: f"{rules.SCATTERED_CONTAINMENT:.0%} if it is {rules.SCATTERED_IN} times as long",
        lambda case: f"{case.containment:.0%}, {case.views[1 - case.side].n_tokens / case.n:.1f} times",
    ),
    "numbers exchanged": _Row("numbers exchanged", lambda _: "none", _numbers),
    "days exchanged": _Row(
        "day or month exchanged", lambda _: "none", lambda case: str(case.evidence.days or "none")
    ),
    "replaced": _Row(
        "replaced each time", lambda _: "nothing", lambda case: case.evidence.replaced or "nothing"
    ),
    "own facts": _Row(
        "numbers and names the other lacks",
        _facts_allowed,
        lambda case: f"{case.own.numbers} numbers, {case.own.names} names",
    ),
    "stage": _Row("another stage", lambda _: "none", lambda case: case.evidence.stage or "none"),
    "short": _Row(
        "short text",
        lambda _: f"under {rules.SHORT_TOKENS} tokens: nearly equal",
        lambda case: f"{case.n} tokens",
    ),
    "titles": _Row(
        "titles of two subjects",
        lambda _: f"only from {rules.TITLED_TOKENS} tokens on",
        lambda case: f"{case.n} tokens",
    ),
    "correction": _Row(
        "announces a correction", lambda _: "no", lambda case: "yes" if case.own.corrections else "no"
    ),
    "time": _Row("returns in other words", lambda _: f"within {rules.NOTICE_DAYS} days, or as it was", _days),
    "series": _Row("one of a series", lambda _: "no", lambda _: "no"),
}
# Here the objection itself says more than a value.
_TOLD_BY_OBJECTION = {"short", "titles", "time", "series"}


def check_rules(
    views: tuple[View, View],
    flags: tuple[Sequence[str], Sequence[str]],
    overlap: Overlap,
    statistics: Statistics,
    config: Config,
) -> list[Check]:
    """Hold two texts against every rule, also where one objection would do.

    A text may be dropped for the other when no rule objects.
    """
    a, b = views
    # The verifier's order: the evidence, and with it each value, depends on it.
    swapped = (b.n_tokens, b.key) < (a.n_tokens, a.key)
    checks = _verifier((b, a) if swapped else views, overlap, statistics, config)
    if swapped:
        checks = [Check(c.rule, c.limit, c.found[::-1], c.objects[::-1]) for c in checks]
    return [*checks, *_beyond(views, flags, config)]


def _verifier(
    views: tuple[View, View], overlap: Overlap, statistics: Statistics, config: Config
) -> list[Check]:
    ocr = config.verify.profile == "ocr"
    house = statistics.house
    if min(view.n_tokens for view in views) < rules.TITLED_TOKENS:
        house = np.empty(0, np.uint64)
    shown = survey(*views, house)
    evidence = collect(*views, shown, _NEVER_HOPELESS, ocr=ocr)
    limits = rules.limits_of(config.verify.profile)
    containment = 1.0 if ocr else overlap.containment
    cases = [Case.of(views, evidence, side, limits, containment) for side in (0, 1)]
    checks = []
    for name, rule in rules.RULES.items():
        row = ROWS[name]
        said = [rule(case) for case in cases]
        values = [
            objection if objection and name in _TOLD_BY_OBJECTION else row.found(case)
            for objection, case in zip(said, cases, strict=True)
        ]
        checks.append(Check(row.name, row.limit(cases[0]), _pair(values), _pair(map(bool, said))))
    free = not any(any(check.objects) for check in checks)
    return [*checks, *_last_looks(views, shown, ocr=ocr, free=free)]


def _last_looks(views: tuple[View, View], shown: Survey, *, ocr: bool, free: bool) -> Iterator[Check]:
    """Yield what the verifier asks only once the rules let a text go."""
    if not ocr and all(view.unspaced for view in views):
        said = [unspaced.objection(*views, shown, None if free else side) for side in (0, 1)]
        yield Check(
            "characters exchanged",
            "few, no numeral",
            _pair(objection or "few" for objection in said),
            _pair(map(bool, said)),
        )
    rounded = [not free and is_digest(views, shown, 1 - side) for side in (0, 1)]
    yield Check(
        "item of a round-up", "no", _pair("yes" if digest else "no" for digest in rounded), _pair(rounded)
    )


def _beyond(
    views: tuple[View, View], flags: tuple[Sequence[str], Sequence[str]], config: Config
) -> Iterator[Check]:
    """Yield what stands outside of the verifier and keeps both all the same, where it applies."""
    bare = [next((flag for flag in ("empty", "stub") if flag in own), "no") for own in flags]
    if bare != ["no", "no"]:
        yield Check("stub or empty", "no", _pair(bare), (True, True))
    dates = [view.date for view in views if view.date is not None]
    if len(dates) < 2:
        return
    apart_us = abs(dates[0] - dates[1])
    if any("short" in own for own in flags):
        found, objects = f"{apart_us / _HOUR_US:.0f} hours apart", apart_us > SAME_EVENT_US
        limit = f"within {SAME_EVENT_US // _HOUR_US} hours"
        yield Check("same event, if short", limit, (found, found), (objects, objects))
    if config.verify.max_days is not None:
        days = apart_us / (24 * _HOUR_US)
        found, objects = f"{days:.0f} days apart", days > config.verify.max_days
        yield Check("days apart", f"at most {config.verify.max_days}", (found, found), (objects, objects))


def _pair(values: Iterable[T]) -> tuple[T, T]:
    first, second = values
    return first, second
