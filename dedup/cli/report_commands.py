"""What the commands do that tell people about a run: report, explain, audit and plan."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from dedup.cli.settings import make_config
from dedup.cli.terminal import print_line, print_text
from dedup.errors import DataError, UsageError
from dedup.files import AtomicFile, check_distinct, find_inputs
from dedup.kernels.cache import announce_compilation

_FIELDS = ("text", "title", "source", "date", "url", "id")


def report_command(flags: Mapping[str, Any]) -> None:
    """`dedup report`."""
    from dedup.report import check_report, make_report

    check_report(flags["output"], flags["report_texts"])
    read = make_config({name: flags[name] for name in _FIELDS if flags.get(name) is not None}).read
    sources = find_inputs(flags["inputs"], input_format=flags["input_format"])
    archives = find_inputs(flags["against"]) if flags["against"] else []
    check_distinct([*sources, *archives], [flags["output"]])
    manifest = _read_json(flags["manifest"]) if flags["manifest"] else None
    content = make_report(
        flags["output"],
        flags["decisions"],
        sources,
        archives,
        manifest,
        texts=flags["report_texts"],
        read=read,
    )
    write_whole(flags["output"], content, no_overwrite=flags["no_overwrite"])
    print_line(f"{flags['output']}: {len(content):,} bytes")


def explain_command(flags: Mapping[str, Any]) -> None:
    """`dedup explain`."""
    from dedup.explain import explain
    from dedup.explain.find import find_pair
    from dedup.statistics import load

    given = {name: flags[name] for name in (*_FIELDS, "profile", "max_days") if flags.get(name) is not None}
    config = make_config(given)
    a, b = find_pair(
        flags["named"], decisions=flags["decisions"], read=config.read, input_format=flags["input_format"]
    )
    name = flags["use_statistics"]
    told = explain(a, b, config=config, statistics=load(name) if name else None, statistics_name=name)
    if flags["html"]:
        from dedup.explain.page import render_explanation

        write_whole(flags["html"], render_explanation(told).encode())
        print_line(f"{flags['html']} written")
    elif flags["json"]:
        print_text(msgspec.json.format(msgspec.json.encode(told.to_dict()), indent=1).decode())
    else:
        from rich.console import Console

        from dedup.explain.terminal import show

        show(told, Console(highlight=False, markup=False, emoji=False))


def audit_command(flags: Mapping[str, Any]) -> None:
    """`dedup audit`."""
    from rich.console import Console

    from dedup.audit import audit, label_pairs, truth_rows
    from dedup.cli.audit_view import ask, show_audit
    from dedup.cli.terminal import TerminalBar, is_terminal
    from dedup.pipeline.progress import Progress

    if flags["label"] and not flags["output"]:
        raise UsageError("--label without a place for the answers", remedy="add -o TRUTH.jsonl")
    given = (*_FIELDS, "profile", "max_days", "drop")
    config = make_config({name: flags[name] for name in given if flags.get(name) is not None})
    inputs = find_inputs(flags["inputs"], input_format=flags["input_format"])
    if flags["output"]:
        check_distinct(inputs, [flags["output"]])
    # Made before the asking: hours of answers must not end at a folder that can't be written.
    answers = AtomicFile(flags["output"]) if flags["label"] else None
    try:
        announce_compilation(quiet=False)
        measured = audit(
            inputs,
            sample=flags["sample"],
            config=config,
            workers=flags["workers"],
            progress=Progress(TerminalBar() if is_terminal() else None),
        )
        console = Console(highlight=False, markup=False, emoji=False, stderr=flags["json"])
        if answers is not None:
            if isinstance(sys.stdin, io.TextIOWrapper):
                # A key of another keyboard is a mistyped answer, not an error.
                sys.stdin.reconfigure(errors="replace")
            try:
                label_pairs(measured.pairs, partial(ask, console=console))
            finally:
                # Answers are work: they are kept even when the asking breaks off.
                _keep_answers(answers, truth_rows(measured.pairs), flags["output"])
    finally:
        if answers is not None:
            answers.abort()
    if flags["json"]:
        print_text(msgspec.json.format(msgspec.json.encode(measured.to_dict()), indent=1).decode())
    else:
        show_audit(measured, console)


def _keep_answers(file: AtomicFile, rows: list[dict[str, Any]], path: str) -> None:
    if not rows:
        # No answer takes the place of answers given before.
        print_line(f"{path}: no pair labelled, nothing written")
        return
    file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    file.close()
    file.publish()
    print_line(f"{path}: {len(rows)} pairs labelled")


def plan_command(flags: Mapping[str, Any]) -> None:
    """`dedup plan`."""
    from dedup.plan import draw_curve, make_plan

    config = make_config({name: flags[name] for name in _FIELDS if flags.get(name) is not None})
    sample = find_inputs(flags["sample"]) if flags["sample"] else []
    # The kernels compile on first use; that is no speed of this machine.
    announce_compilation(quiet=False)
    make_plan(1, config=config, workers=1)
    plan = make_plan(
        parse_count(flags["documents"]),
        similarity=flags["similarity"],
        budget=flags["budget"],
        sample=sample,
        config=config,
        workers=flags["workers"],
    )
    if flags["svg"]:
        write_whole(flags["svg"], draw_curve(plan).encode())
    if flags["json"]:
        print_text(msgspec.json.format(msgspec.json.encode(plan.to_dict()), indent=1).decode())
    else:
        from rich.console import Console

        from dedup.cli.plan_view import show_plan

        show_plan(plan, Console(highlight=False, markup=False, emoji=False))


def parse_count(text: str) -> int:
    """Return a number of documents from "500000", "500k" or "2M".

    Examples
    --------
    >>> parse_count("500k"), parse_count("1.5M")
    (500000, 1500000)
    """
    match = re.fullmatch(r"([\d.,_]+)\s*([kmg]?)", text.strip().lower())
    try:
        number = float(match[1].replace(",", "").replace("_", "")) if match else 0.0
    except ValueError:
        number = 0.0
    if match is None or number <= 0:
        raise UsageError(f"cannot read the number {text!r}", remedy="give a number such as 500k or 2M")
    return round(number * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[match[2]])


def write_whole(path: str, content: bytes, *, no_overwrite: bool = False) -> None:
    """Write a file that appears complete or not at all."""
    file = AtomicFile(path, no_overwrite=no_overwrite)
    try:
        file.write(content)
        file.close()
        file.publish()
    finally:
        file.abort()


def _read_json(path: str) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(Path(path).read_bytes())
    except FileNotFoundError as error:
        raise UsageError("no such file", where=path, remedy="check the path") from error
    except msgspec.DecodeError as error:
        raise DataError(f"not a manifest: {error}", where=path, remedy="name a file of --manifest") from error
    if not isinstance(content, dict):
        raise DataError("not a manifest", where=path, remedy="name a file of --manifest")
    return content
