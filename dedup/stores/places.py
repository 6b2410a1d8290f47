"""Files that a store needs around the database: the writers' lock, and what lies under a path."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from dedup.errors import IndexFailure, SystemFailure

# SQLite's locks are not kept, or not kept everywhere, on these.
_NETWORK = frozenset(
    (
        "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ncpfs", "9p", "ceph", "glusterfs",
        "lustre", "beegfs", "gpfs", "davfs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs",
        "fuse.rclone", "fuse.gcsfuse", "fuse.davfs",
    )
)  # fmt: skip
_MOUNTS = Path("/proc/self/mounts")


def file_system(path: Path, mounts: str) -> str:
    r"""Return the type of the file system that holds a path, by a table of mounts.

    Examples
    --------
    >>> file_system(Path("/data/archive"), "a / ext4 rw\nb /data nfs4 rw\n")
    'nfs4'
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = Path(fields[1].replace("\\040", " "))
        if (path == mount or mount in path.parents) and len(mount.parts) >= best:
            best, kind = len(mount.parts), fields[2]
    return kind


def refuse_network(path: Path) -> None:
    """Refuse a path on a network file system, where the system tells."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:  # other systems than Linux have no such table
        return
    kind = file_system(path.resolve(), mounts)
    if kind in _NETWORK:
        raise IndexFailure(
            f"an SQLite index on a network file system ({kind})",
            where=str(path),
            remedy="put it on a local disk, or use postgresql://",
        )


class WriterLock:
    """The right to write to an index, held by at most one process, gone with the process."""

    def __init__(self, index: Path) -> None:
        self._path = index.with_name(index.name + ".lock")
        try:
            self._file: BinaryIO = self._path.open("a+b")
        except OSError as error:
            raise SystemFailure(
                f"cannot lock the index: {error.strerror}",
                where=str(self._path),
                remedy="check the permissions",
            ) from error
        if not _take(self._file.fileno()):
            self._file.close()
            raise IndexFailure(
                "another process is writing to the index",
                where=str(index),
                remedy="wait for it, or use postgresql:// for several writers",
            )

    def release(self) -> None:
        """Let another process write. The file stays: removing it would race with the next holder."""
        self._file.close()

    def __enter__(self) -> WriterLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _take(descriptor: int) -> bool:
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
