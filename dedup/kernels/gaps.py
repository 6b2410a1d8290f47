"""What stands between the equal runs of two aligned texts: own tokens, moved passages, exchanged facts."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel

# Bits of what a token means.
NUMBER, SCALE, WEEKDAY, MONTH, NO_NAME, CORRECTION, STAGE, BODY, NOUNS, PLAIN, ADDRESS = (
    1 << n for n in range(11)
)
# Marks of a token: matched in place, of its text alone, found elsewhere in the other text, said in
# another form in the same gap, in a house line, in furniture; and of its text alone and a number or a
# word that the other text has nowhere.
MATCHED, OWN, MOVED, CANCELLED, HOUSE, FRAMED, LACKED = range(7)
# Places in `counts`. Those of the second text follow those of the first.
(
    RUNS, COMMON, OWN_A, OWN_B, MOVED_A, MOVED_B, FOREIGN_A, FOREIGN_B, LONGEST_A, LONGEST_B, SECOND_A, SECOND_B,
    NUMBERS_SWAPPED, NAMES_SWAPPED, CERTAIN, CERTAIN_A, CERTAIN_B, LEAST_A, LEAST_B, LEAST_LONGEST_A,
    LEAST_LONGEST_B, LEAST_NUMBERS_A, LEAST_NUMBERS_B, N_COUNTS,
) = range(24)  # fmt: skip

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
# The edge of a text is what comes before the first, or after the last, equal run of so many tokens of
# prose: a headline that both have is no prose, and the dateline below it still an edge.
_SOLID_RUN = 8
# An edge is a frame up to so many tokens, and up to this part of the text: longer ones have something to say.
_FRAME_TOKENS = 60
_FRAME_PART = 5
# Prose has more than this share of words in small letters; headlines, datelines and contacts have fewer.
_SMALL_LETTERS = 0.55
# With fewer still, headlines and contacts may take twice the space; with more numbers it is a table.
_FEW_SMALL_LETTERS = 0.25
_FRAME_NUMBERS = 0.5
# Where capitals tell nothing, only a dateline's length counts as frame.
_CASELESS_FRAME_TOKENS = 12
# Lists of links: lines of up to so many tokens, each begun with a capital, that end no sentence.
_LINK_TOKENS = 16
_LINK_LINES = 3
_LINK_NUMBERS = 0.2
# In a shorter text, and beside more than this part of one, what is exchanged at an edge is the message:
# the town of a notice, the day of a table.
_FRAMED_TOKENS = 120
_FRAMED_PART = 12
# A web address goes on for so many tokens at most, until a capital or a sentence begins.
_ADDRESS_TOKENS = 12
# A text up to so long is a notice, and its first word may be its subject.
_NOTICE_TOKENS = 100
# A dateline with agency and date: "WASHINGTON, D.C., Tuesday, May 16th, 2006 - U.S. Senators" stands near the top.
_LEAD_TOKENS = 80
_DATELINE_LEAST, _DATELINE_MOST = 3, 12


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
    """Fill `hashes`, `folded` (uint64) and `facts` (uint16) with one value per token.

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
                if marks[k] == OWN:
                    marks[k] = MOVED
            at = stop
        else:
            at += 1


@kernel
def _small_letters(classes, start, end):  # type: ignore[no-untyped-def]
    small = 0
    for t in range(start, end):
        if not classes[t] & (_CLASS_CAPITAL | _CLASS_NUMBER):
            small += 1
    return small


@kernel
def _sentence_start(classes, place, step):  # type: ignore[no-untyped-def]
    """Return the nearest start of a sentence or line from `place` on, backwards or forwards."""
    n = classes.shape[0]
    while 0 < place < n:
        kind = classes[place]
        # A line that goes on in small letters is wrapped prose.
        if kind & _CLASS_SENTENCE or (kind & _CLASS_LINE and kind & (_CLASS_CAPITAL | _CLASS_NUMBER)):
            break
        place += step
    return place


@kernel
def is_link_list(classes, start, end, cased):  # type: ignore[no-untyped-def]
    """Tell whether an edge is a list of short lines without sentences: related links, menus, tags.

    Wrapped prose is none: most of its lines begin with a small letter.
    """
    if not cased or end - start > classes.shape[0] // 2 or not classes[start] & _CLASS_LINE:
        return False
    n_lines = 0
    n_capitals = 0
    n_numbers = 0
    n_sentences = 0
    length = 0
    for t in range(start, end):
        kind = classes[t]
        if kind & _CLASS_LINE:
            n_lines += 1
            length = 0
            if kind & (_CLASS_CAPITAL | _CLASS_NUMBER):
                n_capitals += 1
        length += 1
        if length > _LINK_TOKENS:
            return False
        if kind & _CLASS_SENTENCE:
            n_sentences += 1
        if kind & _CLASS_NUMBER:
            n_numbers += 1
    return (
        n_lines >= _LINK_LINES
        and n_sentences <= n_lines
        and n_capitals >= 0.9 * n_lines
        and n_numbers <= _LINK_NUMBERS * (end - start)
    )


@kernel
def is_frame(classes, start, end, cased):  # type: ignore[no-untyped-def]
    """Tell whether the tokens of an edge look like a headline, a dateline, a contact or links."""
    n = end - start
    if n <= 0:
        return False
    if not cased:
        return n <= min(_CASELESS_FRAME_TOKENS, classes.shape[0] // _FRAME_PART)
    small = _small_letters(classes, start, end)
    numbers = 0
    for t in range(start, end):
        numbers += classes[t] & _CLASS_NUMBER
    # A table has few small letters too, and it is no furniture.
    if numbers <= _FRAME_NUMBERS * n or n <= _DATELINE_MOST:
        if n <= min(_FRAME_TOKENS, classes.shape[0] // _FRAME_PART) and small <= _SMALL_LETTERS * n:
            return True
        if n <= min(2 * _FRAME_TOKENS, classes.shape[0] // _FRAME_PART) and small <= _FEW_SMALL_LETTERS * n:
            return True
    return is_link_list(classes, start, end, cased)


@kernel
def _find_frames(blocks, classes_a, cased_a, classes_b, cased_b, frames):  # type: ignore[no-untyped-def]
    """Fill `frames` with the begin and end of what is not furniture in a and in b."""
    n_a, n_b = classes_a.shape[0], classes_b.shape[0]
    frames[0], frames[1], frames[2], frames[3] = 0, n_a, 0, n_b
    first = -1
    last = -1
    for k in range(blocks.shape[0]):
        i, n = blocks[k, 0], blocks[k, 2]
        if n >= _SOLID_RUN and (not cased_a or _small_letters(classes_a, i, i + n) > _SMALL_LETTERS * n):
            if first < 0:
                first = k
            last = k
    if first < 0:
        return
    limit = min(_FRAME_TOKENS, min(n_a, n_b) // _FRAME_PART)
    # If both edges are long, the texts begin, or end, differently: that is no frame.
    if min(blocks[first, 0], blocks[first, 1]) <= limit:
        head_a = _sentence_start(classes_a, blocks[first, 0], -1)
        head_b = _sentence_start(classes_b, blocks[first, 1], -1)
        if is_frame(classes_a, 0, head_a, cased_a):
            frames[0] = head_a
        if is_frame(classes_b, 0, head_b, cased_b):
            frames[2] = head_b
    end_a, end_b = blocks[last, 0] + blocks[last, 2], blocks[last, 1] + blocks[last, 2]
    if min(n_a - end_a, n_b - end_b) <= limit:
        tail_a = _sentence_start(classes_a, end_a, 1)
        tail_b = _sentence_start(classes_b, end_b, 1)
        if is_frame(classes_a, tail_a, n_a, cased_a):
            frames[1] = tail_a
        if is_frame(classes_b, tail_b, n_b, cased_b):
            frames[3] = tail_b


@kernel
def _drop_dateline(start, end, n_own, classes, facts, marks):  # type: ignore[no-untyped-def]
    """Mark a date with its place and agency, no word of it in small letters, as furniture; return its length."""
    if n_own < _DATELINE_LEAST or n_own > _DATELINE_MOST or classes.shape[0] < _FRAMED_TOKENS:
        return 0
    dated = False
    for t in range(start, end):
        if marks[t] == OWN:
            if not classes[t] & (_CLASS_CAPITAL | _CLASS_NUMBER):
                return 0
            dated = dated or facts[t] & (MONTH | WEEKDAY) != 0
    if not dated:
        return 0
    for t in range(start, end):
        if marks[t] == OWN:
            marks[t] = FRAMED
    return n_own


@kernel
def _drop_addresses(start, end, classes, facts, marks):  # type: ignore[no-untyped-def]
    """Mark web addresses as furniture; return how many tokens they took."""
    gone = 0
    left = 0
    for t in range(start, end):
        if facts[t] & ADDRESS:
            left = _ADDRESS_TOKENS
        elif classes[t] & (_CLASS_CAPITAL | _CLASS_SENTENCE | _CLASS_LINE):
            left = 0
        if left > 0:
            left -= 1
            if marks[t] == OWN:
                marks[t] = FRAMED
                gone += 1
    return gone


@kernel
def _count_framed(start, end, begin, stop, at_end, classes, cased, marks, mark):  # type: ignore[no-untyped-def]
    """Return how many own tokens of a gap stand in frames, and mark them FRAMED if so told."""
    first = -1
    last = -1
    framed = 0
    for t in range(start, end):
        if marks[t] == OWN:
            if begin <= t < stop:
                if first < 0:
                    first = t
                last = t
            else:
                framed += 1
    # A headline or a contact that one text has before or after all else, in a text without line ends.
    if first >= 0 and at_end and classes.shape[0] >= _FRAMED_TOKENS and is_frame(classes, first, last + 1, cased):
        begin = stop = 0
        framed = 0
        for t in range(start, end):
            framed += marks[t] == OWN
    if mark:
        for t in range(start, end):
            if marks[t] == OWN and not begin <= t < stop:
                marks[t] = FRAMED
    return framed


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
    blocks, gaps, hashes_a, folded_a, facts_a, classes_a, cased_a, marks_a, hashes_b, folded_b, facts_b, classes_b,
    cased_b, marks_b, counts,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Mark the tokens of all gaps and fill `counts` (int64, N_COUNTS).

    `marks_a`, `marks_b` (uint8) come zeroed, or HOUSE where a token stands in
    a house line; `cased_a`, `cased_b` tell whether capitals mean something.
    The counts called CERTAIN and LEAST hold even if every word in doubt turns
    out to be a misspelling of the word it stands for.
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
    for k in range(blocks.shape[0]):
        counts[COMMON] += blocks[k, 2]
    for t in range(n_a):
        counts[FOREIGN_A] += marks_a[t] == HOUSE
    for t in range(n_b):
        counts[FOREIGN_B] += marks_b[t] == HOUSE
    frames = np.zeros(4, np.int64)
    _find_frames(blocks, classes_a, cased_a, classes_b, cased_b, frames)
    n_text = (n_a, n_b)
    shortest = min(n_a, n_b)
    own = np.zeros(2, np.int64)
    lacking = np.zeros(2, np.int64)
    sure = np.zeros(2, np.int64)
    sure_at = np.zeros(2, np.int64)
    digits = np.zeros(2, np.int64)
    given = np.zeros(2, np.int64)
    written = np.zeros(2, np.int64)
    numbers = np.zeros(2, np.int64)
    calendar = np.zeros(2, np.int64)
    certain = np.zeros(2, np.int64)
    names = np.zeros(2, np.int64)
    for g in range(gaps.shape[0]):
        a1, a2, b1, b2 = gaps[g, 0], gaps[g, 1], gaps[g, 2], gaps[g, 3]
        for side in range(2):
            start, end = (a1, a2) if side == 0 else (b1, b2)
            marks = marks_a if side == 0 else marks_b
            for t in range(start, end):
                if marks[t] != HOUSE:
                    marks[t] = OWN
            if end - start >= _MOVED_RUN:
                if side == 0:
                    _mark_moved(hashes_a, start, end, table_b, mask, marks_a)
                else:
                    _mark_moved(hashes_b, start, end, table_a, mask, marks_b)
            own[side] = 0
            for t in range(start, end):
                counts[MOVED_A + side] += marks[t] == MOVED
                own[side] += marks[t] == OWN
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
        for side in range(2):
            if side == 0:
                gone = _drop_addresses(a1, a2, classes_a, facts_a, marks_a)
            else:
                gone = _drop_addresses(b1, b2, classes_b, facts_b, marks_b)
            own[side] -= gone
            counts[FOREIGN_A + side] += gone
        if min(a1, b1) < _LEAD_TOKENS:
            for side in range(2):
                if side == 0:
                    gone = _drop_dateline(a1, a2, own[0], classes_a, facts_a, marks_a)
                else:
                    gone = _drop_dateline(b1, b2, own[1], classes_b, facts_b, marks_b)
                own[side] -= gone
                counts[FOREIGN_A + side] += gone
        end_a, end_b = a1 == 0 or a2 == n_a, b1 == 0 or b2 == n_b
        framed_a = _count_framed(a1, a2, frames[0], frames[1], end_a, classes_a, cased_a, marks_a, False)
        framed_b = _count_framed(b1, b2, frames[2], frames[3], end_b, classes_b, cased_b, marks_b, False)
        if framed_a > 0 or framed_b > 0:
            few, many = min(own[0], own[1]), max(own[0], own[1])
            least = min(framed_a, framed_b)
            # What is exchanged at the edge of a short text is its message.
            if not (few > 0 and many <= 3 * few + 5) or (
                least > 0 and shortest >= _FRAMED_TOKENS and shortest >= _FRAMED_PART * least
            ):
                _count_framed(a1, a2, frames[0], frames[1], end_a, classes_a, cased_a, marks_a, True)
                _count_framed(b1, b2, frames[2], frames[3], end_b, classes_b, cased_b, marks_b, True)
                own[0] -= framed_a
                own[1] -= framed_b
                counts[FOREIGN_A] += framed_a
                counts[FOREIGN_B] += framed_b
        scales = 0
        scale = _NONE
        stamp = False
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
            given[side] = 0
            written[side] = 0
            numbers[side] = 0
            calendar[side] = 0
            names[side] = 0
            if own[side] == 0:
                continue
            if start < _LEAD_TOKENS and n_text[side] >= _FRAMED_TOKENS:
                for t in range(max(0, start - 1), min(end + 1, n_text[side])):
                    if facts[t] & (MONTH | WEEKDAY):
                        stamp = True
            for t in range(start, end):
                if facts[t] & NUMBER:
                    digits[side] += 1
                if marks[t] != OWN:
                    continue
                if classes[t] & _CLASS_CAPITAL:
                    calendar[side] |= facts[t] & (MONTH | WEEKDAY)
                if facts[t] & NUMBER:
                    numbers[side] += 1
                    plain = not classes[t] & _CLASS_LINE and facts[t] & PLAIN
                    if plain:
                        given[side] += 1
                    if not _holds(table, mask, folded[t] * _U3 + _SALT):
                        marks[t] = LACKED
                        lacking[side] += 1
                        if plain:
                            if sure[side] == 0:
                                sure_at[side] = t
                            sure[side] += 1
                            written[side] += not classes[t] & _CLASS_NUMBER
                    unit = _U1
                    if t + 1 < n_text[side] and facts[t + 1] & SCALE:
                        unit = folded[t + 1]
                    if unit != scale:
                        scale = unit
                        scales += 1
                elif not _holds(table, mask, hashes[t]):
                    marks[t] = LACKED
                    kind = classes[t]
                    # A notice opens with its subject.
                    inside = not kind & _CLASS_SENTENCE or (t == 0 and n_text[side] < _NOTICE_TOKENS)
                    if kind & _CLASS_CAPITAL and inside and not facts[t] & NO_NAME:
                        upper = kind & _CLASS_UPPER and 0 < t < n_text[side] - 1
                        if not (upper and classes[t - 1] & _CLASS_UPPER and classes[t + 1] & _CLASS_UPPER):
                            names[side] += 1
            counts[OWN_A + side] += own[side]
            if own[side] > counts[LONGEST_A + side]:
                counts[SECOND_A + side] = counts[LONGEST_A + side]
                counts[LONGEST_A + side] = own[side]
            elif own[side] > counts[SECOND_A + side]:
                counts[SECOND_A + side] = own[side]
        few, many = min(own[0], own[1]), max(own[0], own[1])
        if few > 0 and many <= _REWORDED and many <= 3 * few + 5:
            # A number that stands elsewhere in the other text too may have changed its place only.
            if lacking[0] > 0 or lacking[1] > 0:
                counts[NUMBERS_SWAPPED] += min(numbers[0], numbers[1])
            counts[NUMBERS_SWAPPED] += calendar[0] & calendar[1] & MONTH != 0
            counts[NUMBERS_SWAPPED] += calendar[0] & calendar[1] & WEEKDAY != 0
            if cased_a and cased_b:
                counts[NAMES_SWAPPED] += min(names[0], names[1])
            # In doubt: one amount in two scales or in words, digits cut apart elsewhere, the day of a stamp.
            doubt = stamp or scales > 1 or digits[0] != digits[1] or written[0] > 0 or written[1] > 0
            if given[0] > 0 and given[1] > 0 and not doubt:
                for side in range(2):
                    if sure[side] > 0 and certain[side] == 0:
                        counts[CERTAIN_A + side] = sure_at[side]
                    certain[side] += sure[side]
        for side in range(2):
            other = own[1 - side]
            # What is left if every word of the other side is a misspelling of one of this side.
            least = own[side] - other if min(own[0], own[1]) <= _REWORDED_TOKENS else own[side]
            if least > 0:
                counts[LEAST_A + side] += least
                if least > counts[LEAST_LONGEST_A + side]:
                    counts[LEAST_LONGEST_A + side] = least
            if other == 0 and not stamp:
                counts[LEAST_NUMBERS_A + side] += sure[side]
    # A number that moved on by one place in a series is in the other text: only what is nowhere counts.
    counts[CERTAIN] = min(certain[0], certain[1])
