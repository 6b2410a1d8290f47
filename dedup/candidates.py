"""Signatures and fingerprints → pairs worth looking at.

Two paths meet here. MinHash LSH finds texts that resemble each other as a
whole; shared fingerprints find a cut copy, or one inside other matter, whose
resemblance is low. A pair must then show enough agreement in signature or
fingerprints before any text is touched.

Documents are known by *rank* here: 0 is the fullest, ties broken by content.
Every cap selects by rank or by hash, so the pairs do not depend on the order
of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup.config import CandidateConfig
from dedup.kernels import pairs as kernels

# In a bucket over the limit each member meets so many neighbours besides the leader …
NEIGHBOURS = 2
# … and buckets are split by so many further signature values: near copies (J ≥ .9) stay together
# in half of the bands, siblings of one template (J ≤ .8) hardly ever in the same small part.
SPLIT_ROWS = 6
# Of 128 signature values random pairs that met in a band agree in about 6 (one in a hundred in 10);
# true drops go down to a Jaccard of 0.16, which is 20.
LEAST_AGREEMENT = 10 / 128
# Texts that share a cut share most fingerprints of the shorter; a stock phrase gives one.
LEAST_SHARED = 2
LEAST_SHARED_PART = 0.08
# Comparisons of a document with fuller ones: the likeliest, and the fullest (a star's likely centre).
BEST, FULLEST = 24, 8
PAIRS_AT_ONCE = 1 << 22
# A thread that pairs up so many of them holds about 100 MB.
FINGERPRINTS_AT_ONCE = 1 << 21

_Counted = tuple[NDArray[np.uint64], NDArray[np.uint32]]


@dataclass(frozen=True, slots=True)
class Sketched:
    """What the candidate stage sees of n documents.

    ``signatures`` uint32 (n, num_perm); ``fingerprints`` uint64 with int64
    ``offsets`` (n + 1); ``ranks`` uint32 (n,), a permutation.
    """

    signatures: NDArray[np.uint32]
    fingerprints: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    ranks: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of document positions, int64 (n_pairs, 2), the fuller first, and counters."""

    pairs: NDArray[np.int64]
    counters: dict[str, int]


def rank_documents(n_tokens: NDArray[np.int32], digests: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Rank documents by token count, the largest first, ties by content digests.

    Parameters
    ----------
    n_tokens : numpy.ndarray of int32, shape (n,)
    digests : numpy.ndarray of uint64, shape (n, k)
        What settles ties, the weightiest column first: the key's digest, and the record's for
        documents that share a key and stand apart by their dates.

    Examples
    --------
    >>> rank_documents(np.array([3, 9], np.int32), np.zeros((2, 2), np.uint64)).tolist()
    [1, 0]
    """
    order = np.lexsort((*digests.T[::-1], -n_tokens.astype(np.int64)))
    ranks = np.empty(len(order), np.uint32)
    ranks[order] = np.arange(len(order), dtype=np.uint32)
    return ranks


def find_candidates(
    documents: Sketched,
    config: CandidateConfig,
    *,
    published: NDArray[np.bool_] | None = None,
    workers: int = 1,
    empty: Callable[[tuple[int, ...], Any], NDArray[Any]] = np.empty,
) -> Candidates:
    """Find the pairs of documents that deserve a comparison of their texts.

    Parameters
    ----------
    documents : Sketched
    config : CandidateConfig
        Bands, rows and bucket limit.
    published : numpy.ndarray of bool, shape (n,), optional
        Documents that are not compared with each other, and don't count against each other's caps.
    workers : int
        Threads; the result is the same for any number.
    empty : callable, optional
        Makes the arrays that grow with the documents and are read once more: shape, dtype → array.

    Returns
    -------
    Candidates
        Each pair once; at most 32 with fuller documents for each document.
    """
    n_docs = len(documents.ranks)
    position = np.empty(n_docs, np.int64)
    position[documents.ranks] = np.arange(n_docs)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        found = list(
            pool.map(lambda band: _pairs_of_band(documents, position, band, config), range(config.bands))
        )
        banded = _unique([pairs for pairs, _ in found])
        n_parts = max(1, -(-len(documents.fingerprints) // FINGERPRINTS_AT_ONCE))
        met = list(
            pool.map(lambda part: _pairs_of_part(documents, part, n_parts, config, empty), range(n_parts))
        )
        counted = list(pool.map(lambda some: _count(documents, position, some), _ranges(met)))
    pairs, scores = _merge(documents, position, banded, counted)
    if published is not None:
        settled = published[position]
        wanted = ~(settled[_low(pairs)] & settled[_high(pairs)])
        pairs, scores = pairs[wanted], scores[wanted]
    swapped = (pairs << np.uint64(32)) | (pairs >> np.uint64(32))
    order = np.argsort(swapped, kind="stable")
    keep = np.zeros(len(pairs), np.bool_)
    capped = int(kernels.cap_per_document(swapped[order], scores[order], BEST, FULLEST, keep))
    chosen = np.sort(pairs[order[keep]])
    result = np.empty((len(chosen), 2), np.int64)
    result[:, 0] = position[_low(chosen)]
    result[:, 1] = position[_high(chosen)]
    return Candidates(
        result,
        {
            "bucket_pairs": sum(met for _, met in found),
            "fingerprint_pairs": sum(part.n_met for part in counted),
            "candidates": len(chosen),
            "candidates_capped": capped,
        },
    )


def _pairs_of_band(
    documents: Sketched, position: NDArray[np.int64], band: int, config: CandidateConfig
) -> tuple[NDArray[np.uint64], int]:
    """Return the pairs that meet in one band and agree well enough, and how many met at all."""
    n_docs, num_perm = documents.signatures.shape
    entries = np.empty(n_docs, np.uint64)
    second = np.empty(n_docs, np.uint32)
    kernels.band_entries(
        documents.signatures, band * config.rows, config.rows, SPLIT_ROWS, documents.ranks, entries, second
    )
    entries = _sorted(entries)
    split = np.empty(n_docs, np.uint64)
    split = _sorted(split[: kernels.large_buckets(entries, config.bucket_limit, second, split)])
    least = max(1, round(LEAST_AGREEMENT * num_perm))
    kept, met = [], 0
    for part in (entries, split):
        for pairs in _bucket_pairs(part, config.bucket_limit):
            counts = np.empty(len(pairs), np.uint8)
            kernels.agreements(documents.signatures, position, pairs, counts)
            kept.append(pairs[counts >= least])
            met += len(pairs)
    return _unique(kept), met


def _bucket_pairs(entries: NDArray[np.uint64], limit: int) -> Iterator[NDArray[np.uint64]]:
    """Yield the pairs of sorted entries, a bounded number at a time."""
    start = 0
    while start < len(entries):
        room = max(PAIRS_AT_ONCE, (len(entries) - start) * (NEIGHBOURS + 1))
        pairs = np.empty(min(room, (len(entries) - start) * max(limit, NEIGHBOURS + 1)), np.uint64)
        start, written = kernels.bucket_pairs(entries, limit, NEIGHBOURS, pairs, start, len(pairs))
        yield pairs[:written]


def _pairs_of_part(
    documents: Sketched,
    part: int,
    n_parts: int,
    config: CandidateConfig,
    empty: Callable[[tuple[int, ...], Any], NDArray[Any]],
) -> _Counted:
    """Return the pairs that share fingerprints of one part, in order, and how many each shares."""
    entries = np.empty(len(documents.fingerprints), np.uint64)
    written = kernels.fingerprint_entries(
        documents.fingerprints, documents.offsets, documents.ranks, part, n_parts, entries
    )
    pairs = _sorted(_joined(list(_bucket_pairs(_sorted(entries[:written]), config.bucket_limit))))
    del entries
    first = np.flatnonzero(_changes(pairs))
    found, counts = empty((len(first),), np.uint64), empty((len(first),), np.uint32)
    found[:] = pairs[first]
    counts[:] = np.diff(first, append=len(pairs))
    return found, counts


def _ranges(parts: list[_Counted]) -> Iterator[list[_Counted]]:
    """Cut all parts at the same pairs, so that each range of pairs is about as large as a part."""
    longest = max((pairs for pairs, _ in parts), key=len)
    cuts = longest[:: -(-len(longest) // len(parts))][1:] if len(longest) else longest
    bounds = [[0, *np.searchsorted(pairs, cuts).tolist(), len(pairs)] for pairs, _ in parts]
    for number in range(len(cuts) + 1):
        spans = [slice(*bound[number : number + 2]) for bound in bounds]
        yield [(pairs[span], counts[span]) for (pairs, counts), span in zip(parts, spans, strict=True)]


@dataclass(frozen=True, slots=True)
class _Shared:
    """Pairs that share enough fingerprints, in order, and the part of the smaller set that each shares.

    ``n_met`` counts the pairs that share any.
    """

    pairs: NDArray[np.uint64]
    part: NDArray[np.float64]
    n_met: int


def _count(documents: Sketched, position: NDArray[np.int64], parts: list[_Counted]) -> _Shared:
    """Sum up what each pair shares in all parts, and choose those that share enough."""
    pairs = np.concatenate([pairs for pairs, _ in parts])
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    first = np.flatnonzero(_changes(pairs))
    shares = np.concatenate([counts for _, counts in parts])[order]
    counts = np.add.reduceat(shares, first, dtype=np.int64) if len(first) else np.empty(0, np.int64)
    pairs = pairs[first]
    sizes = np.diff(documents.offsets)
    low, high = position[_low(pairs)], position[_high(pairs)]
    least = np.minimum(sizes[low], sizes[high])
    enough = (
        (counts >= np.minimum(LEAST_SHARED, least)) & (counts >= LEAST_SHARED_PART * least) & (low != high)
    )
    return _Shared(pairs[enough], counts[enough] / np.maximum(least[enough], 1), len(pairs))


def _merge(
    documents: Sketched,
    position: NDArray[np.int64],
    banded: NDArray[np.uint64],
    counted: list[_Shared],
) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Join both paths; return their pairs and a score for each."""
    shared = _joined([some.pairs for some in counted])
    part = np.concatenate([some.part for some in counted])
    pairs = _unique([banded, shared])
    agreement = np.empty(len(pairs), np.uint8)
    kernels.agreements(documents.signatures, position, pairs, agreement)
    scores = agreement.astype(np.uint32) * np.uint32(1000 // documents.signatures.shape[1])
    where = np.searchsorted(pairs, shared)
    scores[where] = np.maximum(scores[where], (np.minimum(part, 1) * 1000).astype(np.uint32))
    return pairs, scores


def _low(pairs: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (pairs >> np.uint64(32)).astype(np.int64)


def _high(pairs: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _unique(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    values = _sorted(_joined(parts))
    return values[_changes(values)]


def _joined(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return np.concatenate([np.empty(0, np.uint64), *parts])


def _sorted(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the values in order; their array is used up."""
    in_order: NDArray[np.uint64] = kernels.sort_words(values, np.empty_like(values))
    return in_order


def _changes(values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Mark the values that differ from those before them."""
    changes = np.ones(len(values), np.bool_)
    changes[1:] = values[1:] != values[:-1]
    return changes


def score_pairs(
    signatures: NDArray[np.uint32],
    prints: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    config: CandidateConfig,
) -> NDArray[np.uint32]:
    """Score pairs that a look-up found, by the same tests that `find_candidates` makes.

    Parameters
    ----------
    signatures : numpy.ndarray of uint32, shape (n, num_perm)
    prints : numpy.ndarray of uint32
        The distinct high halves of each document's fingerprints, ascending.
    offsets : numpy.ndarray of int64, shape (n + 1,)
        Where each document's stand in `prints`.
    left, right : numpy.ndarray of int64, shape (n_pairs,)
        Positions of documents.
    config : CandidateConfig

    Returns
    -------
    numpy.ndarray of uint32, shape (n_pairs,)
        In thousandths; 0 for a pair that deserves no comparison of its texts.

    Examples
    --------
    >>> signatures = np.array([[1] * 128, [1] * 128, [2] * 128], np.uint32)
    >>> left, right = np.array([0, 0]), np.array([1, 2])
    >>> score_pairs(signatures, np.empty(0, np.uint32), np.zeros(4, np.int64), left, right, CandidateConfig())
    array([896,   0], dtype=uint32)
    """
    scores = np.zeros(len(left), np.uint32)
    least = max(1, round(LEAST_AGREEMENT * signatures.shape[1]))
    kernels.score_pairs(
        signatures, prints, offsets, left, right, config.bands, config.rows, least, LEAST_SHARED,
        LEAST_SHARED_PART, scores,
    )  # fmt: skip
    return scores
