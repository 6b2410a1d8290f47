"""What `dedup run` does to whole corpora, and whether order, workers or hash seed change it.

    python benchmarks/corpora.py --data DIR [--only NAME]... [--orders] [--json OUT]

Takes every ``*.jsonl`` and ``*.jsonl.zst`` of the folder that holds records.
With ``--orders`` each corpus is run three times more, its lines shuffled, with 1, 2
and 4 workers and other hash seeds; all digests of the decisions must agree.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import zstandard
from environment import RESULTS, dedup_command, describe_run, write_result
from memory import Measured, measure
from rich import box
from rich.console import Console
from rich.table import Table

_RELATIONS = ("exact", "near", "contained")


def unpack(path: Path, folder: Path) -> Path:
    """Return the file itself or its unpacked form in the folder, so that all runs read plain lines."""
    if path.suffix != ".zst":
        return path
    target = folder / path.name.removesuffix(".zst")
    with path.open("rb") as packed, target.open("wb") as plain:
        zstandard.ZstdDecompressor().copy_stream(packed, plain)
    return target


def shuffle_lines(source: Path, target: Path, seed: int) -> Path:
    lines = source.read_bytes().splitlines(keepends=True)
    random.Random(seed).shuffle(lines)
    target.write_bytes(b"".join(lines))
    return target


def run_once(
    source: Path, folder: Path, *, workers: int, hash_seed: int
) -> tuple[Measured, dict[str, Any], Path]:
    """Run the program with decisions and manifest; return cost, manifest and the decisions' path."""
    kept, decisions, manifest = (folder / f"{name}.jsonl" for name in ("kept", "decisions", "manifest"))
    flags = ["-o", kept, "--decisions", decisions, "--manifest", manifest, "--workers", workers]
    measured = measure(
        [*dedup_command(), "run", str(source), *map(str, flags)],
        environment={"PYTHONHASHSEED": str(hash_seed)},
    )
    if measured.exit_code:
        raise SystemExit(f"{source.name}: exit {measured.exit_code}: {measured.stderr[-2000:]}")
    return measured, json.loads(manifest.read_bytes()), decisions


def largest_cluster(decisions: Path) -> int:
    with decisions.open("rb") as lines:
        return max(Counter(json.dumps(json.loads(line)["cluster"]) for line in lines).values())


def measure_corpus(source: Path, folder: Path, *, orders: bool) -> dict[str, Any]:
    measured, manifest, decisions = run_once(source, folder, workers=2, hash_seed=0)
    row = {
        "corpus": source.stem,
        "records": manifest["records"],
        "dropped_by_relation": manifest["dropped_by_relation"],
        "largest_cluster": largest_cluster(decisions),
        "seconds": round(measured.elapsed_s, 2),
        "cpu_seconds": round(measured.cpu_s, 2),
        "peak_bytes": measured.peak_bytes,
        "stages": manifest["seconds"],
        "counters": manifest["counters"],
        "digests": {"as it lies, 2 workers": manifest["decisions_digest"]},
    }
    if orders:
        for workers, seed in ((1, 11), (2, 22), (4, 44)):
            shuffled = shuffle_lines(source, folder / f"shuffled-{source.stem}.jsonl", seed)
            _, manifest, _ = run_once(shuffled, folder, workers=workers, hash_seed=seed)
            label = f"shuffled by {seed}, {workers} workers, hash seed {seed}"
            row["digests"][label] = manifest["decisions_digest"]
            shuffled.unlink()
    return row


def show(rows: list[dict[str, Any]], console: Console) -> None:
    table = Table(title="dedup run with decisions and manifest, 2 workers", box=box.SIMPLE)
    names = ("corpus", "in", "kept", *_RELATIONS, "largest", "pairs/doc", "aligned/doc", "seconds", "peak MB")
    for number, name in enumerate((*names, "digests")):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        n = row["records"]["in"]
        counters, digests = row["counters"], row["digests"]
        table.add_row(
            row["corpus"],
            str(n),
            str(row["records"]["kept"]),
            *(str(row["dropped_by_relation"].get(name, 0)) for name in _RELATIONS),
            str(row["largest_cluster"]),
            f"{counters['candidates'] / n:.2f}",
            f"{counters['pairs_aligned'] / n:.2f}",
            f"{row['seconds']:.1f}",
            f"{(row['peak_bytes'] or 0) / 1e6:.0f}",
            f"{len(digests)} runs, {len(set(digests.values()))} digest",
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", action="append", help="a file's name without its endings")
    parser.add_argument("--orders", action="store_true")
    parser.add_argument("--json", type=Path, default=RESULTS / "corpora.json")
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)
    files = sorted(
        path
        for pattern in ("*.jsonl", "*.jsonl.zst")
        for path in arguments.data.glob(pattern)
        if ".truth." not in path.name
        and ".read." not in path.name
        and (not arguments.only or path.name.split(".")[0] in arguments.only)
    )
    if not files:
        raise SystemExit(f"no *.jsonl or *.jsonl.zst to run in {arguments.data}")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in files:
            rows.append(measure_corpus(unpack(path, folder), folder, orders=arguments.orders))
            console.print(f"{path.name}: done")
    show(rows, console)
    write_result(arguments.json, describe_run(corpora=rows))
    if any(len(set(row["digests"].values())) > 1 for row in rows):
        raise SystemExit("the decisions differ between runs of one corpus")


if __name__ == "__main__":
    main()
