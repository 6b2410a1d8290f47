"""Edges → connected components: the two half-rounds of large-star/small-star, over streams.

Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii, "Connected Components in
MapReduce and Beyond" (2014). Each half-round takes directed edges sorted by
node and neighbour, so that a node's least neighbour comes first and a hub's
neighbours never stand in memory together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.spark.pieces import longs, pieces

LINKS = pa.schema([("node", pa.int64()), ("other", pa.int64())])


def large_star(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Link each node's larger neighbours to its least one; takes both directions, sorted.

    Examples
    --------
    >>> both = pa.record_batch([pa.array([1, 2, 2, 3]), pa.array([2, 1, 3, 2])], schema=LINKS)
    >>> [batch.to_pylist() for batch in large_star([both])]
    [[{'node': 2, 'other': 1}, {'node': 3, 'other': 1}]]
    """
    for node, other, least in _with_least(batches):
        larger = other > node
        # The same link comes from several nodes; here at least each is written once.
        yield _links(other[larger], np.minimum(least, node)[larger])


def small_star(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Link each node and its smaller neighbours to the least of them; takes larger → smaller, sorted."""
    for node, other, least in _with_least(batches):
        first = np.append(True, node[1:] != node[:-1]) if len(node) else np.empty(0, np.bool_)
        # Of a node whose edges come in several pieces this link comes several times: the same one.
        nodes = np.concatenate([node[first], other[other != least]])
        leasts = np.concatenate([least[first], least[other != least]])
        yield _links(nodes, leasts)


def _with_least(
    batches: Iterable[pa.RecordBatch],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield nodes, neighbours and each node's least neighbour, row for row."""
    carried = 0
    for piece in pieces(batches, ["node"]):
        node, other = longs(piece.rows.column("node")), longs(piece.rows.column("other"))
        leasts = other[piece.starts[:-1]]
        if piece.continued:
            leasts[0] = carried
        if piece.open:
            carried = int(leasts[-1])
        yield node, other, np.repeat(leasts, np.diff(piece.starts))


def _links(node: NDArray[np.int64], other: NDArray[np.int64]) -> pa.RecordBatch:
    return pa.record_batch([pa.array(node), pa.array(other)], schema=LINKS)
