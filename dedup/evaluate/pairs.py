"""Score decisions against labelled pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from dedup.evaluate.load import Fate, Outcome, PairTruth, TruthPair, find_outcomes, id_key
from dedup.evaluate.scores import Estimate, Evaluation, Floats, LabelScore, ratio, resample

# Labels under which one record of the two is to go: an archivist's "yes", the
# rule-made labels, and the relations that lose nothing of substance.
POSITIVE = frozenset({"yes", "dup", "duplicate", "copy", "exact", "near", "contained"})
# Labels without a right answer; partial and revised are found and kept unless the user says otherwise.
SET_APART = frozenset({"debatable", "partial", "revised"})


class _Scored(NamedTuple):
    pair: TruthPair
    merged: bool
    found: bool
    keeper: bool | None


def score_pairs(decisions: Iterable[Fate], truth: PairTruth, *, seed: int) -> Evaluation:
    """Score decisions against labelled pairs.

    A pair is *merged* if both records ended as the same kept record, *found* if
    they are merged or share a story. Precision, recall and F1 are of merging:
    `POSITIVE` labels ought to merge, `SET_APART` labels are left out, all others
    ought not to. The intervals resample pairs as if independent.

    Parameters
    ----------
    decisions : iterable of Fate
        All decisions of a run.
    truth : PairTruth
        The labelled pairs.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Evaluation
    """
    wanted = {id_key(end) for pair in truth.pairs for end in (pair.a, pair.b)}
    outcomes = find_outcomes(decisions, wanted, path=truth.path)
    scored = [
        _score(pair, outcomes[id_key(pair.a)], outcomes[id_key(pair.b)])
        for pair in truth.pairs
        if id_key(pair.a) in outcomes and id_key(pair.b) in outcomes
    ]
    rng = np.random.default_rng(seed)
    precision, recall, f1 = _agreement(scored, rng)
    return Evaluation(
        "pairs",
        n=len(scored),
        missing=len(truth.pairs) - len(scored),
        precision=precision,
        recall=recall,
        f1=f1,
        labels=_by(lambda pair: pair.label, scored, rng),
        relations=_by(lambda pair: pair.relation, scored, rng),
        seed=seed,
    )


def _score(pair: TruthPair, a: Outcome, b: Outcome) -> _Scored:
    merged = a.kept == b.kept
    found = merged or (a.story is not None and a.story == b.story)
    keeper = None
    if merged and pair.keep is not None and a.kept in ((False, id_key(pair.a)), (False, id_key(pair.b))):
        keeper = a.kept == (False, id_key(pair.keep))
    return _Scored(pair, merged, found, keeper)


def _agreement(scored: list[_Scored], rng: np.random.Generator) -> list[Estimate]:
    rows = [
        (row.merged and right, row.merged, right)
        for row in scored
        if row.pair.label not in SET_APART
        for right in (row.pair.label in POSITIVE,)
    ]

    def statistics(sums: Floats) -> Floats:
        both, merged, right = np.moveaxis(sums, -1, 0)
        return np.stack([ratio(both, merged), ratio(both, right), ratio(2 * both, merged + right)], axis=-1)

    return resample(np.array(rows, dtype=float).reshape(-1, 3), statistics, rng)


def _by(
    name: Callable[[TruthPair], str | None], scored: list[_Scored], rng: np.random.Generator
) -> tuple[LabelScore, ...]:
    groups: dict[str, list[_Scored]] = {}
    for row in scored:
        if (label := name(row.pair)) is not None:
            groups.setdefault(label, []).append(row)
    return tuple(_label_score(label, groups[label], rng) for label in sorted(groups))


def _label_score(label: str, scored: list[_Scored], rng: np.random.Generator) -> LabelScore:
    rows = [(1, row.merged, row.found, row.keeper is not None, bool(row.keeper)) for row in scored]

    def statistics(sums: Floats) -> Floats:
        n, merged, found, judged, keeper = np.moveaxis(sums, -1, 0)
        return np.stack([ratio(merged, n), ratio(found, n), ratio(keeper, judged)], axis=-1)

    return LabelScore(label, len(scored), *resample(np.array(rows, dtype=float), statistics, rng))
