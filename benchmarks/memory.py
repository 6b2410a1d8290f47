"""Time and peak memory of a command and all its children.

Memory is the sum over the process tree of the proportional set size without
the page cache: anonymous and shared pages, each shared page split among those
that map it. Only Linux tells it (``/proc/PID/smaps_rollup``).
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_COUNTED = ("Pss_Anon:", "Pss_Shmem:")
_INTERVAL_S = 0.05
# Reading the maps of a large process takes its time; sampling may cost this share of one core.
_SAMPLING_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command cost; ``cpu_s`` is of all its processes."""

    elapsed_s: float
    cpu_s: float
    peak_bytes: int | None
    exit_code: int
    stdout: str
    stderr: str


def measure(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, limit_s: float | None = None
) -> Measured:
    """Run a command to its end, or to the limit and then stop it; sample its memory meanwhile.

    A command that is stopped gets SIGTERM, and SIGKILL ten seconds later.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            stdout=out,
            stderr=err,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # so that a stop reaches its children and nothing else
        )
        sampler = _Sampler(process.pid)
        sampler.start()
        exit_code = _wait(process, limit_s)
        elapsed_s = time.perf_counter() - began
        sampler.stop()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        out.seek(0)
        err.seek(0)
        return Measured(elapsed_s, cpu_s, sampler.peak_bytes, exit_code, out.read(), err.read())


def _wait(process: subprocess.Popen[bytes], limit_s: float | None) -> int:
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        return process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


class _Sampler(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._stopped = threading.Event()
        self.peak_bytes: int | None = None

    def run(self) -> None:
        pause_s = 0.0
        while not self._stopped.wait(pause_s):
            began = time.perf_counter()
            sampled = tree_bytes(self._pid)
            if sampled is not None:
                self.peak_bytes = max(self.peak_bytes or 0, sampled)
            pause_s = max(_INTERVAL_S, (time.perf_counter() - began) / _SAMPLING_SHARE)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def tree_bytes(pid: int) -> int | None:
    """Return the summed PSS without page cache of a process and its descendants; None if it can't be read."""
    sizes = [one for one in map(_process_bytes, _tree(pid)) if one is not None]
    return sum(sizes) if sizes else None


def _tree(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The command's name, in brackets, may hold spaces.
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def _process_bytes(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in lines if line.startswith(_COUNTED)) * 1024
