"""What is left of two texts' gaps, summed up: passages, clauses, numbers and names of either's own."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel
from dedup.kernels.equals import ALL_MEANS_A, ALL_MEANS_B, MEANS_A, MEANS_B, N_OWN_A, N_OWN_B, token_end
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

# Places in `sums`: those of one side, and then those of the other. Own tokens, the longest passage of them
# and the longest clause; numbers, names and added names; tokens of furniture, those near the top, those in
# passages of a sentence's length; words that announce a correction.
OWN, LONGEST, CLAUSE, NUMBERS, NAMES, ADDED, FOREIGN, LEAD, PROSE, CORRECTIONS, N_SIDE = range(11)
# Beside them: names that stand against names.
SWAPPED = 2 * N_SIDE
N_SUMS = SWAPPED + 1
# What a gap's words are needed for: stages, names where capitals tell none, and facts, not summed up then.
FOR_STAGES, FOR_REPLACED, FOR_FACTS = 1, 2, 4

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
# Places in what `_look_at_facts` tells.
_LACKING, _KNOWN, _NAMES, _ADDED, _CORRECTIONS, _CAPITALS, _UNCLEAR, _N_TOLD = range(8)


@kernel
def _stands_among(value, some):  # type: ignore[no-untyped-def]
    for k in range(some.shape[0]):  # noqa: SIM110 - Numba has no any()
        if some[k] == value:
            return True
    return False


@kernel
def _beside_shared(classes, rest, start, end, p):  # type: ignore[no-untyped-def]
    """Tell what `dedup.verify.names.beside_shared` tells."""
    for turn in range(2):
        step = 1 - 2 * turn
        q = p + step
        while start <= q < end and rest[q] and classes[q] & CLASS_CAPITAL:
            q += step
        if 0 <= q < classes.shape[0] and not (start <= q < end and rest[q]) and classes[q] & CLASS_CAPITAL:
            return True
    return False


@kernel
def _look_at_facts(
    start, end, key, starts, hashes, facts, classes, cased, marks, rest, title, other_title, told
):  # type: ignore[no-untyped-def]
    """Count the facts on one side of a gap; UNCLEAR are numbers that only words can tell from a list's."""
    told[:] = 0
    n = classes.shape[0]
    for p in range(start, end):
        if not rest[p]:
            continue
        kind, fact = classes[p], facts[p]
        lacked = marks[p] == LACKED
        capital = kind & CLASS_CAPITAL != 0
        if capital and not kind & (CLASS_NUMBER | CLASS_SENTENCE) and not fact & NO_NAME:
            told[_CAPITALS] += 1
        if fact & NUMBER:
            if p + 1 < n:
                numbers_list = kind & CLASS_SENTENCE and kind & CLASS_LINE and classes[p + 1] & CLASS_CAPITAL
                near_top = p < STAMP_TOKENS and n >= STAMPED_TOKENS
                beside = (facts[p + 1] & MONTH) | (facts[p - 1] & MONTH if p > 0 else 0)
                told[_UNCLEAR] += numbers_list or (near_top and beside != 0)
            told[_LACKING if lacked else _KNOWN] += 1
        elif lacked:
            named = capital and cased and not kind & CLASS_NUMBER and not fact & NO_NAME
            if named:
                # A letter is no name.
                begin = np.int64(starts[p])
                n_letters = 0
                for at in range(begin, token_end(key, starts, p)):
                    n_letters += key[at] & 0xC0 != 0x80
                named = n_letters > 1
            if named:
                if kind & CLASS_SENTENCE:
                    # Only the headline can tell: a name is in the one and not in the other's.
                    named = other_title.shape[0] > 0 and _stands_among(hashes[p], title)
                    named = named and not _stands_among(hashes[p], other_title)
                elif kind & CLASS_UPPER and 0 < p < n - 1:
                    # Three capitalised words in a row are a headline in capitals.
                    named = not (classes[p - 1] & CLASS_UPPER and classes[p + 1] & CLASS_UPPER)
            if named:
                told[_NAMES] += 1
                told[_ADDED] += _beside_shared(classes, rest, start, end, p)
            else:
                told[_CORRECTIONS] += fact & CORRECTION != 0


@kernel
def sum_pairs(
    pairs, left, right, key, key_offsets, offsets, starts, hashes, facts, classes, cased, titles, titles_at,
    marks_at, marks, rest, gaps_at, gaps, rows, longest, most, one_source, sums, words,
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
    sums : int64 (n_pairs, N_SUMS), zeroed
    words : int32 (n_gaps, 3)
        Filled with the pair's place in `pairs`, the gap, and what its words are needed for.

    Returns
    -------
    int
        How many those are.
    """
    n_words = 0
    told_a, told_b = np.zeros(_N_TOLD, np.int64), np.zeros(_N_TOLD, np.int64)
    n_left = np.zeros(2, np.int64)
    for k in range(pairs.shape[0]):
        p = pairs[k]
        a, b = left[p], right[p]
        begin_a, end_a, begin_b, end_b = offsets[a], offsets[a + 1], offsets[b], offsets[b + 1]
        n_a, n_b = end_a - begin_a, end_b - begin_b
        place, middle = marks_at[p], marks_at[p] + n_a
        marks_a, marks_b = marks[place:middle], marks[middle : marks_at[p + 1]]
        rest_a, rest_b = rest[place:middle], rest[middle : marks_at[p + 1]]
        facts_a, facts_b = facts[begin_a:end_a], facts[begin_b:end_b]
        classes_a, classes_b = classes[begin_a:end_a], classes[begin_b:end_b]
        title_a, title_b = titles[titles_at[a] : titles_at[a + 1]], titles[titles_at[b] : titles_at[b + 1]]
        of = sums[k]
        for g in range(gaps_at[p], gaps_at[p + 1]):
            row = rows[g]
            a1, a2 = np.int64(gaps[g, 0]), np.int64(gaps[g, 1])
            b1, b2 = np.int64(gaps[g, 2]), np.int64(gaps[g, 3])
            needed = 0
            two_sides = row[ALL_MEANS_A] and row[ALL_MEANS_B]
            # A headline that only one text has says nothing of the other's stage.
            if min(a1, b1) < LEAD_TOKENS and (row[N_OWN_A] or row[N_OWN_B] or two_sides):
                stages = row[ALL_MEANS_A] & row[ALL_MEANS_B] & STAGE
                if stages or (row[ALL_MEANS_A] | row[ALL_MEANS_B]) & BODY:
                    needed |= FOR_STAGES
            # At the very ends stand remains of furniture.
            inside = a1 + b1 > 0 and (a2 < n_a or b2 < n_b)
            for side in range(2):
                some = rest_a if side == 0 else rest_b
                n_left[side] = 0
                for t in range(a1 if side == 0 else b1, a2 if side == 0 else b2):
                    n_left[side] += some[t]
            for side in range(2):
                n = n_left[side]
                if n == 0:
                    continue
                some = rest_a if side == 0 else rest_b
                kinds = classes_a if side == 0 else classes_b
                marked = marks_a if side == 0 else marks_b
                lead = 0
                new = 0
                small = 0
                for t in range(a1 if side == 0 else b1, a2 if side == 0 else b2):
                    if some[t]:
                        lead += t < LEAD_TOKENS
                        new += marked[t] == LACKED
                        small += not kinds[t] & (CLASS_CAPITAL | CLASS_NUMBER)
                first = side * N_SIDE
                of[first + OWN] += n
                of[first + LONGEST] = max(of[first + LONGEST], n)
                of[first + LEAD] += lead
                if inside and n_left[1 - side] * CLAUSE_SHARE <= n:
                    of[first + CLAUSE] = max(of[first + CLAUSE], new)
                if n > LONG_PASSAGE:
                    of[first + PROSE] += n
                elif n >= SENTENCE_TOKENS:
                    head = cased[a if side == 0 else b] and small <= HEAD_SMALL_LETTERS * n
                    of[first + (FOREIGN if head else PROSE)] += n
            few, many = min(n_left[0], n_left[1]), max(n_left[0], n_left[1])
            if few > 0 and not (cased[a] or cased[b]) and max(a2 - a1, b2 - b1) <= NAME_TOKENS:
                needed |= FOR_REPLACED
            if many > 0 and (row[MEANS_A] | row[MEANS_B]) & _MATTERS:
                told_a[:] = 0
                told_b[:] = 0
                # A longer passage that stands where a few words did was put in, not exchanged for them.
                exchanged = few > 0 and many <= REWORDED and many <= 3 * few + 5
                for side in range(2):
                    if n_left[side] > LONG_PASSAGE:
                        continue
                    d = a if side == 0 else b
                    _look_at_facts(
                        a1 if side == 0 else b1, a2 if side == 0 else b2,
                        key[key_offsets[d] : key_offsets[d + 1]], starts[offsets[d] : offsets[d + 1]],
                        hashes[offsets[d] : offsets[d + 1]], facts_a if side == 0 else facts_b,
                        classes_a if side == 0 else classes_b, cased[d], marks_a if side == 0 else marks_b,
                        rest_a if side == 0 else rest_b, title_a if side == 0 else title_b,
                        title_b if side == 0 else title_a, told_a if side == 0 else told_b,
                    )  # fmt: skip
                lack_a, lack_b = told_a[_LACKING], told_b[_LACKING]
                swapped = lack_a + told_a[_KNOWN] > 0 and lack_b + told_b[_KNOWN] > 0
                calendar = row[MEANS_A] & _CALENDAR and row[MEANS_B] & _CALENDAR
                subjects = one_source[k] and told_a[_CAPITALS] > 0 and told_b[_CAPITALS] > 0
                if (
                    told_a[_UNCLEAR] + told_b[_UNCLEAR] > 0
                    or (lack_a > 0 and lack_b > 0)
                    or (exchanged and (swapped or calendar or subjects))
                ):
                    needed |= FOR_FACTS
                else:
                    both = told_a[_NAMES] > 0 and told_b[_NAMES] > 0
                    if exchanged:
                        of[SWAPPED] += min(told_a[_NAMES], told_b[_NAMES])
                    for side in range(2):
                        told = told_a if side == 0 else told_b
                        added = 0 if both else told[_ADDED]
                        of[side * N_SIDE + NUMBERS] += told[_LACKING]
                        of[side * N_SIDE + NAMES] += told[_NAMES] - added
                        of[side * N_SIDE + ADDED] += added
                        of[side * N_SIDE + CORRECTIONS] += told[_CORRECTIONS]
            if needed:
                words[n_words, 0], words[n_words, 1], words[n_words, 2] = k, g, needed
                n_words += 1
            if (of[LONGEST] > longest[k] or of[OWN] > most[k, 0]) and (
                of[N_SIDE + LONGEST] > longest[k] or of[N_SIDE + OWN] > most[k, 1]
            ):
                break
    return n_words
