"""Documents as the verifier sees them: tokens, their classes, and what is derived from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedup.flags import TOKEN_LINE_START
from dedup.kernels.facts import mark_houses, name_facts
from dedup.verify.lexicon import special_words

LINE_PRIME = np.uint64(0x9E3779B97F4A7C15)
# Above this share of capitals inside sentences a text is set in capitals or in headline style.
_ALL_CAPITALS = 0.85
# Of the articles and prepositions found together only in languages that capitalise every noun.
NOUN_LANGUAGE_WORDS = 3


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of some documents, one behind the other.

    Attributes
    ----------
    key, key_offsets : uint8, int64 (n_documents + 1,)
        UTF-8 tokens joined by single spaces.
    classes : uint8 (n_tokens,)
        Bits ``TOKEN_*`` of `dedup.flags`.
    offsets : int64 (n_documents + 1,)
        Places of the documents in all arrays with one value per token.
    hashes, folded : uint64 (n_tokens,)
        One hash per token, and one that is the same for all forms of a number.
    facts : uint16 (n_tokens,)
        What a token means: bits of `dedup.kernels.facts`.
    starts : uint32 (n_tokens,)
        Where in its document's key a token begins.
    capitals : list of str
        What a capital inside a sentence tells, per document: "names", "nouns" (German) or, in texts without
        case, all in capitals or in headline style, "nothing".
    unspaced : list of bool
        Whether most of a document is written without spaces.
    """

    key: NDArray[np.uint8]
    key_offsets: NDArray[np.int64]
    classes: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    folded: NDArray[np.uint64]
    facts: NDArray[np.uint16]
    starts: NDArray[np.uint32]
    capitals: list[str]
    unspaced: list[bool]

    def mark_house(self, house: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """Mark the tokens in lines whose hash is in `house` (sorted); empty where there are none."""
        marks = np.zeros(len(self.hashes) if len(house) else 0, np.uint8)
        if len(house) and mark_houses(self.offsets, self.hashes, self.classes, house, LINE_PRIME, marks):
            return marks
        return marks[:0]


def read_tokens(
    key: NDArray[np.uint8],
    key_offsets: NDArray[np.int64],
    classes: NDArray[np.uint8],
    offsets: NDArray[np.int64],
) -> Tokens:
    """Derive what the verifier asks of tokens, for all documents at once."""
    # Numba compiles all once more for arrays of another kind, and these come from files, Arrow and stores.
    key, classes = _read_only(key), _read_only(classes)
    key_offsets, offsets = np.array(key_offsets), np.array(offsets)
    n_tokens = len(classes)
    hashes, folded = np.empty(n_tokens, np.uint64), np.empty(n_tokens, np.uint64)
    facts, starts = np.empty(n_tokens, np.uint16), np.empty(n_tokens, np.uint32)
    tallies = np.zeros((len(offsets) - 1, 4), np.int64)
    name_facts(key, key_offsets, classes, offsets, *special_words(), hashes, folded, facts, starts, tallies)
    n_inside, n_capital, n_articles, n_characters = tallies.T
    told = (n_capital > 0) & (n_capital <= _ALL_CAPITALS * n_inside)
    kinds = np.where(told, np.where(n_articles >= NOUN_LANGUAGE_WORDS, "nouns", "names"), "nothing")
    unspaced = 2 * n_characters > np.diff(offsets)
    return Tokens(
        key, key_offsets, classes, offsets, hashes, folded, facts, starts, kinds.tolist(), unspaced.tolist()
    )


def _read_only(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    view = np.ascontiguousarray(data).view()
    view.flags.writeable = False
    return view


class View:
    """One document: key tokens, class bytes and the fields that help to judge it.

    Parameters
    ----------
    key : bytes
        UTF-8 tokens joined by single spaces.
    classes : bytes
        One byte per token, bits ``TOKEN_*`` of `dedup.flags`.
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
        "_classes", "_key", "_some", "_words", "among", "capitals", "date", "facts", "folded", "hashes",
        "kinds", "n_tokens", "number", "source", "title_tokens", "unspaced",
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
        ends = np.array([0, len(key)]), np.array([0, len(classes)])
        tokens = read_tokens(np.frombuffer(key, np.uint8), ends[0], np.frombuffer(classes, np.uint8), ends[1])
        self._look(tokens, 0, title_tokens, source, date)

    @classmethod
    def of(
        cls,
        among: Tokens,
        number: int,
        *,
        title_tokens: Sequence[str] = (),
        source: str | None = None,
        date: int | None = None,
    ) -> View:
        """Return one of several documents."""
        view = cls.__new__(cls)
        view._look(among, number, title_tokens, source, date)
        return view

    def _look(
        self, among: Tokens, number: int, title: Sequence[str], source: str | None, date: int | None
    ) -> None:
        start, end = among.offsets[number : number + 2].tolist()
        self.among, self.number = among, number
        self.n_tokens: int = end - start
        self.kinds = among.classes[start:end]
        self.hashes, self.folded = among.hashes[start:end], among.folded[start:end]
        self.facts = among.facts[start:end]
        self.capitals, self.unspaced = among.capitals[number], among.unspaced[number]
        self.title_tokens, self.source, self.date = title, source, date
        self._key: bytes | None = None
        self._classes: bytes | None = None
        self._words: list[str] | None = None
        self._some: _Words | None = None

    @property
    def key_bytes(self) -> NDArray[np.uint8]:
        """The key as an array."""
        start, end = self.among.key_offsets[self.number : self.number + 2].tolist()
        return self.among.key[start:end]

    @property
    def starts(self) -> NDArray[np.uint32]:
        """Where in the key each token begins."""
        start = int(self.among.offsets[self.number])
        return self.among.starts[start : start + self.n_tokens]

    @property
    def key(self) -> bytes:
        """UTF-8 tokens joined by single spaces."""
        if self._key is None:
            self._key = self.key_bytes.tobytes()
        return self._key

    @property
    def classes(self) -> bytes:
        """One byte per token."""
        if self._classes is None:
            self._classes = self.kinds.tobytes()
        return self._classes

    @property
    def tokens(self) -> list[str]:
        """The key's tokens."""
        if self._words is None:
            self._words = self.key.decode().split(" ") if self.n_tokens else []
        return self._words

    @property
    def words(self) -> Sequence[str]:
        """The key's tokens too, each decoded when it is asked for: most documents are asked for few."""
        if self._words is not None:
            return self._words
        if self._some is None:
            self._some = _Words(self.key, self.starts)
        return self._some


class _Words(Sequence[str]):
    __slots__ = ("_key", "_starts")

    def __init__(self, key: bytes, starts: NDArray[np.uint32]) -> None:
        self._key, self._starts = key, starts

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, place: int) -> str:  # type: ignore[override]  # no slices
        end = self._key.find(b" ", start := self._starts[place])
        return (self._key[start:] if end < 0 else self._key[start:end]).decode()


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
    starts = np.flatnonzero(view.kinds & TOKEN_LINE_START)
    if view.n_tokens and (not len(starts) or starts[0]):
        starts = np.insert(starts, 0, 0)
    return starts
