"""What each command does with its flags."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from dedup.cli.settings import load_settings, make_config, parse_size
from dedup.cli.terminal import TerminalBar, is_terminal, print_line, print_summary, print_text
from dedup.config import Config
from dedup.errors import UsageError
from dedup.kernels.cache import announce_compilation, is_cold
from dedup.pipeline.archives import Archive, Target
from dedup.pipeline.memory import keep_freed
from dedup.pipeline.outputs import Outputs
from dedup.pipeline.progress import Progress
from dedup.pipeline.run import ReportMaker, run
from dedup.pipeline.summary import Summary
from dedup.pipeline.warming import warm

if TYPE_CHECKING:
    from dedup.report.model import ReportTexts

# A run over hundreds of sources must not scroll everything else away.
_WARNINGS_SHOWN = 5
_OUTPUTS = ("decisions", "report", "dropped", "rejects", "manifest", "statistics")
_NOT_SETTINGS = (
    "inputs", "output", "output_format", "dry_run", "config", "quiet", "debug", "report_texts", *_OUTPUTS,
    "engine", "master", "work", "sketches",
)  # fmt: skip


def run_command(flags: Mapping[str, Any]) -> None:
    """`dedup run`."""
    settings = load_settings(
        {name: value for name, value in flags.items() if name not in _NOT_SETTINGS}, flags["config"]
    )
    config = make_config(settings)
    outputs = Outputs(
        records=None if flags["dry_run"] else flags["output"],
        **{name: flags[name] for name in _OUTPUTS},
        format=flags["output_format"],
        annotate=settings.get("annotate", False) and not flags["dry_run"],
        keep_text=settings.get("keep_text", False),
        no_overwrite=settings.get("no_overwrite", False),
    )
    on_duplicate_id = settings.get("on_duplicate_id", "keep")
    if on_duplicate_id not in ("keep", "last", "reject"):
        raise UsageError(f"--on-duplicate-id {on_duplicate_id!r}", remedy="choose keep, last or reject")
    rate = settings.get("max_drop_rate")
    if rate is not None and not 0 <= rate <= 1:
        raise UsageError(f"--max-drop-rate {rate}", remedy="give a fraction from 0 to 1")
    if flags["engine"] not in (None, "local"):
        _report(_run_on_spark(flags, settings, config, outputs), flags)
        return
    if named := [name for name in ("master", "work", "sketches") if flags[name] is not None]:
        raise UsageError(f"--{named[0]} without Spark", remedy="add --engine spark")
    announce_compilation(quiet=flags["quiet"])
    if is_cold():
        warm()
    keep_freed()
    with ExitStack() as stack:
        files, stored, target = _archives(settings, config, stack)
        summary = run(
            flags["inputs"],
            outputs,
            config=config,
            against=files,
            stored=stored,
            target=None if flags["dry_run"] else target,
            statistics=settings.get("use_statistics"),
            input_format=settings.get("input_format"),
            on_duplicate_id=on_duplicate_id,
            max_drop_rate=rate,
            workers=_workers(settings.get("workers")),
            memory_bytes=parse_size(settings["memory"]) if "memory" in settings else None,
            temp=settings.get("temp"),
            progress=Progress(TerminalBar() if is_terminal() and not flags["quiet"] else None),
            report=None if flags["quiet"] else print_line,
            make_report=_report_maker(flags["report"], flags["report_texts"], config),
        )
    _report(summary, flags)


def _report(summary: Summary, flags: Mapping[str, Any]) -> None:
    for warning in summary.warnings[:_WARNINGS_SHOWN]:
        print_line(f"warning: {warning}")
    more = len(summary.warnings) - _WARNINGS_SHOWN
    if more > 0:
        print_line(f"warning: and {more} more like these; --manifest FILE lists all")
    if not flags["quiet"]:
        print_summary(summary)


def _run_on_spark(
    flags: Mapping[str, Any], settings: Mapping[str, Any], config: Config, outputs: Outputs
) -> Summary:
    """Run on a cluster; refuse what has no meaning there."""
    if flags["engine"] != "spark":
        raise UsageError(f"--engine {flags['engine']}", remedy="choose local or spark")
    elsewhere = ("workers", "memory", "temp", "index")
    refused = [name for name in elsewhere if name in settings] + (["report"] if outputs.report else [])
    if settings.get("on_duplicate_id", "keep") != "keep":
        refused.append("on_duplicate_id")
    if refused:
        flag = "--" + refused[0].replace("_", "-")
        raise UsageError(f"{flag} is not there with --engine spark", remedy="leave it out, or run locally")
    from dedup.cli import Spared
    from dedup.spark.job import Cluster, run_on_spark

    sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not Spared]

    return run_on_spark(
        flags["inputs"],
        outputs,
        Cluster(flags["master"], flags["work"], None if flags["dry_run"] else flags["sketches"]),
        config=config,
        against=settings.get("against") or (),
        statistics=settings.get("use_statistics"),
        input_format=settings.get("input_format"),
        max_drop_rate=settings.get("max_drop_rate"),
        progress=Progress(TerminalBar() if is_terminal() and not flags["quiet"] else None),
        report=None if flags["quiet"] else print_line,
    )


def _archives(
    settings: Mapping[str, Any], config: Config, stack: ExitStack
) -> tuple[list[str], list[Archive], Target | None]:
    """Tell files to compare against from indexes, and open these."""
    from dedup.stores import is_index

    against = settings.get("against") or []
    files = [path for path in against if not is_index(path)]
    named = settings.get("index")
    if len(files) == len(against) and named is None:
        return files, [], None
    from dedup.index import Index
    from dedup.index.running import IndexOfRun

    def opened(url: str, mode: Literal["r", "w"]) -> IndexOfRun:
        statistics = settings.get("use_statistics") if mode == "w" else None
        index = Index.open(url, config=config, mode=mode, statistics=statistics)
        return stack.enter_context(IndexOfRun(index))

    target = opened(named, "w") if named is not None else None
    stored: list[Archive] = [] if target is None else [target]
    stored += [opened(path, "r") for path in against if path not in files]
    return files, stored, target


def _report_maker(path: str | None, texts: str, config: Config) -> ReportMaker | None:
    if path is None:
        return None
    from dedup.report import check_report, make_report

    check_report(path, texts)
    return partial(make_report, path, texts=cast("ReportTexts", texts), read=config.read, again=True)


def normalise_command(flags: Mapping[str, Any]) -> None:
    """`dedup normalise`."""
    from dedup.pipeline.clean import clean_files

    config = make_config({name: flags[name] for name in ("text", "title") if flags[name] is not None})
    outputs = Outputs(
        records=flags["output"],
        rejects=flags["rejects"],
        format=flags["output_format"],
        no_overwrite=flags["no_overwrite"],
    )
    announce_compilation(quiet=False)
    n_records, n_changed, n_removals = clean_files(
        flags["inputs"],
        outputs,
        removed=flags["removed"],
        config=config,
        input_format=flags["input_format"],
        workers=_workers(flags["workers"]),
    )
    print_line(f"{n_records:,} records, {n_changed:,} cleaned, {n_removals:,} lines removed")


def evaluate_command(decisions: str, truth: str, *, as_json: bool, seed: int) -> None:
    """`dedup evaluate`."""
    import msgspec

    from dedup.evaluate import evaluate, load_decisions, load_truth, render

    result = evaluate(load_decisions(decisions), load_truth(truth), seed=seed)
    if as_json:
        print_text(msgspec.json.format(msgspec.json.encode(result.to_dict()), indent=2).decode())
    else:
        print_text(render(result))


def warm_command() -> None:
    """`dedup warm`."""
    from dedup.index.warming import warm_index
    from dedup.kernels.cache import cache_folder

    begun = time.perf_counter()
    warm()
    warm_index()
    print_line(f"kernels ready after {time.perf_counter() - begun:.1f} s, kept in {cache_folder()}")


def _workers(number: int | None) -> int | None:
    if number is not None and number < 1:
        raise UsageError(f"--workers {number}", remedy="give 1 or more")
    return number
