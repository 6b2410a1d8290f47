"""Greedy stars over directed drop edges."""

from __future__ import annotations

from dedup.kernels.cache import kernel


@kernel
def greedy_stars(order, fixed, first_edge, edge_keeper, edge_strength, keeper, witness):
    """Visit nodes in `order`; fill `keeper` (int64, own number when kept) and `witness` (edge, -1 when kept).

    Edges of node v into it stand at `first_edge[v]:first_edge[v + 1]`:
    `edge_keeper` (node that v may be dropped for) and `edge_strength` (uint64,
    larger is stronger). Nodes marked `fixed` are kept whatever edges they have.
    """
    for v in range(keeper.shape[0]):
        keeper[v] = -1
        witness[v] = -1
    for i in range(order.shape[0]):
        v = order[i]
        best = -1
        if not fixed[v]:
            for e in range(first_edge[v], first_edge[v + 1]):
                k = edge_keeper[e]
                if keeper[k] == k and (best < 0 or edge_strength[e] > edge_strength[best]):
                    best = e
        if best < 0:
            keeper[v] = v
        else:
            keeper[v] = edge_keeper[best]
            witness[v] = best
