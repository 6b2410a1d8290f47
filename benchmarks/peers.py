"""Measure `dedup run` beside other tools over one file, each in a process of its own, turn by turn.

    python benchmarks/peers.py [FILE.jsonl | --n N] [--rounds 3] [--only NAME]... [--json OUT]

Peers that can't be imported are left out. The floor parses and writes each
record and does nothing else. Records need the fields ``id`` and ``text``. Of
a made corpus the true clusters are known: "recall" is the share of the copies
that went, "false" the number of articles of which nothing is left.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from corpus import write_corpus
from environment import RESULTS, dedup_command, describe_run, write_result
from memory import Measured, measure
from peer_workers import WORKERS
from rich import box
from rich.console import Console
from rich.table import Table
from truth import read_clusters, score_kept

OURS = "dedup"
_NEEDS = {"floor": "orjson", "datasketch": "datasketch", "rensa": "rensa", "gaoya": "gaoya", "daft": "daft"}
_WORKER = Path(__file__).with_name("peer_workers.py")


def command_of(name: str, interpreter: str, source: Path, target: Path) -> list[str]:
    """Return the command line of one program."""
    if name == OURS:
        notes = [
            part for name in ("decisions", "manifest") for part in (f"--{name}", f"{target}.{name}.jsonl")
        ]
        return [*dedup_command(interpreter), "run", str(source), "-o", str(target), *notes]
    return [interpreter, str(_WORKER), name, str(source), str(target)]


def is_installed(name: str, interpreter: str) -> bool:
    """Tell whether the peer's package, and the parser that the workers use, can be imported."""
    test = f"import {_NEEDS[name]}, orjson"
    return subprocess.run([interpreter, "-c", test], capture_output=True, check=False).returncode == 0


def run_rounds(
    programs: dict[str, str], source: Path, *, truth: Path | None, rounds: int, console: Console
) -> dict[str, list[dict[str, Any]]]:
    """Run every program once a round, so that a slow spell of the machine meets all of them."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in programs}
    clusters = read_clusters(truth) if truth is not None else None
    for number in range(1, rounds + 1):
        for name, interpreter in programs.items():
            with tempfile.TemporaryDirectory() as folder:
                target = Path(folder, "kept.jsonl")
                measured = measure(command_of(name, interpreter, source, target))
                if measured.exit_code:
                    raise SystemExit(
                        f"{name} ended with exit {measured.exit_code}: {measured.stderr[-2000:]}"
                    )
                with target.open("rb") as lines:
                    n_kept = sum(1 for _ in lines)
                scored = score_kept(target, clusters) if clusters is not None and n_kept else {}
                told = _stages(Path(f"{target}.manifest.jsonl")) if name == OURS else {}
            results[name].append({**_figures(measured, n_kept), **scored, **told})
            console.print(f"round {number}, {name}: {measured.elapsed_s:.2f} s", style="dim")
    return results


def _figures(measured: Measured, n_kept: int) -> dict[str, Any]:
    return {
        "elapsed_s": round(measured.elapsed_s, 3),
        "cpu_s": round(measured.cpu_s, 3),
        "peak_bytes": measured.peak_bytes,
        "n_kept": n_kept,
    }


def _stages(manifest: Path) -> dict[str, Any]:
    """Return what the run says of itself: seconds by stage, and its counters."""
    about = json.loads(manifest.read_bytes())
    return {"stages": about["seconds"], "counters": about["counters"]}


def print_stages(console: Console, rounds: list[dict[str, Any]], n_documents: int) -> None:
    """Print where the program's own time went, and its counters per document."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(("stage", "s", "share", "us a document")):
        table.add_column(column, justify="right" if place else "left")
    whole = statistics.median(one["elapsed_s"] for one in rounds)
    seconds = {
        stage: statistics.median(one["stages"][stage] for one in rounds) for stage in rounds[0]["stages"]
    }
    seconds["start-up, publishing"] = whole - sum(seconds.values())
    for stage, s in seconds.items():
        table.add_row(stage, f"{s:.2f}", f"{s / whole:.0%}", f"{s / n_documents * 1e6:.1f}")
    console.print(table)
    counters = rounds[-1]["counters"]
    per_document = ", ".join(f"{name} {n / n_documents:.2f}" for name, n in counters.items())
    console.print(f"per document: {per_document}")


def summarise(
    results: dict[str, list[dict[str, Any]]], *, n_documents: int, n_bytes: int
) -> dict[str, dict[str, Any]]:
    """Take each program's median time and highest memory, and set them against floor and fastest peer."""
    medians = {
        name: statistics.median(one["elapsed_s"] for one in rounds) for name, rounds in results.items()
    }
    rivals = [median for name, median in medians.items() if name not in (OURS, "floor")]
    summary = {}
    for name, rounds in results.items():
        peaks = [one["peak_bytes"] for one in rounds if one["peak_bytes"] is not None]
        summary[name] = {
            "median_s": medians[name],
            "fastest_s": min(one["elapsed_s"] for one in rounds),
            "documents_per_s": round(n_documents / medians[name]),
            "megabytes_per_s": round(n_bytes / 1e6 / medians[name], 1),
            "cpu_s": statistics.median(one["cpu_s"] for one in rounds),
            "peak_bytes": max(peaks, default=None),
            **{name: rounds[-1].get(name) for name in ("n_kept", "recall", "false_drops")},
            "times_floor": round(medians[name] / medians["floor"], 2) if "floor" in medians else None,
            "times_fastest_peer": round(medians[name] / min(rivals), 2) if rivals else None,
        }
    return summary


def print_summary(console: Console, summary: dict[str, dict[str, Any]]) -> None:
    """Print one row per program; times are medians."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(
        (
            "program",
            "s",
            "docs/s",
            "MB/s",
            "CPU s",
            "peak MB",
            "kept",
            "recall",
            "false",
            "× floor",
            "× best peer",
        )
    ):
        table.add_column(column, justify="right" if place else "left")
    for name, row in summary.items():
        peak = "–" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:,.0f}"
        cells = [f"{row['median_s']:.2f}", f"{row['documents_per_s']:,}", f"{row['megabytes_per_s']:,}"]
        cells += [f"{row['cpu_s']:.1f}", peak, f"{row['n_kept']:,}"]
        last = ("recall", "false_drops", "times_floor", "times_fastest_peer")
        cells += ["–" if row[key] is None else f"{row[key]}" for key in last]
        table.add_row(name, *cells)
    console.print(table)


def main() -> None:
    """Measure, print, and write the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, help="JSONL; without it a corpus is made")
    parser.add_argument(
        "--truth", type=Path, help="true clusters of FILE, as benchmarks/corpus.py writes them"
    )
    parser.add_argument("--n", type=int, default=50_000, help="documents of the corpus that is made")
    parser.add_argument("--bytes", type=int, default=3200, help="their mean length")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=[OURS, *WORKERS], help="repeatable")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="NAME=INTERPRETER",
        help="another interpreter for one program, where its package can't live beside the others",
    )
    parser.add_argument("--json", type=Path, default=RESULTS / "peers.json")
    options = parser.parse_args()
    others = dict(one.split("=", 1) for one in options.python)
    names = options.only or [*WORKERS, OURS]
    programs = {name: others.get(name, sys.executable) for name in names}
    programs = {name: one for name, one in programs.items() if name == OURS or is_installed(name, one)}
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as folder:
        source, truth = options.file or Path(folder, "corpus.jsonl"), options.truth
        if options.file is None:
            truth = Path(folder, "truth.jsonl")
            with source.open("w", encoding="utf-8") as out, truth.open("w", encoding="utf-8") as clusters:
                write_corpus(out, n=options.n, mean_bytes=options.bytes, seed=options.seed, truth=clusters)
        with source.open("rb") as lines:
            n_documents = sum(1 for _ in lines)
        n_bytes = source.stat().st_size
        results = run_rounds(programs, source, truth=truth, rounds=options.rounds, console=console)
    summary = summarise(results, n_documents=n_documents, n_bytes=n_bytes)
    console.print(f"{n_documents:,} documents, {n_bytes / 1e6:,.0f} MB, {options.rounds} rounds")
    print_summary(console, summary)
    if OURS in results:
        print_stages(console, results[OURS], n_documents)
    made = None if options.file else {"n": options.n, "bytes": options.bytes, "seed": options.seed}
    about = describe_run(
        n_documents=n_documents, n_bytes=n_bytes, made=made, absent=sorted({*names} - {*programs})
    )
    write_result(options.json, {**about, "programs": summary, "rounds": results})


if __name__ == "__main__":
    main()
