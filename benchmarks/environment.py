"""What a result file says of the run: machine, versions, commit."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
_PACKAGES = (
    "dedup",
    "datasketch",
    "numba",
    "numpy",
    "pyarrow",
    "rapidfuzz",
    "rensa",
    "gaoya",
    "orjson",
    "daft",
    "pyspark",
)


def dedup_command(interpreter: str = sys.executable) -> list[str]:
    """Return the start of a command line that runs the very package that this process imports.

    Without ``-P`` Python puts the working directory first, and a checkout that
    happens to be there would be measured instead.
    """
    return [interpreter, "-P", "-c", "from dedup.cli import main; main()"]


def describe_run(**facts: Any) -> dict[str, Any]:
    """Return machine, versions and commit, with the caller's facts (seed, corpus digest …) after them."""
    return {"machine": _machine(), "versions": _versions(), "commit": _commit(), **facts}


def write_result(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _machine() -> dict[str, Any]:
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_bytes / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """Return the commit that was measured; None where the imported package is not this checkout's."""
    import dedup

    if not Path(dedup.__file__).resolve().is_relative_to(ROOT):
        return None

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = "+changes" if git("status", "--porcelain", "--", "dedup") else ""
        return git("rev-parse", "--short=12", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return None
