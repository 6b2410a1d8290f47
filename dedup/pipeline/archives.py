"""What a run needs of an index, without knowing one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.statistics import Statistics


class Archive(Protocol):
    """Published records that are looked up instead of read through."""

    @property
    def name(self) -> str:
        """For decisions and messages."""

    @property
    def statistics(self) -> Statistics:
        """Those that its own verdicts hang on."""

    def published(self, prepared: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Yield prepared batches of published records that may concern a batch, each record once."""


class Target(Protocol):
    """Where kept records go besides the outputs."""

    def take(self, prepared: pa.RecordBatch, texts: pa.Array, keep: NDArray[np.bool_]) -> None:
        """Stage the kept rows of a batch; `texts` are the records' own, large_string."""

    def commit(self, run_id: str) -> Any:
        """Make all that was taken last, after the outputs were published."""
