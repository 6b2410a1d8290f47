"""Records of every sort through `dedup run`: ids, bad ones, strange bytes; none is lost."""

import base64
import json
import subprocess
import sys

import pytest
from conftest import SCHOOL, STORM, invoke, process, read_rows, refused


def texts_of(path):
    return [row["text"] for row in read_rows(path)]


def statuses(rows):
    return [row["status"] for row in rows]


def raw_line(text=STORM, **tokens):
    """Return a line whose other values are written as given."""
    members = [f'"{name}": {token}' for name, token in tokens.items()]
    return ("{" + ", ".join([*members, f'"text": {json.dumps(text)}']) + "}").encode()


# --- ids


def test_the_same_id_on_the_same_text_is_a_copy(job):
    rows = job.done(job.records({"id": 1, "text": STORM}, {"id": 1, "text": STORM}))
    assert statuses(rows) == ["kept", "dropped"]
    assert rows[1]["record"] == rows[0]["record"] + "#2"
    assert not any("flags" in row for row in rows)


def test_the_same_id_on_other_texts_keeps_both_flagged_and_told_apart(job):
    rows = job.done(job.records({"id": 1, "text": STORM}, {"id": 1, "text": SCHOOL}))
    assert statuses(rows) == ["kept", "kept"]
    assert [row["flags"] for row in rows] == [["duplicate_id"]] * 2
    assert rows[0]["record"] != rows[1]["record"]


@pytest.mark.parametrize(
    ("choice", "kept", "reason"),
    [("last", [2], "a later record has the same id"), ("reject", [1], "an earlier record has the same id")],
)
def test_duplicate_ids_can_be_rejected(job, choice, kept, reason):
    source = job.records({"id": "a", "n": 1, "text": STORM}, {"id": "a", "n": 2, "text": SCHOOL})
    rows = job.done(source, "--on-duplicate-id", choice)
    assert [row["n"] for row in read_rows(job.kept)] == kept
    (rejected,) = [row for row in rows if row["status"] == "rejected"]
    assert rejected["reason"] == reason
    (entry,) = read_rows(job.rejects)
    assert entry["bytes"].encode() == source.read_bytes().splitlines()[entry["line"] - 1]


@pytest.mark.parametrize("choice", ["last", "reject"])
def test_copies_under_their_own_id_are_no_duplicate_ids(job, choice):
    # The first, the middle one of another text, and the first once more.
    source = job.records({"id": 1, "text": STORM}, {"id": 1, "text": SCHOOL}, {"id": 1, "text": STORM})
    assert sorted(statuses(job.done(source, "--on-duplicate-id", choice))) == ["dropped", "kept", "rejected"]
    assert texts_of(job.kept) == [STORM]


def test_duplicate_ids_to_reject_need_a_place_for_them(job):
    source = job.records({"id": 1, "text": STORM}, {"id": 1, "text": SCHOOL})
    refused(job.run(source, "--on-duplicate-id", "last", rejects=False), 3, "data", "in.jsonl:1")
    assert not job.kept.exists()


def test_records_without_an_id_are_named_by_content_and_occurrence(job):
    rows = job.done(job.records({"text": STORM}, {"text": STORM}, {"text": SCHOOL}, {"text": STORM}))
    digest = rows[0]["record"].partition("#")[0]
    assert sorted(row["id"] for row in rows if row["record"].startswith(digest)) == [
        f"sha:{digest}",
        f"sha:{digest}#2",
        f"sha:{digest}#3",
    ]
    assert all(row["id"] == f"sha:{row['record']}" for row in rows)


@pytest.mark.parametrize("absent", ["null", '""'])
def test_a_null_or_empty_id_is_an_absent_one(job, absent):
    (row,) = job.done(job.records(raw_line(id=absent)))
    assert row["id"] == f"sha:{row['record']}"


def test_ids_keep_their_json_type(job):
    tokens = ["1", '"1"', '"007"', "1.0", "true", "-7", "12345678901234567890123456789", "1e5"]
    source = job.records(*(raw_line(f"{STORM} Part {n * 17}.", id=token) for n, token in enumerate(tokens)))
    job.done(source)
    for line, token in zip(job.decisions.read_bytes().splitlines(), tokens, strict=True):
        assert f'"id":{token},'.encode() in line
    assert job.kept.read_bytes() == source.read_bytes()


def test_a_number_and_the_same_digits_as_text_are_two_ids(job):
    rows = job.done(job.records({"id": 1, "text": STORM}, {"id": "1", "text": SCHOOL}))
    assert not any("duplicate_id" in row.get("flags", ()) for row in rows)


@pytest.mark.parametrize("token", ["1e999", "1" + "0" * 5000, "[1]", '{"a": 1}'])
def test_what_can_be_no_id_is_rejected(job, token):
    # Two equal texts: their ids would have to be compared.
    rows = job.done(job.records(raw_line(id=token), raw_line(id=token), raw_line(id=3)))
    assert statuses(rows) == ["rejected", "rejected", "kept"]


# --- bad records


BAD = {
    "text is null": b'{"id": 1, "text": null}',
    "text is missing": b'{"id": 1}',
    "text is not a string": b'{"id": 1, "text": ["a"]}',
    "line is not a JSON object": b'["text"]',
    "line is not JSON": b'{"id": 1, "text": "cut of',
    "line is not UTF-8 (byte 23)": b'{"id": 1, "text": "caf\xe9"}',
    "JSON nested deeper": b'{"id": 1, "text": "a", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_record_is_set_aside_with_its_reason_place_and_bytes(job, reason):
    first = b'{"id": 0, "text": "Good."}'
    source = job.records(first, BAD[reason], {"id": 2, "text": STORM})
    rows = job.done(source)
    assert statuses(rows) == ["kept", "rejected", "kept"]
    (entry,) = read_rows(job.rejects)
    assert (entry["file"], entry["line"], entry["offset"]) == (str(source), 2, len(first) + 1)
    assert entry["reason"].startswith(reason)
    content = entry["bytes"].encode() if "bytes" in entry else base64.b64decode(entry["base64"])
    assert content == BAD[reason]
    assert rows[1]["reason"] == entry["reason"]


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_record_without_a_place_stops_the_run(job, reason):
    source = job.records({"id": 0, "text": STORM}, BAD[reason])
    refused(job.run(source, rejects=False), 3, "data", "in.jsonl:2")
    assert not any(path.exists() for path in job.outputs)


def test_an_input_of_bad_records_alone_is_all_rejects(job):
    rows = job.done(job.records(b"[1]", b"null", b"{"))
    assert statuses(rows) == ["rejected"] * 3
    assert job.kept.read_bytes() == b""
    assert len(read_rows(job.rejects)) == 3


def test_bad_records_are_counted_alike_in_any_order(job):
    lines = [*BAD.values(), raw_line(id=1), b'{"id": 9, "text": ""}']
    job.done(job.records(*lines))
    forward = job.digest
    job.done(job.records(*reversed(lines)))
    assert job.digest == forward


@pytest.mark.parametrize("text", ["", " \n\t ", "…!", "\u200b\ufeff"])
def test_a_text_without_words_is_kept_and_flagged(job, text):
    rows = job.done(job.records({"id": 1, "text": text}, {"id": 2, "text": text}))
    assert statuses(rows) == ["kept", "kept"]
    assert all("empty" in row["flags"] for row in rows)


# --- strange characters


def test_a_byte_order_mark_and_carriage_returns_are_no_part_of_a_record(job):
    source = job.folder / "in.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + raw_line(id=1) + b"\r\n" + raw_line(SCHOOL, id=2) + b"\r\n")
    rows = job.done(source)
    assert [row["id"] for row in rows] == [1, 2]
    assert job.kept.read_bytes().splitlines() == [raw_line(id=1), raw_line(SCHOOL, id=2)]


def test_line_separators_inside_a_text_end_no_record(job):
    text = STORM.replace(". ", ".\u2028", 1) + "\u0085\u2029End of report."
    source = job.folder / "in.jsonl"
    source.write_bytes(json.dumps({"id": 1, "text": text}, ensure_ascii=False).encode() + b"\n")
    assert len(job.done(source, "--keep-text")) == 1
    assert job.kept.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\udfff\\ud800"])
def test_nul_and_lone_surrogates_are_flagged_and_leave_as_they_came(job, escape):
    line = raw_line().replace(b"Nobody", escape.encode() + b" Nobody")
    (row,) = job.done(job.records(line), "--keep-text")
    assert "suspect_characters" in row["flags"]
    assert job.kept.read_bytes() == line + b"\n"


@pytest.mark.parametrize("field", ["id", "title", "source", "url", "date"])
def test_a_lone_surrogate_in_another_field_stops_nothing(job, field):
    rows = job.done(job.records(raw_line(**{field: '"x\\ud83dy"'}), raw_line(**{field: '"x\\ud83dy"'})))
    assert sorted(statuses(rows)) == ["dropped", "kept"]


def test_of_two_values_under_one_key_the_last_counts_and_both_stay(job):
    line = b'{"id": 1, "text": "first", "text": ' + json.dumps(STORM).encode() + b', "id": 2}'
    rows = job.done(job.records(line, {"id": 3, "text": STORM + " "}), "--keep-text")
    assert rows[0]["id"] == 2
    assert statuses(rows) == ["kept", "dropped"]
    assert job.kept.read_bytes() == line + b"\n"


# --- large records


def test_a_line_of_ten_megabytes_is_a_record(job):
    text = "Of the long report this is one sentence among many. " * 200_000
    source = job.records({"id": 1, "text": text}, {"id": 2, "text": STORM})
    rows = job.done(source, "--keep-text")
    assert statuses(rows) == ["kept", "kept"]
    assert len(job.kept.read_bytes()) == len(source.read_bytes()) > 10_000_000


def test_a_line_over_the_limit_is_set_aside_with_its_head(job):
    (job.folder / "dedup.toml").write_text("record_limit_bytes = 100_000\n")
    long = raw_line("word " * 40_000, id=1)
    rows = job.done(job.records({"id": 0, "text": STORM}, long, {"id": 2, "text": SCHOOL}))
    assert statuses(rows) == ["kept", "rejected", "kept"]
    (entry,) = read_rows(job.rejects)
    assert entry["truncated"] is True
    assert len(entry["bytes"]) == 65_536
    assert long.startswith(entry["bytes"].encode())
    assert str(len(long)) in entry["reason"]


@pytest.mark.long
def test_a_line_of_two_gigabytes_takes_no_more_memory_than_a_short_one(tmp_path):
    source = tmp_path / "huge.jsonl"
    with source.open("wb") as file:
        file.write(raw_line(id=1) + b'\n{"id": 2, "text": "')
        for _ in range(2048):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + raw_line(SCHOOL, id=3) + b"\n")
    script = (
        "import resource, sys; from dedup.cli import _run;"
        "code = _run(sys.argv[1:]); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
    )
    peaks = []
    for path in (source, tmp_path / "short.jsonl"):
        if not path.exists():
            path.write_bytes(raw_line(id=1) + b"\n" + raw_line(SCHOOL, id=3) + b"\n")
        arguments = [
            "run",
            path,
            "--workers",
            "1",
            "--rejects",
            tmp_path / "r.jsonl",
            "-o",
            tmp_path / "o.jsonl",
        ]
        ran = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, check=True, text=True
        )
        peaks.append(int(ran.stdout))
        assert len(read_rows(tmp_path / "o.jsonl")) == 2
    assert peaks[0] - peaks[1] < 300 * 1024  # the limit of 64 MiB a few times over, not 2 GiB


# --- delimited text


def test_ragged_rows_and_an_unclosed_quote_are_set_aside(job):
    source = job.folder / "in.csv"
    source.write_bytes(b'id,text\n007,"a, b"\n1,x,y\n2\n3,fine words\n4,"open\n5,z\n')
    rows = job.done(source, kept=job.folder / "kept.csv")
    assert statuses(rows) == ["kept", "rejected", "rejected", "kept", "rejected"]
    assert (job.folder / "kept.csv").read_bytes() == b'id,text\n007,"a, b"\n3,fine words\n'
    entries = read_rows(job.rejects)
    assert [entry["line"] for entry in entries] == [3, 4, 6]
    assert entries[2]["bytes"] == '4,"open\n5,z\n'


def test_all_fields_of_csv_are_text(job):
    source = job.folder / "in.csv"
    source.write_bytes(f'id,n,text\n007,1.0,"{STORM}"\n1,,"{SCHOOL}"\n'.encode())
    assert [row["id"] for row in job.done(source)] == ["007", "1"]
    assert read_rows(job.kept) == [
        {"id": "007", "n": "1.0", "text": STORM},
        {"id": "1", "n": "", "text": SCHOOL},
    ]


# --- nothing to do


def test_an_empty_file_makes_empty_outputs(job):
    source = job.records()
    assert job.done(source) == []
    assert [path.read_bytes() for path in (job.kept, job.decisions, job.rejects)] == [b""] * 3


def test_an_empty_file_beside_a_full_one_changes_nothing(job):
    empty, full = job.records(name="empty.jsonl"), job.records({"id": 1, "text": STORM})
    assert len(job.done(empty, full)) == 1


def test_a_csv_file_of_a_header_alone_keeps_its_header(job):
    source, kept = job.folder / "in.csv", job.folder / "kept.csv"
    source.write_bytes(b"\xef\xbb\xbfid;text\r\n")
    assert job.done(source, kept=kept) == []
    assert kept.read_bytes() == source.read_bytes()


def test_a_csv_file_without_a_header_is_refused(job):
    (job.folder / "in.csv").write_bytes(b"")
    refused(job.run(job.folder / "in.csv", kept="kept.csv"), 3, "data", "no header")


# --- fields


def test_a_field_that_is_not_there_is_refused_with_those_that_are(job):
    source = job.records({"key": 1, "body": STORM, "lang": "en"})
    refused(job.run(source, "--text", "fulltext"), 2, "usage", "fields: key, body, lang")
    assert not job.kept.exists()


def test_no_field_for_the_text_is_refused_with_those_that_are(job):
    refused(job.run(job.records({"key": 1, "lang": "en"})), 2, "usage", "fields: key, lang")


def test_what_was_taken_for_what_is_said_and_recorded(job):
    ran = job.run(job.records({"guid": "x", "headline": "T", "body": STORM}))
    assert "dedup: fields: text=body, id=guid, title=headline" in ran.err
    fields = json.loads(job.manifest.read_text())["fields"]
    assert (fields["text"], fields["id"], fields["source"]) == ("body", "guid", None)


def test_names_from_the_input_can_neither_break_the_line_nor_steer_the_terminal(job):
    ran = job.run(job.records({"a\nb\x1b[31m": 1}))
    refused(ran, 2, "usage", "\\x0ab\\x1b[31m")
    assert "\x1b" not in ran.err


def test_ids_from_the_input_cannot_steer_the_terminal(job):
    records = [{"id": "\x1b[31mred", "text": STORM}, {"id": "\x1b[31mblue", "text": STORM}]
    ran = job.run(job.records(*records))
    assert "\\x1b[31m" in ran.err
    assert "\x1b" not in ran.err


# --- streams and sets of files


def test_standard_input_is_read_as_json_lines(tmp_path):
    ran = process(
        "run", "-", "-o", "-", "-q", cwd=tmp_path, input=raw_line(id=1) + b"\n" + raw_line(id=2) + b"\n"
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout == raw_line(id=1) + b"\n"


def test_standard_input_is_read_in_the_format_told(tmp_path):
    table = f'id,text\n1,"{STORM}"\n2,"{STORM}"\n'.encode()
    arguments = ["run", "-", "--input-format", "csv", "-o", "-", "--output-format", "csv", "-q"]
    assert process(*arguments, cwd=tmp_path, input=table).stdout == f'id,text\n1,"{STORM}"\n'.encode()


def test_standard_input_serves_once(job):
    refused(invoke("run", "-", "-"), 2, "usage", "standard input is named twice")
    refused(invoke("run", "-", "--against", "-"), 2, "usage", "standard input is named twice")


def test_an_input_given_twice_is_refused_also_by_a_link(job):
    source = job.records({"id": 1, "text": STORM})
    refused(job.run(source, source), 2, "usage", "given twice")
    (job.folder / "hard.jsonl").hardlink_to(source)
    refused(job.run(source, "hard.jsonl"), 2, "usage", "given twice")


def test_an_input_that_does_not_exist_is_refused(job):
    refused(job.run("absent.jsonl"), 2, "usage", "absent.jsonl")
    refused(job.run("absent-*.jsonl"), 2, "usage", "absent-*.jsonl")
