"""Two token sequences → what they share in order, and the gaps between."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from dedup.kernels import gaps as kernels
from dedup.verify.view import View

# Up to here the alignment is exact and takes milliseconds; beyond it goes in windows between anchors.
WINDOW_TOKENS = 20_000
# An anchor is a run of so many tokens found once in either text.
ANCHOR_TOKENS = 5
# Windows that hold more than this many token pairs have no anchor worth the name: they count as different.
_LARGEST_WINDOW = 100_000_000

Block = tuple[int, int, int]  # first token in a, first token in b, length
Gap = tuple[int, int, int, int]  # a[i1:i2] stands where b[j1:j2] does


@dataclass(frozen=True, slots=True)
class Survey:
    """An alignment and what it shows at a glance.

    Attributes
    ----------
    gaps : numpy.ndarray of int32, shape (n_gaps, 4)
        ``a[i1:i2]`` stands where ``b[j1:j2]`` does.
    marks : tuple of bytes
        One per token of a and of b: `dedup.kernels.gaps` names them.
    counts : list of int
        Places are named in `dedup.kernels.gaps`.
    windowed : bool
        Too long to be aligned in one piece.
    """

    gaps: NDArray[np.int32]
    marks: tuple[bytes, bytes]
    counts: list[int]
    windowed: bool

    @property
    def matched(self) -> int:
        """Tokens matched in order."""
        return self.counts[kernels.COMMON]


def survey(a: View, b: View, houses: tuple[NDArray[np.uint8] | None, ...] = (None, None)) -> Survey:
    """Align two documents by their longest common subsequence of tokens and weigh the gaps.

    Parameters
    ----------
    a, b : View
        The two documents.
    houses : tuple of numpy.ndarray of uint8, optional
        Marks of a and of b with `HOUSE` where a token stands in a house line.

    Examples
    --------
    >>> a = View(b"the toll rose to 12", bytes([6, 0, 0, 0, 1]))
    >>> b = View(b"the toll rose to 14", bytes([6, 0, 0, 0, 1]))
    >>> survey(a, b).gaps.tolist()
    [[4, 5, 4, 5]]
    """
    windowed = max(a.n_tokens, b.n_tokens) > WINDOW_TOKENS
    blocks, gaps = _find_gaps(a, b, a.code, b.code, windowed)
    if gaps is None:
        blocks, gaps = _find_gaps(a, b, *_exact_codes(a, b), windowed)
    marks_a = np.zeros(a.n_tokens, np.uint8) if houses[0] is None else houses[0].copy()
    marks_b = np.zeros(b.n_tokens, np.uint8) if houses[1] is None else houses[1].copy()
    counts = np.zeros(kernels.N_COUNTS, np.int64)
    if gaps is None:  # unreachable: exact codes differ where hashes do
        raise AssertionError
    kernels.weigh_gaps(
        blocks, gaps, a.hashes, a.folded, a.facts, a.kinds, a.capitals != "nothing", marks_a,
        b.hashes, b.folded, b.facts, b.kinds, b.capitals != "nothing", marks_b, counts,
    )  # fmt: skip
    return Survey(gaps, (marks_a.tobytes(), marks_b.tobytes()), counts.tolist(), windowed)


def _find_gaps(
    a: View, b: View, code_a: str, code_b: str, windowed: bool
) -> tuple[NDArray[np.int32], NDArray[np.int32] | None]:
    """Align; return equal runs and gaps, None for the gaps if two tokens shared a code."""
    runs = _align_in_windows(code_a, code_b) if windowed else _matching_blocks(code_a, code_b)
    blocks = np.array(runs, np.int32).reshape(-1, 3)
    gaps = np.empty((len(runs) + 1, 4), np.int32)
    n_blocks, n_gaps = kernels.find_gaps(blocks, a.hashes, b.hashes, gaps)
    return blocks[:n_blocks], gaps[:n_gaps] if n_blocks >= 0 else None


def _matching_blocks(a: str, b: str) -> list[Block]:
    return [(m.a, m.b, m.size) for m in LCSseq.editops(a, b).as_matching_blocks() if m.size]


def _exact_codes(a: View, b: View) -> tuple[str, str]:
    _, places = np.unique(np.concatenate([a.hashes, b.hashes]), return_inverse=True)
    points = places.astype("<u4") + np.where(places < 0xD800, 0, 0x800).astype("<u4")
    text = points.astype("<u4").tobytes().decode("utf-32-le")
    return text[: a.n_tokens], text[a.n_tokens :]


def _align_in_windows(a: str, b: str) -> list[Block]:
    """Align between anchors, so that time grows with the length and not with its square."""
    blocks: list[Block] = []
    at_a = at_b = 0
    for i, j in [*_anchors(a, b), (len(a), len(b))]:
        if i < at_a or j < at_b:
            continue
        if (i - at_a) * (j - at_b) <= _LARGEST_WINDOW:
            for p, q, n in _matching_blocks(a[at_a:i], b[at_b:j]):
                _append(blocks, (at_a + p, at_b + q, n))
        if i < len(a) and j < len(b):
            _append(blocks, (i, j, ANCHOR_TOKENS))
        at_a, at_b = i + ANCHOR_TOKENS, j + ANCHOR_TOKENS
    return blocks


def _append(blocks: list[Block], block: Block) -> None:
    if blocks:
        i, j, n = blocks[-1]
        if i + n == block[0] and j + n == block[1]:
            blocks[-1] = (i, j, n + block[2])
            return
    blocks.append(block)


def _anchors(a: str, b: str) -> list[tuple[int, int]]:
    """Return the longest rising chain of runs that are found once in either text."""
    once_a, once_b = _found_once(a), _found_once(b)
    pairs = sorted((i, once_b[run]) for run, i in once_a.items() if run in once_b)
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


def _found_once(code: str) -> dict[str, int]:
    first: dict[str, int] = {}
    repeated: set[str] = set()
    for at in range(len(code) - ANCHOR_TOKENS + 1):
        run = code[at : at + ANCHOR_TOKENS]
        if run in first:
            repeated.add(run)
        else:
            first[run] = at
    for run in repeated:
        del first[run]
    return first
