"""UTF-8 text → comparison key and one class byte per token, in one pass."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel
from dedup.kernels.words import count_ones, leading_zeros, load_word, store_word, trailing_zeros

# What a code point does to the token under construction; low four bits of the table's `kind`.
(
    SEPARATOR, DROPPED, LETTER, CAPITAL, DIGIT, UNSPACED, NEWLINE, TERMINATOR, COMMA, OPENING, HYPHEN, PERIOD,
    VOICING,
) = range(13)  # fmt: skip
# Script bits, in the high four.
LATIN, CYRILLIC, GREEK = 16, 32, 64

_U1, _U3, _U7, _U8, _U56 = np.uint64(1), np.uint64(3), np.uint64(7), np.uint64(8), np.uint64(56)
_ALL, _HIGH_BITS = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0x8080808080808080)
_SPACES = np.uint64(0x2020202020202020)
# What carries a byte from "a" on, or past "z", into its highest bit.
_FROM_A, _PAST_Z = np.uint64(0x1F1F1F1F1F1F1F1F), np.uint64(0x0505050505050505)

_NUMBER, _CAP, _SENTENCE, _LINE, _CHARACTER, _UPPER = 1, 2, 4, 8, 16, 32
_VOICED = 0xFF9E  # half-width voicing mark; the half-voiced one follows it
_KANA_U, _KANA_VU = 0x0A6, 0x0F4  # the low twelve bits of two katakana that are not neighbours
_LONGEST_TOKEN = 256  # look-alikes in longer "tokens" (base64, URLs) are left alone
_ABBREVIATION = 3  # "Mr.", "Gen.", "U.S.": a period after so few letters ends no sentence


@kernel
def write_keys(
    data,
    offsets,
    starts,
    first,
    kinds,
    fold_at,
    fold_size,
    folds,
    to_latin,
    to_cyrillic,
    key,
    key_offsets,
    classes,
    class_offsets,
):
    """Write keys and classes of documents `first` … until the output is full; return the next document.

    `data` uint8 (UTF-8), `offsets` int64 (n + 1), `starts` int64 byte offsets into each text where its
    key begins. `kinds` uint8, `fold_at` int32, `fold_size` uint8 by code point, `folds` uint8.
    `to_latin`, `to_cyrillic`: uint32 tables of look-alikes by code point below 0x500, 0 where none.
    Outputs continue at `key_offsets[first]` and `class_offsets[first]`.
    """
    n_points = kinds.shape[0]
    scratch = np.empty(4 * _LONGEST_TOKEN, np.uint8)
    for document in range(first, offsets.shape[0] - 1):
        at = offsets[document] + starts[document]
        end = offsets[document + 1]
        out = key_offsets[document]
        n_out = class_offsets[document]
        begin = out
        token = -1  # where the token under construction began, -1 between tokens
        letters = 0
        capitals = 0
        digits = 0
        last_digit = False
        group = 0  # digits since the last separator inside a number
        cased = False
        n_latin = 0
        n_other = 0
        sentence = True
        line = True
        newlines = 0
        terminated = True
        short_capital = False  # the token before was short and capitalised
        token_class = 0
        while at <= end:
            # One round past the end closes the last token.
            kind = 0
            bits = 0
            point = 0
            step = 1
            if at < end:
                byte = data[at]
                if byte < 0x80:
                    point = np.int64(byte)
                elif byte < 0xE0:
                    step = 2
                    point = ((np.int64(byte) & 0x1F) << 6) | (data[at + 1] & 0x3F)
                elif byte < 0xF0:
                    step = 3
                    point = (
                        ((np.int64(byte) & 0x0F) << 12)
                        | ((np.int64(data[at + 1]) & 0x3F) << 6)
                        | (data[at + 2] & 0x3F)
                    )
                else:
                    step = 4
                    point = (
                        ((np.int64(byte) & 0x07) << 18)
                        | ((np.int64(data[at + 1]) & 0x3F) << 12)
                        | ((np.int64(data[at + 2]) & 0x3F) << 6)
                        | (data[at + 3] & 0x3F)
                    )
                if point < n_points:
                    kind = np.int64(kinds[point]) & 15
                    bits = np.int64(kinds[point]) & 0xF0
                elif 0x20000 <= point < 0x40000:
                    kind = UNSPACED
            if kind == DROPPED:
                at += step
                continue
            if kind == VOICING:
                # A half-width voicing mark composes with the katakana before it: base + 1, half-voiced + 2.
                if out - begin >= 3 and token < 0 and key[out - 3] == 0xE3:
                    kana = ((np.int64(key[out - 2]) & 0x3F) << 6) | (key[out - 1] & 0x3F)
                    if kana == _KANA_U:
                        kana = _KANA_VU
                    else:
                        kana += point - _VOICED + 1
                    key[out - 2] = 0x80 | (kana >> 6)
                    key[out - 1] = 0x80 | (kana & 0x3F)
                at += step
                continue
            if token >= 0 and last_digit and letters == 0 and (kind == COMMA or kind == PERIOD):
                # 1,200 and 1.200 → 1200; 1.5 and 1,5 → 1.5; a list "3, 4" is two tokens.
                run = 0
                ahead = at + step
                while ahead < end and run < 4:
                    digit = np.int64(data[ahead])
                    width = 1
                    if digit >= 0xF0:
                        break
                    if digit >= 0xE0:
                        width = 3
                        digit = (
                            ((digit & 0x0F) << 12)
                            | ((np.int64(data[ahead + 1]) & 0x3F) << 6)
                            | (data[ahead + 2] & 0x3F)
                        )
                    elif digit >= 0xC0:
                        width = 2
                        digit = ((digit & 0x1F) << 6) | (np.int64(data[ahead + 1]) & 0x3F)
                    if np.int64(kinds[digit]) & 15 != DIGIT:
                        break
                    run += 1
                    ahead += width
                if run == 3 and group <= 3:
                    at += step
                    group = 0
                    continue
                if run > 0 and (kind == PERIOD or group <= 3):
                    key[out] = 46
                    out += 1
                    at += step
                    group = 4
                    continue
            if kind == HYPHEN and token >= 0 and letters > 0 and at + step < end and data[at + step] == 10:
                # A word broken at the line's end: join it if it goes on in small letters.
                ahead = at + step + 1
                if ahead < end and data[ahead] >= 97 and data[ahead] <= 122:
                    at = ahead
                    continue
            wordy = kind == LETTER or kind == CAPITAL or kind == DIGIT
            if token >= 0 and not wordy:
                if n_latin > 0 and n_other > 0 and out - token <= _LONGEST_TOKEN:
                    # Look-alikes from another alphabet: rewrite the token in the alphabet of its majority.
                    size = 0
                    read = token
                    while read < out:
                        letter = np.int64(key[read])
                        width = 1
                        if letter >= 0xF0:
                            width = 4
                        elif letter >= 0xE0:
                            width = 3
                        elif letter >= 0xC0:
                            width = 2
                            letter = ((letter & 0x1F) << 6) | (key[read + 1] & 0x3F)
                        other = np.int64(0)
                        if width <= 2:
                            if n_other > n_latin:
                                other = np.int64(to_cyrillic[letter])
                            else:
                                other = np.int64(to_latin[letter])
                        if other == 0:
                            for k in range(width):
                                scratch[size] = key[read + k]
                                size += 1
                        elif other < 0x80:
                            scratch[size] = other
                            size += 1
                        else:
                            scratch[size] = 0xC0 | (other >> 6)
                            scratch[size + 1] = 0x80 | (other & 0x3F)
                            size += 2
                        read += width
                    if token + size <= key.shape[0]:
                        for k in range(size):
                            key[token + k] = scratch[k]
                        out = token + size
                if digits > 0:
                    token_class |= _NUMBER
                if capitals >= 2 and capitals == letters:
                    token_class |= _UPPER
                classes[n_out] = token_class
                n_out += 1
                short_capital = cased and letters <= _ABBREVIATION and digits == 0
                token = -1
            if at >= end:
                break
            # The longest fold has 18 characters of 3 bytes; 64 bytes a character are always enough.
            if out + 64 > key.shape[0] or n_out + 2 > classes.shape[0]:
                return document
            if wordy or kind == UNSPACED:
                if token < 0:
                    if newlines >= 2 or (newlines == 1 and terminated):
                        sentence = True
                    if newlines > 0:
                        line = True
                    token_class = 0
                    if sentence:
                        token_class |= _SENTENCE
                    if line:
                        token_class |= _LINE
                    sentence = False
                    line = False
                    newlines = 0
                    terminated = False
                    if out > begin:
                        key[out] = 32
                        out += 1
                    token = out
                    letters = 0
                    capitals = 0
                    digits = 0
                    group = 0
                    n_latin = 0
                    n_other = 0
                    cased = kind == CAPITAL
                    if cased:
                        token_class |= _CAP
                if point >= n_points:
                    for k in range(step):
                        key[out + k] = data[at + k]
                    out += step
                else:
                    where = fold_at[point]
                    for k in range(fold_size[point]):
                        key[out + k] = folds[where + k]
                    out += fold_size[point]
                if kind == UNSPACED:
                    classes[n_out] = token_class | _CHARACTER
                    n_out += 1
                    token = -1
                    short_capital = False
                elif kind == DIGIT:
                    digits += 1
                    group += 1
                    last_digit = True
                else:
                    letters += 1
                    last_digit = False
                    if kind == CAPITAL:
                        capitals += 1
                    if bits == LATIN:
                        n_latin += 1
                        # By far the most common: small ASCII letters and single spaces, no machinery.
                        ahead = at + step
                        plain = n_other == 0 and digits == 0
                        while (
                            plain
                            and ahead + 8 <= end
                            and out + 64 <= key.shape[0]
                            and n_out + 8 <= classes.shape[0]
                        ):
                            # Eight bytes at a time, as many as are such, with no branch at a token's end.
                            word = load_word(data, ahead)
                            low = word & ~_HIGH_BITS
                            small = (low + _FROM_A) & ~(low + _PAST_Z) & ~word & _HIGH_BITS
                            other = word ^ _SPACES
                            spaces = ~(((other & ~_HIGH_BITS) + ~_HIGH_BITS) | other | ~_HIGH_BITS)
                            spaces &= small << _U8
                            bits_done = leading_zeros(~(small | spaces) & _HIGH_BITS) & ~_U7
                            # Shifted in two steps, since one by all 64 bits is none.
                            spaces &= ~(_ALL >> (bits_done >> _U1) >> (bits_done >> _U1))
                            done = np.int64(bits_done >> _U3)
                            store_word(key, out, word)
                            if spaces != 0:
                                if capitals >= 2 and capitals == letters + np.int64(
                                    leading_zeros(spaces) >> _U3
                                ):
                                    token_class |= _UPPER
                                store_word(classes, n_out, np.uint64(token_class) << _U56)
                                n_out += np.int64(count_ones(spaces))
                                letters = np.int64(trailing_zeros(spaces) >> _U3) - (8 - done)
                                n_latin = letters
                                token = out + done - letters
                                token_class = 0
                                capitals = 0
                                cased = False
                            else:
                                letters += done
                                n_latin += done
                            out += done
                            ahead += done
                            # A space may be the eighth.
                            plain = done >= 7
                        while True:
                            begun = ahead
                            while ahead < end and data[ahead] >= 97 and data[ahead] <= 122:
                                key[out] = data[ahead]
                                out += 1
                                ahead += 1
                                if out + 64 > key.shape[0]:
                                    return document
                            letters += ahead - begun
                            n_latin += ahead - begun
                            if (
                                n_other > 0
                                or digits > 0
                                or ahead + 1 >= end
                                or data[ahead] != 32
                                or data[ahead + 1] < 97
                                or data[ahead + 1] > 122
                            ):
                                break
                            if n_out + 2 > classes.shape[0]:
                                return document
                            if capitals >= 2 and capitals == letters:
                                token_class |= _UPPER
                            classes[n_out] = token_class
                            n_out += 1
                            key[out] = 32
                            out += 1
                            ahead += 1
                            token = out
                            token_class = 0
                            letters = 0
                            capitals = 0
                            n_latin = 0
                            cased = False
                        at = ahead
                        continue
                    if bits == CYRILLIC or bits == GREEK:
                        n_other += 1
            elif kind == NEWLINE:
                newlines += 1
            elif kind == TERMINATOR:
                sentence = True
                terminated = True
            elif kind == PERIOD:
                if not short_capital:
                    sentence = True
                terminated = True
            elif kind == OPENING:
                sentence = True
            at += step
        key_offsets[document + 1] = out
        class_offsets[document + 1] = n_out
    return offsets.shape[0] - 1


@kernel
def count_classes(classes, offsets, mask, wanted, counts):
    """Fill `counts` (int64): how many tokens of each document have the bits `wanted` of those in `mask`."""
    for document in range(offsets.shape[0] - 1):
        found = 0
        for t in range(offsets[document], offsets[document + 1]):
            found += classes[t] & mask == wanted
        counts[document] = found


@kernel
def count_marks(data, offsets, rows, limits, marks, counts):
    """Fill `counts` (int64) with the marks in some rows of texts in UTF-8, no further than one over a limit.

    `rows` and `limits` int64; `marks` uint8 by code point below 0x10000: 1 for those that count.
    """
    for number in range(rows.shape[0]):
        at = offsets[rows[number]]
        end = offsets[rows[number] + 1]
        found = 0
        while at < end and found <= limits[number]:
            point = np.int64(data[at])
            step = 1
            if point >= 0xF0:
                step = 4
                point = 0
            elif point >= 0xE0:
                step = 3
                point = (
                    (point & 15) << 12 | (np.int64(data[at + 1]) & 63) << 6 | (np.int64(data[at + 2]) & 63)
                )
            elif point >= 0xC0:
                step = 2
                point = (point & 31) << 6 | (np.int64(data[at + 1]) & 63)
            found += np.int64(marks[point])
            at += step
        counts[number] = found
