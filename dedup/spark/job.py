"""`dedup run --engine spark`: files and tables in, folders and tables out."""

from __future__ import annotations

import os
import re
import sys
import uuid
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from dedup.config import Config
from dedup.errors import DataError, DropRateExceeded, SystemFailure, UsageError
from dedup.files import Fields, choose_fields
from dedup.files.inputs import format_of_name
from dedup.pipeline.manifest import make_manifest
from dedup.pipeline.outputs import Outputs
from dedup.pipeline.progress import Progress
from dedup.pipeline.summary import Summary
from dedup.spark import require_pyspark
from dedup.spark.engine import Deduplicated, deduplicate
from dedup.spark.folders import Folders, located
from dedup.spark.metrics import last_stage, stage_rows
from dedup.spark.workspace import described
from dedup.statistics import load as load_statistics

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TABLE = "table:"
_FORMATS = ("jsonl", "parquet", "csv", "tsv", "table")
# What Spark says of broken files, and the last line of a Python traceback.
_DAMAGE = ("FAILED_READ_FILE", "CANNOT_READ_FILE", "not a Parquet file", "Malformed")
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Failure|Exception): .+$", re.MULTILINE)
# Field names are looked for in so many lines.
_LINES_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where and how to run: a Spark master, a folder for the run's tables, where to write sketches."""

    master: str | None = None
    work: str | None = None
    archive: str | None = None
    partitions: int | None = None


def run_on_spark(
    inputs: Sequence[str],
    outputs: Outputs,
    cluster: Cluster,
    *,
    config: Config,
    against: Sequence[str] = (),
    statistics: str | None = None,
    input_format: str | None = None,
    max_drop_rate: float | None = None,
    progress: Progress | None = None,
    report: Callable[[str], None] | None = None,
) -> Summary:
    """Deduplicate files or tables on a cluster; the arguments are those of `dedup.pipeline.run.run`.

    Inputs and outputs are what Spark reads and writes: folders, globs, remote
    addresses, ``table:NAME``. `against` names such inputs or folders of sketches.
    """
    _refuse(outputs, inputs, cluster)
    started, progress = datetime.now(UTC), progress or Progress()
    report = report or (lambda _: None)
    session = _session(cluster.master)
    with _readable_errors(), progress.stage("start"):
        kind = _kind(inputs, input_format)
        records = _read(session, [located(session, path) for path in inputs], kind)
        fields = _fields(records, kind, config)
        archives = [_archive(session, path, kind) for path in against]
    report(f"fields: {fields.describe()}")
    run_id = str(uuid.uuid4())
    folders = Folders(session, run_id, no_overwrite=outputs.no_overwrite)
    folders.check(outputs.paths())
    frozen = load_statistics(statistics) if statistics else None
    before = last_stage(session)
    with _readable_errors():
        done = deduplicate(
            records,
            work=None if cluster.work is None else located(session, cluster.work),
            config=config,
            against=archives,
            statistics=frozen,
            on_bad_record="reject" if outputs.rejects else "raise",
            lines=fields if kind == "jsonl" else None,
            keep_text=outputs.keep_text,
            archive=folders.staged(cluster.archive) if cluster.archive else None,
            partitions=cluster.partitions,
            progress=progress,
            report=report,
        )
        _check_rate(done, max_drop_rate)
        with folders, progress.stage("write"):
            written = _write(folders, outputs, done, kind)
            summary = _summary(run_id, done)
            named = [_named(path, kind) for path in inputs]
            manifest = make_manifest(
                summary,
                config,
                fields,
                named,
                [_named(path, kind) for path in against],
                done.statistics,
                written,
                started,
            )
            if outputs.manifest:
                content = manifest | {
                    "engine": {"name": "spark", **_engine(session)},
                    "tables": stage_rows(session, after=before),
                }
                folders.write_file(
                    outputs.manifest, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
                )
            if cluster.archive:
                folders.add(cluster.archive)
            folders.publish()
    return summary


def _refuse(outputs: Outputs, inputs: Sequence[str], cluster: Cluster) -> None:
    """Refuse what this engine does not do, and outputs that are inputs."""
    if outputs.annotate:
        raise UsageError(
            "--annotate is not there with --engine spark", remedy="join the decisions to the records"
        )
    named = [path.rstrip("/") for path in (*outputs.paths(), cluster.archive or "") if path]
    if "-" in named or "-" in inputs:
        raise UsageError(
            "standard input and output are not there with --engine spark", remedy="name a folder"
        )
    twice = {path for path in named if named.count(path) > 1 or path in {name.rstrip("/") for name in inputs}}
    if twice:
        raise UsageError(
            "an output is an input, or another output", where=min(twice), remedy="name another place"
        )


def _session(master: str | None) -> SparkSession:
    require_pyspark()
    from pyspark.sql import SparkSession

    # PySpark asks for pandas before it runs Arrow functions, which have no use for it.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    builder = SparkSession.builder.appName("dedup")
    if master:
        builder = builder.master(master)
        if master.startswith("local"):
            # Not the first python3 of the path: workers need this one's packages.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        return builder.getOrCreate()
    except Exception as error:
        raise SystemFailure(
            f"Spark did not start: {_cause(error)}",
            remedy="Java 17 must be there, and --master must name a reachable cluster",
        ) from error


def _kind(inputs: Sequence[str], input_format: str | None) -> str:
    """Return the one format of all inputs."""
    kinds = {
        input_format or ("table" if path.startswith(_TABLE) else format_of_name(path.rstrip("/")))
        for path in inputs
    }
    if len(kinds) > 1 or (kind := kinds.pop()) not in _FORMATS:
        raise UsageError(
            "inputs of different or unknown formats", where=", ".join(inputs[:3]),
            remedy=f"name it with --input-format: {', '.join(_FORMATS[:4])}",
        )  # fmt: skip
    return str(kind)


def _read(session: SparkSession, inputs: Sequence[str], kind: str) -> DataFrame:
    from pyspark.sql import functions as F  # noqa: N812

    reader = session.read
    if kind == "table":
        frames = [session.table(name.removeprefix(_TABLE)) for name in inputs]
        joined = frames[0]
        for frame in frames[1:]:
            joined = joined.unionByName(frame)
        return joined
    if kind == "jsonl":
        lines = reader.option("lineSep", "\n").text(list(inputs))
        # A byte order mark belongs to no record.
        mark = F.col("value").startswith("\ufeff")
        return lines.select(F.when(mark, F.expr("substr(value, 2)")).otherwise(F.col("value")).alias("value"))
    if kind == "parquet":
        return reader.parquet(*inputs)
    separator = "\t" if kind == "tsv" else ","
    return reader.csv(
        list(inputs), sep=separator, header=True, inferSchema=False, multiLine=True, quote='"', escape='"'
    )


def _fields(records: DataFrame, kind: str, config: Config) -> Fields:
    if kind != "jsonl":
        return choose_fields(records.columns, config.read)
    names: dict[str, None] = {}
    for row in records.limit(_LINES_LOOKED_AT).collect():
        try:
            names.update(dict.fromkeys(msgspec.json.decode(row.value, type=dict[str, msgspec.Raw])))
        except msgspec.DecodeError:
            continue
    return choose_fields(list(names) or ["id", "text"], config.read)


def _archive(session: SparkSession, path: str, kind: str) -> DataFrame | str:
    """Return published records, or the path where it names a folder of sketches."""
    if path.startswith(_TABLE) or (format_of_name(path.rstrip("/")) or "sketches") != "sketches":
        found = _kind([path], None)
        if (found == "jsonl") != (kind == "jsonl"):
            raise UsageError(
                f"records of format {found} to compare with, the input is {kind}", where=path,
                remedy="give both in one format, or the sketches of the earlier run",
            )  # fmt: skip
        return _read(session, [located(session, path)], found)
    return located(session, path)


def _check_rate(done: Deduplicated, limit: float | None) -> None:
    counts = done.counts
    rate = counts["dropped"] / max(1, counts["in"])
    if limit is not None and rate > limit:
        raise DropRateExceeded(
            f"{counts['dropped']} of {counts['in']} records ({rate:.1%}) would be dropped,"
            f" over the limit of {limit:.1%}",
            remedy="nothing was written; look with --dry-run --decisions FOLDER, or raise --max-drop-rate",
        )


def _write(folders: Folders, outputs: Outputs, done: Deduplicated, kind: str) -> list[dict[str, Any]]:
    """Stage the outputs in the order in which they will appear; return their names and places."""
    written = []
    frames = (
        ("rejects", outputs.rejects, done.rejected, kind),
        ("dropped", outputs.dropped, done.dropped, kind),
        ("decisions", outputs.decisions, done.decisions.selectExpr("decision AS value"), "jsonl"),
        ("records", outputs.records, done.kept, kind),
    )
    for name, path, frame, made_of in frames:
        if path is None:
            continue
        if name == "records" and outputs.statistics:
            folders.write_file(outputs.statistics, msgspec.json.encode(done.statistics.to_dict()) + b"\n")
            written.append({"output": "statistics", "path": outputs.statistics})
        format_ = outputs.format if name == "records" and outputs.format else _format_of_output(path)
        with described(frame.sparkSession, name):
            _save(folders, path, frame, made_of, format_)
        written.append({"output": name, "path": path})
    if outputs.statistics and not outputs.records:
        folders.write_file(outputs.statistics, msgspec.json.encode(done.statistics.to_dict()) + b"\n")
        written.append({"output": "statistics", "path": outputs.statistics})
    return written


def _format_of_output(path: str) -> str:
    return "table" if path.startswith(_TABLE) else format_of_name(path.rstrip("/")) or "parquet"


def _save(folders: Folders, path: str, frame: DataFrame, made_of: str, wanted: str) -> None:
    from pyspark.sql import functions as F  # noqa: N812

    if wanted not in _FORMATS or (made_of == "jsonl" and wanted not in ("jsonl", "table", "parquet")):
        raise UsageError(
            f"cannot write {wanted} here", where=path, remedy="name the output .jsonl or .parquet"
        )
    if wanted == "table":
        folders.add_table(path.removeprefix(_TABLE), frame)
        return
    writer = frame.write.mode("overwrite")
    target = folders.staged(path)
    if wanted == "jsonl":
        lines = frame if made_of == "jsonl" else frame.select(F.to_json(F.struct("*")).alias("value"))
        lines.select("value").write.mode("overwrite").option("lineSep", "\n").text(target)
    elif wanted == "parquet":
        writer.parquet(target)
    else:
        writer.csv(target, sep="\t" if wanted == "tsv" else ",", header=True, escape='"')
    folders.add(path)


def _summary(run_id: str, done: Deduplicated) -> Summary:
    return Summary(
        run_id, done.counts, done.relations, done.flags, done.rules, done.largest, done.seconds,
        done.counters, done.digest, done.warnings,
    )  # fmt: skip


def _named(path: str, kind: str) -> Any:
    """Return what the manifest says of an input; a cluster does not digest its files."""
    return SimpleNamespace(name=path, format=kind, sha256=None, size_bytes=None)


def _engine(session: SparkSession) -> dict[str, Any]:
    context = getattr(session, "_sc", None)
    where = {} if context is None else {"master": context.master, "application": context.applicationId}
    return {"version": session.version, **where}


class _readable_errors:  # noqa: N801  (used as a statement)
    """Turns what Spark says of a missing path or a failed task into the program's errors."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from pyspark.errors import AnalysisException, PySparkException

        if isinstance(error, AnalysisException):
            what, remedy = _cause(error), "check the names of inputs, tables and fields"
            raise UsageError(what, remedy=remedy) from error
        if isinstance(error, PySparkException):
            if any(sign in str(error) for sign in _DAMAGE):
                what = f"a file is damaged: {_cause(error)}"
                raise DataError(what, remedy="fetch or make it again") from error
            what, remedy = f"Spark failed: {_cause(error)}", "its log says more; nothing was published"
            raise SystemFailure(what, remedy=remedy) from error


def _cause(error: Exception) -> str:
    """Return the line that says what happened: of a worker's traceback the last, else the first."""
    said = str(error).strip() or type(error).__name__
    raised = _RAISED.findall(said)
    return str(raised[-1] if raised else said.splitlines()[0])[:300]
