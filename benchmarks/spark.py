"""The distributed engine beside the local one: documents a second, memory, shuffled bytes.

    python benchmarks/spark.py                       # 50,000 to 300,000 documents, half an hour of two cores
    python benchmarks/spark.py --n 20000 50000 --bytes 1000
    python benchmarks/spark.py --n 20000 60000 --master local-cluster[2,1,2048]

Corpora are generated (`benchmarks/corpus.py`). Each run is a process of its own
with a driver of 2 GB. The local engine learns the statistics, Spark judges by
them, and both must come to one digest. What Spark shuffled is held to the
formula of docs/scale.md, term by term. The steady state is the difference
between the largest size and the one nearest to a third of it: what starting
costs is in neither. Results go to benchmarks/results/spark.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

# Bytes of a light row after compression: five digests and hashes, what else is short; of a bucket entry.
LIGHT, ENTRY = 130, 12.5
# What the shuffle's compression leaves of keys and their classes.
TEXT_SHARE = 0.6
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from corpus import write_corpus  # noqa: E402
from environment import RESULTS, dedup_command, describe_run, write_result  # noqa: E402

from dedup.spark import meeting  # noqa: E402


def run_local(path: Path, folder: Path) -> dict[str, Any]:
    """Run the local engine in processes of its own; return its manifest and what it cost."""
    written = ("-o", folder / "kept.jsonl", "--manifest", folder / "m.json")
    cost = _watched("run", path, *written, "--statistics", folder / "stats.json", "--workers", 2, settings={})
    return {**cost, **json.loads((folder / "m.json").read_text())}


def run_spark(path: Path, folder: Path, master: str) -> dict[str, Any]:
    """Run the distributed engine in processes of its own; return its manifest and what it cost."""
    options = "--driver-memory 2g --conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false"
    settings = {"PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell", "PYTHONWARNINGS": "ignore"}
    outputs = ("-o", folder / "kept-spark.jsonl", "--manifest", folder / "s.json", "--work", folder / "work")
    how = ("--engine", "spark", "--master", master, "--use-statistics", folder / "stats.json")
    cost = _watched("run", path, *outputs, *how, settings=settings)
    return {**cost, **json.loads((folder / "s.json").read_text())}


def _watched(*arguments: Any, settings: dict[str, str]) -> dict[str, Any]:
    """Run the command; return elapsed and processor seconds and the peak memory of the driver."""
    command = [*dedup_command(), *map(str, arguments), "--quiet"]
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=said)
        watch = Watch(process.pid)
        watch.start()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.over.set()
        watch.join()
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read()[-3000:])
    elapsed_s = time.perf_counter() - begun
    return {
        "elapsed_s": elapsed_s,
        # Processes that were waited for are in its own account; a JVM is not.
        "cpu_s": max(watch.cpu_s, used.ru_utime + used.ru_stime),
        "python_bytes": watch.python_bytes,
        "java_bytes": watch.java_bytes,
    }


class Watch(threading.Thread):
    """Follows a command: processor time of all its processes, memory of itself and of its JVM."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.over = pid, threading.Event()
        self.python_bytes, self.java_bytes, self.cpu_s = 0, 0, 0.0

    def run(self) -> None:
        """Look every half second until told to stop."""
        while not self.over.wait(0.5):
            self.python_bytes = max(self.python_bytes, _resident(self.pid))
            java = sum(_resident(child) for child in _children(self.pid) if "java" in _name(child))
            self.java_bytes = max(self.java_bytes, java)
            todo, total = [self.pid], 0.0
            while todo:
                pid = todo.pop()
                todo += _children(pid)
                total += _cpu_s(pid)
            self.cpu_s = max(self.cpu_s, total)


def _name(pid: int) -> str:
    return _read(f"/proc/{pid}/comm")


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for thread in threads for child in _read(thread).split()]


def _read(path: Path | str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _resident(pid: int) -> int:
    pages = _read(f"/proc/{pid}/statm").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


def _cpu_s(pid: int) -> float:
    """Processor seconds of a process and of those children that it has waited for."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def facts_of(work: Path, n: int) -> dict[str, float]:
    """Count in the tables of a run what the formula of docs/scale.md starts from, per document."""
    prepared = pq.read_table(work / "prepared", columns=["key", "classes", "fingerprints"])
    met = pq.read_table(work / "met", columns=["kind", "a", "b"])
    met = met.filter(pc.not_equal(met["kind"], meeting.AGAIN))
    length = {name: pc.sum(pc.binary_length(prepared[name])).as_py() / n for name in prepared.column_names}
    return {
        "nodes": pq.read_table(work / "nodes", columns=["place"]).num_rows / n,
        "fingerprints": length["fingerprints"] / 8,
        "met": met.group_by(["a", "b"]).aggregate([]).num_rows / n,
        "pairs": pq.read_table(work / "pairs", columns=["a"]).num_rows / n,
        "related": pq.read_table(work / "verdicts", columns=["a"]).num_rows / n,
        "text_bytes": length["key"] + length["classes"],
    }


def expected_bytes(facts: dict[str, float], *, bands: int = 42, num_perm: int = 128) -> dict[str, float]:
    """Return the bytes that a document sends through shuffles on its way to each table: docs/scale.md."""
    nodes, pairs, related = facts["nodes"], facts["pairs"], facts["related"]
    signature = 4 * num_perm
    text = TEXT_SHARE * facts["text_bytes"]
    return {
        "light": LIGHT,
        "grouped": 2 * LIGHT + 50,
        "ranked": 46 * nodes,
        "nodes": (LIGHT - 10) * nodes,
        "sketches": signature + 8 * facts["fingerprints"] + 24,
        "met": ENTRY * nodes * (bands + facts["fingerprints"]),
        "pairs": signature * (nodes + pairs) + ENTRY * facts["met"] + 40 * pairs,
        "verdicts": text * (1 + pairs) + 30 * nodes + 60 * pairs,
        "settled": 90 * nodes + 130 * related,
        "noted": 110 * nodes + 90 * related,
        "decisions": 2 * LIGHT + 40 * nodes,
        "records": TEXT_SHARE * facts["line_bytes"] + 30,
    }


def summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return documents a second in steady state, from the difference of two runs, and memory."""
    large = max(runs, key=lambda run: run["n"])
    small = min((run for run in runs if run is not large), key=lambda run: abs(3 * run["n"] - large["n"]))
    more = large["n"] - small["n"]

    def per_document(engine: str, what: str) -> float:
        return (large[engine][what] - small[engine][what]) / more

    rates = {engine: 1 / per_document(engine, "elapsed_s") for engine in ("local", "spark")}
    processor = {engine: round(1000 * per_document(engine, "cpu_s"), 3) for engine in ("local", "spark")}
    return {
        "between": [small["n"], large["n"]],
        "documents_per_s": {engine: round(rate) for engine, rate in rates.items()},
        "share_of_local": round(rates["spark"] / rates["local"], 3),
        # What other work on the machine changes least.
        "cpu_ms_per_document": processor,
        "driver_python_mb": {run["n"]: run["spark"]["python_bytes"] >> 20 for run in runs},
        "driver_java_mb": {run["n"]: run["spark"]["java_bytes"] >> 20 for run in runs},
        "shuffled_over_formula": {run["n"]: round(_shuffled(run) / _formula(run), 3) for run in runs},
        "digests": {run["n"]: run["spark"]["decisions_digest"] for run in runs},
    }


def _shuffled(run: dict[str, Any]) -> float:
    """Return the bytes shuffled per document, as Spark counted them."""
    return float(sum(row["shuffle_write_bytes"] for row in run["spark"]["tables"]) / run["n"])


def _formula(run: dict[str, Any]) -> float:
    # Where the places of the kept are few Spark broadcasts them and no record moves.
    shuffled = {row["table"] for row in run["spark"]["tables"] if row["shuffle_write_bytes"]}
    return float(sum(value for name, value in run["expected"].items() if name in shuffled))


def print_tables(run: dict[str, Any]) -> None:
    """Print what each table cost, beside what the formula says."""
    n, tables, expected = run["n"], run["spark"]["tables"], run["expected"]
    table = Table("table", "shuffled B/doc", "formula", "ratio", "written B/doc", "spilled MB", "tasks")
    measured = {row["table"]: row["shuffle_write_bytes"] / n for row in tables}
    for row in tables:
        name, share = row["table"], measured[row["table"]]
        formula = expected.get(name)
        table.add_row(
            name, f"{share:,.0f}", "" if formula is None else f"{formula:,.0f}",
            "" if not formula else f"{share / formula:.2f}", f"{row['output_bytes'] / n:,.0f}",
            f"{row['disk_spilled_bytes'] / 1e6:,.1f}", str(row["tasks"]),
        )  # fmt: skip
    total, formula = _shuffled(run), _formula(run)
    table.add_row("all", f"{total:,.0f}", f"{formula:,.0f}", f"{total / formula:.2f}")
    console = Console()
    for engine in ("local", "spark"):
        cost = run[engine]
        console.print(
            f"{n:,} documents, {engine}: {cost['elapsed_s']:.0f} s, {cost['cpu_s']:.0f} s of processor;"
            f" {cost['seconds']}",
            highlight=False,
        )
    console.print(
        f"per document: {run['facts']}, work folder {run['work_bytes']:,.0f} bytes", highlight=False
    )
    console.print(table)


def measure(n: int, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run both engines on a corpus of one size."""
    path = folder / "corpus.jsonl"
    with path.open("w", encoding="utf-8", buffering=1 << 20) as out:
        n_bytes = write_corpus(out, n=n, mean_bytes=options.bytes, seed=options.seed)
    local = run_local(path, folder)
    spark = run_spark(path, folder, options.master)
    if local["decisions_digest"] != spark["decisions_digest"]:
        raise SystemExit(f"{n} documents: the two engines decided differently")
    facts = facts_of(folder / "work", n) | {"line_bytes": n_bytes / n}
    work_bytes = sum(path.stat().st_size for path in (folder / "work").rglob("*.parquet")) / n
    run = {"n": n, "bytes": n_bytes, "local": local, "spark": spark, "facts": facts, "work_bytes": work_bytes}
    return run | {"expected": expected_bytes(facts)}


def main() -> None:
    """Run both engines on several sizes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--n", type=int, nargs="+", default=[50_000, 100_000, 200_000, 300_000], help="documents of each run"
    )
    parser.add_argument("--bytes", type=int, default=3200, help="mean length of a text")
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--temp", type=Path, help="where to write corpora and tables")
    options = parser.parse_args()
    runs: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    for n in sorted(options.n):
        with tempfile.TemporaryDirectory(dir=options.temp) as folder:
            runs.append(measure(n, Path(folder), options))
        print_tables(runs[-1])
        if len(runs) > 1:
            result = summarise(runs)
            Console().print_json(json.dumps(result))
        # After each size: the large ones take long.
        facts = {"seed": options.seed, "master": options.master, "mean_bytes": options.bytes}
        write_result(RESULTS / "spark.json", describe_run(**facts, **result, runs=runs))


if __name__ == "__main__":
    main()
