"""The kernels that only an index needs, compiled beforehand."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from dedup.index.handle import Index
from dedup.kernels.postings import find_marked

_TEXT = " ".join(f"Word{number} stands in its {number}th place." for number in range(40))


def warm_index() -> None:
    """Add to an index in a temporary folder, and look up what stands there."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Index.open(str(Path(folder) / "warm.db"), mode="w") as index,
    ):
        index.add_many([{"id": 1, "text": _TEXT}, {"id": 2, "text": _TEXT[:600]}])
        index.query({"id": 3, "text": _TEXT + " One more."})
    # Only large segments have a filter.
    find_marked(np.zeros(1, np.uint32), np.frombuffer(bytes(8), np.uint64), np.empty(1, np.int64))
