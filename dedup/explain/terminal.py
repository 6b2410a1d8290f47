"""An explanation for the terminal: from what came in to what was decided, in colours where there are."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text as Line

from dedup.explain import Explanation, Text
from dedup.report.diff import (
    CUT,
    FACT_A,
    FACT_B,
    FOLDED,
    ONLY_A,
    ONLY_B,
    REMOVED_A,
    REMOVED_B,
    Diff,
    in_one_column,
)
from dedup.report.records import plain, shown_date

_STYLES = {
    ONLY_A: "red",
    ONLY_B: "green",
    FACT_A: "bold reverse red",
    FACT_B: "bold reverse green",
    REMOVED_A: "strike dim",
    REMOVED_B: "strike dim",
}
# Without colours the same is told by brackets.
_BRACKETS = {
    ONLY_A: "[-{}-]",
    ONLY_B: "{{+{}+}}",
    FACT_A: "[-{}-]",
    FACT_B: "{{+{}+}}",
    REMOVED_A: "[x {} x]",
    REMOVED_B: "[x {} x]",
}
_KEY_CHARS = 160


def show(told: Explanation, console: Console) -> None:
    """Print an explanation."""
    colours = console.is_terminal and console.color_system is not None
    console.print(_verdict(told))
    for title, content in (
        ("The texts", _texts(told)),
        ("Shingles", _shingles(told)),
        ("Do they meet?", _meeting(told)),
        ("Rules", _rules(told)),
        ("Side by side" if not told.diff else "Alignment", alignment(told.diff, colours=colours)),
        ("Which one is kept", _kept(told)),
        ("Judged by", _judged_by(told)),
    ):
        console.print(Rule(title, align="left", style="dim"))
        console.print(Padding(content, (0, 0, 1, 2)))


def _verdict(told: Explanation) -> Line:
    line = Line()
    line.append(told.relation, style="bold")
    outcome = f"{told.kept[0]} is kept, the other dropped for it" if len(told.kept) == 1 else "both are kept"
    if not told.candidate:
        outcome = "both are kept: they never meet"
    return line.append(f"  {outcome}\n").append(told.reason, style="dim").append("\n")


def _texts(told: Explanation) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", told.a.id, told.b.id):
        table.add_column(plain(name, 40), overflow="fold")
    pair = (told.a, told.b)
    table.add_row("title", *(plain(text.title or "–", 80) for text in pair))
    table.add_row("source", *(plain(text.source or "–", 80) for text in pair))
    table.add_row("date", *(shown_date(text.date) or "–" for text in pair))
    table.add_row("tokens", *(f"{text.n_tokens:,}" for text in pair))
    table.add_row("flags", *(", ".join(text.flags) or "–" for text in pair))
    table.add_row("removed", *(_removed(text) for text in pair))
    table.add_row("key", *(Line(plain(text.key, _KEY_CHARS), style="dim") for text in pair))
    return table


def _removed(text: Text) -> Line:
    line = Line()
    for number, removal in enumerate(text.removed):
        line.append("\n" if number else "").append(f"line {removal.line}, {removal.rule}: ")
        line.append(plain(removal.text, 70), style="strike dim")
    return line if text.removed else Line("–")


def _shingles(told: Explanation) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    rows = (
        ("shared", told.shared, told.shingles_shared),
        (f"only {told.a.id}", told.only_a, told.shingles_only_a),
        (f"only {told.b.id}", told.only_b, told.shingles_only_b),
    )
    for name, number, examples in rows:
        shown = Line(" · ".join(plain(example, 40) for example in examples), style="dim")
        table.add_row(plain(name, 40), Line(f"{number:,}", justify="right"), shown)
    return Group(
        table,
        Line(),
        Line(f"Jaccard {told.jaccard:.4f}, estimated from the signatures {told.estimated_jaccard:.4f}"),
        Line(f"{told.a_in_b:.1%} of {told.a.id} in the other, {told.b_in_a:.1%} of {told.b.id} in the other"),
    )


def _meeting(told: Explanation) -> RenderableType:
    bands = "".join("█" if band in told.bands_met else "·" for band in range(told.bands))
    chance = f"1 - (1 - {told.jaccard:.4f}^{told.rows})^{told.bands} = {told.chance:.4f}"
    return Group(
        Line(f"{'yes' if told.candidate else 'no'}: {told.candidate_why}"),
        Line(f"bands of {told.rows} rows  {bands}  {len(told.bands_met)} of {told.bands}"),
        Line(f"chance of meeting in one at least: {chance}"),
        Line(
            f"fingerprints: {told.fingerprints[0]} and {told.fingerprints[1]}, "
            f"{told.fingerprints_shared} shared; {told.agreement} signature values agree"
        ),
    )


def _rules(told: Explanation) -> RenderableType:
    if not told.checks:
        return Line(told.reason)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("rule", "allowed", plain(told.a.id, 30), plain(told.b.id, 30)):
        table.add_column(name, overflow="fold")
    for check in told.checks:
        cells = [
            Line(f"{'✗' if objects else '✓'} {plain(value, 60)}", style="red" if objects else "")
            for value, objects in zip(check.found, check.objects, strict=True)
        ]
        table.add_row(check.rule, check.limit, *cells)
    note = "A text may be dropped for the other when no rule objects (✗) in its column."
    parts: list[RenderableType] = [table, Line(note, style="dim")]
    if told.replaced:
        pairs = ", ".join(f"{plain(a, 40)} → {plain(b, 40)}" for a, b in told.replaced[:8])
        parts.append(Line(f"facts replaced in place: {pairs}"))
    return Group(*parts)


def alignment(diff: Diff, *, colours: bool) -> Line:
    """Return a comparison of two texts: in colours, or in brackets where there are none."""
    line = Line()
    for code, content in in_one_column(diff):
        if code in (FOLDED, CUT):
            line.append(
                f" … {content:,} {'equal words' if code == FOLDED else 'words not compared'} … ", style="dim"
            )
            continue
        shown = _printable(str(content))
        if code not in _STYLES:
            line.append(shown)
        elif colours:
            line.append(shown, style=_STYLES[code])
        else:
            bare = shown.rstrip()
            line.append(_BRACKETS[code].format(bare) + (shown[len(bare) :] or " "))
    return line


def _printable(text: str) -> str:
    """Return text that can't steer the terminal; line ends stay."""
    return "".join(c if c == "\n" or c.isprintable() else " " for c in text)


def _kept(told: Explanation) -> RenderableType:
    if len(told.kept) > 1:
        return Line("both: neither may stand for the other")
    if not told.preferences:
        return Line(f"{told.kept[0]}: both have the same words, the order of preferences chose")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for number, (name, value) in enumerate(told.preferences.items(), 1):
        table.add_row(str(number), name, plain(str(value), 80))
    return Group(Line(f"{told.kept[0]}, by these preferences, the weightiest first:"), table)


def _judged_by(told: Explanation) -> Line:
    known = told.statistics
    return Line(
        f"profile {told.profile}; statistics: {known['name']}"
        f" ({known['documents']:,} documents, {known['house_lines']:,} house lines, {known['fingerprint']})"
    )
