"""Band keys, buckets → candidate pairs, and the cheap tests of a pair that need no text."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel

_PRIME = np.uint64(0xD6E8FEB86659FD93)
_U29, _U32 = np.uint64(29), np.uint64(32)
_LOW, _BYTE = np.uint64(0xFFFFFFFF), np.uint64(0xFF)


@kernel
def band_entries(signatures, first, rows, wide_rows, ranks, entries, second):
    """Fill `entries` (uint64: band key in the high half, rank in the low) and `second` (uint32, by position).

    `second` mixes the `wide_rows` values that follow the band: it splits buckets that are too large.
    """
    num_perm = signatures.shape[1]
    for document in range(signatures.shape[0]):
        value = np.uint64(first + 1)
        for k in range(rows):
            value = (value ^ np.uint64(signatures[document, (first + k) % num_perm])) * _PRIME
            value ^= value >> _U29
        entries[document] = ((value >> _U32) << _U32) | np.uint64(ranks[document])
        for k in range(rows, rows + wide_rows):
            value = (value ^ np.uint64(signatures[document, (first + k) % num_perm])) * _PRIME
            value ^= value >> _U29
        second[ranks[document]] = np.uint32(value >> _U32)


@kernel
def sort_words(words, spare):
    """Return `words` (uint64) in order, in its own memory or in that of `spare`, which is as long.

    Byte by byte, the lowest first: a few passes without a branch, where NumPy's sort guesses at each step.
    A byte that is the same in all, as the high ones of ranks are, costs no pass.
    """
    n_words = words.shape[0]
    counts = np.zeros((8, 256), np.int64)
    for i in range(n_words):
        for byte in range(8):
            counts[byte, (words[i] >> np.uint64(8 * byte)) & _BYTE] += 1
    for byte in range(8):
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
def large_buckets(entries, limit, second, split):
    """Copy members of buckets over `limit` to `split`, keyed by bucket and second key; return how many."""
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
                rank = entries[i] & _LOW
                value = ((bucket ^ np.uint64(second[rank])) + _U29) * _PRIME
                split[written] = ((value >> _U32) << _U32) | rank
                written += 1
        at = stop
    return written


@kernel
def agreements(signatures, position, pairs, counts):
    """Fill `counts` (uint8, at most 255) with the number of equal signature values of each pair of ranks."""
    num_perm = signatures.shape[1]
    for p in range(pairs.shape[0]):
        a = signatures[position[pairs[p] >> _U32]]
        b = signatures[position[pairs[p] & _LOW]]
        equal = 0
        for k in range(num_perm):
            equal += a[k] == b[k]
        counts[p] = min(equal, 255)


@kernel
def fingerprint_entries(values, offsets, ranks, part, n_parts, entries):
    """Fill `entries` with the fingerprints of one part of the hash space; return their number.

    The part hangs on the half that makes the bucket alone, so that buckets are
    the same for any number of parts; mixed, since the least hashes were chosen.
    """
    written = 0
    for document in range(offsets.shape[0] - 1):
        for k in range(offsets[document], offsets[document + 1]):
            # A product and a shift: each part looks at all, and a division takes four times as long.
            mixed = ((values[k] >> _U32) * _PRIME) >> _U32
            if np.int64((mixed * np.uint64(n_parts)) >> _U32) == part:
                entries[written] = ((values[k] >> _U32) << _U32) | np.uint64(ranks[document])
                written += 1
    return written


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
