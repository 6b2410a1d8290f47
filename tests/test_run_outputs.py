"""What `dedup run` writes: whole or not at all, untouched but for the text, and as its manifest says."""

import bz2
import gzip
import json
import os
import resource
import stat
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import zstandard
from conftest import SCHOOL, STORM, invoke, process, read_rows, refused, sha256, write_lines

from dedup.errors import SystemFailure
from dedup.files import AtomicFile, atomic, compression
from dedup.pipeline import run as pipeline
from dedup.pipeline.spill import Scratch

# The furniture goes, the rest stays.
DIRTY = f"{SCHOOL}\n\nRead more: Ten photographs of the harbour"
COPIES = ({"id": 1, "text": STORM}, {"id": 2, "text": STORM}, {"id": 3, "text": SCHOOL})


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no right to mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


# --- untouched bytes


def test_lines_that_need_no_cleaning_are_byte_identical(job):
    odd = (
        b'{ "n":1.50,"id" : 7 ,"text":' + json.dumps(STORM).encode() + b',\t"x":{"b":1,"a":[ 1e3 ]} , "n":2}'
    )
    source = job.records(odd, {"id": 8, "text": SCHOOL})
    job.done(source)
    assert job.kept.read_bytes() == source.read_bytes()


def test_only_the_text_changes_in_a_line_that_is_cleaned(job):
    line = b'{ "n":1.50, "text" :' + json.dumps(DIRTY).encode() + b',"id" : 7.50}'
    (row,) = job.done(job.records(line))
    assert row["removed"][0]["rule"] == "read_more"
    assert (
        job.kept.read_bytes() == line.replace(json.dumps(DIRTY).encode(), json.dumps(SCHOOL).encode()) + b"\n"
    )


def test_keep_text_leaves_kept_lines_byte_identical(job):
    source = job.records({"id": 1, "text": DIRTY}, {"id": 2, "text": DIRTY})
    rows = job.done(source, "--keep-text")
    assert job.kept.read_bytes() == source.read_bytes().splitlines(keepends=True)[0]
    assert rows[0]["removed"]


def test_a_last_line_without_an_end_is_a_record(job):
    (job.folder / "in.jsonl").write_bytes(json.dumps(COPIES[0]).encode())
    job.done(job.folder / "in.jsonl")
    assert read_rows(job.kept) == [COPIES[0]]


def test_dropped_records_are_written_in_full_as_they_came(job):
    source = job.records({"id": 1, "text": DIRTY, "x": 1.0}, {"id": 2, "text": DIRTY, "x": 2.0})
    job.done(source, "--dropped", "dropped.jsonl")
    assert Path("dropped.jsonl").read_bytes() == source.read_bytes().splitlines(keepends=True)[1]


# --- formats


@pytest.mark.parametrize(
    ("ending", "pack", "unpack"),
    [
        (".gz", gzip.compress, gzip.decompress),
        (".bz2", bz2.compress, bz2.decompress),
        (
            ".zst",
            zstandard.compress,
            lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        ),
    ],
)
def test_compressed_files_are_read_and_written(job, ending, pack, unpack):
    plain = job.records(*COPIES)
    source, kept = job.folder / f"in.jsonl{ending}", job.folder / f"kept.jsonl{ending}"
    source.write_bytes(pack(plain.read_bytes()))
    job.done(source, kept=kept)
    lines = plain.read_bytes().splitlines(keepends=True)
    assert unpack(kept.read_bytes()) == lines[0] + lines[2]


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstandard.compress)]
)
def test_a_truncated_compressed_file_fails_the_run_even_with_rejects(job, ending, pack):
    source = job.folder / f"in.jsonl{ending}"
    whole = pack(b"".join(json.dumps({"id": n, "text": f"{STORM} {n}"}).encode() + b"\n" for n in range(500)))
    source.write_bytes(whole[: len(whole) * 2 // 3])
    refused(job.run(source), 3, "data", "truncated")
    assert names_in(job.folder) == [source.name]


def test_a_decompression_bomb_is_refused(job, monkeypatch):
    monkeypatch.setattr(compression, "EXPANSION_FLOOR", 1 << 20)
    (job.folder / "dedup.toml").write_text("expansion_limit = 20\n")
    source = job.folder / "in.jsonl.gz"
    source.write_bytes(gzip.compress(b"\n" * (4 << 20)))
    refused(job.run(source), 3, "data", "20 times")


@pytest.mark.long
def test_a_decompression_bomb_is_refused_as_shipped(job):
    source = job.folder / "in.jsonl.gz"
    with gzip.open(source, "wb") as file:
        for _ in range(1100):
            file.write(b"x" * (1 << 20))
    refused(job.run(source), 3, "data", "200 times")


def write_table(path, table):
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        pyarrow.feather.write_feather(table, path, compression="uncompressed")


def read_table(path):
    return pq.read_table(path) if path.suffix == ".parquet" else pyarrow.feather.read_table(path)


TABLE = pa.table(
    {
        "id": pa.array([7, 8, 9], pa.int32()),
        "text": pa.array([STORM, STORM, DIRTY]).dictionary_encode(),
        "when": pa.array([1, 2, 3], pa.timestamp("s", "Europe/Rome")),
        "tags": pa.array([["a"], [], None], pa.list_(pa.string())),
    }
)
TABLE = TABLE.cast(TABLE.schema.with_metadata({"origin": "press"}))


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_columns_keep_schema_metadata_and_values(job, ending):
    source, kept = job.folder / f"in.{ending}", job.folder / f"kept.{ending}"
    write_table(source, TABLE)
    rows = job.done(source, kept=kept)
    assert [row["id"] for row in rows if row["status"] == "kept"] == [7, 9]
    found = read_table(kept)
    assert found.schema.equals(read_table(source).schema, check_metadata=True)
    assert found.drop(["text"]).equals(read_table(source).take([0, 2]).drop(["text"]))
    assert found.column("text").to_pylist() == [STORM, SCHOOL]


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_table_without_rows_makes_one_of_the_same_schema(job, ending):
    source, kept = job.folder / f"in.{ending}", job.folder / f"kept.{ending}"
    write_table(source, TABLE.slice(0, 0))
    assert job.done(source, kept=kept) == []
    assert read_table(kept).schema.equals(read_table(source).schema, check_metadata=True)


@pytest.mark.parametrize("damage", ["footer", "empty", "text"])
def test_a_damaged_parquet_file_fails_the_run(job, damage):
    source = job.folder / "in.parquet"
    write_table(source, TABLE)
    source.write_bytes(
        {"footer": source.read_bytes()[:-20], "empty": b"", "text": b"no table at all"}[damage]
    )
    refused(job.run(source, kept="kept.parquet"), 3, "data", "damaged or not of its format")
    assert names_in(job.folder) == [source.name]


def test_inputs_of_different_formats_go_to_json_lines_only(job):
    write_table(job.folder / "in.parquet", TABLE.drop(["when", "tags"]))
    lines = job.records({"id": 1, "text": STORM}, {"id": 2, "text": f"{SCHOOL} {STORM}"})
    refused(
        job.run("in.parquet", lines, kept="kept.parquet"), 2, "usage", "cannot write parquet from jsonl input"
    )
    assert len(job.done("in.parquet", lines)) == 5
    assert {row["id"] for row in read_rows(job.kept)} <= {1, 2, 7, 8, 9}


def test_tables_of_different_columns_go_to_json_lines_only(job):
    write_table(job.folder / "a.parquet", TABLE)
    write_table(job.folder / "b.parquet", TABLE.drop(["tags"]))
    refused(job.run("a.parquet", "b.parquet", kept="kept.parquet"), 2, "usage", "different columns")


def test_a_folder_of_texts_goes_to_a_folder(job):
    for name, text in {"a.txt": STORM, "sub/b.txt": STORM, "sub/c.txt": DIRTY}.items():
        path = job.folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    rows = job.done("in", kept="out")
    assert [row["id"] for row in rows] == ["a.txt", "sub/b.txt", "sub/c.txt"]
    found = {str(path.relative_to("out")): path.read_text() for path in Path("out").rglob("*.txt")}
    assert found == {"a.txt": STORM, "sub/c.txt": SCHOOL}
    job.done("in")
    assert read_rows(job.kept) == [{"id": "a.txt", "text": STORM}, {"id": "sub/c.txt", "text": SCHOOL}]


def test_an_output_without_a_known_ending_is_refused(job):
    refused(job.run(job.records(*COPIES), kept="kept.data"), 2, "usage", "--output-format")


# --- where outputs may go


@pytest.mark.parametrize("link", ["same", "symlink", "hard link"])
@pytest.mark.parametrize(
    "flag", ["-o", "--decisions", "--rejects", "--manifest", "--dropped", "--statistics"]
)
def test_an_output_that_is_the_input_is_refused(job, link, flag):
    source, target = job.records(*COPIES), job.folder / "other.jsonl"
    if link == "symlink":
        target.symlink_to(source)
    elif link == "hard link":
        target.hardlink_to(source)
    else:
        target = source
    before = source.read_bytes()
    refused(invoke("run", source, flag, target), 2, "usage", "output is an input")
    assert source.read_bytes() == before


def test_an_output_that_is_the_archive_is_refused(job):
    archive = write_lines("archive.jsonl", *COPIES)
    ran = invoke("run", job.records(*COPIES), "--against", archive, "-o", archive)
    refused(ran, 2, "usage", "output is an input")


def test_two_outputs_on_one_path_are_refused(job):
    source = job.records(*COPIES)
    refused(
        invoke("run", source, "-o", "a.jsonl", "--dropped", "./a.jsonl"),
        2,
        "usage",
        "two outputs are the same",
    )
    refused(
        invoke("run", source, "-o", "-", "--decisions", "/dev/stdout"),
        2,
        "usage",
        "two outputs go to standard",
    )


def test_an_existing_output_is_replaced_and_keeps_its_mode(job):
    job.kept.write_text("old")
    job.kept.chmod(0o640)
    job.done(job.records(*COPIES))
    assert len(read_rows(job.kept)) == 2
    assert stat.S_IMODE(job.kept.stat().st_mode) == 0o640


@pytest.mark.parametrize("flag", ["-o", "--decisions", "--manifest"])
def test_no_overwrite_refuses_an_existing_output(job, flag):
    Path("old.jsonl").write_text("old")
    refused(
        invoke("run", job.records(*COPIES), "--no-overwrite", flag, "old.jsonl"), 2, "usage", "output exists"
    )
    assert Path("old.jsonl").read_text() == "old"
    assert names_in(job.folder) == ["in.jsonl", "old.jsonl"]


@pytest.mark.parametrize(
    "target", ["in.jsonl/kept.jsonl", "absent/kept.jsonl", "/proc/kept.jsonl", "/dev/full"]
)
def test_an_output_that_cannot_be_written_stops_the_run(job, target):
    refused(job.run(job.records(*COPIES), kept=target), 4, "system", target)
    assert names_in(job.folder) == ["in.jsonl"]


def test_a_late_output_that_cannot_be_written_publishes_none(job):
    ran = job.run(job.records(*COPIES), "--statistics", "absent/statistics.json")
    refused(ran, 4, "system", "absent/statistics.json")
    assert names_in(job.folder) == ["in.jsonl"]


def test_a_full_disk_leaves_the_old_output_and_nothing_else(job, small_disk):
    kept = small_disk / "kept.jsonl"
    kept.write_text("old")
    source = job.records({"id": 1, "text": f"{STORM} " * 8000})
    refused(job.run(source, kept=kept), 4, "system", "No space left")
    assert kept.read_text() == "old"
    assert names_in(small_disk) == ["kept.jsonl"]


def test_a_full_temporary_folder_stops_the_run(job, small_disk):
    source = job.records(*({"id": n, "text": f"{n} {STORM} " * 9} for n in range(300)))
    refused(job.run(source, "--temp", small_disk), 4, "system", str(small_disk))
    assert names_in(small_disk) == []
    assert names_in(job.folder) == ["disk", "in.jsonl"]


def test_no_room_for_an_array_is_said_before_it_is_mapped(small_disk):
    with pytest.raises(SystemFailure, match="No space left"):
        Scratch(small_disk, 1).empty((2 << 20,), np.uint8)


def test_a_limit_on_the_size_of_files_stops_the_run(job):
    source = job.records({"id": 1, "text": f"{STORM} " * 2000})
    ran = process(
        *("run", source, "-o", job.kept, "--workers", "1"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )
    assert ran.returncode == 4
    assert ran.stderr.decode().splitlines()[-1].startswith("dedup: error[system]: ")
    assert names_in(job.folder) == ["in.jsonl"]


def test_a_temporary_folder_that_cannot_be_made_is_refused(job):
    refused(job.run(job.records(*COPIES), "--temp", "in.jsonl/temp"), 4, "system", "--temp")


def test_what_killed_runs_left_beside_a_target_goes_with_the_next_run(job):
    left = [".kept.jsonl.1.0123456789ab.tmp", ".decisions.jsonl.99.00ff00ff00ff.tmp"]
    other = [".kept.jsonl.tmp", ".kept.jsonl.1.0123456789ab.tmp.bak", ".other.jsonl.1.0123456789ab.tmp"]
    for name in [*left, *other]:
        Path(name).touch()
    job.done(job.records(*COPIES))
    assert not {*left} & {*names_in(job.folder)}
    assert {*other} <= {*names_in(job.folder)}


def test_what_a_living_run_holds_beside_a_target_stays(job):
    with AtomicFile("kept.jsonl") as living:
        living.write(b"mine\n")
        living.close()
        job.done(job.records(*COPIES))
        living.publish()
    assert job.kept.read_bytes() == b"mine\n"


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_folder_replaces_a_folder_and_leaves_nothing_beside_it(job, monkeypatch, in_one_step):
    if not in_one_step:
        monkeypatch.setattr(atomic, "exchange", lambda _one, _other: False)
    for folder, text in (("in", STORM), ("out", "old")):
        Path(folder).mkdir()
        Path(folder, "a.txt").write_text(text)
    job.done("in", kept="out")
    assert Path("out", "a.txt").read_text() == STORM
    assert [name for name in names_in(job.folder) if name.startswith(".")] == []


# --- what is written only when asked


def test_without_an_output_there_is_only_the_summary(job):
    ran = invoke("run", job.records(*COPIES))
    assert (ran.code, ran.out) == (0, b"")
    assert "kept" in ran.err
    assert names_in(job.folder) == ["in.jsonl"]


def test_a_dry_run_writes_decisions_and_no_records(job):
    rows = job.done(job.records(*COPIES), "--dry-run")
    assert len(rows) == 3
    assert not job.kept.exists()


def test_too_high_a_drop_rate_stops_with_nothing_written(job):
    job.decisions.write_text("old")
    source = job.records(*COPIES)
    refused(job.run(source, "--max-drop-rate", "0.3"), 6, "drop-rate", "1 of 3 records")
    assert job.decisions.read_text() == "old"
    assert names_in(job.folder) == ["decisions.jsonl", "in.jsonl"]
    job.done(source, "--max-drop-rate", "0.34")


@pytest.mark.parametrize("rate", ["-0.1", "1.5", "nan"])
def test_a_drop_rate_that_is_no_fraction_is_refused(job, rate):
    refused(job.run(job.records(*COPIES), "--max-drop-rate", rate), 2, "usage", "--max-drop-rate")


def test_standard_output_gets_nothing_when_the_run_fails(job):
    source = job.records(*COPIES, b"[")
    refused(invoke("run", source, "-o", "-"), 3, "data", "in.jsonl:4")
    refused(
        invoke("run", source, "-o", "-", "--rejects", "r.jsonl", "--max-drop-rate", "0"),
        6,
        "drop-rate",
        "1 of 4",
    )


def test_standard_output_gets_the_kept_records(job):
    source = job.records(*COPIES)
    lines = source.read_bytes().splitlines(keepends=True)
    assert invoke("run", source, "-o", "-").out == lines[0] + lines[2]


# --- annotations


def test_annotate_keeps_every_record_and_says_what_became_of_it(job):
    source = job.records(*COPIES, b"[")
    rows = job.done(source, "--annotate")
    written = read_rows(job.kept)
    assert [row["id"] for row in written] == [1, 2, 3]
    for row, decision in zip(written, rows, strict=False):
        assert {
            name.removeprefix("dedup_"): value for name, value in row.items() if name.startswith("dedup_")
        } == {
            "status": decision["status"],
            "cluster": decision["cluster"],
            "story": decision["story"],
            "kept_id": decision.get("kept_id"),
            "relation": decision.get("relation"),
            "score": decision.get("containment"),
        }


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_annotate_adds_columns_to_tables(job, ending):
    source, kept = job.folder / f"in.{ending}", job.folder / f"kept.{ending}"
    if ending == "csv":
        source.write_text(f'id,text\na,"{STORM}"\nb,"{STORM}"\n')
    else:
        write_table(source, pa.table({"id": ["a", "b"], "text": [STORM, STORM]}))
    job.done(source, "--annotate", kept=kept)
    if ending == "csv":
        header, first, second = kept.read_text().splitlines()
        assert (
            header
            == "id,text,dedup_status,dedup_cluster,dedup_story,dedup_kept_id,dedup_relation,dedup_score"
        )
        assert (first.split('"')[2], second.split('"')[2]) == (",kept,a,a,,,", ",dropped,a,a,a,exact,1.0")
    else:
        table = read_table(kept)
        assert table.column("dedup_status").to_pylist() == ["kept", "dropped"]
        assert table.column("dedup_kept_id").to_pylist() == [None, "a"]
        assert table.column("dedup_score").to_pylist() == [None, 1.0]


def test_annotations_that_would_hide_a_field_are_refused(job):
    source = job.records({"id": 1, "text": STORM, "dedup_status": "mine"})
    refused(job.run(source, "--annotate"), 2, "usage", "dedup_status")
    refused(invoke("run", source, "--annotate"), 2, "usage", "-o")


# --- manifest


def test_the_manifest_holds_the_digests_of_all_inputs_and_outputs(job):
    source, archive = job.records(*COPIES, b"["), write_lines("archive.jsonl", {"id": "a", "text": SCHOOL})
    job.done(source, "--dropped", "dropped.jsonl", "--statistics", "statistics.json", "--against", archive)
    manifest = json.loads(job.manifest.read_text())
    outputs = {output["output"]: output for output in manifest["outputs"]}
    assert set(outputs) == {"records", "decisions", "dropped", "rejects", "statistics"}
    for output in manifest["outputs"]:
        assert output["sha256"] == sha256(output["path"])
    assert [
        (given["name"], given["sha256"], given["bytes"]) for given in manifest["inputs"] + manifest["against"]
    ] == [(str(path), sha256(path), path.stat().st_size) for path in (source, archive)]
    assert manifest["records"] == {"in": 4, "kept": 1, "dropped": 2, "rejected": 1}


def test_the_manifest_digests_an_output_on_standard_output(job):
    ran = invoke("run", job.records(*COPIES), "-o", "-", "--manifest", job.manifest)
    (output,) = json.loads(job.manifest.read_text())["outputs"]
    Path("out").write_bytes(ran.out)
    assert output["sha256"] == sha256("out")


# --- against an archive


def test_newcomers_go_for_archived_records_which_are_not_written(job):
    archive = write_lines("archive.jsonl", {"guid": "old", "body": STORM})
    rows = job.done(job.records(*COPIES), "--against", archive)
    assert [(row["status"], row.get("kept_id"), row.get("kept_in")) for row in rows] == [
        ("dropped", "old", "against"),
        ("dropped", "old", "against"),
        ("kept", None, None),
    ]
    assert [row["id"] for row in read_rows(job.kept)] == [3]


def test_a_newcomer_fuller_than_the_archived_cut_is_kept_and_supersedes_it(job):
    archive = write_lines("archive.jsonl", {"id": "cut", "text": f"{STORM} {SCHOOL}"[: len(STORM) + 60]})
    (row,) = job.done(job.records({"id": "full", "text": f"{STORM} {SCHOOL}"}), "--against", archive)
    assert (row["status"], row["supersedes"]) == ("kept", "cut")


def test_a_bad_record_in_the_archive_stops_the_run(job):
    archive = write_lines("archive.jsonl", {"id": 1, "text": None})
    refused(job.run(job.records(*COPIES), "--against", archive), 3, "data", "archive.jsonl:1")


def test_an_empty_archive_changes_nothing(job):
    source = job.records(*COPIES)
    job.done(source)
    alone = job.digest
    job.done(source, "--against", write_lines("archive.jsonl"))
    assert job.digest == alone


# --- statistics


def test_a_run_by_frozen_statistics_decides_as_the_run_that_made_them(job, corpus):
    job.done(corpus, "--statistics", "statistics.json")
    learned = job.digest
    job.done(corpus, "--use-statistics", "statistics.json")
    assert job.digest == learned


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"schema": 1, "n_docs": 1, "bands": 1, "rows": 1, "house": ["zz"]}']
)
def test_what_is_no_statistics_file_is_refused(job, content):
    Path("statistics.json").write_text(content)
    refused(
        job.run(job.records(*COPIES), "--use-statistics", "statistics.json"), 3, "data", "statistics.json"
    )


def test_statistics_that_are_not_there_are_refused(job):
    ran = job.run(job.records(*COPIES), "--use-statistics", "absent.json")
    assert (ran.code, len(ran.errors)) == (2, 1)
    assert "absent.json" in ran.err


def test_a_changing_input_stops_the_run(job, monkeypatch):
    source = job.records(*COPIES)
    resolve = pipeline.resolve

    def meddle(*arguments):
        source.write_bytes(source.read_bytes().replace(b"crane", b"tower"))
        os.utime(source, ns=(1, 1))
        return resolve(*arguments)

    monkeypatch.setattr(pipeline, "resolve", meddle)
    refused(job.run(source), 4, "system", "input changed during the run")
    assert names_in(job.folder) == ["in.jsonl"]
