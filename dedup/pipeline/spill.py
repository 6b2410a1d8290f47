"""A temporary folder, and record batches kept in it instead of in memory.

Batches are written by the process that made them and mapped, not read, by
those that need them: the pages belong to the system's cache and can be given
up under pressure.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import mmap
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.errors import SystemFailure

# Told apart from any folder of the user's: what carries both names may be removed.
_PREFIX, _LOCK = "dedup-run-", "dedup-run.lock"
_MEMORY_BYTES = 4 << 30
_SHARE_OF_ARRAYS = 32
_PUNCH_HOLE = 3  # with FALLOC_FL_KEEP_SIZE, of linux/falloc.h


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch stands: file, byte offset and length, and its number of rows."""

    file: str
    offset: int
    length: int
    n_rows: int


def _cannot_write(folder: Path, error: OSError) -> SystemFailure:
    return SystemFailure(
        f"cannot write to the temporary folder: {error.strerror}",
        where=str(folder),
        remedy="free some space or name another place with --temp",
    )


class TemporaryFolder:
    """A private folder that goes away with the run, also after an error.

    A run that was killed leaves its folder behind; the next one in the same
    place removes it, told by the lock that only a living run holds.
    """

    def __init__(self, parent: str | None) -> None:
        root = Path(parent) if parent else Path(tempfile.gettempdir())
        try:
            root.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(root)
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
            made = self.path / "new.lock"
            self._lock = os.open(made, os.O_CREAT | os.O_RDWR, 0o600)
            _lock(self._lock)
            # Under its own name only once it is held: another run that starts now would take it.
            made.rename(self.path / _LOCK)
        except OSError as error:
            raise SystemFailure(
                f"cannot make a temporary folder: {error.strerror}",
                where=str(root),
                remedy="name another place with --temp",
            ) from error

    def __enter__(self) -> TemporaryFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if file := _OPEN.pop((self.path, os.getpid()), None):
            file.close()
        os.close(self._lock)
        shutil.rmtree(self.path, ignore_errors=True)


def _lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # no such locks on Windows: abandoned folders stay there
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_abandoned(root: Path) -> None:
    for lock in root.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            descriptor = os.open(lock, os.O_RDWR)
        except OSError:
            continue
        try:
            if _lock(descriptor):
                shutil.rmtree(lock.parent, ignore_errors=True)
        finally:
            os.close(descriptor)


class SpillFile:
    """Append batches to a file of this process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"batches-{os.getpid()}"
        self._file = self._path.open("ab", buffering=0)

    def append(self, batch: pa.RecordBatch) -> Place:
        """Write one batch behind the others and return its place."""
        data = memoryview(batch.serialize())
        offset = self._file.tell()
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:]) or 0
        except OSError as error:
            raise _cannot_write(self._path.parent, error) from error
        return Place(str(self._path), offset, len(data), batch.num_rows)

    def close(self) -> None:
        """Close the file: its space is free only then."""
        self._file.close()


class Scratch:
    """Large arrays: in memory while all together are small against the budget, then in temporary files.

    Parameters
    ----------
    folder : Path
    memory_bytes : int, optional
        Budget of the whole run; 4 GiB when not given.
    """

    def __init__(self, folder: Path, memory_bytes: int | None) -> None:
        self.folder = folder
        # Libraries, batches under way and the numbers of each document take the rest.
        self._left = (memory_bytes or _MEMORY_BYTES) // _SHARE_OF_ARRAYS
        self._names = itertools.count(1)

    def empty(self, shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
        """Return an uninitialised array; may be called by several threads."""
        n_bytes = int(np.prod(shape)) * np.dtype(kind).itemsize
        if n_bytes <= self._left:
            self._left -= n_bytes
            return np.empty(shape, kind)
        path = self.folder / f"array-{next(self._names)}"
        try:
            with path.open("xb") as file:
                # A mapped page that finds no room later would end the process without a word.
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, n_bytes)
                else:
                    file.truncate(n_bytes)
            mapped = np.memmap(path, kind, "r+", shape=shape)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error
        # Its space is free once the array is gone; where an open file can't be removed, with the folder.
        with contextlib.suppress(OSError):
            path.unlink()
        return mapped


_OPEN: dict[tuple[Path, int], SpillFile] = {}


def spill_file(folder: Path) -> SpillFile:
    """Return this process's append-only file in the folder of a run."""
    # By process too: a forked worker has its parent's files, and two writers in one would mix their offsets.
    own = folder, os.getpid()
    if own not in _OPEN:
        _OPEN[own] = SpillFile(folder)
    return _OPEN[own]


def lend(folder: Path, name: str, batch: pa.RecordBatch) -> str:
    """Write a batch of any schema to a file of its own, for another process to `take`; return the path.

    A pipe moves 64 kB at a time, and what goes through it is copied four times.
    """
    path = folder / name
    try:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return str(path)


def take(path: str) -> pa.RecordBatch:
    """Return the batch that was lent, mapped; its file goes away with it, or with the folder."""
    with pa.memory_map(path) as file:
        batch = pa.ipc.open_stream(file).read_next_batch()
    with contextlib.suppress(OSError):
        Path(path).unlink()
    return batch


class SpillReader:
    """Map spilled batches; columns of the returned batches point into the mapped files."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._maps: dict[str, tuple[mmap.mmap, Any]] = {}

    def read(self, place: Place) -> pa.RecordBatch:
        """Return the batch at a place without copying it."""
        buffer = self._map(place.file, place.offset + place.length)[1]
        return pa.ipc.read_record_batch(buffer.slice(place.offset, place.length), self._schema)

    def address(self, file: str) -> int:
        """Return where in memory a file is mapped, for arithmetic with the addresses of columns."""
        return int(self._maps[file][1].address)

    def memory(self) -> tuple[int, int]:
        """Return the least address of all files mapped, and the number of bytes to the end of the last."""
        spans = [(buffer.address, buffer.address + buffer.size) for _, buffer in self._maps.values()]
        low = min((begin for begin, _ in spans), default=0)
        return low, max((end for _, end in spans), default=0) - low

    def discard(self, place: Place, column: pa.Array) -> None:
        """Free the space, on disk and in the system's cache, of a column and all behind it in its batch.

        They read as zeros from then on. Nothing happens where the system can't.
        """
        begin = next(buffer.address for buffer in column.buffers() if buffer is not None)
        begin = -(-(begin - self.address(place.file)) // mmap.PAGESIZE) * mmap.PAGESIZE
        end = (place.offset + place.length) // mmap.PAGESIZE * mmap.PAGESIZE
        if sys.platform == "linux" and place.offset <= begin < end:
            with contextlib.suppress(AttributeError, OSError), Path(place.file).open("r+b") as file:
                span = ctypes.c_int64(begin), ctypes.c_int64(end - begin)
                ctypes.CDLL(None).fallocate(file.fileno(), _PUNCH_HOLE, *span)  # not in every libc

    def _map(self, file: str, size: int) -> tuple[mmap.mmap, Any]:
        known = self._maps.get(file)
        if known is None or len(known[0]) < size:
            with Path(file).open("rb") as handle:
                mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
            known = self._maps[file] = (mapped, pa.py_buffer(mapped))
        return known
