"""What stands between the equal runs of two aligned texts: own tokens, moved passages, exchanged facts."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel

# Bits of a token's fact byte.
NUMBER, SCALE, WEEKDAY, MONTH, NO_NAME, CORRECTION, STAGE, BODY = 1, 2, 4, 8, 16, 32, 64, 128
# Marks of a token: matched in place, of its text alone, found elsewhere in the other text, said in
# another form in the same gap, house text.
MATCHED, OWN, MOVED, CANCELLED, HOUSE = range(5)
# Places in `counts`. Those of the second text follow those of the first.
(
    RUNS, COMMON, OWN_A, OWN_B, MOVED_A, MOVED_B, LONGEST_A, LONGEST_B, SECOND_A, SECOND_B, NUMBERS_SWAPPED,
    NAMES_SWAPPED, CERTAIN, CERTAIN_A, CERTAIN_B, INNER_A, INNER_B, INNER_LONGEST_A, INNER_LONGEST_B,
    INNER_NUMBERS_A, INNER_NUMBERS_B, SOLID_A, SOLID_B, SOLID_END_A, SOLID_END_B, HEADED, N_COUNTS,
) = range(27)  # fmt: skip

_CLASS_NUMBER, _CLASS_CAPITAL, _CLASS_SENTENCE, _CLASS_LINE, _CLASS_UPPER = 1, 2, 4, 8, 32
_SEED = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0xD6E8FEB86659FD93)
_SALT = np.uint64(0xA0761D6478BD642F)
_U1, _U3, _U5, _U8, _U29, _U32 = (np.uint64(n) for n in (1, 3, 5, 8, 29, 32))
_NONE = np.uint64(0)
# Equal runs up to here between much longer gaps are chance ("of the"), not a match.
_CHANCE_RUN = 3
# A passage unmatched in place counts as moved when runs of so many tokens stand in the other text.
_MOVED_RUN = 5
# Two long passages share words by chance; what they share says nothing.
_REWORDED_TOKENS = 40
# A gap up to here is a rewording in place.
_REWORDED = 20
# The edge of a text is what comes before the first, or after the last, equal run of so many tokens of prose.
_SOLID_RUN = 8
_SMALL_LETTERS = 0.55
# Near the top, dates are stamps and datelines.
_LEAD_TOKENS = 80


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
def name_facts(key, classes, special, special_fold, special_facts, hashes, folded, facts):  # type: ignore[no-untyped-def]
    """Fill `hashes`, `folded` (uint64) and `facts` (uint8) with one value per token.

    Two ways of writing a number, a scale or a per cent sign have one `folded`
    value. `special` (uint64, a power of two long, 0 where empty) finds the
    words with a meaning of their own.
    """
    mask = np.uint64(special.shape[0] - 1)
    scratch = np.empty(64, np.uint8)
    at = 0
    for t in range(classes.shape[0]):
        start = at
        while at < key.shape[0] and key[at] != 32:
            at += 1
        end = at
        at += 1
        value = hash_piece(key, start, end)
        hashes[t] = value
        fold = value
        fact = 0
        if classes[t] & _CLASS_NUMBER:
            fact = NUMBER
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
            # "", s, e, o, a, st, nd, rd, th, er, ers
            plain = rest == 0 or (
                rest <= 3
                and (
                    ending == 0x73 or ending == 0x65 or ending == 0x6F or ending == 0x61 or ending == 0x7374
                    or ending == 0x6E64 or ending == 0x7264 or ending == 0x7468 or ending == 0x6572
                    or ending == 0x657273
                )
            )  # fmt: skip
            if whole > start and plain and p - start < 64:
                first = start
                while first + 1 < whole and key[first] == 48:
                    first += 1
                stop = p
                if p > whole:
                    while key[stop - 1] == 48:
                        stop -= 1
                    if stop - 1 == whole:
                        stop = whole
                for q in range(first, stop):
                    scratch[q - first] = key[q]
                fold = hash_piece(scratch, 0, stop - first)
        else:
            slot = (value >> _U32) & mask
            while special[slot] != _NONE:
                if special[slot] == value:
                    fold = special_fold[slot]
                    fact = special_facts[slot]
                    break
                slot = (slot + _U1) & mask
        folded[t] = fold
        facts[t] = fact


@kernel
def _insert(table, mask, value):  # type: ignore[no-untyped-def]
    value |= _U1
    slot = (value >> _U32) & mask
    while table[slot] != _NONE and table[slot] != value:
        slot = (slot + _U1) & mask
    table[slot] = value


@kernel
def _holds(table, mask, value):  # type: ignore[no-untyped-def]
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
    for k in range(_MOVED_RUN):
        value = (value ^ hashes[at + k]) * _PRIME
        value ^= value >> _U29
    return value


@kernel
def _fill(table, mask, hashes, folded, facts):  # type: ignore[no-untyped-def]
    """Put a text's tokens, numbers and runs into one table."""
    n = hashes.shape[0]
    for t in range(n):
        _insert(table, mask, hashes[t])
        if facts[t] & NUMBER:
            _insert(table, mask, folded[t] * _U3 + _SALT)
    for t in range(n - _MOVED_RUN + 1):
        _insert(table, mask, _run_hash(hashes, t))


@kernel
def _mark_moved(hashes, start, end, table, mask, marks):  # type: ignore[no-untyped-def]
    """Mark runs of a gap that stand in the other text."""
    at = start
    last = end - _MOVED_RUN
    while at <= last:
        if _holds(table, mask, _run_hash(hashes, at)):
            stop = at + _MOVED_RUN
            while stop < end and _holds(table, mask, _run_hash(hashes, stop - _MOVED_RUN + 1)):
                stop += 1
            for k in range(at, stop):
                marks[k] = MOVED
            at = stop
        else:
            at += 1


@kernel
def _is_prose(classes, start, size):  # type: ignore[no-untyped-def]
    small = 0
    for t in range(start, start + size):
        if not classes[t] & (_CLASS_CAPITAL | _CLASS_NUMBER):
            small += 1
    return small > _SMALL_LETTERS * size


@kernel
def find_gaps(blocks, hashes_a, hashes_b, gaps):  # type: ignore[no-untyped-def]
    """Drop chance runs from `blocks` (int32, n × 3) and fill `gaps` (int32, n + 1 × 4).

    Return the numbers of blocks kept and of gaps; -1 for the first if a block's tokens differ.
    """
    n_a, n_b = hashes_a.shape[0], hashes_b.shape[0]
    n_blocks = blocks.shape[0]
    n_kept = 0
    n_gaps = 0
    end_a = 0
    end_b = 0
    for k in range(n_blocks):
        i, j, n = blocks[k, 0], blocks[k, 1], blocks[k, 2]
        for t in range(n):
            if hashes_a[i + t] != hashes_b[j + t]:
                return -1, 0
        if n <= _CHANCE_RUN:
            next_a = blocks[k + 1, 0] if k + 1 < n_blocks else n_a
            next_b = blocks[k + 1, 1] if k + 1 < n_blocks else n_b
            left = max(i - end_a, j - end_b)
            right = max(next_a - i - n, next_b - j - n)
            if min(left, right) >= 3 * n:
                continue
        if i > end_a or j > end_b:
            gaps[n_gaps, 0], gaps[n_gaps, 1], gaps[n_gaps, 2], gaps[n_gaps, 3] = end_a, i, end_b, j
            n_gaps += 1
        blocks[n_kept, 0], blocks[n_kept, 1], blocks[n_kept, 2] = i, j, n
        n_kept += 1
        end_a, end_b = i + n, j + n
    if n_a > end_a or n_b > end_b:
        gaps[n_gaps, 0], gaps[n_gaps, 1], gaps[n_gaps, 2], gaps[n_gaps, 3] = end_a, n_a, end_b, n_b
        n_gaps += 1
    return n_kept, n_gaps


@kernel
def weigh_gaps(
    blocks, gaps, hashes_a, folded_a, facts_a, classes_a, marks_a, hashes_b, folded_b, facts_b, classes_b, marks_b,
    prose, named, counts,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Mark the tokens of all gaps and fill `counts` (int64, N_COUNTS).

    `marks_a`, `marks_b` (uint8) come zeroed, or HOUSE where a token stands in
    a house line. `prose` tells that capitals tell prose from headlines,
    `named` that a capital inside a sentence is a name in both texts.
    What lies before the first or after the last solid run may be furniture;
    the counts called INNER and CERTAIN hold whatever is found out about it.
    """
    n_a, n_b = hashes_a.shape[0], hashes_b.shape[0]
    slots = 16
    while slots < 5 * n_a or slots < 5 * n_b:
        slots *= 2
    mask = np.uint64(slots - 1)
    table_a = np.zeros(slots, np.uint64)
    table_b = np.zeros(slots, np.uint64)
    _fill(table_a, mask, hashes_a, folded_a, facts_a)
    _fill(table_b, mask, hashes_b, folded_b, facts_b)
    counts[RUNS] = blocks.shape[0]
    first = -1
    last = -1
    for k in range(blocks.shape[0]):
        n = blocks[k, 2]
        counts[COMMON] += n
        if n >= _SOLID_RUN and (not prose or _is_prose(classes_a, blocks[k, 0], n)):
            if first < 0:
                first = k
            last = k
    inner_begin, inner_end = 0, n_a
    counts[SOLID_END_A], counts[SOLID_END_B] = n_a, n_b
    if first >= 0:
        counts[HEADED] = 1
        counts[SOLID_A], counts[SOLID_B] = blocks[first, 0], blocks[first, 1]
        counts[SOLID_END_A] = blocks[last, 0] + blocks[last, 2]
        counts[SOLID_END_B] = blocks[last, 1] + blocks[last, 2]
        inner_begin, inner_end = counts[SOLID_A], counts[SOLID_END_A]
    n_text = (n_a, n_b)
    own = np.zeros(2, np.int64)
    lacking = np.zeros(2, np.int64)
    sure = np.zeros(2, np.int64)
    sure_at = np.zeros(2, np.int64)
    digits = np.zeros(2, np.int64)
    names = np.zeros(2, np.int64)
    for g in range(gaps.shape[0]):
        a1, a2, b1, b2 = gaps[g, 0], gaps[g, 1], gaps[g, 2], gaps[g, 3]
        inner = a1 >= inner_begin and a2 <= inner_end and first >= 0
        for side in range(2):
            start, end = (a1, a2) if side == 0 else (b1, b2)
            marks = marks_a if side == 0 else marks_b
            house = False
            for t in range(start, end):
                if marks[t] == HOUSE:
                    house = True
                else:
                    marks[t] = OWN
            if house:
                continue
            if end - start >= _MOVED_RUN:
                if side == 0:
                    _mark_moved(hashes_a, start, end, table_b, mask, marks_a)
                else:
                    _mark_moved(hashes_b, start, end, table_a, mask, marks_b)
            for t in range(start, end):
                if marks[t] == MOVED:
                    counts[MOVED_A + side] += 1
        for side in range(2):
            own[side] = 0
            for t in range(a1 if side == 0 else b1, a2 if side == 0 else b2):
                own[side] += (marks_a if side == 0 else marks_b)[t] == OWN
        if own[0] > 0 and own[1] > 0 and min(own[0], own[1]) <= _REWORDED_TOKENS:
            for t in range(a1, a2):
                if marks_a[t] == OWN:
                    for u in range(b1, b2):
                        if marks_b[u] == OWN and folded_a[t] == folded_b[u]:
                            marks_a[t] = CANCELLED
                            marks_b[u] = CANCELLED
                            own[0] -= 1
                            own[1] -= 1
                            break
        if own[0] == 0 and own[1] == 0:
            continue
        scale = False
        calendar = False
        for side in range(2):
            start, end = (a1, a2) if side == 0 else (b1, b2)
            hashes = hashes_a if side == 0 else hashes_b
            folded = folded_a if side == 0 else folded_b
            facts = facts_a if side == 0 else facts_b
            classes = classes_a if side == 0 else classes_b
            marks = marks_a if side == 0 else marks_b
            table = table_b if side == 0 else table_a
            lacking[side] = 0
            sure[side] = 0
            digits[side] = 0
            names[side] = 0
            n_after = min(end + 1, n_text[side])
            for t in range(start, n_after):
                if facts[t] & SCALE:
                    scale = True
                if facts[t] & (MONTH | WEEKDAY):
                    calendar = True
            for t in range(start, end):
                if classes[t] & _CLASS_NUMBER:
                    digits[side] += 1
                if marks[t] != OWN:
                    continue
                if facts[t] & NUMBER:
                    if not _holds(table, mask, folded[t] * _U3 + _SALT):
                        lacking[side] += 1
                        if not classes[t] & _CLASS_LINE and classes[t] & _CLASS_NUMBER:
                            if sure[side] == 0:
                                sure_at[side] = t
                            sure[side] += 1
                elif (
                    named
                    and classes[t] & _CLASS_CAPITAL
                    and not classes[t] & _CLASS_SENTENCE
                    and not facts[t] & NO_NAME
                    and not _holds(table, mask, hashes[t])
                ):
                    upper = classes[t] & _CLASS_UPPER and 0 < t < n_text[side] - 1
                    if not (upper and classes[t - 1] & _CLASS_UPPER and classes[t + 1] & _CLASS_UPPER):
                        names[side] += 1
            counts[OWN_A + side] += own[side]
            if own[side] > counts[LONGEST_A + side]:
                counts[SECOND_A + side] = counts[LONGEST_A + side]
                counts[LONGEST_A + side] = own[side]
            elif own[side] > counts[SECOND_A + side]:
                counts[SECOND_A + side] = own[side]
        few, many = min(own[0], own[1]), max(own[0], own[1])
        lead = min(a1, b1) < _LEAD_TOKENS
        if few > 0 and many <= _REWORDED and many <= 3 * few + 5:
            counts[NUMBERS_SWAPPED] += min(lacking[0], lacking[1])
            counts[NAMES_SWAPPED] += min(names[0], names[1])
            # Not certain: one amount in two scales, digits cut apart elsewhere, the day of a stamp.
            if (
                inner and sure[0] > 0 and sure[1] > 0 and not scale and digits[0] == digits[1]
                and not (lead and calendar)
            ):  # fmt: skip
                if counts[CERTAIN] == 0:
                    counts[CERTAIN_A], counts[CERTAIN_B] = sure_at[0], sure_at[1]
                counts[CERTAIN] += 1
        if inner:
            for side in range(2):
                other = own[1 - side]
                # What is left if every word of the other side is a misspelling of one of this side.
                least = own[side] - other if min(own[0], own[1]) <= _REWORDED_TOKENS else own[side]
                if lead and calendar and least <= 12:
                    least = 0
                if least > 0:
                    counts[INNER_A + side] += least
                    if least > counts[INNER_LONGEST_A + side]:
                        counts[INNER_LONGEST_A + side] = least
                if other == 0 and not (lead and calendar):
                    counts[INNER_NUMBERS_A + side] += sure[side]
