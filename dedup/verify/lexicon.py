"""Words with a meaning of their own, as tables that a kernel can look tokens up in."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from dedup.kernels import facts as bits
from dedup.kernels.sketches import hash_tokens
from dedup.verify.amounts import VALUES
from dedup.verify.facts import (
    CALENDAR,
    CORRECTION_WORDS,
    DIGITS,
    MONTHS,
    NOUN_CAPITAL_WORDS,
    SCALES,
    UNITS,
    WEEKDAYS,
    fold,
)
from dedup.verify.stages import BODIES, STAGES

_MEANINGS = (
    (DIGITS, bits.NUMBER | bits.PLAIN),
    (SCALES, bits.SCALE),
    (WEEKDAYS, bits.WEEKDAY),
    (MONTHS, bits.MONTH),
    (CALENDAR, bits.NO_NAME),
    (UNITS, bits.NO_NAME),
    (CORRECTION_WORDS, bits.CORRECTION),
    (STAGES, bits.STAGE),
    # "The committee's" may have lost its apostrophe.
    ((*BODIES, *(body + "s" for body in BODIES)), bits.BODY),
    (NOUN_CAPITAL_WORDS, bits.NOUNS),
    (("http", "https", "www"), bits.ADDRESS),
    (VALUES, bits.VALUE),
)
_SLOTS = 4096


@cache
def special_words() -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint16]]:
    """Return a hash table of the words that mean something: their hashes, folded hashes and meanings."""
    meanings: dict[str, int] = {}
    for words, bit in _MEANINGS:
        for word in words:
            meanings[word] = meanings.get(word, 0) | bit
    for word in ("percent", "pct", "prozent", "pourcent", "percentage"):
        meanings.setdefault(word, 0)
    known = list(meanings)
    hashes, folds = hash_words(known), hash_words([fold(word) for word in known])
    table = np.zeros(_SLOTS, np.uint64)
    folded = np.zeros(_SLOTS, np.uint64)
    facts = np.zeros(_SLOTS, np.uint16)
    for value, form, word in zip(hashes.tolist(), folds.tolist(), known, strict=True):
        slot = (value >> 32) & (_SLOTS - 1)
        while table[slot]:
            slot = (slot + 1) & (_SLOTS - 1)
        table[slot], folded[slot], facts[slot] = value, form, meanings[word]
    return table, folded, facts


def hash_words(words: list[str]) -> NDArray[np.uint64]:
    """Return the words' hashes as tokens."""
    hashes = np.empty(len(words), np.uint64)
    if not words:
        return hashes
    key = " ".join(words).encode()
    hash_tokens(np.frombuffer(key, np.uint8), 0, len(key), hashes)
    return hashes
