"""Verified edges → stars: one kept node each, and a witnessed edge from it to every dropped one.

No chains: A may stand for B only by an edge between A and B themselves.
The outcome depends on the nodes' order of fullness and on the edges, never on
the order in which either arrived.
"""

from __future__ import annotations

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
    pair_of = {
        (k, d): p
        for k, d, p in zip(edges.keepers.tolist(), edges.dropped.tolist(), edges.pairs.tolist(), strict=True)
    }
    members = stars.members()
    ordered = sorted(chosen.tolist(), key=lambda e: (place[edges.keepers[e]], place[edges.dropped[e]]))
    for edge in ordered:
        new, old = int(edges.keepers[edge]), int(edges.dropped[edge])
        if keeper[new] != new or keeper[old] != old:
            continue
        star = [old, *members.get(old, [])]
        if all((new, node) in pair_of for node in star):
            for node in star:
                keeper[node] = new
                witness[node] = pair_of[new, node]
            members.setdefault(new, []).extend(star)
            members.pop(old, None)
    return Stars(keeper, witness)
