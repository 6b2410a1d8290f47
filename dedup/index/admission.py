"""Judged newcomers → who is kept, who is dropped for whom, and which stored record gives way.

The batch run visits records from the fullest to the shortest, drops each for
the strongest kept one, and then lets preferences choose within a finished
star. An index never sees a finished star; its rules are the same, one
newcomer at a time:

1. A newcomer with a drop edge from a kept record is dropped for it.
2. If it may stand for that record as well and the preferences would rather
   keep it, or if it is kept and holds all of a kept record, it supersedes
   that record.
3. Where it may stand for every member of that record's cluster, it takes the
   cluster over: record and members become its duplicates. Otherwise both stay.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup import flags as bits
from dedup.canonical import Version, choose
from dedup.index.case import Case, Held, no_verdicts
from dedup.index.members import Members
from dedup.pipeline.collapse import Nodes
from dedup.pipeline.corpus import NO_DATE
from dedup.pipeline.resolve import visiting_order
from dedup.pipeline.verdicts import Verdicts, drop_edges, read_verdicts
from dedup.stores import Head


@dataclass
class Admission:
    """What became of the documents of a case.

    ``keeper`` is a node for each node (its own when kept), ``witness`` the
    verdict behind a drop (-1 without); ``moved`` maps stored members, by
    document, to the node that took them over and the row of `member_verdicts`
    behind it; ``supersedes`` maps nodes to the stored node that gives way, and
    whether it did.
    """

    corpus: Held
    nodes: Nodes
    flags: NDArray[np.uint32]
    verdicts: Verdicts
    keeper: NDArray[np.int64]
    witness: NDArray[np.int64]
    member_verdicts: Verdicts
    moved: dict[int, tuple[int, int]] = field(default_factory=dict)
    supersedes: dict[int, tuple[int, bool]] = field(default_factory=dict)


class Admitter:
    """Decide about the newcomers of a case, once all is judged."""

    def __init__(
        self,
        case: Case,
        members_of: Callable[[Sequence[int]], list[Head]],
        load: Callable[[Sequence[Head]], dict[int, int]],
    ) -> None:
        self._case = case
        self._members = Members(case, members_of, load)
        self._config = case.engine.config
        corpus, flags, nodes = case.collapse()
        self._corpus, self._flags, self._nodes = corpus, flags, nodes
        self._verdicts = self._read(case.judged, corpus, nodes.node_of)
        self._order = visiting_order(corpus, nodes, self._verdicts)
        self._short = (flags[nodes.first] & bits.SHORT) != 0
        edges = drop_edges(self._verdicts, corpus.dates[nodes.first], self._short, self._config)
        self._edges = {
            (k, d): (p, s)
            for k, d, p, s in zip(
                edges.keepers.tolist(),
                edges.dropped.tolist(),
                edges.pairs.tolist(),
                edges.strengths.tolist(),
                strict=True,
            )
        }
        n_nodes = len(nodes.first)
        self._place = np.empty(n_nodes, np.int64)
        self._place[self._order] = np.arange(n_nodes)
        self._new_members: dict[int, list[int]] = defaultdict(list)
        self._result = Admission(
            corpus, nodes, flags, self._verdicts, np.arange(n_nodes), np.full(n_nodes, -1), self._verdicts
        )

    def run(self) -> Admission:
        """Visit the newcomers in the batch run's order."""
        into: dict[int, list[int]] = defaultdict(list)
        out: dict[int, list[int]] = defaultdict(list)
        for keeper, dropped in self._edges:
            into[dropped].append(keeper)
            out[keeper].append(dropped)
        published = self._corpus.published[self._nodes.first]
        connected = into.keys() | out.keys()
        visited = [node for node in self._order.tolist() if node in connected and not published[node]]
        self._members.meet(self._likely(visited, into, out))
        for node in visited:
            self._visit(node, into[node], out[node])
        self._result.member_verdicts = self._members.verdicts
        return self._result

    def _likely(
        self, visited: Sequence[int], into: dict[int, list[int]], out: dict[int, list[int]]
    ) -> list[tuple[int, int]]:
        """Return who will ask first for each stored record's cluster, as far as edges tell."""
        asked: dict[int, int] = {}
        for node in visited:
            for old in out[node]:
                stored = self._stored(old)
                if stored is not None and (
                    old not in into[node] or self._preferred(node, [self._rival(node, old)])
                ):
                    asked.setdefault(stored.ordinal, int(self._nodes.first[node]))
        return [(newcomer, ordinal) for ordinal, newcomer in asked.items()]

    def _visit(self, node: int, into: list[int], out: list[int]) -> None:
        keeper = self._result.keeper
        able = [k for k in into if keeper[k] == k and k != node and self._visited(k, node)]
        if able:
            best = max(able, key=lambda k: (self._edges[k, node][1], -self._place[k]))
            keeper[node], self._result.witness[node] = best, self._edges[best, node][0]
            better = (node, best) in self._edges and self._preferred(node, [self._rival(node, best)])
            if better and self._take_over(node, best, preferred=True):
                return
            self._new_members[best].append(node)
            return
        for other in sorted(out, key=lambda k: int(self._place[k])):
            if keeper[other] == other and other != node and self._visited(other, node):
                self._take_over(node, other)

    def _visited(self, other: int, node: int) -> bool:
        return bool(self._place[other] < self._place[node])

    def _take_over(self, node: int, old: int, *, preferred: bool = False) -> bool:
        """Let a newcomer stand for a kept node and all its members, if it may; note that it is better.

        One that is merely preferred must be so to every member: a chain of
        small losses against the last keeper must not pass for none.
        """
        stored = self._stored(old)
        newer = [m for m in self._new_members[old] if m != node]
        moved = None
        able = all((node, m) in self._edges for m in newer)
        # Members that came over a moment ago would have to be compared once more: they stay where they are.
        if able and not any(taker == old for taker, _ in self._result.moved.values()):
            first = int(self._nodes.first[node])
            moved = self._members.stood_for(first, stored.ordinal) if stored is not None else {}
        if preferred and moved is not None:
            rivals = [self._stored_rival(document, row) for document, row in moved.items()]
            if not self._preferred(node, rivals + [self._rival(node, m) for m in newer]):
                return False
        if moved is None:
            if stored is not None and self._result.keeper[node] == node:
                self._result.supersedes.setdefault(node, (old, False))
            return False
        result = self._result
        result.keeper[node], result.witness[node] = node, -1
        for member in (old, *newer):
            result.keeper[member], result.witness[member] = node, self._edges[node, member][0]
        self._new_members[node] += [old, *newer]
        self._new_members.pop(old, None)
        result.moved |= {document: (node, row) for document, row in moved.items()}
        gave_way = result.supersedes.pop(old, None) if stored is None else (old, True)
        if gave_way is not None and not result.supersedes.get(node, (0, False))[1]:
            result.supersedes[node] = gave_way
        return True

    def _stored(self, node: int) -> Head | None:
        """Return the stored document that represents a node, None for a newcomer."""
        first = int(self._nodes.first[node])
        return None if first < self._case.n else self._case.heads[first - self._case.n]

    def _preferred(self, node: int, rivals: Sequence[Version]) -> bool:
        """Tell whether the preferences would rather keep a newcomer than any of these."""
        cluster = self._config.cluster
        versions = [self._version(node, 0, 0), *rivals]
        best, _ = choose(versions, prefer=cluster.prefer, source_priority=cluster.source_priority)
        return best.node == node

    def _rival(self, node: int, other: int) -> Version:
        """Return another node as a version, measured against a newcomer that may stand for it."""
        verdicts = self._verdicts
        row = self._edges[node, other][0]
        sign = 1 if verdicts.a[row] == other else -1
        return self._version(other, sign * int(verdicts.extra[row]), sign * int(verdicts.foreign[row]))

    def _stored_rival(self, document: int, row: int) -> Version:
        """Return a stored member as a version, by the row of the verdict on it and the newcomer."""
        verdicts = self._members.verdicts
        sign = 1 if verdicts.a[row] == document else -1
        head = self._case.heads[document - self._case.n]
        return Version(
            node=-1 - document,
            damage=int(bits.damage(np.uint32(head.flags))),
            extra=sign * int(verdicts.extra[row]),
            foreign=sign * int(verdicts.foreign[row]),
            source=head.source,
            date=head.date,
            likeness=0.0,
            id=msgspec.json.decode(head.id),
            digest=head.identity,
        )

    def _version(self, node: int, extra: int, foreign: int) -> Version:
        document = int(self._nodes.first[node])
        corpus = self._corpus
        date = int(corpus.dates[document])
        return Version(
            node=node,
            damage=int(bits.damage(self._flags[document])),
            extra=extra,
            foreign=foreign,
            source=corpus.value("source", document),
            date=None if date == NO_DATE else date,
            likeness=0.0,
            id=corpus.id(document),
            digest=corpus.value("identity", document),
        )

    @staticmethod
    def _read(judged: Sequence[pa.RecordBatch], corpus: Held, node_of: NDArray[np.int64]) -> Verdicts:
        """Join verdicts, without those on documents that are not kept any more."""
        verdicts = read_verdicts(judged or [no_verdicts()], node_of)
        good = (verdicts.a >= 0) & (verdicts.b >= 0) & (verdicts.a != verdicts.b)
        if good.all():
            return verdicts
        chosen: dict[str, Any] = {
            name: getattr(verdicts, name)[good] for name in Verdicts.__dataclass_fields__ if name != "reason"
        }
        return Verdicts(**chosen, reason=verdicts.reason.filter(pa.array(good)))
