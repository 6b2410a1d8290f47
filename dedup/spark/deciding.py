"""Documents with the fate of their nodes → rows of decisions, in the form that the batch writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from dedup.pipeline.decisions import (
    LINKS_LIMIT,
    SAME_KEY,
    STANDS_FOR_LIMIT,
    Row,
    compose,
    link,
    record_name,
    rejected,
    row_digest,
    scores,
    shown_id,
    stand,
)
from dedup.pipeline.verdicts import read_verdicts
from dedup.spark.judging import JUDGED, as_verdicts
from dedup.spark.pieces import pieces

DECIDED = pa.schema(
    [
        ("place", pa.int64()),
        ("status", pa.string()),
        ("relation", pa.string()),  # null unless dropped
        ("kept_place", pa.int64()),  # of the keeper
        ("cluster_size", pa.int64()),  # with a keeper; null elsewhere
        ("source", pa.string()),
        ("flags", pa.int64()),
        ("removed", pa.string()),
        ("digest", pa.binary()),  # of the decision; their sum is the run's digest
        ("decision", pa.string()),  # JSON
    ]
)
LINKED = pa.schema([("node", pa.int64()), ("links", pa.string())])
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.decode
_COLUMNS = (
    "place", "node", "published", "digest", "occurrence", "id", "source", "flags", "removed", "bad",
    "evidence", "story", "preferences", "supersedes", "links",
)  # fmt: skip


@dataclass
class _Cluster:
    """What is remembered of a cluster while its records go by: the keeper comes first."""

    kept_id: msgspec.Raw
    place: int
    published: bool
    document: dict[str, Any]
    stands_for: list[Row] = field(default_factory=list)
    n_others: int = 0


def decide(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Write the decisions on records that were compared; yield `DECIDED`.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        A row per document, sorted by ``keeper``, whether its node is the
        keeper's own, the node's ``node_identity``, and ``seq``, so that a
        keeper comes before what it stands for. Published documents get no
        decision.
    """
    cluster: _Cluster | None = None
    for piece in pieces(batches, ["keeper"]):
        documents = piece.rows.select(_COLUMNS).to_pylist()
        out: list[tuple[Any, ...]] = []
        for start, end, continued, is_open in piece.groups():
            rows = documents[start:end]
            if not continued:
                first, *rows = rows
                cluster = _Cluster(_own_id(first), first["place"], first["published"], first)
            assert cluster is not None
            for document in rows:
                out.extend(_dropped(document, cluster))
            if not is_open:
                out.extend(_kept(cluster))
        yield _batch(out)


def decide_alone(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Write the decisions on records that were not compared: bad ones, empty ones, stubs; yield `DECIDED`."""
    for batch in batches:
        out: list[tuple[Any, ...]] = []
        for document in batch.to_pylist():
            if document["published"]:
                continue
            if document["bad"] is None:
                out.extend(_kept(_Cluster(_own_id(document), document["place"], False, document)))
            else:
                out.append(_finished(document, rejected(_record(document), document["id"], document["bad"])))
        yield _batch(out)


def write_links(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Write each node's strongest links; yield `LINKED`.

    Takes `judging.JUDGED` rows once for either end: ``node``, and the other
    end's ``id``, ``digest`` and ``occurrence``; sorted by ``node``, the
    strength falling, and the other's identity.
    """
    for piece in pieces(batches, ["node"]):
        rows = piece.rows
        nowhere = pa.array(np.zeros(rows.num_rows, np.int64))
        plain = [nowhere if f.name in ("a", "b") else rows.column(f.name) for f in JUDGED]
        verdicts = read_verdicts([as_verdicts(pa.record_batch(plain, schema=JUDGED))], np.zeros(1, np.int64))
        others = rows.select(["id", "digest", "occurrence"]).to_pylist()
        nodes: list[int] = []
        texts: list[bytes] = []
        for start, end, continued, _ in piece.groups():
            if not continued:
                chosen = np.arange(start, min(end, start + LINKS_LIMIT))
                nodes.append(rows.column("node")[start].as_py())
                found = zip(scores(verdicts, chosen), others[start:end], strict=False)
                texts.append(_ENCODE([link(one, _own_id(other)) for one, other in found]))
        yield pa.record_batch([pa.array(nodes, pa.int64()), pa.array(texts, pa.string())], schema=LINKED)


def _dropped(document: dict[str, Any], cluster: _Cluster) -> Iterator[tuple[Any, ...]]:
    """Yield the decision on a record that another one stands for, and note it with the keeper."""
    cluster.n_others += 1
    own_id = _own_id(document)
    if len(cluster.stands_for) < STANDS_FOR_LIMIT:
        cluster.stands_for.append(stand(own_id, document["source"]))
    if document["published"]:
        return
    about: Row = {
        "cluster": cluster.kept_id,
        "story": _story(document, cluster.kept_id),
        "kept_id": cluster.kept_id,
        "kept_in": "against" if cluster.published else "input",
    }
    about |= _DECODE(document["evidence"]) if document["evidence"] else SAME_KEY
    yield _finished(document, _composed(document, own_id, "dropped", about), kept_place=cluster.place)


def _kept(cluster: _Cluster) -> Iterator[tuple[Any, ...]]:
    """Yield the decision on a keeper, once all that it stands for has gone by."""
    if cluster.published:
        return
    document = cluster.document
    about: Row = {"cluster": cluster.kept_id, "story": _story(document, cluster.kept_id)}
    if cluster.n_others:
        about |= {"stands_for": cluster.stands_for, "stands_for_count": cluster.n_others}
        if document.get("preferences"):
            about["preferences"] = _DECODE(document["preferences"])
    if document.get("supersedes"):
        about["supersedes"] = msgspec.Raw(document["supersedes"].encode())
    row = _composed(document, cluster.kept_id, "kept", about)
    yield _finished(document, row, cluster_size=cluster.n_others + 1)


def _composed(document: dict[str, Any], own_id: msgspec.Raw, status: Any, about: Row) -> Row:
    return compose(
        _record(document),
        own_id,
        status,
        about,
        links=_DECODE(document["links"], type=list[dict[str, msgspec.Raw]]) if document.get("links") else [],
        flags=document["flags"],
        removed=_DECODE(document["removed"]) if document["removed"] else [],
    )


def _finished(
    document: dict[str, Any], row: Row, *, kept_place: int | None = None, cluster_size: int | None = None
) -> tuple[Any, ...]:
    encoded = _ENCODE(row)
    return (
        document["place"], row["status"], row.get("relation"), kept_place, cluster_size, document["source"],
        document["flags"] if row["status"] != "rejected" else 0,
        document["removed"] if row["status"] != "rejected" else None,
        row_digest(encoded), encoded,
    )  # fmt: skip


def _batch(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[]] * len(DECIDED)
    arrays = [pa.array(column, f.type) for column, f in zip(columns, DECIDED, strict=True)]
    return pa.record_batch(arrays, schema=DECIDED)


def _record(document: dict[str, Any]) -> str:
    return record_name(document["digest"], document["occurrence"])


def _own_id(document: dict[str, Any]) -> msgspec.Raw:
    return shown_id(document["id"], _record(document))


def _story(document: dict[str, Any], cluster: msgspec.Raw) -> msgspec.Raw:
    story = document.get("story")
    return cluster if story is None else msgspec.Raw(story.encode())
