"""Headlines, datelines, contacts and links around a text: what is there carries no weight."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dedup.flags import TOKEN_CAPITAL, TOKEN_LINE_START, TOKEN_NUMBER, TOKEN_SENTENCE_START
from dedup.verify.align import Alignment, Gap
from dedup.verify.facts import MONTHS, WEEKDAYS
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
# Lists of links: lines of up to so many tokens, each begun with a capital, that end no sentence.
LINK_TOKENS = 16
LINK_LINES = 3
LINK_NUMBERS = 0.2
# In a shorter text, and beside more than this part of one, what is exchanged at an edge is the message:
# the town of a notice, the day of a table.
FRAMED_TOKENS = 120
FRAMED_PART = 12
# A dateline with agency and date: "WASHINGTON, D.C., Tuesday, May 16th, 2006 - U.S. Senators".
DATELINE_TOKENS = range(3, 13)


class _Counts(Protocol):
    foreign: int



# What is left of the two sides of a gap: places in a and in b.
Places = tuple[list[int], list[int]]


class Edges(NamedTuple):
    """Where edges begin and end in both texts, and which of them are frames.

    ``head`` and ``tail`` are places in a and b; the four flags tell whether
    the head of a, the head of b, the tail of a, the tail of b is a frame.
    """

    head: tuple[int, int]
    tail: tuple[int, int]
    framed: tuple[tuple[bool, bool], tuple[bool, bool]]


def find_edges(a: View, b: View, alignment: Alignment) -> Edges:
    """Find the edges of an aligned pair and judge them."""
    long_runs = [block for block in alignment.blocks if block[2] >= SOLID_RUN]
    solid = [block for block in long_runs if _is_prose(a, block[0], block[2])]
    head, tail = (0, 0), (a.n_tokens, b.n_tokens)
    if solid:
        first, last = solid[0], solid[-1]
        limit = min(FRAME_TOKENS, min(a.n_tokens, b.n_tokens) // FRAME_PART)
        # If both edges are long, the texts begin, or end, differently: that is no frame.
        if min(first[:2]) <= limit:
            head = _last_start(a, first[0]), _last_start(b, first[1])
        end = last[0] + last[2], last[1] + last[2]
        if min(a.n_tokens - end[0], b.n_tokens - end[1]) <= limit:
            tail = _next_start(a, end[0]), _next_start(b, end[1])
    return Edges(
        head,
        tail,
        (
            (is_frame(a, 0, head[0]), is_frame(b, 0, head[1])),
            (is_frame(a, tail[0], a.n_tokens), is_frame(b, tail[1], b.n_tokens)),
        ),
    )


def _last_start(view: View, place: int) -> int:
    """Return the start of the sentence or line that `place` stands in."""
    while place > 0 and not _starts(view, place):
        place -= 1
    return place


def _next_start(view: View, place: int) -> int:
    while place < view.n_tokens and not _starts(view, place):
        place += 1
    return place


def _starts(view: View, place: int) -> bool:
    # A line that goes on in small letters is wrapped prose.
    kind = view.classes[place]
    new_line = kind & TOKEN_LINE_START and kind & (TOKEN_CAPITAL | TOKEN_NUMBER)
    return bool(kind & TOKEN_SENTENCE_START or new_line)


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


def without_dateline(view: View, places: list[int], counts: _Counts) -> list[int]:
    """Drop a date with its place and agency: no word in small letters, a month or a weekday among them."""
    if len(places) not in DATELINE_TOKENS or view.n_tokens < FRAMED_TOKENS:
        return places
    classes, tokens = view.classes, view.tokens
    if not all(classes[p] & (TOKEN_CAPITAL | TOKEN_NUMBER) for p in places):
        return places
    if not any(tokens[p] in MONTHS or tokens[p] in WEEKDAYS for p in places):
        return places
    counts.foreign += len(places)
    return []


def without_frames(
    pair: tuple[View, View], edges: Edges, gap: Gap, places: Places, counts: tuple[_Counts, _Counts]
) -> Places:
    """Drop from both sides of a gap what stands in a frame."""
    a, b = pair
    left, right = places
    rest_a = _inside(left, edges, 0, a, gap[0] == 0 or gap[1] == a.n_tokens)
    rest_b = _inside(right, edges, 1, b, gap[2] == 0 or gap[3] == b.n_tokens)
    framed_a, framed_b = len(left) - len(rest_a), len(right) - len(rest_b)
    if left and right and max(len(left), len(right)) <= 3 * min(len(left), len(right)) + 5:
        shorter = min(a.n_tokens, b.n_tokens)
        small = min(framed_a, framed_b)
        if not small or shorter < FRAMED_TOKENS or shorter < FRAMED_PART * small:
            return places
    counts[0].foreign += framed_a
    counts[1].foreign += framed_b
    return rest_a, rest_b


def _inside(places: list[int], edges: Edges, side: int, view: View, at_end: bool) -> list[int]:
    """Return the places that are in no frame."""
    if not places:
        return places
    start = edges.head[side] if edges.framed[0][side] else 0
    stop = edges.tail[side] if edges.framed[1][side] else view.n_tokens
    rest = [p for p in places if start <= p < stop]
    # A headline or a contact that one text has before or after all else, in a text without line ends.
    if rest and at_end and view.n_tokens >= FRAMED_TOKENS and is_frame(view, rest[0], rest[-1] + 1):
        return []
    return rest


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
