"""Check that an index holds together: texts, keys, keepers, postings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dedup.errors import IndexFailure
from dedup.index.case import Engine
from dedup.index.keys import content_keys, id_keys
from dedup.index.packing import Text, prints_of, to_prepared
from dedup.sketch import sketch
from dedup.stores import Head, Postings, Store

_AT_ONCE = 1_000
_REPORTED = 100
_U32, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


def check(store: Store, postings: Postings, engine: Engine) -> list[str]:
    """Return what is wrong with an index, at most a hundred lines.

    Every text is unpacked, its digests and its sketch are made anew; every
    keeper must be there and kept; every document must be found by its id, and
    every kept one by its content.
    """
    with store.reading():
        problems = store.check()
        posted: NDArray[np.uint64] | None = None
        try:
            postings.refresh()
            posted = _posted(postings)
        except IndexFailure as error:
            problems.append(error.what)
        heads: list[Head] = []
        seen: set[str] = set()
        for head in store.all_heads():
            if head.id in seen:
                problems.append(f"id {head.id}: stored twice")
            seen.add(head.id)
            heads.append(head)
            if len(heads) == _AT_ONCE:
                problems += _check_some(store, engine, posted, heads)
                heads = []
            if len(problems) >= _REPORTED:
                break
        problems += _check_some(store, engine, posted, heads)
    return problems[:_REPORTED]


def _posted(postings: Postings) -> NDArray[np.uint64]:
    """Return all entries, sorted."""
    return np.unique(np.concatenate([np.empty(0, np.uint64), *postings.all_entries()]))


def _check_some(
    store: Store, engine: Engine, posted: NDArray[np.uint64] | None, heads: Sequence[Head]
) -> list[str]:
    problems = []
    keepers = store.heads(sorted({head.keeper for head in heads}))
    ordinals = [head.ordinal for head in heads]
    sketches = store.sketches(ordinals)
    contents = store.contents(ordinals) if engine.with_texts else {}
    texts: dict[int, Text] = {}
    for head in heads:
        keeper = keepers.get(head.keeper)
        if keeper is None or not keeper.kept:
            problems.append(f"id {head.id}: its keeper is {'missing' if keeper is None else 'not kept'}")
        if head.ordinal not in sketches:
            problems.append(f"id {head.id}: no sketch")
        if engine.with_texts:
            try:
                text = engine.packer.unpack(contents[head.ordinal], "")
            except (IndexFailure, KeyError):
                problems.append(f"id {head.id}: text missing or damaged")
                continue
            if hashlib.sha256(text.key).digest()[:16] != head.key_digest:
                problems.append(f"id {head.id}: key does not fit its digest")
            texts[head.ordinal] = text
    nothing = Text("", None, None, b"", b"", b"")
    if not engine.with_texts:
        texts = dict.fromkeys(ordinals, nothing)
    good = [head for head in heads if head.ordinal in texts and head.ordinal in sketches]
    if good:
        problems += _check_keys(engine, posted, good, texts, sketches)
    return problems


def _check_keys(
    engine: Engine,
    posted: NDArray[np.uint64] | None,
    heads: Sequence[Head],
    texts: dict[int, Text],
    sketches: dict[int, bytes],
) -> list[str]:
    problems = []
    config = engine.config
    prepared = to_prepared(heads, texts, sketches, config.sketch.num_perm)
    if engine.with_texts:
        made = sketch(prepared.column("key"), prepared.column("classes"), config=config.sketch).signatures
        stored = np.frombuffer(prepared.column("signature").buffers()[1], np.uint32).reshape(made.shape)
        problems += [
            f"id {heads[row].id}: sketch does not fit its text"
            for row in np.flatnonzero((made != stored).any(axis=1)).tolist()
        ]
    if posted is None:
        return problems
    numbers = np.array([head.ordinal for head in heads], np.uint64)
    ids = (id_keys([head.id for head in heads]).astype(np.uint64) << _U32) | numbers
    problems += [
        f"id {heads[row].id}: not found by its id" for row in np.flatnonzero(~_among(ids, posted)).tolist()
    ]
    keys, rows, _ = content_keys(prepared, *prints_of(prepared), config)
    kept = np.array([head.kept for head in heads], np.bool_)
    chosen = kept[rows]
    entries = (keys[chosen].astype(np.uint64) << _U32) | numbers[rows[chosen]]
    lost = np.unique(rows[chosen][~_among(entries, posted)])
    return problems + [f"id {heads[row].id}: not found by its content" for row in lost.tolist()]


def _among(wanted: NDArray[np.uint64], sorted_entries: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(sorted_entries):
        return np.zeros(len(wanted), np.bool_)
    at = np.minimum(np.searchsorted(sorted_entries, wanted), len(sorted_entries) - 1)
    found: NDArray[np.bool_] = sorted_entries[at] == wanted
    return found
