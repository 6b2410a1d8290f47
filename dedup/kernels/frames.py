"""Headlines, datelines, contacts and links around a text: what is there carries no weight."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel
from dedup.kernels.facts import (
    ADDRESS,
    CLASS_CAPITAL,
    CLASS_CHARACTER,
    CLASS_LINE,
    CLASS_NUMBER,
    CLASS_SENTENCE,
    FRAMED,
    MONTH,
    OWN,
    WEEKDAY,
)

# The edge of a text is what comes before the first, or after the last, equal run of so many tokens of
# prose: a headline that both have is no prose, and the dateline below it still an edge.
_SOLID_RUN = 8
# An edge is a frame up to so many tokens, and up to this part of the text: longer ones have something to say.
_FRAME_TOKENS = 60
_FRAME_PART = 5
# Prose has more than this share of words in small letters; headlines, datelines and contacts have fewer.
_SMALL_LETTERS = 0.55
# Where both texts have numbers and so many small letters at an edge, two messages face each other there:
# the grants of two towns, in a sentence made of names.
_TELLING_WORDS = 5
# With fewer still, headlines and contacts may take twice the space; with more numbers it is a table.
_FEW_SMALL_LETTERS = 0.25
_FRAME_NUMBERS = 0.5
# Where capitals tell nothing, only a dateline's length counts as frame.
_CASELESS_FRAME_TOKENS = 12
# Lists of links: lines of up to so many tokens, each begun with a capital, that end no sentence.
_LINK_TOKENS = 16
# Four words are as long as five characters of a script without spaces: a link has up to 20, a sentence more.
_WORD_LENGTH, _CHARACTER_LENGTH = 5, 4
_LINK_LINES = 3
_LINK_CAPITALS = 0.75
_LINK_NUMBERS = 0.2
# An abbreviation ("U.S.") looks like a sentence's end.
_LINK_SENTENCES = 1.5
# In a shorter text, and beside more than this part of one, what is exchanged at an edge is the message:
# the town of a notice, the day of a table.
FRAMED_TOKENS = 120
FRAMED_PART = 12
# A web address goes on for so many tokens at most, until a capital or a sentence begins.
_ADDRESS_TOKENS = 12
# Near the top stands a dateline with agency and date: "WASHINGTON, D.C., Tuesday, May 16th, 2006 -".
LEAD_TOKENS = 80
_DATELINE_LEAST, _DATELINE_MOST = 3, 12

# Numba takes plain constants for types of their own, and compiles each kernel they are passed to once more.
_TOP, _NOWHERE, _BACK, _ON = np.int64(0), np.int64(-1), np.int64(-1), np.int64(1)


@kernel
def _small_letters(classes, start, end):  # type: ignore[no-untyped-def]
    small = 0
    for t in range(start, end):
        if not classes[t] & (CLASS_CAPITAL | CLASS_NUMBER):
            small += 1
    return small


@kernel
def _sentence_start(classes, place, step):  # type: ignore[no-untyped-def]
    """Return the nearest start of a sentence or line from `place` on, backwards or forwards."""
    n = classes.shape[0]
    while 0 < place < n:
        kind = classes[place]
        # A line that goes on in small letters is wrapped prose.
        if kind & CLASS_SENTENCE or (kind & CLASS_LINE and kind & (CLASS_CAPITAL | CLASS_NUMBER)):
            break
        place += step
    return place


@kernel
def is_link_list(classes, start, end, cased):  # type: ignore[no-untyped-def]
    """Tell whether an edge is a list of short lines without sentences: related links, menus, tags.

    Wrapped prose is none: most of its lines begin with a small letter. Where letters have no case, or words
    no spaces between them, the lines' ends alone must tell.
    """
    if end - start > classes.shape[0] // 2 or not classes[start] & CLASS_LINE:
        return False
    n_lines = 0
    n_capitals = 0
    n_numbers = 0
    n_sentences = 0
    length = 0
    for t in range(start, end):
        kind = classes[t]
        if kind & CLASS_LINE:
            n_lines += 1
            length = 0
            if not cased or kind & (CLASS_CAPITAL | CLASS_NUMBER | CLASS_CHARACTER):
                n_capitals += 1
        length += _CHARACTER_LENGTH if kind & CLASS_CHARACTER else _WORD_LENGTH
        if length > _LINK_TOKENS * _WORD_LENGTH:
            return False
        if kind & CLASS_SENTENCE:
            n_sentences += 1
        if kind & CLASS_NUMBER:
            n_numbers += 1
    return (
        n_lines >= _LINK_LINES
        and n_sentences <= _LINK_SENTENCES * n_lines
        and n_capitals >= _LINK_CAPITALS * n_lines
        and n_numbers <= _LINK_NUMBERS * (end - start)
    )


@kernel
def is_frame(classes, start, end, cased):  # type: ignore[no-untyped-def]
    """Tell whether the tokens of an edge look like a headline, a dateline, a contact or links."""
    n = end - start
    if n <= 0:
        return False
    if not cased:
        short = n <= min(_CASELESS_FRAME_TOKENS, classes.shape[0] // _FRAME_PART)
        return short or is_link_list(classes, start, end, cased)
    small = _small_letters(classes, start, end)
    numbers = 0
    for t in range(start, end):
        numbers += classes[t] & CLASS_NUMBER
    # A table has few small letters too, and it is no furniture.
    if numbers <= _FRAME_NUMBERS * n or n <= _DATELINE_MOST:
        if n <= min(_FRAME_TOKENS, classes.shape[0] // _FRAME_PART) and small <= _SMALL_LETTERS * n:
            return True
        if n <= min(2 * _FRAME_TOKENS, classes.shape[0] // _FRAME_PART) and small <= _FEW_SMALL_LETTERS * n:
            return True
    return is_link_list(classes, start, end, cased)


@kernel
def tells(classes, start, end):
    """Tell whether an edge says something in words and numbers: a lead full of names is no headline."""
    numbers = 0
    for t in range(start, end):
        numbers += classes[t] & CLASS_NUMBER
    return numbers > 0 and _small_letters(classes, start, end) >= _TELLING_WORDS


@kernel
def find_frames(blocks, classes_a, cased_a, classes_b, cased_b, frames):  # type: ignore[no-untyped-def]
    """Fill `frames` with the begin and end of what is not furniture in a and in b."""
    n_a, n_b = classes_a.shape[0], classes_b.shape[0]
    frames[0], frames[1], frames[2], frames[3] = 0, n_a, 0, n_b
    first = -1
    last = -1
    for k in range(blocks.shape[0]):
        i, n = np.int64(blocks[k, 0]), np.int64(blocks[k, 2])
        if n >= _SOLID_RUN and (not cased_a or _small_letters(classes_a, i, i + n) > _SMALL_LETTERS * n):
            if first < 0:
                first = k
            last = k
    if first < 0:
        return
    begin_a, begin_b = np.int64(blocks[first, 0]), np.int64(blocks[first, 1])
    end_a, end_b = np.int64(blocks[last, 0] + blocks[last, 2]), np.int64(blocks[last, 1] + blocks[last, 2])
    limit = min(_FRAME_TOKENS, min(n_a, n_b) // _FRAME_PART)
    # If both edges are long, the texts begin, or end, differently: that is no frame.
    if min(begin_a, begin_b) <= limit:
        head_a = _sentence_start(classes_a, begin_a, _BACK)
        head_b = _sentence_start(classes_b, begin_b, _BACK)
        told = tells(classes_a, _TOP, head_a) and tells(classes_b, _TOP, head_b)
        if not told and is_frame(classes_a, _TOP, head_a, cased_a):
            frames[0] = head_a
        if not told and is_frame(classes_b, _TOP, head_b, cased_b):
            frames[2] = head_b
    if min(n_a - end_a, n_b - end_b) <= limit:
        tail_a = _sentence_start(classes_a, end_a, _ON)
        tail_b = _sentence_start(classes_b, end_b, _ON)
        told = tells(classes_a, tail_a, n_a) and tells(classes_b, tail_b, n_b)
        if not told and is_frame(classes_a, tail_a, n_a, cased_a):
            frames[1] = tail_a
        if not told and is_frame(classes_b, tail_b, n_b, cased_b):
            frames[3] = tail_b


@kernel
def drop_dateline(start, end, n_own, classes, facts, marks):  # type: ignore[no-untyped-def]
    """Mark a date with place and agency, no word in small letters, as furniture; return its length."""
    if n_own < _DATELINE_LEAST or n_own > _DATELINE_MOST or classes.shape[0] < FRAMED_TOKENS:
        return 0
    dated = False
    for t in range(start, end):
        if marks[t] == OWN:
            if not classes[t] & (CLASS_CAPITAL | CLASS_NUMBER):
                return 0
            dated = dated or facts[t] & (MONTH | WEEKDAY) != 0
    if not dated:
        return 0
    for t in range(start, end):
        if marks[t] == OWN:
            marks[t] = FRAMED
    return n_own


@kernel
def drop_addresses(start, end, classes, facts, marks):  # type: ignore[no-untyped-def]
    """Mark web addresses as furniture; return how many tokens they took."""
    gone = 0
    left = 0
    for t in range(start, end):
        if facts[t] & ADDRESS:
            left = _ADDRESS_TOKENS
        elif classes[t] & (CLASS_CAPITAL | CLASS_SENTENCE | CLASS_LINE):
            left = 0
        if left > 0:
            left -= 1
            if marks[t] == OWN:
                marks[t] = FRAMED
                gone += 1
    return gone


@kernel
def count_framed(start, end, begin, stop, at_end, classes, cased, marks, mark):  # type: ignore[no-untyped-def]
    """Return how many own tokens of a gap stand in frames, and mark them FRAMED if so told."""
    first = _NOWHERE
    last = _NOWHERE
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
    long_enough = classes.shape[0] >= FRAMED_TOKENS
    if first >= 0 and at_end and long_enough and is_frame(classes, first, last + 1, cased):
        begin = stop = 0
        framed = 0
        for t in range(start, end):
            framed += marks[t] == OWN
    if mark:
        for t in range(start, end):
            if marks[t] == OWN and not begin <= t < stop:
                marks[t] = FRAMED
    return framed
