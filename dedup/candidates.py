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

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup.config import CandidateConfig
from dedup.kernels import pairs as kernels
from dedup.ordering import changes, sort_ties

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
# A close pair meets in most bands; what met in several of so many is looked at once.
BANDS_AT_ONCE = 6
# A thread that pairs up so many of them holds about 100 MB …
FINGERPRINTS_AT_ONCE = 1 << 21
# … and those of so many parts, 128 MB, are set apart in one pass over all, in slices of documents.
PARTS_AT_ONCE = 8
_SLICES = 16
_U32, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)

_Counted = tuple[NDArray[np.uint64], NDArray[np.uint32]]


@dataclass(frozen=True, slots=True)
class Sketched:
    """What the candidate stage sees of n documents.

    ``signatures`` uint32 and ``fingerprints`` uint64 are flat and may hold
    anything else besides: a document's `num_perm` values and its ``sizes``
    fingerprints begin at ``signature_at`` and ``fingerprint_at``, int64 (n,).
    ``ranks`` uint32 (n,) are a permutation.
    """

    signatures: NDArray[np.uint32]
    signature_at: NDArray[np.int64]
    num_perm: int
    fingerprints: NDArray[np.uint64]
    fingerprint_at: NDArray[np.int64]
    sizes: NDArray[np.int64]
    ranks: NDArray[np.uint32]

    @classmethod
    def of(
        cls,
        signatures: NDArray[np.uint32],
        fingerprints: NDArray[np.uint64],
        offsets: NDArray[np.int64],
        ranks: NDArray[np.uint32],
    ) -> Sketched:
        """Take signatures of shape (n, num_perm), and fingerprints between `offsets`, int64 (n + 1)."""
        n_docs, num_perm = signatures.shape
        at = np.arange(n_docs, dtype=np.int64) * num_perm
        flat = np.ascontiguousarray(signatures).reshape(-1)
        return cls(flat, at, num_perm, fingerprints, offsets[:-1], np.diff(offsets), ranks)


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
    numbers = np.arange(len(n_tokens), dtype=np.uint32)
    order = np.argsort(digests[:, 0], kind="stable")
    shortness = (np.iinfo(np.int32).max - n_tokens[order]).astype(np.uint64)
    order = order[_sorted(shortness << _U32 | numbers, first_byte=4) & _LOW]
    sort_ties(order, [n_tokens, digests[:, 0]], lambda tied: list(digests[tied].T[1:]))
    ranks = np.empty(len(order), np.uint32)
    ranks[order] = numbers
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
    at = documents.signature_at[position]
    workers = max(1, workers)
    with ThreadPoolExecutor(workers) as pool:
        # As many groups as keep all workers busy to the end.
        n_groups = min(config.bands, workers * -(-config.bands // (BANDS_AT_ONCE * workers)))
        groups = np.array_split(np.arange(config.bands), n_groups)
        found = list(pool.map(lambda bands: _pairs_of_bands(documents, at, bands, config), groups))
        banded = _unique([pairs for pairs, _ in found])
        met: list[_Counted] = []
        for parts in _parts(documents, pool):
            met += pool.map(lambda entries: _pairs_of_part(entries, config, empty), parts)
        counted = list(pool.map(lambda some: _count(documents, position, some), _ranges(met)))
        pairs, scores = _merge(documents, at, banded, counted, pool)
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


def _pairs_of_bands(
    documents: Sketched, at: NDArray[np.int64], bands: NDArray[np.int64], config: CandidateConfig
) -> tuple[NDArray[np.uint64], int]:
    """Return the pairs that meet in some bands and agree well enough, and how often any met.

    ``at`` int64 tells by rank where signatures begin.
    """
    waiting: list[NDArray[np.uint64]] = []
    kept, n_met, n_waiting = [], 0, 0
    for band in bands.tolist():
        for pairs in _meet_in_band(documents, at, band, config):
            n_met += len(pairs)
            n_waiting += len(pairs)
            waiting.append(pairs)
            if n_waiting >= PAIRS_AT_ONCE:
                kept.append(_agreeing(documents, at, waiting))
                waiting, n_waiting = [], 0
    kept.append(_agreeing(documents, at, waiting))
    return _unique(kept), n_met


def _agreeing(
    documents: Sketched, at: NDArray[np.int64], met: list[NDArray[np.uint64]]
) -> NDArray[np.uint64]:
    """Return each of some pairs once that agrees in enough signature values."""
    pairs = _unique(met)
    agreement = agreements(documents.signatures, at, documents.num_perm, pairs)
    return pairs[agreement >= max(1, round(LEAST_AGREEMENT * documents.num_perm))]


def _meet_in_band(
    documents: Sketched, at: NDArray[np.int64], band: int, config: CandidateConfig
) -> Iterator[NDArray[np.uint64]]:
    """Yield the pairs that meet in one band, and those of its large buckets in smaller ones."""
    first = band * config.rows
    keys = band_keys(documents.signatures, documents.signature_at, documents.num_perm, first, config.rows)
    entries = np.empty(len(keys), np.uint64)
    entries[documents.ranks] = keys
    entries <<= _U32
    entries |= np.arange(len(keys), dtype=np.uint64)
    entries = _sorted(entries, first_byte=4)
    large = np.empty(len(keys), np.uint64)
    large = large[: kernels.large_buckets(entries, config.bucket_limit, large)]
    wide = band_keys(
        documents.signatures, at[_high(large)], documents.num_perm, first, config.rows + SPLIT_ROWS
    )
    for part in (entries, _sorted(split_buckets(large, wide))):
        yield from _bucket_pairs(part, config.bucket_limit)


def band_keys(
    signatures: NDArray[np.uint32], at: NDArray[np.int64], num_perm: int, first: int, rows: int
) -> NDArray[np.uint32]:
    """Return a key, uint32, of `rows` signature values of each document from the `first` on.

    Flat signatures of `num_perm` values begin at the places `at`.
    """
    keys = np.empty(len(at), np.uint32)
    kernels.band_keys(signatures, at, num_perm, first, rows, keys)
    return keys


def agreements(
    signatures: NDArray[np.uint32], at: NDArray[np.int64], num_perm: int, pairs: NDArray[np.uint64]
) -> NDArray[np.uint8]:
    """Return in how many signature values each pair agrees, uint8, at most 255.

    A pair is two places in `at` as one number; flat signatures of `num_perm` values begin there.
    """
    counts = np.empty(len(pairs), np.uint8)
    kernels.agreements(signatures, at, num_perm, pairs, counts)
    return counts


def split_buckets(entries: NDArray[np.uint64], second: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Return entries, bucket in the high half and rank in the low, in smaller buckets by a second key."""
    mixed = ((entries >> _U32) ^ second) + np.uint64(29)
    return ((mixed * kernels.PRIME) >> _U32 << _U32) | (entries & _LOW)


def _bucket_pairs(entries: NDArray[np.uint64], limit: int) -> Iterator[NDArray[np.uint64]]:
    """Yield the pairs of sorted entries, a bounded number at a time."""
    start = 0
    while start < len(entries):
        # A whole bucket must find room, or nothing is ever written.
        room = max(PAIRS_AT_ONCE, (len(entries) - start) * (NEIGHBOURS + 1), limit * limit)
        pairs = np.empty(min(room, (len(entries) - start) * max(limit, NEIGHBOURS + 1)), np.uint64)
        start, written = kernels.bucket_pairs(entries, limit, NEIGHBOURS, pairs, start, len(pairs))
        yield pairs[:written]


def _parts(documents: Sketched, pool: ThreadPoolExecutor) -> Iterator[list[NDArray[np.uint64]]]:
    """Yield the entries of all fingerprints part by part of the hash space, some parts at a time.

    They are good until the next are asked for.
    """
    n_parts = max(1, -(-int(documents.sizes.sum()) // FINGERPRINTS_AT_ONCE))
    bounds = np.linspace(0, len(documents.ranks), _SLICES + 1).astype(np.int64)
    slices = list(map(slice, bounds[:-1], bounds[1:]))
    counts = np.zeros((_SLICES, n_parts), np.int64)
    none = np.empty(0, np.uint64)

    def fill(some: slice, first: int, ends: NDArray[np.int64], entries: NDArray[np.uint64]) -> None:
        at, sizes, ranks = documents.fingerprint_at[some], documents.sizes[some], documents.ranks[some]
        kernels.part_entries(documents.fingerprints, at, sizes, ranks, n_parts, first, ends, entries)

    list(pool.map(lambda some, ends: fill(some, 0, ends, none), slices, counts))
    rounds = [counts[:, first : first + PARTS_AT_ONCE] for first in range(0, n_parts, PARTS_AT_ONCE)]
    entries = np.empty(max(int(some.sum()) for some in rounds), np.uint64)
    for number, some in enumerate(rounds):
        # Within a part one slice after the other.
        ends = np.cumsum(some.T).reshape(some.T.shape)
        begins = np.ascontiguousarray((ends - some.T).T)
        list(
            pool.map(
                fill, slices, itertools.repeat(number * PARTS_AT_ONCE), begins, itertools.repeat(entries)
            )
        )
        yield np.split(entries[: ends[-1, -1]], ends[:-1, -1])


def _pairs_of_part(
    entries: NDArray[np.uint64],
    config: CandidateConfig,
    empty: Callable[[tuple[int, ...], Any], NDArray[Any]],
) -> _Counted:
    """Return the pairs that share fingerprints of one part, in order, and how many each shares."""
    pairs = _sorted(_joined(list(_bucket_pairs(_sorted(entries), config.bucket_limit))))
    first = np.flatnonzero(changes(pairs))
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
    first = np.flatnonzero(changes(pairs))
    shares = np.concatenate([counts for _, counts in parts])[order]
    counts = np.add.reduceat(shares, first, dtype=np.int64) if len(first) else np.empty(0, np.int64)
    pairs = pairs[first]
    low, high = position[_low(pairs)], position[_high(pairs)]
    least = np.minimum(documents.sizes[low], documents.sizes[high])
    enough = (
        (counts >= np.minimum(LEAST_SHARED, least)) & (counts >= LEAST_SHARED_PART * least) & (low != high)
    )
    return _Shared(pairs[enough], counts[enough] / np.maximum(least[enough], 1), len(pairs))


def _merge(
    documents: Sketched,
    at: NDArray[np.int64],
    banded: NDArray[np.uint64],
    counted: list[_Shared],
    pool: ThreadPoolExecutor,
) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Join both paths; return their pairs and a score for each."""
    shared = _joined([some.pairs for some in counted])
    part = np.concatenate([some.part for some in counted])
    pairs = _unique([banded, shared])
    cuts = range(0, len(pairs), PAIRS_AT_ONCE >> 4)
    pieces = [pairs[cut : cut + (PAIRS_AT_ONCE >> 4)] for cut in cuts]
    agree = partial(agreements, documents.signatures, at, documents.num_perm)
    agreement = np.concatenate([np.empty(0, np.uint8), *pool.map(agree, pieces)])
    scores = agreement.astype(np.uint32) * np.uint32(1000 // documents.num_perm)
    where = np.searchsorted(pairs, shared)
    scores[where] = np.maximum(scores[where], (np.minimum(part, 1) * 1000).astype(np.uint32))
    return pairs, scores


def _low(pairs: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (pairs >> np.uint64(32)).astype(np.int64)


def _high(pairs: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (pairs & _LOW).astype(np.int64)


def _unique(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    values = _sorted(_joined(parts))
    return values[changes(values)]


def _joined(parts: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return np.concatenate([np.empty(0, np.uint64), *parts])


def _sorted(values: NDArray[np.uint64], first_byte: int = 0) -> NDArray[np.uint64]:
    """Sort values that are in order by their bytes below `first_byte` already; their array is used up."""
    in_order: NDArray[np.uint64] = kernels.sort_words(values, np.empty_like(values), first_byte)
    return in_order


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
