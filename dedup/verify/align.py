"""Token sequences → what pairs of them share in order, and the gaps between."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dedup.kernels import gaps as kernels
from dedup.kernels.align import align_texts
from dedup.verify.view import Tokens, View

# Up to here the alignment is exact and takes milliseconds; beyond it goes in windows between anchors.
WINDOW_TOKENS = 20_000
# An anchor is a run of so many tokens found once in either text.
ANCHOR_TOKENS = 5
# Windows that hold more than this many token pairs have no anchor worth the name: they count as different.
_LARGEST_WINDOW = 100_000_000
# Pairs surveyed at once have so many tokens and, if one has not more alone, so many gaps.
_TOKENS_AT_ONCE = 1 << 22
_GAPS_AT_ONCE = 1 << 14
_NO_RUNS = np.empty((0, 3), np.int32)
_ANCHOR_PRIME = np.uint64(0xD6E8FEB86659FD93)
_ANCHOR_SHIFT = np.uint64(29)

Run = tuple[int, int, int]  # first token in a, first token in b, length


@dataclass(frozen=True, slots=True)
class Surveys:
    """The alignments of some pairs and what they show at a glance.

    Attributes
    ----------
    tokens : Tokens
        All documents.
    left, right : int64 (n_pairs,)
        Their numbers.
    marks, marks_at : uint8, int64 (n_pairs + 1,)
        One per token, the left text's and then the right one's: `dedup.kernels.facts` names them.
    gaps, gaps_at : int32 (n_gaps, 4), int64 (n_pairs + 1,)
        ``a[i1:i2]`` stands where ``b[j1:j2]`` does.
    counts : list of list of int
        Places are named in `dedup.kernels.gaps`.
    windowed : bool
        Too long to be aligned in one piece.
    """

    tokens: Tokens
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    marks: NDArray[np.uint8]
    marks_at: NDArray[np.int64]
    gaps: NDArray[np.int32]
    gaps_at: NDArray[np.int64]
    counts: list[list[int]]
    windowed: bool


class Survey:
    """One of several alignments.

    Parameters
    ----------
    among : Surveys
    number : int
        Its place among them.
    """

    __slots__ = ("_marks", "among", "counts", "number")

    def __init__(self, among: Surveys, number: int) -> None:
        self.among, self.number = among, number
        self.counts = among.counts[number]
        self._marks: tuple[bytes, bytes] | None = None

    @property
    def gaps(self) -> NDArray[np.int32]:
        """``a[i1:i2]`` stands where ``b[j1:j2]`` does, int32, shape (n_gaps, 4)."""
        start, end = self.among.gaps_at[self.number : self.number + 2].tolist()
        return self.among.gaps[start:end]

    @property
    def marks(self) -> tuple[bytes, bytes]:
        """One per token of a and of b: `dedup.kernels.facts` names them."""
        if self._marks is None:
            among = self.among
            start, end = among.marks_at[self.number : self.number + 2].tolist()
            first, last = among.tokens.offsets[among.left[self.number] :][:2].tolist()
            middle = start + last - first
            self._marks = among.marks[start:middle].tobytes(), among.marks[middle:end].tobytes()
        return self._marks

    @property
    def windowed(self) -> bool:
        """Too long to be aligned in one piece."""
        return self.among.windowed

    @property
    def matched(self) -> int:
        """Tokens matched in order."""
        return self.counts[kernels.COMMON]


def survey(a: View, b: View, house: NDArray[np.uint64] | None = None) -> Survey:
    """Align two documents by their longest common subsequence of tokens and weigh the gaps.

    Parameters
    ----------
    a, b : View
        The two documents.
    house : numpy.ndarray of uint64, optional
        Hashes of house lines (`line_hashes`), sorted: such lines carry no weight.

    Examples
    --------
    >>> a = View(b"the toll rose to 12", bytes([6, 0, 0, 0, 1]))
    >>> b = View(b"the toll rose to 14", bytes([6, 0, 0, 0, 1]))
    >>> survey(a, b).gaps.tolist()
    [[4, 5, 4, 5]]
    """
    tokens, left, right = _together(a, b)
    in_house = np.array([house is not None and len(house) > 0])
    marked = tokens.mark_house(house) if house is not None else np.empty(0, np.uint8)
    return Survey(next(survey_pairs(tokens, np.array([left]), np.array([right]), in_house, marked)), 0)


def survey_pairs(
    tokens: Tokens,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    in_house: NDArray[np.bool_],
    house: NDArray[np.uint8],
) -> Iterator[Surveys]:
    """Survey pairs of documents in their order, some at once.

    Parameters
    ----------
    tokens : Tokens
        All documents.
    left, right : numpy.ndarray of int64, shape (n_pairs,)
        Their numbers.
    in_house : numpy.ndarray of bool, shape (n_pairs,)
        Whether house lines of a pair carry no weight.
    house : numpy.ndarray of uint8
        `Tokens.mark_house`.
    """
    sizes = np.diff(tokens.offsets)
    longest, both = np.maximum(sizes[left], sizes[right]), sizes[left] + sizes[right]
    cased = np.array([one != "nothing" for one in tokens.capitals])
    start = 0
    while start < len(left):
        windowed = bool(longest[start] > WINDOW_TOKENS)
        stop = start + 1
        if not windowed:
            fits = (longest[start:] <= WINDOW_TOKENS) & (np.cumsum(both[start:]) <= _TOKENS_AT_ONCE)
            stop = start + max(1, int(np.argmin(fits)) if not fits.all() else len(fits))
        pairs = slice(start, stop)
        runs = _align_in_windows(tokens, int(left[start]), int(right[start])) if windowed else _NO_RUNS
        yield from _survey_some(
            tokens, left[pairs], right[pairs], in_house[pairs], house, cased, runs, windowed=windowed
        )
        start = stop


def _survey_some(
    tokens: Tokens,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    in_house: NDArray[np.bool_],
    house: NDArray[np.uint8],
    cased: NDArray[np.bool_],
    runs: NDArray[np.int32],
    *,
    windowed: bool,
) -> Iterator[Surveys]:
    sizes = np.diff(tokens.offsets)
    marks_at = np.zeros(len(left) + 1, np.int64)
    np.cumsum(sizes[left] + sizes[right], out=marks_at[1:])
    marks = np.empty(int(marks_at[-1]), np.uint8)
    gaps_at = np.zeros(len(left) + 1, np.int64)
    counts = np.zeros((len(left), kernels.N_COUNTS), np.int64)
    most = len(runs) if windowed else int(np.minimum(sizes[left], sizes[right]).max())
    first = 0
    while first < len(left):
        gaps = np.empty((max(most + 1, _GAPS_AT_ONCE if len(left) > 1 else 0), 4), np.int32)
        gaps_at[first] = 0
        done = kernels.survey_pairs(
            first, left, right, in_house, tokens.offsets, tokens.hashes, tokens.folded, tokens.facts,
            tokens.classes, cased, house, runs, windowed, marks_at, marks, gaps_at, gaps, counts,
        )  # fmt: skip
        # The place of the next pair's gaps is overwritten.
        some, places = slice(first, done), slice(first, done + 1)
        yield Surveys(
            tokens, left[some], right[some], marks, marks_at[places], gaps[: gaps_at[done]],
            gaps_at[places].copy(),
            counts[some].tolist(), windowed,
        )  # fmt: skip
        first = done


def _together(a: View, b: View) -> tuple[Tokens, int, int]:
    """Return the tokens of both documents in one piece, and their numbers there."""
    if a.among is b.among:
        return a.among, a.number, b.number
    key, classes = np.concatenate([a.key_bytes, b.key_bytes]), np.concatenate([a.kinds, b.kinds])
    key.flags.writeable = classes.flags.writeable = False
    offsets = np.array([0, a.n_tokens, a.n_tokens + b.n_tokens])
    return (
        Tokens(
            key, np.array([0, len(a.key_bytes), len(key)]), classes, offsets,
            np.concatenate([a.hashes, b.hashes]), np.concatenate([a.folded, b.folded]),
            np.concatenate([a.facts, b.facts]), np.concatenate([a.starts, b.starts]),
            [a.capitals, b.capitals], [a.unspaced, b.unspaced],
        ),
        0,
        1,
    )  # fmt: skip


def _align_in_windows(tokens: Tokens, left: int, right: int) -> NDArray[np.int32]:
    """Align between anchors, so that time grows with the length and not with its square."""
    a = tokens.hashes[tokens.offsets[left] : tokens.offsets[left + 1]]
    b = tokens.hashes[tokens.offsets[right] : tokens.offsets[right + 1]]
    runs: list[Run] = []
    at_a = at_b = 0
    for i, j in [*_anchors(a, b), (len(a), len(b))]:
        if i < at_a or j < at_b:
            continue
        if (i - at_a) * (j - at_b) <= _LARGEST_WINDOW:
            blocks = np.empty((min(i - at_a, j - at_b), 3), np.int32)
            n_blocks = align_texts(a[at_a:i], b[at_b:j], blocks)
            for p, q, n in blocks[:n_blocks].tolist():
                _append(runs, (at_a + p, at_b + q, n))
        if i < len(a) and j < len(b):
            _append(runs, (i, j, ANCHOR_TOKENS))
        at_a, at_b = i + ANCHOR_TOKENS, j + ANCHOR_TOKENS
    return np.array(runs, np.int32).reshape(-1, 3)


def _append(runs: list[Run], run: Run) -> None:
    if runs:
        i, j, n = runs[-1]
        if i + n == run[0] and j + n == run[1]:
            runs[-1] = (i, j, n + run[2])
            return
    runs.append(run)


def _anchors(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Return the longest rising chain of runs that are found once in either text."""
    once_a, places_a = _found_once(a)
    once_b, places_b = _found_once(b)
    _, in_a, in_b = np.intersect1d(once_a, once_b, assume_unique=True, return_indices=True)
    pairs = sorted(zip(places_a[in_a].tolist(), places_b[in_b].tolist(), strict=True))
    # Longest increasing subsequence over the places in b.
    tails: list[int] = []
    tail_at: list[int] = []
    before = [-1] * len(pairs)
    for at, (_, j) in enumerate(pairs):
        place = bisect_left(tails, j)
        before[at] = tail_at[place - 1] if place else -1
        if place == len(tails):
            tails.append(j)
            tail_at.append(at)
        else:
            tails[place] = j
            tail_at[place] = at
    chain: list[tuple[int, int]] = []
    at = tail_at[-1] if tail_at else -1
    while at >= 0:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


def _found_once(hashes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the runs of `ANCHOR_TOKENS` tokens that stand once in a text, as hashes, and where."""
    n_runs = max(0, len(hashes) - ANCHOR_TOKENS + 1)
    values = np.zeros(n_runs, np.uint64)
    for k in range(ANCHOR_TOKENS):
        values = (values ^ hashes[k : k + n_runs]) * _ANCHOR_PRIME
        values ^= values >> _ANCHOR_SHIFT
    distinct, places, found = np.unique(values, return_index=True, return_counts=True)
    return distinct[found == 1], places[found == 1]
