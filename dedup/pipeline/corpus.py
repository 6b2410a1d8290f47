"""All documents of a run: a few numbers each in memory, the rest mapped from the spill."""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dedup.canonical import id_order
from dedup.ordering import runs, sort_ties
from dedup.pipeline.columns import Values
from dedup.pipeline.spill import Place, SpillReader

NO_DATE = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Located:
    """Where the keys of some documents stand in the spill files; travels to worker processes.

    ``files`` are paths; ``file`` uint8 selects one for each document; offsets
    are absolute, lengths in bytes (of the keys) and tokens (of the classes).
    """

    files: tuple[str, ...]
    file: NDArray[np.uint8]
    key_at: NDArray[np.int64]
    key_length: NDArray[np.int64]
    class_at: NDArray[np.int64]
    n_tokens: NDArray[np.int64]
    title_at: NDArray[np.int64]
    title_length: NDArray[np.int64]

    def of(self, documents: NDArray[np.int64]) -> Located:
        """Return the same of some documents."""
        return Located(
            self.files,
            self.file[documents],
            *(places[documents] for places in (self.key_at, self.key_length, self.class_at, self.n_tokens)),
            *(places[documents] for places in (self.title_at, self.title_length)),
        )


@dataclass
class Corpus:
    """Documents in the order they were read, those already published last.

    Parameters
    ----------
    places : sequence of Place
        One per batch, in reading order.
    schema : pyarrow.Schema
        Of the prepared batches.
    n_batches_new : int
        Batches of the input proper; the rest were published before.
    files : sequence of str
        Name of the file that each batch came from.
    set_aside : dict of int to str
        Good records that the caller rejects all the same, with the reason.
    n_batches_stored : int
        So many of the last batches were looked up in an index.
    """

    places: Sequence[Place]
    schema: pa.Schema
    n_batches_new: int
    files: Sequence[str]
    set_aside: dict[int, str] = field(default_factory=dict)
    n_batches_stored: int = 0
    _reader: SpillReader = field(init=False, repr=False)
    batches: list[pa.RecordBatch] = field(init=False)
    starts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self._reader = SpillReader(self.schema)
        self.batches = [self._reader.read(place) for place in self.places]
        self.starts = np.concatenate([[0], np.cumsum([b.num_rows for b in self.batches])]).astype(np.int64)

    @property
    def n_docs(self) -> int:
        """All documents, published ones and bad records included."""
        return int(self.starts[-1])

    @property
    def n_new(self) -> int:
        """Records of the input proper."""
        return int(self.starts[self.n_batches_new])

    def numbers(self, name: str, *, null: int = 0) -> NDArray[Any]:
        """Return a numeric column over all documents, nulls replaced."""
        parts = [batch.column(name).fill_null(null).to_numpy(zero_copy_only=False) for batch in self.batches]
        # Not `to_pandas_dtype`, for which older versions of PyArrow need pandas.
        return np.concatenate(parts) if parts else pa.array([], self.schema.field(name).type).to_numpy()

    def missing(self, name: str) -> NDArray[np.bool_]:
        """Tell for every document whether a column is null."""
        parts = [batch.column(name).is_null().to_numpy(zero_copy_only=False) for batch in self.batches]
        return np.concatenate(parts) if parts else np.empty(0, np.bool_)

    def digests(self, name: str) -> NDArray[np.uint64]:
        """Return a 16-byte column as uint64, shape (n_docs, 2), in big-endian value order."""
        found = np.empty((self.n_docs, 2), np.uint64)
        for batch, start in zip(self.batches, self._starts[:-1], strict=True):
            column = batch.column(name)
            rows = np.frombuffer(column.buffers()[1], ">u8").reshape(-1, 2)
            found[start : start + batch.num_rows] = rows[column.offset : column.offset + batch.num_rows]
        return found

    def mapped(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """Return a column of lists or of bytes where it stands in the spill, without a copy of its values.

        One array of bytes spans all files that are mapped; nobody may look at what lies between them. With
        it come for every document the offset in bytes and the number of its values, or bytes.
        """
        low, n_bytes = self._reader.memory()
        # In eights, for views of wider numbers.
        span = (ctypes.c_uint8 * (n_bytes // 8 * 8)).from_address(low)
        span.owner = self._reader  # type: ignore[attr-defined]  # the maps live as long as the array
        array = np.ctypeslib.as_array(span)
        array.flags.writeable = False
        extents = [_extent(batch.column(name), low) for batch in self.batches]
        none = np.empty(0, np.int64)
        at, lengths = (np.concatenate([none, *(extent[i] for extent in extents)]) for i in (0, 1))
        return array if n_bytes else np.empty(0, np.uint8), at, lengths

    def forget(self, number: int) -> None:
        """Give up the space of a batch's keys and sketches; what it says of its records stays.

        Outputs grow while this shrinks: together they take less of a disk, and the system has pages at hand.
        """
        self._reader.discard(self.places[number], self.batches[number].column("key"))

    def origin(self, document: int) -> str:
        """Tell where a document came from: "input", "against" or "index"."""
        if document < self.n_new:
            return "input"
        stored = document >= int(self.starts[len(self.starts) - 1 - self.n_batches_stored])
        return "index" if stored else "against"

    def value(self, name: str, document: int) -> Any:
        """Return one document's value of a column as a Python object, None for null."""
        return self.column(name)[document]

    def column(self, name: str) -> Values:
        """Return a column of strings, bytes or integers for access to single values."""
        if name not in self._columns:
            self._columns[name] = Values(self.batches, self._starts, name)
        return self._columns[name]

    def file(self, document: int) -> str:
        """Return the name of the file that a document came from."""
        return self.files[bisect_right(self._starts, document) - 1]

    def values(self, name: str, documents: NDArray[np.int64]) -> list[Any]:
        """Return the values of a column for some documents."""
        column = self.column(name)
        return [column[document] for document in documents.tolist()]

    def id(self, document: int) -> Any:
        """Return the record's id with its JSON type; ``sha:…`` from its content when it has none."""
        token = self.value("id", document)
        if token is not None:
            return msgspec.json.decode(token)
        return "sha:" + self.record(document)

    def record(self, document: int) -> str:
        """Return the content digest in hexadecimal, with its occurrence from the second on (``#2``)."""
        number = int(self.occurrence[document])
        digest: bytes = self.value("digest", document)
        return digest.hex() + (f"#{number}" if number > 1 else "")

    @cached_property
    def _columns(self) -> dict[str, Values]:
        return {}

    @cached_property
    def _starts(self) -> list[int]:
        starts: list[int] = self.starts.tolist()
        return starts

    @cached_property
    def published(self) -> NDArray[np.bool_]:
        """Mark the documents that were published before."""
        return np.arange(self.n_docs) >= self.n_new

    @cached_property
    def bad(self) -> NDArray[np.bool_]:
        """Mark the records that could not be read or were set aside."""
        bad = ~self.missing("bad")
        bad[list(self.set_aside)] = True
        return bad

    @cached_property
    def n_tokens(self) -> NDArray[np.int32]:
        """Tokens of each key."""
        return self.numbers("n_tokens")

    @cached_property
    def dates(self) -> NDArray[np.int64]:
        """Microseconds since 1970-01-01 UTC, NO_DATE where there is none."""
        return self.numbers("date", null=NO_DATE)

    @cached_property
    def removed_bytes(self) -> NDArray[np.int64]:
        """Bytes of the account of what the normaliser took out of each text: a measure of its noise."""
        parts = [pc.binary_length(b.column("removed")).fill_null(0).to_numpy() for b in self.batches]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    @property
    def sources(self) -> NDArray[np.int32]:
        """Position of each document's source in `source_names`, -1 for none."""
        return self._sources[0]

    @property
    def source_names(self) -> list[str]:
        """The distinct sources, in alphabetical order."""
        return self._sources[1]

    @cached_property
    def _sources(self) -> tuple[NDArray[np.int32], list[str]]:
        column = pa.chunked_array([b.column("source") for b in self.batches], pa.large_string())
        encoded = column.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        names = encoded.dictionary.to_pylist()
        order = sorted(range(len(names)), key=names.__getitem__)
        places = np.empty(len(names) + 1, np.int32)
        places[order] = np.arange(len(names))
        places[-1] = -1
        return places[encoded.indices.fill_null(-1).to_numpy()], [names[place] for place in order]

    def sources_of(self, documents: NDArray[np.int64]) -> list[str | None]:
        """Return the names of some documents' sources."""
        names: list[str | None] = self._names_or_none[self.sources[documents]].tolist()
        return names

    def dates_of(self, documents: NDArray[np.int64]) -> list[int | None]:
        """Return the dates of some documents."""
        dates = self.dates[documents]
        found: list[int | None] = dates.tolist()
        for place in np.flatnonzero(dates == NO_DATE).tolist():
            found[place] = None
        return found

    @cached_property
    def _names_or_none(self) -> NDArray[np.object_]:
        """The names of sources and, behind them all, where -1 finds it, None."""
        return np.array([*self.source_names, None], np.object_)

    def id_ranks(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of each document's id among theirs; equal ids share one, missing ids come last."""
        column = pa.chunked_array([b.column("id") for b in self.batches], pa.large_string())
        tokens = column.take(pa.array(documents)).to_pylist()
        ids = msgspec.json.decode(
            "[" + ",".join("null" if token is None else token for token in tokens) + "]"
        )
        if all(type(value) is str for value in ids):
            # By the bytes of UTF-8, which is the order of code points.
            ranks: pa.Array = pc.rank(pa.array(ids, pa.large_string()), tiebreaker="dense")
            return np.asarray(ranks, np.int64)
        keys = [id_order(value) for value in ids]
        places = {key: place for place, key in enumerate(sorted(set(keys)))}
        return np.array([places[key] for key in keys], np.int64)

    @cached_property
    def occurrence(self) -> NDArray[np.int32]:
        """Count equal texts from 1, in an order that depends on the records' fields, not on their places.

        Published records are counted apart: what a newcomer is called does not depend on the archive.
        """
        high, low = self.digests("digest").T
        order = np.argsort(high, kind="stable")
        sort_ties(order, [high], lambda tied: [low[tied], self.published[tied]])
        grouping = [high, low, self.published]
        identity = self.digests("identity")
        sort_ties(order, grouping, lambda tied: [identity[tied, 0], identity[tied, 1]])
        begins = runs(order, grouping)
        begin = np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
        occurrence = np.empty(len(order), np.int32)
        occurrence[order] = np.arange(len(order)) - begin + 1
        return occurrence

    @cached_property
    def located(self) -> Located:
        """Where every document's key and classes stand in the spill files."""
        files = tuple(dict.fromkeys(place.file for place in self.places))
        columns: list[list[NDArray[Any]]] = [[] for _ in range(7)]
        for batch, place in zip(self.batches, self.places, strict=True):
            base = self._reader.address(place.file)
            file = np.full(batch.num_rows, files.index(place.file), np.uint8)
            names = ("key", "classes", "title_key")
            extents = [values for name in names for values in _extent(batch.column(name), base)]
            for column, values in zip(columns, (file, *extents), strict=True):
                column.append(values)
        file, *rest = (np.concatenate(c) if c else np.empty(0, np.int64) for c in columns)
        return Located(files, file.astype(np.uint8), *rest)


def _extent(column: pa.Array, base: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how far from an address each value of a column begins, and its length in bytes or items."""
    *offsets, data = column.buffers()
    start = data.address - base if data is not None else 0
    if pa.types.is_fixed_size_binary(column.type):
        width = column.type.byte_width
        return np.arange(column.offset, column.offset + len(column)) * width + start, np.full(
            len(column), width
        )
    ends = np.frombuffer(offsets[1], np.int64)[column.offset : column.offset + len(column) + 1]
    width = column.type.value_type.bit_width // 8 if pa.types.is_large_list(column.type) else 1
    return ends[:-1] * width + start, np.diff(ends)
