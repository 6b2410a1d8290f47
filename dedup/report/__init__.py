"""Decisions → reports for people and programs: one offline HTML file, Markdown, JSON or CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from dedup.errors import UsageError

if TYPE_CHECKING:
    from dedup.config import ReadConfig
    from dedup.files import Source
    from dedup.report.model import ReportTexts

__all__ = ["FORMS", "check_report", "make_report"]

FORMS = (".html", ".htm", ".md", ".json", ".csv")


def check_report(path: str, texts: str) -> None:
    """Refuse a report of an unknown form, or an unknown amount of text, before anything is read.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> check_report("report.html", "diffs")
    >>> check_report("report.html", "some")
    Traceback (most recent call last):
    dedup.errors.UsageError: --report-texts 'some'; choose from none, diffs, full
    """
    from dedup.report.model import ReportTexts

    if Path(path).suffix.lower() not in FORMS:
        raise UsageError(
            f"cannot write a report as {Path(path).suffix!r}",
            where=path,
            remedy=f"choose from {', '.join(FORMS)}",
        )
    if texts not in get_args(ReportTexts):
        raise UsageError(
            f"--report-texts {texts!r}", remedy=f"choose from {', '.join(get_args(ReportTexts))}"
        )


def make_report(
    path: str,
    decisions: str,
    inputs: Sequence[Source],
    archives: Sequence[Source] = (),
    manifest: dict[str, Any] | None = None,
    *,
    texts: ReportTexts = "diffs",
    read: ReadConfig | None = None,
    again: bool = False,
) -> bytes:
    """Make a report of decisions.

    Parameters
    ----------
    path : str
        What it will be called: its ending tells the form.
    decisions : str
        File of decisions.
    inputs, archives : sequence of Source
        What the decisions are about, and what it was compared against.
    manifest : dict, optional
        The run's, for settings, versions and digests.
    texts : {"none", "diffs", "full"}
        How much text goes in.
    read : ReadConfig, optional
        Names of fields, as in the run.
    again : bool
        Whether the sources have been read before.

    Raises
    ------
    DataError
        If decisions and inputs don't belong together.
    """
    from dedup.report.gather import gather
    from dedup.report.ledger import open_decisions
    from dedup.report.model import Limits

    suffix = Path(path).suffix.lower()
    more = {"archives": archives, "read": read, "manifest": manifest, "again": again}
    if suffix in (".html", ".htm"):
        from dedup.report.page import render_page

        return render_page(gather(open_decisions(decisions), inputs, texts=texts, **more)).encode()  # type: ignore[arg-type]
    from dedup.report import forms

    # Rows for programs: all of them, without comparisons of texts.
    most = 1 << 62
    everything = Limits(clusters=most, members=most, members_in_all=most, page_bytes=most)
    limits = Limits() if suffix == ".md" else everything
    report = gather(open_decisions(decisions), inputs, texts="none", limits=limits, **more)  # type: ignore[arg-type]
    return {".md": forms.to_markdown, ".json": forms.to_json, ".csv": forms.to_csv}[suffix](report)
