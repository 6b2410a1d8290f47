"""The result of an evaluation, and the bootstrap behind its intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

# Enough for two digits of a 95 % interval.
N_RESAMPLES = 1000
# Resamples × distinct rows held at once: 32 MB of doubles.
_BLOCK_CELLS = 4_000_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share in [0, 1] with its 95 % interval; all None where nothing was to be counted."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class LabelScore:
    """The pairs of one label: how many ended as one record, how many in one story.

    ``keeper`` is the share of merged pairs whose survivor is the one that the
    truth keeps, among those where it names one and either of the two survived.
    """

    label: str
    n: int
    merged: Estimate
    found: Estimate
    keeper: Estimate


@dataclass(frozen=True, slots=True)
class PartitionScore:
    """Agreement of two partitions of the same records.

    Pairwise scores count pairs of records; B-cubed scores (Bagga & Baldwin
    1998) average over records; ``adjusted_rand`` is Hubert & Arabie's (1985).
    """

    level: Literal["kept", "story"]
    precision: Estimate
    recall: Estimate
    f1: Estimate
    adjusted_rand: Estimate
    bcubed_precision: Estimate
    bcubed_recall: Estimate
    bcubed_f1: Estimate


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Decisions scored against a truth of pairs or of clusters.

    Parameters
    ----------
    truth : {"pairs", "clusters"}
    n : int
        Pairs, or records, that were scored.
    missing : int
        Pairs, or records, of the truth without a decision.
    precision, recall, f1 : Estimate
        Of merging: pairs that ended as one record against pairs that should.
    labels, relations : tuple of LabelScore
        For pairs: by label, and by relation where the truth names it.
    partitions : tuple of PartitionScore
        For clusters: of the kept records, and of the stories.
    n_dropped, n_wrong_witness : int
        For clusters: dropped records, and those dropped for a record outside their true cluster.
    wrong_witness : Estimate
        Their share of the dropped.
    seed : int
        Seed of the bootstrap.
    """

    truth: Literal["pairs", "clusters"]
    n: int
    missing: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    labels: tuple[LabelScore, ...] = ()
    relations: tuple[LabelScore, ...] = ()
    partitions: tuple[PartitionScore, ...] = ()
    n_dropped: int = 0
    n_wrong_witness: int = 0
    wrong_witness: Estimate = Estimate(None)
    seed: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, ready for JSON.

        Examples
        --------
        >>> one = Estimate(1.0, 1.0, 1.0)
        >>> Evaluation("pairs", 3, 0, one, one, one).to_dict()["recall"]
        {'value': 1.0, 'low': 1.0, 'high': 1.0}
        """
        return asdict(self)


def resample(
    rows: Floats, statistics: Callable[[Floats], Floats], rng: np.random.Generator
) -> list[Estimate]:
    """Estimate statistics of column sums, with bootstrap intervals over the rows.

    Equal rows are drawn together by a multinomial, which is the same bootstrap
    at the cost of the distinct rows only.

    Parameters
    ----------
    rows : float64 array, shape (n, k)
        What each resampled unit (a pair, a cluster) adds to each sum.
    statistics : callable
        From sums, shape (..., k), to values, shape (..., m); NaN where undefined.
    rng : numpy.random.Generator
        Source of the resamples.

    Returns
    -------
    list of Estimate, length m
        Rounded to 4 places; percentiles 2.5 and 97.5 of the resamples where the value is defined.
    """
    values = statistics(rows.sum(axis=0))
    distinct, counts = np.unique(rows, axis=0, return_counts=True) if len(rows) else (rows, np.zeros(0))
    if not len(distinct):
        return [Estimate(None) for _ in values]
    block = max(1, _BLOCK_CELLS // len(distinct))
    drawn = [
        statistics(
            rng.multinomial(len(rows), counts / len(rows), size=min(block, N_RESAMPLES - start)) @ distinct
        )
        for start in range(0, N_RESAMPLES, block)
    ]
    return [_estimate(value, column) for value, column in zip(values, np.vstack(drawn).T, strict=True)]


def ratio(part: Floats, whole: Floats) -> Floats:
    """Divide element by element; NaN where the whole is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _estimate(value: float, drawn: Floats) -> Estimate:
    defined = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(defined):
        return Estimate(None)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Estimate(*(round(float(number), 4) for number in (value, low, high)))
