"""The index as a library: verdicts, memory, forgetting, conflicts, retries; on both stores."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from index_support import article, fill, kept, near, shortened, shouted, state

from dedup import Article, Config, DataError, Index, IndexFailure, UsageError
from dedup.config import ClusterConfig, SketchConfig, VerifyConfig
from dedup.index.rebuilding import rebuild
from dedup.statistics import Statistics
from dedup.stores import SCHEMA, open_store, postings


def test_a_first_article_is_new_and_its_copy_a_duplicate_of_it(index_url):
    one = article(1)
    with Index.open(index_url, mode="w") as index:
        assert index.add(one).verdict == "new"
        second = index.add(shouted(one, "b"))
    assert (second.verdict, second.of, second.relation, second.jaccard, second.kept) == (
        "duplicate", "a1", "exact", 1.0, False
    )  # fmt: skip


def test_a_cut_copy_names_its_keeper_relation_and_scores(index_url):
    one = article(1)
    with Index.open(index_url, mode="w") as index:
        index.add_many([one, article(2)])
        verdict = index.add(shortened(one, "cut"))
    assert (verdict.of, verdict.relation, verdict.containment) == ("a1", "contained", 1.0)
    assert verdict.reason.startswith("contained")


def test_query_gives_the_verdict_of_add_and_stores_nothing(index_url):
    one = article(1)
    with Index.open(index_url, mode="w") as index:
        index.add(one)
        asked = index.query(near(one, "n"))
        assert index.stats()["documents"] == 1
        assert index.add(near(one, "n")) == asked


def test_what_was_added_is_there_after_reopening(index_url):
    one = article(1, title="Harbour", source="Herald", date="2026-03-01")
    with Index.open(index_url, mode="w") as index:
        index.add(one)
    with Index.open(index_url) as index:
        record = index.get("a1")
        assert index.get("nobody") is None
        assert index.query(shouted(one, "x")).of == "a1"
    assert (record["text"], record["title"], record["source"], record["date"]) == (
        one["text"], "Harbour", "Herald", "2026-03-01T00:00:00Z"
    )  # fmt: skip


def test_articles_of_one_batch_are_compared_with_each_other(index_url):
    one = article(1)
    with Index.open(index_url, mode="w") as index:
        verdicts = index.add_many([shortened(one, "cut"), shouted(one, "copy"), one, article(2)])
    assert [v.verdict for v in verdicts].count("new") == 2
    assert verdicts[0].of in ("a1", "copy")
    assert verdicts[3].verdict == "new"


def test_adding_an_article_again_changes_nothing(index_url):
    records = [article(1), shouted(article(1), "b"), article(2)]
    with Index.open(index_url, mode="w") as index:
        first = index.add_many(records)
        again = index.add_many(records)
        assert index.stats()["documents"] == 3
    assert all(verdict.repeated for verdict in again)
    assert [(v.verdict, v.of, v.relation) for v in again] == [(v.verdict, v.of, v.relation) for v in first]


def test_an_id_with_another_text_is_refused_or_updated(index_url):
    with Index.open(index_url, mode="w") as index:
        index.add(article(1))
        index.add(shouted(article(1), "b"))
        with pytest.raises(UsageError, match='"a1" is there with another text'):
            index.add(article(2) | {"id": "a1"})
        assert index.add(article(2) | {"id": "a1"}, on_conflict="update").verdict == "new"
        assert index.get("a1")["text"] == article(2)["text"]
        assert state(index) == {"a1": "a1", "b": "b"}  # the copy of the old text stands for itself now
        assert index.verify() == []


def test_one_id_twice_in_a_batch_gets_one_verdict_twice(index_url):
    with Index.open(index_url, mode="w") as index:
        first, second = index.add_many([article(1), article(1)])
        assert index.stats()["documents"] == 1
    assert (first.verdict, first.repeated, second.verdict, second.repeated) == ("new", False, "new", True)


def test_ids_keep_their_json_type(index_url):
    with Index.open(index_url, mode="w") as index:
        index.add_many([article(1, id=7), article(2, id="7")])
        assert index.get(7)["text"] != index.get("7")["text"]
        assert index.query(shouted(article(2), "x")).of == "7"


def test_an_article_without_an_id_needs_a_batch_id(index_url):
    with Index.open(index_url, mode="w") as index:
        with pytest.raises(UsageError, match="without an id"):
            index.add({"text": article(1)["text"]})
        assert index.add({"text": article(1)["text"]}, batch="b1").verdict == "new"


def test_a_retried_batch_gets_its_first_verdicts(index_url):
    batch = [{"text": article(n)["text"]} for n in (1, 2)] + [{"text": article(1)["text"].upper()}]
    with Index.open(index_url, mode="w") as index:
        first = index.add_many(batch, batch="b1")
        index.add(article(3))
    with Index.open(index_url, mode="w") as index:
        assert index.add_many(batch, batch="b1") == first
        assert index.stats()["documents"] == 4
        # Under another batch id they are further copies.
        assert {v.verdict for v in index.add_many(batch, batch="b2")} == {"duplicate"}
        with pytest.raises(UsageError, match="'b1' was added with other content"):
            index.add_many(batch[:1], batch="b1")


def test_members_of_a_removed_keeper_are_judged_anew(index_url):
    one = article(1)
    copies = [shortened(one, "cut"), shouted(one, "copy"), near(one, "near")]
    with Index.open(index_url, mode="w") as index:
        for record in [one, *copies, article(2)]:
            index.add(record)
        lead = next(cluster.kept for cluster in index.clusters())
        assert index.remove([lead, "not there"]) == 1
        held = state(index)
        assert len(held) == 4
        assert len({held[i] for i in held if i != "a2"}) == 1  # one of the copies stands for the others
        assert index.verify() == []
        assert index.query(shouted(one, "again")).verdict == "duplicate"


def test_removing_all_leaves_an_index_that_knows_nothing(index_url):
    records = [article(n) for n in range(5)]
    with Index.open(index_url, mode="w") as index:
        index.add_many(records)
        assert index.remove([r["id"] for r in records]) == 5
        assert index.query(records[0]).verdict == "new"
        index.compact()
        assert index.stats()["entries"] == 0
        assert index.add(records[0]).verdict == "new"


def test_expiry_takes_what_is_older_and_leaves_the_copies_that_are_not(index_url):
    old = article(1, date="2026-01-01")
    copy = shouted(old, "copy") | {"date": "2026-03-01"}
    with Index.open(index_url, mode="w") as index:
        index.add_many([old, article(2, date="2026-02-10")])
        assert index.add(copy).of == "a1"
        assert index.expire(before="2026-02-01") == 1
        assert state(index) == {"a2": "a2", "copy": "copy"}
        assert index.expire(before=datetime(2026, 2, 1, tzinfo=UTC)) == 0
        with pytest.raises(UsageError, match="cannot read the date"):
            index.expire(before="soon")


def test_undated_records_expire_by_the_day_they_came(index_url):
    with Index.open(index_url, mode="w") as index:
        index.add(article(1))
        assert index.expire(before="2020-01-01") == 0
        assert index.expire(before="2100-01-01") == 1


def test_the_whole_text_supersedes_the_cut_one_and_takes_its_cluster(index_url):
    whole = article(1)
    cut = shortened(whole, "cut")
    with Index.open(index_url, mode="w") as index:
        index.add(cut)
        index.add(shouted(cut, "copy"))
        verdict = index.add(whole)
        assert (verdict.verdict, verdict.supersedes, verdict.replaced, verdict.relation) == (
            "new", "cut", True, "contained"
        )  # fmt: skip
        assert state(index) == {"a1": "a1", "cut": "a1", "copy": "a1"}
        assert index.query(shouted(cut, "late")).of == "a1"
        assert index.verify() == []


def test_a_preferred_source_supersedes(index_url):
    config = Config(cluster=ClusterConfig(prefer=("source", "id"), source_priority=("Agency",)))
    one = article(1, source="Paper")
    with Index.open(index_url, mode="w", config=config) as index:
        index.add(one)
        verdict = index.add(near(one, "z") | {"source": "Agency"})
        assert (verdict.supersedes, verdict.replaced) == ("a1", True)
        assert kept(index) == {"z"}


def test_a_chain_of_small_losses_is_no_small_loss(tmp_path):
    config = Config(cluster=ClusterConfig(prefer=("complete", "id")))
    text = article(1)["text"]
    credit = " Petra Quill took the pictures."
    versions = [text + credit + " Nadia Orsk drew the map.", text + credit, text]
    with Index.open(str(tmp_path / "i.db"), mode="w", config=config) as index:
        index.add({"id": "c", "text": versions[0]})
        second = index.add({"id": "b", "text": versions[1]})
        third = index.add({"id": "a", "text": versions[2]})
    # One line less than the keeper is nothing; two lines less than a member of its cluster are not.
    assert (second.supersedes, third.supersedes, third.of) == ("c", None, "b")


def test_siblings_of_a_template_are_kept_and_named(index_url):
    def notice(number, identifier):
        text = (
            f"Road works will close the bridge at Marlow on {number} May from nine to five. "
            f"Drivers are asked to use the road through Dunmere, where {number + 40} extra signs stand. "
            f"Buses on route {number + 100} leave {number} minutes early. The works cost {number * 1000} "
            f"crowns and end on {number + 2} May. Residents can ask the county for a pass until noon."
        )
        return {"id": identifier, "text": text}

    with Index.open(index_url, mode="w") as index:
        index.add(notice(3, "first"))
        verdict = index.add(notice(11, "second"))
    assert (verdict.verdict, verdict.kept, verdict.of) == ("sibling", True, "first")
    assert verdict.links[0].relation == verdict.relation


def test_bad_articles_are_refused_whole_batch(index_url):
    with Index.open(index_url, mode="w") as index:
        with pytest.raises(DataError, match="article 2"):
            index.add_many([article(1), {"id": "x", "text": None}])
        assert index.stats()["documents"] == 0


def test_articles_come_as_values_too(index_url):
    with Index.open(index_url, mode="w") as index:
        assert index.add(Article(article(1)["text"], id=5, title="T")).id == 5


def test_tasks_share_an_index_in_a_thread_of_its_own(index_url):
    async def work():
        run = asyncio.get_running_loop().run_in_executor
        with Index.open(index_url, mode="w") as index, ThreadPoolExecutor(max_workers=1) as one:
            batches = [[near(article(n), f"{n}.{k}", seed=k) for n in range(3)] for k in range(4)]
            found = await asyncio.gather(*(run(one, index.add_many, batch) for batch in batches))
            assert await run(one, index.verify) == []
        return [sum(verdict.verdict == "new" for verdict in verdicts) for verdicts in found]

    assert asyncio.run(work()) == [3, 0, 0, 0]


def test_an_index_opened_for_reading_refuses_to_write(index_url):
    with Index.open(index_url, mode="w") as index:
        index.add(article(1))
    with Index.open(index_url) as index, pytest.raises(UsageError, match="opened for reading"):
        index.add(article(2))


def test_a_reader_sees_what_a_writer_adds(index_url):
    with Index.open(index_url, mode="w") as writer:
        writer.add(article(1))
        with Index.open(index_url) as reader:
            assert reader.query(article(2) | {"id": "q"}).verdict == "new"
            writer.add(article(2))
            assert reader.query(article(2) | {"id": "q"}).of == "a2"


def test_another_sketch_is_refused_with_both_fingerprints(index_url):
    with Index.open(index_url, mode="w") as index:
        index.add(article(1))
        made_with = index.settings.sketch_fingerprint
    other = Config(sketch=SketchConfig(shingle_tokens=4))
    with pytest.raises(IndexFailure, match=rf"it has {made_with}, this program has [0-9a-f]+") as caught:
        Index.open(index_url, config=other)
    assert caught.value.exit_code == 5


def test_another_layout_is_refused_with_both_numbers_until_rebuilt(index_url):
    records = [article(0), shouted(article(0), "copy"), article(1)]
    fill(index_url, records)
    store = open_store(index_url, write=True)
    with store.writing():
        store.set_meta("schema", "1")
        store.execute(f"ALTER TABLE {store.prefix}segments DROP COLUMN marks")
    store.close()
    with pytest.raises(IndexFailure, match=f"it has 1, this program has {SCHEMA}.*rebuild"):
        Index.open(index_url)
    assert rebuild(index_url) == 3
    with Index.open(index_url) as index:
        assert index.verify() == []
        assert index.query(shouted(article(0), "asked")).of == "a0"


def test_another_verifier_is_recorded_with_each_verdict(index_url):
    with Index.open(index_url, mode="w") as index:
        first = index.add(article(1))
    with Index.open(index_url, mode="w", config=Config(verify=VerifyConfig(max_days=3))) as index:
        second = index.add(article(2))
        assert index.get("a1")["verdict"]["verifier"] == first.verifier
    assert first.verifier != second.verifier


def test_statistics_stay_with_the_index(index_url):
    import numpy as np

    learned = Statistics(np.array([5, 7], np.uint64), 9, 42, 3)
    with Index.open(index_url, mode="w", statistics=learned) as index:
        index.add(article(1))
    with Index.open(index_url, mode="w") as index:
        assert index.settings.statistics.fingerprint() == learned.fingerprint()
    with pytest.raises(IndexFailure, match="made under other statistics"):
        Index.open(index_url, mode="w", statistics=Statistics())


def test_export_moves_an_index(index_url, tmp_path):
    one = article(1)
    with Index.open(index_url, mode="w") as index:
        index.add_many([article(2), one, shortened(one, "cut"), shouted(one, "copy")])
        exported = [{k: v for k, v in r.items() if k not in ("kept", "verdict")} for r in index.export()]
        before = state(index)
    with Index.open(str(tmp_path / "moved.db"), mode="w") as moved:
        moved.add_many(exported)
        assert state(moved) == before


def test_rebuilding_keeps_records_ids_and_idempotence(index_url):

    one = article(1, title="Port")
    records = [one, shortened(one, "cut"), article(2, text="PORT\n\n" + article(2)["text"])]
    with Index.open(index_url, mode="w") as index:
        index.add_many(records)
        before = state(index)
    assert rebuild(index_url, config=Config(sketch=SketchConfig(shingle_tokens=4))) == 3
    with Index.open(index_url, mode="w") as index:
        assert index.settings.config.sketch.shingle_tokens == 4
        assert state(index) == before
        assert all(v.repeated for v in index.add_many(records))
        assert index.verify() == []


def test_an_index_without_texts_answers_with_estimates(index_url):
    one = article(1)
    with Index.open(index_url, mode="w", no_text=True) as index:
        index.add(one)
        guess = index.add(shortened(one, "cut"))
        assert (guess.verdict, guess.of, guess.kept, guess.relation) == ("candidate", "a1", True, None)
        assert "estimated" in guess.reason
        assert 0 < guess.jaccard < 1
        assert index.add(shouted(one, "copy")).relation == "exact"
        assert index.verify() == []
        assert index.remove(["a1"]) == 1
        assert state_without_texts(index) == {"cut": True, "copy": True}
        with pytest.raises(IndexFailure, match="without texts"):
            next(index.export())


def state_without_texts(index):
    return {name: index.get(name)["kept"] for name in ("cut", "copy")}


def test_verify_finds_a_torn_text(tmp_path):
    path = tmp_path / "index.db"
    with Index.open(str(path), mode="w") as index:
        index.add_many([article(1), article(2)])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE texts SET content = substr(content, 1, 40) WHERE ordinal = 1")
    connection.close()
    with Index.open(str(path)) as index:
        assert index.verify() == ['id "a2": text missing or damaged']


def test_verify_finds_a_lost_keeper_and_lost_postings(tmp_path):
    path = tmp_path / "index.db"
    with Index.open(str(path), mode="w") as index:
        index.add_many([article(1), article(2)])
        index.add(shouted(article(1), "copy"))
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM documents WHERE ordinal = 0")
        connection.execute("UPDATE pages SET entries = zeroblob(length(entries))")
    connection.close()
    with Index.open(str(path)) as index:
        found = index.verify()
    assert 'id "copy": its keeper is missing' in found
    assert 'id "a2": not found by its content' in found
    assert 'id "a2": not found by its id' in found


def test_missing_pages_are_an_error_and_not_an_empty_answer(index_url, monkeypatch):
    monkeypatch.setattr(postings, "_IN_MEMORY", 4)
    fill(index_url, [article(1), article(2)])
    store = open_store(index_url, write=True)
    store.execute(f"DELETE FROM {store.prefix}pages")
    store.close()
    with Index.open(index_url) as index:
        with pytest.raises(IndexFailure, match=r"look-up pages are missing.*rebuild"):
            index.query(article(1))
        assert index.verify() == ["look-up pages are missing"]
    assert rebuild(index_url) == 2
    with Index.open(index_url) as index:
        assert index.query(article(1)).repeated


def test_a_flood_of_siblings_neither_hides_copies_nor_grows_the_work(tmp_path):
    def form(number):
        return {
            "id": number,
            "text": "The office of the registrar confirms receipt of your form. It will be read within ten "
            "working days, and the answer will be sent to the address that was given. Reference "
            f"{number * 7919} was filed on counter {number % 17} by clerk {number % 211}. Please keep this "
            "letter, and name the reference in all letters and calls. The office is closed on holidays; the "
            "list of them hangs beside the door.",
        }

    with Index.open(str(tmp_path / "i.db"), mode="w") as index:
        for at in range(0, 400, 100):
            index.add_many([form(n) for n in range(at, at + 100)])
        exact = index.query(shouted(form(123), "x"))
        whole = article(9)
        index.add(whole)
        longer = form(250)["text"] + " " + whole["text"]
        assert index.query({"id": "y", "text": whole["text"].upper()}).of == "a9"
        assert index.query({"id": "z", "text": longer}).verdict in ("new", "revision", "sibling")
    assert (exact.verdict, exact.of) == ("duplicate", 123)
