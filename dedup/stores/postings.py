"""Look-up keys → documents, as sorted segments that are merged now and then.

An entry is one uint64: the key (32 bits) in its high half, the document's
ordinal in its low half. Each commit writes one sorted segment, cut into pages
whose size suits the database; four segments of one size class are merged into the next. A
row per key instead fell from 14,000 to 5,000 documents a second at 50,000
documents (52 keys each, 783 bytes a document); segments stayed at 9,300,
look-ups and merges included, with 470 bytes.

Small segments are held in memory; of the large ones the first entry of each
page, and a filter of four bits an entry that tells which keys are not there:
of the keys of a new article 93 in 100 are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedup.errors import IndexFailure
from dedup.kernels.postings import find_marked, list_bounds, mark_keys, take_lists
from dedup.stores.store import Store

Entries = NDArray[np.uint64]

_MERGED_AT_ONCE = 4
_SMALLEST = 1 << 9
# 512 kB each, and at most three of a size class: a reader holds a few MB.
_IN_MEMORY = 1 << 16
_PAGE_BITS = 24
_MENDED_BY = "make it anew with: dedup index rebuild"
_U32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
# A filter passes one key in five that is not there; with twice the bits one in eight. At 1,000,000
# documents it takes 37 MB; a larger segment than 2^27 entries gets no larger one.
_MARKS_PER_ENTRY = 4
_MARKS_LIMIT = 1 << 29
# Where so many pages, so large a part of a stretch, are wanted, reading it in order takes a third.
_DENSE, _DENSE_PAGES = 0.3, 64
# 8 MB on SQLite: readers wait no longer than it takes to write these.
_MERGED_PAGES_AT_ONCE = 1_024
# So many keys of a batch are sought at a time: what a segment of 27 million entries holds between them are
# 5 MB, read into memory that is used again. In parts of 40 MB it took twice as long.
_KEYS_AT_ONCE = 1 << 13


@dataclass(frozen=True, slots=True)
class Segment:
    """A sorted run of entries.

    `fences` are the first of each page; `marks`, uint64, a filter of its keys;
    `entries` all of them if small.
    """

    id: int
    n_entries: int
    fences: Entries
    marks: Entries
    entries: Entries | None

    @property
    def size_class(self) -> int:
        """Number of times that four of the smallest fit in."""
        size, n = 0, self.n_entries // _SMALLEST
        while n >= _MERGED_AT_ONCE:
            size, n = size + 1, n // _MERGED_AT_ONCE
        return size


class Postings:
    """Postings of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._segments: dict[int, Segment] = {}
        self._seen = -1
        self._page = store.page_entries

    @property
    def watermark(self) -> int:
        """The newest segment that look-ups see."""
        return max(self._segments, default=0)

    @property
    def segments(self) -> Sequence[Segment]:
        """All segments that look-ups see, the oldest first."""
        return [self._segments[number] for number in sorted(self._segments)]

    def refresh(self) -> None:
        """See what was committed since; inside a transaction, so that pages and list agree."""
        version = self._store.counter("segments_version")
        if version == self._seen:
            return
        table = f"{self._store.prefix}segments"
        listed = {int(row[0]) for row in self._store.rows(f"SELECT number FROM {table} WHERE ready = 1")}
        for gone in self._segments.keys() - listed:
            del self._segments[gone]
        fresh = sorted(listed - self._segments.keys())
        for number, n_entries, fences, marks in self._store.rows_of(
            "number, n_entries, fences, marks", "segments", "number", fresh
        ):
            firsts = np.frombuffer(fences, np.uint64)
            small = self._read_all(number, len(firsts)) if n_entries <= _IN_MEMORY else None
            filtered = np.frombuffer(marks, np.uint64)
            self._segments[number] = Segment(number, n_entries, firsts, filtered, small)
        self._seen = version

    def find(
        self, keys: NDArray[np.uint32], *, limit: int, since: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find documents by keys.

        Parameters
        ----------
        keys : numpy.ndarray of uint32, shape (n,)
            Sorted, each once.
        limit : int
            Of a longer list in one segment the first and the last half of so many are taken.
        since : int
            Leave out segments up to this one.

        Returns
        -------
        places : numpy.ndarray of int64
            Positions in `keys`.
        ordinals : numpy.ndarray of int64
            The documents found there.
        """
        places, ordinals = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        chosen = [segment for segment in self.segments if segment.id > since]
        for at in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[at : at + _KEYS_AT_ONCE]
            for entries, candidates in self._entries_for(chosen, some):
                place, found = _in_entries(entries, some[candidates], limit)
                places.append(candidates[place] + at)
                ordinals.append(found)
        return np.concatenate(places), np.concatenate(ordinals)

    def all_entries(self) -> Iterator[Entries]:
        """Yield the entries of each segment, sorted; inside `Store.reading`."""
        for segment in self.segments:
            yield (
                segment.entries
                if segment.entries is not None
                else self._read_all(segment.id, len(segment.fences))
            )

    def add(self, entries: Entries) -> None:
        """Write new entries, in any order, as one segment; inside `Store.writing`."""
        if len(entries):
            entries = np.sort(entries)
            marks = _unmarked(len(entries))
            mark_keys(entries, marks)
            number = self._begin(ready=1, n_entries=len(entries), fences=entries[:: self._page], marks=marks)
            self._write_pages(number, 0, entries)

    def merge(self, *, everything: bool = False, alive: NDArray[np.bool_] | None = None) -> int:
        """Merge segments where four of a size class have gathered; return the number of merges.

        Parameters
        ----------
        everything : bool
            Merge all into one.
        alive : numpy.ndarray of bool, optional
            By ordinal, the last value for all further ones; entries of other documents are left out.

        Pages of the new segment are written in transactions of their own, before it is
        announced: readers wait for none of them long, and a kill leaves only pages that
        the next merge removes.
        """
        merges = 0
        with self._store.merging() as ours:
            if not ours:
                return 0
            self._remove_unfinished()
            while True:
                with self._store.reading():
                    self.refresh()
                due = self.segments if everything else self._due()
                if not due or (everything and merges):
                    return merges
                self._merge(due, alive)
                merges += 1

    def _due(self) -> Sequence[Segment]:
        classes: dict[int, list[Segment]] = {}
        for segment in self.segments:
            classes.setdefault(segment.size_class, []).append(segment)
        return next((group for _, group in sorted(classes.items()) if len(group) >= _MERGED_AT_ONCE), [])

    def _merge(self, segments: Sequence[Segment], alive: NDArray[np.bool_] | None) -> None:
        with self._store.writing():
            nothing = np.empty(0, np.uint64)
            number = self._begin(ready=0, n_entries=0, fences=nothing, marks=nothing)
        marks = _unmarked(sum(segment.n_entries for segment in segments))
        fences, n_entries, n_pages = [], 0, 0
        rest = np.empty(0, np.uint64)
        for merged, last in self._parts(segments):
            living = merged
            if alive is not None:
                ordinals = np.minimum((merged & _LOW).astype(np.int64), len(alive) - 1)
                living = merged[alive[ordinals]]
            joined = np.concatenate([rest, living])
            whole = len(joined) if last else len(joined) - len(joined) % self._page
            part, rest = joined[:whole], joined[whole:]
            with self._store.writing():
                self._write_pages(number, n_pages, part)
            mark_keys(part, marks)
            fences.append(part[:: self._page])
            n_entries, n_pages = n_entries + len(part), n_pages + -(-len(part) // self._page)
        table = f"{self._store.prefix}segments"
        with self._store.writing():
            self._store.execute(f"DELETE FROM {table} WHERE number = ?", (number,))
            for segment in segments:
                self._store.execute(f"UPDATE {table} SET ready = 0 WHERE number = ?", (segment.id,))
            self._insert(number, 1, n_entries, np.concatenate(fences), marks)
            self._store.raise_counter("segments_version")
        self._remove_unfinished()

    def _parts(self, segments: Sequence[Segment]) -> Iterator[tuple[Entries, bool]]:
        """Yield all entries of some segments in order, part by part, and whether it is the last part."""
        fences = np.sort(np.concatenate([segment.fences for segment in segments]))
        cuts = [*fences[_MERGED_PAGES_AT_ONCE::_MERGED_PAGES_AT_ONCE].tolist(), None]
        low = 0
        for high in cuts:
            parts = [self._between(segment, low, high) for segment in segments]
            merged = np.concatenate(parts)
            merged.sort(kind="stable")
            yield merged, high is None
            low = high or 0

    def _between(self, segment: Segment, low: int, high: int | None) -> Entries:
        """Return the entries of a segment from `low` up to `high`."""
        entries = segment.entries
        if entries is None:
            first = max(0, int(np.searchsorted(segment.fences, np.uint64(low), side="right")) - 1)
            stop = (
                len(segment.fences) if high is None else int(np.searchsorted(segment.fences, np.uint64(high)))
            )
            base = segment.id << _PAGE_BITS
            with self._store.reading():
                entries = self._read(base + first, base + max(first, stop))
        begin = np.searchsorted(entries, np.uint64(low))
        end = len(entries) if high is None else np.searchsorted(entries, np.uint64(high))
        return entries[begin:end]

    def _entries_for(
        self, segments: Sequence[Segment], keys: NDArray[np.uint32]
    ) -> Iterator[tuple[Entries, NDArray[np.int64]]]:
        """Yield of each segment a sorted part with the lists of those keys, by place, that it may hold."""
        held = {segment.id: _marked(segment, keys) for segment in segments}
        wanted = {
            segment.id: _pages_for(segment, keys[held[segment.id]])
            for segment in segments
            if segment.entries is None
        }
        dense = {number for number, pages in wanted.items() if _is_dense(pages)}
        numbers = [pages for number, pages in wanted.items() if number not in dense]
        # One statement for the pages of all segments: with one each, single look-ups took half as long again.
        listed = np.concatenate([np.empty(0, np.int64), *numbers]).tolist()
        pages = dict(self._store.rows_of("number, entries", "pages", "number", listed))
        self._require(len(pages) == len(listed))
        for segment in segments:
            if segment.entries is not None:
                entries = segment.entries
            elif segment.id in dense:
                entries = self._read(int(wanted[segment.id][0]), int(wanted[segment.id][-1]) + 1)
            else:
                entries = _joined(pages[number] for number in wanted[segment.id].tolist())
            yield entries, held[segment.id]

    def _read_all(self, number: int, n_pages: int) -> Entries:
        return self._read(number << _PAGE_BITS, (number << _PAGE_BITS) + n_pages)

    def _read(self, first: int, stop: int) -> Entries:
        """Return the entries of pages by their numbers."""
        table = f"{self._store.prefix}pages"
        sql = f"SELECT entries FROM {table} WHERE number >= ? AND number < ? ORDER BY number"
        rows = self._store.rows(sql, (first, stop))
        self._require(len(rows) == stop - first)
        return _joined(row[0] for row in rows)

    def _require(self, whole: bool) -> None:
        """Refuse to go on without pages: what stands on them would pass for new."""
        if not whole:
            raise IndexFailure("look-up pages are missing", where=self._store.shown, remedy=_MENDED_BY)

    def _begin(self, *, ready: int, n_entries: int, fences: Entries, marks: Entries) -> int:
        number = self._store.raise_counter("segments_begun") + 1
        self._insert(number, ready, n_entries, fences, marks)
        if ready:
            self._store.raise_counter("segments_version")
        return number

    def _insert(self, number: int, ready: int, n_entries: int, fences: Entries, marks: Entries) -> None:
        # Small ones are held in memory, and looked through quicker than their filter.
        kept = marks if n_entries > _IN_MEMORY else marks[:0]
        row = (number, ready, n_entries, np.ascontiguousarray(fences).tobytes(), kept.tobytes())
        self._store.insert("segments", ("number", "ready", "n_entries", "fences", "marks"), [row])

    def _write_pages(self, number: int, first: int, entries: Entries) -> None:
        base = (number << _PAGE_BITS) + first
        cuts = range(0, len(entries), self._page)
        pages = ((base + at // self._page, entries[at : at + self._page].tobytes()) for at in cuts)
        self._store.insert("pages", ("number", "entries"), pages)

    def _remove_unfinished(self) -> None:
        """Remove segments that were replaced, or never finished."""
        prefix = self._store.prefix
        for (number,) in self._store.rows(f"SELECT number FROM {prefix}segments WHERE ready = 0"):
            base = int(number) << _PAGE_BITS
            while True:
                with self._store.writing():
                    some = self._store.rows(
                        f"SELECT MIN(number) FROM {prefix}pages WHERE number >= ? AND number < ?",
                        (base, base + (1 << _PAGE_BITS)),
                    )
                    if some[0][0] is None:
                        self._store.execute(f"DELETE FROM {prefix}segments WHERE number = ?", (number,))
                        break
                    start = int(some[0][0])
                    stop = min(start + _MERGED_PAGES_AT_ONCE, base + (1 << _PAGE_BITS))
                    self._store.execute(
                        f"DELETE FROM {prefix}pages WHERE number >= ? AND number < ?", (start, stop)
                    )


def _unmarked(n_entries: int) -> Entries:
    return np.zeros(min(_MARKS_PER_ENTRY * n_entries, _MARKS_LIMIT) // 64 + 1, np.uint64)


def _marked(segment: Segment, keys: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the places of the keys that a segment may hold."""
    if not len(segment.marks):
        return np.arange(len(keys))
    places = np.empty(len(keys), np.int64)
    return places[: find_marked(keys, segment.marks, places)]


def _is_dense(pages: NDArray[np.int64]) -> bool:
    return len(pages) >= _DENSE_PAGES and len(pages) >= _DENSE * (pages[-1] + 1 - pages[0])


def _pages_for(segment: Segment, keys: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the numbers of pages that hold the two ends of each key's list."""
    wide = keys.astype(np.uint64) << _U32
    first = np.maximum(np.searchsorted(segment.fences, wide, side="right") - 1, 0)
    last = np.maximum(np.searchsorted(segment.fences, wide | _LOW, side="right") - 1, 0)
    wanted = np.concatenate([first, np.minimum(first + 1, last), np.maximum(last - 1, first), last])
    return np.unique(wanted).astype(np.int64) + (segment.id << _PAGE_BITS)


def _joined(pages: Iterable[bytes]) -> Entries:
    return np.frombuffer(b"".join(map(bytes, pages)), np.uint64)


def _in_entries(
    entries: Entries, keys: NDArray[np.uint32], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (place of key, ordinal) for all entries of the keys, long lists cut in their middle."""
    low, high = np.empty((2, len(keys)), np.int64)
    list_bounds(entries, keys, low, high)
    n_taken = int(np.minimum(high - low, limit).sum())
    places, ordinals = np.empty((2, n_taken), np.int64)
    take_lists(entries, low, high, limit, places, ordinals)
    return places, ordinals
