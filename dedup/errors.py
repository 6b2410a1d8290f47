"""Every error that dedup raises on purpose, as one tree.

    DedupError
    ├── UsageError         exit 2  an argument, a flag or a combination that cannot work
    ├── DataError          exit 3  bad records, unreadable or truncated files
    ├── SystemFailure      exit 4  disk full, no permission, input changed during the run
    ├── IndexFailure       exit 5  an index that is missing, locked, foreign or damaged
    └── DropRateExceeded   exit 6  stopped by --max-drop-rate before anything was published

A message has three parts: what happened, where, and what to do about it. The
command line prints them as ``dedup: error[CODE]: what (where); remedy``.
"""

from __future__ import annotations


class DedupError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    what : str
        What was given or happened, with the value.
    where : str, optional
        File and line or row, as ``name:line``.
    remedy : str, optional
        What the reader can do now.

    Examples
    --------
    >>> str(DataError("line is not JSON", where="a.jsonl:7", remedy="add --rejects FILE"))
    'line is not JSON (a.jsonl:7); add --rejects FILE'
    """

    exit_code = 1
    code = "bug"

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = self.what
        if self.where:
            text += f" ({self.where})"
        if self.remedy:
            text += f"; {self.remedy}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments would be lost on the way back from a worker process.
        return (_rebuild, (type(self), self.what, self.where, self.remedy))


def _rebuild(kind: type[DedupError], what: str, where: str | None, remedy: str | None) -> DedupError:
    return kind(what, where=where, remedy=remedy)


class UsageError(DedupError):
    """Raise when an argument, a flag or their combination cannot work."""

    exit_code = 2
    code = "usage"


class DataError(DedupError):
    """Raise on bad records without a place to put them, and on unreadable or truncated files."""

    exit_code = 3
    code = "data"


class SystemFailure(DedupError):  # noqa: N818  (an error of the machine, not of the program)
    """Raise when the machine refuses: disk full, no permission, an input that changed under the run."""

    exit_code = 4
    code = "system"


class IndexFailure(DedupError):  # noqa: N818
    """Raise when a persistent index is missing, locked, made by another configuration, or damaged."""

    exit_code = 5
    code = "index"


class DropRateExceeded(DedupError):  # noqa: N818
    """Raise when a run would drop a larger share than ``--max-drop-rate`` allows."""

    exit_code = 6
    code = "drop-rate"
