"""`dedup index …`: one verdict line per record, exit codes, co-process, secrets."""

import json
import subprocess
import sys

import pytest
from conftest import invoke, process, read_rows, refused, write_lines
from index_support import article, shortened, shouted


def rows(ran):
    return [json.loads(line) for line in ran.out.splitlines()]


@pytest.fixture
def filled(tmp_path):
    """Return an index of three articles and a copy."""
    write_lines(tmp_path / "in.jsonl", article(1), article(2), shouted(article(1), "copy"), article(3))
    ran = invoke("index", "add", tmp_path / "i.db", tmp_path / "in.jsonl")
    assert ran.code == 0
    return tmp_path / "i.db"


def test_add_prints_one_verdict_for_each_record(tmp_path):
    source = write_lines(tmp_path / "in.jsonl", article(1), shortened(article(1), "cut"))
    first, second = rows(invoke("index", "add", tmp_path / "i.db", source))
    assert (first["id"], first["verdict"], first["kept"]) == ("a1", "new", True)
    assert (second["id"], second["verdict"], second["of"], second["relation"]) == (
        "cut",
        "duplicate",
        "a1",
        "contained",
    )


def test_query_stores_nothing(filled, tmp_path):
    source = write_lines(tmp_path / "q.jsonl", shouted(article(2), "q"), article(9))
    assert [row["verdict"] for row in rows(invoke("index", "query", filled, source))] == ["duplicate", "new"]
    assert json.loads(invoke("index", "stats", filled).out)["documents"] == 4


def test_stats_are_json(filled):
    found = json.loads(invoke("index", "stats", filled).out)
    assert (found["documents"], found["kept"], found["dropped"]) == (4, 3, 1)


def test_a_record_without_id_needs_a_batch_id(tmp_path):
    source = write_lines(tmp_path / "in.jsonl", {"text": article(1)["text"]})
    refused(invoke("index", "add", tmp_path / "i.db", source), 2, "usage", "without an id")
    first = rows(invoke("index", "add", tmp_path / "i.db", source, "--batch", "b"))
    assert rows(invoke("index", "add", tmp_path / "i.db", source, "--batch", "b")) == first
    assert first[0]["verdict"] == "new"


def test_remove_expire_compact_verify_rebuild_export(filled, tmp_path):
    assert rows(invoke("index", "remove", filled, "--id", "a1")) == [{"removed": 1}]
    ids = write_lines(tmp_path / "ids", "a2", {"id": "a3"}, "nobody")
    assert rows(invoke("index", "remove", filled, ids)) == [{"removed": 2}]
    assert invoke("index", "compact", filled).code == 0
    assert invoke("index", "rebuild", filled).code == 0
    assert invoke("index", "verify", filled).code == 0
    assert invoke("index", "export", filled, "-o", tmp_path / "out.jsonl").code == 0
    assert [row["id"] for row in read_rows(tmp_path / "out.jsonl")] == ["copy"]
    assert rows(invoke("index", "expire", filled, "--before", "2100-01-01")) == [{"removed": 1}]


def test_verify_of_a_damaged_index_is_exit_5(filled):
    import sqlite3

    with sqlite3.connect(filled) as connection:
        connection.execute("DELETE FROM texts WHERE ordinal = 1")
    connection.close()
    ran = invoke("index", "verify", filled)
    assert ran.code == 5
    assert 'id "a2": text missing or damaged' in ran.err


def test_missing_foreign_and_locked_indexes_are_exit_5(tmp_path, filled):
    refused(invoke("index", "stats", tmp_path / "none.db"), 5, "index", "no such index")
    (tmp_path / "text").write_bytes(
        b"not a database at all, but long enough to have a header of its own" * 20
    )
    refused(invoke("index", "stats", tmp_path / "text"), 5, "index", "not an index of dedup")
    from dedup import Index

    with Index.open(str(filled), mode="w"):
        refused(invoke("index", "compact", filled), 5, "index", "another process is writing")


def test_bad_records_are_answered_in_their_place_and_end_with_exit_3(tmp_path):
    lines = [json.dumps(article(1)), "not json", json.dumps({"id": 3}), json.dumps(article(2))]
    ran = process("index", "add", tmp_path / "i.db", input=("\n".join(lines) + "\n").encode())
    found = rows_of(ran.stdout)
    assert [row["verdict"] for row in found] == ["new", "rejected", "rejected", "new"]
    assert found[1] == {"verdict": "rejected", "reason": "line is not a JSON object", "line": 2}
    assert ran.returncode == 3


def rows_of(output):
    return [json.loads(line) for line in output.splitlines()]


def test_a_co_process_answers_each_line_before_the_next_is_sent(tmp_path):
    words = [sys.executable, "-m", "dedup", "index", "add", str(tmp_path / "i.db"), "--flush"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        answers = []
        for record in (article(1), shouted(article(1), "b"), article(2)):
            child.stdin.write(json.dumps(record).encode() + b"\n")
            child.stdin.flush()
            answers.append(json.loads(child.stdout.readline()))
        child.stdin.close()
        assert child.wait(30) == 0
    assert [answer["verdict"] for answer in answers] == ["new", "duplicate", "new"]


def test_a_password_is_never_printed(tmp_path):
    pytest.importorskip("psycopg")
    for url in (
        "postgresql://me:s3cret@127.0.0.1:1/db",
        "postgresql://me:s3cret@[bad/db",
        "postgresql://h/db?password=s3cret&host=127.0.0.1&port=1",
    ):
        ran = invoke("index", "stats", url)
        assert ran.code in (2, 5)
        assert "s3cret" not in ran.err


COMPILED = """
import sys
from dedup import Index
from dedup.index.warming import warm_index
from dedup.kernels import postings, pairs
from dedup.stores import postings as segments

def compiled():
    found = [*vars(postings).values(), *vars(pairs).values()]
    kernels = [one for one in found if hasattr(one, "signatures")]
    return {kernel.__name__: len(kernel.signatures) for kernel in kernels}

warm_index()
before = compiled()
segments._IN_MEMORY = 4
text = " ".join(f"Line {number} of another article." for number in range(90))
with Index.open(sys.argv[1], mode="w") as index:
    index.add({"id": 1, "text": text})
    index.add_many([{"id": 2, "text": text.upper()}, {"id": 3, "text": text[:900]}])
    index.postings.merge(everything=True)
with Index.open(sys.argv[1]) as index:
    index.query({"id": 4, "text": text[:1200]})
print(compiled() == before and before["find_marked"] == 1, before, compiled())
"""


def test_warming_compiles_all_that_an_index_needs(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", COMPILED, str(tmp_path / "index.db")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith("True"), ran.stdout
