"""Greedy stars where a component is too large for one worker: statuses by rounds over sorted edges.

`dedup.cluster.form_stars` visits nodes in an order and drops a node for a
kept one before it. So a node is kept once all that could drop it are dropped,
and dropped once one of them is kept: each round decides all nodes whose
earlier neighbours are decided, and the outcome is that of the greedy order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from dedup.cluster import Edges
from dedup.config import Config
from dedup.pipeline.corpus import NO_DATE
from dedup.pipeline.verdicts import Verdicts, drop_edges, read_verdicts, strengths
from dedup.schema import VERDICTS
from dedup.spark.judging import JUDGED, as_verdicts
from dedup.spark.pieces import longs, pieces

# A directed edge: `keeper` may stand for `dropped` (ranks); larger strength is stronger.
EDGES = pa.schema([("keeper", pa.int64()), ("dropped", pa.int64()), ("strength", pa.int64())])
STATUSES = pa.schema([("node", pa.int64()), ("kept", pa.bool_())])


def direct_edges(batches: Iterable[pa.RecordBatch], *, config: Config) -> Iterator[pa.RecordBatch]:
    """Turn verdicts into the edges along which a node may be dropped; yield `EDGES`.

    Takes `judging.JUDGED` rows with ``date`` and ``short`` of both ends (``_a``, ``_b``).
    """
    for batch in batches:
        n_rows = batch.num_rows
        if n_rows:
            verdicts = _paired(batch)
            dates, short = (_ends(batch, name) for name in ("date", "short"))
            edges = drop_edges(verdicts, dates, short.astype(np.bool_), config)
            ranks = np.concatenate([longs(batch.column("a")), longs(batch.column("b"))])
            yield _edges(Edges(ranks[edges.keepers], ranks[edges.dropped], edges.pairs, edges.strengths))


def both_ways(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Turn verdicts (`judging.JUDGED`) into edges of both directions; yield `EDGES`."""
    for batch in batches:
        if batch.num_rows:
            a, b = longs(batch.column("a")), longs(batch.column("b"))
            both = np.tile(strengths(_paired(batch)), 2)
            keepers, dropped = np.concatenate([a, b]), np.concatenate([b, a])
            yield _edges(Edges(keepers, dropped, np.arange(2 * len(a)), both))


def elect(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Decide the nodes that one round can decide; yield `STATUSES`, ``kept`` null for the others.

    Takes edges to undecided nodes from those before them, sorted by
    ``dropped``, with the ``status`` of the keeper: 1 kept, 0 dropped, -1 undecided.
    """
    kept = waiting = False
    for piece in pieces(batches, ["dropped"]):
        status = longs(piece.rows.column("status"))
        nodes: list[int] = []
        decided: list[bool | None] = []
        dropped = longs(piece.rows.column("dropped"))
        for start, end, continued, is_open in piece.groups():
            found = status[start:end]
            kept = bool((found == 1).any()) or (continued and kept)
            waiting = bool((found < 0).any()) or (continued and waiting)
            if not is_open:
                nodes.append(int(dropped[start]))
                decided.append(False if kept else None if waiting else True)
        yield pa.record_batch([pa.array(nodes, pa.int64()), pa.array(decided, pa.bool_())], schema=STATUSES)


def _paired(batch: pa.RecordBatch) -> Verdicts:
    """Return verdicts whose ends are numbered: row i's are i and n + i."""
    n_rows = batch.num_rows
    ends = {"a": pa.array(np.arange(n_rows)), "b": pa.array(np.arange(n_rows, 2 * n_rows))}
    plain = [ends.get(f.name, batch.column(f.name)) for f in JUDGED]
    verdicts = as_verdicts(pa.record_batch(plain, schema=JUDGED))
    assert verdicts.schema.names == VERDICTS.names
    return read_verdicts([verdicts], np.arange(2 * n_rows))


def _ends(batch: pa.RecordBatch, name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    null = NO_DATE if name == "date" else 0
    columns = [batch.column(f"{name}_{end}").cast(pa.int64()).fill_null(null) for end in ("a", "b")]
    return np.concatenate([column.to_numpy(zero_copy_only=False) for column in columns])


def _edges(edges: Edges) -> pa.RecordBatch:
    columns = [edges.keepers, edges.dropped, edges.strengths.astype(np.int64)]
    return pa.record_batch([pa.array(column) for column in columns], schema=EDGES)
