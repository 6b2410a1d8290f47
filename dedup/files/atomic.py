"""Outputs that are whole or absent: written beside their target, synced, renamed.

Staging (``close``) and publishing are two steps, so that a caller can stage
everything first and publish in the order it needs.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from dedup.errors import DedupError, SystemFailure, UsageError
from dedup.files.siblings import exchange, hidden_sibling, hold_as, release, remove_abandoned

STANDARD_OUTPUT = ("-", "/dev/stdout", "/dev/fd/1")
_REMEDIES = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room in the quota",
    errno.EACCES: "change the permissions or write elsewhere",
    errno.EPERM: "change the permissions or write elsewhere",
    errno.EROFS: "write to a file system that is not read-only",
    errno.ENOENT: "make the folder first",
    errno.ENOTDIR: "name a path whose parent is a folder",
    errno.EIO: "check the disk",
}


def write_failure(path: str, error: OSError) -> DedupError:
    """Return the error for an output that can't be written, with its path and a remedy."""
    reason = error.strerror or str(error)
    return SystemFailure(
        f"cannot write: {reason}", where=path, remedy=_REMEDIES.get(error.errno or 0, "write elsewhere")
    )


def refuse_existing(path: str) -> UsageError:
    """Return the error for a target that must not be replaced."""
    return UsageError("output exists", where=path, remedy="leave out --no-overwrite or name another path")


class AtomicFile:
    """A file that appears under its name complete or not at all.

    Written to a hidden temporary file in the same folder. A symbolic link is
    followed to the real file's folder. An existing target's permission bits
    stay. Standard output (``-``) is held back in a temporary file until it is
    published; pipes and devices are written to at once.

    Parameters
    ----------
    path : str
        The target.
    no_overwrite : bool
        Refuse a target that exists, now or when publishing.
    spool_dir : str, optional
        Where standard output waits.

    Raises
    ------
    UsageError
        If the target exists and must not, or is a folder.
    SystemFailure
        If the file can't be made, written or synced.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = AtomicFile(folder + "/a.txt")
    ...     file.write(b"whole")
    ...     _ = file.close()
    ...     file.publish()
    ...     Path(folder, "a.txt").read_bytes()
    b'whole'
    """

    def __init__(self, path: str, *, no_overwrite: bool = False, spool_dir: str | None = None) -> None:
        self.path = path
        self.sha256: str | None = None
        self.size_bytes = 0
        self._hash = hashlib.sha256()
        self._no_overwrite = no_overwrite
        self._temporary: Path | None = None
        self._lock: int | None = None
        self._published = False
        self._failure: DedupError | None = None
        self._is_stdout = path in STANDARD_OUTPUT
        try:
            self._file: BinaryIO = self._open(spool_dir)
        except OSError as error:
            raise write_failure(path, error) from error

    def _open(self, spool_dir: str | None) -> BinaryIO:
        if self._is_stdout:
            return tempfile.TemporaryFile(dir=spool_dir, prefix="dedup-output-")
        self._target = Path(self.path).resolve()
        existing = _status(Path(self.path))
        if existing is not None and stat.S_ISDIR(existing.st_mode):
            raise UsageError("output is a folder", where=self.path, remedy="name a file")
        if self.path.startswith("/dev/") or (existing is not None and not stat.S_ISREG(existing.st_mode)):
            self._target = Path(self.path)
            return Path(self.path).open("wb", buffering=0)
        if self._no_overwrite and (existing is not None or Path(self.path).is_symlink()):
            raise refuse_existing(self.path)
        remove_abandoned(self._target)
        made, temporary = hidden_sibling(self._target, ".new"), hidden_sibling(self._target)
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        )
        descriptor = os.open(made, flags, 0o666)
        self._lock = hold_as(made, temporary)
        self._temporary = temporary
        if existing is not None:
            if not os.access(self._target, os.W_OK):
                os.close(descriptor)
                self._discard()
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            temporary.chmod(stat.S_IMODE(existing.st_mode))
        return os.fdopen(descriptor, "wb", buffering=0)

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self.size_bytes += len(view)
        try:
            while view:
                # An unbuffered file may take less than it is given.
                view = view[self._file.write(view) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            self._failure = write_failure(self.path, error)
            raise self._failure from error

    def close(self) -> str:
        """Sync and close the temporary file; return the SHA-256 of its bytes. Nothing is published yet."""
        if self.sha256 is not None:
            return self.sha256
        if self._failure is not None:
            raise self._failure
        try:
            self._file.flush()
            if self._temporary is not None:
                # Never retried: after a failed fsync the kernel may have dropped the pages.
                os.fsync(self._file.fileno())
            if not self._is_stdout:
                self._file.close()
        except BrokenPipeError:
            raise
        except OSError as error:
            self._failure = write_failure(self.path, error)
            raise self._failure from error
        self.sha256 = self._hash.hexdigest()
        return self.sha256

    def publish(self) -> None:
        """Let the target appear, and make that last."""
        self.close()
        if self._published:
            return
        try:
            if self._is_stdout:
                self._copy_out()
            elif self._temporary is not None:
                move_into_place(self._temporary, self._target, no_overwrite=self._no_overwrite)
                self._temporary = None
                release(self._lock)
                self._lock = None
                sync_folder(self._target.parent)
        except BrokenPipeError:
            raise
        except FileExistsError as error:
            raise refuse_existing(self.path) from error
        except OSError as error:
            raise write_failure(self.path, error) from error
        self._published = True

    def _copy_out(self) -> None:
        self._file.seek(0)
        while piece := memoryview(self._file.read(1 << 20)):
            while piece:
                # With PYTHONUNBUFFERED it is a raw file, which may take less than it is given.
                piece = piece[sys.stdout.buffer.write(piece) :]
        sys.stdout.buffer.flush()
        self._file.close()

    def abort(self) -> None:
        """Remove what was not published; published files stay."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._discard()

    def _discard(self) -> None:
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)
            self._temporary = None
        release(self._lock)
        self._lock = None

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class AtomicFolder:
    """A folder of files that appears under its name complete or not at all.

    An existing target is set aside, replaced and removed; it must hold only
    files with the endings given, so that a slip of the hand costs nothing.
    """

    def __init__(self, path: str, *, endings: set[str], no_overwrite: bool = False) -> None:
        self.path = path
        self.sha256: str | None = None
        self.size_bytes = 0
        self._hash = hashlib.sha256()
        self._no_overwrite = no_overwrite
        self._target = Path(path).resolve()
        self._folders: set[Path] = set()
        if self._target.exists():
            self._check_existing(endings)
        remove_abandoned(self._target)
        made, temporary = hidden_sibling(self._target, ".new"), hidden_sibling(self._target)
        try:
            made.mkdir()
            self._lock = hold_as(made, temporary)
        except OSError as error:
            raise write_failure(path, error) from error
        self._temporary: Path | None = temporary

    def _check_existing(self, endings: set[str]) -> None:
        if not self._target.is_dir():
            raise UsageError(
                "output is a file, a folder is needed", where=self.path, remedy="name another path"
            )
        if self._no_overwrite:
            raise refuse_existing(self.path)
        for base, _, names in os.walk(self._target):
            for name in names:
                if Path(name).suffix.lower() not in endings:
                    raise UsageError(
                        f"output folder holds other files, such as {name}",
                        where=base,
                        remedy="name a new or an empty folder",
                    )

    def write(self, name: str, content: bytes) -> None:
        """Add one file by its path relative to the folder."""
        assert self._temporary is not None
        target = self._temporary / name
        try:
            if target.parent not in self._folders:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._folders.add(target.parent)
            with target.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError as error:
            raise UsageError(
                f"two texts have the path {name}", where=self.path, remedy="write JSONL instead"
            ) from error
        except OSError as error:
            raise write_failure(str(self._target / name), error) from error
        self.size_bytes += len(content)
        self._hash.update(os.fsencode(name) + b"\0" + hashlib.sha256(content).digest())

    def close(self) -> str:
        """Sync the folders; return a SHA-256 over paths and contents in the order written."""
        if self.sha256 is None:
            assert self._temporary is not None
            try:
                for folder in [self._temporary, *self._folders]:
                    sync_folder(folder)
            except OSError as error:
                raise write_failure(self.path, error) from error
            self.sha256 = self._hash.hexdigest()
        return self.sha256

    def publish(self) -> None:
        """Put the folder in its place, then remove the one that was there."""
        self.close()
        if self._temporary is None:
            return
        if self._no_overwrite and self._target.exists():
            raise refuse_existing(self.path)
        try:
            aside = self._replace(self._temporary)
            self._temporary = None
            sync_folder(self._target.parent)
        except OSError as error:
            raise write_failure(self.path, error) from error
        shutil.rmtree(aside, ignore_errors=True)
        release(self._lock)
        self._lock = None

    def _replace(self, temporary: Path) -> Path:
        """Put the new folder in the place of the old one; return where the old one, if any, is now."""
        if exchange(temporary, self._target):
            return temporary
        # In two steps: a run killed between them leaves the old folder under this name, which nobody removes.
        aside = hidden_sibling(self._target, ".old")
        if self._target.exists():
            self._target.rename(aside)
        try:
            temporary.rename(self._target)
        except OSError:
            if aside.exists():
                aside.rename(self._target)
            raise
        return aside

    def abort(self) -> None:
        """Remove what was not published."""
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None
        release(self._lock)
        self._lock = None


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def move_into_place(temporary: Path, target: Path, *, no_overwrite: bool) -> None:
    """Rename, or raise FileExistsError when the target exists and must not."""
    if not no_overwrite:
        temporary.replace(target)
        return
    try:
        # Unlike rename, link never replaces.
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        temporary.rename(target)
        return
    temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no fsync of folders; that is not a failed one.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


Target = Any  # AtomicFile or AtomicFolder: close, publish, abort, sha256, size_bytes
