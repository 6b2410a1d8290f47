"""Keys → token hashes → shingle hashes → MinHash signatures and winnowed fingerprints."""

from __future__ import annotations

import numpy as np

from dedup.kernels.cache import kernel
from dedup.kernels.words import leading_zeros, load_word

_UNSPACED = np.uint8(16)
_U1, _U29, _U32 = np.uint64(1), np.uint64(29), np.uint64(32)
_SPACES, _LOW_BITS = np.uint64(0x2020202020202020), np.uint64(0x7F7F7F7F7F7F7F7F)
_HIGHEST = np.uint64(1 << 63)
_SEED = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0xD6E8FEB86659FD93)
_NO_LINE = np.uint64(0)


@kernel
def hash_tokens(key, start, end, hashes):
    """Fill `hashes` (uint64) with one hash per token of the key in `key[start:end]`; return their number.

    Bytes go in words of eight; each word is multiplied in, so that the cost is
    one multiplication a word and not one a byte.
    """
    n_tokens = 0
    at = start
    while at < end:
        state = _SEED
        while True:
            left = end - at
            if at + 8 <= key.shape[0]:
                word = load_word(key, at)
            else:
                word = np.uint64(0)
                for k in range(left):
                    word |= np.uint64(key[at + k]) << np.uint64(56 - 8 * k)
            # The highest bit of each byte that is a space, and of the one behind the key.
            other = word ^ _SPACES
            marks = ~(((other & _LOW_BITS) + _LOW_BITS) | other | _LOW_BITS)
            if left < 8:
                marks |= _HIGHEST >> np.uint64(8 * left)
            if marks != 0:
                break
            state = (state ^ word) * _PRIME
            state ^= state >> _U32
            at += 8
        size = leading_zeros(marks) >> np.uint64(3)
        word = (word >> _U1) >> (np.uint64(63) - (size << np.uint64(3)))
        # A leading one marks the length, so that "\0a" and "a" differ.
        state = (state ^ (word | (_U1 << (size << np.uint64(3))))) * _PRIME
        state ^= state >> _U29
        hashes[n_tokens] = state
        n_tokens += 1
        at += np.int64(size) + 1
    return n_tokens


@kernel
def find_starts(key, starts):  # type: ignore[no-untyped-def]
    """Fill `starts` (uint32) with the place in the key at which each token begins."""
    n_bytes = key.shape[0]
    n_tokens = 0
    if starts.shape[0]:
        starts[0] = 0
        n_tokens = 1
    at = 0
    while at + 8 <= n_bytes:
        other = load_word(key, at) ^ _SPACES
        marks = ~(((other & _LOW_BITS) + _LOW_BITS) | other | _LOW_BITS)
        while marks != 0:
            place = leading_zeros(marks)
            starts[n_tokens] = at + np.int64(place >> np.uint64(3)) + 1
            n_tokens += 1
            marks ^= _HIGHEST >> place
        at += 8
    for place in range(at, n_bytes):
        if key[place] == 32:
            starts[n_tokens] = place + 1
            n_tokens += 1


@kernel
def hash_shingles(tokens, classes, first_class, n_tokens, size, unspaced_size, shingles):
    """Fill `shingles` (uint64) from token hashes; return their number.

    A shingle that begins on a character of an unspaced script is
    `unspaced_size` characters long, any other `size` tokens. A text shorter
    than one shingle becomes one shingle of the whole text; no token, none.
    """
    any_unspaced = np.uint8(0)
    for at in range(n_tokens):
        any_unspaced |= classes[first_class + at] & _UNSPACED
    if any_unspaced == 0 and n_tokens >= size:
        # All of one length: token by token for all shingles at once, which compiles to vectors.
        n_shingles = n_tokens - size + 1
        shingles[:n_shingles] = np.uint64(size)
        for k in range(size):
            for at in range(n_shingles):
                value = (shingles[at] ^ tokens[at + k]) * _PRIME
                shingles[at] = value ^ (value >> _U32)
        return n_shingles
    n_shingles = 0
    for at in range(n_tokens):
        length = size
        if classes[first_class + at] & _UNSPACED:
            length = unspaced_size
        if at + length > n_tokens:
            continue
        value = np.uint64(length)
        for k in range(length):
            value = (value ^ tokens[at + k]) * _PRIME
            value ^= value >> _U32
        shingles[n_shingles] = value
        n_shingles += 1
    if n_shingles == 0 and n_tokens > 0:
        value = np.uint64(n_tokens)
        for k in range(n_tokens):
            value = (value ^ tokens[k]) * _PRIME
            value ^= value >> _U32
        shingles[0] = value
        n_shingles = 1
    return n_shingles


@kernel
def shrink_to_windows(values, n_values, window):
    """Put the least value of each window in the place of its first; return the number of windows.

    Values fewer than a window are one. Spans double until two of them cover a window: no branch, and vectors.
    """
    window = min(window, n_values)
    span = 1
    while span < window:
        step = min(span, window - span)
        for k in range(n_values - span - step + 1):
            values[k] = min(values[k], values[k + step])
        span += step
    return n_values - window + 1 if n_values > 0 else 0


@kernel
def sketch_batch(
    key,
    key_offsets,
    classes,
    class_offsets,
    multipliers,
    addends,
    size,
    unspaced_size,
    fingerprint_size,
    fingerprint_unspaced,
    window,
    line_bit,
    number_bit,
    signatures,
    fingerprints,
    fingerprint_offsets,
    lines,
    line_offsets,
):
    """Fill `signatures` (uint32, n × num_perm), `fingerprints` and `lines` (uint64) of a batch of keys.

    The signature follows datasketch's "affine32": the 32-bit shingle hash goes
    through MurmurHash3's finalizer, then a·h + b modulo 2^32, and the least
    value of each permutation stays. Every product is cut back to 32 bits,
    since Numba widens small unsigned integers.

    Fingerprints are winnowed (Schleimer, Wilkerson, Aiken 2003): of every
    `window` neighbouring shingles the one with the least hash, so that any run
    of `fingerprint_size + window - 1` shared tokens shares a fingerprint.

    A line's hash sums its tokens, each weighed by its place, so that order counts. A line with a number
    has none (0): "Record March 16" stands in a dozen dividends and is a fact in each.
    """
    num_perm = multipliers.shape[0]
    longest = 1
    for document in range(key_offsets.shape[0] - 1):
        longest = max(longest, class_offsets[document + 1] - class_offsets[document])
    tokens = np.empty(longest, np.uint64)
    shingles = np.empty(longest, np.uint64)
    mixed = np.empty(longest, np.uint32)
    n_out = 0
    n_lines = 0
    for document in range(key_offsets.shape[0] - 1):
        first_class = class_offsets[document]
        n_tokens = hash_tokens(key, key_offsets[document], key_offsets[document + 1], tokens)
        weight = _SEED
        line = np.uint64(0)
        numbered = False
        for k in range(n_tokens):
            if k > 0 and classes[first_class + k] & line_bit:
                lines[n_lines] = _NO_LINE if numbered else line
                n_lines += 1
                weight = _SEED
                line = np.uint64(0)
                numbered = False
            line += tokens[k] * weight
            weight += _SEED + _SEED
            numbered |= classes[first_class + k] & number_bit != 0
        if n_tokens > 0:
            lines[n_lines] = _NO_LINE if numbered else line
            n_lines += 1
        line_offsets[document + 1] = n_lines
        n_shingles = hash_shingles(tokens, classes, first_class, n_tokens, size, unspaced_size, shingles)
        for s in range(n_shingles):
            value = np.uint32(shingles[s])
            value = np.uint32(value ^ np.uint32(value >> np.uint32(16)))
            value = np.uint32(value * np.uint32(0x85EBCA6B))
            value = np.uint32(value ^ np.uint32(value >> np.uint32(13)))
            value = np.uint32(value * np.uint32(0xC2B2AE35))
            mixed[s] = np.uint32(value ^ np.uint32(value >> np.uint32(16)))
        for k in range(num_perm):
            multiplier = multipliers[k]
            addend = addends[k]
            smallest = np.uint32(0xFFFFFFFF)
            for s in range(n_shingles):
                smallest = min(smallest, np.uint32(np.uint32(multiplier * mixed[s]) + addend))
            signatures[document, k] = smallest
        n_shingles = hash_shingles(
            tokens, classes, first_class, n_tokens, fingerprint_size, fingerprint_unspaced, shingles
        )
        n_windows = shrink_to_windows(shingles, n_shingles, window)
        if n_windows > 0:
            fingerprints[n_out] = shingles[0]
            for s in range(1, n_windows):
                n_out += shingles[s] != shingles[s - 1]
                fingerprints[n_out] = shingles[s]
            n_out += 1
        fingerprint_offsets[document + 1] = n_out


@kernel
def hash_values(data, offsets, hashes):
    """Fill `hashes` (uint64) with one hash per byte string; 0 stands for the empty one."""
    for row in range(offsets.shape[0] - 1):
        state = _SEED
        for at in range(offsets[row], offsets[row + 1]):
            state = (state ^ np.uint64(data[at])) * _PRIME
            state ^= state >> _U32
        hashes[row] = state if offsets[row + 1] > offsets[row] else np.uint64(0)
