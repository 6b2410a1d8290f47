"""Verified edges → stars: one kept node each, and a witnessed edge from it to every dropped one.

No chains: A may stand for B only by an edge between A and B themselves.
The outcome depends on the nodes' order of fullness and on the edges, never on
the order in which either arrived.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedup.kernels.stars import greedy_stars


@dataclass(frozen=True, slots=True)
class Edges:
    """Directed edges: `keepers[e]` may stand for `dropped[e]`; `pairs[e]` is the verified pair behind it.

    Arrays of int64, shape (n_edges,), `strengths` uint64, larger is stronger.
    """

    keepers: NDArray[np.int64]
    dropped: NDArray[np.int64]
    pairs: NDArray[np.int64]
    strengths: NDArray[np.uint64]

    def known(self) -> Known:
        """Return these edges for asking after single ones."""
        return Known(self)


class Known:
    """Directed edges by their ends: ``known[keeper, dropped]`` is the pair behind one, or None.

    Arrays, where a dictionary takes ten times their memory.
    """

    def __init__(self, edges: Edges) -> None:
        ends = (edges.keepers.astype(np.uint64) << np.uint64(32)) | edges.dropped.astype(np.uint64)
        order = np.argsort(ends, kind="stable")
        self._ends, self._pairs = ends[order].data, edges.pairs[order].data

    def __getitem__(self, ends: tuple[int, int]) -> int | None:
        wanted = ends[0] << 32 | ends[1]
        # Of equal edges the last one counts.
        place = bisect_right(self._ends, wanted) - 1
        return self._pairs[place] if place >= 0 and self._ends[place] == wanted else None

    def to_all(self, keeper: int, dropped: list[int]) -> list[int] | None:
        """Return the pairs behind the edges from a node to others, None if one has none."""
        pairs = [pair for node in dropped if (pair := self[keeper, node]) is not None]
        return pairs if len(pairs) == len(dropped) else None


@dataclass(frozen=True, slots=True)
class Stars:
    """For each node its keeper (itself when kept) and the pair that witnesses the drop (-1 when kept)."""

    keeper: NDArray[np.int64]
    witness: NDArray[np.int64]

    def members(self) -> dict[int, list[int]]:
        """Return the dropped nodes of every star that has any, by keeper, in ascending order."""
        stars: dict[int, list[int]] = defaultdict(list)
        for node in np.flatnonzero(self.keeper != np.arange(len(self.keeper))).tolist():
            stars[int(self.keeper[node])].append(node)
        return dict(stars)


def form_stars(order: NDArray[np.int64], fixed: NDArray[np.bool_], edges: Edges) -> Stars:
    """Form stars greedily, the fullest node first.

    Parameters
    ----------
    order : numpy.ndarray of int64, shape (n_nodes,)
        Nodes from the fullest to the shortest.
    fixed : numpy.ndarray of bool, shape (n_nodes,)
        Nodes that can't be dropped: already published.
    edges : Edges

    Returns
    -------
    Stars
        A node with an edge from a kept one is dropped for it, the strongest
        edge first; any other is kept. Afterwards a kept node takes over another
        kept star if it has edges to that star's keeper and to all its members:
        a text can be the fuller one and yet have fewer tokens, when the other
        is wrapped in foreign matter.

    Examples
    --------
    >>> edges = Edges(np.array([0, 1]), np.array([1, 2]), np.array([0, 1]), np.array([5, 5], np.uint64))
    >>> form_stars(np.array([0, 1, 2]), np.zeros(3, bool), edges).keeper.tolist()  # no chain from 0 to 2
    [0, 0, 2]
    """
    n_nodes = len(order)
    place = np.empty(n_nodes, np.int64)
    place[order] = np.arange(n_nodes)
    # Among equals the keeper that was visited first wins: the sort makes ties independent of arrival.
    by_node = np.lexsort((place[edges.keepers], edges.dropped))
    first_edge = np.searchsorted(edges.dropped[by_node], np.arange(n_nodes + 1))
    keeper = np.empty(n_nodes, np.int64)
    witness = np.empty(n_nodes, np.int64)
    greedy_stars(order, fixed, first_edge, edges.keepers[by_node], edges.strengths[by_node], keeper, witness)
    witness = np.where(witness >= 0, edges.pairs[by_node[witness]] if len(by_node) else -1, -1)
    return _absorb(Stars(keeper, witness), place, fixed, edges)


def _absorb(stars: Stars, place: NDArray[np.int64], fixed: NDArray[np.bool_], edges: Edges) -> Stars:
    """Let kept nodes take over whole kept stars that they stand for edge by edge."""
    keeper, witness = stars.keeper, stars.witness
    both_kept = (keeper[edges.keepers] == edges.keepers) & (keeper[edges.dropped] == edges.dropped)
    chosen = np.flatnonzero(both_kept & ~fixed[edges.dropped])
    if not len(chosen):
        return stars
    known = edges.known()
    members = stars.members()
    ordered = sorted(chosen.tolist(), key=lambda e: (place[edges.keepers[e]], place[edges.dropped[e]]))
    for edge in ordered:
        new, old = int(edges.keepers[edge]), int(edges.dropped[edge])
        if keeper[new] != new or keeper[old] != old:
            continue
        star = [old, *members.get(old, [])]
        pairs = known.to_all(new, star)
        if pairs is not None:
            keeper[star] = new
            witness[star] = pairs
            members.setdefault(new, []).extend(star)
            members.pop(old, None)
    return Stars(keeper, witness)
