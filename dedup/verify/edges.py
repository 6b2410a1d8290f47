"""Headlines, datelines, contacts and links around a text: what is there carries no weight."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dedup.flags import TOKEN_CAPITAL, TOKEN_LINE_START, TOKEN_NUMBER, TOKEN_SENTENCE_START
from dedup.verify.align import Alignment
from dedup.verify.view import View, line_hashes, line_starts

# The edge of a text is what comes before the first, or after the last, equal run of so many tokens of
# prose: a headline that both have is no prose, and the dateline below it still an edge.
SOLID_RUN = 8
# An edge is a frame up to so many tokens, and up to this part of the text: longer ones have something to say.
FRAME_TOKENS = 60
FRAME_PART = 5
# Prose has more than this share of words in small letters; headlines, datelines and contacts have fewer.
SMALL_LETTERS = 0.55
# Where capitals tell nothing, only a dateline's length counts as frame.
CASELESS_FRAME_TOKENS = 12
# Lists of links: lines up to so many tokens, that begin with a capital, without a sentence's end, three at least.
LINK_TOKENS = 16
LINK_LINES = 3
LINK_NUMBERS = 0.2


class Frames(NamedTuple):
    """Where edges begin and end in both texts, and which of them are frames.

    ``head`` and ``tail`` are places in a and b; the four flags tell whether
    the head of a, the head of b, the tail of a, the tail of b is a frame.
    """

    head: tuple[int, int]
    tail: tuple[int, int]
    framed: tuple[tuple[bool, bool], tuple[bool, bool]]


def find_frames(a: View, b: View, alignment: Alignment) -> Frames:
    """Find the edges of an aligned pair and judge them."""
    solid = [block for block in alignment.blocks if block[2] >= SOLID_RUN and _is_prose(a, block[0], block[2])]
    head, tail = (0, 0), (a.n_tokens, b.n_tokens)
    if solid:
        first, last = solid[0], solid[-1]
        limit = min(FRAME_TOKENS, min(a.n_tokens, b.n_tokens) // FRAME_PART)
        # If both edges are long, the texts begin, or end, differently: that is no frame.
        if min(first[:2]) <= limit:
            head = first[0], first[1]
        end = last[0] + last[2], last[1] + last[2]
        if min(a.n_tokens - end[0], b.n_tokens - end[1]) <= limit:
            tail = end
    return Frames(
        head,
        tail,
        (
            (is_frame(a, 0, head[0]), is_frame(b, 0, head[1])),
            (is_frame(a, tail[0], a.n_tokens), is_frame(b, tail[1], b.n_tokens)),
        ),
    )


def _is_prose(view: View, start: int, size: int) -> bool:
    if view.capitals == "nothing":
        return True
    small = sum(1 for k in view.classes[start : start + size] if not k & (TOKEN_CAPITAL | TOKEN_NUMBER))
    return small > SMALL_LETTERS * size


def is_frame(view: View, start: int, end: int) -> bool:
    """Tell whether the tokens of an edge look like a headline, a dateline, a contact or links."""
    n = end - start
    if not n:
        return False
    if n > min(FRAME_TOKENS, view.n_tokens // FRAME_PART):
        return is_link_list(view, start, end)
    if view.capitals == "nothing":
        return n <= CASELESS_FRAME_TOKENS
    small = sum(1 for k in view.classes[start:end] if not k & (TOKEN_CAPITAL | TOKEN_NUMBER))
    return small <= SMALL_LETTERS * n or is_link_list(view, start, end)


def is_link_list(view: View, start: int, end: int) -> bool:
    """Tell whether an edge is a list of short lines without sentences: related links, menus, tags.

    Wrapped prose is none: most of its lines begin with a small letter.
    """
    if view.capitals == "nothing" or end - start > view.n_tokens // 2:
        return False
    classes = view.classes
    lines = [p for p in range(start, end) if classes[p] & TOKEN_LINE_START]
    if len(lines) < LINK_LINES or lines[0] != start:
        return False
    longest = max(q - p for p, q in zip(lines, [*lines[1:], end], strict=True))
    inner = sum(1 for p in range(start, end) if classes[p] & TOKEN_SENTENCE_START) - len(lines)
    capitals = sum(1 for p in lines if classes[p] & (TOKEN_CAPITAL | TOKEN_NUMBER))
    numbers = sum(1 for k in classes[start:end] if k & TOKEN_NUMBER)
    return (
        longest <= LINK_TOKENS
        and inner <= 0
        and capitals >= 0.9 * len(lines)
        and numbers <= LINK_NUMBERS * (end - start)
    )


def house_places(view: View, house: NDArray[np.uint64]) -> frozenset[int]:
    """Return the places of tokens in house lines; `house` is sorted."""
    if not len(house):
        return frozenset()
    hashes = line_hashes(view)
    at = np.searchsorted(house, hashes)
    known = (at < len(house)) & (house[np.minimum(at, len(house) - 1)] == hashes)
    if not known.any():
        return frozenset()
    starts = line_starts(view)
    ends = np.append(starts[1:], view.n_tokens)
    return frozenset(
        place for p, q in zip(starts[known], ends[known], strict=True) for place in range(int(p), int(q))
    )
