"""Verdicts as arrays, and the drop edges that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.cluster import Edges
from dedup.config import Config
from dedup.pipeline.collapse import DAY_US
from dedup.pipeline.corpus import NO_DATE
from dedup.schema import RELATIONS, VERDICTS

# A daily notice returns after a day, give or take some hours; a flash is repeated before.
SAME_EVENT_US = DAY_US * 20 // 24


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Columns of `schema.VERDICTS` as arrays; `a` and `b` are nodes."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    relation: NDArray[np.uint8]
    fuller: NDArray[np.int8]
    jaccard: NDArray[np.uint16]
    containment: NDArray[np.uint16]
    ratio: NDArray[np.int32]  # -1 where none
    extra: NDArray[np.int32]
    foreign: NDArray[np.int32]
    reason: pa.ChunkedArray


def read_verdicts(judged: Sequence[pa.RecordBatch], node_of: NDArray[np.int64]) -> Verdicts:
    """Join judged batches; documents become nodes."""
    batches = [batch.replace_schema_metadata(None) for batch in judged]
    table = pa.Table.from_batches(batches, VERDICTS)
    columns = {name: table.column(name) for name in VERDICTS.names}
    arrays = {name: columns[name].to_numpy() for name in VERDICTS.names if name not in ("reason", "ratio")}
    arrays["a"], arrays["b"] = node_of[arrays["a"]], node_of[arrays["b"]]
    ratio = columns["ratio"].cast(pa.int32()).fill_null(-1).to_numpy()
    return Verdicts(**arrays, ratio=ratio, reason=columns["reason"])


def drop_edges(
    verdicts: Verdicts, dates: NDArray[np.int64], short: NDArray[np.bool_], config: Config
) -> Edges:
    """Return the directed edges along which a node may be dropped.

    Parameters
    ----------
    verdicts : Verdicts
    dates : numpy.ndarray of int64, shape (n_nodes,)
        Microseconds, NO_DATE where there is none: a missing date never blocks.
    short : numpy.ndarray of bool, shape (n_nodes,)
        Texts too short to tell two events apart: these drop within 20 hours only.
    config : Config
        Which relations drop, and within how many days.
    """
    wanted = [RELATIONS.index(name) for name in config.cluster.drop]
    date_a, date_b = dates[verdicts.a], dates[verdicts.b]
    apart = np.where((date_a != NO_DATE) & (date_b != NO_DATE), np.abs(date_a - date_b), 0)
    limit = np.where(short[verdicts.a] | short[verdicts.b], SAME_EVENT_US, np.iinfo(np.int64).max)
    if config.verify.max_days is not None:
        limit = np.minimum(limit, config.verify.max_days * DAY_US)
    chosen = np.isin(verdicts.relation, wanted) & (apart <= limit)
    rows = np.flatnonzero(chosen)
    forward = rows[verdicts.fuller[rows] != 1]
    backward = rows[verdicts.fuller[rows] != 0]
    pairs = np.concatenate([forward, backward])
    return Edges(
        np.concatenate([verdicts.a[forward], verdicts.b[backward]]),
        np.concatenate([verdicts.b[forward], verdicts.a[backward]]),
        pairs,
        strengths(verdicts)[pairs],
    )


def strengths(verdicts: Verdicts) -> NDArray[np.uint64]:
    """Return how strong each verdict is: by relation, then Jaccard, then containment."""
    closeness = np.uint64(len(RELATIONS)) - verdicts.relation.astype(np.uint64)
    jaccard, containment = verdicts.jaccard.astype(np.uint64), verdicts.containment.astype(np.uint64)
    return (closeness << np.uint64(32)) | (jaccard << np.uint64(16)) | containment
