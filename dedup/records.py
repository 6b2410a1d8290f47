"""What goes in and what comes out: frozen values without logic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Relation = Literal[
    "exact", "near", "contained", "partial", "revised", "digest", "template", "related", "unrelated"
]
Status = Literal["kept", "dropped", "rejected"]


@dataclass(frozen=True, slots=True)
class Article:
    """One text as a caller hands it in."""

    text: str
    id: str | int | None = None
    title: str | None = None
    source: str | None = None
    date: datetime | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """One passage that the normaliser took out.

    ``line`` counts from 1 in the text as it came; ``rule`` names the rule;
    ``text`` is the passage itself.
    """

    line: int
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Normalised:
    """A cleaned text: ``readable`` for people, ``key`` for comparison."""

    readable: str
    key: str
    removed: tuple[Removal, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """A verified pair and its evidence.

    ``jaccard`` is |A ∩ B| / |A ∪ B| of the true shingle sets; ``containment``
    is the share of the shorter one's shingles that the longer one has;
    ``ratio`` is the share of tokens matched in order (2·matched / total).
    All are fractions in [0, 1] rounded to 4 places. ``fuller`` is 0 when the
    first text holds everything of the second, 1 the other way round, None
    when neither does or both do.
    """

    relation: Relation
    jaccard: float
    containment: float
    ratio: float | None
    reason: str
    fuller: Literal[0, 1] | None = None
    features: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """A note in a decision: another record that looks alike and was not merged."""

    id: Any
    relation: Relation
    jaccard: float
    containment: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one record, and on what evidence; one row of ``--decisions``."""

    record: str
    id: Any
    status: Status
    cluster: Any = None
    story: Any = None
    kept_id: Any = None
    kept_in: Literal["input", "against", "index"] | None = None
    relation: Relation | None = None
    jaccard: float | None = None
    containment: float | None = None
    ratio: float | None = None
    reason: str | None = None
    preferences: Mapping[str, Any] | None = None
    stands_for: tuple[Mapping[str, Any], ...] = ()
    stands_for_count: int = 0
    supersedes: Any = None
    links: tuple[Link, ...] = ()
    flags: tuple[str, ...] = ()
    removed: tuple[Mapping[str, Any], ...] = ()
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A kept record and the records dropped for it."""

    id: Any
    kept: Any
    dropped: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What `dedup.deduplicate` returns.

    Attributes
    ----------
    kept, dropped : sequence of mappings
        The records; kept ones with their cleaned text, dropped ones as they came.
    clusters : tuple of Cluster
        Those with more than one record, the largest first.
    decisions : tuple of Decision
        One per record, in the order given.
    rejected : tuple of (int, str)
        Position and reason of records that could not be used.
    counts : mapping
        in, kept, dropped, rejected.
    digest : str
        Order-free digest of the decisions: equal for two runs that decided alike.
    """

    kept: Sequence[Mapping[str, Any]]
    dropped: Sequence[Mapping[str, Any]]
    clusters: tuple[Cluster, ...]
    decisions: tuple[Decision, ...]
    rejected: tuple[tuple[int, str], ...]
    counts: Mapping[str, int]
    digest: str
    table: Any = None  # the kept records as an Arrow table, where a table came in

    def to_arrow(self) -> Any:
        """Return the kept records as a `pyarrow.Table`; a table's or frame's own schema where one came in."""
        import pyarrow as pa

        return self.table if self.table is not None else pa.Table.from_pylist([dict(r) for r in self.kept])

    def to_pandas(self) -> Any:
        """Return the kept records as a `pandas.DataFrame`."""
        return self.to_arrow().to_pandas()
