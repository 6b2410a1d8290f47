"""An index as a batch run sees it: an archive to compare against, and a place for what the run keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.index.case import Case
from dedup.index.changes import now_us
from dedup.index.handle import Index
from dedup.schema import prepared_schema
from dedup.sketch import sketch
from dedup.statistics import Statistics


class IndexOfRun:
    """Fulfil `dedup.pipeline.archives.Archive` and `Target`.

    What a run keeps is written in one transaction, begun with the first batch
    and committed after the run's outputs are published: its ledger row, by run
    id, comes and goes with its documents.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._given: set[int] = set()
        self._transaction = ExitStack()
        self._begun = False

    @property
    def name(self) -> str:
        """The address, for messages and the manifest."""
        return self._index.store.shown

    @property
    def statistics(self) -> Statistics:
        """Those that verdicts hang on."""
        return self._index.settings.statistics

    def published(self, prepared: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Yield stored documents that may concern a batch, each once over all calls."""
        engine = self._index.engine
        case = Case(engine, prepared, ignore=self._given)
        with self._index.store.reading():
            self._index.postings.refresh()
            case.look_up(self._index.store, self._index.postings)
        self._given |= {head.ordinal for head in case.heads}
        for batch in case.batches[1:]:
            yield _with_fingerprints(batch, engine.config.sketch.num_perm, sketch_of=self._index)

    def take(self, prepared: pa.RecordBatch, texts: pa.Array, keep: NDArray[np.bool_]) -> None:
        """Store the kept rows of a batch; `texts` are the records' own, large_string."""
        if not self._begun:
            self._transaction.enter_context(self._index.store.writing())
            self._begun = True
        rows = pa.array(np.flatnonzero(keep))
        if len(rows):
            self._index.load(prepared.take(rows), texts.take(rows))

    def commit(self, run_id: str) -> None:
        """Record the run and let all that was taken be seen."""
        store = self._index.store
        if not self._begun:
            self._transaction.enter_context(store.writing())
        store.add_ledger(run_id, "run", now_us(), b"")
        store.raise_counter("commits")
        self._transaction.close()
        self._begun = False
        self._index.postings.merge()

    def __enter__(self) -> IndexOfRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._begun:
            # Not committed: the run failed, or stopped before it published.
            self._transaction.__exit__(kind or RuntimeError, error or RuntimeError("not committed"), trace)
        self._index.close()


def _with_fingerprints(batch: pa.RecordBatch, num_perm: int, *, sketch_of: Index) -> pa.RecordBatch:
    """Return a batch with its fingerprints in full; the store keeps their high halves only."""
    made = sketch(batch.column("key"), batch.column("classes"), config=sketch_of.settings.config.sketch)
    schema = prepared_schema(num_perm)
    at = schema.get_field_index("fingerprints")
    return batch.set_column(at, schema.field(at), made.fingerprints)
