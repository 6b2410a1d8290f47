"""Exact collapse: documents with the same key become one node, with stated exceptions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup import flags as bits
from dedup.config import Config
from dedup.ordering import runs, sort_ties
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
    high, low = corpus.digests("key_digest").T
    single = (flags & (bits.EMPTY | bits.STUB)) != 0
    day = np.where((flags & bits.SHORT != 0) & (corpus.dates != NO_DATE), corpus.dates // DAY_US, 0)
    apart = np.where(single, np.arange(1, corpus.n_docs + 1), 0)
    order = good[np.argsort(high[good], kind="stable")]
    sort_ties(order, [high], lambda tied: [low[tied], day[tied], apart[tied]])
    grouping = [high, low, day, apart]
    sort_ties(order, grouping, lambda tied: _standing(corpus, flags, tied, config))
    starts = np.flatnonzero(runs(order, grouping))
    ends = np.append(starts, len(order))[1:]
    parted: dict[int, list[list[int]]] = {}
    for number in np.flatnonzero(ends - starts > 1).tolist():
        group = order[starts[number] : ends[number]]
        if _is_notice(corpus, group):
            flags[group] |= bits.STUB
            parted[number] = [[document] for document in group.tolist()]
        else:
            parts = _by_subject(corpus, flags, group.tolist())
            parted[number] = [p for part in parts for p in _within_days(corpus, part, config.verify.max_days)]
    n_parts = np.ones(len(starts), np.int64)
    n_parts[list(parted)] = [len(parts) for parts in parted.values()]
    node = np.cumsum(n_parts) - n_parts
    first = np.empty(int(n_parts.sum()), np.int64)
    first[node] = order[starts]
    members: dict[int, list[int]] = {}
    for number, parts in parted.items():
        for place, part in enumerate(parts, int(node[number])):
            first[place] = part[0]
            if len(part) > 1:
                members[place] = part
    node_of = np.full(corpus.n_docs, -1, np.int64)
    node_of[first] = np.arange(len(first))
    for place, part in members.items():
        node_of[part] = place
    alone = (flags[first] & (bits.EMPTY | bits.STUB)) != 0
    return Nodes(node_of, first, alone, members)


def _standing(
    corpus: Corpus, flags: NDArray[np.uint32], documents: NDArray[np.int64], config: Config
) -> list[NDArray[Any]]:
    """Return columns that tell which of some documents with equal texts is to stand for them; less is better.

    Those published before come first, then the preferences count.
    """
    dates = corpus.dates[documents]
    undated = dates == NO_DATE
    priority = {name: place for place, name in enumerate(config.cluster.source_priority)}
    standing = np.array([priority.get(name, len(priority)) for name in (*corpus.source_names, "")])
    columns = {
        "undegraded": bits.damage(flags[documents]),
        "source": standing[corpus.sources[documents]],  # -1, no source, is the last
        "clean": corpus.removed_bytes[documents],
        "earliest": np.where(undated, np.iinfo(np.int64).max, dates),
        "latest": np.where(undated, np.iinfo(np.int64).max, -dates),
        "id": corpus.id_ranks(documents),
    }
    identity = corpus.digests("identity")[documents]
    return [
        ~corpus.published[documents],
        *(columns[name] for name in (*config.cluster.prefer, "id") if name in columns),
        identity[:, 0],
        identity[:, 1],
        corpus.occurrence[documents],
    ]


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
