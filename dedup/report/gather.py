"""Decisions and inputs → a report: which clusters and pairs it shows, and what it counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from dedup.config import Config, ReadConfig, VerifyConfig
from dedup.files import Source
from dedup.records import Article
from dedup.report.charts import draw_charts
from dedup.report.diff import Diff, Words, cut_words, word_diff
from dedup.report.ledger import NOWHERE, Ledger, Row, read_ledger, read_rows
from dedup.report.model import ClusterView, Example, Figures, Limits, Miss, Pair, Record, Report, ReportTexts
from dedup.report.records import plain, read_inputs, read_published, shown_id
from dedup.schema import RELATIONS

_EXAMPLE_CHARS = 160
_JUDGED_BY = ("profile", "max_days")


@dataclass
class _Plan:
    """What is to be shown: members of each cluster by row, and the pairs to compare word by word."""

    clusters: list[tuple[bytes, list[int], int]] = field(default_factory=list)  # id, rows, size
    misses: list[int] = field(default_factory=list)  # places in Ledger.misses
    diffs: list[tuple[int, int]] = field(default_factory=list)  # places of cluster and member


def gather(
    decisions: Source,
    inputs: Sequence[Source],
    *,
    archives: Sequence[Source] = (),
    read: ReadConfig | None = None,
    texts: ReportTexts = "diffs",
    limits: Limits | None = None,
    manifest: dict[str, Any] | None = None,
    again: bool = False,
) -> Report:
    """Make a report.

    Parameters
    ----------
    decisions : Source
        From `ledger.open_decisions`; read twice.
    inputs, archives : sequence of Source
        What the decisions are about, and what it was compared against.
    read : ReadConfig, optional
        Names of fields, as in the run.
    texts : {"none", "diffs", "full"}
        How much text goes in: none, what differs, or all of what was compared.
    limits : Limits, optional
        How much goes in at most.
    manifest : dict, optional
        The run's.
    again : bool
        Whether the sources have been read before.
    """
    read = read or ReadConfig()
    limits = limits or Limits()
    ledger = read_ledger(decisions)
    plan = _plan(ledger, limits, texts)
    wanted, others = _wanted_rows(decisions, ledger, plan)
    compared = {row for at, member in plan.diffs for row in (plan.clusters[at][1][member],)}
    compared |= {int(ledger.keeper[row]) for row in compared if ledger.keeper[row] != NOWHERE}
    if texts != "none":
        compared |= {int(ledger.misses.row[at]) for at in plan.misses} | set(others.values())
    cleaned = {row for rows in ledger.examples.values() for row in rows}
    fields, records = read_inputs(inputs, ledger, wanted, compared | cleaned, read, again=again)
    abroad = {token for token, rows, _ in plan.clusters if ledger.keeper[rows[0]] == NOWHERE}
    published = read_published(archives, abroad, abroad if plan.diffs else set(), read, again=again)
    views, used = _while_there_is_room(
        (
            _view(token, rows, size, ledger, wanted, records, published, limits)
            for token, rows, size in plan.clusters
        ),
        limits,
    )
    misses = [miss for at in plan.misses if (miss := _miss(ledger, at, others, records)) is not None]
    _tell_why(misses, manifest)
    left_out = _compare(views, misses, plan, limits, used, full=texts == "full")
    doubtful = [
        (at, m)
        for at, view in enumerate(views)
        for m, pair in enumerate(view.members)
        if pair.relation != "exact"
    ]
    doubtful.sort(key=lambda place: (views[place[0]].members[place[1]].containment, place))
    sizes = [len(rows) + 1 for rows in ledger.clusters.values()]
    counts = {"in": ledger.n_rows} | {
        status: ledger.count(status) for status in ("kept", "dropped", "rejected")
    }
    relations = np.bincount(ledger.relation[ledger.status == 1], minlength=256)
    figures = Figures(
        counts,
        {name: int(relations[n]) for n, name in enumerate(RELATIONS) if relations[n]},
        dict(ledger.flags.most_common()),
        dict(ledger.rules.most_common()),
        len(sizes),
        max(sizes, default=0),
        left_out,
    )
    return Report(
        figures,
        views,
        doubtful[: limits.borderline],
        misses,
        _examples(ledger, records) if texts != "none" else {},
        draw_charts(ledger, fields),
        texts,
        manifest,
    )


def _plan(ledger: Ledger, limits: Limits, texts: ReportTexts) -> _Plan:
    """Choose the largest clusters, the most doubtful members of each, and the pairs to compare."""

    def doubtful_first(rows: list[int]) -> list[int]:
        return sorted(rows, key=lambda row: (ledger.containment[row], row))

    ranked = sorted(
        ledger.clusters.items(),
        key=lambda item: (-len(item[1]), min(ledger.containment[row] for row in item[1]), item[0]),
    )[: limits.clusters]
    most = _members_each([len(rows) for _, rows in ranked], limits)
    clusters = [(token, doubtful_first(rows)[:most], len(rows) + 1) for token, rows in ranked]
    plan = _Plan(clusters, list(range(min(limits.borderline, len(ledger.misses.row)))))
    if texts != "none":
        # Every cluster gets its most doubtful pair before any gets a second one.
        places = [
            (m, ledger.containment[row], at)
            for at, (_, rows, _) in enumerate(clusters)
            for m, row in enumerate(rows)
        ]
        plan.diffs = [(at, m) for m, _, at in sorted(places)]
    return plan


def _members_each(sizes: list[int], limits: Limits) -> int:
    """Return how many members each cluster may list, so that all together stay within the limit."""
    most = limits.members
    while most > 1 and sum(min(size, most) for size in sizes) > limits.members_in_all:
        most -= 1
    return most


def _wanted_rows(decisions: Source, ledger: Ledger, plan: _Plan) -> tuple[dict[int, Row], dict[bytes, int]]:
    """Read the decisions once more for the rows that are shown; find the others of near misses by id."""
    rows = {row for _, members, _ in plan.clusters for row in members}
    rows |= {int(ledger.keeper[row]) for row in rows}
    rows |= {int(ledger.misses.row[at]) for at in plan.misses}
    rows |= {row for examples in ledger.examples.values() for row in examples}
    tokens = {ledger.misses.other[at] for at in plan.misses}
    wanted: dict[int, Row] = {}
    others: dict[bytes, int] = {}
    for at, row in enumerate(read_rows(decisions)):
        token = bytes(row.id)
        if token in tokens and row.status == "kept":
            others.setdefault(token, at)
        if at in rows or others.get(token) == at:
            wanted[at] = row
    return wanted, others


def _view(
    token: bytes,
    rows: list[int],
    size: int,
    ledger: Ledger,
    wanted: dict[int, Row],
    records: dict[int, Record],
    published: dict[bytes, Record],
    limits: Limits,
) -> ClusterView:
    members = []
    for row in rows:
        decision = wanted[row]
        members.append(
            Pair(
                records[row],
                decision.relation or "",
                decision.jaccard or 0.0,
                decision.containment or 0.0,
                decision.ratio,
                decision.reason,
            )
        )
    keeper = int(ledger.keeper[rows[0]])
    if keeper == NOWHERE:
        record = published.get(token) or Record(NOWHERE, shown_id(token))
        return ClusterView(record, wanted[rows[0]].kept_in or "against", size, members)
    decision = wanted[keeper]
    links = [
        Pair(Record(NOWHERE, shown_id(bytes(link.id))), link.relation, link.jaccard, link.containment)
        for link in decision.links[: limits.links]
    ]
    story = bytes(decision.story)
    return ClusterView(
        records[keeper],
        "input",
        size,
        members,
        decision.preferences or {},
        links,
        shown_id(story) if story and story != token else None,
        shown_id(bytes(decision.supersedes)) if bytes(decision.supersedes) else None,
    )


def _miss(ledger: Ledger, at: int, others: dict[bytes, int], records: dict[int, Record]) -> Miss | None:
    row, token = int(ledger.misses.row[at]), ledger.misses.other[at]
    b = records.get(others.get(token, NOWHERE))
    if b is None:
        return None
    a = records[row]
    pair = Pair(a, RELATIONS[ledger.misses.relation[at]], 0.0, float(ledger.misses.containment[at]))
    return Miss(a, b, pair)


def _tell_why(misses: list[Miss], manifest: dict[str, Any] | None) -> None:
    """Judge the pairs kept apart once more, for decisions don't hold the rule that parted them.

    The run knew the corpus's house text, this doesn't: where the two disagree, nothing is said.
    """
    from dedup.pipeline.pair import judge_two

    settings = (manifest or {}).get("config", {}).get("verify", {})
    config = Config(verify=VerifyConfig(**{name: settings[name] for name in _JUDGED_BY if name in settings}))
    for miss in misses:
        if miss.a.text is not None and miss.b.text is not None:
            scored = judge_two(_article(miss.a), _article(miss.b), config).scored
            if scored.relation == miss.pair.relation:
                miss.pair.reason = scored.reason


def _article(record: Record) -> Article:
    date = None
    if record.date:
        # A year with five digits has a place in decisions and none here.
        with suppress(ValueError):
            date = datetime.fromisoformat(record.date).replace(tzinfo=UTC)
    return Article(record.text or "", record.id, record.title, record.source, date)


def _while_there_is_room(views: Iterable[ClusterView], limits: Limits) -> tuple[list[ClusterView], int]:
    """Return the clusters that fit into the page, and about how many bytes they take there."""
    fitting: list[ClusterView] = []
    used = 0
    for view in views:
        # The kept one's id and title stand in the table as well; a member has scores and a reason.
        size = 2 * _record_bytes(view.keeper) + sum(40 + _record_bytes(pair.record) for pair in view.members)
        size += 60 * len(view.links) + (80 if view.preferences else 0)
        if used + size > limits.page_bytes:
            break
        used += size
        fitting.append(view)
    return fitting, used


def _record_bytes(record: Record) -> int:
    return 65 + sum(len(text.encode()) for text in (record.id, record.title, record.url) if text)


def _compare(
    views: list[ClusterView], misses: list[Miss], plan: _Plan, limits: Limits, used: int, *, full: bool
) -> int:
    """Compare pairs word by word while there is room; return how many were left out."""
    room = limits.page_bytes * (4 if full else 1) - used
    cut: dict[int, Words] = {}
    for miss in misses:
        miss.pair.diff = _diff(miss.a, miss.b, cut, full=full)
        room -= _size(miss.pair.diff)
    done = 0
    wanted = [(at, member) for at, member in plan.diffs if at < len(views)]
    for at, member in wanted[: limits.diffs]:
        if room < 0:
            break
        pair = views[at].members[member]
        pair.diff = _diff(pair.record, views[at].keeper, cut, full=full)
        room -= _size(pair.diff)
        done += 1
    return len(wanted) - done


def _size(diff: Diff | None) -> int:
    return sum(len(piece.encode()) + 6 if isinstance(piece, str) else 3 for piece in diff or ())


def _diff(a: Record, b: Record, cut: dict[int, Words], *, full: bool) -> Diff | None:
    if a.text is None or b.text is None:
        return None
    # Members of a cluster share their keeper; a published one has no row and is cut each time.
    if b.row not in cut or b.row == NOWHERE:
        cut.clear()
        cut[b.row] = _cleaned_words(b)
    return word_diff(_cleaned_words(a), cut[b.row], fold=not full)


def _cleaned_words(record: Record) -> Words:
    from dedup.normaliser import clean

    text = record.text or ""
    cleaned = clean(text, title=record.title)
    return cut_words(cleaned.readable, cleaned.removed, text)


def _examples(ledger: Ledger, records: dict[int, Record]) -> dict[str, list[Example]]:
    from dedup.normaliser import clean

    shown: dict[str, list[Example]] = {}
    for rule, rows in ledger.examples.items():
        shown[rule] = []
        for record in (records[row] for row in rows if row in records):
            removed = clean(record.text or "", title=record.title).removed
            passage = next((r.text for r in removed if r.rule == rule), None)
            if passage is not None:
                shown[rule].append(Example(rule, record.id, plain(passage, _EXAMPLE_CHARS)))
    return shown
