"""Time and memory of `dedup run` over growing corpora, ordinary and hostile.

    python benchmarks/scale.py [--shape NAME]... [--sizes 10000,20000,40000] [--limit 600] [--json OUT]

Each size is twice the one before; the columns "× time" and "× memory" say what
the doubling cost. A run over the limit is stopped, and larger ones are skipped.
"recall" is the share of the copies that went, "false" the number of articles
of which nothing is left, "steps" the longest way along a chain from a dropped
text to the one that it was dropped for.
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
from truth import farthest_keeper, read_clusters, score_kept

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
    shape: str, sizes: tuple[int, ...], *, seed: int, limit_s: float, options: list[str], console: Console
) -> list[dict[str, Any]]:
    """Run the program over one shape, size by size."""
    rows: list[dict[str, Any]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "corpus.jsonl"), Path(folder, "kept.jsonl")
            truth = Path(folder, "truth.jsonl")
            with source.open("w", encoding="utf-8") as out, truth.open("w", encoding="utf-8") as clusters:
                write_corpus(out, n=size, seed=seed, shape=shape, truth=clusters)
            n_bytes = source.stat().st_size
            measured = measure([*command_of(OURS, sys.executable, source, target), *options], limit_s=limit_s)
            stopped = measured.exit_code != 0 and measured.elapsed_s >= limit_s
            if measured.exit_code and not stopped:
                raise SystemExit(f"{shape} {size}: exit {measured.exit_code}: {measured.stderr[-2000:]}")
            n_kept = None if stopped else _count_lines(target)
            scored: dict[str, Any] = {"recall": None, "false_drops": None}
            if not stopped and shape != "chain":
                scored = {**score_kept(target, read_clusters(truth))}
            elif not stopped:
                scored["steps"] = farthest_keeper(Path(f"{target}.decisions.jsonl"))
        before = rows[-1] if rows else None
        row = {
            "n": size,
            "n_bytes": n_bytes,
            "elapsed_s": round(measured.elapsed_s, 2),
            "cpu_s": round(measured.cpu_s, 2),
            "peak_bytes": measured.peak_bytes,
            "n_kept": n_kept,
            **scored,
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
    columns = "shape|docs|MB|s|× time|docs/s|MB/s|CPU s|peak MB|× memory|kept|recall|false|steps"
    for place, column in enumerate(columns.split("|")):
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
            cells += [_cell(row.get(name)) for name in ("n_kept", "recall", "false_drops", "steps")]
            table.add_row(shape, *cells)
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
    parser.add_argument("--memory", help="of the runs, such as 1G")
    parser.add_argument("--workers", help="of the runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS / "scale.json")
    options = parser.parse_args()
    sizes = tuple(map(int, options.sizes.split(","))) if options.sizes else None
    console = Console(width=130)
    flags = [f"--{name}={value}" for name in ("memory", "workers") if (value := getattr(options, name))]
    result = describe_run(seed=options.seed, limit_s=options.limit, flags=flags, shapes={})
    for shape in options.shape or SHAPES:
        result["shapes"][shape] = measure_shape(
            shape, sizes or SIZES[shape],
            seed=options.seed, limit_s=options.limit, options=flags, console=console,
        )  # fmt: skip
        write_result(options.json, result)
    print_shapes(console, result["shapes"])


if __name__ == "__main__":
    main()
