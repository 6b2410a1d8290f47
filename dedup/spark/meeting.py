"""Sketches → bucket entries → pairs that met → pairs worth comparing, as `dedup.candidates` finds them.

Documents are known by `rank`: twice their place in the order of fullness,
plus one where they were published before. A bucket is a run of sorted
entries; a giant one goes by as a stream, its leader remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.candidates import (
    BEST,
    FULLEST,
    LEAST_AGREEMENT,
    LEAST_SHARED,
    LEAST_SHARED_PART,
    NEIGHBOURS,
    PAIRS_AT_ONCE,
    SPLIT_ROWS,
    agreements,
    band_keys,
    split_buckets,
)
from dedup.config import CandidateConfig
from dedup.kernels import pairs as kernels
from dedup.spark.pieces import fixed_bytes, longs, pieces

_U32 = np.uint64(32)
# Entries of fingerprints and of split buckets stand apart from those of bands.
_FINGERPRINTS, _SPLIT = 1 << 20, 1 << 21

ENTRIES = pa.schema(
    [
        ("bucket", pa.int64()),
        ("rank", pa.int64()),
        ("extra", pa.int32()),  # of a band: what splits a large bucket; else the document's fingerprints
    ]
)
# What a bucket yields: pairs of ranks, or entries for the second split.
BAND, PRINT, AGAIN = 0, 1, 2
MET = pa.schema(
    [
        ("kind", pa.int32()),
        ("a", pa.int64()),  # lower rank; of an entry the bucket
        ("b", pa.int64()),  # higher rank; of an entry the rank
        ("extra", pa.int32()),  # of a print the lesser number of fingerprints
    ]
)
SCORED = pa.schema([("a", pa.int64()), ("b", pa.int64()), ("score", pa.int32())])


def fingerprint_parts(n_fingerprints: int) -> int:
    """Return into how many parts the fingerprints of a corpus are cut: their buckets stand apart."""
    return max(1, n_fingerprints // (PAIRS_AT_ONCE * 4))


def make_entries(
    batches: Iterable[pa.RecordBatch], *, config: CandidateConfig, n_parts: int
) -> Iterator[pa.RecordBatch]:
    """Make the bucket entries of sketches (``rank``, ``signature``, ``fingerprints``); yield `ENTRIES`."""
    for batch in batches:
        n_docs = batch.num_rows
        if not n_docs:
            continue
        ranks = longs(batch.column("rank"))
        signatures = _signatures(batch.column("signature"))
        num_perm = signatures.shape[1]
        sketches = signatures.reshape(-1), np.arange(n_docs) * num_perm, num_perm
        for band in range(config.bands):
            keys = band_keys(*sketches, band * config.rows, config.rows)
            second = band_keys(*sketches, band * config.rows, config.rows + SPLIT_ROWS)
            yield _entries((band << 32) | keys.astype(np.int64), ranks, second.view(np.int32))
        values = np.frombuffer(fixed_bytes(batch.column("fingerprints")), np.uint64)
        sizes = np.diff(_offsets(batch.column("fingerprints"))) // 8
        part = ((values & np.uint64(0xFFFF)).astype(np.int64) % n_parts) + _FINGERPRINTS
        buckets = (part << 32) | (values >> _U32).astype(np.int64)
        yield _entries(buckets, np.repeat(ranks, sizes), np.repeat(sizes, sizes).astype(np.int32))


def meet(
    batches: Iterable[pa.RecordBatch], *, config: CandidateConfig, may_split: bool
) -> Iterator[pa.RecordBatch]:
    """Pair up the members of buckets; yield `MET`.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        `ENTRIES` sorted by bucket and rank.
    config : CandidateConfig
        Its bucket limit.
    may_split : bool
        Hand the members of large buckets of bands out for a second split.
    """
    giant = _Giant()
    for piece in pieces(batches, ["bucket"]):
        members = _Members(*(longs(piece.rows.column(name)) for name in ENTRIES.names))
        whole = 0
        if piece.open or piece.continued:
            whole = int(piece.starts[1])
            if not piece.continued:
                giant = _Giant()
            yield from giant.meet(members.slice(0, whole))
        if whole < len(members.rank):
            yield from _meet_whole(members.slice(whole, len(members.rank)), config.bucket_limit)
        if may_split:
            for start, end, continued, is_open in piece.groups():
                if (end - start > config.bucket_limit or continued or is_open) and members.is_band(start):
                    yield _split(members.slice(start, end))


@dataclass(frozen=True, slots=True)
class _Members:
    """Entries of buckets, int64 each, shape (n,)."""

    bucket: NDArray[np.int64]
    rank: NDArray[np.int64]
    extra: NDArray[np.int64]

    def slice(self, start: int, end: int) -> _Members:
        return _Members(self.bucket[start:end], self.rank[start:end], self.extra[start:end])

    def take(self, rows: NDArray[np.int64]) -> _Members:
        return _Members(self.bucket[rows], self.rank[rows], self.extra[rows])

    def is_band(self, row: int) -> bool:
        return int(self.bucket[row]) >> 32 < _FINGERPRINTS


_NOBODY = _Members(*(np.empty(0, np.int64) for _ in range(3)))


class _Giant:
    """A bucket that comes in parts: each member meets the leader and its next neighbours."""

    def __init__(self) -> None:
        self._leader = self._before = _NOBODY

    def meet(self, part: _Members) -> Iterator[pa.RecordBatch]:
        """Pair up one part of the bucket."""
        known = len(self._before.rank)
        joined = _Members(
            *(np.concatenate([getattr(self._before, name), getattr(part, name)]) for name in ENTRIES.names)
        )
        if not known:
            self._leader = part.slice(0, 1)
        members = np.arange(known, len(joined.rank))
        met = members[1:] if not known else members
        yield from _met(self._leader.take(np.zeros(len(met), np.int64)), joined.take(met))
        for step in range(1, NEIGHBOURS + 1):
            later = members[members >= step]
            yield from _met(joined.take(later - step), joined.take(later))
        self._before = joined.slice(max(0, len(joined.rank) - NEIGHBOURS), len(joined.rank))


def _meet_whole(members: _Members, limit: int) -> Iterator[pa.RecordBatch]:
    """Pair up whole buckets."""
    bucket = members.bucket
    number = np.cumsum(np.append(False, bucket[1:] != bucket[:-1])).astype(np.uint64)
    entries = (number << _U32) | np.arange(len(bucket), dtype=np.uint64)
    room = max(1 << 16, limit * limit, len(entries) * (NEIGHBOURS + 1))
    start = 0
    while start < len(entries):
        pairs = np.empty(room, np.uint64)
        start, written = kernels.bucket_pairs(entries, limit, NEIGHBOURS, pairs, start, room)
        low = (pairs[:written] >> _U32).astype(np.int64)
        high = (pairs[:written] & np.uint64(0xFFFFFFFF)).astype(np.int64)
        yield from _met(members.take(low), members.take(high))


def _met(low: _Members, high: _Members) -> Iterator[pa.RecordBatch]:
    """Yield pairs, but for a document with itself and published ones among themselves."""
    wanted = (low.rank != high.rank) & ~((low.rank & high.rank & 1).astype(np.bool_))
    low, high = low.take(np.flatnonzero(wanted)), high.take(np.flatnonzero(wanted))
    is_print = low.bucket >> 32 >= _FINGERPRINTS
    is_print &= low.bucket >> 32 < _SPLIT
    if len(is_print):
        yield pa.record_batch(
            [
                pa.array(np.where(is_print, PRINT, BAND).astype(np.int32)),
                pa.array(low.rank),
                pa.array(high.rank),
                pa.array(np.where(is_print, np.minimum(low.extra, high.extra), 0).astype(np.int32)),
            ],
            schema=MET,
        )


def _split(members: _Members) -> pa.RecordBatch:
    """Return the members of one large bucket of a band as entries of smaller ones."""
    n_members = len(members.rank)
    number = np.arange(n_members, dtype=np.uint64)
    entries = ((members.bucket.astype(np.uint64) & np.uint64(0xFFFFFFFF)) << _U32) | number
    split = split_buckets(entries, members.extra.astype(np.int32).view(np.uint32))
    band = (int(members.bucket[0]) >> 32) + _SPLIT
    buckets = (band << 32) | (split >> _U32).astype(np.int64)
    return pa.record_batch(
        [
            pa.array(np.full(n_members, AGAIN, np.int32)),
            pa.array(buckets),
            pa.array(members.rank),
            pa.array(members.extra.astype(np.int32)),
        ],
        schema=MET,
    )


def score(batches: Iterable[pa.RecordBatch], *, num_perm: int) -> Iterator[pa.RecordBatch]:
    """Score pairs by their signatures and shared fingerprints; yield those that pass, as `SCORED`.

    Takes ``a`` and ``b``, ``met`` (in a band), ``shared`` and ``least``
    (fingerprints in common, and of the document that has fewer; 0 where they
    are too few to count), ``signature_a`` and ``signature_b``.
    """
    least_agreement = max(1, round(LEAST_AGREEMENT * num_perm))
    for batch in batches:
        n_pairs = batch.num_rows
        if not n_pairs:
            continue
        signatures = np.vstack([_signatures(batch.column(name)) for name in ("signature_a", "signature_b")])
        number = np.arange(n_pairs, dtype=np.uint64)
        pairs = (number << _U32) | (number + np.uint64(n_pairs))
        agreement = agreements(signatures.reshape(-1), np.arange(2 * n_pairs) * num_perm, num_perm, pairs)
        shared, least = longs(batch.column("shared")), longs(batch.column("least"))
        scores = agreement.astype(np.uint32) * np.uint32(1000 // num_perm)
        part = np.minimum(shared / np.maximum(least, 1), 1)
        scores = np.where(shared > 0, np.maximum(scores, (part * 1000).astype(np.uint32)), scores)
        passed = (shared > 0) | (longs(batch.column("met").cast(pa.int8())) > 0) & (
            agreement >= least_agreement
        )
        columns = [batch.column("a"), batch.column("b"), pa.array(scores.astype(np.int32))]
        yield pa.record_batch(columns, schema=SCORED).filter(pa.array(passed))


def enough_shared(shared: Any, least: Any, smaller: Callable[[Any, Any], Any]) -> Any:
    """Tell whether so many fingerprints in common deserve a look; works on columns of any engine.

    Parameters
    ----------
    shared, least : column or array
        Fingerprints that both documents have, and that the one with fewer has.
    smaller : callable
        The engine's minimum of a number and a column.
    """
    return (shared >= smaller(LEAST_SHARED, least)) & (shared >= LEAST_SHARED_PART * least)


def cap(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Keep each document's likeliest and fullest partners; takes `SCORED` sorted by (b, a), yields it."""
    for piece in pieces(batches, ["b"], group_rows=1 << 30):
        rows, n_pairs = piece.rows, piece.rows.num_rows
        number = np.zeros(n_pairs, np.uint64)
        number[piece.starts[1:-1]] = 1
        pairs = np.cumsum(number, dtype=np.uint64) << _U32
        keep = np.zeros(n_pairs, np.bool_)
        kernels.cap_per_document(pairs, longs(rows.column("score")).astype(np.uint32), BEST, FULLEST, keep)
        yield rows.filter(pa.array(keep))


def _entries(
    buckets: NDArray[np.int64], ranks: NDArray[np.int64], extra: NDArray[np.int32]
) -> pa.RecordBatch:
    return pa.record_batch([pa.array(buckets), pa.array(ranks), pa.array(extra)], schema=ENTRIES)


def _signatures(column: pa.Array) -> NDArray[np.uint32]:
    return np.frombuffer(fixed_bytes(column), np.uint32).reshape(len(column), -1)


def _offsets(column: pa.Array) -> NDArray[np.int64]:
    _, offsets, _ = column.buffers()
    wide = np.int64 if pa.types.is_large_binary(column.type) else np.int32
    return np.frombuffer(offsets, wide)[column.offset : column.offset + len(column) + 1].astype(np.int64)
