"""One document as the verifier sees it: tokens, their classes, and what is derived from them on first use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dedup.flags import TOKEN_LINE_START
from dedup.kernels.facts import mark_house, name_facts
from dedup.verify.lexicon import special_words

# A token's stand-in character: a code point past the surrogates, up to the end of Unicode.
_FIRST_POINT = 0xE000
_N_POINTS = np.uint64(0x110000 - _FIRST_POINT)
LINE_PRIME = np.uint64(0x9E3779B97F4A7C15)
# Above this share of capitals inside sentences a text is set in capitals or in headline style.
_ALL_CAPITALS = 0.85
# Of the articles and prepositions found together only in languages that capitalise every noun.
NOUN_LANGUAGE_WORDS = 3


class View:
    """One document: key tokens, class bytes and the fields that help to judge it.

    Parameters
    ----------
    key : bytes
        UTF-8 tokens joined by single spaces.
    classes : bytes
        One byte per token, bits ``TOKEN_*`` of `dedup.schema`.
    title_tokens : sequence of str
        The title's key tokens, empty when there is no title.
    source : str, optional
    date : int, optional
        Microseconds since 1970-01-01 UTC.

    Examples
    --------
    >>> view = View(b"toll rises to 12", bytes([6, 0, 0, 1]))
    >>> view.tokens
    ['toll', 'rises', 'to', '12']
    """

    __slots__ = (
        "_code", "_house", "_tokens", "capitals", "classes", "date", "facts", "folded", "hashes", "key",
        "kinds", "n_tokens", "source", "title_tokens",
    )  # fmt: skip

    def __init__(
        self,
        key: bytes,
        classes: bytes,
        *,
        title_tokens: Sequence[str] = (),
        source: str | None = None,
        date: int | None = None,
    ) -> None:
        n_tokens = len(classes)
        self.key = key
        self.classes = classes
        self.n_tokens = n_tokens
        self.title_tokens = title_tokens
        self.source = source
        self.date = date
        self.kinds: NDArray[np.uint8] = np.frombuffer(classes, np.uint8)
        # One hash per token, the same for the forms of a number (`folded`), and bits of what it means.
        self.hashes = np.empty(n_tokens, np.uint64)
        self.folded = np.empty(n_tokens, np.uint64)
        self.facts = np.empty(n_tokens, np.uint16)
        tally = np.zeros(3, np.int64)
        name_facts(
            np.frombuffer(key, np.uint8), self.kinds, *special_words(), self.hashes, self.folded, self.facts,
            tally,
        )  # fmt: skip
        # What a capital inside a sentence tells: "names", "nouns" (German) or, in texts without case, all in
        # capitals or in headline style, "nothing".
        n_inside, n_capital, n_articles = tally.tolist()
        if n_capital == 0 or n_capital > _ALL_CAPITALS * n_inside:
            self.capitals = "nothing"
        else:
            self.capitals = "nouns" if n_articles >= NOUN_LANGUAGE_WORDS else "names"
        self._tokens: list[str] | None = None
        self._code: str | None = None
        self._house: tuple[NDArray[np.uint64], NDArray[np.uint8] | None] | None = None

    @property
    def tokens(self) -> list[str]:
        """The key's tokens."""
        if self._tokens is None:
            self._tokens = self.key.decode().split(" ") if self.key else []
        return self._tokens

    @property
    def code(self) -> str:
        """One character per token, so that alignment and look-up run over a string.

        Two tokens of one text share a character once in about a million: whoever
        reads equality off it checks the hashes.
        """
        if self._code is None:
            points = (self.hashes % _N_POINTS).astype(np.uint32) + np.uint32(_FIRST_POINT)
            self._code = points.astype("<u4").tobytes().decode("utf-32-le")
        return self._code

    def house_marks(self, house: NDArray[np.uint64]) -> NDArray[np.uint8] | None:
        """Mark the tokens in house lines, None where there are none; `house` holds sorted hashes of lines."""
        if self._house is None or self._house[0] is not house:
            self._house = house, self._mark_house(house)
        return self._house[1]

    def _mark_house(self, house: NDArray[np.uint64]) -> NDArray[np.uint8] | None:
        if not len(house):
            return None
        marks = np.zeros(self.n_tokens, np.uint8)
        found = mark_house(self.hashes, self.kinds, house, LINE_PRIME, marks)
        return marks if found else None


def line_hashes(view: View) -> NDArray[np.uint64]:
    """Return one hash per line of the text, uint64, shape (n_lines,), equal for equal lines.

    Examples
    --------
    >>> two = View(b"read more read more", bytes([14, 0, 14, 0]))
    >>> first, second = line_hashes(two)
    >>> bool(first == second)
    True
    """
    starts = line_starts(view)
    if not len(starts):
        return np.zeros(0, np.uint64)
    place = np.arange(view.n_tokens) - np.repeat(starts, np.diff(np.append(starts, view.n_tokens)))
    # Each token is weighed by its place in the line, so that order counts.
    weights = (place.astype(np.uint64) * np.uint64(2) + np.uint64(1)) * LINE_PRIME
    hashes: NDArray[np.uint64] = np.add.reduceat(view.hashes * weights, starts)
    return hashes


def line_starts(view: View) -> NDArray[np.int64]:
    """Return the positions of the first tokens of lines, int64; the text's first token is one."""
    starts = np.flatnonzero(np.frombuffer(view.classes, np.uint8) & TOKEN_LINE_START)
    if view.n_tokens and (not len(starts) or starts[0]):
        starts = np.insert(starts, 0, 0)
    return starts
