"""Size of reports, and the time to make and to open them: the samples, inputs of yours, and 20,000 clusters.

    python benchmarks/report.py [INPUT]... [--images DIR] [--json OUT]

A report is open when its table is drawn and answers; the best of three in
headless Chromium counts (needs Playwright, and Chromium on the search path or
in CHROMIUM). ``--images`` writes the two pictures of the documentation.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from environment import RESULTS, ROOT, describe_run, write_result
from many_clusters import write_many
from playwright.sync_api import Browser, sync_playwright
from rich import box
from rich.console import Console
from rich.table import Table

from dedup.files import find_inputs
from dedup.pipeline.outputs import Outputs
from dedup.pipeline.run import run
from dedup.report import make_report

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OPENED = 3
_SIZE = {"width": 1120, "height": 1000}


def report_of(source: Path, target: Path) -> float:
    """Run over an input and write its report; return the seconds that the report took."""
    taken = []

    def timed(*arguments: Any, **settings: Any) -> bytes:
        began = time.perf_counter()
        content = make_report(str(target), *arguments, again=True, **settings)
        taken.append(time.perf_counter() - began)
        return content

    # Named as in the documentation, wherever this is started from.
    named = os.path.relpath(source, ROOT) if source.is_relative_to(ROOT) else str(source)
    here = Path.cwd()
    os.chdir(ROOT)
    try:
        run([named], Outputs(report=str(target)), make_report=timed)
    finally:
        os.chdir(here)
    return taken[0]


def open_report(browser: Browser, path: Path) -> tuple[float, str]:
    """Return the seconds until a report is open, and how many clusters it says it shows."""
    page = browser.new_page()
    seconds = []
    for _ in range(_OPENED):
        page.goto(path.as_uri())
        seconds.append(page.evaluate("performance.getEntriesByName('ready')[0].startTime") / 1000)
    found = page.locator("#found").inner_text()
    page.close()
    return min(seconds), found.split()[0]


def take_pictures(browser: Browser, path: Path, folder: Path) -> None:
    """Take the pictures that stand in the documentation: the top in light, a comparison in dark."""
    page = browser.new_page(viewport=_SIZE)
    page.goto(path.as_uri())
    page.screenshot(path=folder / "report.png")
    page.close()
    page = browser.new_page(viewport=_SIZE, color_scheme="dark", reduced_motion="reduce")
    page.goto(f"{path.as_uri()}#cluster-heat-local")
    page.locator(".key button").first.click()
    page.locator("#one h2").last.evaluate("node => node.scrollIntoView()")
    page.screenshot(path=folder / "report-cluster.png")
    page.close()


def main() -> None:
    """Measure, print, and write the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="*", type=Path)
    parser.add_argument("--clusters", type=int, default=20_000)
    parser.add_argument("--images", type=Path, help="where to write report.png and report-cluster.png")
    parser.add_argument("--json", type=Path, default=RESULTS / "report.json")
    options = parser.parse_args()
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _CHROMIUM)), None)
    rows = []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        samples = ROOT / "samples" / "articles.jsonl"
        made = {}
        for number, source in enumerate([samples, *(path.resolve() for path in options.inputs)]):
            target = folder / f"{number}.html"
            made[source.name] = target, report_of(source, target)
        source, decisions = write_many(folder, options.clusters)
        began = time.perf_counter()
        target = folder / "many.html"
        target.write_bytes(make_report(str(target), str(decisions), find_inputs([str(source)])))
        made["many clusters"] = target, time.perf_counter() - began
        for what, (target, made_s) in made.items():
            opened_s, clusters = open_report(browser, target)
            rows.append(
                {
                    "report": what,
                    "clusters": clusters,
                    "bytes": target.stat().st_size,
                    "made_s": round(made_s, 2),
                    "opened_s": round(opened_s, 3),
                }
            )
        if options.images:
            take_pictures(browser, folder / "0.html", options.images)
        browser.close()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("report", "clusters", "MB", "made in s", "opened in s"):
        table.add_column(column, justify="left" if column == "report" else "right")
    for row in rows:
        table.add_row(
            row["report"],
            row["clusters"],
            f"{row['bytes'] / 1e6:.2f}",
            f"{row['made_s']:.1f}",
            f"{row['opened_s']:.2f}",
        )
    Console(width=110).print(table)
    write_result(options.json, describe_run(reports=rows))


if __name__ == "__main__":
    main()
