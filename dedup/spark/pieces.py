"""A sorted stream of Arrow batches → pieces of whole groups, in bounded memory.

An engine hands a partition over as batches whose borders mean nothing. A small
group comes with all its rows at once; a large one in several pieces, so that a
consumer needs a memory of what came before and never the whole group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# What an engine such as Spark runs over a partition.
Stage = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]

# A larger group comes in several pieces.
GROUP_ROWS = 1 << 16
_PIECE_ROWS = 1 << 14


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of whole groups, but for the first and the last.

    ``starts`` int64 tells where each group begins and, as its last entry,
    where the rows end; ``continued`` that the first group began in an earlier
    piece; ``open`` that the last group goes on in the next one.
    """

    rows: pa.RecordBatch
    starts: NDArray[np.int64]
    continued: bool
    open: bool

    def groups(self) -> Iterator[tuple[int, int, bool, bool]]:
        """Yield each group's first row, end, and whether it is continued and open."""
        bounds = self.starts.tolist()
        last = len(bounds) - 2
        for number in range(len(bounds) - 1):
            yield (
                bounds[number],
                bounds[number + 1],
                self.continued and number == 0,
                self.open and number == last,
            )


def pieces(
    batches: Iterable[pa.RecordBatch],
    keys: Sequence[str],
    *,
    group_rows: int = GROUP_ROWS,
    piece_rows: int = _PIECE_ROWS,
) -> Iterator[Piece]:
    """Cut sorted batches into pieces at the borders of groups.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Sorted so that the rows of a group follow each other.
    keys : sequence of str
        Columns that tell groups apart, without nulls: integers, or binary of one length.
    group_rows : int
        A group of more rows comes in several pieces, the first of at least so many rows.
    piece_rows : int
        Rows gathered before a piece is handed out.

    Examples
    --------
    >>> batch = pa.record_batch({"k": pa.array([1, 1, 2], pa.int64())})
    >>> [piece.starts.tolist() for piece in pieces([batch.slice(0, 1), batch.slice(1)], ["k"])]
    [[0, 2, 3]]
    """
    held: list[pa.RecordBatch] = []
    n_held = 0
    continued = False
    for batch in batches:
        if not batch.num_rows:
            continue
        held.append(batch)
        n_held += batch.num_rows
        if n_held < piece_rows:
            continue
        rows = one_batch(held)
        starts = group_starts(rows, keys)
        last = int(starts[-2])
        if last:
            yield Piece(rows.slice(0, last), starts[:-1], continued, open=False)
            continued = False
        elif n_held > group_rows:
            # The last row stays: the next piece goes on with this group for certain.
            last = n_held - 1
            yield Piece(rows.slice(0, last), np.array([0, last]), continued, open=True)
            continued = True
        held, n_held = [rows.slice(last)], n_held - last
    if n_held:
        rows = one_batch(held)
        yield Piece(rows, group_starts(rows, keys), continued, open=False)


def one_batch(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Return batches as one."""
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def group_starts(rows: pa.RecordBatch, keys: Sequence[str]) -> NDArray[np.int64]:
    """Return where each group of sorted rows begins and, as the last entry, where the rows end."""
    changed = np.ones(rows.num_rows, np.bool_)
    if rows.num_rows:
        changed[1:] = False
    for name in keys:
        values = _comparable(rows.column(name))
        changed[1:] |= values[1:] != values[:-1]
    return np.append(np.flatnonzero(changed), rows.num_rows)


def fixed_bytes(column: pa.Array) -> bytearray:
    """Return a copy of a binary column's bytes, one value behind the other.

    It can be written to, as the batch's arrays can: kernels are compiled once for both.
    """
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return bytearray()
    wide = np.int64 if pa.types.is_large_binary(column.type) else np.int32
    ends = np.frombuffer(offsets, wide)[column.offset : column.offset + len(column) + 1]
    return bytearray(memoryview(data)[int(ends[0]) : int(ends[-1])])


def digests(column: pa.Array) -> NDArray[np.uint64]:
    """Return a column of 16-byte values as uint64, shape (n, 2), in the order of the bytes."""
    return np.frombuffer(fixed_bytes(column), ">u8").reshape(-1, 2).astype(np.uint64)


def longs(column: pa.Array) -> NDArray[np.int64]:
    """Return an integer column as int64, nulls as 0."""
    values: NDArray[np.int64] = (
        column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    )
    return values


def _comparable(column: pa.Array) -> NDArray[np.generic]:
    if pa.types.is_integer(column.type):
        return longs(column)
    raw = fixed_bytes(column)
    return np.frombuffer(raw, f"V{len(raw) // max(1, len(column))}")
