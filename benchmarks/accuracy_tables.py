"""Tables of the accuracy bench."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from baselines import BASELINES
from rich import box
from rich.console import Console
from rich.table import Table

from dedup.evaluate import Estimate
from dedup.evaluate.render import format_estimate


def print_corpus(console: Console, name: str, result: dict[str, Any]) -> None:
    """Print the figures of one corpus; other tools' columns are the share in one cluster."""
    console.print(f"\n[bold]{name}[/bold]: {result['n_documents']:,} documents, digest {result['digest']}")
    peers = [one.name for one in BASELINES if result["kinds"] and one.name in result["kinds"][0]["peers"]]
    if result["kinds"]:
        console.print(_kinds_table(result["kinds"], peers))
    for truth, scores in result["truths"].items():
        console.print(_truth_table(truth, scores))
    if "recall_by_overlap" in result:
        console.print(_overlap_table(result["recall_by_overlap"]))


def _new_table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", max_width=22 if place == 0 else 18)
    return table


def _kinds_table(rows: list[dict[str, Any]], peers: list[str]) -> Table:
    table = _new_table("kind", "n", "ought", "found", "dropped", "right", "false", *peers)
    for row in rows:
        name = f"{row['kind']} ({row['profile']})" if row["profile"] == "ocr" else row["kind"]
        cells = [f"{row['n']}", row["expected"], _share(row["found"]), _share(row["dropped"])]
        cells += [_share(row["right_kept"]), f"{row['false_merges']}"]
        theirs = (row["peers"][peer] for peer in peers)
        table.add_row(name, *cells, *(f"{_share(one['dropped'])}/{one['false_merges']}" for one in theirs))
    return table


def _truth_table(truth: str, scores: dict[str, Any]) -> Table:
    first = scores["dedup"]
    if first["truth"] == "clusters":
        names = ("precision", "recall", "adjusted_rand", "bcubed_f1")
        table = _new_table(f"{truth}: clusters", *names)
        for program, score in scores.items():
            for partition in score["partitions"][: 2 if program == "dedup" else 1]:
                cells = (format_estimate(Estimate(**partition[name])) for name in names)
                table.add_row(f"{program} {partition['level']}", *cells)
        return table
    labels = [label["label"] for label in first["labels"]]
    table = _new_table(
        f"{truth}: pairs",
        *(f"{label['label']} ({label['n']})" for label in first["labels"]),
        "found",
        "right",
    )
    for program, score in scores.items():
        by_label = {label["label"]: label for label in score["labels"]}
        cells = [format_estimate(Estimate(**by_label[label]["merged"])) for label in labels]
        found = " ".join(_share([by_label[label]["found"]["value"]]) for label in labels)
        keepers = [by_label[label]["keeper"]["value"] for label in labels if label in ("yes", "dup")]
        table.add_row(program, *cells, found, _share([keepers[0] if keepers else None]))
    return table


def _overlap_table(rows: list[dict[str, Any]]) -> Table:
    programs = [name for name in rows[0] if name not in ("jaccard", "n")]
    table = _new_table("Jaccard", "n", "dedup found", *programs)
    for row in rows:
        cells = (_share([row[name]["dropped"]]) for name in programs)
        table.add_row(
            "{:.1f}–{:.1f}".format(*row["jaccard"]), f"{row['n']}", _share([row["dedup"]["found"]]), *cells
        )
    return table


def _share(values: Sequence[float | None]) -> str:
    return "–" if values[0] is None else f"{values[0]:.3f}".removeprefix("0")
