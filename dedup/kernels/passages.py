"""Which words, numbers and passages of one text stand in another, wherever they stand."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel
from dedup.kernels.facts import MOVED, NUMBER, OWN

_SALT = np.uint64(0xA0761D6478BD642F)
# A passage unmatched in place counts as moved when runs of so many tokens stand in the other text.
MOVED_RUN = 5
_PRIME = np.uint64(0xD6E8FEB86659FD93)
_U1, _U29, _U32 = (np.uint64(n) for n in (1, 29, 32))
_NONE = np.uint64(0)


@kernel
def insert(table, mask, value):  # type: ignore[no-untyped-def]
    """Put a value (uint64) into an open table; the lowest bit is not told apart."""
    value |= _U1
    slot = (value >> _U32) & mask
    while table[slot] != _NONE and table[slot] != value:
        slot = (slot + _U1) & mask
    table[slot] = value


@kernel
def holds(table, mask, value):  # type: ignore[no-untyped-def]
    """Tell whether a value was put into the table."""
    value |= _U1
    slot = (value >> _U32) & mask
    while table[slot] != _NONE:
        if table[slot] == value:
            return True
        slot = (slot + _U1) & mask
    return False


@kernel
def _run_hash(hashes, at):  # type: ignore[no-untyped-def]
    value = _SALT
    for k in range(MOVED_RUN):
        value = (value ^ hashes[at + k]) * _PRIME
        value ^= value >> _U29
    return value


@kernel
def open_table(n_values):  # type: ignore[no-untyped-def]
    """Return an empty table with room for `n_values`; its length less one masks a place in it."""
    slots = 16
    while slots < 2 * n_values:
        slots *= 2
    return np.zeros(slots, np.uint64)


@kernel
def list_numbers(folded, facts):  # type: ignore[no-untyped-def]
    """Return a table of the numbers of a text, in their one form."""
    n_numbers = 0
    for t in range(facts.shape[0]):
        n_numbers += facts[t] & NUMBER != 0
    table = open_table(np.int64(n_numbers))
    mask = np.uint64(table.shape[0] - 1)
    if n_numbers:
        for t in range(facts.shape[0]):
            if facts[t] & NUMBER:
                insert(table, mask, folded[t])
    return table


@kernel
def goes_on(known, start, end):  # type: ignore[no-untyped-def]
    """Tell whether so many tokens of the other text follow each other that they may have moved."""
    at = start + MOVED_RUN - 1
    while at < end:
        first = at
        while first > at - MOVED_RUN and known[first]:
            first -= 1
        if first == at - MOVED_RUN:
            return True
        # No run holds this token.
        at = first + MOVED_RUN
    return False


@kernel
def list_runs(hashes, known, wanted):  # type: ignore[no-untyped-def]
    """Return a table of the runs of a text whose tokens the other text has, empty if they are not wanted."""
    n = hashes.shape[0] if wanted else 0
    n_known = 0
    for t in range(n):
        n_known += known[t]
    table = open_table(np.int64(n_known))
    mask = np.uint64(table.shape[0] - 1)
    length = 0
    for t in range(n):
        length = length + 1 if known[t] else 0
        if length >= MOVED_RUN:
            insert(table, mask, _run_hash(hashes, t - MOVED_RUN + 1))
    return table


@kernel
def mark_moved(hashes, known, start, end, table, marks):  # type: ignore[no-untyped-def]
    """Mark runs of a gap that stand in the other text."""
    mask = np.uint64(table.shape[0] - 1)
    length = 0
    free = start
    marking = False
    for t in range(start, end):
        first = t - MOVED_RUN + 1
        length = length + 1 if known[t] else 0
        if length >= MOVED_RUN and first >= free and holds(table, mask, _run_hash(hashes, first)):
            marking = True
            for k in range(first, t + 1):
                if marks[k] == OWN:
                    marks[k] = MOVED
        elif marking:
            # What has moved is not looked at once more.
            marking = False
            free = t
