"""The alignment kernel against RapidFuzz, and pairs surveyed together against pairs surveyed alone."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import LCSseq

from dedup.config import VerifyConfig
from dedup.kernels.align import align_texts
from dedup.verify import Overlap, View, read_tokens, relate, relate_pairs
from dedup.verify.align import WINDOW_TOKENS, survey

# Few distinct tokens make many alignments of one length; lengths around a machine word are its edges.
TOKENS = st.one_of(
    st.lists(st.integers(0, 2), max_size=140),
    st.lists(st.integers(0, 40), max_size=140),
    st.lists(st.integers(0, 4), min_size=62, max_size=66),
)


def runs_of(a: list[int], b: list[int]) -> list[list[int]]:
    blocks = np.empty((min(len(a), len(b)), 3), np.int32)
    hashes = (np.array(some, np.uint64) * np.uint64(0x9E3779B97F4A7C15) for some in (a, b))
    found: list[list[int]] = blocks[: align_texts(*hashes, blocks)].tolist()
    return found


def runs_of_rapidfuzz(a: list[int], b: list[int]) -> list[list[int]]:
    return [[m.a, m.b, m.size] for m in LCSseq.editops(a, b).as_matching_blocks() if m.size]


@given(TOKENS, TOKENS)
@settings(max_examples=400, deadline=None)
def test_runs_are_those_of_rapidfuzz(a: list[int], b: list[int]) -> None:
    assert runs_of(a, b) == runs_of_rapidfuzz(a, b)


@given(TOKENS, st.sets(st.integers(0, 139), max_size=12))
@settings(max_examples=200, deadline=None)
def test_runs_of_an_edited_copy_are_those_of_rapidfuzz(a: list[int], gone: set[int]) -> None:
    b = [token for place, token in enumerate(a) if place not in gone]
    assert runs_of(a, b) == runs_of_rapidfuzz(a, b)


def text_of(rng: random.Random, n_tokens: int) -> list[str]:
    return [
        rng.choice(("12", "Brandt", "harbour", "the", "of", f"w{rng.randint(0, 500)}"))
        for _ in range(n_tokens)
    ]


def view_of(words: list[str]) -> View:
    classes = bytes((word[0].isdigit() | 2 * word[0].isupper()) for word in words)
    return View(" ".join(words).lower().encode(), classes, date=0)


@pytest.mark.parametrize("max_days", [None, 1])
def test_pairs_judged_together_get_the_verdicts_of_pairs_judged_alone(max_days: int | None) -> None:
    rng = random.Random(5)
    texts = [text_of(rng, rng.choice((0, 1, 20, 90, 300))) for _ in range(8)]
    # Texts of one length, whose order their keys decide, and two too long to be aligned in one piece.
    texts += [[*some[:-1], "end"] for some in texts if some]
    long = text_of(rng, WINDOW_TOKENS + 500)
    texts += [long, [word for word in long if rng.random() < 0.9]]
    views = [view_of(words) for words in texts]
    for number, view in enumerate(views):
        view.date = number * 3 * 10**10
    keys, classes = [v.key for v in views], [v.classes for v in views]
    together = read_tokens(
        np.frombuffer(b"".join(keys), np.uint8), np.cumsum([0, *map(len, keys)]),
        np.frombuffer(b"".join(classes), np.uint8), np.cumsum([0, *map(len, classes)]),
    )  # fmt: skip
    left, right = np.triu_indices(len(views), 1)
    overlaps = [Overlap(10, 20, 30)] * len(left)
    config, house = VerifyConfig(max_days=max_days), np.empty(0, np.uint64)

    def view(number: int) -> View:
        return View.of(together, number, date=views[number].date)

    judged = list(relate_pairs(view, together, left, right, overlaps, house, config))
    alone = [
        relate(views[a], views[b], Overlap(10, 20, 30), config=config)
        for a, b in zip(left.tolist(), right.tolist(), strict=True)
    ]
    assert judged == alone
    assert len({scored.relation for scored in judged}) > 1


def test_windows_between_anchors_find_what_one_piece_finds() -> None:
    rng = random.Random(2)
    words = [f"w{rng.randint(0, 10_000)}" for _ in range(WINDOW_TOKENS + 2_000)]
    other = [word if rng.random() > 0.05 else "changed" for word in words]
    a, b = view_of(words), view_of(other)
    shown = survey(a, b)
    assert shown.windowed
    whole = sum(n for _, _, n in runs_of(a.hashes.tolist(), b.hashes.tolist()))
    assert whole - shown.matched <= whole // 100
