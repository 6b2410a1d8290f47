"""How well a run's decisions agree with a truth given as pairs or as clusters.

Examples
--------
>>> from dedup.records import Decision
>>> decisions = [
...     Decision("r1", "a", "kept", cluster="a", story="a"),
...     Decision("r2", "b", "dropped", cluster="a", story="a", kept_id="a", relation="near"),
...     Decision("r3", "c", "kept", cluster="c", story="c"),
... ]
>>> truth = PairTruth((TruthPair("a", "b", "dup"), TruthPair("b", "c", "template")))
>>> result = evaluate(decisions, truth, seed=1)
>>> result.precision.value, result.recall.value
(1.0, 1.0)
"""

from __future__ import annotations

from collections.abc import Iterable

from dedup.evaluate.clusters import score_clusters
from dedup.evaluate.load import ClusterTruth, Fate, FateRow, PairTruth, TruthPair, load_decisions, load_truth
from dedup.evaluate.pairs import score_pairs
from dedup.evaluate.render import render
from dedup.evaluate.scores import Estimate, Evaluation, LabelScore, PartitionScore

__all__ = [
    "ClusterTruth",
    "Estimate",
    "Evaluation",
    "Fate",
    "FateRow",
    "LabelScore",
    "PairTruth",
    "PartitionScore",
    "TruthPair",
    "evaluate",
    "load_decisions",
    "load_truth",
    "render",
]


def evaluate(decisions: Iterable[Fate], truth: PairTruth | ClusterTruth, *, seed: int = 1) -> Evaluation:
    """Score decisions against a truth.

    Parameters
    ----------
    decisions : iterable of Fate
        Rows of a decisions file, or `Decision` objects of a result.
    truth : PairTruth or ClusterTruth
        What `load_truth` gives. Records that only one side knows are left out
        of the scores; those that only the truth knows are counted as missing.
    seed : int
        Seed of the bootstrap behind the 95 % intervals.

    Returns
    -------
    Evaluation
        Counts and estimates, see its fields.

    Raises
    ------
    DataError
        If no record of the truth is among the decisions, or if an id of the
        truth belongs to several records that met different fates.
    """
    if isinstance(truth, PairTruth):
        return score_pairs(decisions, truth, seed=seed)
    return score_clusters(decisions, truth, seed=seed)
