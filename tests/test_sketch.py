"""Signatures bit for bit as datasketch makes them, and fingerprints that keep winnowing's promise."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.config import SketchConfig
from dedup.normaliser.key import make_keys
from dedup.sketch import Sketches, permutations, shingle_hash, sketch, to_datasketch, token_hash

WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyzäößéжщ", min_size=1, max_size=19)


def sketched(texts: list[str], config: SketchConfig | None = None) -> tuple[list[str], Sketches]:
    keys, classes = make_keys(pa.array(texts, pa.large_string()))
    return [key.as_py().decode() for key in keys], sketch(keys, classes, config=config)


def shingles_of(key: str, size: int = 3) -> list[bytes]:
    tokens = key.encode().split(b" ") if key else []
    if len(tokens) < size:
        return [b" ".join(tokens)] if tokens else []
    return [b" ".join(tokens[at : at + size]) for at in range(len(tokens) - size + 1)]


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("num_perm", [1, 64, 128, 1000])
def test_permutations_are_datasketch_s_own(num_perm: int, seed: int) -> None:
    expected = MinHash(num_perm=num_perm, seed=seed, scheme="affine32").permutations
    found = permutations(num_perm, seed)
    assert [part.dtype for part in found] == [np.uint32] * 2
    np.testing.assert_array_equal(np.array(found), expected)


@given(st.lists(WORDS, max_size=40), st.sampled_from([8, 128, 200]), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_signatures_are_datasketch_s_own(words: list[str], num_perm: int, seed: int) -> None:
    (key,), found = sketched([" ".join(words)], SketchConfig(num_perm=num_perm, seed=seed))
    expected = MinHash(num_perm=num_perm, seed=seed, hashfunc=shingle_hash, scheme="affine32")
    for shingle in shingles_of(key):
        expected.update(shingle)
    np.testing.assert_array_equal(found.signatures[0], expected.hashvalues)


def test_unspaced_text_is_cut_into_five_characters() -> None:
    (key,), found = sketched(["東京都知事選挙"])
    expected = MinHash(num_perm=128, seed=1, hashfunc=shingle_hash, scheme="affine32")
    for shingle in shingles_of(key, 5):
        expected.update(shingle)
    np.testing.assert_array_equal(found.signatures[0], expected.hashvalues)


def test_a_text_shorter_than_a_shingle_is_one_shingle() -> None:
    _, found = sketched(["two words", "two words", "other words"])
    assert (found.signatures[0] == found.signatures[1]).all()
    assert (found.signatures[0] != found.signatures[2]).any()


def test_an_empty_text_has_no_fingerprint_and_the_empty_signature() -> None:
    _, found = sketched(["", "…!"])
    assert (found.signatures == 0xFFFFFFFF).all()
    assert [len(f) for f in found.fingerprints] == [0, 0]


def test_to_datasketch_gives_a_minhash_that_goes_on() -> None:
    _, found = sketched(["one two three four five six"])
    minhash = to_datasketch(found.signatures[0])
    assert isinstance(minhash, MinHash)
    before = minhash.hashvalues.copy()
    minhash.update(b"two three four")
    np.testing.assert_array_equal(minhash.hashvalues, before)
    minhash.update(b"seven eight nine")
    assert (minhash.hashvalues != before).any()


@given(st.lists(WORDS, min_size=16, max_size=40, unique=True), st.data())
@settings(max_examples=100, deadline=None)
def test_a_long_enough_shared_run_shares_a_fingerprint(words: list[str], data: st.DataObject) -> None:
    config = SketchConfig()
    run = config.fingerprint_tokens + config.fingerprint_window - 1
    start = data.draw(st.integers(0, len(words) - run))
    around = [f"other{n}" for n in range(30)]
    other = " ".join(around[:15] + words[start : start + run] + around[15:])
    _, found = sketched([" ".join(words), other])
    left, right = (set(f.as_py()) for f in found.fingerprints)
    assert left & right


@pytest.mark.parametrize("token", ["a", "ab", "minister", "ministers", "überraschung", "x" * 40, "0"])
def test_token_hashes_differ_from_their_neighbours(token: str) -> None:
    assert token_hash(token.encode()) != token_hash(token.encode() + b"a")
    assert token_hash(token.encode()) != token_hash(b"\0" + token.encode())
