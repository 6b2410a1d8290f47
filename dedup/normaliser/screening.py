"""Which rules could touch which text of a column: the tables of the screen, made from the rules themselves.

The screen looks once at the bytes of all texts. A text for which no bit is set is clean as it came; for the
others the bits name the rules that are worth trying.

The larger tables are shipped as a file. To make it anew: ``python -m dedup.normaliser.screening``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dedup.kernels import screen as kernels
from dedup.normaliser import characters, furniture, leading, lines, markup, stubs
from dedup.normaliser.key import utf8_buffers
from dedup.normaliser.notices import NOTICES
from dedup.normaliser.patterns import FURNITURE, SIGN_OFFS
from dedup.normaliser.starts import literal_starts, pattern_starts
from dedup.normaliser.words import AGENCIES, DATE_WORDS, PARTICLES

FILE = Path(__file__).with_name("screen_tables.npz")

_LENGTH = furniture.START_LENGTH
_POINTS = 0x10000
# Planes of letters without case or composition, which the slower tests pass over.
_SIMPLE = ((0x3400, 0xA000), (0xAC00, 0xD7A4), (0xD800, 0xF900))
# Columns of the trie, and its row that no letter matches.
_SIBLING, _CHILD, _NONE = 1, 2, 1


def screen_texts(texts: pa.LargeStringArray, titles: pa.LargeStringArray | None = None) -> NDArray[np.uint16]:
    """Tell which rules could touch each text, bits of `dedup.kernels.screen`; 0 for null.

    The bits hold for a text as it is and for the same text with tidy lines. No bit is a proof that cleaning
    changes nothing, sets no flag and finds no leading matter.

    Examples
    --------
    >>> texts = pa.array(["The port was closed on Monday.", "Port plans&#8217; end"], pa.large_string())
    >>> screen_texts(texts).tolist() == [0, kernels.MARKUP]
    True
    """
    data, offsets = utf8_buffers(texts)
    if titles is None:
        title_data, title_offsets = np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    else:
        title_data, title_offsets = utf8_buffers(titles)
    masks = np.zeros(len(texts), np.uint16)
    wide = tables()
    kernels.screen(
        data,
        offsets,
        title_data,
        title_offsets,
        _todo(),
        wide["classes"],
        wide["folds"],
        wide["trie"],
        _roots(),
        _places(),
        masks,
    )
    if texts.null_count:
        masks[pc.is_null(texts).to_numpy(zero_copy_only=False)] = 0
    return masks


@cache
def tables() -> dict[str, NDArray[Any]]:
    """Return the tables that take a tenth of a second to make: those shipped, if Unicode is still the same.

    What composes and what folds is asked of the running Python, whose rules the screen must foresee.
    """
    with np.load(FILE, allow_pickle=False) as stored:
        if stored["unicode"].tobytes().decode() == unicodedata.unidata_version:
            return {name: stored[name] for name in ("classes", "folds", "trie")}
    return build()


def build() -> dict[str, NDArray[Any]]:
    """Make the tables anew: `classes` and `folds` uint16 by code point, `trie` int32."""
    return {"classes": _classes(), "folds": _folds(), "trie": _trie()}


@cache
def _todo() -> NDArray[np.uint8]:
    """Make the table of what there is to do at a byte: where words count, and further down."""
    todo = np.full((2, 256), kernels.PASS, np.uint8)
    todo[:, :32] = kernels.CONTROL
    todo[:, 127] = kernels.CONTROL
    todo[:, ord("\t")] = kernels.PASS
    todo[:, ord("\n")] = kernels.LINE
    todo[:, ord("\r")] = kernels.RETURN
    todo[:, ord("&")] = kernels.AMPERSAND
    todo[:, ord("<")] = kernels.LESS
    todo[:, 0x80:] = kernels.TWO
    todo[:, 0xE0:] = kernels.THREE
    todo[:, 0xF0:] = kernels.FOUR
    todo[0, ord(" ")] = kernels.SPACE
    todo[0, [ord("."), ord("!"), ord("?")]] = kernels.SENTENCE
    return todo


@cache
def _roots() -> NDArray[np.int32]:
    """Make the table of the trie's first nodes by ASCII letter, of which there are too many to go through."""
    trie = tables()["trie"]
    roots = np.full(128, _NONE, np.int32)
    node = trie[0, _CHILD]
    while trie[node, 0] < len(roots):
        roots[trie[node, 0]] = node
        node = trie[node, _SIBLING]
    return roots


@cache
def _places() -> NDArray[np.uint8]:
    """Make the table of what a byte is to the words of a place before a dateline's dash."""
    places = np.full(128, kernels.GOES_ON, np.uint8)
    places[[ord(character) for character in "([/"]] = kernels.OPENS
    places[[ord(character) for character in '"!?;\n']] = kernels.STOPS
    places[[ord(character) for character in leading.DASHES if character.isascii()]] = kernels.DASHES
    return places


@cache
def _classes() -> NDArray[np.uint16]:
    """Make the table of what each character is to the rules, by code point."""
    every = "".join(map(chr, range(_POINTS)))
    classes = np.zeros(_POINTS, np.uint16)
    for bit, pattern in (
        (kernels.MISDECODED, "\ufffd"),
        (kernels.LINE_ENDS, f"[{characters.LINE_ENDS}]"),
        (kernels.INVISIBLE, f"[\u200c\u200d]|{characters.DROPPED.pattern}|{characters.SPACE.pattern}"),
        (kernels.HEAD, f"[{characters.LEADS}]"),
        (kernels.TAIL, f"[{characters.FOLLOWERS}]"),
        (kernels.CLOSER, f"[{re.escape(lines.CLOSERS)}]"),
        (kernels.ENDER, "|".join(map(re.escape, lines.ENDS))),
        (kernels.UNSPACED, lines.UNSPACED.pattern),
        # The copyright sign begins a pattern like a letter does.
        (kernels.SIGN, r"[^\w©]|_"),
        (kernels.SMALL, "[a-z]"),
        (kernels.CAPITAL, "[A-Z]"),
        (kernels.DIGIT, "[0-9]"),
        (kernels.COMMA, "[,:;]"),
        (kernels.BLANK, r"[ \t\r\n]"),
    ):
        classes[[ord(character) for character in re.findall(pattern, every)]] |= bit
    classes[list(_composing())] |= kernels.DECOMPOSED
    return classes


def _lettered() -> Iterator[str]:
    for point in range(128, _POINTS):
        if not any(start <= point < end for start, end in _SIMPLE):
            yield chr(point)


def _composing() -> Iterator[int]:
    """Yield the code points that may compose with, or change places with, what stands before them."""
    for character in _lettered():
        if unicodedata.combining(character) or not unicodedata.is_normalized("NFC", character):
            yield ord(character)
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            yield int(parts[1], 16)
    yield from range(0x1160, 0x1200)  # the later letters of Hangul syllables
    yield from range(0xF900, 0xFB00)  # Han that stand for others


@cache
def _folds() -> NDArray[np.uint16]:
    """Make the table of casefolded characters; 0 where a pattern may take the character for another one."""
    folds = np.arange(_POINTS).astype(np.uint16)
    folds[: ord(" ")] = ord(" ")
    folds[ord("A") : ord("Z") + 1] += 32
    for character in _lettered():
        folded = character.casefold()
        clear = len(folded) == 1 and folded == character.lower() == character.upper().casefold()
        if not clear or folded < "\x80" or character.isdigit():
            folds[ord(character)] = 0
        else:
            folds[ord(character)] = ord(folded)
    folds[ord("’")] = ord("'")
    return folds


@cache
def _trie() -> NDArray[np.int32]:
    """Make the trie of everything that a line, sentence, word or tag worth a look begins with."""
    root = _Node()
    for starts, bit, whole in _starts():
        for start in starts:
            root.insert(start, bit, whole=whole)
    rows: list[list[int]] = [[0, _NONE, _NONE, 0, 0], [_POINTS, _NONE, _NONE, 0, 0]]
    root.append_children(rows, 0)
    return np.array(rows, np.int32)


def _starts() -> Iterator[tuple[Iterable[str], int, bool]]:
    """Yield starts, what a text that begins so may be like, and whether the word must end there."""
    for patterns in FURNITURE.values():
        for pattern in patterns:
            yield literal_starts(furniture.fill(pattern), _LENGTH), kernels.LIKE_FURNITURE, False
    for notice in NOTICES:
        yield literal_starts(notice, _LENGTH), kernels.LIKE_NOTICE, False
    yield literal_starts(stubs.CALLS, _LENGTH), kernels.LIKE_NOTICE, False
    yield SIGN_OFFS, kernels.LIKE_SIGN_OFF, True
    yield pattern_starts(leading.NOTE.pattern, _LENGTH), kernels.LIKE_NOTE, False
    for matter in (leading.EAST_BYLINE, leading.STAMP, leading.RELEASE):
        yield pattern_starts(matter.pattern, _LENGTH), kernels.LIKE_MATTER, False
    yield literal_starts(leading.BYLINE_WORDS, 20), kernels.LIKE_MATTER, True
    yield AGENCIES, kernels.LIKE_MATTER, True
    yield DATE_WORDS, kernels.LIKE_DATE, True
    yield "0123456789", kernels.LIKE_DATE, False
    yield DATE_WORDS | PARTICLES, kernels.LIKE_PLACE, True
    yield markup.NAMES, kernels.LIKE_TAG, True


@dataclass(slots=True)
class _Node:
    children: dict[int, _Node] = field(default_factory=dict)
    complete: int = 0  # bits of the starts that end here
    whole: int = 0  # and of those that end here if the word does

    def insert(self, start: str, bit: int, *, whole: bool) -> None:
        folds, classes = _folds(), _classes()
        letters = [int(folds[ord(character)]) for character in start.casefold()]
        while letters and classes[letters[0]] & kernels.SIGN:
            letters.pop(0)
        if 0 in letters:
            letters, whole = letters[: letters.index(0)], False
        if not letters:
            raise ValueError(f"{start!r}: begins with no character that can be looked up")
        node = self
        for letter in letters:
            node = node.children.setdefault(letter, _Node())
        if whole:
            node.whole |= bit
        else:
            node.complete |= bit

    def append_children(self, rows: list[list[int]], place: int) -> None:
        """Append the children as rows, chained by letter from the row at `place`, which is this node's."""
        before, link = place, _CHILD
        for letter in sorted(self.children):
            child = self.children[letter]
            rows[before][link] = len(rows)
            before, link = len(rows), _SIBLING
            rows.append([letter, _NONE, _NONE, child.complete, child.whole])
            child.append_children(rows, before)


if __name__ == "__main__":
    version = np.frombuffer(unicodedata.unidata_version.encode(), np.uint8)
    np.savez_compressed(FILE, **build(), unicode=version)  # type: ignore[arg-type]
