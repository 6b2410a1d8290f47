"""Plain SVG shapes. Colours come from the page's style sheet by class, so that dark mode and paper work."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil


def text(x: float, y: float, content: str, *, anchor: str = "start", kind: str = "label") -> str:
    """Return a piece of text.

    Examples
    --------
    >>> text(1, 2, "a<b")
    '<text class="label" x="1" y="2" text-anchor="start">a&lt;b</text>'
    """
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(content)}</text>'


def box(
    x: float, y: float, width: float, height: float, kind: str, tip: str = "", *, opacity: float = 1
) -> str:
    """Return a rectangle with a tooltip."""
    inner = f"<title>{escape(tip)}</title>" if tip else ""
    see_through = f' fill-opacity="{opacity:.2f}"' if opacity < 1 else ""
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(max(0.0, width))}" height="{_n(max(0.0, height))}"'
    return f'<rect class="{kind}" {place}{see_through}>{inner}</rect>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Return a line."""
    return f'<line class="{kind}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"/>'


def path(points: Sequence[tuple[float, float]], kind: str) -> str:
    """Return a curve through some points."""
    return f'<polyline class="{kind}" points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in points)}"/>'


def drawing(width: float, height: float, parts: Sequence[str], label: str) -> str:
    """Return the finished drawing; `label` is read out in its place."""
    return (
        f'<svg viewBox="0 0 {_n(width)} {_n(height)}" role="img" aria-label="{escape(label)}"'
        f' xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def shortened(content: str, chars: int) -> str:
    """Return a label that fits.

    Examples
    --------
    >>> shortened("Continental Press", 9)
    'Continen…'
    """
    return content if len(content) <= chars else content[: chars - 1].rstrip() + "…"


def columns(
    bins: Sequence[tuple[str, Sequence[tuple[str, int]]]],
    *,
    label: str,
    values: bool = True,
    width: float = 560,
    height: float = 200,
) -> str:
    """Return stacked columns: for each bin its name and (class, number) from the bottom up."""
    left, right, top, bottom = 8.0, 8.0, 20.0, 24.0
    largest = max([sum(n for _, n in stack) for _, stack in bins] or [1]) or 1
    step = (width - left - right) / max(1, len(bins))
    base = height - bottom
    # Six and a half units a letter, and some room between two labels.
    longest = max([len(name) for name, _ in bins] or [0])
    every = max(1, ceil((6.5 * longest + 14) / step))
    parts = [line(left, base, width - right, base, "axis")]
    for place, (name, stack) in enumerate(bins):
        x, y = left + place * step, base
        gap = min(8.0, step * 0.2)
        for kind, number in stack:
            size = (base - top) * number / largest
            y -= size
            if number:
                parts.append(box(x + gap / 2, y, step - gap, size, kind, f"{name}: {number:,} {kind}"))
        total = sum(n for _, n in stack)
        if values and total:
            parts.append(text(x + step / 2, y - 5, f"{total:,}", anchor="middle", kind="value"))
        if place % every == 0:
            # A label wider than its column begins with it.
            fits = 6.5 * longest < step
            at = x + step / 2 if fits else x
            parts.append(text(at, height - 7, name, anchor="middle" if fits else "start"))
    return drawing(width, height, parts, label)


def bars(rows: Sequence[tuple[str, int, int]], *, label: str, width: float = 560) -> str:
    """Return one bar per row (name, part, whole): the whole in a pale colour, the part in a strong one."""
    name_width, value_width, row_height = _name_width(width), 110.0, 24.0
    largest = max([whole for _, _, whole in rows] or [1]) or 1
    scale = (width - name_width - value_width) / largest
    parts = []
    for place, (name, part, whole) in enumerate(rows):
        y = place * row_height + 4
        tip = f"{name}: {part:,} of {whole:,} dropped"
        parts.append(text(name_width - 10, y + 13, _name(name, name_width), anchor="end"))
        parts.append(box(name_width, y + 2, whole * scale, 14, "pale", tip))
        parts.append(box(name_width, y + 2, part * scale, 14, "strong", tip))
        share = f"{part:,} of {whole:,}"
        parts.append(text(name_width + whole * scale + 8, y + 13, share, kind="value"))
    return drawing(width, max(1, len(rows)) * row_height + 6, parts, label)


def _name_width(width: float) -> float:
    return min(170.0, 0.34 * width)


def _name(content: str, width: float) -> str:
    return shortened(content, int(width / 7.4))


def matrix(
    rows: Sequence[str],
    columns: Sequence[str],
    counts: Sequence[Sequence[int]],
    *,
    label: str,
    width: float = 560,
) -> str:
    """Return a table of shaded cells with the names of its rows and columns."""
    name_width, head, height = _name_width(width), 104.0, 30.0
    # The names of the columns lean over the right edge.
    cell = min(46.0, (width - name_width - max(52.0, 0.11 * width)) / max(1, len(columns)))
    largest = max([number for row in counts for number in row] or [1]) or 1
    parts = []
    for place, name in enumerate(columns):
        middle = name_width + place * cell + cell / 2 + 3
        shown = escape(shortened(name, 19))
        turn = f"translate({_n(middle)} {_n(head - 6)}) rotate(-48)"
        parts.append(f'<text class="label" transform="{turn}">{shown}</text>')
    for line_number, name in enumerate(rows):
        y = head + line_number * height
        parts.append(text(name_width - 10, y + height / 2 + 4, _name(name, name_width), anchor="end"))
        for place, number in enumerate(counts[line_number]):
            x = name_width + place * cell
            tip = f"{number:,} of {name} dropped for {columns[place]}"
            strength = 0.15 + 0.85 * number / largest if number else 0
            parts.append(box(x + 1, y + 1, cell - 2, height - 2, "empty", tip))
            if number:
                parts.append(box(x + 1, y + 1, cell - 2, height - 2, "strong", tip, opacity=strength))
                kind = "value on" if strength > 0.6 else "value"
                parts.append(
                    text(x + cell / 2, y + height / 2 + 4, f"{number:,}", anchor="middle", kind=kind)
                )
    return drawing(width, head + len(rows) * height + 4, parts, label)


def mirrored(
    above: Sequence[int], below: Sequence[int], border: float | None, *, label: str, width: float = 560
) -> str:
    """Return two histograms over [0, 1], one upward and one downward, with a dashed border."""
    left, height, top, bottom = 8.0, 230.0, 22.0, 24.0
    largest = max([*above, *below, 1])
    step = (width - 2 * left) / max(1, len(above))
    middle = top + (height - top - bottom) * (max([*above, 1]) / (max([*above, 1]) + max([*below, 1])))
    up = (middle - top) / max([*above, 1])
    down = (height - bottom - middle) / max([*below, 1])
    scale = min(up, down) if largest else 1
    parts = []
    for place, (high, low) in enumerate(zip(above, below, strict=True)):
        x = left + place * step
        span = f"{place / len(above):.2f}–{(place + 1) / len(above):.2f}"
        if high:
            parts.append(
                box(
                    x + 1,
                    middle - high * scale,
                    step - 2,
                    high * scale,
                    "strong",
                    f"{span}: {high:,} dropped",
                )
            )
        if low:
            parts.append(
                box(x + 1, middle + 1, step - 2, low * scale, "apart", f"{span}: {low:,} kept apart")
            )
    parts.append(line(left, middle + 0.5, width - left, middle + 0.5, "axis"))
    for tick in range(0, 11, 2):
        parts.append(
            text(left + (width - 2 * left) * tick / 10, height - 6, f"{tick / 10:.1f}", anchor="middle")
        )
    if border is not None:
        x = left + (width - 2 * left) * border
        parts.append(line(x, top - 8, x, height - bottom, "border"))
        anchor, shift = ("end", -6) if border > 0.5 else ("start", 6)
        parts.append(text(x + shift, top - 2, f"best single cut {border:.2f}", anchor=anchor, kind="value"))
    parts.append(text(left, top - 2, "dropped ↑", kind="value"))
    parts.append(text(left, height - bottom - 4, "kept apart ↓", kind="value"))
    return drawing(width, height, parts, label)


def _n(value: float) -> str:
    """Return a number without needless digits."""
    return f"{value:.1f}".rstrip("0").rstrip(".")
