"""From an output's name to its writer, and what can be written from what."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from dedup.errors import UsageError
from dedup.files.atomic import STANDARD_OUTPUT, AtomicFile, AtomicFolder
from dedup.files.chunks import Fields, Source
from dedup.files.inputs import ENDINGS, FORMATS, format_of_name
from dedup.files.writers import ANNOTATIONS, DelimitedWriter, JsonlWriter, Writer


def open_writer(
    path: str,
    *,
    sources: Sequence[Source],
    format: str | None = None,
    fields: Fields | None = None,
    annotate: bool = False,
    no_overwrite: bool = False,
    spool_dir: str | None = None,
) -> Writer:
    """Open the output for the kept (or the dropped) records.

    Parameters
    ----------
    path : str
        The target; ``-`` is standard output.
    sources : sequence of Source
        All inputs, with their fields resolved.
    format : str, optional
        Taken from the name if absent; JSONL on standard output.
    fields : Fields, optional
        As resolved, if the sources have not been told.
    annotate : bool
        Whether ``write`` will be given annotations.
    no_overwrite : bool
        Refuse a target that exists.
    spool_dir : str, optional
        Where standard output waits until it is published.

    Raises
    ------
    UsageError
        If the inputs can't be written in this format, or names collide.
    """
    chosen = choose_format(path, format, sources)
    fields = fields or next((source.resolved for source in sources if source.resolved), Fields("text"))
    check_writable(chosen, sources)
    if annotate:
        _check_annotations(chosen, sources)
    if chosen == "text":
        endings = {
            PurePath(name).suffix.lower() for source in sources for name in getattr(source, "files", ())
        }
        from dedup.files.batch_writers import TextFolderWriter

        return TextFolderWriter(AtomicFolder(path, endings=endings, no_overwrite=no_overwrite))
    target = AtomicFile(path, no_overwrite=no_overwrite, spool_dir=spool_dir)
    try:
        if chosen == "jsonl":
            return JsonlWriter(target, fields)
        source: Any = sources[0]
        source.fields()
        if chosen in ("csv", "tsv"):
            return DelimitedWriter(target, fields, source, annotate=annotate)
        from dedup.files.batch_writers import ColumnarWriter

        return ColumnarWriter(target, fields, source, format=chosen, annotate=annotate)
    except BaseException:
        target.abort()
        raise


def choose_format(path: str, format: str | None, sources: Sequence[Source]) -> str:
    """Return the output's format: as told, by the name, or by the inputs where a name tells nothing.

    Raises
    ------
    UsageError
        If none of these tells one.
    """
    if format is not None:
        if format not in FORMATS:
            raise UsageError(
                f"output format {format!r} is unknown", remedy=f"choose from {', '.join(FORMATS)}"
            )
        return format
    if path in STANDARD_OUTPUT or _is_special(path):
        return "jsonl"
    by_name = format_of_name(path)
    if by_name is not None and not Path(path).is_dir():
        if by_name == "text":
            raise UsageError(
                "texts are written to a folder, not to one text file",
                where=path,
                remedy="name a folder or a .jsonl file",
            )
        return by_name
    if sources and all(source.format == "text" for source in sources):
        return "text"
    if Path(path).is_dir():
        raise UsageError("output is a folder", where=path, remedy="name a file in it")
    raise UsageError(
        "cannot tell the format of the output",
        where=path,
        remedy=f"give --output-format; known endings are {', '.join(ENDINGS)}",
    )


def check_writable(format: str, sources: Sequence[Source]) -> None:
    """Raise UsageError unless the inputs can be written in this format: their own, or JSONL."""
    if format == "jsonl":
        return
    others = sorted({source.format for source in sources} - {format})
    if others:
        raise UsageError(
            f"cannot write {format} from {', '.join(others)} input",
            remedy="write JSONL, which takes any input",
        )
    if format == "text" or not sources:
        return
    first = _shape(sources[0])
    for source in sources[1:]:
        if _shape(source) != first:
            raise UsageError(
                f"inputs have different columns: {sources[0].name} and {source.name}",
                remedy="write JSONL, which takes any input, or give them the same columns",
            )


def _shape(source: Any) -> tuple[Any, str]:
    source.fields()
    # Metadata may differ between files of one set; the first file's is written.
    return source.columns, getattr(source, "delimiter", "")


def _check_annotations(format: str, sources: Sequence[Source]) -> None:
    if format == "text":
        raise UsageError("text files have no place for annotations", remedy="write JSONL")
    for source in sources:
        taken = sorted(set(source.fields()) & set(ANNOTATIONS))
        if taken:
            raise UsageError(
                f"field {taken[0]!r} is already there",
                where=source.name,
                remedy="remove it, or run without --annotate",
            )


def _is_special(path: str) -> bool:
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
