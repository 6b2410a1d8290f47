"""Make an index anew from its stored texts, under this program's normaliser, sketch and settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from dedup.config import Config
from dedup.errors import IndexFailure
from dedup.index import settings as made_with
from dedup.index.handle import Index
from dedup.index.packing import Packer
from dedup.pipeline.workers import Crew
from dedup.schema import RECORDS
from dedup.statistics import Statistics, load
from dedup.stores import Head, Store, open_store

_AT_ONCE = 2_000


def rebuild(
    url: str, *, config: Config | None = None, statistics: str | Statistics | None = None, workers: int = 1
) -> int:
    """Make an index anew beside the old one, then put it in its place; return its number of documents.

    Kept records come first, so that most verdicts stay; ids, dates of arrival
    and the digests of the texts as they first came stay. The ledger of batches
    is not carried over.

    Parameters
    ----------
    url : str
    config : Config, optional
        By default the stored one.
    statistics : str or Statistics, optional
        By default the stored ones.
    workers : int
        Processes that prepare and compare.

    Raises
    ------
    IndexFailure
        If it holds no texts, or another writer changed it meanwhile.
    """
    store = open_store(url, write=True)
    try:
        settings = _settings(store, config, statistics)
        commits = store.counter("commits")
        with store.replacement() as new:
            with new.writing():
                made_with.create(new, settings)
            index = Index(new, settings, Crew(workers))
            n_documents = 0
            for records, heads in _stored(store):
                n_documents += len(index.restore(records, heads))
            if store.counter("commits") != commits:
                raise IndexFailure(
                    "the index changed during the rebuild", where=store.shown, remedy="try again"
                )
            store.take_place(new)
        return n_documents
    finally:
        store.close()


def _settings(store: Store, config: Config | None, statistics: str | Statistics | None) -> made_with.Settings:
    stored = made_with.read_unchecked(store)
    if stored is None:
        raise IndexFailure("an empty index", where=store.shown, remedy="fill it with: dedup index add")
    if not stored.with_texts:
        raise IndexFailure(
            "an index without texts can't be made anew",
            where=store.shown,
            remedy="fill a new one from the sources",
        )
    given = load(statistics) if isinstance(statistics, str) else statistics
    return made_with.Settings(config or stored.config, given or stored.statistics)


def _stored(store: Store) -> Iterator[tuple[pa.RecordBatch, list[Head]]]:
    packer = Packer()
    for condition in ("keeper = ordinal", "keeper <> ordinal"):
        last = -1
        while True:
            with store.reading():
                heads = list(store.all_heads(f"{condition} AND ordinal > ?", (last,), limit=_AT_ONCE))
                if not heads:
                    break
                yield _records(store, packer, heads), heads
            last = heads[-1].ordinal


def _records(store: Store, packer: Packer, heads: Sequence[Head]) -> pa.RecordBatch:
    contents = store.contents([head.ordinal for head in heads])
    texts = [packer.unpack(contents.get(head.ordinal, b""), f"{store.shown}, id {head.id}") for head in heads]
    n = len(heads)
    columns = {
        "text": [text.readable for text in texts],
        "id": [head.id for head in heads],
        "title": [text.title for text in texts],
        "source": [head.source for head in heads],
        "date": [head.date for head in heads],
        "url": [text.url for text in texts],
        "line": [0] * n,
        "offset": [-1] * n,
        "length": [-1] * n,
        "flags": [0] * n,
        "bad": [None] * n,
    }
    return pa.record_batch([pa.array(columns[f.name], f.type) for f in RECORDS], schema=RECORDS)
