"""The distributed engine beside the local one: documents a second, memory, shuffled bytes.

    python benchmarks/spark.py                       # 100,000 and 300,000 documents: the steady state
    python benchmarks/spark.py --n 20000 60000 --master local-cluster[2,1,2048]

Corpora are generated (`benchmarks/corpus.py`). Each run is a process of its own
with a driver of 2 GB. The local engine learns the statistics, Spark judges by
them, and both must come to one digest. What Spark shuffled is held to the
formula of docs/scale.md, term by term. Results go to benchmarks/results/spark.json.
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

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from corpus import write_corpus  # noqa: E402
from environment import RESULTS, describe_run, write_result  # noqa: E402

# Bytes of a shuffled row, compressed: what of it is random is counted in full (docs/scale.md says how).
ROW_BYTES = {
    "light": 150, "twice": 30, "group": 160, "rank": 45, "node": 120, "place": 22,
    "entry": 15, "met": 13, "pair": 20, "verdict": 45, "fate": 110, "decision": 90,
}  # fmt: skip
# What lz4 leaves of a key, its classes and a cleaned text.
TEXT_SHARE = 0.62


def run_local(path: Path, folder: Path) -> dict[str, Any]:
    """Run the local engine in a process of its own; return its manifest and the seconds it took."""
    command = [sys.executable, "-m", "dedup", "run", path, "-o", folder / "kept.jsonl", "--manifest", folder / "m.json"]
    begun = time.perf_counter()
    subprocess.run(
        [*map(str, command), "--statistics", str(folder / "stats.json"), "--workers", "2", "--quiet"], check=True
    )
    elapsed_s = time.perf_counter() - begun
    return {"elapsed_s": elapsed_s, **json.loads((folder / "m.json").read_text())}


def run_spark(path: Path, folder: Path, master: str) -> dict[str, Any]:
    """Run the distributed engine in a process of its own; return its manifest, seconds and peak memory."""
    command = [
        *(sys.executable, "-m", "dedup", "run", path, "-o", folder / "kept-spark.jsonl"),
        *("--engine", "spark", "--master", master, "--work", folder / "work", "--manifest", folder / "s.json"),
        *("--use-statistics", folder / "stats.json", "--quiet"),
    ]
    options = "--driver-memory 2g --conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false"
    settings = {**os.environ, "PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell", "PYTHONWARNINGS": "ignore"}
    begun = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], env=settings, stderr=subprocess.PIPE, text=True)
    watch = Watch(process.pid)
    watch.start()
    said = process.communicate()[1]
    watch.over.set()
    if process.returncode:
        raise SystemExit(said[-3000:])
    elapsed_s = time.perf_counter() - begun
    return {"elapsed_s": elapsed_s, "driver_bytes": watch.peak, **json.loads((folder / "s.json").read_text())}


class Watch(threading.Thread):
    """Follows the memory of the driver: the command's process and the JVM that is its child."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.5):
            pids = [self.pid, *(int(pid) for pid in _read(f"/proc/{self.pid}/task/{self.pid}/children").split())]
            self.peak = max(self.peak, sum(_resident(pid) for pid in pids))


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _resident(pid: int) -> int:
    pages = _read(f"/proc/{pid}/statm").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


def expected_bytes(facts: dict[str, float]) -> dict[str, float]:
    """Return the bytes that each document should send through shuffles, term by term.

    Parameters
    ----------
    facts : dict
        Per document: ``nodes`` (distinct texts compared), ``fingerprints``,
        ``met`` (distinct pairs that met), ``pairs`` (worth comparing),
        ``related`` (with a verdict), ``text_bytes``, ``line_bytes``;
        and ``bands``, ``num_perm``.
    """
    row = ROW_BYTES
    nodes, key = facts["nodes"], TEXT_SHARE * facts["text_bytes"]
    signature = 4 * facts["num_perm"]
    entries = nodes * (facts["bands"] + facts["fingerprints"])
    return {
        "collapse": row["light"] + row["twice"] + row["group"] + nodes * (row["rank"] + row["node"]),
        "sketches": signature + 8 * facts["fingerprints"] + row["place"],
        "bands": nodes * facts["bands"] * row["entry"],
        "fingerprints": nodes * facts["fingerprints"] * row["entry"],
        "pairs met": facts["met"] * row["met"] + 2 * nodes * signature + facts["met"] * signature * 1.5,
        "texts": key * (1 + 2 * nodes + facts["pairs"] * 2) + facts["pairs"] * row["pair"] * 3,
        "edges": facts["related"] * row["verdict"] * 6,
        "decisions": row["fate"] + row["decision"] * 2 + nodes * row["node"],
        "output": TEXT_SHARE * facts["line_bytes"] + row["place"],
        "entries": entries * 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs=2, default=[100_000, 300_000], help="documents of the two runs")
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--temp", type=Path, help="where to write corpora and tables")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(dir=options.temp) as folder:
        for n in options.n:
            place = Path(folder) / str(n)
            place.mkdir()
            path = place / "corpus.jsonl"
            with path.open("w", encoding="utf-8", buffering=1 << 20) as out:
                n_bytes = write_corpus(out, n=n, seed=options.seed)
            local = run_local(path, place)
            spark = run_spark(path, place, options.master)
            if local["decisions_digest"] != spark["decisions_digest"]:
                raise SystemExit(f"{n} documents: the two engines decided differently")
            rows.append({"n": n, "bytes": n_bytes, "local": local, "spark": spark})
            print_tables(rows[-1])
    result = summarise(rows)
    Console().print_json(json.dumps(result))
    write_result(RESULTS / "spark.json", describe_run(seed=options.seed, master=options.master, **result, runs=rows))


if __name__ == "__main__":
    main()
