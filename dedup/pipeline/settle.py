"""Stars → their final keepers, and the wider stories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedup import flags as bits
from dedup.canonical import Version, choose
from dedup.cluster import Edges, Known, Stars, form_stars
from dedup.config import Config
from dedup.pipeline.collapse import Nodes
from dedup.pipeline.corpus import NO_DATE, Corpus
from dedup.pipeline.verdicts import Verdicts, strengths
from dedup.schema import RELATIONS

STORY = tuple(RELATIONS.index(name) for name in ("near", "contained", "partial", "revised"))


@dataclass(frozen=True, slots=True)
class Challenge:
    """Which member of each star the preferences would rather keep.

    ``challengers`` maps a keeper to the node that should take its place;
    ``preferences`` the values of the version kept or wanted, by node;
    ``missing`` int64 (n, 2) are the pairs that must still be judged.
    """

    challengers: dict[int, int]
    preferences: dict[int, dict[str, object]]
    missing: NDArray[np.int64]


def challenge(
    corpus: Corpus,
    nodes: Nodes,
    flags: NDArray[np.uint32],
    stars: Stars,
    verdicts: Verdicts,
    edges: Edges,
    order: NDArray[np.int64],
    config: Config,
) -> Challenge:
    """Ask the preferences for the version to keep among a star's keeper and those that may stand for it."""
    published = corpus.published[nodes.first]
    known = edges.known()
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    damage: list[int] = bits.damage(flags[nodes.first]).tolist()
    challengers: dict[int, int] = {}
    preferences: dict[int, dict[str, object]] = {}
    missing: list[tuple[int, int]] = []
    for keeper, members in stars.members().items():
        able = [keeper, *(m for m in members if known[m, keeper] is not None)]
        if published[keeper]:
            able = [keeper]
        versions = [
            _version(corpus, int(nodes.first[node]), damage[node], keeper, node, members, verdicts, known)
            for node in able
        ]
        best, values = choose(
            versions, prefer=config.cluster.prefer, source_priority=config.cluster.source_priority
        )
        preferences[best.node] = values
        if best.node == keeper:
            continue
        challengers[keeper] = best.node
        preferences[keeper] = choose([versions[0]], prefer=config.cluster.prefer)[1]
        others = [node for node in members if node != best.node and known[best.node, node] is None]
        missing.extend((best.node, o) if place[best.node] < place[o] else (o, best.node) for o in others)
    return Challenge(challengers, preferences, np.array(sorted(missing), np.int64).reshape(-1, 2))


def swap(stars: Stars, wanted: Challenge, edges: Edges) -> None:
    """Let a challenger take the keeper's place where it may stand for every other node of the star."""
    known = edges.known()
    members = stars.members()
    for keeper, challenger in wanted.challengers.items():
        others = [keeper, *(node for node in members[keeper] if node != challenger)]
        pairs = known.to_all(challenger, others)
        if pairs is not None:
            stars.keeper[others] = challenger
            stars.witness[others] = pairs
            stars.keeper[challenger] = challenger
            stars.witness[challenger] = -1


def stories(order: NDArray[np.int64], stars: Stars, verdicts: Verdicts) -> NDArray[np.int64]:
    """Return the lead of each node's story, int64, shape (n_nodes,): itself when it has none.

    Kept versions of one article are grouped as stars around a lead, for reports only.
    """
    rows = np.flatnonzero(np.isin(verdicts.relation, STORY))
    a, b = stars.keeper[verdicts.a[rows]], stars.keeper[verdicts.b[rows]]
    apart = a != b
    rows, a, b = rows[apart], a[apart], b[apart]
    both = np.concatenate([rows, rows])
    edges = Edges(np.concatenate([a, b]), np.concatenate([b, a]), both, strengths(verdicts)[both])
    grouped = form_stars(order, np.zeros(len(order), np.bool_), edges)
    return grouped.keeper[stars.keeper]


def _version(
    corpus: Corpus,
    document: int,
    damage: int,
    keeper: int,
    node: int,
    members: list[int],
    verdicts: Verdicts,
    known: Known,
) -> Version:
    extra = foreign = 0
    if node != keeper:
        row = known[node, keeper]
        assert row is not None
        sign = 1 if verdicts.a[row] == node else -1
        extra, foreign = sign * int(verdicts.extra[row]), sign * int(verdicts.foreign[row])
    others = [m for m in (keeper, *members) if m != node]
    likeness = sum(int(verdicts.jaccard[pair]) for o in others if (pair := known[node, o]) is not None)
    date = int(corpus.dates[document])
    return Version(
        node=node,
        damage=damage,
        extra=extra,
        foreign=foreign,
        source=corpus.value("source", document),
        date=None if date == NO_DATE else date,
        likeness=round(likeness / len(others) / 10_000, 4),
        id=corpus.id(document),
        digest=corpus.value("identity", document),
    )
