"""Outputs of a cluster: whole folders under temporary names, renamed into place when all is done."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from dedup.errors import SystemFailure, UsageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Folders:
    """Stage folders and files beside their targets; as a context manager it removes what was not published.

    On HDFS and local disks a rename is one step. On an object store it copies
    object by object: the manifest, which comes last, says that all is there.
    """

    def __init__(self, session: SparkSession, run_id: str, *, no_overwrite: bool) -> None:
        self._session = session
        context = getattr(session, "_sc", None)
        if context is None:
            raise UsageError(
                "a remote session can't rename files", remedy="run where the driver is, or call the library"
            )
        self._jvm, self._conf = context._jvm, context._jsc.hadoopConfiguration()
        self._mark = f".dedup-{run_id[:8]}"
        self._no_overwrite = no_overwrite
        self._steps: list[tuple[str, DataFrame | None]] = []
        self._made: list[str] = []

    def check(self, paths: list[str]) -> None:
        """Refuse targets that are there, if nothing may be replaced."""
        for path in paths if self._no_overwrite else ():
            place = located(self._session, path)
            if not path.startswith("table:") and self._system(place).exists(self._path(place)):
                raise UsageError(
                    "the output is there", where=path, remedy="name another, or leave --no-overwrite out"
                )

    def staged(self, path: str) -> str:
        """Return where to write what will stand at `path`."""
        head, slash, name = located(self._session, path).rpartition("/")
        staged = f"{head}{slash}{self._mark}.{name}"
        self._made.append(staged)
        return staged

    def add(self, path: str) -> None:
        """Publish what is staged for this path, after all that was added before."""
        self._steps.append((located(self._session, path), None))

    def add_table(self, name: str, frame: DataFrame) -> None:
        """Write a table when its turn comes: the catalogue makes that one step, or not."""
        self._steps.append((name, frame))

    def write_file(self, path: str, content: bytes) -> None:
        """Stage one small file and add it."""
        staged = self._path(self.staged(path))
        stream = staged.getFileSystem(self._conf).create(staged, True)
        try:
            stream.write(content)
            stream.hsync()
        finally:
            stream.close()
        self.add(path)

    def publish(self) -> None:
        """Let everything appear, in the order in which it was added."""
        for path, frame in self._steps:
            if frame is not None:
                frame.write.mode("errorifexists" if self._no_overwrite else "overwrite").saveAsTable(path)
            else:
                self._replace(path)

    def _replace(self, path: str) -> None:
        head, slash, name = path.rpartition("/")
        target, system = self._path(path), self._system(path)
        staged = self._path(f"{head}{slash}{self._mark}.{name}")
        old = self._path(f"{head}{slash}{self._mark}.old.{name}")
        had_old = system.exists(target)
        if had_old and not system.rename(target, old):
            raise SystemFailure("cannot move the old output away", where=path, remedy="check its permissions")
        if not system.rename(staged, target):
            if had_old:
                system.rename(old, target)
            raise SystemFailure(
                "cannot move the output into place", where=path, remedy="check its permissions"
            )
        if had_old:
            system.delete(old, True)

    def __enter__(self) -> Folders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in self._made:
            self._system(path).delete(self._path(path), True)

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path)

    def _system(self, path: str) -> Any:
        return self._path(path).getFileSystem(self._conf)


def located(session: SparkSession, path: str) -> str:
    """Return a path as Spark must have it: absolute, where it is one of this machine's.

    The JVM has a current folder of its own. Names of tables and addresses with
    a scheme stay, and so does a plain path where files are elsewhere by default.
    """
    context = getattr(session, "_sc", None)
    if context is None or "://" in path or path.startswith("table:"):
        return path.rstrip("/")
    default = context._jvm.org.apache.hadoop.fs.FileSystem.getDefaultUri(context._jsc.hadoopConfiguration())
    return str(Path(path).absolute()) if default.getScheme() == "file" else path.rstrip("/")
