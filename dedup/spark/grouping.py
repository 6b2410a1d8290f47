"""Sorted light rows → nodes of equal texts, as `dedup.pipeline.collapse` makes them, group by group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from dedup.config import Config
from dedup.pipeline.collapse import DAY_US, NOTICE_LOOKED_AT, NOTICE_TITLES, NOTICE_TOKENS
from dedup.spark.pieces import longs, pieces
from dedup.verify import same_subject

# Columns that tell groups apart; ``apart`` is 0 for texts that are compared.
GROUP_KEYS = ("key_digest", "day", "apart")
# What is told of each row.
TOLD = (pa.field("node", pa.int64()), pa.field("seq", pa.int64()), pa.field("notice", pa.bool_()))


@dataclass
class _Part:
    """What is remembered of the rows of a group that have one subject."""

    source: str | None
    words: list[str]
    heads: list[tuple[int, int | None]] = field(default_factory=list)  # place and date of each node's first
    sizes: list[int] = field(default_factory=list)


@dataclass
class _Group:
    """What is remembered of a group while its rows go by."""

    notice: bool = False
    parts: list[_Part] = field(default_factory=list)
    known: dict[tuple[str | None, bytes | None], _Part] = field(default_factory=dict)

    def part(self, source: str | None, subject: bytes | None) -> _Part:
        """Return the part of a row: in one source the titles of short texts name one subject."""
        named = None if subject is None else source, subject
        if named not in self.known:
            words = (subject or b"").decode().split()
            fitting = (p for p in self.parts if p.source != named[0] or same_subject(words, p.words))
            found = next(fitting, None)
            if found is None:
                found = _Part(named[0], words)
                self.parts.append(found)
            self.known[named] = found
        return self.known[named]


def group_rows(batches: Iterable[pa.RecordBatch], *, config: Config) -> Iterator[pa.RecordBatch]:
    """Group rows by equal key; yield them with the columns `TOLD`.

    ``node`` is the place of the group's representative, null for a text that
    is never compared; ``seq`` is 0 for the representative and counts in the
    order of preference; ``notice`` marks the texts of a notice.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Sorted by `GROUP_KEYS` and the order of preference; with ``place``,
        ``date``, ``n_tokens``, ``source``, ``heading`` (a digest) and
        ``subject`` (the title's key; null where the text is not short).
    config : Config
        Its ``verify.max_days`` splits groups.
    """
    group = _Group()
    for piece in pieces(batches, GROUP_KEYS):
        rows = piece.rows
        places, dates, sources, subjects = (
            rows.column(name).to_pylist() for name in ("place", "date", "source", "subject")
        )
        compared = (longs(rows.column("apart")) == 0).tolist()
        told: list[tuple[int | None, int, bool]] = []
        for start, end, continued, is_open in piece.groups():
            if not continued:
                several = end - start > 1 or is_open
                group = _Group(several and is_notice(rows.slice(start, end - start)))
            for row in range(start, end):
                if group.notice or not compared[row]:
                    told.append((None, 0, group.notice))
                else:
                    part = group.part(sources[row], subjects[row])
                    told.append((*_assign(part, places[row], dates[row], config), False))
        columns = list(zip(*told, strict=True))
        for number, column in enumerate(columns):
            rows = rows.append_column(TOLD[number], pa.array(column, TOLD[number].type))
        yield rows


def is_notice(rows: pa.RecordBatch) -> bool:
    """Tell whether one source has the same short text under many titles or addresses."""
    if rows.num_rows < NOTICE_TITLES or rows.column("n_tokens")[0].as_py() >= NOTICE_TOKENS:
        return False
    head = rows.slice(0, NOTICE_LOOKED_AT)
    headings: dict[str | None, set[bytes]] = {}
    for source, heading in zip(
        head.column("source").to_pylist(), head.column("heading").to_pylist(), strict=True
    ):
        if heading is not None:
            headings.setdefault(source, set()).add(heading)
    return any(len(found) >= NOTICE_TITLES for found in headings.values())


def _assign(part: _Part, place: int, date: int | None, config: Config) -> tuple[int, int]:
    """Return the node of a row, and its number there."""
    limit = config.verify.max_days
    for number, (head, kept) in enumerate(part.heads):
        if limit is None or date is None or kept is None or abs(date - kept) <= limit * DAY_US:
            part.sizes[number] += 1
            return head, part.sizes[number] - 1
    part.heads.append((place, date))
    part.sizes.append(1)
    return place, 0
