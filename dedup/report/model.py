"""What a report says, before it takes a form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from dedup.report.diff import Diff

ReportTexts = Literal["none", "diffs", "full"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much goes into a report. What is left out is counted and said.

    Chosen for a page of 20,000 clusters under 15 MB that opens within two seconds.
    """

    clusters: int = 20_000
    members: int = 50
    members_in_all: int = 40_000
    diffs: int = 10_000
    # Of everything in the page; comparisons of texts get what titles, links and scores leave.
    page_bytes: int = 14_400_000
    borderline: int = 20
    links: int = 3


@dataclass(slots=True)
class Record:
    """One record as the report shows it; texts are there only where a diff needs them."""

    row: int
    id: str
    record: str = ""
    title: str | None = None
    source: str | None = None
    date: str | None = None
    url: str | None = None
    text: str | None = None
    flags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Pair:
    """A record held against another: a dropped one and its witness, or two kept apart."""

    record: Record
    relation: str
    jaccard: float
    containment: float
    ratio: float | None = None
    reason: str = ""
    diff: Diff | None = None


@dataclass(slots=True)
class ClusterView:
    """A kept record, those dropped for it, and what looks like it."""

    keeper: Record
    kept_in: str
    size: int
    members: list[Pair]
    preferences: dict[str, Any] = field(default_factory=dict)
    links: list[Pair] = field(default_factory=list)
    story: str | None = None
    supersedes: str | None = None

    @property
    def left_out(self) -> int:
        """Dropped records that are not listed."""
        return self.size - 1 - len(self.members)


@dataclass(slots=True)
class Miss:
    """Two kept records that look alike."""

    a: Record
    b: Record
    pair: Pair


@dataclass(slots=True)
class Example:
    """What a rule of the normaliser took out of one record."""

    rule: str
    id: str
    text: str


@dataclass(slots=True)
class Figures:
    """The run at a glance."""

    counts: dict[str, int]
    relations: dict[str, int]
    flags: dict[str, int]
    rules: dict[str, int]
    clusters: int
    largest: int
    diffs_left_out: int = 0

    @property
    def share(self) -> float:
        """Dropped records as a fraction of those that could be judged."""
        return self.counts["dropped"] / max(1, self.counts["in"] - self.counts["rejected"])


@dataclass(slots=True)
class Chart:
    """A drawing, wide and for narrow screens, and its figures in words."""

    key: str
    title: str
    svg: str
    narrow: str
    note: str
    head: tuple[str, ...]
    rows: list[tuple[str | int, ...]]


@dataclass(slots=True)
class Report:
    """All that a report says."""

    figures: Figures
    clusters: list[ClusterView]
    borderline: list[tuple[int, int]]  # cluster and member, the most doubtful drop first
    misses: list[Miss]
    examples: dict[str, list[Example]]
    charts: list[Chart]
    texts: ReportTexts
    manifest: dict[str, Any] | None = None
