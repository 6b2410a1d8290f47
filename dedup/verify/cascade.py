"""Which pairs their shingle sets decide, before any text is aligned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup.config import SketchConfig, VerifyConfig
from dedup.kernels import overlaps as kernels
from dedup.verify.view import Tokens

# A copy cut, reworded and wrapped in local matter still had a fifth of the shorter text's shingles.
LEAST_CONTAINMENT = 0.12
# Fewer shared shingles than this are a stock phrase; in texts that are hardly longer they can be all.
LEAST_SHARED = 8


def shingle_sets(tokens: Tokens, config: SketchConfig) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the distinct shingles of each document, as hashes, and where those of each stand.

    Returns
    -------
    shingles : numpy.ndarray of uint64
    sets : numpy.ndarray of int64, shape (n_documents + 1,)

    Examples
    --------
    >>> from dedup.verify import read_tokens
    >>> text, ends = np.frombuffer(b"one two three four", np.uint8), np.array([0, 18])
    >>> tokens = read_tokens(text, ends, np.zeros(4, np.uint8), np.array([0, 4]))
    >>> shingle_sets(tokens, SketchConfig())[1].tolist()
    [0, 2]
    """
    n_documents = len(tokens.offsets) - 1
    shingles = np.empty(len(tokens.hashes) + n_documents, np.uint64)
    sets = np.zeros(n_documents + 1, np.int64)
    kernels.shingle_sets(
        tokens.hashes,
        tokens.classes,
        tokens.offsets,
        config.shingle_tokens,
        config.shingle_characters,
        shingles,
        sets,
    )
    return shingles[: sets[-1]], sets


def decide_by_sets(
    shared: NDArray[Any],
    size_a: NDArray[Any],
    size_b: NDArray[Any],
    n_tokens_a: NDArray[Any],
    n_tokens_b: NDArray[Any],
    config: VerifyConfig,
) -> NDArray[np.bool_]:
    """Tell which pairs to align; the others are unrelated.

    Parameters
    ----------
    shared, size_a, size_b : numpy.ndarray of int, shape (n_pairs,)
        Distinct shingles that both have, that a has, that b has.
    n_tokens_a, n_tokens_b : numpy.ndarray of int, shape (n_pairs,)
        Lengths in tokens.
    config : VerifyConfig
        Its profile counts: damaged letters leave fewer shingles.

    Returns
    -------
    numpy.ndarray of bool, shape (n_pairs,)

    Examples
    --------
    >>> shared, sizes, tokens = np.array([2, 90]), np.array([100, 100]), np.array([102, 102])
    >>> decide_by_sets(shared, sizes, sizes, tokens, tokens, VerifyConfig()).tolist()
    [False, True]
    """
    smaller = np.minimum(size_a, size_b)
    least = np.minimum(LEAST_SHARED, np.maximum(1, smaller // 2))
    containment = LEAST_CONTAINMENT / 2 if config.profile == "ocr" else LEAST_CONTAINMENT
    undecided: NDArray[np.bool_] = (shared >= least) & (shared >= containment * smaller)
    return undecided
