"""Counts → the report's charts, each with its figures as a table for those who read rather than look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dedup.report import svg
from dedup.report.ledger import NOWHERE, Ledger
from dedup.report.model import Chart
from dedup.report.records import NO_DATE, Fields, plain

_SIZES = ((2, 2), (3, 3), (4, 4), (5, 5), (6, 10), (11, 20), (21, 50), (51, None))
_SOURCES, _MATRIX_SOURCES = 12, 10
_HISTOGRAM_BINS = 25
_MOST_PERIODS = 40
_NAME_CHARS = 60
# A phone between its margins.
_NARROW = 350
_NO_SOURCE = "(no source)"
_ELSEWHERE = "(published before)"


def draw_charts(ledger: Ledger, fields: Fields) -> list[Chart]:
    """Draw the charts that the data has something for."""
    drawn = [
        _cluster_sizes(ledger),
        _similarity(ledger),
        _sources(ledger, fields),
        _reprints(ledger, fields),
        _over_time(ledger, fields),
    ]
    return [chart for chart in drawn if chart is not None]


def _both(draw: Callable[..., str], *figures: object, **settings: object) -> tuple[str, str]:
    """Draw for wide and for narrow screens: letters of a wide drawing made small can't be read."""
    return draw(*figures, **settings), draw(*figures, **settings, width=_NARROW)


def _cluster_sizes(ledger: Ledger) -> Chart | None:
    sizes = Counter(len(rows) + 1 for rows in ledger.clusters.values())
    if not sizes:
        return None
    bins = []
    for low, high in _SIZES:
        number = sum(n for size, n in sizes.items() if size >= low and (high is None or size <= high))
        bins.append((f"{low}" if high == low else f"{low}–{high}" if high else f"over {low - 1}", number))
    while len(bins) > 1 and not bins[-1][1]:
        bins.pop()
    total, largest = sum(sizes.values()), max(sizes)
    note = f"{total:,} clusters; the largest has {largest:,} records."
    return Chart(
        "sizes",
        "Cluster sizes",
        *_both(svg.columns, [(name, [("strong", n)]) for name, n in bins], label=note),
        "Clusters by number of records. " + note,
        ("Records in cluster", "Clusters"),
        list(bins),
    )


def _similarity(ledger: Ledger) -> Chart | None:
    """Draw what was dropped and what was kept apart over the share of the shorter text found in the other."""
    dropped = ledger.containment[(ledger.status == 1) & (ledger.relation != 0)]
    apart = ledger.misses.containment
    if not len(dropped) and not len(apart):
        return None
    edges = np.linspace(0, 1, _HISTOGRAM_BINS + 1)
    above = np.histogram(dropped, edges)[0].tolist()
    below = np.histogram(apart, edges)[0].tolist()
    border, wrong = _best_cut(dropped, apart)
    note = f"{len(dropped):,} dropped pairs (exact copies left out) and {len(apart):,} pairs kept apart"
    if border is not None:
        note += (
            f". The rules decide, no single cut does: the best one, at {border:.2f}, "
            f"would decide {wrong:,} of {len(dropped) + len(apart):,} otherwise"
        )
    rows: list[tuple[str | int, ...]] = [
        (f"{edges[at]:.2f}–{edges[at + 1]:.2f}", above[at], below[at]) for at in range(_HISTOGRAM_BINS)
    ]
    return Chart(
        "similarity",
        "Similarity and the decision",
        *_both(svg.mirrored, above, below, border, label=note + "."),
        "Share of the shorter text’s shingles found in the other. " + note + ".",
        ("Containment", "Dropped", "Kept apart"),
        [row for row in rows if row[1] or row[2]],
    )


def _best_cut(dropped: NDArray[np.float32], apart: NDArray[np.float32]) -> tuple[float | None, int]:
    """Return the containment that parts the two best, and how many stand on its wrong side."""
    if not len(dropped) or not len(apart):
        return None, 0
    cuts = np.linspace(0, 1, 101)
    wrong = (
        np.searchsorted(np.sort(dropped), cuts, "left")
        + len(apart)
        - np.searchsorted(np.sort(apart), cuts, "left")
    )
    best = int(np.argmin(wrong))
    return float(cuts[best]), int(wrong[best])


def _names(fields: Fields) -> list[str]:
    return [plain(name, _NAME_CHARS) for name in fields.names] + [_NO_SOURCE]


def _sources(ledger: Ledger, fields: Fields) -> Chart | None:
    if not fields.names:
        return None
    names = _names(fields)
    total = (
        np.bincount(fields.source, minlength=len(names))
        if (fields.source >= 0).all()
        else _counts(fields, len(names))
    )
    lost = _counts(fields, len(names), ledger.status == 1)
    order = sorted(range(len(names)), key=lambda at: (-lost[at], -total[at], names[at]))
    rows = [(names[at], int(lost[at]), int(total[at])) for at in order if total[at]][:_SOURCES]
    more = int((np.asarray(total) > 0).sum()) - len(rows)
    note = "Records dropped, of all records of each source" + (
        f"; {more:,} more are not drawn." if more else "."
    )
    return Chart(
        "sources",
        "Duplicates per source",
        *_both(svg.bars, rows, label=note),
        note,
        ("Source", "Dropped", "Records"),
        list(rows),
    )


def _counts(fields: Fields, n_names: int, chosen: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Count records per source; the last place is for those without one."""
    source = np.where(fields.source < 0, n_names - 1, fields.source)
    return np.bincount(source if chosen is None else source[chosen], minlength=n_names)


def _reprints(ledger: Ledger, fields: Fields) -> Chart | None:
    """Draw who reprints whom: the sources of dropped records against those of the records kept."""
    rows = np.flatnonzero(ledger.status == 1)
    if not fields.names or not len(rows):
        return None
    names = [*_names(fields), _ELSEWHERE]
    source = np.where(fields.source < 0, len(names) - 2, fields.source)
    keeper = ledger.keeper[rows]
    kept = np.where(keeper == NOWHERE, len(names) - 1, source[keeper])
    pairs = Counter(zip(source[rows].tolist(), kept.tolist(), strict=True))
    columns = _heaviest(pairs, 1, names)
    lines = _heaviest({pair: n for pair, n in pairs.items() if pair[1] in columns}, 0, names)
    counts = [[pairs.get((a, b), 0) for b in columns] for a in lines]
    shown = sum(map(sum, counts))
    note = (
        "Rows: the source of the dropped record. Columns: the source of the one kept for it. "
        f"{shown:,} of {len(rows):,} drops are drawn."
    )
    heaviest = sorted(pairs.items(), key=lambda item: (-item[1], names[item[0][0]], names[item[0][1]]))
    figures: list[tuple[str | int, ...]] = [
        (names[a], names[b], number) for (a, b), number in heaviest[: 2 * _MATRIX_SOURCES]
    ]
    return Chart(
        "reprints",
        "Who reprints whom",
        *_both(svg.matrix, [names[at] for at in lines], [names[at] for at in columns], counts, label=note),
        note,
        ("Dropped from", "Kept from", "Records"),
        figures,
    )


def _heaviest(pairs: Mapping[tuple[int, int], int], side: int, names: Sequence[str]) -> list[int]:
    """Return the sources that stand for most pairs on one side, the heaviest first."""
    weight: Counter[int] = Counter()
    for pair, number in pairs.items():
        weight[pair[side]] += number
    return sorted(weight, key=lambda at: (-weight[at], names[at]))[:_MATRIX_SOURCES]


def _over_time(ledger: Ledger, fields: Fields) -> Chart | None:
    dated = fields.date != NO_DATE
    if dated.sum() < 2:
        return None
    dates = fields.date[dated].astype("datetime64[us]")
    unit = next(u for u in ("D", "W", "M", "Y") if _periods(dates, u) <= _MOST_PERIODS or u == "Y")
    period = dates.astype(f"datetime64[{unit}]").astype(np.int64)
    period = np.clip(period, period.max() - _MOST_PERIODS + 1, None)
    first, last = int(period.min()), int(period.max())
    if first == last:
        return None
    kept, dropped = (
        np.bincount(period[ledger.status[dated] == status] - first, minlength=last - first + 1)
        for status in (0, 1)
    )
    labels = [
        str(day) for day in np.arange(first, last + 1).astype(f"datetime64[{unit}]").astype("datetime64[D]")
    ]
    labels = [label[: {"D": 10, "W": 10, "M": 7, "Y": 4}[unit]] for label in labels]
    word = {"D": "day", "W": "week", "M": "month", "Y": "year"}[unit]
    bins: Sequence[tuple[str, Sequence[tuple[str, int]]]] = [
        (label, [("kept", int(k)), ("dropped", int(d))])
        for label, k, d in zip(labels, kept, dropped, strict=True)
    ]
    note = f"Records per {word}; the strong part was dropped. {int((~dated).sum()):,} records have no date."
    figures: list[tuple[str | int, ...]] = [
        (label, int(k), int(d)) for label, k, d in zip(labels, kept, dropped, strict=True) if k or d
    ]
    return Chart(
        "time",
        "Over time",
        *_both(svg.columns, bins, label=note, values=False),
        note,
        (word.capitalize(), "Kept", "Dropped"),
        figures,
    )


def _periods(dates: NDArray[np.datetime64], unit: str) -> int:
    period = dates.astype(f"datetime64[{unit}]").astype(np.int64)
    return int(np.ptp(period)) + 1
