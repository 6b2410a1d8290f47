"""An outcome → one decision per record, as rows of JSON."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from dedup.flags import flag_names
from dedup.pipeline.resolve import Outcome
from dedup.pipeline.verdicts import strengths
from dedup.schema import RELATIONS

SCHEMA = 1
# A keeper of a million copies does not list them all; the rest is counted.
_STANDS_FOR_LIMIT = 100
_LINKS_LIMIT = 5
_LINKED = tuple(RELATIONS.index(name) for name in ("partial", "revised", "digest", "template", "related"))
_ENCODE = msgspec.json.Encoder().encode
_TEN_THOUSANDTHS = 10_000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BatchDecisions:
    """Decisions of a batch: ``rows`` in order (ids are `msgspec.Raw`), ``keep`` and ``rejected`` per row."""

    rows: list[Row]
    keep: np.ndarray[Any, np.dtype[np.bool_]]
    rejected: np.ndarray[Any, np.dtype[np.bool_]]


class Decider:
    """Turn an outcome into decisions, batch by batch, and count them.

    ``digest`` is the order-free digest of all rows without their places
    (file, line): equal for two runs that decided alike.
    """

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._corpus = outcome.corpus
        self._verdicts = outcome.verdicts
        self._stands_for = _members_of_keepers(outcome)
        self._links = _Links(outcome)
        self._supersedes = _supersedes(outcome)
        self._sum = 0
        self.counts: Counter[str] = Counter()
        self.relations: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        self.sources: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return f"{self._sum % (1 << 256):064x}"

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
        rows = []
        columns = zip(
            *(batch.column(name).to_pylist() for name in ("id", "bad", "source", "removed")), strict=True
        )
        records = _records(batch, self._corpus.occurrence[start : start + batch.num_rows])
        for at, (token, bad, source, removed) in enumerate(columns):
            document = start + at
            record = records[at]
            reason = bad if bad is not None else self._corpus.set_aside.get(document)
            if reason is not None:
                row: Row = {
                    "schema": SCHEMA,
                    "record": record,
                    "id": _raw(token),
                    "status": "rejected",
                    "reason": reason,
                }
                if token is None:
                    del row["id"]
            else:
                row = self._row(
                    document, record, _raw(token) if token is not None else _sha_id(record), removed
                )
            self._count(row, source)
            rows.append(row)
        status = [row["status"] for row in rows]
        return BatchDecisions(
            rows,
            np.array([s == "kept" for s in status], np.bool_),
            np.array([s == "rejected" for s in status], np.bool_),
        )

    def _row(self, document: int, record: str, own_id: msgspec.Raw, removed: bytes | None) -> Row:
        outcome = self._outcome
        node = int(outcome.nodes.node_of[document])
        keeper = int(outcome.keeper[node])
        kept = int(outcome.nodes.first[keeper])
        row: Row = {"schema": SCHEMA, "record": record, "id": own_id}
        if kept == document:
            row |= {"status": "kept", "cluster": own_id, "story": self._story(node, own_id)}
            self._describe_keeper(row, node, document)
        else:
            kept_id = self.id_of(kept)
            row |= {
                "status": "dropped", "cluster": kept_id, "story": self._story(node, kept_id),
                "kept_id": kept_id,
                "kept_in": "against" if kept >= self._corpus.n_new else "input",
            }  # fmt: skip
            row |= self._evidence(node, keeper)
        if links := self._links.of(node):
            row["links"] = [self._link(node, verdict) for verdict in links]
        if flags := flag_names(int(outcome.flags[document])):
            row["flags"] = flags
        if removed:
            row["removed"] = [
                {"line": r["line"], "rule": r["rule"], "chars": len(r["text"])}
                for r in msgspec.json.decode(removed)
            ]
        return row

    def _describe_keeper(self, row: Row, node: int, document: int) -> None:
        stands_for = self._stands_for.get(node)
        if stands_for:
            others = [d for d in stands_for if d != document]
            row["stands_for"] = [self._stand(d) for d in others[:_STANDS_FOR_LIMIT]]
            row["stands_for_count"] = len(others)
            if preferences := self._outcome.preferences.get(node):
                row["preferences"] = _readable_dates(preferences)
        if node in self._supersedes:
            row["supersedes"] = self.id_of(int(self._outcome.nodes.first[self._supersedes[node]]))

    def _evidence(self, node: int, keeper: int) -> Row:
        if node == keeper:
            return {
                "relation": "exact",
                "jaccard": 1.0,
                "containment": 1.0,
                "ratio": 1.0,
                "reason": "same key",
            }
        return self._scores(int(self._outcome.witness[node])) | {
            "reason": self._verdicts.reason[int(self._outcome.witness[node])].as_py()
        }

    def _scores(self, verdict: int) -> Row:
        v = self._verdicts
        row: Row = {
            "relation": RELATIONS[v.relation[verdict]],
            "jaccard": int(v.jaccard[verdict]) / _TEN_THOUSANDTHS,
            "containment": int(v.containment[verdict]) / _TEN_THOUSANDTHS,
        }
        if v.ratio[verdict] >= 0:
            row["ratio"] = int(v.ratio[verdict]) / _TEN_THOUSANDTHS
        return row

    def _link(self, node: int, verdict: int) -> Row:
        v = self._verdicts
        other = int(v.b[verdict] if v.a[verdict] == node else v.a[verdict])
        scores = self._scores(verdict)
        scores.pop("ratio", None)
        return {"id": self.id_of(int(self._outcome.nodes.first[other])), **scores}

    def _stand(self, document: int) -> Row:
        source = self._corpus.value("source", document)
        return {"id": self.id_of(document)} | ({"source": source} if source else {})

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
        return _raw(token) if token is not None else _sha_id(self._corpus.record(document))

    def _count(self, row: Row, source: str | None) -> None:
        status = row["status"]
        self.counts[status] += 1
        if status == "dropped":
            self.relations[row["relation"]] += 1
        self.flags.update(row.get("flags", ()))
        self.rules.update(r["rule"] for r in row.get("removed", ()))
        if source is not None:
            tally = self.sources[source]
            tally[0] += 1
            tally[1] += status == "dropped"
        self._sum += int.from_bytes(hashlib.blake2b(_ENCODE(row), digest_size=32).digest())


def _records(batch: pa.RecordBatch, occurrence: Any) -> list[str]:
    """Return each record's digest in hexadecimal, numbered from its second occurrence on."""
    digests = [digest.hex() for digest in batch.column("digest").to_pylist()]
    return [d if n == 1 else f"{d}#{n}" for d, n in zip(digests, occurrence.tolist(), strict=True)]


def _raw(token: str | None) -> msgspec.Raw:
    return msgspec.Raw(token.encode() if token is not None else b"null")


def _sha_id(record: str) -> msgspec.Raw:
    return msgspec.Raw(f'"sha:{record}"'.encode())


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
        rows = np.flatnonzero(np.isin(v.relation, _LINKED) & (outcome.keeper[v.a] != outcome.keeper[v.b]))
        node = np.concatenate([v.a[rows], v.b[rows]])
        other = np.concatenate([v.b[rows], v.a[rows]])
        both = np.concatenate([rows, rows])
        identity = outcome.corpus.digests("identity")[outcome.nodes.first[other]]
        order = np.lexsort((identity[:, 1], identity[:, 0], ~strengths(v)[both], node))
        self._verdicts = both[order]
        self._first = np.searchsorted(node[order], np.arange(len(outcome.keeper) + 1))

    def of(self, node: int) -> list[int]:
        first, end = self._first[node], self._first[node + 1]
        return [] if first == end else self._verdicts[first : min(end, first + _LINKS_LIMIT)].tolist()


def _supersedes(outcome: Outcome) -> dict[int, int]:
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


def _readable_dates(preferences: dict[str, Any]) -> dict[str, Any]:
    """Show dates as ISO 8601."""
    shown = dict(preferences)
    for name in ("earliest", "latest"):
        if shown.get(name) is not None:
            shown[name] = str(np.datetime64(shown[name], "us").astype("datetime64[s]")) + "Z"
    return shown
