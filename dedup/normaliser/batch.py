"""Cleaning of whole Arrow columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.normaliser.cleaning import CHARACTERS, LINES, Draft
from dedup.normaliser.screening import screen_texts
from dedup.records import Removal


@dataclass(frozen=True, slots=True)
class CleanedBatch:
    """A cleaned column of texts.

    Attributes
    ----------
    readable : pyarrow.LargeStringArray, shape (n,)
        Cleaned texts; null where cleaning changed nothing.
    removed : list of tuple of Removal, length n
        What went, empty for most texts.
    flags : numpy.ndarray of uint32, shape (n,)
        Bits of `dedup.flags`.
    key_starts : numpy.ndarray of int64, shape (n,)
        Byte offset in the UTF-8 of the cleaned text where its key begins.
    """

    readable: pa.LargeStringArray
    removed: list[tuple[Removal, ...]]
    flags: NDArray[np.uint32]
    key_starts: NDArray[np.int64]


def clean_batch(texts: pa.LargeStringArray, titles: pa.LargeStringArray | None = None) -> CleanedBatch:
    r"""Clean a column of texts; null texts stay null and get no flag.

    Parameters
    ----------
    texts : pyarrow.LargeStringArray, shape (n,)
        The texts as they came.
    titles : pyarrow.LargeStringArray, shape (n,), optional
        Their titles; null where there is none.

    Examples
    --------
    >>> batch = clean_batch(pa.array(["Clean.", "Not\u00a0clean."], pa.large_string()))
    >>> batch.readable.to_pylist()
    [None, 'Not clean.']
    """
    n_docs = len(texts)
    masks = screen_texts(texts, titles)
    rows = np.flatnonzero(masks)
    drafts = [
        Draft(text, title, mask)
        for text, title, mask in zip(
            texts.take(rows).to_pylist(),
            [None] * len(rows) if titles is None else titles.take(rows).to_pylist(),
            masks[rows].tolist(),
            strict=True,
        )
    ]
    _settle(drafts)
    readable: list[str | None] = [None] * n_docs
    removed: list[tuple[Removal, ...]] = [()] * n_docs
    found = np.zeros(n_docs, np.uint32)
    key_starts = np.zeros(n_docs, np.int64)
    for row, draft in zip(rows.tolist(), drafts, strict=True):
        cleaned = draft.finish()
        if cleaned.readable is not draft.came:
            readable[row] = cleaned.readable
            removed[row] = cleaned.removed
        if cleaned.flags:
            found[row] = cleaned.flags
        if start := cleaned.key_start:
            key_starts[row] = len(cleaned.readable[:start].encode())
    return CleanedBatch(pa.array(readable, pa.large_string()), removed, found, key_starts)


def _settle(drafts: list[Draft]) -> None:
    """Clean all drafts pass by pass, with a new screening of those that came out otherwise than expected."""
    active = [draft for draft in drafts if draft.mask & (CHARACTERS | LINES)]
    while active:
        _screen([draft for draft in active if draft.repair()])
        active = [draft for draft in active if not draft.arrange()]
        _screen(active)


def _screen(drafts: list[Draft]) -> None:
    if drafts:
        texts = pa.array([draft.text for draft in drafts], pa.large_string())
        titles = pa.array([draft.title for draft in drafts], pa.large_string())
        for draft, mask in zip(drafts, screen_texts(texts, titles).tolist(), strict=True):
            draft.mask = mask
