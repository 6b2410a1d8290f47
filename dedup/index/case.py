"""Newcomers and the stored documents that may concern them, compared by the batch run's own stages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.candidates import Sketched, find_candidates, rank_documents, score_pairs
from dedup.config import Config
from dedup.index.keys import content_keys
from dedup.index.packing import Packer, distinct, prints_of, signatures_of, to_prepared, unpack_sketches
from dedup.kernels.pairs import sort_words
from dedup.kernels.postings import group, tally_hits
from dedup.ordering import changes
from dedup.pipeline.collapse import Nodes, collapse
from dedup.pipeline.corpus import Corpus
from dedup.pipeline.judge import Keyed, judge_keys
from dedup.pipeline.workers import Crew
from dedup.schema import VERDICTS, prepared_schema
from dedup.statistics import Statistics
from dedup.stores import Head, Postings, Store

# Of a longer list the oldest and the newest half of so many: siblings must not crowd out the rest.
_LIST_LIMIT = 64
# Documents whose sketches are compared, and whose texts are: the batch run compares as many.
_SKETCHES, _TEXTS = 64, 32
_PAIRS_PER_TASK = 4_096
_U32, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


class Held(Corpus):
    """A corpus of batches in memory instead of in a spill."""

    def __init__(self, batches: Sequence[pa.RecordBatch], num_perm: int) -> None:
        self.places = ()
        self.schema = prepared_schema(num_perm)
        self.n_batches_new = 1
        self.files = [""] * len(batches)
        self.set_aside = {}
        self.batches = list(batches)
        self.starts = np.concatenate([[0], np.cumsum([b.num_rows for b in batches])]).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Engine:
    """What a comparison needs besides the documents."""

    config: Config
    statistics: Statistics
    crew: Crew
    packer: Packer
    with_texts: bool
    where: str


@dataclass(frozen=True, slots=True)
class _Task:
    keyed: Keyed
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    statistics: Statistics
    config: Config


def _judge(task: _Task) -> pa.RecordBatch:
    return judge_keys(task.keyed, task.left, task.right, task.statistics, task.config)


class Case:
    """Newcomers (documents 0 … n - 1) and stored documents (from n on, in the order they were found).

    Looking up and judging may happen more than once: what was committed in the
    meantime is added, and only pairs that are new are judged.
    """

    def __init__(self, engine: Engine, prepared: pa.RecordBatch, *, ignore: Collection[int] = ()) -> None:
        self.engine = engine
        self.n = prepared.num_rows
        self.prepared = prepared
        self.batches = [prepared]
        self.heads: list[Head] = []
        self.judged: list[pa.RecordBatch] = []
        self.estimates: dict[tuple[int, int], tuple[float, float]] = {}
        self._ignored = set(ignore)
        self._numbers: dict[int, int] = {}  # ordinal -> document
        self._pairs = np.empty((0, 2), np.int64)
        self._done: set[tuple[int, int]] = set()
        self.signatures = signatures_of(prepared, engine.config.sketch.num_perm)
        self.prints, self.offsets = prints_of(prepared)
        self.keys = content_keys(prepared, self.prints, self.offsets, engine.config)
        self._met = self.n < 2  # newcomers among themselves

    def look_up(self, store: Store, postings: Postings, *, since: int = 0) -> None:
        """Find stored documents that deserve a comparison; inside `Store.reading` or `Store.writing`."""
        rows, ordinals = self._hits(postings, since)
        found = store.heads(np.unique(ordinals).tolist())
        keepers = {head.keeper for head in found.values()} - found.keys()
        found |= store.heads(sorted(keepers))
        kept = {
            o: head.keeper for o, head in found.items() if head.keeper in found and o not in self._ignored
        }
        chosen = [
            (row, kept[ordinal])
            for row, ordinal in zip(rows.tolist(), ordinals.tolist(), strict=True)
            if ordinal in kept and kept[ordinal] not in self._ignored
        ]
        self._take(store, _distinct_pairs(chosen), found)

    def refresh(self, store: Store, postings: Postings, *, since: int) -> None:
        """See what was committed since the first look; inside `Store.writing`."""
        self.look_up(store, postings, since=since)
        found = store.heads(list(self._numbers))
        moved = {o: h.keeper for o, h in found.items() if not h.kept}
        found |= store.heads(sorted(set(moved.values()) - found.keys()))
        for ordinal, number in self._numbers.items():
            if ordinal in found:
                self.heads[number - self.n] = found[ordinal]
        pairs = [
            (row, moved[self.heads[number - self.n].ordinal])
            for row, number in self._pairs.tolist()
            if self.heads[number - self.n].ordinal in moved
        ]
        gone = self._numbers.keys() - found.keys()
        self._ignored |= gone | moved.keys()
        wanted = [(row, keeper) for row, keeper in pairs if keeper in found]
        self._take(store, _distinct_pairs(wanted), found)

    def _hits(self, postings: Postings, since: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (row, ordinal) of the likeliest documents: those that share many keys, and rare ones."""
        keys, rows, weights = self.keys
        sorted_keys = sort_words(
            (keys.astype(np.uint64) << _U32) | np.arange(len(keys), dtype=np.uint64),
            np.empty(len(keys), np.uint64),
            4,
        )
        begins = changes(sorted_keys >> _U32)
        key_places = np.empty(len(keys), np.int64)
        key_places[(sorted_keys & _LOW).astype(np.int64)] = np.cumsum(begins) - 1
        unique = (sorted_keys[begins] >> _U32).astype(np.uint32)
        places, ordinals = postings.find(unique, limit=_LIST_LIMIT, since=since)
        list_starts, by_place = _grouped(places, len(unique))
        row_starts, by_row = _grouped(rows, self.n)
        # One shared fingerprint alone is a stock phrase, and fails the test of sketches in any case. At
        # 110,000 documents these were nearly all of 256 hits a newcomer, of which two were left.
        least = np.minimum(2, np.diff(self.offsets))
        found_rows, found = np.empty((2, self.n * _SKETCHES), np.int64)
        n_found = tally_hits(
            row_starts, by_row, key_places, weights, list_starts, ordinals[by_place], _LIST_LIMIT, least,
            _SKETCHES, found_rows, found,
        )  # fmt: skip
        return found_rows[:n_found], found[:n_found]

    def _take(self, store: Store, pairs: NDArray[np.int64], found: dict[int, Head]) -> None:
        """Add pairs of (row, ordinal) that pass the batch run's tests of sketches."""
        if not len(pairs):
            return
        engine = self.engine
        ordinals, places = np.unique(pairs[:, 1], return_inverse=True)
        sketches = store.sketches(ordinals.tolist())
        here = [int(o) for o in ordinals if int(o) in sketches]
        place_of = {ordinal: place for place, ordinal in enumerate(here)}
        num_perm = engine.config.sketch.num_perm
        signatures, prints, offsets = unpack_sketches([sketches[o] for o in here], num_perm)
        left = pairs[:, 0].copy()
        right = np.array([place_of.get(int(o), -1) for o in ordinals], np.int64)[places]
        scores = score_pairs(
            np.concatenate([self.signatures, signatures]),
            np.concatenate([self.prints, prints]),
            np.concatenate([self.offsets, offsets[1:] + self.offsets[-1]]),
            left,
            np.where(right < 0, left, right + self.n),
            engine.config.candidates,
        )
        digests = self.prepared.column("key_digest").to_pylist()
        exact = np.array([digests[r] == found[o].key_digest for r, o in pairs.tolist()], np.bool_)
        scores[exact] = 2_000
        scores[right < 0] = 0
        passed = np.flatnonzero(scores)
        passed = passed[_best_of_each(left[passed], scores[passed], _TEXTS)]
        chosen = pairs[passed]
        if not engine.with_texts:
            self._estimate(chosen, signatures, right[passed], scores[passed], found)
            return
        self._load(
            store, [found[o] for o in np.unique(chosen[:, 1]).tolist() if o not in self._numbers], sketches
        )
        numbers = np.array([self._numbers.get(o, -1) for o in chosen[:, 1].tolist()], np.int64)
        added = np.stack([chosen[:, 0], numbers], axis=1)[numbers >= 0]
        self._pairs = np.concatenate([self._pairs, added])

    def _load(self, store: Store, heads: Sequence[Head], sketches: dict[int, bytes]) -> None:
        contents = store.contents([head.ordinal for head in heads])
        heads = [head for head in heads if head.ordinal in contents and head.ordinal in sketches]
        if not heads:
            return
        packer = self.engine.packer
        texts = {
            o: packer.unpack(content, f"{self.engine.where}, document {o}") for o, content in contents.items()
        }
        for head in heads:
            self._numbers[head.ordinal] = self.n + len(self.heads)
            self.heads.append(head)
        self.batches.append(to_prepared(heads, texts, sketches, self.engine.config.sketch.num_perm))

    def load_members(self, store: Store, heads: Sequence[Head]) -> dict[int, int]:
        """Load stored documents for a comparison of their own; return their numbers by ordinal."""
        fresh = [head for head in heads if head.ordinal not in self._numbers]
        self._load(store, fresh, store.sketches([head.ordinal for head in fresh]))
        ordinals = (head.ordinal for head in heads)
        return {ordinal: self._numbers[ordinal] for ordinal in ordinals if ordinal in self._numbers}

    def _estimate(
        self,
        pairs: NDArray[np.int64],
        signatures: NDArray[np.uint32],
        places: NDArray[np.int64],
        scores: NDArray[np.uint32],
        found: dict[int, Head],
    ) -> None:
        for (row, ordinal), place, score in zip(
            pairs.tolist(), places.tolist(), scores.tolist(), strict=True
        ):
            jaccard = float((self.signatures[row] == signatures[place]).mean())
            self.estimates[row, len(self.heads)] = (round(jaccard, 4), min(score, 1_000) / 1_000)
            self.heads.append(found[ordinal])

    def collapse(self) -> tuple[Held, NDArray[np.uint32], Nodes]:
        """Return the corpus as it stands, its flags and its nodes."""
        corpus = Held(self.batches, self.engine.config.sketch.num_perm)
        if ignored := [number for o, number in self._numbers.items() if o in self._ignored]:
            corpus.set_aside.update(dict.fromkeys(ignored, "not kept any more"))
        flags = corpus.numbers("flags").copy()
        return corpus, flags, collapse(corpus, flags, self.engine.config)

    def judge(self) -> None:
        """Judge all pairs that were not judged before."""
        corpus, _, nodes = self.collapse()
        found = [np.stack([nodes.node_of[self._pairs[:, 0]], nodes.node_of[self._pairs[:, 1]]], axis=1)]
        if not self._met:
            found.append(self._meet(corpus, nodes))
            self._met = True
        pairs = np.concatenate(found)
        pairs = pairs[(pairs[:, 0] != pairs[:, 1]) & (pairs >= 0).all(axis=1)]
        pairs = pairs[~(nodes.alone[pairs[:, 0]] | nodes.alone[pairs[:, 1]])]
        self.judged += self.compare(corpus, nodes.first[pairs])

    def compare(self, corpus: Corpus, pairs: NDArray[np.int64]) -> list[pa.RecordBatch]:
        """Judge pairs of documents that were not judged before."""
        if not len(pairs):
            return []
        documents = np.unique(pairs)
        ranks = np.zeros(corpus.n_docs, np.uint32)
        ranks[documents] = rank_documents(corpus.n_tokens[documents], corpus.digests("key_digest")[documents])
        swapped = ranks[pairs[:, 0]] > ranks[pairs[:, 1]]
        pairs = _distinct_pairs(np.where(swapped[:, None], pairs[:, ::-1], pairs).tolist())
        fresh = [pair for pair in map(tuple, pairs.tolist()) if pair not in self._done]
        self._done.update(fresh)
        tasks = self._tasks(corpus, np.array(fresh, np.int64).reshape(-1, 2))
        return list(self.engine.crew.map(_judge, tasks))

    def _tasks(self, corpus: Corpus, pairs: NDArray[np.int64]) -> Iterator[_Task]:
        for at in range(0, len(pairs), _PAIRS_PER_TASK):
            some = pairs[at : at + _PAIRS_PER_TASK]
            documents, numbers = np.unique(some, return_inverse=True)
            numbers = numbers.reshape(-1, 2)
            left, right = np.ascontiguousarray(numbers[:, 0]), np.ascontiguousarray(numbers[:, 1])
            keyed = _keyed(corpus, documents)
            yield _Task(keyed, left, right, self.engine.statistics, self.engine.config)

    def _meet(self, corpus: Corpus, nodes: Nodes) -> NDArray[np.int64]:
        """Return pairs of nodes of newcomers."""
        of_newcomers = np.flatnonzero((nodes.first < self.n) & ~nodes.alone)
        rows = nodes.first[of_newcomers]
        if len(rows) < 2:
            return np.empty((0, 2), np.int64)
        column = self.prepared.column("fingerprints").take(pa.array(rows))
        sketched = Sketched.of(
            self.signatures[rows],
            column.flatten().to_numpy(),
            column.offsets.to_numpy().astype(np.int64) - int(column.offsets[0].as_py()),
            rank_documents(corpus.n_tokens[rows], corpus.digests("key_digest")[rows]),
        )
        return of_newcomers[find_candidates(sketched, self.engine.config.candidates).pairs]


def no_verdicts() -> pa.RecordBatch:
    """Return an empty batch of `schema.VERDICTS`."""
    return pa.record_batch([pa.array([], field.type) for field in VERDICTS], schema=VERDICTS)


def _distinct_pairs(pairs: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return pairs of numbers below 2^32, int64, shape (n, 2), sorted, each once."""
    given = np.array(pairs, np.uint64).reshape(-1, 2)
    codes = distinct((given[:, 0] << np.uint64(32)) | given[:, 1])
    return np.stack([codes >> np.uint64(32), codes & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)


def _grouped(numbers: NDArray[np.int64], n_groups: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bounds of each group (n_groups + 1) and the positions of its numbers."""
    starts, order = np.empty(n_groups + 1, np.int64), np.empty(len(numbers), np.int64)
    group(numbers, n_groups, starts, order)
    return starts, order


def _best_of_each(rows: NDArray[np.int64], scores: NDArray[Any], limit: int) -> NDArray[np.int64]:
    """Return positions of the best entries of each row, ties to the earlier one."""
    order = np.lexsort((-scores.astype(np.int64), rows))
    ordered = rows[order]
    begins = np.searchsorted(ordered, ordered)
    return np.sort(order[np.arange(len(order)) - begins < limit])


def _keyed(corpus: Corpus, documents: NDArray[np.int64]) -> Keyed:
    """Copy the keys of some documents together."""
    bounds = np.searchsorted(documents, corpus.starts)
    columns: dict[str, list[pa.Array]] = {"key": [], "classes": [], "title_key": [], "source": [], "date": []}
    for batch, start, begin, end in zip(corpus.batches, corpus.starts, bounds[:-1], bounds[1:], strict=False):
        rows = pa.array(documents[begin:end] - start)
        for name, parts in columns.items():
            parts.append(batch.column(name).take(rows))
    joined = {name: pa.concat_arrays(parts) for name, parts in columns.items()}
    return Keyed(
        documents,
        *_flat(joined["key"]),
        *_flat(joined["classes"]),
        [key or b"" for key in joined["title_key"].to_pylist()],
        joined["source"].to_pylist(),
        joined["date"].to_pylist(),
    )


def _flat(column: pa.LargeBinaryArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    # One byte more, so that there is something to point at where all are empty.
    content = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return np.concatenate([content[ends[0] : ends[-1]], np.zeros(1, np.uint8)]), ends - ends[0]
