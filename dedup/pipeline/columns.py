"""Single values out of columns of many mapped batches, without a detour through Arrow's scalars."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa

_Format = Literal["B", "i", "q", "I", "Q"]
_NUMBERS: dict[pa.DataType, _Format] = {pa.int32(): "i", pa.int64(): "q", pa.uint32(): "I", pa.uint64(): "Q"}


class Values:
    """One column over all documents: ``values[document]`` is a Python object, None for null.

    Columns of strings, bytes and integers as batches read from the spill have
    them. Batches that nobody asks for are not looked at.
    """

    def __init__(self, batches: Sequence[pa.RecordBatch], starts: list[int], name: str) -> None:
        self._batches = batches
        self._starts = starts
        self._name = name
        self._parts: dict[int, tuple[memoryview, memoryview | None, memoryview | None]] = {}
        kind = batches[0].schema.field(name).type if batches else pa.null()
        self._is_text = pa.types.is_large_string(kind)
        self._width = kind.byte_width if pa.types.is_fixed_size_binary(kind) else 0
        self._format: _Format = _NUMBERS.get(kind, "B")

    def __getitem__(self, document: int) -> Any:
        number = bisect_right(self._starts, document) - 1
        data, ends, nulls = self._parts.get(number) or self._open(number)
        row = document - self._starts[number]
        if nulls is not None and nulls[row]:
            return None
        if ends is not None:
            value = data[ends[row] : ends[row + 1]]
            return str(value, "utf-8") if self._is_text else bytes(value)
        return bytes(data[row * self._width : (row + 1) * self._width]) if self._width else data[row]

    def _open(self, number: int) -> tuple[memoryview, memoryview | None, memoryview | None]:
        column = self._batches[number].column(self._name)
        buffers = column.buffers()
        data = memoryview(buffers[-1] or b"").cast("B")
        ends = None
        if len(buffers) == 3:
            ends = memoryview(buffers[1]).cast("B").cast("q")[column.offset :]
        elif self._width:
            data = data[column.offset * self._width :]
        else:
            data = data.cast(self._format)[column.offset :]
        nulls = column.is_null().to_numpy(zero_copy_only=False).data if column.null_count else None
        part = self._parts[number] = (data, ends, nulls)
        return part
