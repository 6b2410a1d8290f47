"""Postings against a dictionary; locks, network file systems, journal modes."""

import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.errors import IndexFailure
from dedup.stores import Postings, Store, is_index, open_store
from dedup.stores import postings as module
from dedup.stores.places import WriterLock, file_system
from dedup.stores.sqlite import SqliteStore, wal_is_safe


def find(postings, store, keys, limit=1 << 20, since=0):
    with store.reading():
        postings.refresh()
        places, ordinals = postings.find(np.array(keys, np.uint32), limit=limit, since=since)
    found = {}
    for place, ordinal in zip(places.tolist(), ordinals.tolist(), strict=True):
        found.setdefault(keys[place], set()).add(ordinal)
    return found


def add(postings, store, pairs):
    with store.writing():
        postings.add(np.array([key << 32 | ordinal for key, ordinal in pairs], np.uint64))


@pytest.fixture
def store(index_url):
    store = open_store(index_url, write=True)
    yield store
    store.close()


@pytest.fixture
def small(monkeypatch):
    """Make segments small, so that few entries go through all of the code."""
    monkeypatch.setattr(Store, "page_entries", 4)
    monkeypatch.setattr(SqliteStore, "page_entries", 4)
    monkeypatch.setattr(module, "_SMALLEST", 4)
    monkeypatch.setattr(module, "_IN_MEMORY", 8)
    monkeypatch.setattr(module, "_MERGED_PAGES_AT_ONCE", 3)
    monkeypatch.setattr(module, "_DENSE", 0.7)
    monkeypatch.setattr(module, "_DENSE_PAGES", 3)
    monkeypatch.setattr(module, "_KEYS_AT_ONCE", 50)


def test_entries_are_found_whatever_the_number_of_segments_and_merges(store, small):
    rng = np.random.default_rng(3)
    postings, model, ordinal = Postings(store), {}, 0
    for _ in range(60):
        pairs = []
        for _ in range(int(rng.integers(1, 30))):
            # Lists stay so short that none is cut.
            key = int(rng.choice([0, 2**32 - 1])) if rng.random() < 0.01 else int(rng.integers(0, 600))
            pairs.append((key, ordinal))
            model.setdefault(key, set()).add(ordinal)
            ordinal += 1
        add(postings, store, pairs)
        postings.merge()
    keys = [*range(610), 2**32 - 1]
    assert find(postings, store, keys) == model
    assert find(Postings(store), store, keys) == model
    assert len(postings.segments) < 20


def test_compaction_leaves_out_the_dead(store, small):
    postings = Postings(store)
    for start in range(0, 40, 10):
        add(postings, store, [(n % 5, n) for n in range(start, start + 10)])
    alive = np.append(np.arange(40) % 2 == 0, True)
    postings.merge(everything=True, alive=alive)
    assert len(postings.segments) == 1
    assert find(postings, store, [0, 1, 2, 3, 4]) == {
        k: {n for n in range(k, 40, 5) if n % 2 == 0} for k in range(5)
    }


def test_long_lists_give_their_first_and_last_entries(store, small):
    postings = Postings(store)
    add(postings, store, [(9, n) for n in range(100)] + [(8, 500), (10, 501)])
    assert find(postings, store, [9], limit=6) == {9: {0, 1, 2, 97, 98, 99}}
    assert find(postings, store, [8, 10], limit=6) == {8: {500}, 10: {501}}


def test_only_what_came_since_a_mark_is_found(store):
    postings = Postings(store)
    add(postings, store, [(1, 1)])
    find(postings, store, [1])
    mark = postings.watermark
    add(postings, store, [(1, 2)])
    assert find(postings, store, [1], since=mark) == {1: {2}}


def test_what_an_interrupted_merge_left_is_removed_by_the_next(store, small):
    postings = Postings(store)
    for start in range(0, 40, 10):
        add(postings, store, [(n, n) for n in range(start, start + 10)])
    with store.writing():
        number = postings._begin(
            ready=0, n_entries=0, fences=np.empty(0, np.uint64), marks=np.empty(0, np.uint64)
        )
        postings._write_pages(number, 0, np.arange(10, dtype=np.uint64))
    assert postings.merge() > 0
    assert store.rows(f"SELECT count(*) FROM {store.prefix}segments WHERE ready = 0")[0][0] == 0
    pages = store.rows(f"SELECT count(*) FROM {store.prefix}pages")[0][0]
    assert pages == sum(len(segment.fences) for segment in postings.segments)


def test_a_transaction_that_fails_leaves_nothing(store):
    def torn():
        with store.writing():
            store.set_meta("x", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        torn()
    assert store.meta("x") is None


def test_a_second_writer_of_a_file_is_refused(tmp_path):
    with WriterLock(tmp_path / "i.db"), pytest.raises(IndexFailure, match="another process is writing"):
        WriterLock(tmp_path / "i.db")
    WriterLock(tmp_path / "i.db").release()


def test_a_reader_rolls_back_what_a_killed_writer_left(tmp_path):
    path = tmp_path / "i.db"
    store = SqliteStore(str(path), write=True)
    with store.writing():
        store.set_meta("x", "before")
    store.execute("PRAGMA cache_size = 1")
    store.execute("BEGIN IMMEDIATE")
    store.set_meta("x", "torn")
    store.insert("pages", ("number", "entries"), ((n, bytes(4000)) for n in range(50)))
    copy = tmp_path / "copy.db"
    for ending in ("", "-journal"):
        if Path(f"{path}{ending}").exists():
            Path(f"{copy}{ending}").write_bytes(Path(f"{path}{ending}").read_bytes())
    store.execute("ROLLBACK")
    store.close()
    reader = SqliteStore(str(copy), write=False)
    assert reader.meta("x") == "before"
    reader.close()


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
    ],
)
def test_the_write_ahead_log_is_used_only_where_its_race_is_mended(version, safe):
    assert wal_is_safe(version) is safe


def test_commits_are_synced_in_full(tmp_path):
    store = SqliteStore(str(tmp_path / "i.db"), write=True)
    assert store.rows("PRAGMA synchronous") == [(2,)]
    version = tuple(map(int, sqlite3.sqlite_version.split(".")))
    assert store.rows("PRAGMA journal_mode") == [("wal" if wal_is_safe(version) else "delete",)]
    store.close()


def test_network_file_systems_are_refused(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {tmp_path.resolve()} nfs4 rw 0 0\n/dev/sda / ext4 rw 0 0\n")
    monkeypatch.setattr("dedup.stores.places._MOUNTS", mounts)
    with pytest.raises(IndexFailure, match=r"network file system \(nfs4\)"):
        SqliteStore(str(tmp_path / "i.db"), write=True)


@given(st.lists(st.sampled_from(["/a", "/a/b", "/", "/a/bc"]), unique=True, min_size=1))
@settings(max_examples=30)
def test_the_innermost_mount_decides(mounts):
    table = "".join(f"dev {mount} type{len(mount)} rw 0 0\n" for mount in mounts)
    holding = [m for m in mounts if m in ("/", "/a", "/a/b")]
    assert file_system(Path("/a/b/c"), table) == (f"type{len(max(holding, key=len))}" if holding else "")


def test_indexes_are_told_from_files(tmp_path):
    store = SqliteStore(str(tmp_path / "i.db"), write=True)
    store.close()
    (tmp_path / "a.jsonl").write_text("{}\n")
    assert is_index(str(tmp_path / "i.db"))
    assert is_index("postgresql://host/db")
    assert not is_index(str(tmp_path / "a.jsonl"))
    assert not is_index(str(tmp_path / "none"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error_of_the_system(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(Exception, match="cannot lock"):
        SqliteStore(str(tmp_path / "i.db"), write=True)
    tmp_path.chmod(0o700)
