"""Candidate pairs: found at the promised overlaps, bounded in number, independent of order."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from dedup import candidates
from dedup.candidates import Candidates, Sketched, find_candidates, rank_documents
from dedup.config import CandidateConfig
from dedup.normaliser.key import make_keys
from dedup.sketch import sketch

VOCABULARY = [f"word{number}" for number in range(4000)]


def articles(count: int, *, seed: int = 1, length: int = 300) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choice(VOCABULARY) for _ in range(length)) for _ in range(count)]


def sketch_texts(texts: list[str]) -> Sketched:
    keys, classes = make_keys(pa.array(texts, pa.large_string()))
    found = sketch(keys, classes)
    n_tokens = np.array([len(c.as_py()) for c in classes], np.int32)
    digests = np.array([[hash(t) & 0xFFFFFFFF, len(t)] for t in texts], np.uint64)
    return Sketched.of(
        found.signatures,
        found.fingerprints.flatten().to_numpy(),
        found.fingerprints.offsets.to_numpy(),
        rank_documents(n_tokens, digests),
    )


def candidates_of(texts: list[str], *, workers: int = 1) -> Candidates:
    return find_candidates(sketch_texts(texts), CandidateConfig(), workers=workers)


def named(texts: list[str], found: Candidates) -> set[frozenset[str]]:
    return {frozenset((texts[a], texts[b])) for a, b in found.pairs.tolist()}


def edited(text: str, share: float, rng: random.Random) -> str:
    return " ".join(rng.choice(VOCABULARY) if rng.random() < share else word for word in text.split())


def test_unrelated_texts_give_no_pairs() -> None:
    assert len(candidates_of(articles(300)).pairs) == 0


def test_copies_cut_to_a_fifth_are_found() -> None:
    texts = articles(150)
    cuts = [" ".join(text.split()[:60]) for text in texts]
    pairs = named(texts + cuts, candidates_of(texts + cuts))
    assert sum(frozenset((t, c)) in pairs for t, c in zip(texts, cuts, strict=True)) >= 149


def test_copies_with_a_fifth_of_the_words_edited_are_found() -> None:
    rng = random.Random(3)
    texts = articles(150)
    others = [edited(text, 0.2, rng) for text in texts]
    pairs = named(texts + others, candidates_of(texts + others))
    assert sum(frozenset((t, o)) in pairs for t, o in zip(texts, others, strict=True)) >= 148


def test_the_fuller_text_stands_first() -> None:
    texts = articles(20)
    cuts = [" ".join(text.split()[:100]) for text in texts]
    found = candidates_of(cuts + texts)
    assert len(found.pairs) >= 20
    assert all(a >= 20 > b for a, b in found.pairs.tolist())


def test_order_of_arrival_and_threads_change_nothing() -> None:
    rng = random.Random(5)
    texts = articles(60)
    texts += [edited(text, 0.1, rng) for text in texts]
    texts = [f"{text} tail{number}" for number, text in enumerate(texts)]
    expected = named(texts, candidates_of(texts))
    rng.shuffle(texts)
    assert named(texts, candidates_of(texts)) == expected
    assert named(texts, candidates_of(texts, workers=3)) == expected


def test_the_number_of_parts_of_the_hash_space_changes_nothing(monkeypatch) -> None:
    texts = articles(150)
    sketched = sketch_texts(texts + [" ".join(text.split()[:60]) for text in texts])
    whole = find_candidates(sketched, CandidateConfig())
    monkeypatch.setattr(candidates, "FINGERPRINTS_AT_ONCE", 1000)
    parts = find_candidates(sketched, CandidateConfig(), workers=2)
    assert parts.pairs.tolist() == whole.pairs.tolist()
    assert parts.counters == whole.counters


def test_however_few_pairs_are_looked_at_at_once_the_same_are_found(monkeypatch) -> None:
    rng = random.Random(11)
    texts = articles(1)
    texts += [edited(texts[0], 0.05, rng) for _ in range(40)]
    sketched = sketch_texts(texts)
    whole = find_candidates(sketched, CandidateConfig())
    monkeypatch.setattr(candidates, "PAIRS_AT_ONCE", 16)  # a bucket of forty makes 780
    few = find_candidates(sketched, CandidateConfig(), workers=3)
    assert few.pairs.tolist() == whole.pairs.tolist()
    assert few.counters == whole.counters


def test_a_flood_of_one_template_costs_a_bounded_number_of_pairs_each() -> None:
    rng = random.Random(7)
    form = articles(1, seed=9, length=120)[0].split()

    def fill() -> str:
        words = list(form)
        for place in range(0, 120, 12):
            words[place] = str(rng.randrange(10**6))
        return " ".join(words)

    small, large = [fill() for _ in range(500)], [fill() for _ in range(2000)]
    for texts in (small, large):
        assert len(candidates_of(texts).pairs) <= 32 * len(texts)
    # A near copy is found all the same: one more number apart from its twin, in a flood of siblings.
    twins = [text.replace(text.split()[0], str(rng.randrange(10**6)), 1) for text in large[:100]]
    pairs = named(large + twins, candidates_of(large + twins))
    assert sum(frozenset((t, o)) in pairs for t, o in zip(large, twins, strict=False)) >= 95


def test_ranks_put_the_longest_first_and_break_ties_by_content() -> None:
    digests = np.array([[5, 0], [3, 9], [3, 2]], np.uint64)
    ranks = rank_documents(np.array([7, 7, 7], np.int32), digests)
    assert ranks.tolist() == [2, 1, 0]
    assert rank_documents(np.array([7, 8, 9], np.int32), digests).tolist() == [2, 1, 0]
