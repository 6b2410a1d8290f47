"""The two sides of a gap, word by word: what is one word in two spellings, and what is left of either."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel
from dedup.kernels.facts import (
    CAPITAL,
    CLASS_CAPITAL,
    FRAMED,
    LACKED,
    MONTH,
    NUMBER,
    OWN,
    VALUE,
    WEEKDAY,
)

# Columns of a gap's row; those of the second text follow those of the first. Own tokens, what they mean,
# what they and furniture mean; and whether the spellings are settled.
N_OWN_A, N_OWN_B, MEANS_A, MEANS_B, ALL_MEANS_A, ALL_MEANS_B, SETTLED, N_COLUMNS = range(8)

# A typing slip changes one letter of a word of 5, two of a word of 9; Iran and Iraq are no slip.
SLIP_LENGTH = 5
TWO_SLIPS_LENGTH = 9
# Two long passages share words by chance; what they share says nothing.
REWORDED_TOKENS = 40
# Spellings are compared word by word up to so many pairs.
VARIANT_PAIRS = 400
_ABBREVIATION = 4
_VALUES = VALUE | NUMBER
_ALL, _DIGITS = np.bool_(False), np.bool_(True)


@kernel
def _is_digit(byte):  # type: ignore[no-untyped-def]
    return 48 <= byte <= 57


@kernel
def _is_letter(byte):  # type: ignore[no-untyped-def]
    return 97 <= byte <= 122 or 65 <= byte <= 90


@kernel
def token_end(key, starts, t):  # type: ignore[no-untyped-def]
    """Return where a token ends."""
    return np.int64(starts[t + 1]) - 1 if t + 1 < starts.shape[0] else np.int64(key.shape[0])


@kernel
def _look_at(key, start, end):  # type: ignore[no-untyped-def]
    """Return whether a token is ASCII or a Chinese character, is letters only, and has a digit."""
    if (
        end - start == 3
        and 0xE4 <= key[start] <= 0xE9
        and not (key[start] == 0xE4 and key[start + 1] == 0xB7)
    ):
        return True, True, False
    ascii_only, letters, digits = True, True, False
    for at in range(start, end):
        byte = key[at]
        ascii_only = ascii_only and byte < 128
        letters = letters and _is_letter(byte)
        digits = digits or _is_digit(byte)
    return ascii_only, letters, digits


@kernel
def _slips_within(a, a1, a2, b, b1, b2, limit):  # type: ignore[no-untyped-def]
    """Tell whether `limit` letters lost, added, changed or swapped with the next make one word the other."""
    m, n = a2 - a1, b2 - b1
    if abs(m - n) > limit:
        return False
    before = np.empty(n + 1, np.int64)
    last = np.empty(n + 1, np.int64)
    row = np.empty(n + 1, np.int64)
    for j in range(n + 1):
        last[j] = j
        before[j] = 0
    for i in range(1, m + 1):
        row[0] = i
        least = i
        for j in range(1, n + 1):
            cost = np.int64(a[a1 + i - 1] != b[b1 + j - 1])
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
            if i > 1 and j > 1 and a[a1 + i - 1] == b[b1 + j - 2] and a[a1 + i - 2] == b[b1 + j - 1]:
                best = min(best, before[j - 2] + 1)
            row[j] = best
            least = min(least, best)
        if least > limit:
            return False
        before, last, row = last, row, before
    return last[n] <= limit


@kernel
def _is_variant(a, a1, a2, b, b1, b2):  # type: ignore[no-untyped-def]
    """Tell what `dedup.verify.facts.is_variant` tells, of ASCII words."""
    shorter = min(a2 - a1, b2 - b1)
    if shorter < SLIP_LENGTH:
        return False
    if a[a1] != b[b1] and _is_letter(a[a1]) and _is_letter(b[b1]):
        return False
    if _look_at(a, a1, a2)[2] and _look_at(b, b1, b2)[2]:
        return False
    limit = 2 if shorter >= TWO_SLIPS_LENGTH else 1
    return _slips_within(a, a1, a2, b, b1, b2, limit)


@kernel
def _begins(word, w1, w2, longer, l1, l2):  # type: ignore[no-untyped-def]
    if w2 - w1 > l2 - l1:
        return False
    for k in range(w2 - w1):  # noqa: SIM110 - Numba has no all()
        if word[w1 + k] != longer[l1 + k]:
            return False
    return True


@kernel
def _is_abbreviation(a, a1, a2, b, b1, b2):  # type: ignore[no-untyped-def]
    """Tell what `dedup.verify.facts.is_abbreviation` tells, of ASCII words, the shorter one first."""
    m, n = a2 - a1, b2 - b1
    if m < 2 or a[a1] != b[b1] or not (_look_at(a, a1, a2)[1] and _look_at(b, b1, b2)[1]):
        return False
    if m >= 3:
        stem = a2 - 1 if m > 3 and a[a2 - 1] == 115 else a2
        if _begins(a, a1, stem, b, b1, b2):
            return True
    if m >= _ABBREVIATION or n <= m:
        return False
    at = b1
    for k in range(a1, a2):
        while at < b2 and b[at] != a[k]:
            at += 1
        if at == b2:
            return False
        at += 1
    return True


@kernel
def is_one_word(a, a1, a2, b, b1, b2):  # type: ignore[no-untyped-def]
    """Tell whether two words, ASCII or a character, are spellings or one short for the other."""
    if a[a1] >= 128 or b[b1] >= 128:
        return False
    if a[a1] != b[b1] and _is_digit(a[a1]) == _is_digit(b[b1]):
        return False
    if _is_variant(a, a1, a2, b, b1, b2):
        return True
    if a2 - a1 > b2 - b1:
        return _is_abbreviation(b, b1, b2, a, a1, a2)
    return _is_abbreviation(a, a1, a2, b, b1, b2)


@kernel
def _joined_equal(key_a, starts_a, rest_a, a1, a2, key_b, starts_b, rest_b, b1, b2, digits_only):  # type: ignore[no-untyped-def]
    """Tell whether the letters, or the digits, of both sides are the same, cut into words elsewhere."""
    t, u = a1, b1
    p = end_a = q = end_b = np.int64(0)
    while True:
        while (p == end_a and t < a2) or (p < end_a and digits_only and not _is_digit(key_a[p])):
            if p < end_a:
                p += 1
                continue
            if rest_a[t]:
                p, end_a = np.int64(starts_a[t]), token_end(key_a, starts_a, t)
            t += 1
        while (q == end_b and u < b2) or (q < end_b and digits_only and not _is_digit(key_b[q])):
            if q < end_b:
                q += 1
                continue
            if rest_b[u]:
                q, end_b = np.int64(starts_b[u]), token_end(key_b, starts_b, u)
            u += 1
        if p == end_a or q == end_b:
            return p == end_a and q == end_b
        if key_a[p] != key_b[q]:
            return False
        p += 1
        q += 1


@kernel
def _drop_numbers(key, starts, rest, start, end, drop):  # type: ignore[no-untyped-def]
    """Return how many words with a digit are left, and take them out if so told."""
    n_numbers = 0
    for t in range(start, end):
        if rest[t] and _look_at(key, np.int64(starts[t]), token_end(key, starts, t))[2]:
            n_numbers += 1
            rest[t] = not drop
    return n_numbers


@kernel
def _cancel_spellings(key_a, starts_a, rest_a, a1, a2, key_b, starts_b, rest_b, b1, b2):  # type: ignore[no-untyped-def]
    """Take words of a and b in two spellings out of `rest_a` and `rest_b`."""
    for t in range(a1, a2):
        if not rest_a[t]:
            continue
        start, end = np.int64(starts_a[t]), token_end(key_a, starts_a, t)
        # A word with the same first letter is the likelier one; a digit may be one side's letter.
        any_first = _is_digit(key_a[start])
        gone = False
        for turn in range(1 if any_first else 2):
            for u in range(b1, b2):
                if not rest_b[u]:
                    continue
                begin = np.int64(starts_b[u])
                if not any_first and _is_digit(key_b[begin]) != (turn == 1):
                    continue
                if is_one_word(key_a, start, end, key_b, begin, token_end(key_b, starts_b, u)):
                    rest_a[t] = rest_b[u] = False
                    gone = True
                    break
            if gone:
                break


@kernel
def _settle(row, rest_a, key_a, starts_a, a1, a2, rest_b, key_b, starts_b, b1, b2):  # type: ignore[no-untyped-def]
    """Take from both sides of a gap what is one word in two spellings; False if more than letters count."""
    n_a, n_b = np.int64(row[N_OWN_A]), np.int64(row[N_OWN_B])
    if n_a == 0 or n_b == 0:
        return True
    alone = n_a == 1 and n_b == 1
    if not alone and min(n_a, n_b) > REWORDED_TOKENS:
        return True
    if (row[MEANS_A] | row[MEANS_B]) & VALUE and row[MEANS_A] & _VALUES and row[MEANS_B] & _VALUES:
        return False
    letters = np.zeros(2, np.bool_)
    for side in range(2):
        rest = rest_a if side == 0 else rest_b
        key = key_a if side == 0 else key_b
        starts = starts_a if side == 0 else starts_b
        letters[side] = True
        for t in range(a1 if side == 0 else b1, a2 if side == 0 else b2):
            if rest[t]:
                plain, only_letters, _ = _look_at(key, np.int64(starts[t]), token_end(key, starts, t))
                if not plain:
                    return False
                letters[side] = letters[side] and only_letters
    if not alone:
        if _joined_equal(key_a, starts_a, rest_a, a1, a2, key_b, starts_b, rest_b, b1, b2, _ALL):
            rest_a[a1:a2] = False
            rest_b[b1:b2] = False
            return True
        if row[MEANS_A] & (WEEKDAY | MONTH) and row[MEANS_B] & (WEEKDAY | MONTH):
            return False
        if not letters[0] and not letters[1]:
            # "4.2" and "4 2"; as many numbers on either side are not cut apart: 1.5 is not 15.
            numbers_a = _drop_numbers(key_a, starts_a, rest_a, a1, a2, _ALL)
            numbers_b = _drop_numbers(key_b, starts_b, rest_b, b1, b2, _ALL)
            if numbers_a > 0 and numbers_b > 0 and numbers_a != numbers_b and _joined_equal(
                key_a, starts_a, rest_a, a1, a2, key_b, starts_b, rest_b, b1, b2, _DIGITS
            ):  # fmt: skip
                n_a -= _drop_numbers(key_a, starts_a, rest_a, a1, a2, _DIGITS)
                n_b -= _drop_numbers(key_b, starts_b, rest_b, b1, b2, _DIGITS)
        if n_a * n_b > VARIANT_PAIRS:
            return True
    _cancel_spellings(key_a, starts_a, rest_a, a1, a2, key_b, starts_b, rest_b, b1, b2)
    return True


@kernel
def _settle_gap(
    gap, key_a, starts_a, marks_a, facts_a, classes_a, rest_a, key_b, starts_b, marks_b, facts_b, classes_b,
    rest_b, row,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Fill the row of a gap, and mark what is left of either side."""
    for side in range(2):
        marks = marks_a if side == 0 else marks_b
        facts = facts_a if side == 0 else facts_b
        classes = classes_a if side == 0 else classes_b
        rest = rest_a if side == 0 else rest_b
        n_own = 0
        own = 0
        framed = 0
        for t in range(gap[2 * side], gap[2 * side + 1]):
            mark = marks[t]
            fact = np.int64(facts[t])
            if classes[t] & CLASS_CAPITAL:
                fact |= CAPITAL
            rest[t] = mark == OWN or mark == LACKED
            if rest[t]:
                n_own += 1
                own |= fact
            elif mark == FRAMED:
                framed |= fact
        row[N_OWN_A + side] = n_own
        row[MEANS_A + side] = own
        row[ALL_MEANS_A + side] = own | framed
    a1, a2, b1, b2 = np.int64(gap[0]), np.int64(gap[1]), np.int64(gap[2]), np.int64(gap[3])
    row[SETTLED] = _settle(row, rest_a, key_a, starts_a, a1, a2, rest_b, key_b, starts_b, b1, b2)


@kernel
def settle_pairs(
    pairs, left, right, key, key_offsets, offsets, starts, facts, classes, marks_at, marks, gaps_at, gaps,
    longest, most, damaged, rest, rows, unsettled,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Fill a row (int32, n_gaps × N_COLUMNS) for each gap of some pairs, and mark what is left of each side.

    Parameters
    ----------
    pairs : int64
        Places in `left` and `right` (int64), which number documents.
    key, key_offsets, offsets, starts, facts, classes
        As in `dedup.verify.Tokens`.
    marks_at, marks, gaps_at, gaps
        As `dedup.kernels.gaps.survey_pairs` fills them.
    longest, most : float64 (n_pairs), float64 (n_pairs × 2)
        Where both texts have more than this of their own, what follows is not looked at.
    damaged : bool
        Whether all gaps with two sides need a closer look.
    rest : bool
        One per mark: own, and not cancelled by a word of the other side. Where a gap is not settled, all own
        tokens are left: numbers in words, days and scripts other than Latin need a closer look.
    unsettled : int32 (n_gaps, 2)
        Filled with the pair's place in `pairs` and the gap, for all gaps that need a closer look.

    Returns
    -------
    int
        How many those are.
    """
    n_unsettled = 0
    own = np.zeros(2, np.int64)
    passage = np.zeros(2, np.int64)
    for k in range(pairs.shape[0]):
        p = pairs[k]
        a, b = left[p], right[p]
        begin_a, end_a, begin_b, end_b = offsets[a], offsets[a + 1], offsets[b], offsets[b + 1]
        place, middle = marks_at[p], marks_at[p] + end_a - begin_a
        marks_a, marks_b = marks[place:middle], marks[middle : marks_at[p + 1]]
        rest_a, rest_b = rest[place:middle], rest[middle : marks_at[p + 1]]
        key_a, key_b = key[key_offsets[a] : key_offsets[a + 1]], key[key_offsets[b] : key_offsets[b + 1]]
        starts_a, starts_b = starts[begin_a:end_a], starts[begin_b:end_b]
        facts_a, facts_b = facts[begin_a:end_a], facts[begin_b:end_b]
        classes_a, classes_b = classes[begin_a:end_a], classes[begin_b:end_b]
        own[:] = 0
        passage[:] = 0
        for g in range(gaps_at[p], gaps_at[p + 1]):
            row = rows[g]
            _settle_gap(
                gaps[g], key_a, starts_a, marks_a, facts_a, classes_a, rest_a, key_b, starts_b, marks_b,
                facts_b, classes_b, rest_b, row,
            )  # fmt: skip
            if not row[SETTLED] or (damaged and row[N_OWN_A] and row[N_OWN_B]):
                # What will be left of it is not known yet.
                unsettled[n_unsettled, 0], unsettled[n_unsettled, 1] = k, g
                n_unsettled += 1
                continue
            for side in range(2):
                some = rest_a if side == 0 else rest_b
                n_left = 0
                for t in range(gaps[g, 2 * side], gaps[g, 2 * side + 1]):
                    n_left += some[t]
                own[side] += n_left
                passage[side] = max(passage[side], n_left)
            if (passage[0] > longest[k] or own[0] > most[k, 0]) and (
                passage[1] > longest[k] or own[1] > most[k, 1]
            ):
                break
    return n_unsettled
