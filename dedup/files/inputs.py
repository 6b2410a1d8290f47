"""From what a user names (files, folders, globs, ``-``) to sources."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from dedup.config import ReadConfig
from dedup.errors import UsageError
from dedup.files.atomic import STANDARD_OUTPUT
from dedup.files.chunks import Source, same_file
from dedup.files.compression import split_ending
from dedup.files.raw import STANDARD_INPUT, RawInput, unreadable

ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".txt": "text",
}
_DEFAULTS = ReadConfig()
FORMATS = ("jsonl", "csv", "tsv", "parquet", "arrow", "text")


def format_of_name(name: str) -> str | None:
    """Return the format that a file's name tells, None if it tells none.

    Examples
    --------
    >>> format_of_name("a/news.jsonl.zst"), format_of_name("news.PARQUET"), format_of_name("news.txt.gz")
    ('jsonl', 'parquet', None)
    """
    bare, compression = split_ending(name)
    found = ENDINGS.get(Path(bare).suffix.lower())
    return None if compression and found in ("text", "parquet", "arrow") else found


def find_inputs(
    inputs: Sequence[str],
    *,
    input_format: str | None = None,
    record_limit_bytes: int = _DEFAULTS.record_limit_bytes,
    expansion_limit: int = _DEFAULTS.expansion_limit,
    spool_dir: str | None = None,
) -> list[Source]:
    """Turn the named inputs into sources, in the order given, sorted inside folders and globs.

    A folder is searched through; its text files make one source, every other
    file with a known ending one each; hidden files are passed over. Text files
    named one by one make one source together. ``spool_dir`` takes the copy of
    standard input and pipes, which are read twice.

    Raises
    ------
    UsageError
        If nothing is found, something is given twice, or a format is unknown.
    """
    if input_format is not None and input_format not in FORMATS:
        raise UsageError(
            f"input format {input_format!r} is unknown", remedy=f"choose from {', '.join(FORMATS)}"
        )
    if not inputs:
        raise UsageError("no input given", remedy="name files, folders or -")
    found: list[Source] = []
    loose_texts: list[str] = []

    def add(path: str, kind: str) -> None:
        raw = RawInput(path, expansion_limit=expansion_limit, spool_dir=spool_dir)
        found.append(_open_source(raw, kind, len(found), record_limit_bytes))

    def add_texts(root: str, files: list[str]) -> None:
        from dedup.files.textfolder import TextFolderSource

        found.append(TextFolderSource(root, files, len(found), record_limit_bytes=record_limit_bytes))

    for path in _expanded(inputs):
        if path != "-" and Path(path).is_dir():
            files = _files_below(path, input_format)
            for name, kind in files:
                if kind != "text":
                    add(name, kind)
            if texts := [os.path.relpath(name, path) for name, kind in files if kind == "text"]:
                add_texts(path, texts)
        elif (kind := _format_of_input(path, input_format)) == "text":
            loose_texts.append(path)
        else:
            add(path, kind)
    if loose_texts:
        root = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in loose_texts])  # noqa: PTH100, PTH120
        shown = os.path.relpath(root) if not any(map(os.path.isabs, loose_texts)) else root
        add_texts(shown, [os.path.relpath(path, root) for path in loose_texts])
    _refuse_twice(found)
    return found


def _expanded(inputs: Sequence[str]) -> Iterator[str]:
    for path in inputs:
        if path == "-" or os.path.lexists(path):
            yield path
        elif glob.has_magic(path):
            matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207  (absolute patterns too)
            if not matches:
                raise UsageError("no file matches", where=path, remedy="check the pattern")
            yield from matches
        else:
            raise UsageError("input does not exist", where=path, remedy="check the path")


def _files_below(folder: str, input_format: str | None) -> list[tuple[str, str]]:
    """Return (path, format) of the readable files under a folder, sorted by path."""

    def fail(error: OSError) -> None:
        raise unreadable(str(error.filename or folder), error) from error

    found = []
    for base, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            kind = input_format or format_of_name(name)
            path = os.path.join(base, name)  # noqa: PTH118
            if kind is not None and not name.startswith(".") and stat.S_ISREG(Path(path).stat().st_mode):
                found.append((path, kind))
    if not found:
        raise UsageError("folder holds nothing to read", where=folder, remedy=f"known endings are {_known()}")
    return sorted(found)


def _known() -> str:
    return ", ".join(ENDINGS) + ", compressed with .gz, .zst or .bz2"


def _format_of_input(path: str, input_format: str | None) -> str:
    if input_format is not None:
        return input_format
    if kind := format_of_name(path):
        return kind
    # A stream has no telling name.
    if path == "-" or not Path(path).is_file() or os.path.abspath(path).startswith("/dev/"):  # noqa: PTH100
        return "jsonl"
    raise UsageError(
        "cannot tell the format of the input",
        where=path,
        remedy=f"give --input-format; known endings are {_known()}",
    )


def _open_source(raw: RawInput, kind: str, index: int, limit: int) -> Source:
    if kind == "jsonl":
        from dedup.files.jsonl import JsonlSource

        return JsonlSource(raw, index, record_limit_bytes=limit)
    if kind in ("csv", "tsv"):
        from dedup.files.delimited import DelimitedSource

        return DelimitedSource(raw, index, format=kind, record_limit_bytes=limit)
    if kind == "text":
        raise UsageError("a stream can't be a folder of texts", where=raw.name, remedy="name the folder")
    from dedup.files.columnar import ArrowSource, ParquetSource

    return (ParquetSource if kind == "parquet" else ArrowSource)(raw, index)


def _refuse_twice(sources: Sequence[Source]) -> None:
    seen: dict[object, str] = {}
    for source in sources:
        for path in source.paths():
            try:
                status = path.stat()
            except OSError as error:
                raise unreadable(str(path), error) from error
            identity = (status.st_dev, status.st_ino) if status.st_ino else path.resolve()
            if identity in seen:
                raise UsageError(f"input {path} is given twice", where=seen[identity], remedy="name it once")
            seen[identity] = str(path)


def check_distinct(inputs: Sequence[Source], outputs: Sequence[str]) -> None:
    """Refuse an output that is an input or another output, also through links.

    Raises
    ------
    UsageError
        Also for an output folder that holds an input or lies in an input folder.
    """
    files = [path for path in outputs if path != "-" and not _is_special(path)]
    for number, output in enumerate(files):
        for other in files[:number]:
            if same_file(output, other):
                raise UsageError(
                    f"two outputs are the same: {output}", where=other, remedy="give each its own path"
                )
        for source in inputs:
            _check_output(output, source)
    if sum(path in STANDARD_OUTPUT for path in outputs) > 1:
        raise UsageError("two outputs go to standard output", remedy="give one of them a path")
    if sum(source.name == STANDARD_INPUT for source in inputs) > 1:
        raise UsageError("standard input is named twice", remedy="name it once")


def _check_output(output: str, source: Source) -> None:
    target = Path(output).resolve()
    folder = source.path if source.format == "text" else None
    if folder is not None and (format_of_name(output) is None or target.is_dir()):
        root = folder.resolve()
        if target == root or root in target.parents:
            raise UsageError(
                "output folder is inside an input folder", where=output, remedy="choose a folder elsewhere"
            )
    if Path(output).exists():
        for path in source.paths():
            if same_file(output, path) or (target.is_dir() and target in path.resolve().parents):
                raise UsageError(
                    "output is an input", where=output, remedy="write somewhere else and rename it when done"
                )


def _is_special(path: str) -> bool:
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
