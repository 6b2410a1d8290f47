"""`dedup.deduplicate`: any container of records in, kept and dropped ones with their decisions out."""

from datetime import UTC, datetime

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import SCHOOL, STORM, invoke, make_records, read_rows, write_lines

import dedup
from dedup import Article, Config, DataError, UsageError
from dedup.config import ClusterConfig, ReadConfig
from dedup.pipeline import library

ROWS = [{"id": 1, "text": STORM}, {"id": 2, "text": STORM.upper()}, {"id": 3, "text": SCHOOL}]
CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "generator": lambda rows: (row for row in rows),
    "articles": lambda rows: [Article(**row) for row in rows],
    "Arrow table": pa.Table.from_pylist,
    "Arrow batch": pa.RecordBatch.from_pylist,
    "Arrow reader": lambda rows: pa.Table.from_pylist(rows).to_reader(),
    "pandas": pd.DataFrame,
    "Polars": pl.DataFrame,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_any_container_gives_the_same_answer(container):
    result = dedup.deduplicate(CONTAINERS[container](ROWS))
    assert [record["id"] for record in result.kept] == [1, 3]
    assert [record["id"] for record in result.dropped] == [2]
    assert result.counts == {"in": 3, "kept": 2, "dropped": 1, "rejected": 0}
    assert [(decision.status, decision.kept_id) for decision in result.decisions] == [
        ("kept", None),
        ("dropped", 1),
        ("kept", None),
    ]
    assert result.clusters[0].kept == 1
    assert result.clusters[0].dropped == (2,)
    assert result.digest == dedup.deduplicate(ROWS).digest


def test_a_pandas_frame_with_another_index_is_read_by_its_columns():
    frame = pd.DataFrame(ROWS).set_index(pd.Index(["a", "b", "c"], name="key"))
    assert [record["id"] for record in dedup.deduplicate(frame).kept] == [1, 3]


def test_all_fields_of_an_article_are_used():
    first = Article(STORM, id="a", title="T", source="S", date=datetime(2026, 1, 2, tzinfo=UTC), url="u")
    second = Article(STORM, id="b", date=datetime(2026, 1, 1, tzinfo=UTC))
    result = dedup.deduplicate([first, second])
    assert [record["id"] for record in result.kept] == ["b"]  # the earlier one


def test_nothing_in_is_nothing_out():
    for nothing in ([], pa.table({"text": pa.array([], pa.string())}), iter(())):
        result = dedup.deduplicate(nothing)
        assert (len(result.kept), result.decisions, result.clusters) == (0, (), ())


def test_records_are_handed_back_as_they_are():
    rows = [{"id": 1, "text": STORM, "x": object()}]
    (kept,) = dedup.deduplicate(rows).kept
    assert kept is rows[0]


def test_a_kept_text_is_cleaned_and_the_record_of_the_caller_is_not_touched():
    rows = [{"id": 1, "text": f"{STORM}\n\nRead more: Ten photographs"}]
    before = dict(rows[0])
    assert dedup.deduplicate(rows).kept[0]["text"] == STORM
    assert rows[0] == before


BAD = [
    {"id": 1},
    {"id": 1, "text": None},
    {"id": 1, "text": 5},
    {"id": 1, "text": ["a"]},
    {"id": [1], "text": "a"},
]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_a_bad_record_is_an_error(bad):
    with pytest.raises(DataError, match=r"record 1.*on_bad_record"):
        dedup.deduplicate([ROWS[0], bad])


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_bad_records_can_be_rejected(bad):
    result = dedup.deduplicate([ROWS[0], bad, ROWS[2]], on_bad_record="reject")
    assert result.counts == {"in": 3, "kept": 2, "dropped": 0, "rejected": 1}
    assert [position for position, _ in result.rejected] == [1]
    assert result.decisions[1].status == "rejected"


def test_bad_records_alone_can_be_rejected():
    assert dedup.deduplicate([{"text": None}] * 3, on_bad_record="reject").counts["rejected"] == 3


def test_a_null_in_a_table_is_a_bad_record():
    table = pa.table({"id": [1, 2], "text": [STORM, None]})
    with pytest.raises(DataError, match="text is null"):
        dedup.deduplicate(table)
    assert dedup.deduplicate(table, on_bad_record="reject").counts["rejected"] == 1


@pytest.mark.parametrize("records", ["text", b"text", {"text": STORM}])
def test_what_is_no_collection_of_records_is_refused(records):
    with pytest.raises(UsageError, match="give an iterable"):
        dedup.deduplicate(records)


@pytest.mark.parametrize("record", [STORM, None, 7, ("text", STORM)])
def test_what_is_no_record_is_refused(record):
    with pytest.raises(UsageError, match="give mappings or Article"):
        dedup.deduplicate([record])


def test_no_field_for_the_text_is_refused_with_those_that_are():
    with pytest.raises(UsageError, match=r"fields: id, lang"):
        dedup.deduplicate([{"id": 1, "lang": "en"}])
    with pytest.raises(UsageError, match=r"'absent'.*fields: id, text"):
        dedup.deduplicate(ROWS, config=Config(read=ReadConfig(text="absent")))


@pytest.mark.parametrize("absent", [None, "", float("nan")])
def test_an_absent_id_is_named_by_content(absent):
    first, second = dedup.deduplicate(
        [{"id": absent, "text": STORM}, {"id": absent, "text": SCHOOL}]
    ).decisions
    assert first.id == f"sha:{first.record}"
    assert second.flags == ()


@pytest.mark.parametrize("identifier", [0, -7, True, 1.5, 10**30, "007"])
def test_ids_keep_their_type(identifier):
    (decision,) = dedup.deduplicate([{"id": identifier, "text": STORM}]).decisions
    assert (decision.id, type(decision.id)) == (identifier, type(identifier))


@pytest.mark.parametrize("field", ["id", "title", "source", "url", "date", "text"])
def test_lone_surrogates_and_nul_stop_nothing(field):
    row = {"id": 1, "text": STORM} | {field: f"{STORM} \ud800 \0"}
    assert dedup.deduplicate([row, row | {"x": 1}]).counts["in"] == 2


def test_newcomers_go_for_published_records():
    result = dedup.deduplicate(ROWS, against=[{"id": "old", "text": STORM}])
    assert [record["id"] for record in result.kept] == [3]
    assert {(d.kept_id, d.kept_in) for d in result.decisions if d.status == "dropped"} == {("old", "against")}


def test_what_is_dropped_follows_the_config():
    rows = [{"id": 1, "text": STORM}, {"id": 2, "text": f"{STORM} The end."}]
    assert dedup.deduplicate(rows).counts["dropped"] == 1
    config = Config(cluster=ClusterConfig(drop=("exact",)))
    assert dedup.deduplicate(rows, config=config).counts["dropped"] == 0


def test_an_unknown_choice_for_bad_records_is_refused():
    with pytest.raises(UsageError, match="on_bad_record"):
        dedup.deduplicate(ROWS, on_bad_record="ignore")


def test_the_library_and_the_command_decide_alike(tmp_path):
    records = make_records(200, seed=5)
    write_lines(tmp_path / "in.jsonl", *records)
    invoke("run", tmp_path / "in.jsonl", "--decisions", tmp_path / "d.jsonl", "--workers", "1")
    result = dedup.deduplicate(records)
    for decision, row in zip(result.decisions, read_rows(tmp_path / "d.jsonl"), strict=True):
        assert (decision.id, decision.status, decision.kept_id) == (
            row["id"],
            row["status"],
            row.get("kept_id"),
        )
        assert (decision.jaccard, decision.record) == (row.get("jaccard"), row["record"])


def test_workers_change_nothing(monkeypatch):
    monkeypatch.setattr(library, "_ROWS_AT_ONCE", 25)  # enough parts for a pool
    records = make_records(500, seed=6)
    by_two, by_one = dedup.deduplicate(records, workers=2), dedup.deduplicate(records)
    assert by_two.decisions == by_one.decisions
    assert (by_two.digest, by_two.counts) == (by_one.digest, by_one.counts)


def test_results_come_as_tables_too():
    result = dedup.deduplicate(pa.Table.from_pylist(ROWS))
    assert result.to_arrow().column("id").to_pylist() == [1, 3]
    assert list(dedup.deduplicate(pd.DataFrame(ROWS)).to_pandas()["id"]) == [1, 3]
    assert dedup.deduplicate(ROWS).to_arrow().column("text").to_pylist() == [STORM, SCHOOL]
