"""An explanation as one offline page, in the report's dress."""

from __future__ import annotations

from importlib.resources import files

from dedup.explain import Explanation
from dedup.report.diff import (
    FACT_A,
    FACT_B,
    FOLDED,
    ONLY_A,
    ONLY_B,
    REMOVED_A,
    REMOVED_B,
    SAME,
    in_one_column,
)
from dedup.report.page import environment, policy, trusted
from dedup.report.records import plain, shown_date

_KINDS = {
    SAME: "same", ONLY_A: "a", ONLY_B: "b", FACT_A: "fact a", FACT_B: "fact b", FOLDED: "fold",
    REMOVED_A: "removed", REMOVED_B: "removed",
}  # fmt: skip


def render_explanation(told: Explanation) -> str:
    """Return the page."""
    template = environment().from_string(
        files("dedup.explain").joinpath("explain.html.j2").read_text("utf-8")
    )
    style = files("dedup.report").joinpath("assets", "report.css").read_text("utf-8")
    pieces = [(_KINDS.get(code, "cut"), content) for code, content in in_one_column(told.diff)]
    return str(
        template.render(
            told=told,
            pair=(told.a, told.b),
            pieces=pieces,
            policy=policy(style),
            style=trusted(style),
            plain=plain,
            shown_date=shown_date,
        )
    )
