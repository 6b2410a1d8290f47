"""An audit in the terminal: its figures, pairs to read, and the questions of ``--label``."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from dedup.audit import Audit, AuditPair
from dedup.explain.terminal import alignment
from dedup.normaliser import clean
from dedup.report.diff import cut_words, word_diff
from dedup.report.records import plain

_ANSWERS = {"y": "yes", "yes": "yes", "n": "no", "no": "no", "u": "unsure", "unsure": "unsure"}


def show_audit(audit: Audit, console: Console) -> None:
    """Print an audit."""
    console.print(
        f"{audit.sampled:,} of {audit.documents:,} records, drawn by content, held against all others: "
        f"{audit.compared:,} pairs judged without a candidate stage."
    )
    if audit.recall is None:
        console.print("The sample has no copies, so recall can't be told; raise --sample.")
    else:
        low, high = audit.interval
        console.print(
            f"Recall of the candidate stage: {audit.recall:.4f}, 95 % interval {low:.4f} to {high:.4f} "
            f"({audit.found:,} of {audit.to_find:,} pairs). "
            f"Copies left in for a missed pair: {audit.missed_drops:,}."
        )
    console.print(
        f"Drops: {audit.drops:,} by the rules; beside them {audit.exact:,} exact copies, "
        "which have the same words and are found without candidates."
    )
    for kind in ("doubtful drop", "near miss"):
        pairs = [pair for pair in audit.pairs if pair.kind == kind]
        console.print(f"\n{'Most doubtful drops' if kind == 'doubtful drop' else 'Nearest misses'}")
        console.print(_table(pairs) if pairs else "  none")
    false_drops = audit.false_drops()
    if false_drops:
        low, high = false_drops["interval"]
        console.print(
            f"\nFalse drops: {false_drops['wrong']} of {false_drops['labelled']} drops drawn at random "
            f"from {audit.drops:,} (exact copies left out), 95 % interval {low:.1%} to {high:.1%}."
        )
    else:
        console.print(
            "\nWhether a drop is wrong only a reader can tell: --label asks, dedup explain compares."
        )


def _table(pairs: list[AuditPair]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", "contained", "a", "b", "why"):
        table.add_column(name, overflow="fold")
    for pair in pairs:
        table.add_row(
            pair.relation, f"{pair.containment:.0%}", plain(str(pair.a.id), 40), plain(str(pair.b.id), 40),
            plain(pair.reason, 90),
        )  # fmt: skip
    return table


def ask(pair: AuditPair, number: int, total: int, console: Console) -> str | None:
    """Show a pair and ask whether one may be dropped for the other; None when there are no more answers."""
    console.rule(f"{number} of {total}", align="left")
    for name, side in (("a", pair.a), ("b", pair.b)):
        about = " · ".join(plain(str(part), 100) for part in (side.id, side.source, side.title) if part)
        console.print(f"{name}  {about}")
    diff = word_diff(*(cut_words(clean(side.text, title=side.title).readable) for side in (pair.a, pair.b)))
    colours = console.is_terminal and console.color_system is not None
    console.print(Padding(alignment(diff, colours=colours), (1, 2)))
    console.print("Is everything of substance in one of them also in the other?")
    while True:
        console.print("[y]es, [n]o, [u]nsure, [q]uit: ", end="")
        line = sys.stdin.readline()
        answer = line.strip().lower()
        if not line or not sys.stdin.isatty():
            # A terminal shows what is typed, and ends the line; a pipe and the end of input do neither.
            console.print(plain(line.strip(), 20))
        if not line or answer in ("q", "quit"):
            return None
        if answer in _ANSWERS:
            return _ANSWERS[answer]
