"""The report for other places than a browser: Markdown for a ticket, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict
from typing import Any

import msgspec

from dedup.report.model import ClusterView, Miss, Pair, Record, Report

# A Markdown report is read from top to bottom: no more than this.
_CLUSTERS = 100
_MEMBERS = 10
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = (
    "cluster",
    "records",
    "id",
    "relation",
    "containment",
    "jaccard",
    "ratio",
    "reason",
    "title",
    "source",
    "date",
    "url",
    "kept_title",
    "kept_source",
    "kept_date",
    "kept_url",
    "flags",
)


def to_json(report: Report) -> bytes:
    """Return figures, clusters with all members, pairs kept apart, and the charts' figures.

    Clusters stand under the kept record, each member with its relation and scores.
    """
    content = {
        "figures": {
            name: value for name, value in asdict(report.figures).items() if name != "diffs_left_out"
        },
        "share": round(report.figures.share, 4),
        "charts": {chart.key: [list(chart.head), *map(list, chart.rows)] for chart in report.charts},
        "clusters": [_cluster(view) for view in report.clusters],
        "kept_apart": [
            {"a": _record(miss.a), "b": _record(miss.b), **_scores(miss.pair)} for miss in report.misses
        ],
        "manifest": report.manifest,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def _cluster(view: ClusterView) -> dict[str, Any]:
    return {
        "kept": _record(view.keeper),
        "kept_in": view.kept_in,
        "records": view.size,
        "preferences": view.preferences,
        "dropped": [{**_record(pair.record), **_scores(pair)} for pair in view.members],
    }


def _record(record: Record) -> dict[str, Any]:
    shown = {
        name: getattr(record, name) for name in ("id", "record", "title", "source", "date", "url", "flags")
    }
    return {name: value for name, value in shown.items() if value}


def _scores(pair: Pair) -> dict[str, Any]:
    scores = {
        "relation": pair.relation,
        "containment": round(pair.containment, 4),
        "jaccard": round(pair.jaccard, 4),
        "ratio": pair.ratio,
        "reason": pair.reason,
    }
    return {name: value for name, value in scores.items() if value not in (None, "")}


def to_csv(report: Report) -> bytes:
    """Return one row per dropped record, with what is known of the record kept for it."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for view in report.clusters:
        for pair in view.members:
            record, kept = pair.record, view.keeper
            cells = (
                kept.id,
                view.size,
                record.id,
                pair.relation,
                round(pair.containment, 4),
                round(pair.jaccard, 4),
                pair.ratio,
                pair.reason,
                record.title,
                record.source,
                record.date,
                record.url,
                kept.title,
                kept.source,
                kept.date,
                kept.url,
                " ".join(record.flags),
            )
            writer.writerow([harmless(cell) for cell in cells])
    # The mark tells spreadsheets that this is UTF-8.
    return ("\ufeff" + target.getvalue()).encode("utf-8", "replace")


def harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers.

    Examples
    --------
    >>> harmless("=HYPERLINK(1)"), harmless(-0.5), harmless("-5"), harmless("plain")
    ("'=HYPERLINK(1)", -0.5, "'-5", 'plain')
    """
    if isinstance(cell, str) and cell.lstrip(" \u00a0\u3000").startswith((*_FORMULA, "＝", "＋", "－", "＠")):
        return "'" + cell
    return cell


def to_markdown(report: Report) -> bytes:
    """Return the report for a ticket or a terminal: figures, pairs to check first, the largest clusters."""
    figures = report.figures
    counts = figures.counts
    lines = [
        f"# {counts['dropped']:,} of {counts['in']:,} records are copies",
        "",
        f"{figures.clusters:,} clusters, the largest of {figures.largest:,}; {figures.share:.1%} are copies.",
        "",
        *_table(
            ("", "records"), [(name, f"{counts[name]:,}") for name in ("in", "kept", "dropped", "rejected")]
        ),
        *_table(("dropped as", "records"), [(name, f"{n:,}") for name, n in figures.relations.items()]),
        *_table(("flag", "records"), [(name, f"{n:,}") for name, n in figures.flags.items()]),
        *_table(("removed by cleaning", "passages"), [(name, f"{n:,}") for name, n in figures.rules.items()]),
        "## To check first",
        "",
        *_table(
            ("dropped, and least alike", "for", "relation", "contained", "title"),
            [_pair_row(report.clusters[at], report.clusters[at].members[m]) for at, m in report.borderline],
        ),
        *_table(
            ("kept apart, and most alike", "and", "relation", "contained", "title"),
            [_miss_row(miss) for miss in report.misses],
        ),
    ]
    for chart in report.charts:
        lines += [f"## {chart.title}", "", _inline(chart.note), "", *_table(chart.head, chart.rows)]
    lines += ["## Clusters", ""]
    for view in report.clusters[:_CLUSTERS]:
        lines += _cluster_lines(view)
    left_out = figures.clusters - min(_CLUSTERS, len(report.clusters))
    if left_out:
        lines += [f"{left_out:,} smaller clusters are left out; the CSV and JSON forms have all.", ""]
    return "\n".join(lines).encode("utf-8", "replace")


def _pair_row(view: ClusterView, pair: Pair) -> tuple[str, ...]:
    return (pair.record.id, view.keeper.id, pair.relation, f"{pair.containment:.1%}", pair.record.title or "")


def _miss_row(miss: Miss) -> tuple[str, ...]:
    return (miss.a.id, miss.b.id, miss.pair.relation, f"{miss.pair.containment:.1%}", miss.a.title or "")


def _cluster_lines(view: ClusterView) -> list[str]:
    kept = view.keeper
    about = ", ".join(filter(None, (kept.id, kept.source, kept.date)))
    rows = [
        (
            pair.record.id,
            pair.relation,
            f"{pair.containment:.1%}",
            pair.record.source or "",
            pair.record.date or "",
            pair.record.title or "",
        )
        for pair in view.members[:_MEMBERS]
    ]
    lines = [f"### {_inline(kept.title or kept.id)}", "", f"Kept: {_inline(about)}", ""]
    lines += _table(("dropped", "relation", "contained", "source", "date", "title"), rows)
    more = view.size - 1 - len(rows)
    return [*lines, f"… and {more:,} more.", ""] if more else lines


def _table(head: tuple[str, ...], rows: list[Any]) -> list[str]:
    if not rows:
        return []
    shown = [[_inline(str(cell)) for cell in row] for row in rows]
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in shown),
        "",
    ]


def _inline(text: str) -> str:
    r"""Return text that Markdown takes for nothing but text.

    Examples
    --------
    >>> _inline("<b> | [a](b)")
    '\\<b\\> \\| \\[a\\](b)'
    """
    return re.sub(r"([\\`*_\[\]<>|#&~!])", r"\\\1", text)
