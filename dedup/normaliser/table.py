"""The table behind the key: what each code point does to a token and what it folds to.

The table is made from Python's `unicodedata` and shipped as a file, so that
the same text has the same key under every Python version. To make it anew:
``python -m dedup.normaliser.table``.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup.kernels import tokens as t

N_POINTS = 0x20000  # BMP and SMP; ideographs beyond stand for themselves
FILE = Path(__file__).with_name("key_table.npz")

_APOSTROPHES = "'’‘ʼʻ`´‛′＇\u02b9\u05f3"
_OPENING = '"“„«»”‟‹›「『【《〈([{（［'
_TERMINATORS = "!?…。！？؟।॥։።၊။:：;؛"
_HYPHENS = "-\u2010\u2011\u2012\ufe63\uff0d"
_PERIODS = ".．\u066b"
_COMMAS = ",，\u066c"
_STRIPPED_SCRIPTS = ("LATIN", "GREEK", "ARABIC", "HEBREW")
_UNSPACED_NAMES = (
    "CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR",
    "IDEOGRAPHIC ITERATION", "TIBETAN", "BOPOMOFO", "HALFWIDTH KATAKANA", "YI SYLLABLE",
)  # fmt: skip
_LATIN_LOOK = "aceopxyijshdqwkmtbh"
_CYRILLIC_LOOK = "асеорхуіјѕһԁԛԝкмтвн"
_GREEK_LOOK = dict(zip("οανρτυχκιε", "oavptuxkie", strict=True))


def _fold(character: str) -> str:
    """Return what the key holds for a character: NFKC, casefolded, marks stripped where the script allows."""
    if character in "İIı":
        return "i"
    text = unicodedata.normalize("NFKC", character)
    name = unicodedata.name(text[0], "")
    if name.startswith(_STRIPPED_SCRIPTS):
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = unicodedata.normalize("NFKC", text.casefold())
    # "е" and "ё" are the same letter in most printed Russian.
    text = text.replace("ё", "е").replace("ı", "i")
    return "".join(
        str(unicodedata.digit(c)) if unicodedata.category(c) == "Nd" else c
        for c in text
        if unicodedata.category(c)[0] in "LMN" and c not in _APOSTROPHES
    )


def _kind(character: str) -> int:
    """Return the class of a character, see `dedup.kernels.tokens`."""
    for kind, members in (
        (t.DROPPED, _APOSTROPHES), (t.OPENING, _OPENING), (t.TERMINATOR, _TERMINATORS), (t.HYPHEN, _HYPHENS),
        (t.PERIOD, _PERIODS), (t.COMMA, _COMMAS), (t.NEWLINE, "\n"),
    ):  # fmt: skip
        if character in members:
            return kind
    if character in "\uff9e\uff9f":
        return t.VOICING
    category = unicodedata.category(character)
    name = unicodedata.name(character, "")
    if category == "Cf":
        return t.DROPPED
    if category == "Mn" and (0x300 <= ord(character) < 0x370 or name.startswith(_STRIPPED_SCRIPTS)):
        return t.DROPPED
    if character == "\u0640":  # tatweel
        return t.DROPPED
    if name.startswith(_UNSPACED_NAMES) and category[0] in "LM":
        return t.UNSPACED
    if category == "Nd":
        return t.DIGIT
    if category[0] in "LMN":
        return t.CAPITAL if category in ("Lu", "Lt") else t.LETTER
    return t.SEPARATOR


def _script(character: str) -> int:
    """Return the bit of a letter's script, 0 for all but those with look-alikes."""
    name = unicodedata.name(character, "")
    for prefix, bits in (("LATIN", t.LATIN), ("CYRILLIC", t.CYRILLIC), ("GREEK", t.GREEK)):
        if name.startswith(prefix):
            return bits
    return 0


def build() -> dict[str, NDArray[Any]]:
    """Return the table as arrays: `kinds` uint8, `fold_at` int32, `fold_size` uint8, `folds` uint8."""
    kinds = np.zeros(N_POINTS, np.uint8)
    fold_at = np.zeros(N_POINTS, np.int32)
    fold_size = np.zeros(N_POINTS, np.uint8)
    folds = bytearray()
    for point in range(N_POINTS):
        character = chr(point)
        if 0xD800 <= point < 0xE000:
            continue
        kind = _kind(character)
        if kind in (t.LETTER, t.CAPITAL, t.DIGIT, t.UNSPACED):
            folded = _fold(character).encode()
            if kind == t.UNSPACED and len(folded.decode()) != 1:
                # One character, one token: Thai sara am and its like stay whole.
                folded = character.encode()
            if not folded:
                kind = t.DROPPED
            fold_at[point] = len(folds)
            fold_size[point] = len(folded)
            folds += folded
        if kind in (t.LETTER, t.CAPITAL):
            # The script of what it folds to: the ordinal of "nº" is a Latin "o" as soon as it is a key.
            kind |= _script(folded.decode()[:1] or character)
        kinds[point] = kind
    to_latin = np.zeros(0x800, np.uint32)
    to_cyrillic = np.zeros(0x800, np.uint32)
    for cyrillic, latin in zip(_CYRILLIC_LOOK, _LATIN_LOOK, strict=True):
        to_latin[ord(cyrillic)] = ord(latin)
        to_cyrillic[ord(latin)] = ord(cyrillic)
    for greek, latin in _GREEK_LOOK.items():
        to_latin[ord(greek)] = ord(latin)
    return {
        "kinds": kinds, "fold_at": fold_at, "fold_size": fold_size,
        "folds": np.frombuffer(bytes(folds), np.uint8), "to_latin": to_latin, "to_cyrillic": to_cyrillic,
        "unicode": np.frombuffer(unicodedata.unidata_version.encode(), np.uint8),
    }  # fmt: skip


@cache
def load() -> dict[str, NDArray[Any]]:
    """Return the shipped table."""
    with np.load(FILE, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


if __name__ == "__main__":
    np.savez_compressed(FILE, **build())  # type: ignore[arg-type]
