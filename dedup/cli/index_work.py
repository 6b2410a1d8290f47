"""What the commands of `dedup index` do."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pyarrow as pa

from dedup.cli.settings import load_settings, make_config
from dedup.cli.terminal import print_line, print_text
from dedup.config import Config, ReadConfig
from dedup.errors import DataError, IndexFailure, UsageError
from dedup.files import AtomicFile, choose_fields, find_inputs, parse, parse_objects, resolve_fields
from dedup.index import Index, Verdict
from dedup.index.adding import OnConflict
from dedup.index.rebuilding import rebuild as rebuild_index
from dedup.kernels.cache import announce_compilation

_FIELDS = ("text", "id", "title", "source", "date", "url")
_QUERIED_AT_ONCE = 100
Flags = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Part:
    """Some records, bad ones included, and what is said of each bad one."""

    records: pa.RecordBatch
    where: str


def add(flags: Flags) -> None:
    """`dedup index add`."""
    if flags["on_conflict"] not in ("error", "update"):
        raise UsageError(f"--on-conflict {flags['on_conflict']!r}", remedy="choose error or update")
    on_conflict: OnConflict = flags["on_conflict"]
    config = _config(flags)
    announce_compilation(quiet=False)
    numbers = itertools.count()
    with Index.open(
        flags["index"],
        mode="w",
        config=config,
        statistics=flags["statistics"],
        no_text=flags["no_text"],
        workers=flags["workers"],
    ) as index:

        def judge(records: pa.RecordBatch) -> list[Verdict]:
            batch = None if flags["batch"] is None else f"{flags['batch']}/{next(numbers)}"
            return index.add_records(records, batch=batch, on_conflict=on_conflict)

        _answer(flags, config or index.settings.config, flags["batch_size"], judge)


def query(flags: Flags) -> None:
    """`dedup index query`."""
    config = _config(flags)
    announce_compilation(quiet=False)
    with Index.open(flags["index"], config=config) as index:
        _answer(flags, config or index.settings.config, _QUERIED_AT_ONCE, index.query_records)


def remove(flags: Flags) -> None:
    """`dedup index remove`."""
    ids = [_either(index_id) for index_id in flags["id"] or ()]
    if flags["inputs"] or not ids:
        ids += [_id_of_line(line) for path in flags["inputs"] or ["-"] for line in _lines(path)]
    with Index.open(flags["index"], mode="w") as index:
        # An id given on the command line may be meant as a string or as a number.
        both = [value for pair in ids for value in (pair if isinstance(pair, tuple) else (pair,))]
        print_text(msgspec.json.encode({"removed": index.remove(both)}).decode())


def expire(flags: Flags) -> None:
    """`dedup index expire`."""
    with Index.open(flags["index"], mode="w") as index:
        print_text(msgspec.json.encode({"removed": index.expire(before=flags["before"])}).decode())


def stats(flags: Flags) -> None:
    """`dedup index stats`."""
    with Index.open(flags["index"]) as index:
        print_text(msgspec.json.format(msgspec.json.encode(index.stats()), indent=2).decode())


def verify(flags: Flags) -> None:
    """`dedup index verify`."""
    with Index.open(flags["index"]) as index:
        problems = index.verify()
        for problem in problems:
            print_line(problem)
        if problems:
            raise IndexFailure(
                f"{len(problems)} problems", where=flags["index"], remedy="dedup index rebuild"
            )
        print_line(f"{index.stats()['documents']:,} documents, nothing wrong")


def compact(flags: Flags) -> None:
    """`dedup index compact`."""
    with Index.open(flags["index"], mode="w") as index:
        before = index.stats()["bytes"]
        index.compact()
        print_line(f"{before:,} bytes before, {index.stats()['bytes']:,} now")


def rebuild(flags: Flags) -> None:
    """`dedup index rebuild`."""
    config = make_config(load_settings({}, flags["config"])) if flags["config"] else None
    announce_compilation(quiet=False)
    n_documents = rebuild_index(
        flags["index"], config=config, statistics=flags["statistics"], workers=flags["workers"]
    )
    print_line(f"{n_documents:,} documents judged anew")


def export(flags: Flags) -> None:
    """`dedup index export`."""
    encode = msgspec.json.encode
    with Index.open(flags["index"]) as index, closing(index.export()) as records:
        lines = (
            encode({k: v for k, v in r.items() if k not in ("kept", "verdict")}) + b"\n" for r in records
        )
        if flags["output"] == "-":
            for line in lines:
                sys.stdout.buffer.write(line)
            return
        with AtomicFile(flags["output"]) as file:
            for line in lines:
                file.write(line)
            file.publish()


def _answer(
    flags: Flags, config: Config, size: int, judge: Callable[[pa.RecordBatch], list[Verdict]]
) -> None:
    """Print one line for each record, in order; end with an error if some were bad."""
    n_bad = 0
    first_bad = ""
    for part in _parts(flags, config, 1 if flags["flush"] else size):
        bad = part.records.column("bad").to_pylist()
        good = pa.array(np.flatnonzero([reason is None for reason in bad]))
        verdicts = iter(judge(part.records.take(good)) if len(good) else ())
        for row, reason in enumerate(bad):
            if reason is None:
                answer = next(verdicts).to_dict()
            else:
                line = part.records.column("line")[row].as_py()
                answer = {"verdict": "rejected", "reason": reason, "line": line}
                first_bad = first_bad or f"{part.where}:{line}: {reason}"
                n_bad += 1
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()
    if n_bad:
        raise DataError(f"{n_bad} bad records, the first {first_bad}", remedy="mend them and add them again")


def _parts(flags: Flags, config: Config, size: int) -> Iterator[_Part]:
    inputs = flags["inputs"] or ["-"]
    if inputs == ["-"]:
        yield from _streamed(sys.stdin.buffer, config.read, size)
        return
    sources = find_inputs(
        inputs,
        record_limit_bytes=config.read.record_limit_bytes,
        expansion_limit=config.read.expansion_limit,
    )
    fields = resolve_fields(sources, config.read)
    print_line(f"fields: {fields.describe()}")
    for source in sources:
        for chunk in source.chunks():
            records = parse(chunk, fields, config.read.record_limit_bytes)
            for at in range(0, len(records), size):
                yield _Part(records.slice(at, size), chunk.file)


def _streamed(stream: BinaryIO, read: ReadConfig, size: int) -> Iterator[_Part]:
    """Read JSONL as it comes; the first record with fields decides which are used."""
    lines = ((number, line) for number, line in enumerate(iter(stream.readline, b""), 1) if line.strip())
    fields = None
    while batch := list(itertools.islice(lines, size)):
        decoded = [_decoded(line) for _, line in batch]
        rows = [row or {} for row in decoded]
        named = next((row for row in rows if row), None)
        if fields is None and named is not None:
            fields = choose_fields(list(named), read)
        records = parse_objects(rows, fields or choose_fields(["text"], read), 1)
        bad = records.column("bad").to_pylist()
        reasons = [
            "line is not a JSON object" if row is None else why for row, why in zip(decoded, bad, strict=True)
        ]
        yield _Part(_with(_with(records, "line", [number for number, _ in batch]), "bad", reasons), "-")


def _with(records: pa.RecordBatch, name: str, values: list[Any]) -> pa.RecordBatch:
    at = records.schema.get_field_index(name)
    field = records.schema.field(at)
    return records.set_column(at, field, pa.array(values, field.type))


def _decoded(line: bytes) -> Mapping[str, Any] | None:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _lines(path: str) -> Iterable[bytes]:
    if path == "-":
        return iter(partial(sys.stdin.buffer.readline), b"")
    try:
        return Path(path).read_bytes().splitlines()
    except FileNotFoundError as error:
        raise UsageError("no such file", where=path) from error


def _id_of_line(line: bytes) -> Any:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return line.decode(errors="replace").strip()
    return value.get("id") if isinstance(value, dict) else value


def _either(given: str) -> Any:
    try:
        value = msgspec.json.decode(given)
    except msgspec.DecodeError:
        return given
    return (given, value) if isinstance(value, int | float) else given


def _config(flags: Flags) -> Config | None:
    """Return a configuration where any part of one was given."""
    given = {name: flags[name] for name in _FIELDS if flags[name] is not None}
    if not given and flags["config"] is None:
        return None
    return make_config(load_settings(given, flags["config"]))
