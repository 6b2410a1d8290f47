"""What a run over a made corpus kept, held against the corpus's true clusters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt

_ID = re.compile(rb'"id":\s*"d(\d+)"')


class Score(TypedDict):
    """`recall`: the share of the copies that went; `false_drops`: clusters of which nothing is left."""

    recall: float | None
    false_drops: int


def read_clusters(truth: Path) -> npt.NDArray[np.int64]:
    """Return each document's true cluster, by the number in its id."""
    with truth.open("rb") as lines:
        return np.array([json.loads(line)["cluster"] for line in lines], np.int64)


def score_kept(kept: Path, clusters: npt.NDArray[np.int64]) -> Score:
    """Score what was kept: of each cluster one document ought to be left, whichever it is.

    Siblings of a template are clusters of their own, so that each one that is dropped counts as false.
    """
    with kept.open("rb") as lines:
        numbers = [int(found[1]) for line in lines if (found := _ID.search(line))]
    left = np.bincount(clusters[np.array(numbers, np.int64)], minlength=int(clusters.max()) + 1)
    size = np.bincount(clusters)
    copies = int((size - 1)[size > 1].sum())
    gone = int(np.minimum(size - left, size - 1)[size > 1].sum())
    return {
        "recall": round(gone / copies, 4) if copies else None,
        "false_drops": int(((left == 0) & (size > 0)).sum()),
    }


def farthest_keeper(decisions: Path) -> int:
    """Return the longest way along a chain from a dropped document to the one it was dropped for."""
    farthest = 0
    with decisions.open("rb") as lines:
        for line in lines:
            row = json.loads(line)
            if row["status"] == "dropped":
                farthest = max(farthest, abs(int(row["id"][1:]) - int(row["kept_id"][1:])))
    return farthest
