"""An outcome → one decision per record, as rows of JSON."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.flags import flag_names
from dedup.pipeline.resolve import Outcome
from dedup.pipeline.verdicts import Verdicts, strengths
from dedup.pipeline.workers import Crew
from dedup.records import Status
from dedup.schema import RELATIONS

SCHEMA = 1
# A keeper of a million copies does not list them all; the rest is counted.
STANDS_FOR_LIMIT = 100
LINKS_LIMIT = 5
LINKED = tuple(RELATIONS.index(name) for name in ("partial", "revised", "digest", "template", "related"))
_ENCODE = msgspec.json.Encoder().encode
_TEN_THOUSANDTHS = 10_000

Row = dict[str, Any]
# The evidence between two records of one key.
SAME_KEY: Row = {"relation": "exact", "jaccard": 1.0, "containment": 1.0, "ratio": 1.0, "reason": "same key"}


@dataclass(frozen=True, slots=True)
class BatchDecisions:
    """Decisions of a batch: ``rows`` as JSON objects in order, ``keep`` and ``rejected`` per row.

    ``digest`` is the sum of the rows' digests; ``relations`` counts the
    dropped by relation, ``rules`` the normaliser's removals by rule.
    """

    rows: list[bytes]
    keep: NDArray[np.bool_]
    rejected: NDArray[np.bool_]
    digest: int
    relations: Counter[str]
    rules: Counter[str]


class Decider:
    """Turn an outcome into decisions, batch by batch, and count them.

    ``digest`` is the order-free digest of all rows without their places
    (file, line): equal for two runs that decided alike. ``sources`` has each
    source's records, and how many of them are dropped.
    """

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._corpus = outcome.corpus
        self._verdicts = outcome.verdicts
        self._ids = self._corpus.column("id")
        self._stands_for = _members_of_keepers(outcome)
        self._links = _Links(outcome)
        self._supersedes = supersedes(outcome)
        kept = outcome.keeper == np.arange(len(outcome.keeper))
        self._kept = np.zeros(self._corpus.n_docs, np.bool_)
        self._kept[outcome.nodes.first[kept]] = True
        # The large majority: kept, and there is no more to say, unless it has flags.
        plain = kept & (outcome.story == outcome.keeper) & ~self._links.any
        plain[[*self._stands_for, *self._supersedes]] = False
        self._plain = np.zeros(self._corpus.n_docs, np.bool_)
        self._plain[outcome.nodes.first[plain]] = True
        self._sum = 0
        self.counts: Counter[str] = Counter()
        self.relations: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        self._tally = np.zeros((2, len(self._corpus.source_names)), np.int64)

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return f"{self._sum % (1 << 256):064x}"

    @property
    def sources(self) -> dict[str, tuple[int, int]]:
        """Records of each source so far, and how many of them are dropped."""
        return dict(zip(self._corpus.source_names, zip(*self._tally.tolist(), strict=True), strict=True))

    def largest(self, n: int) -> list[tuple[bytes, int]]:
        """Return the ids (JSON tokens) and sizes of the n largest clusters, ties by content."""
        order = sorted(
            self._stands_for.items(), key=lambda item: (-len(item[1]), self._corpus.id(item[1][0]).__str__())
        )
        return [
            (
                bytes(self.id_of(int(self._outcome.nodes.first[node]))),
                len(set(members) | {int(self._outcome.nodes.first[node])}),
            )
            for node, members in order[:n]
        ]

    def batches(self, crew: Crew) -> Iterator[BatchDecisions]:
        """Yield the decisions of every batch of the input, in reading order."""
        numbers = range(self._corpus.n_batches_new)
        for number, decided in zip(numbers, crew.map_shared(Decider.decide, self, numbers), strict=True):
            self._sum += decided.digest
            self.relations.update(decided.relations)
            self.rules.update(decided.rules)
            self._count(slice(*self._corpus.starts[number : number + 2].tolist()), decided)
            yield decided

    def decide(self, number: int) -> BatchDecisions:
        """Write the decisions of one batch; what is counted here stays as it is."""
        batch = self._corpus.batches[number]
        start = int(self._corpus.starts[number])
        span = slice(start, start + batch.num_rows)
        keep, bad = self._kept[span], self._corpus.bad[span]
        removed = batch.column("removed")
        plain = self._plain[span] & removed.is_null().to_numpy(zero_copy_only=False)
        records = _records(batch, self._corpus.occurrence[span])
        tokens = batch.column("id").to_pylist()
        flags = self._outcome.flags[span].tolist()
        rows = [b""] * batch.num_rows
        for at in np.flatnonzero(plain).tolist():
            token = tokens[at]
            own = f'"sha:{records[at]}"' if token is None else token
            rows[at] = (_plain(flags[at]) % (records[at], own, own, own)).encode()
        for at in np.flatnonzero(bad).tolist():
            reason = self._corpus.value("bad", start + at) or self._corpus.set_aside[start + at]
            rows[at] = _ENCODE(rejected(records[at], tokens[at], reason))
        told = np.flatnonzero(~(plain | bad))
        relations: Counter[str] = Counter()
        rules: Counter[str] = Counter()
        for at, about, links in zip(told.tolist(), *self._told(told + start), strict=True):
            taken = removals(raw) if (raw := removed[at].as_py()) else []
            if taken:
                rules.update([removal["rule"] for removal in taken])
            status: Status = "dropped" if "kept_id" in about else "kept"
            if status == "dropped":
                relations[about["relation"]] += 1
            own_id = shown_id(tokens[at], records[at])
            rows[at] = _ENCODE(
                compose(records[at], own_id, status, about, links=links, flags=flags[at], removed=taken)
            )
        digest = sum([int.from_bytes(row_digest(row)) for row in rows])
        return BatchDecisions(rows, keep, bad, digest, relations, rules)

    def _told(self, documents: NDArray[np.int64]) -> tuple[list[Row], list[list[Row]]]:
        """Return what the decisions on some good documents say of their fate, and their links."""
        outcome, first = self._outcome, self._outcome.nodes.first
        node = outcome.nodes.node_of[documents]
        keeper = outcome.keeper[node]
        kept, lead = first[keeper], first[outcome.story[node]]
        nodes = node.tolist()
        found = iter(evidence(self._verdicts, outcome.witness[node[node != keeper]]))
        abouts = []
        for document, own, standing, leading, same_key in zip(
            documents.tolist(), nodes, kept.tolist(), lead.tolist(), (node == keeper).tolist(), strict=True
        ):
            cluster = self.id_of(standing)
            about: Row = {
                "cluster": cluster,
                "story": cluster if leading == standing else self.id_of(leading),
            }
            if standing == document:
                about |= self._keeper(own, document)
            else:
                about |= {"kept_id": cluster, "kept_in": self._corpus.origin(standing)}
                about |= SAME_KEY if same_key else next(found)
            abouts.append(about)
        return abouts, self._links_of(node)

    def _links_of(self, node: NDArray[np.int64]) -> list[list[Row]]:
        """Return the links of some nodes."""
        rows, bounds = self._links.of(node)
        v, near = self._verdicts, np.repeat(node, np.diff(bounds))
        others = self._outcome.nodes.first[np.where(v.a[rows] == near, v.b[rows], v.a[rows])].tolist()
        shown = [link(f, self.id_of(o)) for f, o in zip(scores(v, rows), others, strict=True)]
        return [shown[begin:end] for begin, end in itertools.pairwise(bounds.tolist())]

    def _keeper(self, node: int, document: int) -> Row:
        about: Row = {}
        stands_for = self._stands_for.get(node)
        if stands_for:
            others = [d for d in stands_for if d != document]
            about["stands_for"] = [
                stand(self.id_of(d), self._corpus.value("source", d)) for d in others[:STANDS_FOR_LIMIT]
            ]
            about["stands_for_count"] = len(others)
            if preferences := self._outcome.preferences.get(node):
                about["preferences"] = readable_dates(preferences)
        if node in self._supersedes:
            about["supersedes"] = self.id_of(int(self._outcome.nodes.first[self._supersedes[node]]))
        return about

    def id_of(self, document: int) -> msgspec.Raw:
        """Return the JSON token of a document's id."""
        token = self._ids[document]
        return shown_id(token, "" if token is not None else self._corpus.record(document))

    def _count(self, span: slice, decided: BatchDecisions) -> None:
        keep, bad = decided.keep, decided.rejected
        dropped = ~(keep | bad)
        for status, where in (("kept", keep), ("dropped", dropped), ("rejected", bad)):
            self.counts[status] += int(where.sum())
        for bits, n in zip(*np.unique(self._outcome.flags[span][~bad], return_counts=True), strict=True):
            self.flags.update(dict.fromkeys(flag_names(int(bits)), int(n)))
        sources = self._corpus.sources[span]
        for row, where in enumerate((sources >= 0, (sources >= 0) & dropped)):
            self._tally[row] += np.bincount(sources[where], minlength=self._tally.shape[1])


def _records(batch: pa.RecordBatch, occurrence: Any) -> list[str]:
    """Return each record's digest in hexadecimal, numbered from its second occurrence on."""
    column = batch.column("digest")
    width = 2 * column.type.byte_width
    digits = column.buffers()[1].to_pybytes().hex()[column.offset * width :]
    return [
        digits[at : at + width] if n == 1 else f"{digits[at : at + width]}#{n}"
        for at, n in zip(range(0, width * batch.num_rows, width), occurrence.tolist(), strict=True)
    ]


def record_name(digest: bytes, occurrence: int) -> str:
    """Return a text's digest in hexadecimal, numbered from its second occurrence on."""
    return digest.hex() if occurrence == 1 else f"{digest.hex()}#{occurrence}"


def shown_id(token: str | None, record: str) -> msgspec.Raw:
    """Return an id's JSON token; made from the record's digest where there is none."""
    return msgspec.Raw((token if token is not None else f'"sha:{record}"').encode())


def rejected(record: str, token: str | None, reason: str) -> Row:
    """Return the decision on a record that could not be used."""
    own: Row = {} if token is None else {"id": shown_id(token, record)}
    return {"schema": SCHEMA, "record": record, **own, "status": "rejected", "reason": reason}


def compose(
    record: str,
    own_id: msgspec.Raw,
    status: Status,
    about: Row,
    *,
    links: list[Row],
    flags: int,
    removed: list[Row],
) -> Row:
    """Return a decision with its parts in their order; those that are empty are left out."""
    row: Row = {"schema": SCHEMA, "record": record, "id": own_id, "status": status, **about}
    if links:
        row["links"] = links
    if names := flag_names(flags):
        row["flags"] = names
    if removed:
        row["removed"] = removed
    return row


def row_digest(row: bytes) -> bytes:
    """Return 32 bytes for a row of JSON; their sum over all rows is the run's digest."""
    return hashlib.blake2b(row, digest_size=32).digest()


@cache
def _plain(flags: int) -> str:
    """Return the row of a kept record with no more to it but flags, open for its name and thrice its id."""
    own = msgspec.Raw(b"%s")
    about = {"cluster": own, "story": own}
    return _ENCODE(compose("%s", own, "kept", about, links=[], flags=flags, removed=[])).decode()


def removals(removed: bytes) -> list[Row]:
    """Return what a decision says of the normaliser's removals: how much, not what."""
    return [
        {"line": r["line"], "rule": r["rule"], "chars": len(r["text"])} for r in msgspec.json.decode(removed)
    ]


def evidence(verdicts: Verdicts, rows: NDArray[np.int64]) -> list[Row]:
    """Return the relation, scores and reason of each pair behind a drop."""
    reasons = [verdicts.reason[row].as_py() for row in rows.tolist()]
    return [found | {"reason": reason} for found, reason in zip(scores(verdicts, rows), reasons, strict=True)]


def scores(verdicts: Verdicts, rows: NDArray[np.int64]) -> list[Row]:
    """Return the relation and scores of some pairs."""
    v = verdicts
    relations = [RELATIONS[relation] for relation in v.relation[rows].tolist()]
    jaccard, containment, ratio = (
        (column[rows] / _TEN_THOUSANDTHS).tolist() for column in (v.jaccard, v.containment, v.ratio)
    )
    return [
        {"relation": relation, "jaccard": j, "containment": c} | ({"ratio": r} if r >= 0 else {})
        for relation, j, c, r in zip(relations, jaccard, containment, ratio, strict=True)
    ]


def link(found: Row, other: msgspec.Raw) -> Row:
    """Return the note on a pair that was not merged."""
    return {"id": other} | {name: found[name] for name in ("relation", "jaccard", "containment")}


def stand(identifier: msgspec.Raw, source: str | None) -> Row:
    """Return what a keeper says of a record that it stands for."""
    return {"id": identifier} | ({"source": source} if source else {})


def _members_of_keepers(outcome: Outcome) -> dict[int, list[int]]:
    """Return the documents that each keeper of several stands for, itself included, ordered by content."""
    nodes = outcome.nodes
    joined: dict[int, list[int]] = defaultdict(list)
    dropped = np.flatnonzero(outcome.keeper != np.arange(len(outcome.keeper)))
    identity = outcome.corpus.digests("identity")
    names = identity[nodes.first[dropped]]
    for node in dropped[np.lexsort((names[:, 1], names[:, 0]))].tolist():
        joined[int(outcome.keeper[node])].extend(nodes.members.get(node) or [int(nodes.first[node])])
    for node, members in nodes.members.items():
        if outcome.keeper[node] == node:
            joined[node] = [*members, *joined.get(node, [])]
    return dict(joined)


class _Links:
    """Each node's strongest verdicts that merged nothing, ties by content; arrays, for most have some."""

    def __init__(self, outcome: Outcome) -> None:
        v = outcome.verdicts
        rows = np.flatnonzero(np.isin(v.relation, LINKED) & (outcome.keeper[v.a] != outcome.keeper[v.b]))
        node = np.concatenate([v.a[rows], v.b[rows]])
        other = np.concatenate([v.b[rows], v.a[rows]])
        both = np.concatenate([rows, rows])
        identity = outcome.corpus.digests("identity")[outcome.nodes.first[other]]
        order = np.lexsort((identity[:, 1], identity[:, 0], ~strengths(v)[both], node))
        self._verdicts = both[order]
        self._first = np.searchsorted(node[order], np.arange(len(outcome.keeper) + 1))

    @cached_property
    def any(self) -> NDArray[np.bool_]:
        """Tell for every node whether it has some."""
        found: NDArray[np.bool_] = self._first[1:] > self._first[:-1]
        return found

    def of(self, nodes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the verdicts of some nodes, one behind the other, and where each node's begin and end."""
        first = self._first[nodes]
        counts = np.minimum(self._first[nodes + 1] - first, LINKS_LIMIT)
        bounds = np.concatenate([[0], np.cumsum(counts)])
        return self._verdicts[np.arange(bounds[-1]) + np.repeat(first - bounds[:-1], counts)], bounds


def supersedes(outcome: Outcome) -> dict[int, int]:
    """Return, for kept newcomers that hold all of a published record and more, that record's node."""
    v = outcome.verdicts
    published = outcome.corpus.published[outcome.nodes.first]
    identity = outcome.corpus.digests("identity")
    droppable = np.isin(v.relation, [RELATIONS.index(name) for name in ("near", "contained")])
    found: dict[int, int] = {}
    rows = np.flatnonzero(droppable & (published[v.a] != published[v.b]) & (v.fuller >= 0))
    strength = strengths(v)
    ordered = sorted(
        rows.tolist(), key=lambda r: (-int(strength[r]), tuple(identity[outcome.nodes.first[v.a[r]]]), r)
    )
    for row in ordered:
        fuller, other = (v.a[row], v.b[row]) if v.fuller[row] == 0 else (v.b[row], v.a[row])
        if published[other] and outcome.keeper[fuller] == fuller:
            found.setdefault(int(fuller), int(other))
    return found


def readable_dates(preferences: dict[str, Any]) -> dict[str, Any]:
    """Show dates as ISO 8601."""
    shown = dict(preferences)
    for name in ("earliest", "latest"):
        if shown.get(name) is not None:
            shown[name] = str(np.datetime64(shown[name], "us").astype("datetime64[s]")) + "Z"
    return shown
