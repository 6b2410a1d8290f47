"""What is left of two texts' gaps, summed up: passages, clauses, numbers and names of either's own."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel
from dedup.kernels.equals import ALL_MEANS_A, ALL_MEANS_B, MEANS_A, MEANS_B, N_OWN_A, N_OWN_B
from dedup.kernels.facts import (
    BODY,
    CAPITAL,
    CLASS_CAPITAL,
    CLASS_LINE,
    CLASS_NUMBER,
    CLASS_SENTENCE,
    CLASS_UPPER,
    CORRECTION,
    LACKED,
    MONTH,
    NO_NAME,
    NUMBER,
    STAGE,
    WEEKDAY,
)

# Places in `sums`: own tokens, the longest passage of them and the longest clause; numbers, names and added
# names; tokens of furniture, those near the top, those in passages of a sentence's length; words that
# announce a correction.
OWN, LONGEST, CLAUSE, NUMBERS, NAMES, ADDED, FOREIGN, LEAD, PROSE, CORRECTIONS, N_SUMS = range(11)
# What a gap's words are needed for: stages, names where capitals tell none, facts, not summed up then, and
# names against names.
FOR_STAGES, FOR_REPLACED, FOR_FACTS, FOR_SUBJECTS = 1, 2, 4, 8

# A gap up to here is a rewording in place, and facts on its two sides were exchanged for each other;
# beyond it one passage stands where another did, and nothing follows from their facts.
REWORDED = 20
# A clause has at least so many times the tokens that stand in its place in the other text.
CLAUSE_SHARE = 3
# The lead says what happened: so many tokens from the top.
LEAD_TOKENS = 80
# A passage this long objects by its length alone: its facts add nothing.
LONG_PASSAGE = 60
# A passage of so many tokens is a sentence, or, with hardly a small letter, a headline or a contact. Fewer
# tokens are a wording.
SENTENCE_TOKENS = 10
HEAD_SMALL_LETTERS = 0.25
# A name written in characters or a word of a script without capitals.
NAME_TOKENS = 6
# A date stamp stands among so many first tokens of a text of so many.
STAMP_TOKENS = 60
STAMPED_TOKENS = 120
# Gaps without any of these hold words only.
_MATTERS = NUMBER | CAPITAL | CORRECTION
_CALENDAR = WEEKDAY | MONTH
_PRIME = np.uint64(0xD6E8FEB86659FD93)
_U29 = np.uint64(29)
_TOP = np.int64(0)
# Places in what `_look_at_facts` tells.
_LACKING, _KNOWN, _NAMES, _ADDED, _CORRECTIONS, _CAPITALS, _UNCLEAR, _N_TOLD = range(8)


@kernel
def _stands_among(value, some, start, end):  # type: ignore[no-untyped-def]
    for k in range(start, end):  # noqa: SIM110 - Numba has no any()
        if some[k] == value:
            return True
    return False


@kernel
def _beside_shared(classes, begin, n, rest, place, start, end, p):  # type: ignore[no-untyped-def]
    """Tell what `dedup.verify.names.beside_shared` tells."""
    for turn in range(2):
        step = 1 - 2 * turn
        q = p + step
        while start <= q < end and rest[place + q] and classes[begin + q] & CLASS_CAPITAL:
            q += step
        if 0 <= q < n and not (start <= q < end and rest[place + q]) and classes[begin + q] & CLASS_CAPITAL:
            return True
    return False


@kernel
def _is_one_letter(key, start):  # type: ignore[no-untyped-def]
    """Tell whether the token that begins here is one character."""
    start += 1
    while start < key.shape[0] and key[start] & 0xC0 == 0x80:
        start += 1
    return start == key.shape[0] or key[start] == 32


@kernel
def _look_at_facts(
    start, end, key, key_begin, key_end, starts, hashes, facts, classes, begin, n, cased, marks, rest, place,
    titles, title, title_end, other, other_end, told,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Count the facts in `start:end` of a document of `n` tokens; it begins at `begin`, its marks at `place`.

    Those called UNCLEAR are numbers that may be a list's or a date stamp's: only words tell.
    """
    told[:] = 0
    for p in range(start, end):
        if not rest[place + p]:
            continue
        kind, fact = classes[begin + p], facts[begin + p]
        lacked = marks[place + p] == LACKED
        capital = kind & CLASS_CAPITAL != 0
        if capital and not kind & (CLASS_NUMBER | CLASS_SENTENCE) and not fact & NO_NAME:
            told[_CAPITALS] += 1
        if fact & NUMBER:
            told[_LACKING if lacked else _KNOWN] += 1
            if p + 1 < n:
                if kind & CLASS_SENTENCE and kind & CLASS_LINE and classes[begin + p + 1] & CLASS_CAPITAL:
                    told[_UNCLEAR] += 1
                if p < STAMP_TOKENS and n >= STAMPED_TOKENS:
                    for q in range(max(p - 1, 0), p + 2):
                        told[_UNCLEAR] += facts[begin + q] & MONTH != 0
        elif lacked:
            named = capital and cased and not kind & CLASS_NUMBER and not fact & NO_NAME
            if named and kind & CLASS_SENTENCE:
                # Only the headline can tell: a name is in the one and not in the other's.
                value = hashes[begin + p]
                named = other < other_end and _stands_among(value, titles, title, title_end)
                named = named and not _stands_among(value, titles, other, other_end)
            elif named and kind & CLASS_UPPER and 0 < p < n - 1:
                # Three capitalised words in a row are a headline in capitals.
                named = not classes[begin + p - 1] & classes[begin + p + 1] & CLASS_UPPER
            if named and not _is_one_letter(key[key_begin:key_end], np.int64(starts[begin + p])):
                told[_NAMES] += 1
                told[_ADDED] += _beside_shared(classes, begin, n, rest, place, start, end, p)
            else:
                told[_CORRECTIONS] += fact & CORRECTION != 0


@kernel
def _hash_gap(hashes, begin_a, begin_b, gap):  # type: ignore[no-untyped-def]
    """Return one number for all that stands on both sides of a gap."""
    value = np.uint64(gap[1] - gap[0])
    for t in range(begin_a + gap[0], begin_a + gap[1]):
        value = (value ^ hashes[t]) * _PRIME
        value ^= value >> _U29
    for t in range(begin_b + gap[2], begin_b + gap[3]):
        value = (value ^ hashes[t]) * _PRIME
        value ^= value >> _U29
    return value


@kernel
def _count_tokens(start, end, n, other, inside, marks, rest, place, classes, begin, cased, of):  # type: ignore[no-untyped-def]
    """Add the `n` tokens that are left of one side of a gap; the other side has `other`."""
    lead = 0
    new = 0
    small = 0
    for t in range(start, end):
        if rest[place + t]:
            lead += t < LEAD_TOKENS
            new += marks[place + t] == LACKED
            small += not classes[begin + t] & (CLASS_CAPITAL | CLASS_NUMBER)
    of[OWN] += n
    of[LONGEST] = max(of[LONGEST], n)
    of[LEAD] += lead
    if inside and other * CLAUSE_SHARE <= n:
        of[CLAUSE] = max(of[CLAUSE], new)
    if n > LONG_PASSAGE:
        of[PROSE] += n
    elif n >= SENTENCE_TOKENS:
        of[FOREIGN if cased and small <= HEAD_SMALL_LETTERS * n else PROSE] += n


@kernel
def sum_pairs(
    pairs, left, right, key, key_offsets, offsets, starts, hashes, facts, classes, cased, titles, titles_at,
    marks_at, marks, rest, gaps_at, gaps, rows, longest, most, one_source, sums, swapped, words,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Sum up what is left of the gaps of some pairs, and list those gaps whose words are needed.

    Parameters
    ----------
    pairs, …, classes, marks_at, marks, rest, gaps_at, gaps, rows, longest, most
        As in `dedup.kernels.equals.settle_pairs`, which filled `rest` and `rows`.
    cased : bool (n_documents,)
        Whether a capital means something.
    titles, titles_at : uint64, int64 (n_documents + 1,)
        Hashes of the words of the documents' titles.
    one_source : bool (n_pairs,)
        Whether both texts come from one source: what either names then counts too.
    sums : int64 (n_pairs × 2, N_SUMS), zeroed
        A row for each text.
    swapped : int64 (n_pairs,), zeroed
        Names that stand against names.
    words : int32 (n_gaps, 3)
        Filled with the pair's place in `pairs`, the gap, and what its words are needed for.

    Returns
    -------
    int
        How many those are.
    """
    n_words = 0
    # One row per side: each array of its own is compiled for itself.
    all_told = np.zeros((2, _N_TOLD), np.int64)
    documents, places, n_left = np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
    seen = np.empty(rows.shape[0], np.uint64)
    for k in range(pairs.shape[0]):
        p = pairs[k]
        documents[0], documents[1] = left[p], right[p]
        n_a = offsets[left[p] + 1] - offsets[left[p]]
        n_b = offsets[right[p] + 1] - offsets[right[p]]
        places[0], places[1] = marks_at[p], marks_at[p] + n_a
        of_a, of_b = sums[2 * k], sums[2 * k + 1]
        replaced = False
        n_seen = _TOP
        for g in range(gaps_at[p], gaps_at[p + 1]):
            row, gap = rows[g], gaps[g]
            needed = 0
            # A headline that only one text has says nothing of the other's stage.
            said = row[N_OWN_A] or row[N_OWN_B] or (row[ALL_MEANS_A] and row[ALL_MEANS_B])
            if said and min(gap[0], gap[2]) < LEAD_TOKENS:
                stages = row[ALL_MEANS_A] & row[ALL_MEANS_B] & STAGE
                if stages or (row[ALL_MEANS_A] | row[ALL_MEANS_B]) & BODY:
                    needed |= FOR_STAGES
            for side in range(2):
                n_left[side] = 0
                for t in range(places[side] + gap[2 * side], places[side] + gap[2 * side + 1]):
                    n_left[side] += rest[t]
            few, many = min(n_left[0], n_left[1]), max(n_left[0], n_left[1])
            told_apart = cased[documents[0]] or cased[documents[1]]
            if few > 0 and not told_apart and max(gap[1] - gap[0], gap[3] - gap[2]) <= NAME_TOKENS:
                # What one text calls otherwise again and again may be a name.
                seen[n_seen] = _hash_gap(hashes, offsets[documents[0]], offsets[documents[1]], gap)
                if not replaced and _stands_among(seen[n_seen], seen, _TOP, n_seen):
                    replaced = True
                    needed |= FOR_REPLACED
                n_seen += 1
            # At the very ends stand remains of furniture.
            inside = gap[0] + gap[2] > 0 and (gap[1] < n_a or gap[3] < n_b)
            facts_count = many > 0 and (row[MEANS_A] | row[MEANS_B]) & _MATTERS != 0
            for side in range(2):
                d = documents[side]
                o = documents[1 - side]
                start, end = np.int64(gap[2 * side]), np.int64(gap[2 * side + 1])
                n = n_left[side]
                told = all_told[side]
                told[:] = 0
                if n > 0:
                    _count_tokens(
                        start, end, n, n_left[1 - side], inside, marks, rest, places[side], classes,
                        offsets[d], cased[d], sums[2 * k + side],
                    )  # fmt: skip
                if facts_count and 0 < n <= LONG_PASSAGE:
                    _look_at_facts(
                        start, end, key, key_offsets[d], key_offsets[d + 1], starts, hashes, facts, classes,
                        offsets[d], offsets[d + 1] - offsets[d], cased[d], marks, rest, places[side], titles,
                        titles_at[d], titles_at[d + 1], titles_at[o], titles_at[o + 1], told,
                    )  # fmt: skip
            if facts_count:
                told_a, told_b = all_told[0], all_told[1]
                # A longer passage that stands where a few words did was put in, not exchanged for them.
                exchanged = few > 0 and many <= REWORDED and many <= 3 * few + 5
                lack_a, lack_b = told_a[_LACKING], told_b[_LACKING]
                numbers = lack_a + told_a[_KNOWN] > 0 and lack_b + told_b[_KNOWN] > 0
                calendar = row[MEANS_A] & _CALENDAR and row[MEANS_B] & _CALENDAR
                if exchanged and one_source[k] and told_a[_CAPITALS] > 0 and told_b[_CAPITALS] > 0:
                    needed |= FOR_SUBJECTS
                unclear = told_a[_UNCLEAR] + told_b[_UNCLEAR] > 0 or (lack_a > 0 and lack_b > 0)
                if unclear or (exchanged and (numbers or calendar)):
                    needed |= FOR_FACTS
                else:
                    names = min(told_a[_NAMES], told_b[_NAMES])
                    if exchanged:
                        swapped[k] += names
                    for side in range(2):
                        told, of = all_told[side], sums[2 * k + side]
                        added = 0 if names > 0 else told[_ADDED]
                        of[NUMBERS] += told[_LACKING]
                        of[NAMES] += told[_NAMES] - added
                        of[ADDED] += added
                        of[CORRECTIONS] += told[_CORRECTIONS]
            if needed:
                words[n_words, 0], words[n_words, 1], words[n_words, 2] = k, g, needed
                n_words += 1
            if (of_a[LONGEST] > longest[k] or of_a[OWN] > most[k, 0]) and (
                of_b[LONGEST] > longest[k] or of_b[OWN] > most[k, 1]
            ):
                break
    return n_words
