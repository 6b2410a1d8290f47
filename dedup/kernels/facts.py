"""Tokens → hashes, what they mean, and the house lines among them."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel
from dedup.kernels.sketches import find_starts, hash_tokens

# Bits of what a token means.
NUMBER, SCALE, WEEKDAY, MONTH, NO_NAME, CORRECTION, STAGE, BODY, NOUNS, PLAIN, ADDRESS, VALUE = (
    1 << n for n in range(12)
)
# A bit beside them in what a gap holds: a capital.
CAPITAL = 1 << 12
# Marks of a token in a pair: matched in place, of its text alone, found elsewhere in the other text, said in
# another form in the same gap, in a house line, in furniture; and of its text alone and a number or a
# word that the other text has nowhere.
MATCHED, OWN, MOVED, CANCELLED, HOUSE, FRAMED, LACKED = range(7)
# Bits of a token's class, as in `dedup.flags`.
CLASS_NUMBER, CLASS_CAPITAL, CLASS_SENTENCE, CLASS_LINE, CLASS_CHARACTER, CLASS_UPPER = 1, 2, 4, 8, 16, 32

_SEED = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0xD6E8FEB86659FD93)
_U1, _U8, _U29, _U32 = (np.uint64(n) for n in (1, 8, 29, 32))
_NONE = np.uint64(0)


@kernel
def hash_piece(data, start, end):  # type: ignore[no-untyped-def]
    """Return the hash that `dedup.kernels.sketches.hash_tokens` gives the token `data[start:end]`."""
    state = _SEED
    word = np.uint64(0)
    filled = 0
    for at in range(start, end):
        word = (word << _U8) | np.uint64(data[at])
        filled += 1
        if filled == 8:
            state = (state ^ word) * _PRIME
            state ^= state >> _U32
            word = np.uint64(0)
            filled = 0
    state = (state ^ (word | (_U1 << np.uint64(8 * filled)))) * _PRIME
    return state ^ (state >> _U29)


@kernel
def _is_ending(ending):  # type: ignore[no-untyped-def]
    """Tell whether bytes are s, e, o, a, st, nd, rd, th, er or ers."""
    return (
        ending == 0x73 or ending == 0x65 or ending == 0x6F or ending == 0x61 or ending == 0x7374
        or ending == 0x6E64 or ending == 0x7264 or ending == 0x7468 or ending == 0x6572 or ending == 0x657273
    )  # fmt: skip


@kernel
def name_facts(
    keys, key_offsets, all_classes, class_offsets, special, special_fold, special_facts, all_hashes, folded,
    facts, all_starts, tallies,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Fill `all_hashes`, `folded` (uint64), `facts` (uint16) and `all_starts` (uint32): one value per token.

    Documents stand one behind the other (int64 offsets, n + 1). Two ways of writing a number, a scale or a
    per cent sign have one `folded` value. `special` (uint64, a power of two long, 0 where empty) finds the
    words with a meaning of their own; starts are places in the document's key. `tallies` (int64, n × 4) gets
    the numbers of words inside sentences, of those with a capital, of distinct NOUNS, and of characters of
    scripts without spaces.
    """
    mask = np.uint64(special.shape[0] - 1)
    articles = np.zeros(16, np.uint64)
    for d in range(key_offsets.shape[0] - 1):
        n_inside = n_capital = n_articles = n_characters = 0
        begin, n_tokens = class_offsets[d], class_offsets[d + 1] - class_offsets[d]
        key, classes = keys[key_offsets[d] : key_offsets[d + 1]], all_classes[begin : begin + n_tokens]
        hashes, starts = all_hashes[begin : begin + n_tokens], all_starts[begin : begin + n_tokens]
        hash_tokens(key, np.int64(0), np.int64(key.shape[0]), hashes)
        find_starts(key, starts)
        for t in range(n_tokens):
            value = hashes[t]
            fold = value
            fact = 0
            if classes[t] & CLASS_NUMBER:
                fact = NUMBER
                start = np.int64(starts[t])
                end = np.int64(starts[t + 1]) - 1 if t + 1 < n_tokens else np.int64(key.shape[0])
                # [0]*digits[.digits][ordinal ending]
                p = start
                while p < end and 48 <= key[p] <= 57:
                    p += 1
                whole = p
                if p + 1 < end and key[p] == 46 and 48 <= key[p + 1] <= 57:
                    p += 1
                    while p < end and 48 <= key[p] <= 57:
                        p += 1
                rest = end - p
                ending = np.int64(0)
                for q in range(p, end if rest <= 3 else p):
                    ending = (ending << 8) | np.int64(key[q])
                plain = rest == 0 or (rest <= 3 and _is_ending(ending))
                if whole > start and plain and p - start < 64:
                    fact |= PLAIN
                    first = start
                    while first + 1 < whole and key[first] == 48:
                        first += 1
                    stop = p
                    if p > whole:
                        while key[stop - 1] == 48:
                            stop -= 1
                        if stop - 1 == whole:
                            stop = whole
                    fold = hash_piece(key, first, stop)
            else:
                slot = (value >> _U32) & mask
                while special[slot] != _NONE:
                    if special[slot] == value:
                        fold = special_fold[slot]
                        fact = special_facts[slot]
                        break
                    slot = (slot + _U1) & mask
            folded[begin + t] = fold
            facts[begin + t] = fact
            n_characters += classes[t] & CLASS_CHARACTER != 0
            if not classes[t] & (CLASS_SENTENCE | CLASS_NUMBER | CLASS_CHARACTER):
                n_inside += 1
                n_capital += classes[t] & CLASS_CAPITAL != 0
            if fact & NOUNS and n_articles < articles.shape[0]:
                known = False
                for k in range(n_articles):
                    known = known or articles[k] == value
                if not known:
                    articles[n_articles] = value
                    n_articles += 1
        tallies[d, 0], tallies[d, 1], tallies[d, 2], tallies[d, 3] = (
            n_inside,
            n_capital,
            n_articles,
            n_characters,
        )


@kernel
def mark_houses(offsets, hashes, classes, house, prime, marks):  # type: ignore[no-untyped-def]
    """Mark the house lines of each document (int64 offsets, n + 1); return the number of their tokens."""
    marked = 0
    for d in range(offsets.shape[0] - 1):
        start, end = offsets[d], offsets[d + 1]
        marked += mark_house(hashes[start:end], classes[start:end], house, prime, marks[start:end])
    return marked


@kernel
def mark_house(hashes, classes, house, prime, marks):  # type: ignore[no-untyped-def]
    """Mark the tokens of lines whose hash is in `house` (uint64, sorted); return their number."""
    n = hashes.shape[0]
    marked = 0
    start = 0
    while start < n:
        value = np.uint64(0)
        end = start
        while end < n and (end == start or not classes[end] & CLASS_LINE):
            # Each token is weighed by its place in the line, so that order counts.
            value += hashes[end] * ((np.uint64(end - start) * np.uint64(2) + _U1) * prime)
            end += 1
        low, high = 0, house.shape[0]
        while low < high:
            middle = (low + high) // 2
            if house[middle] < value:
                low = middle + 1
            else:
                high = middle
        if low < house.shape[0] and house[low] == value:
            for t in range(start, end):
                marks[t] = HOUSE
            marked += end - start
        start = end
    return marked
