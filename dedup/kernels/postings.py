"""Sorted entries of an index: the lists of many keys at once, filters of keys, hits added up.

An entry is a uint64, a key in its high half and a document's ordinal in its low half.
"""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel

_U32, _U6 = np.uint64(32), np.uint64(6)
_LOW, _ONE, _SIXTY_THREE = np.uint64(0xFFFFFFFF), np.uint64(1), np.uint64(63)
_SPREAD = np.uint64(0x9E3779B1)
_MIX = np.uint64(0x9E3779B97F4A7C15)


@kernel
def _seek(entries, at, key):
    """Return the first place from `at` on whose key is not below `key`, by steps that double."""
    n_entries = entries.shape[0]
    low, high, step = at, at, 1
    while high < n_entries and entries[high] >> _U32 < key:
        low = high + 1
        high += step
        step *= 2
    high = min(high, n_entries)
    while low < high:
        middle = (low + high) // 2
        if entries[middle] >> _U32 < key:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def list_bounds(entries, keys, low, high):
    """Fill `low` and `high` (int64) with the bounds of each key's list; `keys` (uint32) ascend."""
    at = np.int64(0)
    for place in range(keys.shape[0]):
        key = np.uint64(keys[place])
        at = _seek(entries, at, key)
        low[place] = at
        at = _seek(entries, at, key + _ONE)
        high[place] = at


@kernel
def take_lists(entries, low, high, limit, places, ordinals):
    """Write the place and the ordinal of every entry of every list (int64).

    Of a list over `limit` the first half of so many and the last.
    """
    written = 0
    for place in range(low.shape[0]):
        size = high[place] - low[place]
        taken = min(size, limit)
        for step in range(taken):
            at = low[place] + step if step < taken // 2 else high[place] - taken + step
            places[written] = place
            ordinals[written] = np.int64(entries[at] & _LOW)
            written += 1


@kernel
def _bit_of(key, n_bits):
    """Return the place of a key in a filter. Winnowed fingerprints are small: they are spread out first."""
    return (((key * _SPREAD) & _LOW) * n_bits) >> _U32


@kernel
def mark_keys(entries, words):
    """Set the bit of each entry's key in a filter (uint64)."""
    n_bits = np.uint64(words.shape[0] * 64)
    for entry in entries:
        bit = _bit_of(entry >> _U32, n_bits)
        words[bit >> _U6] |= _ONE << (bit & _SIXTY_THREE)


@kernel
def find_marked(keys, words, places):
    """Write the places (int64) of those keys (uint32) whose bit is set; return how many."""
    n_bits = np.uint64(words.shape[0] * 64)
    found = 0
    for place in range(keys.shape[0]):
        bit = _bit_of(np.uint64(keys[place]), n_bits)
        if (words[bit >> _U6] >> (bit & _SIXTY_THREE)) & _ONE:
            places[found] = place
            found += 1
    return found


@kernel
def group(numbers, n_groups, starts, order):
    """Fill `order` with the positions of `numbers` (int64) by group, `starts` with the groups' bounds."""
    starts[:] = 0
    for number in numbers:
        starts[number + 1] += 1
    for number in range(n_groups):
        starts[number + 1] += starts[number]
    filled = starts[:n_groups].copy()
    for position in range(numbers.shape[0]):
        number = numbers[position]
        order[filled[number]] = position
        filled[number] += 1


@kernel
def tally_hits(  # type: ignore[no-untyped-def]
    row_starts, row_keys, key_places, weights, list_starts, ordinals, limit, least, best, rows, found
):
    """Write the documents that share the most with each row, `best` of a row at most; return their number.

    Keys of a row are at ``row_keys[row_starts[row] : row_starts[row + 1]]``, each with its place among the
    distinct keys and a weight (uint32; 1 is a fingerprint); the list of a place are the `ordinals` (int64)
    between its `list_starts`. A hit counts its weight times `limit` by the length of the list; ties go to
    the older document. Documents must share `least` (int64, by row) fingerprints, or any other key.
    `rows` and `found` (int64, ``best`` for each row) are filled.
    """
    n_rows = least.shape[0]
    largest = np.int64(1)
    for row in range(n_rows):
        n_hits = np.int64(0)
        for at in range(row_starts[row], row_starts[row + 1]):
            place = key_places[row_keys[at]]
            n_hits += list_starts[place + 1] - list_starts[place]
        largest = max(largest, n_hits)
    room = 2
    while room < 2 * largest:
        room *= 2
    slots = np.full(room, -1, np.int64)
    used, documents = np.empty(largest, np.int64), np.empty(largest, np.int64)
    shared, prints = np.empty(largest, np.int64), np.empty(largest, np.int64)
    others = np.empty(largest, np.bool_)
    written = 0
    for row in range(n_rows):
        n_documents = 0
        for at in range(row_starts[row], row_starts[row + 1]):
            key = row_keys[at]
            place, weight = key_places[key], np.int64(weights[key])
            size = list_starts[place + 1] - list_starts[place]
            value = weight * (limit // min(size, limit)) if size > 0 else 0
            for hit in range(list_starts[place], list_starts[place + 1]):
                ordinal = ordinals[hit]
                slot = np.int64((np.uint64(ordinal) * _MIX) >> _U32) & (room - 1)
                while slots[slot] >= 0 and documents[slots[slot]] != ordinal:
                    slot = (slot + 1) & (room - 1)
                number = slots[slot]
                if number < 0:
                    number = n_documents
                    slots[slot], used[number], documents[number] = number, slot, ordinal
                    shared[number], prints[number], others[number] = 0, 0, False
                    n_documents += 1
                shared[number] += value
                if weight == 1:
                    prints[number] += 1
                else:
                    others[number] = True
        n_told = 0
        for number in range(n_documents):
            slots[used[number]] = -1
            if others[number] or prints[number] >= least[row]:
                documents[n_told], shared[n_told] = documents[number], shared[number]
                n_told += 1
        for _ in range(min(best, n_told)):
            chosen = 0
            for number in range(1, n_told):
                more = shared[number] - shared[chosen]
                if more > 0 or (more == 0 and documents[number] < documents[chosen]):
                    chosen = number
            rows[written], found[written] = row, documents[chosen]
            written += 1
            n_told -= 1
            documents[chosen], shared[chosen] = documents[n_told], shared[n_told]
    return written
