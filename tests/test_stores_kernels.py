"""The kernels of postings against plain Python."""

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.kernels import postings as kernels

# Few different keys, so that lists are long and some are missed, with both ends of the key space.
KEYS = st.sampled_from([0, 1, 2, 3, 7, 8, 500, 2**31, 2**32 - 2, 2**32 - 1])
PAIRS = st.lists(st.tuples(KEYS, st.integers(0, 40)), max_size=120, unique=True)


def entries_of(pairs):
    return np.array(sorted(key << 32 | ordinal for key, ordinal in pairs), np.uint64)


@given(pairs=PAIRS, keys=st.sets(KEYS), limit=st.sampled_from([2, 4, 6, 64]))
@settings(max_examples=200, deadline=None)
def test_lists_are_those_of_a_plain_search_cut_in_their_middle(pairs, keys, limit):
    keys = sorted(keys)
    entries = entries_of(pairs)
    low, high = np.empty((2, len(keys)), np.int64)
    kernels.list_bounds(entries, np.array(keys, np.uint32), low, high)
    expected = []
    for place, key in enumerate(keys):
        listed = sorted(ordinal for own, ordinal in pairs if own == key)
        if len(listed) > limit:
            listed = listed[: limit // 2] + listed[-(limit - limit // 2) :]
        expected += [(place, ordinal) for ordinal in listed]
    places, ordinals = np.empty((2, len(expected)), np.int64)
    assert int(np.minimum(high - low, limit).sum()) == len(expected)
    kernels.take_lists(entries, low, high, limit, places, ordinals)
    assert list(zip(places.tolist(), ordinals.tolist(), strict=True)) == expected


@given(pairs=PAIRS, keys=st.sets(st.integers(0, 2**32 - 1)), n_words=st.sampled_from([1, 2, 33]))
@settings(max_examples=200, deadline=None)
def test_a_filter_passes_every_key_that_is_there_and_those_that_share_a_bit(pairs, keys, n_words):
    words = np.zeros(n_words, np.uint64)
    kernels.mark_keys(entries_of(pairs), words)
    asked = sorted(keys | {key for key, _ in pairs})
    places = np.empty(len(asked), np.int64)
    found = places[: kernels.find_marked(np.array(asked, np.uint32), words, places)].tolist()

    def bit(key):
        return key * 0x9E3779B1 % 2**32 * 64 * n_words >> 32

    set_bits = {bit(key) for key, _ in pairs}
    assert found == [place for place, key in enumerate(asked) if bit(key) in set_bits]


@given(numbers=st.lists(st.integers(0, 5), max_size=60))
@settings(deadline=None)
def test_positions_are_grouped_in_order(numbers):
    starts, order = np.empty(7, np.int64), np.empty(len(numbers), np.int64)
    kernels.group(np.array(numbers, np.int64), 6, starts, order)
    expected = [[at for at, number in enumerate(numbers) if number == group] for group in range(6)]
    bounds = starts.tolist()
    assert [order[bounds[g] : bounds[g + 1]].tolist() for g in range(6)] == expected


@st.composite
def cases(draw):
    n_keys = draw(st.integers(1, 6))
    lists = draw(st.lists(st.lists(st.integers(0, 9), max_size=8), min_size=n_keys, max_size=n_keys))
    held = st.tuples(st.integers(0, n_keys - 1), st.sampled_from([1, 1, 1, 2, 8]))
    rows = draw(st.lists(st.lists(held, max_size=6), min_size=1, max_size=5))
    return lists, rows, draw(st.integers(0, 3)), draw(st.sampled_from([1, 2, 64]))


@given(case=cases())
@settings(max_examples=300, deadline=None)
def test_the_documents_that_share_most_are_those_of_a_plain_count(case):
    lists, rows, least, best = case
    limit = 4
    expected = set()
    for row, keys in enumerate(rows):
        value, prints, others = defaultdict(int), defaultdict(int), set()
        for place, weight in keys:
            for ordinal in lists[place]:
                value[ordinal] += weight * (limit // min(len(lists[place]), limit))
                prints[ordinal] += weight == 1
                others |= {ordinal} if weight != 1 else set()
        told = [o for o in value if o in others or prints[o] >= least]
        expected |= {(row, o) for o in sorted(told, key=lambda o: (-value[o], o))[:best]}
    flat = [(row, place, weight) for row, keys in enumerate(rows) for place, weight in keys]
    starts = np.cumsum([0] + [len(keys) for keys in rows])
    list_starts = np.cumsum([0] + [len(ordinals) for ordinals in lists])
    found_rows, found = np.empty((2, len(rows) * best), np.int64)
    n_found = kernels.tally_hits(
        starts,
        np.arange(len(flat)),
        np.array([place for _, place, _ in flat], np.int64),
        np.array([weight for _, _, weight in flat], np.uint32),
        list_starts,
        np.array([ordinal for ordinals in lists for ordinal in ordinals], np.int64),
        limit,
        np.full(len(rows), least, np.int64),
        best,
        found_rows,
        found,
    )
    assert len(found_rows[:n_found]) == len(expected)
    assert set(zip(found_rows[:n_found].tolist(), found[:n_found].tolist(), strict=True)) == expected
