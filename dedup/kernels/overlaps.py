"""True shingle sets of pairs: how many distinct shingles each text has and how many they share."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel
from dedup.kernels.sketches import hash_shingles
from dedup.kernels.words import load_word, store_word

_NONE = np.uint64(0)


@kernel
def gather(source, at, lengths, target, places):
    """Copy byte strings `source[at[i]:at[i] + lengths[i]]` to `target[places[i]:]`."""
    for i in range(at.shape[0]):
        k = np.int64(0)
        while k + 8 <= lengths[i]:
            store_word(target, places[i] + k, load_word(source, at[i] + k))
            k += 8
        while k < lengths[i]:
            target[places[i] + k] = source[at[i] + k]
            k += 1


@kernel
def shingle_sets(hashes, classes, offsets, size, unspaced_size, shingles, sets):
    """Fill `shingles` with the distinct shingles of each document, made of the hashes of its tokens.

    `sets` (n + 1) tells where they stand.
    """
    longest = 1
    for document in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    every = np.empty(longest, np.uint64)
    n_slots = 4
    while n_slots < 2 * longest:
        n_slots *= 2
    table = np.zeros(n_slots, np.uint64)
    n_out = 0
    for document in range(offsets.shape[0] - 1):
        start, end = offsets[document], offsets[document + 1]
        n_every = hash_shingles(hashes[start:end], classes, start, end - start, size, unspaced_size, every)
        slots = 4
        while slots < 2 * n_every:
            slots *= 2
        mask = np.uint64(slots - 1)
        table[:slots] = _NONE
        for s in range(n_every):
            value = every[s] | np.uint64(1)  # never the empty slot's value
            slot = (value >> np.uint64(20)) & mask
            while table[slot] != _NONE and table[slot] != value:
                slot = (slot + np.uint64(1)) & mask
            if table[slot] == _NONE:
                table[slot] = value
                shingles[n_out] = value
                n_out += 1
        sets[document + 1] = n_out


@kernel
def shared_shingles(shingles, sets, left, right, shared):
    """Fill `shared` (int32) for pairs of documents; pairs are cheapest when sorted by `left`."""
    longest = 1
    for document in range(sets.shape[0] - 1):
        longest = max(longest, sets[document + 1] - sets[document])
    n_slots = 4
    while n_slots < 2 * longest:
        n_slots *= 2
    table = np.zeros(n_slots, np.uint64)
    mask = np.uint64(3)
    current = -1
    for p in range(left.shape[0]):
        if left[p] != current:
            current = left[p]
            slots = 4
            while slots < 2 * (sets[current + 1] - sets[current]):
                slots *= 2
            mask = np.uint64(slots - 1)
            table[:slots] = _NONE
            for s in range(sets[current], sets[current + 1]):
                slot = (shingles[s] >> np.uint64(20)) & mask
                while table[slot] != _NONE:
                    slot = (slot + np.uint64(1)) & mask
                table[slot] = shingles[s]
        n_shared = 0
        for s in range(sets[right[p]], sets[right[p] + 1]):
            slot = (shingles[s] >> np.uint64(20)) & mask
            while table[slot] != _NONE:
                if table[slot] == shingles[s]:
                    n_shared += 1
                    break
                slot = (slot + np.uint64(1)) & mask
        shared[p] = n_shared
