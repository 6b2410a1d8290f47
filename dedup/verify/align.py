"""Two token sequences → what they share in order, and the gaps between."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import LCSseq

from dedup.verify.view import View

# Up to here the alignment is exact and takes milliseconds; beyond it goes in windows between anchors.
WINDOW_TOKENS = 20_000
# An anchor is a run of so many tokens found once in either text.
ANCHOR_TOKENS = 5
# Windows that hold more than this many token pairs have no anchor worth the name: they count as different.
_LARGEST_WINDOW = 100_000_000
# Equal runs up to here between much longer gaps are chance ("of the"), not a match.
_CHANCE_RUN = 3

Block = tuple[int, int, int]  # first token in a, first token in b, length
Gap = tuple[int, int, int, int]  # a[i1:i2] stands where b[j1:j2] does


@dataclass(frozen=True, slots=True)
class Alignment:
    """Equal runs in order, the gaps between them, and whether it was done in windows."""

    blocks: list[Block]
    gaps: list[Gap]
    windowed: bool

    @property
    def matched(self) -> int:
        """Tokens matched in order."""
        return sum(block[2] for block in self.blocks)


def align(a: View, b: View) -> Alignment:
    """Align two documents by their longest common subsequence of tokens.

    Examples
    --------
    >>> a = View(b"the toll rose to 12", bytes(5))
    >>> b = View(b"the toll rose to 14", bytes(5))
    >>> align(a, b).gaps
    [(4, 5, 4, 5)]
    """
    code_a, code_b = a.code, b.code
    windowed = max(len(code_a), len(code_b)) > WINDOW_TOKENS
    blocks = _align_in_windows(code_a, code_b) if windowed else _matching_blocks(code_a, code_b)
    if not _same_hashes(a, b, blocks):
        code_a, code_b = _exact_codes(a, b)
        blocks = _align_in_windows(code_a, code_b) if windowed else _matching_blocks(code_a, code_b)
    blocks = _without_chance_runs(blocks, len(code_a), len(code_b))
    return Alignment(blocks, _gaps(blocks, len(code_a), len(code_b)), windowed)


def _matching_blocks(a: str, b: str) -> list[Block]:
    return [(m.a, m.b, m.size) for m in LCSseq.editops(a, b).as_matching_blocks() if m.size]


def _same_hashes(a: View, b: View, blocks: list[Block]) -> bool:
    """Tell whether every equal run is equal by the 64-bit hashes too."""
    if not blocks:
        return True
    runs_a = np.concatenate([a.hashes[i : i + n] for i, _, n in blocks])
    runs_b = np.concatenate([b.hashes[j : j + n] for _, j, n in blocks])
    return bool(np.array_equal(runs_a, runs_b))


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


def _without_chance_runs(blocks: list[Block], n_a: int, n_b: int) -> list[Block]:
    """Drop short equal runs that lie between much longer gaps on either side."""
    kept: list[Block] = []
    end_a = end_b = 0
    for at, (i, j, n) in enumerate(blocks):
        if n <= _CHANCE_RUN:
            next_a, next_b = (blocks[at + 1][0], blocks[at + 1][1]) if at + 1 < len(blocks) else (n_a, n_b)
            left = max(i - end_a, j - end_b)
            right = max(next_a - i - n, next_b - j - n)
            if min(left, right) >= 3 * n:
                continue
        kept.append((i, j, n))
        end_a, end_b = i + n, j + n
    return kept


def _gaps(blocks: list[Block], n_a: int, n_b: int) -> list[Gap]:
    gaps: list[Gap] = []
    end_a = end_b = 0
    for i, j, n in [*blocks, (n_a, n_b, 0)]:
        if i > end_a or j > end_b:
            gaps.append((end_a, i, end_b, j))
        end_a, end_b = i + n, j + n
    return gaps
