"""What each command does with its flags."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dedup.cli.settings import load_settings, make_config, parse_size
from dedup.cli.terminal import TerminalBar, is_terminal, print_line, print_summary, print_text
from dedup.errors import UsageError
from dedup.kernels.cache import announce_compilation
from dedup.pipeline.outputs import Outputs
from dedup.pipeline.progress import Progress
from dedup.pipeline.run import run

_OUTPUTS = ("decisions", "dropped", "rejects", "manifest", "statistics")
_NOT_SETTINGS = ("inputs", "output", "output_format", "dry_run", "config", "quiet", "debug", *_OUTPUTS)


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
    announce_compilation(quiet=flags["quiet"])
    summary = run(
        flags["inputs"],
        outputs,
        config=config,
        against=settings.get("against") or (),
        statistics=settings.get("use_statistics"),
        input_format=settings.get("input_format"),
        on_duplicate_id=on_duplicate_id,
        max_drop_rate=rate,
        workers=_workers(settings.get("workers")),
        memory_bytes=parse_size(settings["memory"]) if "memory" in settings else None,
        temp=settings.get("temp"),
        progress=Progress(TerminalBar() if is_terminal() and not flags["quiet"] else None),
        report=None if flags["quiet"] else print_line,
    )
    for warning in summary.warnings:
        print_line(f"warning: {warning}")
    if not flags["quiet"]:
        print_summary(summary)


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
    from dedup.kernels.cache import cache_folder
    from dedup.pipeline.library import deduplicate

    begun = time.perf_counter()
    text = " ".join(f"Word{number} stands in its {number}th place." for number in range(40))
    deduplicate([{"id": 1, "text": text}, {"id": 2, "text": text + " One more."}])
    print_line(f"kernels ready after {time.perf_counter() - begun:.1f} s, kept in {cache_folder()}")


def _workers(number: int | None) -> int | None:
    if number is not None and number < 1:
        raise UsageError(f"--workers {number}", remedy="give 1 or more")
    return number
