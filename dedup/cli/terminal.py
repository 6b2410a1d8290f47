"""What people see: a progress bar while it runs, a table at the end. Both on stderr."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from dedup.cli.failures import one_line
from dedup.pipeline.summary import Summary

_UNITS = {"read": "B", "verify": "pairs", "write": "records"}


class _Messages(Console):
    """Standard error; that nobody reads it any more is no reason to stop."""

    def on_broken_pipe(self) -> None:
        """Say nothing from here on."""
        self.quiet = True


class TerminalBar:
    """A bar per stage with rate and time left; for terminals."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<11}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[rate]:>16}"),
            TimeRemainingColumn(compact=True),
            console=_Messages(stderr=True),
            transient=True,
            # No thread of its own: worker processes are forked while it runs.
            auto_refresh=False,
        )
        self._task: TaskID | None = None
        self._unit = ""

    def begin(self, stage: str, total: int | None) -> None:
        """Show a new stage."""
        self._unit = _UNITS.get(stage, "")
        self._progress.start()
        self._task = self._progress.add_task(stage, total=total, rate="")
        self._progress.refresh()

    def advance(self, steps: int) -> None:
        """Count steps done."""
        if self._task is not None:
            speed = self._progress.tasks[-1].speed
            rate = f"{_short(speed)} {self._unit}/s" if speed else ""
            self._progress.update(self._task, advance=steps, rate=rate)
            self._progress.refresh()

    def end(self) -> None:
        """Finish the stage and clear its line."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        self._progress.stop()


def is_terminal() -> bool:
    """Tell whether someone watches."""
    return sys.stderr.isatty()


def print_summary(summary: Summary) -> None:
    """Print what a run did."""
    with contextlib.suppress(OSError):
        _print_summary(summary)


def _print_summary(summary: Summary) -> None:
    console = _Messages(stderr=True, width=None if is_terminal() else 80, highlight=False)
    counts = summary.counts
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column(justify="left")
    total = max(1, counts["in"])
    table.add_row("in", f"{counts['in']:,}", "")
    table.add_row("kept", f"{counts['kept']:,}", f"{counts['kept'] / total:.1%}")
    table.add_row("dropped", f"{counts['dropped']:,}", f"{counts['dropped'] / total:.1%}")
    for relation, number in summary.relations.items():
        table.add_row(f"  {relation}", f"{number:,}", "")
    table.add_row("rejected", f"{counts['rejected']:,}", "")
    for name, number in summary.flags.items():
        table.add_row(f"  flag {name}", f"{number:,}", "")
    for rule, number in list(summary.rules.items())[:5]:
        table.add_row(f"  removed {rule}", f"{number:,}", "lines")
    console.print(table)
    if summary.largest:
        shown = ", ".join(f"{identifier} ({size})" for identifier, size in summary.largest)
        console.print(f"largest clusters: {one_line(shown)}", markup=False, soft_wrap=False)
    stages = ", ".join(f"{name} {elapsed_s:.1f}" for name, elapsed_s in summary.seconds.items())
    console.print(f"seconds: {stages}", markup=False)


def print_line(message: str) -> None:
    """Print one line of news, if anyone takes it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"dedup: {one_line(message)}\n")
        sys.stderr.flush()


def _short(number: float) -> str:
    for unit in ("", "k", "M", "G"):
        if number < 1000:
            return f"{number:.0f}{unit}" if not unit else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.1f}T"


def print_text(text: Any) -> None:
    """Print data to standard output."""
    sys.stdout.write(f"{text}\n")
