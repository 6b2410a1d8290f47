"""Kernels of shingle sets and statistics against their plain twins."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.config import Config, SketchConfig
from dedup.kernels import overlaps
from dedup.normaliser.key import make_keys, utf8_buffers
from dedup.statistics import Statistics, learn, load
from dedup.verify import read_tokens, shingle_sets

TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "dd", "12", "東", "京"]), max_size=30).map(" ".join),
    min_size=2,
    max_size=6,
)


def shingle_set(key: str, classes: bytes) -> set[tuple[str, ...]]:
    tokens = key.split(" ") if key else []
    found = set()
    for at, kind in enumerate(classes):
        size = 5 if kind & 16 else 3
        if at + size <= len(tokens):
            found.add(tuple(tokens[at : at + size]))
    return found or ({tuple(tokens)} if tokens else set())


@given(TEXTS)
@settings(max_examples=150, deadline=None)
def test_shared_shingles_are_those_of_python_sets(texts: list[str]) -> None:
    keys, classes = make_keys(pa.array(texts, pa.large_string()))
    tokens = read_tokens(*utf8_buffers(keys), *utf8_buffers(classes))
    shingles, sets = shingle_sets(tokens, SketchConfig(shingle_tokens=3, shingle_characters=5))
    expected = [shingle_set(k.as_py().decode(), c.as_py()) for k, c in zip(keys, classes, strict=True)]
    assert np.diff(sets).tolist() == [len(s) for s in expected]
    left, right = np.triu_indices(len(texts), 1)
    shared = np.zeros(len(left), np.int32)
    overlaps.shared_shingles(shingles, sets, left, right, shared)
    assert shared.tolist() == [len(expected[a] & expected[b]) for a, b in zip(left, right, strict=True)]


def test_a_line_in_many_documents_of_one_source_is_house_text_and_wire_copy_is_not() -> None:
    house, wire, rare = 11, 22, 33
    lines = np.array([house] * 12 + [wire] * 12 + [rare] * 3, np.uint64)
    documents = np.array([*range(12), *range(12, 24), 0, 1, 2])
    sources = np.array([0] * 12 + list(range(1, 13)), np.int32)
    assert learn(lines, documents, sources, Config()).house.tolist() == [house]


def test_a_line_repeated_in_one_document_counts_once() -> None:
    lines = np.full(40, 5, np.uint64)
    assert learn(lines, np.zeros(40, np.int64), np.zeros(1, np.int32), Config()).house.tolist() == []


def test_statistics_survive_their_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    import json

    made = Statistics(np.array([1, 2**63], np.uint64), 5, 42, 3)
    path = tmp_path / "statistics.json"
    path.write_text(json.dumps(made.to_dict()))
    read = load(str(path))
    assert read.house.tolist() == [1, 2**63]
    assert read.fingerprint() == made.fingerprint()
