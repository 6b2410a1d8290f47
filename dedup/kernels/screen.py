"""Which cleaning rules could touch a text at all: one look at its bytes instead of all rules.

The rules themselves stand in `dedup.normaliser`, and the tables come from them. A bit that is not set proves
that the rule leaves the text as it is; a bit that is set proves nothing.
"""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel
from dedup.kernels.words import leading_zeros, load_word

# Rules that may touch a text: the bits of a mask.
MISDECODED, LINE_ENDS, MARKUP, DECOMPOSED, INVISIBLE, RETURNS = 1, 2, 4, 8, 16, 32
TIDY, HEADLINE, FURNITURE, SIGN_OFF = 64, 128, 256, 512
LEADING, DATELINE_ALONE, NOTICE = 1024, 2048, 4096

# What a line, sentence, word or tag may begin like: the bits of a start.
LIKE_FURNITURE, LIKE_SIGN_OFF, LIKE_NOTE, LIKE_MATTER, LIKE_DATE, LIKE_NOTICE, LIKE_PLACE, LIKE_TAG = (
    1, 2, 4, 8, 16, 32, 64, 128,
)  # fmt: skip
_LIKE_ANYTHING = 255
_SIGNS = 64  # passed over before a start; where there are more, the rules must tell

# What a character is, by code point below 0x10000, beside the bits of a mask that it sets by itself.
BY_ITSELF = MISDECODED | LINE_ENDS | DECOMPOSED | INVISIBLE
HEAD, TAIL, CLOSER, ENDER, UNSPACED, SIGN, SMALL, CAPITAL, DIGIT, COMMA, BLANK = (
    32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
)  # fmt: skip
# What a byte below 0x80 may be to a place before a dateline's dash.
GOES_ON, OPENS, STOPS, DASHES = 0, 1, 2, 3
# What there is to do at a byte.
PASS, SPACE, SENTENCE, LINE, RETURN, AMPERSAND, LESS, CONTROL, TWO, THREE, FOUR = range(11)

# Limits of the rules: characters, words and lines.
FURNITURE_CHARS, END_MARK_CHARS, SIGN_OFF_CHARS = 130, 10, 29
HEADLINE_CHARS, HEADLINE_WORDS, HEADLINE_LINES = 300, 20, 8
PROSE_CHARS, PROSE_WORDS, PROSE_UNSPACED, WRAPPED_WORDS = 400, 12, 30, 5
MATTER_CHARS, DATE_CHARS, WRAP_CHARS = 120, 70, 100
# With room for a line that signs off, so that the bits hold without it, too.
STUB_CHARS, STUB_WORDS, STUB_LINES = 900 + 30, 90 + 1, 8 + 1

# The same byte eight times, to look at eight bytes at once.
_ONES, _LOW_BITS = np.uint64(0x0101010101010101), np.uint64(0x7F7F7F7F7F7F7F7F)
_UP_TO_SPACE, _AMPERSANDS, _LESSES = (np.uint64(byte * 0x0101010101010101) for byte in (0x60, 0x26, 0x3C))
_U3 = np.uint64(3)


@kernel
def find_start(data, at, end, classes, folds, trie, roots):
    """Return the starts (bits) in the trie that the text at `at` begins with, after signs and spaces.

    `trie` int32 (n, 5): per node its letter, next sibling by letter, first child, the bits of the starts
    complete here, and those complete here if the word ends here. `roots` int32 (128): the first node of each
    ASCII letter. `folds` uint16: 0 where folding is unclear.
    """
    found = 0
    node = 0
    letter = 0
    n_signs = 0
    while at < end:
        point = data[at] & 255
        step = 1
        if point >= 0xF0:
            step = 4
            point = 0
        elif point >= 0xE0:
            step = 3
            point = ((point & 15) << 12) | ((data[at + 1] & 63) << 6) | (data[at + 2] & 63)
        elif point >= 0xC0:
            step = 2
            point = ((point & 31) << 6) | (data[at + 1] & 63)
        elif point == 10:
            break
        at += step
        if classes[point] & SIGN:
            found |= trie[node, 4]
            if node == 0:
                n_signs += 1
                if n_signs > _SIGNS:
                    return _LIKE_ANYTHING
                continue
        before = letter
        letter = folds[point] & 0xFFFF
        if letter == 0:
            return _LIKE_ANYTHING
        if letter == 32 and before == 32:
            continue
        if node == 0 and letter < 128:
            node = roots[letter]
        else:
            node = trie[node, 2]
            while trie[node, 0] < letter:
                node = trie[node, 1]
        if trie[node, 0] != letter:
            return found
        found |= trie[node, 3]
    return found | trie[node, 4]


@kernel
def may_open_with_dateline(data, at, end, classes, folds, trie, roots, places):
    """Tell whether a clock, or a place with a dash or an agency, may begin at `at`.

    `places` uint8 (128,): what a byte may be to the words of a place.
    """
    last = min(end, at + MATTER_CHARS)
    begin = at
    while at < last:
        byte = data[at]
        if byte >= 0x80:
            return True
        place = places[byte]
        if place == GOES_ON:
            if at == begin and classes[byte] & DIGIT:
                return True
            new_word = at == begin or classes[data[at - 1]] & BLANK != 0
            # A small word that no place has in its name.
            if (
                new_word
                and classes[byte] & SMALL
                and not find_start(data, at, end, classes, folds, trie, roots) & LIKE_PLACE
            ):
                return False
        elif place == DASHES:
            after = 32 if at + 1 == end else data[at + 1] & 255
            if after >= 0x80 or classes[after] & SIGN or at == begin or classes[data[at - 1]] & SIGN:
                # A lone hyphen needs a space behind it.
                return after >= 0x80 or places[after] == DASHES or classes[after] & BLANK != 0
        elif byte == 10:
            # A dash or an agency on the next line still counts.
            while at < end and classes[data[at]] & BLANK:
                at += 1
            return at < end and (data[at] >= 0x80 or classes[data[at]] & SIGN != 0)
        else:
            return place == OPENS
        at += 1
    return False


@kernel
def may_be_signs(data, at, end, classes):
    """Tell whether a string may have no letter and no digit, as far as it is ASCII."""
    while at < end and data[at] < 0x80 and classes[data[at]] & SIGN:
        at += 1
    return at == end or data[at] >= 0x80


@kernel
def may_be_equal(data, at, end, other, place, stop, classes, folds):
    """Tell whether two strings may have the same letters and digits, as far as they are ASCII."""
    while at < end and place < stop:
        if data[at] >= 0x80 or other[place] >= 0x80:
            return True
        if classes[data[at]] & SIGN:
            at += 1
        elif classes[other[place]] & SIGN:
            place += 1
        elif folds[data[at]] != folds[other[place]]:
            return False
        else:
            at += 1
            place += 1
    return may_be_signs(data, at, end, classes) and may_be_signs(other, place, stop, classes)


@kernel
def skip_plain(data, at, end):
    """Return where the first byte stands that may matter where words no longer count, or nearly the end.

    That is one beyond ASCII, a control, "&" or "<"; of the last seven bytes nothing is said.
    """
    while at + 8 <= end:
        word = load_word(data, at)
        low = word & _LOW_BITS
        plain = (low + _UP_TO_SPACE) & ((low ^ _AMPERSANDS) + _LOW_BITS) & ((low ^ _LESSES) + _LOW_BITS)
        others = (word | ~plain | (low + _ONES)) & ~_LOW_BITS
        if others != 0:
            return at + np.int64(leading_zeros(others) >> _U3)
        at += 8
    return at


@kernel
def screen(data, offsets, titles, title_offsets, todo, classes, folds, trie, roots, places, masks):
    """Fill `masks` (uint16, n) with the rules that may touch each text, or the same text with tidy lines.

    `data` uint8 (UTF-8) and `offsets` int64 (n + 1) of the texts, likewise of their titles. `todo` uint8
    (2, 256): what there is to do at a byte where words count (row 0), and further down (row 1).
    """
    for document in range(masks.shape[0]):
        end = offsets[document + 1]
        at = offsets[document]
        mask = 0
        row = 0
        fresh = at < end  # a line or a sentence begins here
        line_start = at
        wide = 0  # continuation bytes in this line
        n_spaces = 0
        line_words = 0
        unspaced = 0
        like = 0
        follows_head = -1  # where the second of two misdecoded characters would stand
        ended_at = -1  # where the last sentence and its closing quotes ended
        n_lines = 0  # of those that are not blank
        n_chars = 0
        n_words = 0
        n_candidates = 0
        window = True  # no prose yet
        blank = True
        headline = False  # the first line may be one
        alone = False
        notice = 0
        signs_off = False
        while at <= end:
            if fresh:
                fresh = False
                starts = find_start(data, at, end, classes, folds, trie, roots)
                notice |= starts
                if at == line_start:
                    like = starts
                    line_words = 0 if at == end or classes[data[at]] & BLANK else 1
            if row:
                at = skip_plain(data, at, end)
            while at < end and todo[row, data[at]] == PASS:
                at += 1
            what = LINE if at == end else todo[row, data[at]]
            if what == SPACE:
                n_spaces += 1
                if at + 1 < end and not classes[data[at + 1]] & BLANK:
                    line_words += 1
                    n_words += classes[data[at + 1]] & (SMALL | CAPITAL) != 0
                    if n_words > STUB_WORDS and (not window or at - line_start - wide > PROSE_CHARS):
                        row = 1
            elif what == SENTENCE:
                fresh = True
                ended_at = at + 1
            elif what == LINE:
                stripped = at
                while stripped > line_start and classes[data[stripped - 1]] & BLANK:
                    stripped -= 1
                if stripped < at and (stripped + 1 < at or data[stripped] != 13):
                    mask |= TIDY
                if stripped == line_start:
                    if blank and end > offsets[document]:
                        mask |= TIDY
                    blank = True
                else:
                    first = line_start
                    while classes[data[first]] & BLANK:
                        first += 1
                    ended = stripped
                    while ended > ended_at and classes[data[ended - 1]] & CLOSER:
                        ended -= 1
                    size = stripped - line_start - wide
                    opening = data[first] & 255
                    small = classes[opening] & SMALL != 0
                    comma = classes[data[stripped - 1]] & COMMA != 0
                    n_lines += 1
                    n_chars += size
                    if window:
                        within = 0
                        for k in range(first, min(stripped, first + PROSE_CHARS)):
                            within |= classes[data[k]]
                        if size > PROSE_CHARS or (
                            ended == ended_at and (line_words >= PROSE_WORDS or unspaced >= PROSE_UNSPACED)
                        ):
                            window = False
                        else:
                            if size <= HEADLINE_CHARS and (n_spaces >= 2 or wide > 0) and not comma:
                                n_candidates += 1
                            # A line with a capital that runs on into the next is wrapped prose.
                            following = at + 1
                            while following < end and data[following] == 32:
                                following += 1
                            if n_lines == HEADLINE_LINES or (
                                line_words >= WRAPPED_WORDS
                                and within & CAPITAL
                                and following < end
                                and classes[data[following]] & SMALL
                            ):
                                window = False
                        if n_lines == 1:
                            width = stripped - first - wide
                            starts_matter = like & LIKE_MATTER != 0
                            if width > DATE_CHARS or (within & DIGIT == 0 and wide == 0):
                                like &= ~LIKE_DATE
                            if width > MATTER_CHARS:
                                like &= ~LIKE_MATTER
                            matter = like & (LIKE_NOTE | LIKE_MATTER | LIKE_DATE) != 0
                            inline = starts_matter or may_open_with_dateline(
                                data, first, end, classes, folds, trie, roots, places
                            )
                            # A dateline alone may end in a full stop, but not in another sentence's end.
                            alone = matter or (inline and (stripped != ended_at or data[stripped - 1] == 46))
                            if inline:
                                mask |= LEADING
                            if at < end and width <= PROSE_CHARS:
                                title = title_offsets[document]
                                title_end = title_offsets[document + 1]
                                if matter or (
                                    title < title_end
                                    and may_be_equal(
                                        data, first, stripped, titles, title, title_end, classes, folds
                                    )
                                ):
                                    mask |= LEADING
                                headline = ended != ended_at and line_words <= HEADLINE_WORDS
                                headline = headline and not (small or comma)
                    matter_like = like & (LIKE_NOTE | LIKE_MATTER | LIKE_DATE) != 0
                    follows = not small and (blank or wide > 0 or size > WRAP_CHARS)
                    if n_lines == 2 and headline and (matter_like or follows):
                        mask |= LEADING
                    if like & LIKE_FURNITURE and size <= FURNITURE_CHARS:
                        mask |= FURNITURE
                    if size <= END_MARK_CHARS and (opening >= 0x80 or classes[opening] & SIGN):
                        mask |= FURNITURE
                    signs_off = like & LIKE_SIGN_OFF != 0 and size <= SIGN_OFF_CHARS
                    blank = False
                line_start = at + 1
                fresh = at < end
                wide = 0
                n_spaces = 0
                unspaced = 0
            elif what == RETURN:
                mask |= RETURNS if at + 1 < end and data[at + 1] == 10 else LINE_ENDS
            elif what == AMPERSAND:
                ahead = at + 1
                while ahead < end and not classes[data[ahead]] & SIGN:
                    ahead += 1
                if ahead < end and (data[ahead] == 59 or data[ahead] == 35):
                    mask |= MARKUP
            elif what == LESS:
                if at + 1 < end and (
                    places[data[at + 1] & 127] == STOPS
                    or find_start(data, at + 1, end, classes, folds, trie, roots) & LIKE_TAG
                ):
                    mask |= MARKUP
            elif what == CONTROL:
                mask |= LINE_ENDS | INVISIBLE
            elif what == FOUR:
                # Emoji and Han beyond the first plane compose with nothing.
                if data[at] > 0xF0 or data[at + 1] < 0x9F or data[at + 1] > 0xAE:
                    mask |= DECOMPOSED
                wide += 3
                at += 3
            else:
                point = ((data[at] & 31) << 6) | (data[at + 1] & 63)
                here = at
                at += 1
                if what == THREE:
                    at += 1
                    point = ((point & 0x3FF) << 6) | (data[at] & 63)
                kind = classes[point]
                mask |= kind & BY_ITSELF
                if kind & UNSPACED:
                    unspaced += 1
                elif kind:
                    if kind & TAIL and here == follows_head:
                        mask |= MISDECODED
                    if kind & HEAD:
                        follows_head = at + 1
                        # "â" with no letter behind it is what was left of a dash.
                        letter = follows_head < end and classes[data[follows_head]] & (SMALL | CAPITAL) != 0
                        if point == 0xE2 and not letter:
                            mask |= MISDECODED
                    if kind & ENDER:
                        fresh = row == 0
                        ended_at = at + 1
                    elif kind & CLOSER and here == ended_at:
                        ended_at = at + 1
                wide += at - here
            at += 1
        if n_lines >= 2 and signs_off:
            mask |= SIGN_OFF
        if n_lines < 2:
            mask &= ~FURNITURE
        if n_candidates >= 2:
            mask |= HEADLINE
        if n_chars <= STUB_CHARS:
            if alone and n_lines <= STUB_LINES:
                mask |= DATELINE_ALONE
            if notice & LIKE_NOTICE and n_words <= STUB_WORDS:
                mask |= NOTICE
        masks[document] = mask
