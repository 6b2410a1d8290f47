"""Other tools' settings for near-duplicates, run on MinHash signatures with datasketch's permutations.

Each setting is shingles → signature → bands → union-find, as those tools do
it; one settles pairs by their true Jaccard first. Hash functions differ from
the tools' own, which changes single pairs and no rates.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from datasketch import MinHash
from datasketch.lsh import _optimal_param
from documents import tokens

Words64 = npt.NDArray[np.uint64]
Signatures = npt.NDArray[np.uint32]

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# Within a bucket up to this size every pair is verified; in a larger one, neighbours and the first.
_WHOLE_BUCKET = 32
_BLOCK_SHINGLES = 1 << 18


@dataclass(frozen=True, slots=True)
class Baseline:
    """One setting of another tool."""

    name: str
    shingle_words: int
    bands: int
    rows: int
    mask_digits: bool = False
    least_jaccard: float | None = None

    @property
    def num_perm(self) -> int:
        """Number of permutations that the bands need."""
        return self.bands * self.rows


def _by_threshold(name: str, threshold: float, shingle_words: int) -> Baseline:
    bands, rows = _optimal_param(threshold, 128, 0.5, 0.5)
    return Baseline(name, shingle_words, bands, rows)


BASELINES: tuple[Baseline, ...] = (
    _by_threshold("datasketch .7 word-5", 0.7, 5),
    _by_threshold("datasketch .5 word-3", 0.5, 3),
    Baseline("FineWeb word-5 14×8 masked", 5, 14, 8, mask_digits=True),
    Baseline("text-dedup word-2 47×5", 2, 47, 5),
    Baseline("word-3 42×3, J ≥ .7", 3, 42, 3, least_jaccard=0.7),
)


class _TokenHashes(dict[str, int]):
    """64-bit hash of each token, the same in every process."""

    def __missing__(self, token: str) -> int:
        value = int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")
        self[token] = value
        return value


def shingle_sets(texts: Iterable[str], shingle_words: int, *, mask_digits: bool = False) -> list[Words64]:
    """Return the sorted, distinct 64-bit shingle hashes of each text, of all its words if too few."""
    hashes = _TokenHashes()
    return [_shingles(tokens(text), shingle_words, hashes) for text in _masked(texts, mask_digits)]


def _masked(texts: Iterable[str], mask_digits: bool) -> Iterator[str]:
    return (_NUMBER.sub("0", text) for text in texts) if mask_digits else iter(texts)


def _shingles(found: list[str], shingle_words: int, hashes: _TokenHashes) -> Words64:
    if not found:
        return np.empty(0, np.uint64)
    values = np.fromiter(map(hashes.__getitem__, found), np.uint64, len(found))
    width = min(shingle_words, len(values))
    mixed = np.zeros(len(values) - width + 1, np.uint64)
    for place in range(width):
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + values[place : len(values) - width + 1 + place]
        mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed)


def sign(sets: list[Words64], num_perm: int) -> Signatures:
    """Return MinHash signatures by datasketch's affine32 scheme, shape (n_docs, num_perm).

    Texts without a shingle get the scheme's empty signature, all ones.
    """
    reference = MinHash(num_perm=num_perm, seed=1, scheme="affine32")
    factors, offsets = reference.permutations
    out = np.full((len(sets), num_perm), np.uint32(0xFFFFFFFF))
    for rows, flat, starts in _blocks(sets):
        mixed = _premix((flat >> np.uint64(32)).astype(np.uint32))
        for number in range(num_perm):
            out[rows, number] = np.minimum.reduceat(mixed * factors[number] + offsets[number], starts)
    return out


def _blocks(sets: list[Words64]) -> Iterator[tuple[list[int], Words64, npt.NDArray[np.int64]]]:
    """Cut the sets into runs that stay in the cache; empty sets are left out."""
    rows: list[int] = []
    total = 0
    for row, one in enumerate(sets):
        if len(one):
            rows.append(row)
            total += len(one)
        if rows and (total >= _BLOCK_SHINGLES or row == len(sets) - 1):
            yield _block(sets, rows)
            rows, total = [], 0
    if rows:
        yield _block(sets, rows)


def _block(sets: list[Words64], rows: list[int]) -> tuple[list[int], Words64, npt.NDArray[np.int64]]:
    lengths = np.array([len(sets[row]) for row in rows])
    return rows, np.concatenate([sets[row] for row in rows]), np.cumsum(lengths) - lengths


def _premix(values: Signatures) -> Signatures:
    """Apply the finaliser of MurmurHash3, as datasketch does before its permutations."""
    values = values ^ (values >> np.uint32(16))
    values = values * np.uint32(0x85EBCA6B)
    values = values ^ (values >> np.uint32(13))
    values = values * np.uint32(0xC2B2AE35)
    return values ^ (values >> np.uint32(16))


def buckets(signatures: Signatures, bands: int, rows: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the members of every bucket of two or more, band by band; empty texts are in none."""
    usable = np.flatnonzero((signatures != np.uint32(0xFFFFFFFF)).any(axis=1))
    for band in range(bands):
        keys = np.ascontiguousarray(signatures[usable, band * rows : (band + 1) * rows])
        order = np.lexsort(keys.T)
        changed = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
        edges = np.flatnonzero(np.concatenate([[True], changed, [True]]))
        for place in np.flatnonzero(np.diff(edges) > 1):
            yield np.sort(usable[order[edges[place] : edges[place + 1]]])


def cluster(signatures: Signatures, sets: list[Words64], baseline: Baseline) -> npt.NDArray[np.int64]:
    """Return the cluster of every text: the least row number that union-find joins it to."""
    parent = list(range(len(signatures)))

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    judged: set[tuple[int, int]] = set()
    for members in buckets(signatures, baseline.bands, baseline.rows):
        for a, b in _pairs(members.tolist(), verified=baseline.least_jaccard is not None):
            if baseline.least_jaccard is not None:
                if (a, b) in judged:
                    continue
                judged.add((a, b))
                if jaccard(sets[a], sets[b]) < baseline.least_jaccard:
                    continue
            low, high = sorted((find(a), find(b)))
            parent[high] = low
    return np.array([find(node) for node in range(len(parent))])


def _pairs(members: list[int], *, verified: bool) -> Iterator[tuple[int, int]]:
    if verified and len(members) <= _WHOLE_BUCKET:
        yield from ((a, b) for place, a in enumerate(members) for b in members[place + 1 :])
        return
    yield from ((members[0], other) for other in members[1:])
    if verified:
        yield from pairwise(members[1:])


def jaccard(a: Words64, b: Words64) -> float:
    """Return |A ∩ B| / |A ∪ B| of two sorted sets; 0 if either is empty."""
    common = n_common(a, b)
    return common / (len(a) + len(b) - common) if common else 0.0


def containment(a: Words64, b: Words64) -> float:
    """Return the share of the smaller set that the larger one has; 0 if either is empty."""
    smaller = min(len(a), len(b))
    return n_common(a, b) / smaller if smaller else 0.0


def n_common(a: Words64, b: Words64) -> int:
    """Count the common elements of two sorted sets."""
    if len(a) > len(b):
        a, b = b, a
    if not len(a):
        return 0
    places = np.searchsorted(b, a)
    places[places == len(b)] = 0
    return int(np.count_nonzero(b[places] == a))


def nearest(signatures: Signatures, bands: int, rows: int) -> npt.NDArray[np.float64]:
    """Return each text's highest estimated Jaccard with a text that shares a bucket; 0 without any."""
    best = np.zeros(len(signatures))
    for members in buckets(signatures, bands, rows):
        listed = members.tolist()
        pairs = np.array(list(_pairs(listed, verified=True)))
        agreement = (signatures[pairs[:, 0]] == signatures[pairs[:, 1]]).mean(axis=1)
        np.maximum.at(best, pairs[:, 0], agreement)
        np.maximum.at(best, pairs[:, 1], agreement)
    return best


# The threshold search of datasketch integrates numerically and warns of rounding on some SciPy versions.
warnings.filterwarnings("ignore", category=RuntimeWarning, module="datasketch")
