"""Pairs of documents → verdicts: shingle sets decide most, the undecided are aligned."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.config import Config
from dedup.kernels import overlaps as kernels
from dedup.pipeline.corpus import Corpus, Located
from dedup.schema import RELATIONS, VERDICTS
from dedup.statistics import Statistics
from dedup.verify import Overlap, View, decide_by_sets, read_tokens, relate_pairs, shingle_sets

_PAIRS_PER_TASK = 1024
# A task holds the keys of its documents in memory; very long texts make smaller tasks.
_BYTES_PER_TASK = 64 << 20
_TEN_THOUSANDTHS = 10_000
_RELATION = {name: number for number, name in enumerate(RELATIONS)}


@dataclass(frozen=True, slots=True)
class Task:
    """Some pairs, and all that is needed to judge them away from the corpus.

    ``left`` and ``right`` int64 number documents of the task; ``documents``
    are their numbers in the corpus.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    documents: NDArray[np.int64]
    located: Located
    sources: Sequence[str | None]
    dates: Sequence[int | None]
    statistics: Statistics
    config: Config


def make_tasks(
    corpus: Corpus, pairs: NDArray[np.int64], statistics: Statistics, config: Config
) -> Iterator[Task]:
    """Cut pairs, int64, shape (n, 2), sorted by the first column, into tasks."""
    located = corpus.located
    start = 0
    while start < len(pairs):
        stop = min(start + _PAIRS_PER_TASK, len(pairs))
        while True:
            some = pairs[start:stop]
            documents, numbers = np.unique(some, return_inverse=True)
            if located.key_length[documents].sum() <= _BYTES_PER_TASK or stop - start == 1:
                break
            stop = start + (stop - start + 1) // 2
        left, right = np.ascontiguousarray(numbers.reshape(-1, 2).T)
        yield make_task(corpus, documents, left, right, statistics, config)
        start = stop


def make_task(
    corpus: Corpus,
    documents: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    statistics: Statistics,
    config: Config,
) -> Task:
    """Put together what is needed to judge pairs of some documents, given by their places among these."""
    located = corpus.located.of(documents)
    sources, dates = corpus.sources_of(documents), corpus.dates_of(documents)
    return Task(left, right, documents, located, sources, dates, statistics, config)


@dataclass(frozen=True, slots=True)
class Keyed:
    """Keys and classes of some documents, one behind the other, with what else a comparison needs.

    ``documents`` int64 (n,) are the numbers that verdicts name; keys and
    classes are uint8 with int64 offsets (n + 1).
    """

    documents: NDArray[np.int64]
    key: NDArray[np.uint8]
    key_offsets: NDArray[np.int64]
    classes: NDArray[np.uint8]
    class_offsets: NDArray[np.int64]
    title_keys: Sequence[bytes]
    sources: Sequence[str | None]
    dates: Sequence[int | None]


class _Slices(Sequence[bytes]):
    """Byte strings one behind the other, each taken out when it is asked for: most of a task never are."""

    def __init__(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self._data, self._offsets = data, offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, number: int) -> bytes:  # type: ignore[override]  # no slices
        if not 0 <= number < len(self):
            raise IndexError(number)
        start, end = self._offsets[number : number + 2].tolist()
        return self._data[start:end].tobytes()


def judge(task: Task) -> pa.RecordBatch:
    """Judge the pairs of one task; return `schema.VERDICTS` without those found unrelated."""
    located = task.located
    keyed = Keyed(
        task.documents,
        *_gather(located, located.key_at, located.key_length),
        *_gather(located, located.class_at, located.n_tokens),
        _Slices(*_gather(located, located.title_at, located.title_length)),
        task.sources,
        task.dates,
    )
    return judge_keys(keyed, task.left, task.right, task.statistics, task.config)


def judge_keys(
    keyed: Keyed, lefts: NDArray[np.int64], rights: NDArray[np.int64], statistics: Statistics, config: Config
) -> pa.RecordBatch:
    """Judge pairs of documents by their places in `keyed`; return `schema.VERDICTS` of those related."""
    tokens = read_tokens(keyed.key, keyed.key_offsets, keyed.classes, keyed.class_offsets)
    shingles, sets = shingle_sets(tokens, config.sketch)
    shared = np.zeros(len(lefts), np.int32)
    kernels.shared_shingles(shingles, sets, lefts, rights, shared)
    sizes, n_tokens = np.diff(sets), np.diff(tokens.offsets)
    size_a, size_b = sizes[lefts], sizes[rights]
    undecided = decide_by_sets(shared, size_a, size_b, n_tokens[lefts], n_tokens[rights], config.verify)
    lefts, rights = lefts[undecided], rights[undecided]
    counts = np.stack([shared, size_a, size_b], axis=1)[undecided].tolist()
    views: dict[int, View] = {}

    def view(number: int) -> View:
        if number not in views:
            views[number] = View.of(
                tokens,
                number,
                title_tokens=keyed.title_keys[number].decode().split(),
                source=keyed.sources[number],
                date=keyed.dates[number],
            )
        return views[number]

    overlaps = (Overlap(*some) for some in counts)
    related = relate_pairs(view, tokens, lefts, rights, overlaps, statistics.house, config.verify)
    scored = list(related)
    if len(scored) != len(lefts):
        raise AssertionError(f"{len(scored)} answers for {len(lefts)} pairs")
    kept = [place for place, one in enumerate(scored) if one.relation != "unrelated"]
    scored = [scored[place] for place in kept]
    columns: list[Any] = [
        keyed.documents[lefts[kept]],
        keyed.documents[rights[kept]],
        [_RELATION[one.relation] for one in scored],
        [-1 if one.fuller is None else one.fuller for one in scored],
        _ten_thousandths([one.jaccard for one in scored]),
        _ten_thousandths([one.containment for one in scored]),
        _ten_thousandths([one.ratio for one in scored]),
        [int(one.features.get("extra", 0)) for one in scored],
        [int(one.features.get("foreign", 0)) for one in scored],
        [one.reason for one in scored],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, VERDICTS, strict=True)]
    return pa.record_batch(arrays, schema=VERDICTS).replace_schema_metadata(
        {"pairs": str(len(undecided)), "aligned": str(len(lefts))}
    )


def _ten_thousandths(scores: Sequence[float | None]) -> pa.Array:
    values = np.array(scores, np.float64)
    return pa.array(np.rint(values * _TEN_THOUSANDTHS), pa.uint16(), mask=np.isnan(values), safe=False)


def _gather(
    located: Located, at: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Copy byte strings out of the spill files, one behind the other."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    target = np.empty(int(offsets[-1]) + 1, np.uint8)
    for number, file in enumerate(located.files):
        chosen = located.file == number
        if chosen.any():
            kernels.gather(_mapped(file), at[chosen], lengths[chosen], target, offsets[:-1][chosen])
    return target, offsets


@lru_cache(maxsize=64)
def _mapped(file: str) -> NDArray[np.uint8]:
    with Path(file).open("rb") as handle:
        return np.frombuffer(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def forget_mapped() -> None:
    """Let go of the spill files, so that their space is free once they are removed."""
    _mapped.cache_clear()
