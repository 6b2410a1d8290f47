"""The engine on a real local Spark: the decisions of one machine, whatever happens to its tasks."""

import json
import os
import random
import shutil
import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import invoke, make_article, make_records, refused, write_lines

import dedup
from dedup.config import ClusterConfig, Config, SketchConfig
from dedup.errors import DataError, DropRateExceeded, IndexFailure, UsageError
from dedup.spark.metrics import last_stage, stage_rows
from dedup.statistics import Statistics

MISSING = [
    name for name, found in (("pyspark", find_spec("pyspark")), ("Java", shutil.which("java"))) if not found
]
pytestmark = [
    pytest.mark.skipif(
        bool(MISSING) and os.environ.get("CI") != "true", reason=f"no {' and no '.join(MISSING)}"
    ),
    # Of PySpark's own making, on import and on use; none of them is about this program.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]
STATISTICS = Statistics()


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    """A Spark of two cores whose tasks may fail three times."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    folder = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "3",
        "spark.speculation": "true",
        "spark.speculation.multiplier": "1.1",
        "spark.speculation.quantile": "0.1",
        "spark.log.level": "ERROR",
        # Compiling a plan takes longer than running it on so few rows.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        # Nor is there time for the JVM's second compiler: this halves what all of it costs.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }
    builder = SparkSession.builder.master("local[2,4]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    started = builder.getOrCreate()
    yield started
    started.stop()


@pytest.fixture
def spark(session):
    """The session, which every test must leave as it found it."""
    before = {
        name: session.conf.get(name)
        for name in ("spark.sql.shuffle.partitions", "spark.sql.adaptive.enabled")
    }
    yield session
    assert {name: session.conf.get(name) for name in before} == before


def hard_records(count=220, *, seed=1):
    """Records that reach every stage: copies of copies, one title over many, equal ids, no ids."""
    words = random.Random(seed)
    records = make_records(count, seed=seed)
    base = make_article(f"{seed} base", sentences=14)
    parts = base.split(". ")
    for number in range(30):
        cut = parts[: words.randint(8, 14)]
        extra = [f"Reporter {number} was there"] if number % 3 == 0 else []
        records.append({"id": f"v{number}", "source": "wire", "text": ". ".join([*cut, *extra])})
    records += [
        {"id": n, "title": f"Subscribe {n}", "source": "wall", "text": "Please subscribe to read on."}
        for n in range(9)
    ]
    titles = "Alden Corp pays", "Brent Mills declares", "Alden Corp"
    records += [
        {
            "id": f"s{n}",
            "title": titles[n // 4],
            "source": "notices",
            "text": "A dividend of 25 cents a share.",
        }
        for n in range(12)
    ]
    # Of two equal texts the one that comes first by its id is the damaged one.
    for kind, harm in {"broken": ("é", "Ã©"), "bare": (".", "")}.items():
        sound = f"{make_article(f'{seed} {kind}')} The café closed."
        records += [{"id": f"{kind} a", "text": sound.replace(*harm)}, {"id": f"{kind} b", "text": sound}]
    records += [{"text": make_article(f"{seed} none")} for _ in range(3)]
    records += [{"id": 5, "text": make_article(f"{seed} twice {n}")} for n in range(2)]
    records += [{"id": "empty", "text": ""}, {"id": "empty too", "text": " \n"}]
    for number, record in enumerate(records):
        record.setdefault("id", None)
        record |= {"other": {"n": number, "list": [number, None]}, "title": record.get("title")}
        record |= {"source": record.get("source"), "date": f"2024-03-{number % 4 + 1:02}"}
        record["id"] = None if record["id"] is None else str(record["id"])
    words.shuffle(records)
    return records


SCHEMA = (
    "id string, title string, source string, date string, text string, other struct<n: int, list: array<int>>"
)
COLUMNS = [part.split()[0] for part in SCHEMA.split(", ")[:6]]


@pytest.fixture(scope="session")
def records():
    return hard_records()


@pytest.fixture(scope="session")
def expected(records):
    """What one machine says of them."""
    result = dedup.deduplicate(records, statistics=STATISTICS)
    assert {d.relation for d in result.decisions} >= {"exact", "near", "contained"}
    assert any("stub" in d.flags for d in result.decisions)
    kept = {d.id for d in result.decisions if d.status == "kept"}
    assert {"broken b", "bare b"} <= kept
    assert len({f"s{n}" for n in range(12)} & kept) == 8
    return result


def frame_of(session, records):
    return session.createDataFrame([tuple(record[name] for name in COLUMNS) for record in records], SCHEMA)


def run(frame, tmp_path, **options):
    from dedup.spark import deduplicate

    options.setdefault("statistics", STATISTICS)
    return deduplicate(frame, work=str(tmp_path / "work"), **options)


def decisions_of(done):
    return {row["record"]: row for row in (json.loads(line.decision) for line in done.decisions.collect())}


def same(done, result):
    """Hold a run to what one machine decided, and show the first difference."""
    mine = decisions_of(done)
    for decision in result.decisions:
        theirs = mine[decision.record]
        assert (theirs["status"], theirs.get("kept_id")) == (decision.status, decision.kept_id), theirs
    assert done.digest == result.digest
    assert done.counts == dict(result.counts)


@pytest.mark.parametrize(("partitions", "coalesced"), [(None, True), (7, False)])
def test_any_partitioning_gives_the_decisions_of_one_machine(
    spark, records, expected, partitions, coalesced, tmp_path
):
    shuffled = random.Random(partitions).sample(records, len(records))
    frame = frame_of(spark, shuffled).repartition(partitions or 2)
    spark.conf.set("spark.sql.adaptive.coalescePartitions.enabled", str(coalesced).lower())
    done = run(frame, tmp_path, partitions=partitions)
    same(done, expected)
    kept = {row.other.n: row for row in done.kept.collect()}
    assert len(kept) == done.counts["kept"]
    assert done.kept.columns == COLUMNS
    texts = {record["other"]["n"]: record["text"] for record in expected.kept}
    # Of records that nothing tells apart either may stay: all their fields are the same.
    for number in kept.keys() & texts.keys():
        assert kept[number].text == texts[number]
    assert sum(number in texts for number in kept) >= len(kept) - 3
    assert done.dropped.count() == done.counts["dropped"]


class Killer(threading.Thread):
    """Kills the Python workers of one Spark, until a task of it has failed."""

    def __init__(self, session, *, most_kills, every_s):
        super().__init__(daemon=True)
        from pyspark import SparkContext

        self.session, self.parent = session, SparkContext._gateway.proc.pid
        self.most_kills, self.every_s = most_kills, every_s
        self.first = last_stage(session)
        self.over = threading.Event()

    def run(self):
        for _ in range(self.most_kills):
            if self.over.wait(self.every_s) or self.failed():
                return
            for worker in self.workers():
                os.kill(worker, signal.SIGKILL)

    def failed(self):
        return sum(table["failed_tasks"] for table in stage_rows(self.session, after=self.first))

    def workers(self):
        """The children of the PySpark daemons below our own JVM."""
        children = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(status.parent.name))
        java = [self.parent, *children.get(self.parent, [])]
        daemons = [child for parent in java for child in children.get(parent, []) if is_daemon(child)]
        return [worker for daemon in daemons for worker in children.get(daemon, [])]


def is_daemon(pid):
    try:
        return b"pyspark.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find the workers")
def test_killed_workers_change_nothing(spark, records, expected, tmp_path):
    killer = Killer(spark, most_kills=60, every_s=0.3)
    killer.start()
    try:
        done = run(frame_of(spark, records), tmp_path)
    finally:
        killer.over.set()
        killer.join()
    assert sum(table["failed_tasks"] for table in done.tables) > 0, "no task was retried"
    same(done, expected)


def test_learned_statistics_are_those_of_one_machine(spark, tmp_path):
    line = "Correspondents of the Dunmore Tribune in six towns took part in the writing of this report."
    records = hard_records(60, seed=4)
    records += [
        {**records[0], "id": f"h{n}", "source": "tribune", "text": f"{make_article(f'h {n}')}\n\n{line}"}
        for n in range(14)
    ]
    done = run(frame_of(spark, records), tmp_path, statistics=None)
    result = dedup.deduplicate(records)
    assert len(done.statistics.house) > 0
    same(done, result)


@pytest.fixture
def large_components(monkeypatch):
    """Treat every component as too large for one worker."""
    from dedup.spark import stars

    monkeypatch.setattr(stars, "LARGEST_COMPONENT", 0)


@pytest.mark.long
def test_components_too_large_for_a_worker_are_decided_alike(
    spark, records, expected, large_components, tmp_path
):
    done = run(frame_of(spark, records), tmp_path)
    assert (tmp_path / "work" / "stars-edges").exists()
    same(done, expected)


def test_rounds_without_an_end_are_an_error(spark, tmp_path):
    from dedup.errors import SystemFailure
    from dedup.spark.components import find_components
    from dedup.spark.workspace import Workspace

    chain = spark.createDataFrame([(n, n + 1) for n in range(40)], "a long, b long")
    with pytest.raises(SystemFailure, match="did not settle in 1 rounds"):
        find_components(Workspace(spark, str(tmp_path), 2), "chain", chain, most_rounds=1)


def test_an_increment_is_judged_against_sketches_as_against_the_kept_records(spark, records, tmp_path):
    from pyspark.sql import functions as F  # noqa: N812

    old, new = records[:130], records[130:]
    folder = str(tmp_path / "sketches")
    first = run(frame_of(spark, old), tmp_path / "first", archive=folder)
    published = [row.asDict(recursive=True) for row in first.kept.orderBy("other.n").collect()]
    second = run(frame_of(spark, new), tmp_path / "second", against=[folder])
    result = dedup.deduplicate(new, against=published, statistics=STATISTICS)
    assert any(decision.kept_in == "against" for decision in result.decisions)
    same(second, result)
    sketches = spark.read.parquet(folder)
    assert sketches.count() == len(published)
    assert sketches.where(F.col("fingerprint").isNull()).count() == 0
    other = Config(sketch=SketchConfig(num_perm=64))
    with pytest.raises(IndexFailure, match="other settings"):
        run(frame_of(spark, new), tmp_path / "third", against=[folder], config=other)


@pytest.mark.long
def test_preferences_choose_as_on_one_machine(spark, records, tmp_path):
    config = Config(
        cluster=ClusterConfig(
            drop=("exact", "near", "contained", "partial"),
            prefer=("source", "latest", "medoid", "id"),
            source_priority=("wire", "Kelloe"),
        )
    )
    done = run(frame_of(spark, records), tmp_path, config=config)
    same(done, dedup.deduplicate(records, config=config, statistics=STATISTICS))


def test_bad_records_stop_the_run_or_are_set_aside(spark, tmp_path):
    rows = [("a", make_article(1)), ("b", None), ("c", make_article(2))]
    frame = spark.createDataFrame(rows, "id string, text string")
    with pytest.raises(DataError, match="1 bad records in the records; of one the text is null"):
        run(frame, tmp_path)
    done = run(frame, tmp_path, on_bad_record="reject")
    assert done.counts == {"in": 3, "kept": 2, "dropped": 0, "rejected": 1}
    assert [row.id for row in done.rejected.collect()] == ["b"]


def test_nothing_at_all_is_no_error(spark, tmp_path):
    done = run(spark.createDataFrame([], "id string, text string"), tmp_path)
    assert done.counts == {"in": 0, "kept": 0, "dropped": 0, "rejected": 0}
    assert done.kept.collect() == []


def spark_job(*arguments):
    return invoke("run", *arguments, "--engine", "spark")


def test_the_command_writes_lines_untouched_and_a_manifest(session, job, tmp_path):
    lines = [json.dumps(record).encode() for record in make_records(60)]
    lines[3] = b'{ "id":1.50 , "text": "Line %s", "x": 1e2, "x": 007 }' % lines[3][:0]
    odd = b'{ "n": 1e2,   "id": 7.0, "text": ' + json.dumps(make_article("odd")).encode() + b" }"
    source = write_lines(tmp_path / "in.jsonl", *lines[:3], *lines[4:], odd)
    local = job.run(source)
    assert local.code == 0
    out, decisions = tmp_path / "kept.out.jsonl", tmp_path / "decisions.out.jsonl"
    (tmp_path / "stats.json").write_text(json.dumps(STATISTICS.to_dict()))
    ran = invoke("run", source, "--dry-run", "--use-statistics", "stats.json", "--manifest", "local.json")
    assert ran.code == 0, ran.err
    ran = spark_job(
        *(source, "-o", out, "--decisions", decisions, "--manifest", "spark.json", "--sketches", "sketches"),
        *("--use-statistics", "stats.json", "--work", tmp_path / "work", "--rejects", "rejects.jsonl"),
    )
    assert ran.code == 0, ran.err
    assert "kept" in ran.err
    mine, theirs = (json.loads(Path(name).read_text()) for name in ("spark.json", "local.json"))
    assert mine["decisions_digest"] == theirs["decisions_digest"]
    assert mine["records"] == theirs["records"]
    assert theirs.keys() <= mine.keys()
    tables = {row["table"]: row for row in mine["tables"]}
    assert tables["met"]["shuffle_write_bytes"] > 0
    kept = b"".join(path.read_bytes() for path in sorted(out.glob("part-*"))).splitlines()
    assert odd in kept
    assert set(kept) <= set(source.read_bytes().splitlines())
    assert len(kept) == mine["records"]["kept"]
    assert len(list(decisions.glob("part-*"))) > 0
    assert not list(tmp_path.glob(".dedup-*")), "something unfinished was left"
    again = spark_job(source, "-o", out, "--no-overwrite", "--work", tmp_path / "work")
    refused(again, 2, "usage", "the output is there")


def test_the_command_takes_parquet_and_tables(session, job, tmp_path):
    rows = make_records(40)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    ran = spark_job("in.parquet", "-o", "table:kept_articles", "--work", tmp_path / "work", "--quiet")
    assert ran.code == 0, ran.err
    kept = session.table("kept_articles")
    assert kept.columns == list(rows[0])
    ran = spark_job(
        "table:kept_articles", "-o", "again.parquet", "--work", tmp_path / "work", "--max-drop-rate", "0.0"
    )
    assert ran.code == 0, ran.err
    assert pq.read_table(tmp_path / "again.parquet").num_rows == kept.count()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--annotate", "-o", "x.jsonl"], "--annotate is not there"),
        (["--workers", "2"], "--workers is not there"),
        (["--on-duplicate-id", "last"], "--on-duplicate-id is not there"),
        (["-o", "-"], "standard input and output"),
        (["-o", "in.jsonl"], "an output is an input"),
    ],
)
def test_what_the_engine_does_not_do_is_refused(job, arguments, what):
    job.records(*make_records(2))
    refused(spark_job("in.jsonl", *arguments), 2, "usage", what)


def test_a_master_without_spark_is_refused(job):
    job.records(*make_records(2))
    refused(invoke("run", "in.jsonl", "--master", "local[1]"), 2, "usage", "--master without Spark")


def test_missing_pyspark_says_what_to_install(monkeypatch):
    import dedup.spark

    monkeypatch.setattr(dedup.spark, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'dedup\[spark\]'"):
        _ = dedup.spark.deduplicate


def test_a_drop_rate_over_the_limit_publishes_nothing(session, job, tmp_path):
    text = make_article("same")
    job.records(*({"id": n, "text": text} for n in range(4)))
    ran = spark_job("in.jsonl", "-o", "kept.parquet", "--max-drop-rate", "0.5", "--work", tmp_path / "work")
    refused(ran, DropRateExceeded.exit_code, "drop-rate", "3 of 4 records")
    assert not list(tmp_path.glob("*kept.parquet"))
