"""Which rule of the verifier decides pairs judged by reading, how often rightly, and the cross-corpus gate.

    python benchmarks/rules.py --data DIR [--profile news|strict|ocr] [--failures] [--curve SVG] [--json OUT]

Takes every corpus of the folder that has a file NAME.read.jsonl. Pairs are
judged by the verifier alone, without candidates, clusters or house text. The
gate fits the cut-offs of `Limits` on one corpus and tries them on the others.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from documents import read_rows
from environment import RESULTS, describe_run, write_result
from rich import box
from rich.console import Console
from rich.table import Table

from dedup.config import Config, ReadConfig, VerifyConfig
from dedup.files import choose_fields, parse_objects
from dedup.kernels import overlaps as kernels
from dedup.normaliser.key import utf8_buffers
from dedup.pipeline.prepare import prepare
from dedup.records import ScoredPair
from dedup.verify import Overlap, View, read_tokens, relate, rules, shingle_sets

DROPPED = ("near", "contained")
FOUND = (*DROPPED, "partial", "revised")
# The gate's grid: own tokens in a gap, words of a lost clause, share reworded, tokens a name.
GRID = list(
    itertools.product((6, 9, 12, 15, 20, 30), (0, 1, 3, 5, 15), (0.1, 0.2, 0.27, 0.35), (50, 100, 200, 400))
)
# Multiples of the shipped cut-offs, for the curve.
SCALES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
# A wrong merge costs as much as so many copies missed.
WRONG_COSTS = 2.0


@dataclass(frozen=True, slots=True)
class Judged:
    """Two views, their overlap, and what the reader said: yes, no or debatable."""

    a: View
    b: View
    overlap: Overlap
    label: str
    row: dict[str, Any]

    def score(self, config: VerifyConfig) -> ScoredPair:
        """Return the verifier's verdict."""
        return relate(self.a, self.b, self.overlap, config=config)


def load(corpus: Path, pairs: Path) -> list[Judged]:
    """Prepare the documents of all judged pairs as a run does."""
    judged = list(read_rows(pairs))
    wanted = {row[side] for row in judged for side in "ab"}
    records = [row for row in read_rows(corpus) if row["id"] in wanted]
    config = Config()
    fields = choose_fields(sorted({name for row in records for name in row}), ReadConfig())
    batch = prepare(parse_objects(records, fields, 1), config)
    tokens = read_tokens(*utf8_buffers(batch.column("key")), *utf8_buffers(batch.column("classes")))
    titles, sources, dates = (batch.column(n).to_pylist() for n in ("title_key", "source", "date"))
    views = [
        View.of(tokens, n, title_tokens=(title or b"").decode().split(), source=sources[n], date=dates[n])
        for n, title in enumerate(titles)
    ]
    place = {row["id"]: number for number, row in enumerate(records)}
    ends = np.array([[place[row["a"]], place[row["b"]]] for row in judged], np.int64).reshape(-1, 2)
    shingles, sets = shingle_sets(tokens, config.sketch)
    left, right = np.ascontiguousarray(ends[:, 0]), np.ascontiguousarray(ends[:, 1])
    shared = np.zeros(len(judged), np.int32)
    kernels.shared_shingles(shingles, sets, left, right, shared)
    sizes = np.diff(sets)
    return [
        Judged(views[i], views[j], Overlap(int(n), int(sizes[i]), int(sizes[j])), row["drop"], row)
        for i, j, n, row in zip(left.tolist(), right.tolist(), shared.tolist(), judged, strict=True)
    ]


def rule_of(scored: ScoredPair) -> str:
    """Return the reason without the relation and its figures: one name for each rule."""
    if scored.relation in DROPPED:
        return f"none: {scored.relation}"
    reason = scored.reason.partition(": ")[2].rpartition("; ")[2]
    if reason.startswith("number "):
        return "number N against N"
    if reason.startswith("another stage"):
        return "another stage"
    return re.sub(r"\d+(\.\d+)?", "N", reason)


def rates(pairs: list[Judged], config: VerifyConfig) -> tuple[float, float]:
    """Return the shares of true and of false pairs of which one is dropped."""
    dropped = defaultdict(list)
    for pair in pairs:
        dropped[pair.label].append(pair.score(config).relation in DROPPED)
    return float(np.mean(dropped["yes"])), float(np.mean(dropped["no"]))


def operating_point(pairs: list[Judged], config: VerifyConfig) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for pair in pairs:
        relation = pair.score(config).relation
        counts[pair.label] += 1
        counts[f"{pair.label} dropped"] += relation in DROPPED
        counts[f"{pair.label} found"] += relation in FOUND
    return dict(counts)


def decisions_by_rule(pairs: list[Judged], config: VerifyConfig) -> dict[str, tuple[int, int]]:
    """Return for each rule how many pairs it decided and in how many it was right."""
    found: dict[str, list[bool]] = defaultdict(list)
    for pair in pairs:
        if pair.label != "debatable":
            scored = pair.score(config)
            found[rule_of(scored)].append((scored.relation in DROPPED) == (pair.label == "yes"))
    return {name: (len(right), sum(right)) for name, right in sorted(found.items(), key=lambda x: -len(x[1]))}


def gate(corpora: dict[str, list[Judged]], config: VerifyConfig) -> list[dict[str, Any]]:
    """Fit the cut-offs on each corpus and try the equally good settings on the others."""
    shipped = rules.limits_of(config.profile)
    tried: dict[str, list[tuple[float, float]]] = {}
    try:
        for name, pairs in corpora.items():
            tried[name] = []
            for passage, clause, reworded, per_name in GRID:
                rules.LIMITS[config.profile] = replace(
                    shipped, passage=passage, clause=clause, reworded=reworded, tokens_per_name=per_name
                )
                tried[name].append(rates(pairs, config))
    finally:
        rules.LIMITS[config.profile] = shipped
    results = []
    for fitted, checked in itertools.permutations(corpora, 2):
        value = [yes - WRONG_COSTS * no for yes, no in tried[fitted]]
        best = [n for n in range(len(GRID)) if value[n] >= max(value) - 1e-9]
        yes, no = (np.median([tried[checked][n][k] for n in best]) for k in (0, 1))
        results.append(
            {"fitted on": fitted, "checked on": checked, "settings": len(best)}
            | {"true dropped": round(float(yes), 3), "false dropped": round(float(no), 3)}
        )
    return results


def curve(
    corpora: dict[str, list[Judged]], config: VerifyConfig
) -> dict[str, list[tuple[float, float, float]]]:
    """Return (times, true dropped, false dropped) for cut-offs stricter and looser than the shipped ones."""
    shipped = rules.limits_of(config.profile)
    points: dict[str, list[tuple[float, float, float]]] = {name: [] for name in corpora}
    try:
        for scale in SCALES:
            rules.LIMITS[config.profile] = replace(
                shipped,
                passage=round(shipped.passage * scale),
                clause=round(shipped.clause * scale),
                reworded=shipped.reworded * scale,
                tokens_per_name=shipped.tokens_per_name / scale,
            )
            for name, pairs in corpora.items():
                points[name].append((scale, *rates(pairs, config)))
    finally:
        rules.LIMITS[config.profile] = shipped
    return points


def draw(points: dict[str, list[tuple[float, float, float]]], most: float = 0.1) -> str:
    """Draw false drops from left to right against true drops from the bottom up."""
    width, height, margin = 560, 320, 48
    lines = []
    for number, (name, found) in enumerate(points.items()):
        places = [
            (
                margin + min(no, most) / most * (width - 2 * margin),
                height - margin - yes * (height - 2 * margin),
            )
            for _, yes, no in found
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        colour = ("#2c7296", "#b3541e", "#4b7a3f")[number % 3]
        x, y = places[SCALES.index(1.0)]
        lines += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>',
            f'<text x="{width - margin}" y="{height - margin - 12 - 16 * number}" text-anchor="end" '
            f'fill="{colour}">{name}, dot: as shipped</text>',
        ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = height - margin - share * (height - 2 * margin)
        lines.append(f'<text x="{margin - 6}" y="{y + 4:.1f}" text-anchor="end">{share:g}</text>')
        x = margin + share * (width - 2 * margin)
        lines.append(
            f'<text x="{x:.1f}" y="{height - margin + 18}" text-anchor="middle">{share * most:g}</text>'
        )
    frame = (
        f'<path d="M{margin},{margin} V{height - margin} H{width - margin}" fill="none" stroke="#888"/>'
        f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">false pairs dropped</text>'
        f'<text x="{margin}" y="{margin - 16}">true pairs dropped</text>'
    )
    font = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {font}>'
    back = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, back, frame, *lines, "</svg>", ""])


def find_corpora(folder: Path) -> dict[str, list[Judged]]:
    found = {}
    for pairs in sorted(folder.glob("*.read.jsonl")):
        name = pairs.name.removesuffix(".read.jsonl")
        packed = next(p for p in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.zst") if p.exists())
        found[name] = load(packed, pairs)
    if not found:
        raise SystemExit(f"no NAME.read.jsonl in {folder}")
    return found


def show(console: Console, title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    table = Table(*columns, title=title, box=box.SIMPLE)
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--profile", choices=("news", "strict", "ocr"), default="news")
    parser.add_argument("--failures", action="store_true", help="list the pairs decided otherwise")
    parser.add_argument(
        "--curve", type=Path, help="draw true against false drops over looser and stricter cut-offs"
    )
    parser.add_argument("--json", type=Path, default=RESULTS / "rules.json")
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    config = VerifyConfig(profile=arguments.profile)
    corpora = find_corpora(arguments.data)
    points = {name: operating_point(pairs, config) for name, pairs in corpora.items()}
    shares = [
        (name, label, c[label], *(f"{c[f'{label} {what}'] / c[label]:.3f}" for what in ("dropped", "found")))
        for name, c in points.items()
        for label in ("yes", "no", "debatable")
        if c.get(label)
    ]
    show(console, f"profile {config.profile}", ("corpus", "label", "pairs", "dropped", "found"), shares)
    every = decisions_by_rule([pair for pairs in corpora.values() for pair in pairs], config)
    show(console, "what decided", ("rule", "pairs", "right"), [(n, *c) for n, c in every.items()])
    crossed = gate(corpora, config) if len(corpora) > 1 else []
    if crossed:
        show(console, "the gate", tuple(crossed[0]), [tuple(row.values()) for row in crossed])
    if arguments.failures:
        for name, pairs in corpora.items():
            for pair in pairs:
                scored = pair.score(config)
                if {"yes": True, "no": False}.get(pair.label) == (scored.relation not in DROPPED):
                    console.print(
                        name, pair.row["a"], pair.row["b"], pair.label, scored.reason, "|", pair.row["why"]
                    )
    curves = {}
    if arguments.curve:
        curves = curve(corpora, config)
        rows = [(n, *(f"{value:.3f}" for value in one)) for n, found in curves.items() for one in found]
        show(console, "cut-offs times", ("corpus", "times", "true dropped", "false dropped"), rows)
        arguments.curve.write_text(draw(curves), encoding="utf-8")
    write_result(arguments.json, describe_run(points=points, rules=every, gate=crossed, curves=curves))


if __name__ == "__main__":
    main()
