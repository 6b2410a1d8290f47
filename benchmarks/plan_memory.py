"""Peak memory of `dedup run` beside what `dedup plan` says of it, and the line through what was measured.

    python benchmarks/plan_memory.py [--sizes 10000,20000,40000] [--workers 1,2,4] [--json OUT]

The constants in dedup/plan.py come from this: so much for the
program, so much more for each worker and each document.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from corpus import write_corpus
from environment import RESULTS, describe_run, write_result
from memory import measure
from peers import OURS, command_of
from rich import box
from rich.console import Console
from rich.table import Table

from dedup.files import find_inputs
from dedup.plan import make_plan


def measure_sizes(
    sizes: tuple[int, ...], workers: tuple[int, ...], *, mean_bytes: int, seed: int
) -> list[dict[str, Any]]:
    """Run the program over each size with each number of workers."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "corpus.jsonl"), Path(folder, "kept.jsonl")
            with source.open("w", encoding="utf-8") as out:
                write_corpus(out, n=size, mean_bytes=mean_bytes, seed=seed)
            for count in workers:
                command = [*command_of(OURS, sys.executable, source, target), "--workers", str(count)]
                measured = measure(command)
                if measured.exit_code:
                    raise SystemExit(f"{size}: exit {measured.exit_code}: {measured.stderr[-2000:]}")
                plan = make_plan(size, sample=find_inputs([str(source)]), workers=count)
                rows.append(
                    {
                        "n": size,
                        "workers": count,
                        "peak_bytes": measured.peak_bytes,
                        "planned_bytes": plan.memory_bytes,
                    }
                )
    return rows


def fit(rows: list[dict[str, Any]]) -> tuple[float, float, float]:
    """Return the bytes of the program, of a worker and of a document, by least squares.

    Beyond some 150,000 documents fingerprints are paired up in turns, and a document takes less.
    """
    known = np.array([[1, row["workers"], row["n"]] for row in rows], float)
    base, worker, document = np.linalg.lstsq(known, np.array([row["peak_bytes"] for row in rows], float))[0]
    return float(base), float(worker), float(document)


def main() -> None:
    """Measure, print, and write the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="10000,20000,40000,80000,160000", help="documents, with commas")
    parser.add_argument("--workers", default="1,2,4", help="with commas; two or more different ones")
    parser.add_argument("--bytes", type=int, default=3200, help="mean length of a text")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS / "plan_memory.json")
    options = parser.parse_args()
    sizes, workers = (tuple(map(int, text.split(","))) for text in (options.sizes, options.workers))
    rows = measure_sizes(sizes, workers, mean_bytes=options.bytes, seed=options.seed)
    base, worker, document = fit(rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("docs", "workers", "peak MB", "planned MB"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            f"{row['n']:,}",
            str(row["workers"]),
            f"{row['peak_bytes'] / 1e6:,.0f}",
            f"{row['planned_bytes'] / 1e6:,.0f}",
        )
    console = Console(width=110)
    console.print(table)
    console.print(
        f"{base / 2**20:.0f} MiB, {worker / 2**20:.0f} MiB for each worker, "
        f"{document:,.0f} bytes for each document"
    )
    write_result(options.json, describe_run(seed=options.seed, rows=rows, fit=[base, worker, document]))


if __name__ == "__main__":
    main()
