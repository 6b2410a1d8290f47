"""Hidden temporary siblings of a target: held while their run lives, cleared away when it died."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import shutil
import sys
from pathlib import Path

_ABANDONED = re.compile(r"\.\d+\.[0-9a-f]{12}\.tmp")
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


def hidden_sibling(target: Path, ending: str = ".tmp") -> Path:
    """Return a fresh hidden path in the target's folder."""
    return target.with_name(f"{_stem(target)}.{os.getpid()}.{secrets.token_hex(6)}{ending}")


def _stem(target: Path) -> str:
    # A long name plus the rest must stay under 255 bytes.
    return "." + os.fsencode(target.name)[:180].decode("utf-8", "ignore")


def hold(path: Path) -> int | None:
    """Lock a file or folder until the descriptor is closed; None if another run holds it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def hold_as(made: Path, name: Path) -> int | None:
    """Lock what was made, then give it its name: a run that starts now would take it unheld."""
    descriptor = hold(made)
    made.rename(name)
    return descriptor


def release(descriptor: int | None) -> None:
    """Give up a lock, if there is one."""
    if descriptor is not None:
        os.close(descriptor)


def remove_abandoned(target: Path) -> None:
    """Remove what killed runs left beside a target; what a living one holds stays."""
    stem = _stem(target)
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if not entry.name.startswith(stem) or not _ABANDONED.fullmatch(entry.name, len(stem)):
                continue
            if (descriptor := hold(Path(entry.path))) is None:
                continue
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    Path(entry.path).unlink()
            os.close(descriptor)


def exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step where the system can; tell whether it did."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:  # other C libraries
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)
