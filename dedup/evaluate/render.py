"""An evaluation as a table of 80 columns."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from dedup.evaluate.scores import Estimate, Evaluation, LabelScore, PartitionScore

if TYPE_CHECKING:
    from rich.table import Table

_WIDTH = 80


def render(evaluation: Evaluation) -> str:
    """Return the evaluation as plain text, at most 80 columns wide.

    Examples
    --------
    >>> one = Estimate(1.0, 0.9, 1.0)
    >>> print(render(Evaluation("pairs", 3, 0, one, one, one)).splitlines()[0])
    3 pairs scored, 0 missing from the decisions
    """
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=_WIDTH, color_system=None, force_terminal=False, highlight=False)
    unit = "pairs" if evaluation.truth == "pairs" else "records"
    console.print(f"{evaluation.n:,} {unit} scored, {evaluation.missing:,} missing from the decisions")
    if evaluation.truth == "pairs":
        if evaluation.labels:
            console.print(_labels("label", evaluation.labels))
        if evaluation.relations:
            console.print(_labels("relation", evaluation.relations))
        console.print(_overall(evaluation))
    else:
        console.print(_partitions(evaluation.partitions))
        share = format_estimate(evaluation.wrong_witness)
        console.print(
            f"{evaluation.n_dropped:,} dropped, {evaluation.n_wrong_witness:,} of them "
            f"for a record outside their true cluster: {share}"
        )
    console.print(f"In brackets: 95 % bootstrap intervals, seed {evaluation.seed}.")
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def format_estimate(estimate: Estimate) -> str:
    """Write a share with its interval.

    Examples
    --------
    >>> format_estimate(Estimate(0.5, 0.41, 0.6))
    '.500 [.410 .600]'
    >>> format_estimate(Estimate(None))
    '–'
    """
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "–"
    value, low, high = (
        f"{number:.3f}".removeprefix("0") for number in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} [{low} {high}]"


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    table.add_column(columns[0], overflow="fold", min_width=10)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _labels(heading: str, scores: tuple[LabelScore, ...]) -> Table:
    table = _table(heading, "n", "merged", "same story", "right one kept")
    for score in scores:
        estimates = (score.merged, score.found, score.keeper)
        table.add_row(score.label, f"{score.n:,}", *map(format_estimate, estimates))
    return table


def _overall(evaluation: Evaluation) -> Table:
    table = _table("", "precision", "recall", "F1")
    estimates = (evaluation.precision, evaluation.recall, evaluation.f1)
    table.add_row("merged", *map(format_estimate, estimates))
    return table


def _partitions(scores: tuple[PartitionScore, ...]) -> Table:
    table = _table("", *(f"by {score.level}" for score in scores))
    for name in (
        "precision",
        "recall",
        "f1",
        "adjusted_rand",
        "bcubed_precision",
        "bcubed_recall",
        "bcubed_f1",
    ):
        label = name.replace("_", " ").replace("bcubed", "B-cubed").replace("f1", "F1")
        table.add_row(label, *(format_estimate(getattr(score, name)) for score in scores))
    return table
