"""Compile kernels once and keep the machine code in a private folder.

Numba's own choice of place fails at import where neither the package nor the
home folder can be written (containers, read-only images), and a shared
temporary folder would let another user plant code, hence a folder of our own
with mode 0700.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_announced = False


def cache_folder() -> Path | None:
    """Return the private folder for compiled kernels, None where none can be written.

    ``DEDUP_CACHE_DIR`` names another place, for container images that are
    filled by ``dedup warm``.
    """
    chosen = os.environ.get("DEDUP_CACHE_DIR")
    if chosen:
        candidates = [Path(chosen)]
    else:
        home = os.environ.get("XDG_CACHE_HOME") or (
            os.environ.get("LOCALAPPDATA") if os.name == "nt" else "~/.cache"
        )
        candidates = [Path(home or "~/.cache").expanduser() / "dedup"]
    for folder in candidates:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.stat()
        except (OSError, RuntimeError):
            continue
        ours = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
        if ours and os.access(folder, os.W_OK):
            return folder / _sources()
    return None


@cache
def _sources() -> str:
    """Return a digest of all kernels' sources.

    Numba looks at the file of the function that it compiles and not at the
    files of those that it calls: a changed helper would go on in its old form.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def is_cold() -> bool:
    """Tell whether there is a folder for compiled kernels with none in it yet."""
    return _CACHE and not any(Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*.nbi"))


def announce_compilation(*, quiet: bool) -> None:
    """Say on stderr that kernels will be compiled, where none has been yet."""
    if not quiet and is_cold():
        sys.stderr.write("dedup: compiling kernels once, this takes a few seconds\n")


def _configure() -> bool:
    """Point Numba at the private folder before its first import of a kernel; tell whether there is one."""
    global _announced  # noqa: PLW0603  (one line per process, not per kernel)
    folder = cache_folder()
    if folder is not None:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(folder))
        return True
    if not _announced:
        _announced = True
        sys.stderr.write(
            "dedup: no folder for compiled kernels can be written, compiling anew in each process; "
            "set DEDUP_CACHE_DIR to a private folder\n"
        )
    return False


_CACHE = _configure()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call, without the GIL, and keep the result for later processes.

    No fastmath and no parallel loops: both could change results between machines.
    """
    import numba

    return numba.njit(cache=_CACHE, nogil=True, boundscheck=False, no_cfunc_wrapper=True)(function)
