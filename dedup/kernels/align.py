"""The longest common subsequence of two token sequences, bit-parallel, with its equal runs.

Sixty-four tokens of the first text stand in one machine word, and one addition
with carry moves a whole word of the matrix on (Hyyrö 2004, "Bit-parallel
LCS-length computation revisited"). Of several longest subsequences the one is
taken that RapidFuzz takes; a test holds the two together.
"""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel

_U0, _U1, _U32, _U63 = (np.uint64(n) for n in (0, 1, 32, 63))
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_NOWHERE, _TOP = np.int32(-1), np.int64(0)


@kernel
def number_tokens(hashes_a, hashes_b, ids_a, ids_b):  # type: ignore[no-untyped-def]
    """Give each distinct token of a a number, and return how many there are.

    `ids_a`, `ids_b` (int32) get one per token, -1 where a has no such token.
    """
    slots = 16
    while slots < 2 * hashes_a.shape[0]:
        slots *= 2
    mask = np.uint64(slots - 1)
    table = np.full(slots, _NOWHERE, np.int32)
    values = np.empty(slots, np.uint64)
    n_ids = 0
    for t in range(hashes_a.shape[0]):
        value = hashes_a[t]
        slot = (value >> _U32) & mask
        while table[slot] >= 0 and values[slot] != value:
            slot = (slot + _U1) & mask
        if table[slot] < 0:
            table[slot] = n_ids
            values[slot] = value
            n_ids += 1
        ids_a[t] = table[slot]
    for t in range(hashes_b.shape[0]):
        value = hashes_b[t]
        slot = (value >> _U32) & mask
        while table[slot] >= 0 and values[slot] != value:
            slot = (slot + _U1) & mask
        ids_b[t] = table[slot]
    return n_ids


@kernel
def append(blocks, n_blocks, i, j, length):  # type: ignore[no-untyped-def]
    """Append a run of equal tokens, or lengthen the last one if it ends where this one begins."""
    if length == 0:
        return n_blocks
    last = n_blocks - 1
    if last >= 0 and blocks[last, 0] + blocks[last, 2] == i and blocks[last, 1] + blocks[last, 2] == j:
        blocks[last, 2] += length
        return n_blocks
    blocks[n_blocks, 0], blocks[n_blocks, 1], blocks[n_blocks, 2] = i, j, length
    return n_blocks + 1


@kernel
def align(ids_a, ids_b, n_ids, begin_a, end_a, begin_b, end_b, blocks, n_blocks):  # type: ignore[no-untyped-def]
    """Append the equal runs of `a[begin_a:end_a]` and `b[begin_b:end_b]` to `blocks` (int32, n × 3).

    Return their number. A run that goes on where the last one ended lengthens it.
    """
    top_a, top_b = begin_a, begin_b
    while begin_a < end_a and begin_b < end_b and ids_a[begin_a] == ids_b[begin_b]:
        begin_a += 1
        begin_b += 1
    stop_a = end_a
    while begin_a < end_a and begin_b < end_b and ids_a[end_a - 1] == ids_b[end_b - 1]:
        end_a -= 1
        end_b -= 1
    n_blocks = append(blocks, n_blocks, top_a, top_b, begin_a - top_a)
    m, n = end_a - begin_a, end_b - begin_b
    if m > 0 and n > 0:
        words = (m + 63) >> 6
        masks = np.zeros(n_ids * words, np.uint64)
        for t in range(m):
            masks[ids_a[begin_a + t] * words + (t >> 6)] |= _U1 << (np.uint64(t) & _U63)
        rows = np.empty((n + 1) * words, np.uint64)
        rows[:words] = _FULL
        # Tokens that a has nowhere leave the row as it is: they share the one before.
        row_of = np.empty(n, np.int64)
        row = np.int64(0)
        for u in range(n):
            token = np.int64(ids_b[begin_b + u])
            if token >= 0:
                carry = _U0
                at = token * words
                for w in range(words):
                    state = rows[row + w]
                    met = state & masks[at + w]
                    some = state + carry
                    total = some + met
                    carry = np.uint64((some < carry) | (total < met))
                    rows[row + words + w] = total | (state - met)
                row += words
            row_of[u] = row
        # From the end back: the runs come in reverse.
        first = n_blocks
        i, j = m, n
        while i > 0 and j > 0:
            bit = np.uint64(i - 1) & _U63
            word = (i - 1) >> 6
            if (rows[row_of[j - 1] + word] >> bit) & _U1:
                i -= 1
            else:
                j -= 1
                if j > 0 and not (rows[row_of[j - 1] + word] >> bit) & _U1:
                    continue
                i -= 1
                at_a, at_b, last = begin_a + i, begin_b + j, n_blocks - 1
                if last >= first and blocks[last, 0] == at_a + 1 and blocks[last, 1] == at_b + 1:
                    blocks[last, 0], blocks[last, 1] = at_a, at_b
                    blocks[last, 2] += 1
                else:
                    blocks[n_blocks, 0], blocks[n_blocks, 1], blocks[n_blocks, 2] = at_a, at_b, 1
                    n_blocks += 1
        low, high = first, n_blocks - 1
        while low < high:
            for k in range(3):
                blocks[low, k], blocks[high, k] = blocks[high, k], blocks[low, k]
            low += 1
            high -= 1
    return append(blocks, n_blocks, end_a, end_b, stop_a - end_a)


@kernel
def align_texts(hashes_a, hashes_b, blocks):  # type: ignore[no-untyped-def]
    """Fill `blocks` (int32, n × 3) with the equal runs of two texts; return their number."""
    ids_a, ids_b = np.empty(hashes_a.shape[0], np.int32), np.empty(hashes_b.shape[0], np.int32)
    n_ids = number_tokens(hashes_a, hashes_b, ids_a, ids_b)
    return align(ids_a, ids_b, n_ids, _TOP, ids_a.shape[0], _TOP, ids_b.shape[0], blocks, _TOP)
