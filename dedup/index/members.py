"""Members of stored clusters, held against the newcomers that may take them over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup import flags as bits
from dedup.index.case import Case, Held, no_verdicts
from dedup.pipeline.verdicts import Verdicts, drop_edges, read_verdicts
from dedup.stores import Head

# A larger cluster is not taken over: it would be compared member by member.
_TAKEN_OVER = 64


class Members:
    """Whom newcomers may stand for among the members of stored records.

    Newcomers are known by their document in the case, clusters by the ordinal of their keeper.
    """

    def __init__(
        self,
        case: Case,
        members_of: Callable[[Sequence[int]], list[Head]],
        load: Callable[[Sequence[Head]], dict[int, int]],
    ) -> None:
        self._case = case
        self._members_of = members_of
        self._load = load
        self._members: dict[int, list[Head]] = {}
        self._documents: dict[int, int] = {}  # ordinal -> document
        self._met: set[tuple[int, int]] = set()
        self._edges: dict[tuple[int, int], int] = {}
        self._judged: list[pa.RecordBatch] = []
        self._n_rows = 0
        self._read: Verdicts | None = None

    @property
    def verdicts(self) -> Verdicts:
        """All verdicts on newcomers and members."""
        if self._read is None:
            size = sum(batch.num_rows for batch in self._case.batches)
            self._read = read_verdicts(self._judged or [no_verdicts()], np.arange(size, dtype=np.int64))
        return self._read

    def meet(self, wanted: Sequence[tuple[int, int]]) -> None:
        """Compare newcomers with the members of clusters, all at once: each comparison has a fixed cost."""
        fresh = [pair for pair in wanted if pair not in self._met]
        self._met.update(fresh)
        found: dict[int, list[Head]] = defaultdict(list)
        keepers = sorted({keeper for _, keeper in fresh} - self._members.keys())
        for head in self._members_of(keepers) if keepers else []:
            found[head.keeper].append(head)
        self._members |= {keeper: found[keeper] for keeper in keepers}
        few = [(d, k) for d, k in fresh if 0 < len(self._members[k]) <= _TAKEN_OVER]
        if not few:
            return
        documents = self._load([head for k in sorted({k for _, k in few}) for head in self._members[k]])
        pairs = [
            (newcomer, documents[head.ordinal])
            for newcomer, keeper in few
            for head in self._members[keeper]
            if head.ordinal in documents
        ]
        self._documents |= documents
        self._judge(np.array(pairs, np.int64).reshape(-1, 2))

    def stood_for(self, newcomer: int, keeper: int) -> dict[int, int] | None:
        """Return the row of `verdicts` behind an edge to each member, by document; None if one lacks."""
        self.meet([(newcomer, keeper)])
        members = self._members[keeper]
        if len(members) > _TAKEN_OVER:
            return None
        documents = [self._documents.get(head.ordinal, -1) for head in members]
        if any((newcomer, document) not in self._edges for document in documents):
            return None
        return {document: self._edges[newcomer, document] for document in documents}

    def _judge(self, pairs: NDArray[np.int64]) -> None:
        case = self._case
        config = case.engine.config
        corpus = Held(case.batches, config.sketch.num_perm)
        judged = case.compare(corpus, pairs)
        short = (corpus.numbers("flags") & bits.SHORT) != 0
        verdicts = read_verdicts(judged or [no_verdicts()], np.arange(corpus.n_docs))
        edges = drop_edges(verdicts, corpus.dates, short, config)
        for keeper, dropped, row in zip(
            edges.keepers.tolist(), edges.dropped.tolist(), edges.pairs.tolist(), strict=True
        ):
            self._edges[keeper, dropped] = self._n_rows + row
        self._judged += judged
        self._n_rows += sum(batch.num_rows for batch in judged)
        self._read = None
