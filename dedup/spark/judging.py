"""Pairs with both texts → verdicts, by the batch's own `judge_keys`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.config import Config
from dedup.normaliser.key import utf8_buffers
from dedup.pipeline.judge import Keyed, judge_keys
from dedup.schema import VERDICTS
from dedup.spark.pieces import longs
from dedup.statistics import Statistics

_SIDES = ("key", "classes", "title_key", "source", "date")
# `schema.VERDICTS` in types that every engine has; `relation` 255 marks a row that only counts.
JUDGED = pa.schema(
    [
        ("a", pa.int64()),
        ("b", pa.int64()),
        ("relation", pa.int16()),
        ("fuller", pa.int16()),
        ("jaccard", pa.int32()),
        ("containment", pa.int32()),
        ("ratio", pa.int32()),
        ("extra", pa.int32()),
        ("foreign", pa.int32()),
        ("reason", pa.string()),
    ]
)


def judge_pairs(
    batches: Iterable[pa.RecordBatch], *, statistics: Statistics, config: Config
) -> Iterator[pa.RecordBatch]:
    """Judge pairs; yield `JUDGED` without those found unrelated.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        ``a`` and ``b`` (the fuller document first) and for both sides ``key``,
        ``classes``, ``title_key``, ``source`` and ``date``, with ``_a`` and
        ``_b`` behind the name. Sorted by ``a`` it goes fastest.
    statistics : Statistics
    config : Config
    """
    for batch in batches:
        if not batch.num_rows:
            continue
        ranks = np.concatenate([longs(batch.column("a")), longs(batch.column("b"))])
        documents, first, numbers = np.unique(ranks, return_index=True, return_inverse=True)
        sides = {name: _both(batch, name, first) for name in _SIDES}
        key, key_offsets = _settled(sides["key"])
        classes, class_offsets = _settled(sides["classes"])
        keyed = Keyed(
            documents,
            key,
            key_offsets,
            classes,
            class_offsets,
            [title or b"" for title in sides["title_key"].to_pylist()],
            sides["source"].to_pylist(),
            sides["date"].to_pylist(),
        )
        lefts, rights = numbers.reshape(2, -1)
        verdicts = judge_keys(
            keyed, np.ascontiguousarray(lefts), np.ascontiguousarray(rights), statistics, config
        )
        yield pa.record_batch([verdicts.column(f.name).cast(f.type) for f in JUDGED], schema=JUDGED)


def as_verdicts(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return `JUDGED` rows as `schema.VERDICTS`."""
    return pa.record_batch([rows.column(f.name).cast(f.type) for f in VERDICTS], schema=VERDICTS)


def _both(batch: pa.RecordBatch, name: str, rows: NDArray[np.int64]) -> pa.Array:
    """Return one value per document from the columns of both sides."""
    return (
        pa.chunked_array([batch.column(f"{name}_a"), batch.column(f"{name}_b")])
        .take(pa.array(rows))
        .combine_chunks()
    )


def _settled(column: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes and offsets of binary values, the first at 0."""
    data, offsets = utf8_buffers(column.cast(pa.large_binary()))
    settled = np.append(data[int(offsets[0]) : int(offsets[-1])], np.uint8(0))
    # As the batch's are: kernels are compiled once for both.
    settled.flags.writeable = False
    return settled, offsets - offsets[0]
