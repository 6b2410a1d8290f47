"""Time and memory of `dedup run` over growing corpora, ordinary and hostile.

    python benchmarks/scale.py [--shape NAME]... [--sizes 10000,20000,40000] [--limit 600] [--json OUT]

Each size is twice the one before; the columns "× time" and "× memory" say what
the doubling cost. A run over the limit is stopped, and larger ones are skipped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from corpus import SHAPES, write_corpus
from environment import RESULTS, describe_run, write_result
from memory import measure
from peers import OURS, command_of
from rich import box
from rich.console import Console
from rich.table import Table

# Documents; a text of shape "long" has 1 to 50 MB.
SIZES = {
    "mixed": (10_000, 20_000, 40_000, 80_000),
    "identical": (10_000, 20_000, 40_000),
    "template": (5_000, 10_000, 20_000),
    "chain": (2_500, 5_000, 10_000),
    "short": (20_000, 40_000, 80_000),
    "long": (1, 2, 4),
}


def measure_shape(
    shape: str, sizes: tuple[int, ...], *, seed: int, limit_s: float, console: Console
) -> list[dict[str, Any]]:
    """Run the program over one shape, size by size."""
    rows: list[dict[str, Any]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "corpus.jsonl"), Path(folder, "kept.jsonl")
            with source.open("w", encoding="utf-8") as out:
                write_corpus(out, n=size, seed=seed, shape=shape)
            n_bytes = source.stat().st_size
            measured = measure(command_of(OURS, sys.executable, source, target), limit_s=limit_s)
            stopped = measured.exit_code != 0 and measured.elapsed_s >= limit_s
            if measured.exit_code and not stopped:
                raise SystemExit(f"{shape} {size}: exit {measured.exit_code}: {measured.stderr[-2000:]}")
            n_kept = None if stopped else _count_lines(target)
        before = rows[-1] if rows else None
        row = {
            "n": size,
            "n_bytes": n_bytes,
            "elapsed_s": round(measured.elapsed_s, 2),
            "cpu_s": round(measured.cpu_s, 2),
            "peak_bytes": measured.peak_bytes,
            "n_kept": n_kept,
            "times_time": before and round(measured.elapsed_s / before["elapsed_s"], 2),
            "times_memory": before and _ratio(measured.peak_bytes, before["peak_bytes"]),
            "stopped": stopped,
        }
        rows.append(row)
        console.print(
            f"{shape} {size:,}: {measured.elapsed_s:.1f} s{', stopped' if stopped else ''}", style="dim"
        )
        if stopped:
            break
    return rows


def _count_lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


def _ratio(part: int | None, whole: int | None) -> float | None:
    return round(part / whole, 2) if part and whole else None


def print_shapes(console: Console, shapes: dict[str, list[dict[str, Any]]]) -> None:
    """Print one row per shape and size."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(
        ("shape", "docs", "MB", "s", "× time", "docs/s", "MB/s", "CPU s", "peak MB", "× memory", "kept")
    ):
        table.add_column(column, justify="right" if place else "left")
    for shape, rows in shapes.items():
        for row in rows:
            seconds, megabytes = row["elapsed_s"], row["n_bytes"] / 1e6
            cells = [
                f"{row['n']:,}",
                f"{megabytes:,.0f}",
                f"{'>' * row['stopped']}{seconds:.1f}",
                _cell(row["times_time"]),
            ]
            cells += [f"{row['n'] / seconds:,.0f}", f"{megabytes / seconds:.1f}", f"{row['cpu_s']:.1f}"]
            cells += [_cell(row["peak_bytes"] and round(row["peak_bytes"] / 1e6)), _cell(row["times_memory"])]
            table.add_row(shape, *cells, _cell(row["n_kept"]))
    console.print(table)


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:,}"


def main() -> None:
    """Measure, print, and write the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", action="append", choices=SHAPES, help="repeatable; all without it")
    parser.add_argument("--sizes", help="documents, with commas; for every shape asked")
    parser.add_argument("--limit", type=float, default=600, help="seconds for one run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS / "scale.json")
    options = parser.parse_args()
    sizes = tuple(map(int, options.sizes.split(","))) if options.sizes else None
    console = Console(width=110)
    result = describe_run(seed=options.seed, limit_s=options.limit, shapes={})
    for shape in options.shape or SHAPES:
        result["shapes"][shape] = measure_shape(
            shape, sizes or SIZES[shape], seed=options.seed, limit_s=options.limit, console=console
        )
        write_result(options.json, result)
    print_shapes(console, result["shapes"])


if __name__ == "__main__":
    main()
