"""What the run's own process is made of: columns, orders, scratch arrays, edges, house lines."""

import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from conftest import make_records
from hypothesis import given
from hypothesis import strategies as st

import dedup
from dedup.canonical import id_order
from dedup.cluster import Edges
from dedup.kernels import gaps
from dedup.kernels.pairs import part_entries
from dedup.kernels.tokens import count_marks
from dedup.normaliser.key import utf8_buffers
from dedup.ordering import sort_ties
from dedup.pipeline import judge, library, prepare, resolve, warming
from dedup.pipeline.columns import Values
from dedup.pipeline.corpus import Corpus
from dedup.pipeline.spill import Scratch, SpillFile, SpillReader, lend, take

COLUMNS = {
    "id": pa.array(["a", None, "", "ü", "z" * 40], pa.large_string()),
    "key": pa.array([b"", b"\x00\xff", None, b"k", b"l"], pa.large_binary()),
    "digest": pa.array([bytes([n]) * 16 for n in range(5)], pa.binary(16)),
    "date": pa.array([1, -(1 << 60), None, 0, 7], pa.int64()),
    "hash": pa.array([1, 1 << 63, 0, 3, 4], pa.uint64()),
    "n_tokens": pa.array([1, -2, 3, 4, None], pa.int32()),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_single_values_are_those_of_arrow(name):
    whole = pa.record_batch(COLUMNS)
    batches = [whole, whole.slice(1, 3), whole.slice(0, 0), whole.slice(4, 1)]
    values = Values(batches, [0, 5, 8, 8, 9], name)
    expected = [value for batch in batches for value in batch.column(name).to_pylist()]
    assert [values[document] for document in range(9)] == expected


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=30))
def test_ties_are_sorted_as_by_all_columns_at_once(rows):
    first, second, third = (np.array([row[n] for row in rows], np.int64) for n in range(3))
    order = np.argsort(first, kind="stable")
    sort_ties(order, [first], lambda tied: [second[tied], third[tied]])
    assert order.tolist() == np.lexsort([third, second, first]).tolist()


IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)


@given(st.one_of(st.lists(IDS), st.lists(st.one_of(IDS, st.none(), st.integers(), st.booleans()))))
def test_ids_are_ranked_as_they_are_ordered(ids):
    tokens = [None if value is None else msgspec.json.encode(value).decode() for value in ids]
    batch = pa.record_batch({"id": pa.array(tokens, pa.large_string())})
    some = np.arange(len(ids))[::2]
    keys = [id_order(ids[place]) for place in some]
    ranks = Corpus.id_ranks(SimpleNamespace(batches=[batch]), some).tolist()
    assert [sum(key < other for other in set(keys)) for key in keys] == [
        sum(rank < other for other in set(ranks)) for rank in ranks
    ]


def test_arrays_share_one_limit_and_leave_no_file_behind(tmp_path):
    scratch = Scratch(tmp_path, 32 * 1000)
    arrays = [scratch.empty((75, 1), np.uint64) for _ in range(3)]
    assert [isinstance(array, np.memmap) for array in arrays] == [False, True, True]
    for number, array in enumerate(arrays):
        array[:] = number
    assert [int(array.sum()) for array in arrays] == [0, 75, 150]
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_is_lent_comes_whole_and_once(tmp_path):
    words = pa.array(["a", "b", "a", None]).dictionary_encode()
    batch = pa.record_batch({"text": words, "n": [[1], [], None, [2, 3]]}).slice(1)
    path = lend(tmp_path, "rows", batch)
    assert take(path).equals(batch)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux frees a part of a file")
def test_what_is_discarded_gives_its_space_back_and_nothing_else_does(tmp_path):
    batch = pa.record_batch(
        {
            "id": pa.array([f"a{n}" for n in range(20_000)], pa.large_string()),
            "key": pa.array([b"k" * 40] * 20_000, pa.large_binary()),
            "lines": pa.array([[7] * 5] * 20_000, pa.large_list(pa.uint64())),
        }
    )
    file = SpillFile(tmp_path)
    places = [file.append(batch) for _ in range(3)]
    file.close()
    reader = SpillReader(batch.schema)
    read = [reader.read(place) for place in places]
    before = Path(places[0].file).stat().st_blocks * 512
    reader.discard(places[1], read[1].column("key"))
    freed = before - Path(places[0].file).stat().st_blocks * 512
    assert freed == pytest.approx(20_000 * (8 + 40 + 8 + 40), rel=0.01)
    assert read[1].column("id").equals(batch.column("id"))
    assert read[0].equals(batch)
    assert read[2].equals(batch)


def test_fingerprints_of_one_bucket_stand_in_one_part_whatever_their_low_half():
    values = np.array(
        [high << 32 | low for high in range(1, 40) for low in (0, 1, 0xFFFF, 0xABCDEF)], np.uint64
    )
    prints = values, np.zeros(1, np.int64), np.array([len(values)]), np.zeros(1, np.uint32)
    counts = np.zeros(7, np.int64)
    part_entries(*prints, 7, 0, counts, np.empty(0, np.uint64))
    met = []
    for first, last in ((0, 3), (3, 7)):
        ends = np.cumsum(counts[first:last])
        entries, written = np.zeros(ends[-1], np.uint64), ends - counts[first:last]
        part_entries(*prints, 7, first, written, entries)
        assert written.tolist() == ends.tolist()
        met += [part.tolist() for part in np.split(entries >> np.uint64(32), ends[:-1])]
    assert sorted(bucket for buckets in met for bucket in buckets) == sorted(
        (values >> np.uint64(32)).tolist()
    )
    assert all(buckets.count(bucket) == 4 for buckets in met for bucket in buckets)
    assert sum(map(bool, met)) > 3


def test_the_pair_behind_an_edge_is_that_of_its_own_direction():
    ends = np.array([[3, 1], [1, 3], [3, 1], [0, 9]], np.int64)
    known = Edges(ends[:, 0], ends[:, 1], np.arange(4), np.zeros(4, np.uint64)).known()
    assert [known[3, 1], known[1, 3], known[0, 9], known[9, 0], known[0, 0], known[9, 9]] == [2, 1, 3] + [
        None
    ] * 3


def test_house_lines_are_found_whatever_lines_share_a_counter(monkeypatch):
    note = "Our reporters follow the river and the roads around it every week."
    records = [{**record, "source": "Post"} for record in make_records(40, seed=3)]
    records = [{**record, "text": f"{record['text']}\n\n{note}"} for record in records]
    usual = dedup.deduplicate(records)
    learned = []
    learn = resolve.learn

    def keep(*arguments):
        learned.append(learn(*arguments))
        return learned[-1]

    monkeypatch.setattr(resolve, "learn", keep)
    monkeypatch.setattr(library, "_ROWS_AT_ONCE", 7)
    for counters in (1, 1 << 20):
        monkeypatch.setattr(resolve, "_MOST_COUNTERS", counters)
        assert dedup.deduplicate(records).digest == usual.digest
    assert len(learned[0].house) > 0
    assert learned[0].house.tolist() == learned[1].house.tolist()


@given(st.lists(st.text(alphabet="a.,é、。;\U0001f600\n؟।"), max_size=6), st.data())
def test_marks_are_counted_up_to_one_over_the_limit(texts, data):
    column = pa.array(["skipped.", *texts], pa.large_string())
    rows = np.flatnonzero([False, *(data.draw(st.booleans()) for _ in texts)])
    limits = np.array([data.draw(st.integers(0, 5)) for _ in rows], np.int64)
    counts = np.empty(len(rows), np.int64)
    count_marks(*utf8_buffers(column), rows, limits, prepare._IS_MARK, counts)
    for row, limit, count in zip(rows.tolist(), limits.tolist(), counts.tolist(), strict=True):
        assert count == min(limit + 1, sum(texts[row - 1].count(mark) for mark in ".,、。;؟।"))


def test_strangers_of_the_warming_meet_and_are_not_aligned(monkeypatch):
    shared = []
    counted = judge.kernels.shared_shingles
    monkeypatch.setattr(judge.kernels, "shared_shingles", lambda *args: shared.append(counted(*args)))
    monkeypatch.setattr(gaps, "survey_pairs", None)
    result = dedup.deduplicate([{"text": text} for text in warming.STRANGERS])
    assert len(result.kept) == 2
    assert len(shared) == 1
