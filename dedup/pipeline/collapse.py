"""Exact collapse: documents with the same key become one node, with stated exceptions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup import flags as bits
from dedup.config import Config
from dedup.pipeline.corpus import NO_DATE, Corpus
from dedup.verify import same_subject

# In one source, so many titles or addresses over one short body: a paywall or cookie notice, not an article.
NOTICE_TITLES = 5
NOTICE_TOKENS = 60
NOTICE_LOOKED_AT = 1000
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Nodes:
    """Documents grouped by key.

    ``node_of`` int64 (n_docs,), -1 for bad records; ``first`` int64
    (n_nodes,) is each node's representative document; ``alone`` marks nodes
    that are never compared (empty texts, stubs); ``members`` lists the
    documents of nodes that have several, the representative first.
    """

    node_of: NDArray[np.int64]
    first: NDArray[np.int64]
    alone: NDArray[np.bool_]
    members: dict[int, list[int]]


def collapse(corpus: Corpus, flags: NDArray[np.uint32], config: Config) -> Nodes:
    """Group documents by key; set the flag STUB in `flags` where a group tells that its text is a notice.

    Short texts need the same day as well, where both have a date, and in one
    source titles of one subject: two flashes of different days are two events.
    The representative of a group is the version to keep if nothing else stands
    for it: published before, then by the preferences.
    """
    good = np.flatnonzero(~corpus.bad)
    digests = corpus.digests("key_digest")
    single = (flags & (bits.EMPTY | bits.STUB)) != 0
    day = np.where((flags & bits.SHORT != 0) & (corpus.dates != NO_DATE), corpus.dates // DAY_US, 0)
    apart = np.where(single, np.arange(1, corpus.n_docs + 1), 0)
    grouping = [digests[:, 0], digests[:, 1], day, apart]
    order = good[np.lexsort([column[good] for column in reversed(grouping)])]
    first_of_group = _changes(*(column[order] for column in grouping))
    in_group = ~first_of_group | ~np.append(first_of_group[1:], True)[: len(order)]
    preferences = _preferences(corpus, flags, order[in_group], config)
    ordering = [~corpus.published, *preferences, *_identity(corpus)]
    order = good[np.lexsort([column[good] for column in reversed(grouping + ordering)])]
    starts = np.flatnonzero(_changes(*(column[order] for column in grouping)))
    ends = np.append(starts, len(order))[1:]
    groups: list[list[int]] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        group = order[start:end]
        if end - start == 1:
            groups.append(group.tolist())
        elif _is_notice(corpus, group):
            flags[group] |= bits.STUB
            groups.extend([document] for document in group.tolist())
        else:
            for part in _by_subject(corpus, flags, group.tolist()):
                groups.extend(_within_days(corpus, part, config.verify.max_days))
    first = np.array([group[0] for group in groups], np.int64)
    node_of = np.full(corpus.n_docs, -1, np.int64)
    node_of[first] = np.arange(len(first))
    members = {node: group for node, group in enumerate(groups) if len(group) > 1}
    for node, documents in members.items():
        node_of[documents] = node
    alone = (flags[first] & (bits.EMPTY | bits.STUB)) != 0
    return Nodes(node_of, first, alone, members)


def _preferences(
    corpus: Corpus, flags: NDArray[np.uint32], grouped: NDArray[np.int64], config: Config
) -> list[NDArray[Any]]:
    """Return one column per preference that can tell equal texts apart; less is better.

    Ids are only compared among the documents `grouped`, which share a key with another.
    """
    ids = np.zeros(corpus.n_docs, np.int64)
    ids[grouped] = corpus.id_ranks(grouped)
    latest_first = np.where(corpus.dates == NO_DATE, np.iinfo(np.int64).max, -corpus.dates)
    priority = {name: place for place, name in enumerate(config.cluster.source_priority)}
    standing = np.array([priority.get(name, len(priority)) for name in (*corpus.source_names, "")])
    columns = {
        "undegraded": bits.damage(flags),
        "source": standing[corpus.sources],  # -1, no source, is the last
        "clean": corpus.removed_bytes,
        "earliest": np.where(corpus.dates == NO_DATE, np.iinfo(np.int64).max, corpus.dates),
        "latest": latest_first,
        "id": ids,
    }
    return [columns[name] for name in (*config.cluster.prefer, "id") if name in columns]


def _identity(corpus: Corpus) -> list[NDArray[Any]]:
    identity = corpus.digests("identity")
    return [identity[:, 0], identity[:, 1], corpus.occurrence]


def _changes(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the rows of sorted columns that differ from the row before."""
    changed = np.zeros(len(columns[0]), np.bool_)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def _by_subject(corpus: Corpus, flags: NDArray[np.uint32], group: list[int]) -> list[list[int]]:
    """Split equal short texts of one source whose titles name different subjects.

    Two companies may declare the same dividend on one day; another paper's
    headline over a reprint says nothing.
    """
    if not flags[group[0]] & bits.SHORT:
        return [group]
    parts: list[tuple[int, list[str], list[int]]] = []
    known: dict[tuple[int, bytes], list[int]] = {}
    for document in group:
        source, title = int(corpus.sources[document]), corpus.value("title_key", document) or b""
        if (source, title) not in known:
            words = title.decode().split()
            fitting = (p for s, w, p in parts if s != source or same_subject(words, w))
            known[source, title] = next(fitting, [])
            if not known[source, title]:
                parts.append((source, words, known[source, title]))
        known[source, title].append(document)
    return [part for _, _, part in parts]


def _within_days(corpus: Corpus, group: list[int], max_days: int | None) -> list[list[int]]:
    """Split a group so that each document lies within the limit of its node's first; no date, no split."""
    if max_days is None:
        return [group]
    nodes: list[list[int]] = []
    for document in group:
        date = int(corpus.dates[document])
        for node in nodes:
            kept = int(corpus.dates[node[0]])
            if NO_DATE in (date, kept) or abs(date - kept) <= max_days * DAY_US:
                node.append(document)
                break
        else:
            nodes.append([document])
    return nodes


def _is_notice(corpus: Corpus, group: NDArray[np.int64]) -> bool:
    """Tell whether one source has the same short text under many titles or addresses."""
    if len(group) < NOTICE_TITLES or corpus.n_tokens[group[0]] >= NOTICE_TOKENS:
        return False
    headings: dict[int, set[str]] = defaultdict(set)
    for document in group[:NOTICE_LOOKED_AT].tolist():
        heading = corpus.value("title", document) or corpus.value("url", document)
        if heading:
            headings[int(corpus.sources[document])].add(heading)
    return any(len(names) >= NOTICE_TITLES for names in headings.values())
