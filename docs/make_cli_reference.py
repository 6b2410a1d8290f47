"""Write docs/cli.md from the command line itself.

    python docs/make_cli_reference.py

The tree of commands is walked, not the help text printed: that depends on the
width of the terminal and on the versions of its libraries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.main import get_command

from dedup.cli.app import app
from dedup.cli.settings import RUN_KEYS
from dedup.config import CandidateConfig, ClusterConfig, ReadConfig, SketchConfig, VerifyConfig

TARGET = Path(__file__).with_name("cli.md")
_VALUES = {int: "N", float: "X"}
# Settings that have no flag: nobody should need them twice.
_ONLY_SETTINGS = {
    "record_limit_bytes": "A larger record is quarantined.",
    "expansion_limit": "What a compressed input may unfold to, in multiples of its size; never under 1 GiB.",
    "shingle_tokens": "Tokens of a shingle.",
    "shingle_characters": "Characters of a shingle in scripts written without spaces.",
    "num_perm": "Permutations of a MinHash signature.",
    "seed": "Seed of the permutations.",
    "fingerprint_tokens": "Tokens of a run that is fingerprinted for containment.",
    "fingerprint_window": "Of so many fingerprints in a row one is kept.",
    "bands": "Bands of the locality-sensitive hash.",
    "rows": "Rows of a band.",
    "bucket_limit": "A bucket up to this size is paired up whole.",
}
EXIT_CODES = (
    (0, "done"),
    (1, "a bug of the program"),
    (2, "usage: an unknown field or flag, an output that is an input …"),
    (3, "bad data: bad records without `--rejects`, a truncated or unreadable file"),
    (4, "the machine: disk full, no permission, an input that changed during the run"),
    (5, "an index that is missing, locked or damaged"),
    (6, "stopped by `--max-drop-rate`; nothing was written"),
    (130, "interrupted (Ctrl-C)"),
    (143, "terminated (SIGTERM)"),
    (141, "the reader of a pipe went away; nothing is printed"),
)
_HEAD = """\
# Command line

Written by `python docs/make_cli_reference.py`; a test holds this page to the program.

Data go to standard output, messages to standard error, a progress bar only to a terminal. An error is one \
line, `dedup: error[CODE]: what (where); remedy`, and no traceback unless `--debug` is given.
"""


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name, in the order of their definition."""
    if hasattr(command, "commands"):
        for name, sub in command.commands.items():
            yield from commands(sub, f"{path} {name}")
    elif not command.hidden:
        yield path, command


def options(command: Any) -> list[Any]:
    """Return the options of a command that people should know of."""
    return [
        p for p in command.params if p.param_type_name == "option" and not p.hidden and "--help" not in p.opts
    ]


def make_reference() -> str:
    """Return the page."""
    parts = [_HEAD, _exit_codes()]
    for path, command in commands(get_command(app), "dedup"):
        parts.append(_section(path, command))
    return "\n".join([*parts, _settings()])


def _exit_codes() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""])


def _section(path: str, command: Any) -> str:
    hints = get_type_hints(command.callback, include_extras=True)
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([path, *(p.metavar or p.name.upper() for p in arguments), "[OPTIONS]"])
    lines = [f"## {path}", "", " ".join((command.help or "").split()), "", "```", usage, "```", ""]
    if arguments:
        lines += ["| argument | meaning |", "|---|---|"]
        lines += [f"| `{p.metavar or p.name.upper()}` | {_help(p, hints)} |" for p in arguments] + [""]
    panels: dict[str, list[Any]] = {}
    for option in options(command):
        panels.setdefault(getattr(option, "rich_help_panel", None) or "", []).append(option)
    for panel, members in panels.items():
        lines += [f"| {panel or 'option'} | meaning |", "|---|---|"]
        for option in members:
            lines.append(f"| {_names(option, hints)} | {_help(option, hints)}{_default(option)} |")
        lines.append("")
    return "\n".join(lines)


def _names(option: Any, hints: dict[str, Any]) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len))
    if option.is_flag:
        return names
    kinds = _kinds(hints[option.name])
    value = option.metavar or next((value for kind, value in _VALUES.items() if kind in kinds), "TEXT")
    return f"{names} `{value}`".replace("|", "\\|")


def _default(option: Any) -> str:
    default = option.default
    if option.is_flag or option.show_default is False or not isinstance(default, str | int | float):
        return ""
    return f" Default: `{default}`."


def _help(parameter: Any, hints: dict[str, Any]) -> str:
    # What was declared; where the parameter itself keeps its help differs between versions of Typer.
    declared = getattr(hints[parameter.name], "__metadata__", (parameter,))[0].help
    return " ".join((declared or "").split()).replace("|", "\\|")


def _kinds(hint: Any) -> set[Any]:
    """Return the plain types in a hint such as ``Annotated[Optional[int], ...]``."""
    inner = getattr(hint, "__origin__", hint) if hasattr(hint, "__metadata__") else hint
    return {inner, *get_args(inner)}


def _settings() -> str:
    lines = [
        "## Settings file",
        "",
        "What would be given again and again can stand in `dedup.toml`, or in `[tool.dedup]` of "
        "`pyproject.toml`, in the folder where the program runs, or in the file named by `--config`. "
        "Flags go before the file; an unknown key is an error. Keys are the names of flags of `dedup run` "
        "without dashes in front:",
        "",
        "<!-- file: dedup.toml -->",
        "```toml",
        'profile = "news"',
        "max_days = 7",
        'drop = ["exact", "near", "contained"]',
        'source_priority = ["Harbor Wire", "Brenna Post"]',
        "```",
        "",
        "```console",
        "$ dedup run samples/articles.jsonl --dry-run --quiet && echo these settings work",
        "these settings work",
        "```",
        "",
        "| key | default | meaning |",
        "|---|---|---|",
    ]
    parts = (ReadConfig, SketchConfig, CandidateConfig, VerifyConfig, ClusterConfig)
    run = next(command for path, command in commands(get_command(app), "dedup") if path == "dedup run")
    flags = {option.name: option for option in options(run)}
    for part in parts:
        for field in fields(part):
            shown = getattr(part(), field.name)
            default = "" if shown is None else f"`{list(shown) if isinstance(shown, tuple) else shown}`"
            meaning = f"`{flags[field.name].opts[0]}`" if field.name in flags else _ONLY_SETTINGS[field.name]
            lines.append(f"| `{field.name}` | {default} | {meaning} |")
    lines += [f"| `{name}` | | `{flags[name].opts[0]}` |" for name in RUN_KEYS]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    TARGET.write_text(make_reference(), encoding="utf-8")
