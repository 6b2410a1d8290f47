"""An outcome → one decision per record, as rows of JSON."""

from __future__ import annotations

import hashlib
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
    """Decisions of a batch: ``rows`` as JSON objects in order, ``keep`` and ``rejected`` per row."""

    rows: list[bytes]
    keep: NDArray[np.bool_]
    rejected: NDArray[np.bool_]


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

    def batches(self) -> Iterator[BatchDecisions]:
        """Yield the decisions of every batch of the input, in reading order."""
        for number in range(self._corpus.n_batches_new):
            yield self._decide(number)

    def _decide(self, number: int) -> BatchDecisions:
        batch = self._corpus.batches[number]
        start = int(self._corpus.starts[number])
        span = slice(start, start + batch.num_rows)
        keep, bad = self._kept[span], self._corpus.bad[span]
        removed = batch.column("removed")
        plain = self._plain[span] & removed.is_null().to_numpy(zero_copy_only=False)
        records = _records(batch, self._corpus.occurrence[span])
        flags = self._outcome.flags[span].tolist()
        rows = []
        for at, (record, token) in enumerate(zip(records, batch.column("id").to_pylist(), strict=True)):
            document = start + at
            if plain[at]:
                own = f'"sha:{record}"' if token is None else token
                row = (_plain(flags[at]) % (record, own, own, own)).encode()
            elif bad[at]:
                reason = self._corpus.value("bad", document) or self._corpus.set_aside[document]
                row = _ENCODE(rejected(record, token, reason))
            else:
                row = _ENCODE(self._row(document, record, shown_id(token, record), removed[at].as_py()))
            self._sum += int.from_bytes(row_digest(row))
            rows.append(row)
        self._count(span, keep, bad)
        return BatchDecisions(rows, keep, bad)

    def _row(self, document: int, record: str, own_id: msgspec.Raw, removed: bytes | None) -> Row:
        outcome = self._outcome
        node = int(outcome.nodes.node_of[document])
        keeper = int(outcome.keeper[node])
        kept = int(outcome.nodes.first[keeper])
        cluster = own_id if kept == document else self.id_of(kept)
        about: Row = {"cluster": cluster, "story": self._story(node, cluster)}
        if kept == document:
            about |= self._keeper(node, document)
        else:
            about |= {"kept_id": cluster, "kept_in": self._corpus.origin(kept)}
            about |= SAME_KEY if node == keeper else evidence(self._verdicts, int(outcome.witness[node]))
            self.relations[about["relation"]] += 1
        taken = removals(removed) if removed else []
        self.rules.update(removal["rule"] for removal in taken)
        return compose(
            record,
            own_id,
            "kept" if kept == document else "dropped",
            about,
            links=[self._link(node, verdict) for verdict in self._links.of(node)],
            flags=int(outcome.flags[document]),
            removed=taken,
        )

    def _keeper(self, node: int, document: int) -> Row:
        about: Row = {}
        stands_for = self._stands_for.get(node)
        if stands_for:
            others = [d for d in stands_for if d != document]
            about["stands_for"] = [self._stand(d) for d in others[:STANDS_FOR_LIMIT]]
            about["stands_for_count"] = len(others)
            if preferences := self._outcome.preferences.get(node):
                about["preferences"] = readable_dates(preferences)
        if node in self._supersedes:
            about["supersedes"] = self.id_of(int(self._outcome.nodes.first[self._supersedes[node]]))
        return about

    def _link(self, node: int, verdict: int) -> Row:
        v = self._verdicts
        other = int(v.b[verdict] if v.a[verdict] == node else v.a[verdict])
        return link(v, verdict, self.id_of(int(self._outcome.nodes.first[other])))

    def _stand(self, document: int) -> Row:
        return stand(self.id_of(document), self._corpus.value("source", document))

    def _story(self, node: int, cluster: msgspec.Raw) -> msgspec.Raw:
        lead = int(self._outcome.story[node])
        return (
            cluster
            if lead == self._outcome.keeper[node]
            else self.id_of(int(self._outcome.nodes.first[lead]))
        )

    def id_of(self, document: int) -> msgspec.Raw:
        """Return the JSON token of a document's id."""
        token = self._corpus.value("id", document)
        return shown_id(token, "" if token is not None else self._corpus.record(document))

    def _count(self, span: slice, keep: NDArray[np.bool_], bad: NDArray[np.bool_]) -> None:
        dropped = ~(keep | bad)
        for status, where in (("kept", keep), ("dropped", dropped), ("rejected", bad)):
            self.counts[status] += int(where.sum())
        for bits, n in Counter(self._outcome.flags[span][~bad].tolist()).items():
            self.flags.update(dict.fromkeys(flag_names(bits), n))
        sources = self._corpus.sources[span]
        for row, where in enumerate((sources >= 0, (sources >= 0) & dropped)):
            self._tally[row] += np.bincount(sources[where], minlength=self._tally.shape[1])


def _records(batch: pa.RecordBatch, occurrence: Any) -> list[str]:
    """Return each record's digest in hexadecimal, numbered from its second occurrence on."""
    digests = batch.column("digest").to_pylist()
    return [record_name(digest, n) for digest, n in zip(digests, occurrence.tolist(), strict=True)]


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


def evidence(verdicts: Verdicts, verdict: int) -> Row:
    """Return the relation, scores and reason of the pair behind a drop."""
    return scores(verdicts, verdict) | {"reason": verdicts.reason[verdict].as_py()}


def scores(verdicts: Verdicts, verdict: int) -> Row:
    """Return the relation and scores of a pair."""
    row: Row = {
        "relation": RELATIONS[verdicts.relation[verdict]],
        "jaccard": int(verdicts.jaccard[verdict]) / _TEN_THOUSANDTHS,
        "containment": int(verdicts.containment[verdict]) / _TEN_THOUSANDTHS,
    }
    if verdicts.ratio[verdict] >= 0:
        row["ratio"] = int(verdicts.ratio[verdict]) / _TEN_THOUSANDTHS
    return row


def link(verdicts: Verdicts, verdict: int, other: msgspec.Raw) -> Row:
    """Return the note on a pair that was not merged."""
    found = scores(verdicts, verdict)
    found.pop("ratio", None)
    return {"id": other, **found}


def stand(identifier: msgspec.Raw, source: str | None) -> Row:
    """Return what a keeper says of a record that it stands for."""
    return {"id": identifier} | ({"source": source} if source else {})


def _members_of_keepers(outcome: Outcome) -> dict[int, list[int]]:
    """Return the documents that each keeper of several stands for, itself included, ordered by content."""
    nodes = outcome.nodes
    joined: dict[int, list[int]] = defaultdict(list)
    dropped = np.flatnonzero(outcome.keeper != np.arange(len(outcome.keeper)))
    identity = outcome.corpus.digests("identity")
    for node in sorted(dropped.tolist(), key=lambda n: tuple(identity[nodes.first[n]])):
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

    def of(self, node: int) -> list[int]:
        first, end = self._first[node], self._first[node + 1]
        return [] if first == end else self._verdicts[first : min(end, first + LINKS_LIMIT)].tolist()


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
