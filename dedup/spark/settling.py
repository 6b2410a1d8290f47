"""Verified edges of whole components → keepers, by the batch's own stars, preferences and stories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup import flags as bits
from dedup.cluster import Stars, form_stars
from dedup.config import Config
from dedup.pipeline import settle
from dedup.pipeline.collapse import Nodes
from dedup.pipeline.corpus import Corpus
from dedup.pipeline.decisions import evidence, readable_dates, shown_id, supersedes
from dedup.pipeline.resolve import Outcome, visiting_order
from dedup.pipeline.verdicts import drop_edges, read_verdicts
from dedup.spark.judging import JUDGED, as_verdicts
from dedup.spark.pieces import digests, longs, pieces
from dedup.statistics import Statistics

# A component's rows: its nodes, its verdicts, and the verdicts on pairs that were asked for later.
NODE, VERDICT, LATER = 0, 1, 2
NODES = pa.schema(
    [
        ("rank", pa.int64()),
        ("place", pa.int64()),
        ("published", pa.bool_()),
        ("n_tokens", pa.int32()),
        ("flags", pa.int64()),
        ("date", pa.int64()),
        ("source", pa.string()),
        ("id", pa.string()),
        ("digest", pa.binary()),
        ("occurrence", pa.int32()),
        ("identity", pa.binary()),
        ("key_digest", pa.binary()),
    ]
)
# What became of a node, or a pair (`a`, `b`) of ranks that must still be judged for it.
SETTLED = pa.schema(
    [
        ("component", pa.int64()),
        ("node", pa.int64()),  # places of representatives
        ("keeper", pa.int64()),
        ("evidence", pa.string()),  # JSON, null when kept
        ("story", pa.string()),  # id of the story's lead, null when that is the keeper
        ("preferences", pa.string()),  # JSON
        ("supersedes", pa.string()),  # id
        ("rank", pa.int64()),
        ("keeper_rank", pa.int64()),
        ("a", pa.int64()),
        ("b", pa.int64()),
    ]
)
# A keeper's rank, and the id of its story's lead: null when that is itself.
TOLD = pa.schema([("rank", pa.int64()), ("story", pa.string())])
_CORPUS = pa.schema(
    [
        ("id", pa.large_string()),
        ("source", pa.large_string()),
        ("date", pa.int64()),
        ("flags", pa.uint32()),
        ("n_tokens", pa.int32()),
        ("digest", pa.binary(16)),
        ("identity", pa.binary(16)),
    ]
)
_ENCODE = msgspec.json.Encoder().encode


def settle_components(
    batches: Iterable[pa.RecordBatch], *, config: Config, final: bool
) -> Iterator[pa.RecordBatch]:
    """Decide about whole components; yield `SETTLED`.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        ``component`` and ``kind``, sorted by both, with the columns of `NODES`
        or of `judging.JUDGED` filled, whichever the row is.
    config : Config
    final : bool
        Whether the pairs that were asked for are among the rows. If not, a
        component that asks for pairs yields these and nothing else.
    """
    # No group limit: components that are too large never come here.
    for piece in pieces(batches, ["component"], group_rows=1 << 62, piece_rows=1 << 12):
        if piece.rows.num_rows:
            yield _settle(piece.rows, config, final=final)


def _settle(rows: pa.RecordBatch, config: Config, *, final: bool) -> pa.RecordBatch:
    kind = longs(rows.column("kind"))
    found = rows.filter(pa.array(kind == NODE))
    corpus, found = _corpus(found)
    nodes = _nodes(corpus)
    ranks = longs(found.column("rank"))
    judged = [_verdicts(rows, kind == wanted, ranks) for wanted in (VERDICT, LATER)]
    verdicts = read_verdicts(judged[:1], nodes.node_of)
    flags = corpus.numbers("flags")
    short = (flags & bits.SHORT) != 0
    order = visiting_order(corpus, nodes, verdicts)
    edges = drop_edges(verdicts, corpus.dates, short, config)
    stars = form_stars(order, corpus.published, edges)
    challenge = settle.challenge(corpus, nodes, flags, stars, verdicts, edges, order, config)
    component = longs(found.column("component"))
    missing, asking = challenge.missing, np.zeros(len(ranks), np.bool_)
    if len(missing) and not final:
        asking = np.isin(component, component[missing[:, 0]])
    if final:
        verdicts = read_verdicts(judged, nodes.node_of)
        edges = drop_edges(verdicts, corpus.dates, short, config)
    settle.swap(stars, challenge, edges)
    story = settle.stories(order, stars, verdicts)
    outcome = Outcome(
        corpus, nodes, flags, verdicts, stars.keeper, stars.witness, story, Statistics(),
        challenge.preferences,
    )  # fmt: skip
    settled = _outcomes(outcome, found, np.flatnonzero(~asking))
    if final or not len(missing):
        return settled
    return _joined(settled, _asked(component, ranks, missing))


def tell_stories(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Find the lead of each kept node's story; yield `TOLD`.

    Takes what `settle_components` takes, the nodes being final keepers and
    the verdicts those between what they stand for.
    """
    for piece in pieces(batches, ["component"], group_rows=1 << 62, piece_rows=1 << 12):
        kind = longs(piece.rows.column("kind"))
        corpus, found = _corpus(piece.rows.filter(pa.array(kind == NODE)))
        nodes, ranks = _nodes(corpus), longs(found.column("rank"))
        verdicts = read_verdicts([_verdicts(piece.rows, kind == VERDICT, ranks)], nodes.node_of)
        order = visiting_order(corpus, nodes, verdicts)
        numbers = nodes.node_of
        story = settle.stories(order, Stars(numbers, np.full(len(numbers), -1)), verdicts)
        shown = [None if lead == node else _shown(corpus, lead) for node, lead in enumerate(story.tolist())]
        yield pa.record_batch([pa.array(ranks), pa.array(shown, pa.string())], schema=TOLD)


class _Held(Corpus):
    """Representatives of some components, in memory."""

    def __init__(
        self, batch: pa.RecordBatch, published: NDArray[np.bool_], occurrence: NDArray[np.int64]
    ) -> None:
        self.batches, self.schema, self.n_batches_new = [batch], batch.schema, 1
        self.starts = np.array([0, batch.num_rows])
        self.places, self.files, self.set_aside = [], [], {}
        self.__dict__ |= {"published": published, "occurrence": occurrence}


def _corpus(found: pa.RecordBatch) -> tuple[_Held, pa.RecordBatch]:
    """Return node rows as a corpus, and the rows in its order: that of the batch's collapse."""
    key, identity = digests(found.column("key_digest")), digests(found.column("identity"))
    dates = longs(found.column("date"))
    found = found.take(pa.array(np.lexsort((identity[:, 1], identity[:, 0], dates, key[:, 1], key[:, 0]))))
    batch = pa.record_batch([found.column(f.name).cast(f.type) for f in _CORPUS], schema=_CORPUS)
    published = found.column("published").to_numpy(zero_copy_only=False)
    return _Held(batch, published, longs(found.column("occurrence"))), found


def _nodes(corpus: Corpus) -> Nodes:
    numbers = np.arange(corpus.n_docs)
    return Nodes(numbers, numbers, np.zeros(corpus.n_docs, np.bool_), {})


def _verdicts(rows: pa.RecordBatch, wanted: NDArray[np.bool_], ranks: NDArray[np.int64]) -> pa.RecordBatch:
    """Return the verdicts among the rows, on places in `ranks`, in the order of the batch."""
    chosen = rows.filter(pa.array(wanted)).select(JUDGED.names)
    by_rank = np.argsort(ranks)
    a, b = (by_rank[np.searchsorted(ranks[by_rank], longs(chosen.column(n)))] for n in ("a", "b"))
    columns = dict(zip(JUDGED.names, chosen.columns, strict=True)) | {"a": pa.array(a), "b": pa.array(b)}
    chosen = pa.record_batch([columns[f.name] for f in JUDGED], schema=JUDGED)
    return as_verdicts(chosen.take(pa.array(np.lexsort((b, a)))))


def _outcomes(outcome: Outcome, found: pa.RecordBatch, chosen: NDArray[np.int64]) -> pa.RecordBatch:
    corpus = outcome.corpus
    superseded = supersedes(outcome)
    columns: dict[str, list[Any]] = {name: [] for name in ("evidence", "story", "preferences", "supersedes")}
    keeper = outcome.keeper
    for node in chosen.tolist():
        kept = keeper[node] == node
        lead = int(outcome.story[node])
        preferences = outcome.preferences.get(node) if kept else None
        witness = outcome.witness[node : node + 1]
        columns["evidence"].append(None if kept else _ENCODE(evidence(outcome.verdicts, witness)[0]))
        columns["story"].append(None if lead == keeper[node] else _shown(corpus, lead))
        columns["preferences"].append(_ENCODE(readable_dates(preferences)) if preferences else None)
        columns["supersedes"].append(_shown(corpus, superseded[node]) if node in superseded else None)
    place, rank = longs(found.column("place")), longs(found.column("rank"))
    arrays = {
        "component": found.column("component").take(pa.array(chosen)),
        "node": pa.array(place[chosen]),
        "keeper": pa.array(place[keeper[chosen]]),
        "rank": pa.array(rank[chosen]),
        "keeper_rank": pa.array(rank[keeper[chosen]]),
        **{name: pa.array(values, pa.string()) for name, values in columns.items()},
    }
    return _filled(arrays, len(chosen))


def _asked(
    component: NDArray[np.int64], ranks: NDArray[np.int64], missing: NDArray[np.int64]
) -> pa.RecordBatch:
    arrays = {
        "component": pa.array(component[missing[:, 0]]),
        "a": pa.array(ranks[missing[:, 0]]),
        "b": pa.array(ranks[missing[:, 1]]),
    }
    return _filled(arrays, len(missing))


def _filled(arrays: dict[str, pa.Array], n_rows: int) -> pa.RecordBatch:
    return pa.record_batch(
        [arrays.get(f.name, pa.nulls(n_rows, f.type)).cast(f.type) for f in SETTLED], schema=SETTLED
    )


def _joined(*batches: pa.RecordBatch) -> pa.RecordBatch:
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def _shown(corpus: Corpus, document: int) -> bytes:
    token = corpus.value("id", document)
    return bytes(shown_id(token, "" if token is not None else corpus.record(document)))
