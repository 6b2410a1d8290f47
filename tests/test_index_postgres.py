"""Several writers on one PostgreSQL index; lost connections."""

import threading

import pytest
from index_support import article, near, shouted, state

from dedup import Index, IndexFailure
from dedup.index.case import Case
from dedup.index.changes import Changes
from dedup.index.intake import Intake
from dedup.stores import postings

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")


def in_parallel(url, works):
    """Give each work an index of its own and let all begin at once; return what they return."""
    barrier = threading.Barrier(len(works))
    results, errors = [None] * len(works), []

    def run(number, work):
        try:
            with Index.open(url, mode="w") as index:
                barrier.wait()
                results[number] = work(index)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=run, args=(number, work)) for number, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return results


@pytest.fixture
def opened(postgres):
    with Index.open(postgres, mode="w") as index:
        index.add(article(0))
    return postgres


def test_the_same_article_from_two_workers_is_new_once(opened):
    for number in range(1, 4):
        found = in_parallel(opened, [lambda index, n=number: index.add(article(n))] * 3)
        assert sorted(verdict.repeated for verdict in found) == [False, True, True]
    with Index.open(opened) as index:
        assert index.stats()["documents"] == 4


def test_of_near_copies_from_many_workers_exactly_one_is_kept(opened):
    for number in range(1, 4):
        copies = [near(article(number), f"{number}.{k}", seed=k) for k in range(4)]
        found = in_parallel(opened, [lambda index, c=copy: index.add(c) for copy in copies])
        assert sum(verdict.kept and verdict.supersedes is None for verdict in found) == 1
    with Index.open(opened) as index:
        held = state(index)
        assert all(len({held[f"{number}.{k}"] for k in range(4)}) == 1 for number in range(1, 4))
        assert index.verify() == []


def test_writers_with_batches_of_their_own_lose_nothing(opened):
    def load(start):
        def work(index):
            for at in range(start, start + 40, 10):
                index.add_many([article(n) for n in range(at, at + 10)])

        return work

    in_parallel(opened, [load(100), load(200), load(120)])
    with Index.open(opened) as index:
        assert set(state(index)) == {"a0"} | {f"a{n}" for n in (*range(100, 160), *range(200, 240))}
        assert index.verify() == []


def test_a_lost_connection_is_made_again_and_the_batch_repeated(opened):
    with Index.open(opened, mode="w") as index:
        end_connections(opened)
        assert index.add(article(1)).verdict == "new"
        end_connections(opened)
        assert index.query(shouted(article(1), "q")).of == "a1"


def test_a_connection_lost_at_commit_gives_the_first_verdict_again(opened, monkeypatch):
    with Index.open(opened, mode="w") as index:
        execute = index.store.execute
        begun, lost = [], []

        def lost_after_commit(sql, values=()):
            done = execute(sql, values)
            if sql.startswith("BEGIN"):
                begun.append(sql)
            if sql == "COMMIT" and "READ COMMITTED" in begun[-1] and not lost:
                lost.append(sql)
                end_connections(opened)
                execute("SELECT 1")  # the worker learns of its loss before it learns of its success
            return done

        monkeypatch.setattr(index.store, "execute", lost_after_commit)
        batch = [{"text": article(1)["text"]}, {"text": article(2)["text"]}]
        assert [v.verdict for v in index.add_many(batch, batch="b")] == ["new", "new"]
        assert lost
        assert index.stats()["documents"] == 3


def end_connections(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_reader_cannot_write(opened):
    with Index.open(opened) as index, pytest.raises(IndexFailure, match="read-only"):
        index.store.set_meta("x", "y")


def test_no_server_and_no_index_are_exit_5(postgres):
    with pytest.raises(IndexFailure, match="no index in this database"):
        Index.open(postgres)
    with pytest.raises(IndexFailure, match="cannot connect"):
        Index.open("postgresql://nobody:secret@127.0.0.1:1/x")


def at_that_moment(monkeypatch, owner, name, act):
    """Let something happen once, just before a method runs."""
    method, done = getattr(owner, name), []

    def delayed(*given, **named):
        if not done:
            done.append(True)
            act()
        return method(*given, **named)

    monkeypatch.setattr(owner, name, delayed)
    return done


def test_segments_merged_by_another_while_one_prepares_hide_nothing(opened, monkeypatch):
    monkeypatch.setattr(postings, "_IN_MEMORY", 4)
    with Index.open(opened, mode="w") as index, Index.open(opened, mode="w") as other:
        for number in range(1, 4):
            other.add(article(number))
        done = at_that_moment(monkeypatch, Intake, "take", other.compact)
        assert index.add(shouted(article(2), "copy")).of == "a2"
        assert done


def test_what_another_adds_during_a_compaction_stays_to_be_found(opened, monkeypatch):
    with Index.open(opened, mode="w") as index, Index.open(opened, mode="w") as other:
        index.remove(["a0"])
        done = at_that_moment(
            monkeypatch, postings.Postings, "merge", lambda: other.add_many([article(3), article(4)])
        )
        index.compact()
        assert done
        assert index.verify() == []
        assert [index.query(shouted(article(n), "q")).of for n in (3, 4)] == ["a3", "a4"]


@pytest.mark.parametrize(("owner", "name"), [(Intake, "take"), (Changes, "pack"), (Case, "judge")])
def test_what_another_adds_in_the_meantime_is_seen(opened, monkeypatch, owner, name):
    with Index.open(opened, mode="w") as index, Index.open(opened, mode="w") as other:
        done = at_that_moment(monkeypatch, owner, name, lambda: other.add(article(7)))
        first, second = index.add_many([article(7), shouted(article(7), "copy")])
        assert done
        assert first.repeated
        assert (second.of, second.relation) == ("a7", "exact")
        done = at_that_moment(monkeypatch, owner, name, lambda: other.add(article(8)))
        assert index.add(near(article(8), "near")).of == "a8"
        assert done
        assert index.verify() == []
