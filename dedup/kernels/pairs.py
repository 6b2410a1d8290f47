"""Band keys, buckets → candidate pairs, and the cheap tests of a pair that need no text."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel

PRIME = np.uint64(0xD6E8FEB86659FD93)
_U29, _U32 = np.uint64(29), np.uint64(32)
_LOW, _BYTE = np.uint64(0xFFFFFFFF), np.uint64(0xFF)


@kernel
def band_keys(signatures, at, num_perm, first, rows, keys):
    """Fill `keys` (uint32) with a key of each document's `rows` signature values from the `first` on.

    Signatures of `num_perm` values lie in one flat array (uint32), each where `at` (int64) says.
    """
    for document in range(at.shape[0]):
        value = np.uint64(first + 1)
        place = first % num_perm
        for _ in range(rows):
            value = (value ^ np.uint64(signatures[at[document] + place])) * PRIME
            value ^= value >> _U29
            place += 1
            if place == num_perm:
                place = 0
        keys[document] = np.uint32(value >> _U32)


@kernel
def sort_words(words, spare, first_byte):
    """Return `words` (uint64) in order, in its own memory or in that of `spare`, which is as long.

    Byte by byte from `first_byte`, the lowest 0, on: a few passes without a branch, where NumPy's sort
    guesses at each step. A byte that is the same in all, as the high ones of ranks are, costs no pass.
    Words that are in order by their lower bytes need no passes for these.
    """
    n_words = words.shape[0]
    counts = np.zeros((8, 256), np.int64)
    for i in range(n_words):
        for byte in range(first_byte, 8):
            counts[byte, (words[i] >> np.uint64(8 * byte)) & _BYTE] += 1
    for byte in range(first_byte, 8):
        shift = np.uint64(8 * byte)
        if n_words == 0 or counts[byte, (words[0] >> shift) & _BYTE] == n_words:
            continue
        at = 0
        for value in range(256):
            begin = at
            at += counts[byte, value]
            counts[byte, value] = begin
        for i in range(n_words):
            value = (words[i] >> shift) & _BYTE
            spare[counts[byte, value]] = words[i]
            counts[byte, value] += 1
        words, spare = spare, words
    return words


@kernel
def bucket_pairs(entries, limit, neighbours, pairs, start, room):
    """Write the pairs of sorted `entries` from position `start` on; return (next position, number written).

    A pair is one uint64, the lower rank in its high half. A bucket of up to
    `limit` members is paired up whole; in a larger one each member meets the
    leader (the lowest rank) and its next `neighbours`. Stops before a bucket
    that might not fit into `room`.
    """
    n_entries = entries.shape[0]
    written = 0
    at = start
    while at < n_entries:
        stop = at + 1
        bucket = entries[at] >> _U32
        while stop < n_entries and entries[stop] >> _U32 == bucket:
            stop += 1
        size = stop - at
        if size <= limit:
            if written + size * (size - 1) // 2 > room:
                return at, written
            for i in range(at, stop):
                low = (entries[i] & _LOW) << _U32
                for j in range(i + 1, stop):
                    pairs[written] = low | (entries[j] & _LOW)
                    written += 1
        else:
            if written + size * (neighbours + 1) > room:
                return at, written
            leader = (entries[at] & _LOW) << _U32
            for i in range(at, stop):
                low = (entries[i] & _LOW) << _U32
                if i > at:
                    pairs[written] = leader | (entries[i] & _LOW)
                    written += 1
                for j in range(i + 1, min(i + 1 + neighbours, stop)):
                    pairs[written] = low | (entries[j] & _LOW)
                    written += 1
        at = stop
    return at, written


@kernel
def large_buckets(entries, limit, large):
    """Copy the members of buckets over `limit` to `large`; return how many."""
    n_entries = entries.shape[0]
    written = 0
    at = 0
    while at < n_entries:
        stop = at + 1
        bucket = entries[at] >> _U32
        while stop < n_entries and entries[stop] >> _U32 == bucket:
            stop += 1
        if stop - at > limit:
            for i in range(at, stop):
                large[written] = entries[i]
                written += 1
        at = stop
    return written


@kernel
def agreements(signatures, at, num_perm, pairs, counts):
    """Fill `counts` (uint8, at most 255) with the number of equal signature values of each pair.

    Signatures lie in one flat array (uint32), each where `at` (int64, by rank) says.
    """
    for p in range(pairs.shape[0]):
        a, b = at[pairs[p] >> _U32], at[pairs[p] & _LOW]
        equal = 0
        for k in range(num_perm):
            equal += signatures[a + k] == signatures[b + k]
        counts[p] = min(equal, 255)


@kernel
def part_entries(values, at, sizes, ranks, n_parts, first, ends, entries):
    """Fill `entries` with the fingerprints of some parts of the hash space, part by part.

    Parts from the `first` on, as many as `ends` (int64) has; each part's are written from its place in `ends`
    on, which in the end says where they end. Without `entries` they are only counted. A document's `sizes`
    fingerprints lie in one flat array (uint64) where `at` (int64) says.

    The part hangs on the half that makes the bucket alone, so that buckets are
    the same for any number of parts; mixed, since the least hashes were chosen.
    """
    filling = entries.shape[0] > 0
    for document in range(at.shape[0]):
        for k in range(at[document], at[document] + sizes[document]):
            # A product and a shift: a division takes four times as long.
            mixed = ((values[k] >> _U32) * PRIME) >> _U32
            part = np.int64((mixed * np.uint64(n_parts)) >> _U32) - first
            if part >= 0 and part < ends.shape[0]:
                if filling:
                    entries[ends[part]] = ((values[k] >> _U32) << _U32) | np.uint64(ranks[document])
                ends[part] += 1


@kernel
def cap_per_document(pairs, scores, best, fullest, keep):
    """Mark at most `best` + `fullest` pairs of each document with fuller ones: by score, and by rank.

    `pairs` are sorted by (higher rank, lower rank), as uint64 with the higher
    rank in the high half; `scores` uint32. Ties go to the lower rank.
    """
    n_pairs = pairs.shape[0]
    dropped = 0
    at = 0
    while at < n_pairs:
        stop = at + 1
        while stop < n_pairs and pairs[stop] >> _U32 == pairs[at] >> _U32:
            stop += 1
        if stop - at <= best + fullest:
            for i in range(at, stop):
                keep[i] = True
        else:
            for i in range(at, at + fullest):
                keep[i] = True
            for _ in range(best):
                chosen = -1
                for i in range(at + fullest, stop):
                    if not keep[i] and (chosen < 0 or scores[i] > scores[chosen]):
                        chosen = i
                keep[chosen] = True
            dropped += stop - at - best - fullest
        at = stop
    return dropped


@kernel
def score_pairs(  # type: ignore[no-untyped-def]
    signatures, prints, offsets, left, right, bands, rows, least, least_shared, least_part, scores
):
    """Fill `scores` (uint32, thousandths, 0 for a pair that deserves no comparison) for pairs of documents.

    `prints` are the distinct high halves of each document's fingerprints,
    uint32, ascending, between its `offsets`. A pair passes if it meets in a
    band and agrees in `least` signature values, or shares enough fingerprints.
    """
    num_perm = signatures.shape[1]
    for p in range(left.shape[0]):
        a, b = left[p], right[p]
        equal = 0
        for k in range(num_perm):
            equal += signatures[a, k] == signatures[b, k]
        met = False
        for band in range(bands):
            same = 0
            for k in range(rows):
                at = (band * rows + k) % num_perm
                same += signatures[a, at] == signatures[b, at]
            if same == rows:
                met = True
                break
        score = equal * (1000 // num_perm) if met and equal >= least else 0
        i, j, shared = offsets[a], offsets[b], 0
        while i < offsets[a + 1] and j < offsets[b + 1]:
            if prints[i] == prints[j]:
                shared += 1
                i += 1
                j += 1
            elif prints[i] < prints[j]:
                i += 1
            else:
                j += 1
        smaller = min(offsets[a + 1] - offsets[a], offsets[b + 1] - offsets[b])
        if shared > 0 and shared >= min(least_shared, smaller) and shared >= least_part * smaller:
            score = max(score, shared * 1000 // smaller)
        scores[p] = score
