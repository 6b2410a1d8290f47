"""A plan for the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from dedup.plan import Choice, Plan

_WIDTH, _HEIGHT = 50, 10
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def show_plan(plan: Plan, console: Console) -> None:
    """Print a plan."""
    chosen = plan.chosen
    console.print(f"{plan.documents:,} documents, pairs of Jaccard {plan.similarity:g} and more to be found")
    console.print(
        f"{chosen.bands} bands × {chosen.rows} rows: recall {chosen.recall:.4f} at that similarity, "
        f"about {chosen.meetings_per_document:.3g} chance meetings per document\n"
    )
    for line in curve_lines(plan):
        console.print(line)
    console.print()
    console.print(_alternatives(plan))
    console.print()
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for name, recall in plan.recalls.items():
        table.add_row("recall", name, f"{recall:.4f}")
    table.add_row("memory", "all processes", _size(plan.memory_bytes))
    table.add_row("disk", "temporary", _size(plan.disk_bytes))
    for name, seconds in plan.seconds.items():
        table.add_row("time", f"{name}, {plan.workers} workers", _duration(seconds))
    table.add_row("time", "in all", _duration(sum(plan.seconds.values())))
    console.print(table)
    console.print(
        f"\nA cut of {plan.guaranteed_run} tokens or more in one run shares two fingerprints with its source "
        "for certain; only text that very many documents share is passed over. "
        f"Measured on {plan.measured_on}."
    )


def curve_lines(plan: Plan) -> list[str]:
    """Return the S-curve in characters, the chance upward and the similarity to the right."""
    heights = [
        plan.curve[round(at * (len(plan.curve) - 1) / (_WIDTH - 1))][1] * _HEIGHT for at in range(_WIDTH)
    ]
    lines = []
    for row in range(_HEIGHT - 1, -1, -1):
        cells = "".join(_EIGHTHS[round(min(1.0, max(0.0, height - row)) * 8)] for height in heights)
        label = f"{(row + 1) / _HEIGHT:.1f}" if (row + 1) % 5 == 0 else "   "
        lines.append(f"{label} │{cells}")
    lines.append(f"    └{'─' * _WIDTH}")
    ticks = "".join(f"{x / 5:.1f}".ljust(_WIDTH // 5) for x in range(5))
    lines.append(f"    {ticks}1.0  Jaccard")
    return lines


def _alternatives(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("rows", "bands", "recall", "chance meetings per document", ""):
        table.add_column(name, justify="left" if not name else "right")
    for choice in plan.alternatives:
        _add(table, choice, "chosen" if choice == plan.chosen else "")
    _add(table, plan.default, "as configured")
    return table


def _add(table: Table, choice: Choice, note: str) -> None:
    table.add_row(
        str(choice.rows),
        str(choice.bands),
        f"{choice.recall:.4f}",
        f"{choice.meetings_per_document:.3g}",
        note,
    )


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1024:
            return f"{n_bytes:.1f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.1f} TB"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
