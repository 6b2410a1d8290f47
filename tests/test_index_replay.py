"""The index fed in the batch run's order keeps what the batch run keeps; ties to `dedup run`."""

import json
from pathlib import Path

import pytest
from conftest import invoke, make_records, read_rows, write_lines
from index_support import kept, shouted, visiting_order, without_medoid

from dedup import Index, deduplicate
from dedup.statistics import Statistics

SAMPLES = Path(__file__).parent.parent / "samples" / "articles.jsonl"


def corpus(name):
    if name == "invented":
        return make_records(250, seed=5)
    return [json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("size", [1, 40, 1000])
@pytest.mark.parametrize("name", ["samples", "invented"])
def test_the_index_keeps_what_a_batch_run_keeps(tmp_path, name, size):
    records, config = corpus(name), without_medoid()
    result = deduplicate(records, config=config, statistics=Statistics())
    wanted = {decision.id for decision in result.decisions if decision.status == "kept"}
    ordered = visiting_order(records, config)
    with Index.open(str(tmp_path / "i.db"), mode="w", config=config) as index:
        for at in range(0, len(ordered), size):
            index.add_many(ordered[at : at + size])
        assert kept(index) == wanted
        assert index.verify() == []


def test_a_duplicate_has_the_scores_of_the_batch_run(tmp_path):
    records, config = corpus("invented"), without_medoid()
    result = deduplicate(records, config=config, statistics=Statistics())
    dropped = {
        d.id: (d.kept_id, d.relation, d.jaccard, d.containment, d.reason)
        for d in result.decisions
        if d.status == "dropped"
    }
    with Index.open(str(tmp_path / "i.db"), mode="w", config=config) as index:
        index.add_many(visiting_order(records, config))
        verdicts = [index.get(record["id"])["verdict"] for record in records]
    found = {
        v["id"]: (v["of"], v["relation"], v["jaccard"], v["containment"], v["reason"])
        for v in verdicts
        if not v["kept"]
    }
    assert found == dropped


def test_a_run_against_an_index_drops_what_the_index_has(tmp_path):
    records = make_records(60, seed=8)
    with Index.open(str(tmp_path / "i.db"), mode="w") as index:
        index.add_many(records)
    source = write_lines(tmp_path / "in.jsonl", *(shouted(r, f"new {r['id']}") for r in records))
    ran = invoke(
        "run",
        source,
        "--against",
        tmp_path / "i.db",
        "-o",
        tmp_path / "out.jsonl",
        "--decisions",
        tmp_path / "d.jsonl",
        "-q",
    )
    assert (ran.code, ran.err) == (0, "")
    assert read_rows(tmp_path / "out.jsonl") == []
    assert {row["kept_in"] for row in read_rows(tmp_path / "d.jsonl")} == {"index"}


def test_a_run_with_an_index_adds_what_it_keeps_and_knows_it_next_time(tmp_path):
    records = make_records(60, seed=8)
    source = write_lines(tmp_path / "in.jsonl", *records)
    ran = invoke("run", source, "--index", tmp_path / "i.db", "-o", tmp_path / "out.jsonl", "-q")
    assert (ran.code, ran.err) == (0, "")
    with Index.open(str(tmp_path / "i.db")) as index:
        assert {r["id"] for r in index.export()} == {r["id"] for r in read_rows(tmp_path / "out.jsonl")}
        assert index.stats()["batches"] == 1
        assert index.verify() == []
    again = write_lines(tmp_path / "more.jsonl", *(shouted(r, f"new {r['id']}") for r in records))
    assert invoke("run", again, "--index", tmp_path / "i.db", "-o", tmp_path / "none.jsonl", "-q").code == 0
    assert read_rows(tmp_path / "none.jsonl") == []


def test_a_run_that_fails_leaves_the_index_as_it_was(tmp_path):
    source = write_lines(tmp_path / "in.jsonl", *make_records(60, seed=8))
    write_lines(tmp_path / "first.jsonl", *make_records(5, seed=9))
    invoke("run", tmp_path / "first.jsonl", "--index", tmp_path / "i.db", "-o", tmp_path / "a.jsonl", "-q")
    ran = invoke(
        "run", source, "--index", tmp_path / "i.db", "-o", tmp_path / "b.jsonl", "--max-drop-rate", "0", "-q"
    )
    assert ran.code == 6
    with Index.open(str(tmp_path / "i.db")) as index:
        assert index.stats()["documents"] == len(read_rows(tmp_path / "a.jsonl"))


def test_a_dry_run_with_an_index_adds_nothing(tmp_path):
    source = write_lines(tmp_path / "in.jsonl", *make_records(10, seed=8))
    assert invoke("run", source, "--index", tmp_path / "i.db", "--dry-run", "-q").code == 0
    with Index.open(str(tmp_path / "i.db")) as index:
        assert index.stats()["documents"] == 0
