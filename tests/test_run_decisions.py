"""The rows of `--decisions`: one per record, complete, and true of the texts."""

import json
from fractions import Fraction

import pytest
from conftest import SCHOOL, STORM, make_records, read_rows, write_lines

import dedup
from dedup.normaliser.key import make_key
from dedup.records import Decision

REQUIRED = {
    "kept": {"schema", "record", "id", "status", "cluster", "story", "file", "line"},
    "dropped": {
        *("schema", "record", "id", "status", "cluster", "story", "kept_id", "kept_in", "relation"),
        *("jaccard", "containment", "reason", "file", "line"),
    },
    "rejected": {"schema", "record", "status", "reason", "file", "line"},
}
OPTIONAL = {
    "kept": {"stands_for", "stands_for_count", "preferences", "supersedes", "links", "flags", "removed"},
    "dropped": {"ratio", "links", "flags", "removed"},
    "rejected": {"id"},
}
SHINGLE = 3


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """Records with all sorts of copies and bad lines among them, and their decisions."""
    from conftest import Job

    folder = tmp_path_factory.mktemp("decided")
    job = Job(folder)
    records = make_records(300, seed=4)
    lines = [*records[:100], b"[", *records[100:200], b'{"id": "x", "text": null}', *records[200:]]
    return lines, job.done(write_lines(folder / "in.jsonl", *lines)), job


def shingles_of(text):
    """Return the set of word-3 shingles of a text's key."""
    tokens = make_key(text)[0].split()
    size = min(SHINGLE, len(tokens))
    return {tuple(tokens[at : at + size]) for at in range(len(tokens) - size + 1)}


def rounded(numerator, denominator):
    return round(float(Fraction(numerator, denominator)), 4)


def test_every_record_has_one_row_in_the_order_of_the_input(decided):
    lines, rows, job = decided
    assert [row["line"] for row in rows] == list(range(1, len(lines) + 1))
    assert {row["file"] for row in rows} == {str(job.folder / "in.jsonl")}
    for line, row in zip(lines, rows, strict=True):
        assert row.get("id") == (line["id"] if isinstance(line, dict) else None)


def test_rows_have_their_fields_and_no_others(decided):
    for row in decided[1]:
        assert row["schema"] == 1
        assert REQUIRED[row["status"]] <= set(row) <= REQUIRED[row["status"]] | OPTIONAL[row["status"]]
        assert None not in row.values()


def test_rows_and_the_type_of_a_decision_agree():
    rows = {name for fields in (REQUIRED, OPTIONAL) for names in fields.values() for name in names}
    assert rows - {"schema"} == set(Decision.__dataclass_fields__)


def test_every_record_is_told_apart(decided):
    records = [row["record"] for row in decided[1]]
    assert len(set(records)) == len(records)


def test_a_dropped_record_names_a_kept_one(decided):
    rows = decided[1]
    kept = {row["id"] for row in rows if row["status"] == "kept"}
    dropped = [row for row in rows if row["status"] == "dropped"]
    assert len(dropped) > 50
    assert {row["relation"] for row in dropped} == {"exact", "near", "contained"}
    for row in dropped:
        assert row["kept_id"] == row["cluster"]
        assert row["kept_id"] in kept
        assert row["kept_in"] == "input"


def test_a_kept_record_leads_its_own_cluster_and_lists_what_it_stands_for(decided):
    rows = decided[1]
    members = {}
    for row in rows:
        if row["status"] == "dropped":
            members.setdefault(row["kept_id"], set()).add(row["id"])
    for row in rows:
        if row["status"] == "kept":
            assert row["cluster"] == row["id"]
            assert {other["id"] for other in row.get("stands_for", ())} == members.get(row["id"], set())
            assert row.get("stands_for_count", 0) == len(members.get(row["id"], ()))


def test_the_scores_of_a_drop_are_those_of_that_very_pair(decided):
    lines, rows, _ = decided
    texts = {line["id"]: line["text"] for line in lines if isinstance(line, dict)}
    for row in rows:
        if row["status"] == "dropped":
            one, other = shingles_of(texts[row["id"]]), shingles_of(texts[row["kept_id"]])
            assert row["jaccard"] == rounded(len(one & other), len(one | other))
            assert row["containment"] == rounded(len(one & other), min(len(one), len(other)))
            if row["relation"] == "exact":
                assert make_key(texts[row["id"]])[0] == make_key(texts[row["kept_id"]])[0]


def test_what_is_kept_and_dropped_is_what_the_decisions_say(decided):
    _, rows, job = decided
    kept = {row["id"] for row in rows if row["status"] == "kept"}
    assert {row["id"] for row in read_rows(job.kept)} == kept
    assert [row["line"] for row in read_rows(job.rejects)] == [
        r["line"] for r in rows if r["status"] == "rejected"
    ]


def test_the_manifest_counts_what_the_rows_say(decided):
    _, rows, job = decided
    manifest = json.loads(job.manifest.read_text())
    for relation, number in manifest["dropped_by_relation"].items():
        assert number == sum(row.get("relation") == relation for row in rows)
    for flag, number in manifest["flags"].items():
        assert number == sum(flag in row.get("flags", ()) for row in rows)


def test_names_and_places_of_files_do_not_enter_the_digest(job):
    lines = make_records(30)
    job.done(job.records(*lines, name="a.jsonl"))
    alone = job.digest
    (job.folder / "sub").mkdir()
    parts = job.records(*lines[20:], name="sub/x.jsonl"), job.records(*lines[:20], name="y.jsonl")
    job.done(*parts)
    assert job.digest == alone


def test_another_decision_gives_another_digest(job):
    records = [{"id": 1, "text": STORM}, {"id": 2, "text": SCHOOL}]
    job.done(job.records(*records))
    alone = job.digest
    job.done(job.records(records[0], {"id": 2, "text": STORM}))
    assert job.digest != alone


def test_removals_are_listed_by_line_rule_and_length(job):
    furniture = "Read more: Ten photographs of the harbour"
    (row,) = job.done(job.records({"id": 1, "text": f"{STORM}\n\n{furniture}"}))
    assert row["removed"] == [{"line": 3, "rule": "read_more", "chars": len(furniture)}]


def test_texts_that_differ_in_their_facts_are_kept_and_linked(job):
    update = STORM.replace("Nobody was hurt", "Three dockers were hurt").replace("40-metre", "55-metre")
    rows = job.done(job.records({"id": 1, "text": STORM}, {"id": 2, "text": update}))
    assert [row["status"] for row in rows] == ["kept", "kept"]
    links = [link for row in rows for link in row["links"]]
    assert [link["id"] for link in links] == [2, 1]
    assert all(set(link) == {"id", "relation", "jaccard", "containment"} for link in links)


def test_a_version_stripped_of_its_marks_is_not_the_one_kept():
    text = " ".join(
        f"The {place} council voted on Monday to mend its bridge, which cost {cost} million in 1998."
        for place, cost in zip(
            ("Elm", "Oak", "Ash", "Fir", "Yew"), ("1.65", "2.4", "3.1", "4.8", "5.2"), strict=True
        )
    )
    stripped = text.replace(",", "").replace(".", " ")
    records = [{"id": 1, "text": "Browse the news room " + stripped}, {"id": 2, "text": text}]
    by_id = {decision.id: decision for decision in dedup.deduplicate(records).decisions}
    assert (by_id[1].status, by_id[2].status) == ("dropped", "kept")
    assert "unpunctuated" in by_id[1].flags
    assert "unpunctuated" not in by_id[2].flags


def test_thai_is_written_without_marks():
    text = "สภาเมืองลงมติเมื่อวันจันทร์ให้ซ่อมสะพานเก่าที่สร้างขึ้นเมื่อหลายสิบปีก่อนและปิดการจราจรเป็นเวลาสามเดือนเพื่อความปลอดภัย"
    (decision,) = dedup.deduplicate([{"id": 1, "text": text}]).decisions
    assert "unpunctuated" not in decision.flags
