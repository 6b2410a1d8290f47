"""Orders of many columns: where they change, and sorting when hardly any are equal in the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = Sequence[NDArray[Any]]


def changes(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the rows of sorted columns that differ from the row before."""
    changed = np.zeros(len(columns[0]), np.bool_)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def runs(order: NDArray[np.int64], columns: Columns) -> NDArray[np.bool_]:
    """Mark where a run of documents with equal columns begins."""
    return changes(*(column[order] for column in columns))


def sort_ties(
    order: NDArray[np.int64], columns: Columns, finer: Callable[[NDArray[np.int64]], Columns]
) -> None:
    """Sort each run of documents with equal columns by finer ones, in place.

    Parameters
    ----------
    order : numpy.ndarray of int64
        Documents, already sorted by `columns`.
    columns : sequence of numpy.ndarray
        One entry per document of the corpus.
    finer : callable
        Takes the documents that stand in runs of several; returns columns with
        an entry for each, the weightiest first.

    Examples
    --------
    >>> order = np.array([2, 0, 1])
    >>> sort_ties(order, [np.array([7, 7, 3])], lambda documents: [-documents])
    >>> order.tolist()
    [2, 1, 0]
    """
    begins = runs(order, columns)
    tied = np.flatnonzero(~begins | ~np.append(begins[1:], True)[: len(order)])
    documents = order[tied]
    run = np.cumsum(begins)[tied]
    order[tied] = documents[np.lexsort([*reversed(finer(documents)), run])]
