"""Score decisions against true clusters, from contingency counts: never all pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from dedup.evaluate.load import ClusterTruth, Fate, Outcome, find_outcomes
from dedup.evaluate.scores import Estimate, Evaluation, Floats, PartitionScore, ratio, resample

Ints = npt.NDArray[np.int64]


def score_clusters(decisions: Iterable[Fate], truth: ClusterTruth, *, seed: int) -> Evaluation:
    """Score decisions against true clusters.

    Two partitions are scored: by the record that stands for each (*kept*), and
    by *story*. Only records with both a decision and a true cluster take part.
    The intervals resample true clusters.

    Parameters
    ----------
    decisions : iterable of Fate
        All decisions of a run.
    truth : ClusterTruth
        The true cluster of each record.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Evaluation
        Its ``precision``, ``recall`` and ``f1`` are the pairwise ones of the kept records.
    """
    outcomes = find_outcomes(decisions, set(truth.cluster_of), path=truth.path)
    true = _number([truth.cluster_of[key] for key in outcomes])
    rng = np.random.default_rng(seed)
    kept = _partition("kept", true, [outcome.kept for outcome in outcomes.values()], rng)
    story = _partition("story", true, [_story(outcome) for outcome in outcomes.values()], rng)
    n_dropped, n_wrong, wrong = _witnesses(outcomes, truth, true, rng)
    return Evaluation(
        "clusters",
        n=len(outcomes),
        missing=len(truth.cluster_of) - len(outcomes),
        precision=kept.precision,
        recall=kept.recall,
        f1=kept.f1,
        partitions=(kept, story),
        n_dropped=n_dropped,
        n_wrong_witness=n_wrong,
        wrong_witness=wrong,
        seed=seed,
    )


def contingency_sums(true: Ints, predicted: Ints) -> Floats:
    """Return what each true cluster adds to the sums behind all scores.

    Parameters
    ----------
    true, predicted : int64 array, shape (n,)
        Cluster numbers from 0, of the same n records.

    Returns
    -------
    float64 array, shape (n_true_clusters, 6)
        Records; pairs in both; true pairs; predicted pairs (each shared half
        and half by the clusters of its two records); sum of B-cubed
        precisions; sum of B-cubed recalls.
    """
    n_true, n_predicted = int(np.max(true)) + 1, int(np.max(predicted)) + 1
    cells, counts = np.unique(true * n_predicted + predicted, return_counts=True)
    cluster = cells // n_predicted
    size_predicted = np.bincount(predicted, minlength=n_predicted)[cells % n_predicted].astype(float)
    size_true = np.bincount(true, minlength=n_true).astype(float)
    common = counts.astype(float)
    per_cell = (
        common * (common - 1) / 2,
        common * (size_predicted - 1) / 2,
        common**2 / size_predicted,
        common**2 / size_true[cluster],
    )
    both, predicted_pairs, precision, recall = (
        np.bincount(cluster, weights=weights, minlength=n_true) for weights in per_cell
    )
    return np.stack(
        [size_true, both, size_true * (size_true - 1) / 2, predicted_pairs, precision, recall], axis=1
    )


def agreement(sums: Floats) -> Floats:
    """Return pairwise, Rand and B-cubed scores of sums as `contingency_sums` makes them.

    Parameters
    ----------
    sums : float64 array, shape (..., 6)
        Column sums, of all clusters or of a resample.

    Returns
    -------
    float64 array, shape (..., 7)
        Pairwise precision, recall, F1; adjusted Rand index; B-cubed precision, recall, F1.
        NaN where there is no pair to count. The Rand index of two equal trivial partitions is 1.
    """
    n, both, true, predicted, precision, recall = np.moveaxis(sums, -1, 0)
    expected = np.nan_to_num(ratio(true * predicted, n * (n - 1) / 2))
    span = (true + predicted) / 2 - expected
    with np.errstate(invalid="ignore", divide="ignore"):
        rand = np.where(span != 0, (both - expected) / span, 1.0)
    precision, recall = ratio(precision, n), ratio(recall, n)
    return np.stack(
        [
            ratio(both, predicted),
            ratio(both, true),
            ratio(2 * both, true + predicted),
            rand,
            precision,
            recall,
            ratio(2 * precision * recall, precision + recall),
        ],
        axis=-1,
    )


def _partition(
    level: Literal["kept", "story"], true: Ints, labels: Sequence[object], rng: np.random.Generator
) -> PartitionScore:
    return PartitionScore(level, *resample(contingency_sums(true, _number(labels)), agreement, rng))


def _number(labels: Sequence[object]) -> Ints:
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)


def _story(outcome: Outcome) -> object:
    return outcome.kept if outcome.story is None else outcome.story


def _witnesses(
    outcomes: dict[bytes, Outcome], truth: ClusterTruth, true: Ints, rng: np.random.Generator
) -> tuple[int, int, Estimate]:
    dropped = np.array([outcome.dropped for outcome in outcomes.values()], dtype=float)
    wrong = np.array(
        [
            outcome.dropped
            and (outcome.kept[0] or truth.cluster_of.get(outcome.kept[1]) != truth.cluster_of[key])
            for key, outcome in outcomes.items()
        ],
        dtype=float,
    )
    sums = [np.bincount(true, weights=weights) for weights in (dropped, wrong)]
    rows = np.stack(sums, axis=1).astype(np.float64, copy=False)
    (estimate,) = resample(rows, lambda drawn: ratio(drawn[..., 1:], drawn[..., :1]), rng)
    return int(dropped.sum()), int(wrong.sum()), estimate
