"""Run the examples of the README and of the pages beside this file, and hold them to what is printed there.

    python docs/examples.py            # say which differ
    python docs/examples.py --write    # put today's output in their place

Each page has a folder of its own with a copy of samples/, where its blocks run in their order:

- ``console``: every line after ``$`` is a command; what follows is its output, on both streams.
- ``python``: a program; a ``text`` block right behind it is its output.
- any block under ``<!-- file: NAME -->`` is written to that file.

A line ``...`` in an expected output stands for any lines, and ``...`` in a line for any characters.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_FENCE = re.compile(r"^```(\w*)$")
_FILE = re.compile(r"^<!-- file: (\S+) -->$")
_TIMEOUT_S = 300
# What differs from run to run: elapsed times, run ids, and whether kernels had been compiled before.
_VARYING = (
    (re.compile(r"seconds:(?:\s+\w+ \d+\.\d,?)+"), "seconds: …"),
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "run id"),
    (re.compile(r"dedup: compiling kernels once.*\n"), ""),
    (re.compile(r"ready after \d+\.\d s, kept in .*"), "ready"),
)
# What no page should ever show; not written to one either.
_BROKEN = re.compile(r"error\[bug\]|^Traceback|^exit code", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its lines, where they begin (from 0), and the file it is for."""

    language: str
    lines: tuple[str, ...]
    start: int
    file: str | None


@dataclass(frozen=True)
class Example:
    """A command or program with its expected output, from line ``start`` to ``stop`` of the page."""

    command: list[str]
    expected: str
    start: int
    stop: int


def find_blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    blocks: list[Block] = []
    mark = None
    opened: tuple[str, int] | None = None
    lines = text.splitlines()
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened = fence[1], number + 1
        elif opened is not None and line == "```":
            language, start = opened
            blocks.append(Block(language, tuple(lines[start:number]), start, mark))
            opened, mark = None, None
        elif opened is None and line.strip():
            found = _FILE.match(line)
            mark = found[1] if found else None
    return blocks


def find_examples(blocks: list[Block], folder: Path) -> Iterator[Example]:
    """Yield the examples in order; write the files among the blocks on the way."""
    for number, block in enumerate(blocks):
        if block.file:
            (folder / block.file).write_text("\n".join(block.lines) + "\n", encoding="utf-8")
        elif block.language == "console":
            yield from _commands(block)
        elif block.language == "python":
            following = blocks[number + 1] if number + 1 < len(blocks) else None
            behind = block.start + len(block.lines) + 3
            if following is None or following.language != "text" or following.start != behind:
                following = Block("text", (), behind, None)
            yield Example(
                [sys.executable, "-W", "error", "-c", "\n".join(block.lines)],
                "\n".join(following.lines),
                following.start,
                following.start + len(following.lines),
            )


def _commands(block: Block) -> Iterator[Example]:
    at = 0
    while at < len(block.lines):
        command = block.lines[at].removeprefix("$ ")
        at += 1
        while command.endswith("\\"):
            command += "\n" + block.lines[at].removeprefix("> ")
            at += 1
        begin = at
        while at < len(block.lines) and not block.lines[at].startswith("$ "):
            at += 1
        expected = "\n".join(block.lines[begin:at])
        yield Example(["bash", "-c", command], expected, block.start + begin, block.start + at)


def run_example(example: Example, folder: Path, status: int = 0) -> tuple[str, int]:
    """Return what an example prints on both streams, and its exit code.

    ``status`` is the exit code of the command before, which ``$?`` asks for.
    """
    *shell, last = example.command
    command = [*shell, f"(exit {status})\n{last}"] if shell[0] == "bash" else example.command
    scripts = str(Path(sys.executable).parent)
    plain = {
        "PATH": scripts + os.pathsep + os.environ["PATH"],
        "COLUMNS": "80",
        "TERM": "dumb",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | plain,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=_TIMEOUT_S,
        check=False,
    )
    printed = done.stdout.decode()
    if done.returncode and shell[0] != "bash":
        printed += f"exit code {done.returncode}\n"
    return "\n".join(line.rstrip() for line in printed.splitlines()), done.returncode


def agrees(expected: str, printed: str) -> bool:
    """Tell whether an output is the expected one."""
    for pattern, instead in _VARYING:
        expected = pattern.sub(instead, expected + "\n").rstrip("\n")
        printed = pattern.sub(instead, printed + "\n").rstrip("\n")
    lines = [r"(?:.*\n)*" if line == "..." else _as_pattern(line) + r"\n" for line in expected.splitlines()]
    return re.fullmatch("".join(lines), printed + "\n" if printed else "") is not None


def _as_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("..."))


def check_page(page: Path, *, write: bool = False) -> list[str]:
    """Run a page's examples; return a message for each that differs, or write the new outputs."""
    lines = page.read_text(encoding="utf-8").splitlines()
    changes: list[tuple[Example, str]] = []
    status = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "samples", folder / "samples")
        for example in find_examples(find_blocks("\n".join(lines)), folder):
            printed, status = run_example(example, folder, status)
            if _BROKEN.search(printed) or not agrees(example.expected, printed):
                changes.append((example, printed))
    if write and changes:
        for example, printed in reversed(changes):
            if _BROKEN.search(printed):
                continue
            lines[example.start : example.stop] = printed.splitlines()
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [
        f"{page.name}:{example.start + 1}: {example.command[-1]}\n--- printed there\n{example.expected}\n"
        f"--- printed now\n{printed}"
        for example, printed in changes
    ]


def main() -> int:
    """Check or rewrite all pages."""
    parser = argparse.ArgumentParser(description="Run the examples of the documentation.")
    parser.add_argument("--write", action="store_true", help="put today's output in the place of the old")
    parser.add_argument("pages", nargs="*", type=Path, help="all by default")
    arguments = parser.parse_args()
    faults = [
        fault
        for page in arguments.pages or PAGES
        for fault in check_page(page.resolve(), write=arguments.write)
    ]
    sys.stdout.write(("\n\n".join(faults) or "all examples print what the pages say") + "\n")
    return 1 if faults and not arguments.write else 0


if __name__ == "__main__":
    sys.exit(main())
