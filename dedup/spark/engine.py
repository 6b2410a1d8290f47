"""The stages in their order, over DataFrames."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from dedup.config import Config
from dedup.errors import DataError, UsageError
from dedup.files import Fields, choose_fields
from dedup.pipeline.progress import Progress
from dedup.spark.candidates import find_pairs
from dedup.spark.collapse import collapse, learn, rank_nodes
from dedup.spark.decisions import sum_up, write_decisions
from dedup.spark.preparing import PREPARED, prepare_columns, prepare_lines
from dedup.spark.stars import settle
from dedup.spark.verify import verify
from dedup.spark.workspace import Workspace, run_stage, settings
from dedup.statistics import Statistics

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Places of the n-th archive begin here; those of the input are below.
_ARCHIVE_SHIFT = 58
_MOST_ARCHIVES = 30


@dataclass(frozen=True)
class Deduplicated:
    """What a run leaves: tables under its work folder, and counters.

    Attributes
    ----------
    kept, dropped, rejected : DataFrame
        The records with their own columns; kept ones with their cleaned text.
    decisions : DataFrame
        One row per record: ``place`` (of the record in the run's snapshot),
        ``status``, ``relation``, and ``decision``, the row of JSON that the batch writes.
    counts, relations, flags, rules, digest, statistics
        As of the batch; ``digest`` is equal for two runs that decided alike.
    """

    kept: DataFrame
    dropped: DataFrame
    rejected: DataFrame
    decisions: DataFrame
    counts: dict[str, int]
    relations: dict[str, int]
    flags: dict[str, int]
    rules: dict[str, int]
    digest: str
    statistics: Statistics
    counters: dict[str, int]
    seconds: dict[str, float]
    largest: list[tuple[Any, int]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def deduplicate(
    records: DataFrame,
    *,
    work: str | None = None,
    config: Config | None = None,
    against: Sequence[DataFrame | str] = (),
    statistics: Statistics | None = None,
    on_bad_record: Literal["raise", "reject"] = "raise",
    lines: Fields | None = None,
    keep_text: bool = False,
    partitions: int | None = None,
    progress: Progress | None = None,
) -> Deduplicated:
    """Find the copies among the records of a DataFrame, as `dedup.deduplicate` does on one machine."""
    config = config or Config()
    session = records.sparkSession
    fields = lines or choose_fields(records.columns, config.read)
    space = Workspace(session, work or _temporary_folder(session), partitions)
    run = _Run(space, config, fields, lines is not None, progress or Progress())
    with settings(session):
        return run.execute(records, against, statistics, on_bad_record, keep_text)


@dataclass
class _Run:
    work: Workspace
    config: Config
    fields: Fields
    is_lines: bool
    progress: Progress
    counters: dict[str, int] = field(default_factory=dict)

    def execute(
        self,
        records: DataFrame,
        against: Sequence[DataFrame | str],
        statistics: Statistics | None,
        on_bad_record: str,
        keep_text: bool,
    ) -> Deduplicated:
        work, config, stage = self.work, self.config, self.progress.stage
        with stage("read"):
            snapshot = work.save_snapshot(records)
            prepared = self._prepare(snapshot, "prepared")
            n_docs = prepared.count()
            work.size_for(n_docs)
            self._require_good(prepared, on_bad_record)
        with stage("collapse"):
            grouped = collapse(work, prepared, config)
            statistics = statistics or learn(work, prepared, grouped, n_docs, config)
            nodes = rank_nodes(work, grouped)
        with stage("candidates"):
            pairs = find_pairs(work, prepared, nodes, config)
            self.counters["candidates"] = pairs.count()
        judge = partial(
            _judge, work=work, prepared=prepared, nodes=nodes, statistics=statistics, config=config
        )
        with stage("verify"):
            verdicts = judge("verdicts", pairs)
        with stage("cluster"):
            settled, verdicts = settle(work, nodes, verdicts, judge, config)
        with stage("decide"):
            decisions = write_decisions(work, grouped, nodes, settled, verdicts)
            sums = sum_up(work, decisions)
        return self._finished(snapshot, prepared, decisions, statistics, sums, keep_text)

    def _prepare(self, snapshot: DataFrame, name: str) -> DataFrame:
        """Save and return the prepared rows of a snapshot."""
        from pyspark.sql import functions as F  # noqa: N812

        if self.is_lines:
            line = F.col("value").cast("binary")
            rows = snapshot.select("place", F.unhex(F.md5(line)).alias("rest"), line.alias("value"))
            stage = partial(prepare_lines, fields=self.fields, config=self.config)
        else:
            used = self.fields.names()
            others = [F.col(f"`{name}`") for name in snapshot.columns if name not in (*used, "place")]
            rest = F.md5(F.to_json(F.struct(*others)).cast("binary")) if others else F.lit("")
            chosen = [F.col(f"`{name}`") for name in used]
            rows = snapshot.select("place", F.unhex(rest).alias("rest"), *chosen)
            stage = partial(prepare_columns, fields=self.fields, config=self.config)
        prepared = run_stage(rows, stage, PREPARED)
        return self.work.save(name, prepared.withColumn("published", F.lit(False)))

    def _require_good(self, prepared: DataFrame, on_bad_record: str) -> None:
        if on_bad_record == "reject":
            return
        bad = prepared.where("bad is not null").orderBy("identity").select("bad").limit(1).collect()
        if bad:
            n_bad = prepared.where("bad is not null").count()
            raise DataError(
                f"{n_bad} bad records, such as one whose {bad[0].bad}",
                remedy='mend them or pass on_bad_record="reject"',
            )

    def _finished(
        self,
        snapshot: DataFrame,
        prepared: DataFrame,
        decisions: DataFrame,
        statistics: Statistics,
        sums: dict[str, Any],
        keep_text: bool,
    ) -> Deduplicated:
        from pyspark.sql import functions as F  # noqa: N812

        status = decisions.select("place", "status")
        records = {
            name: snapshot.join(status.where(F.col("status") == name), "place", "left_semi").drop("place")
            for name in ("dropped", "rejected")
        }
        kept = snapshot.join(status.where(F.col("status") == "kept"), "place", "left_semi")
        warnings = [
            f"source {source!r} loses {dropped} of its {total} records: is its text field the right one?"
            for source, total, dropped in sums.pop("sources")
        ]
        return Deduplicated(
            kept.drop("place"), records["dropped"], records["rejected"],
            decisions.select("place", "status", "relation", "decision"),
            statistics=statistics, counters=self.counters, seconds=self.progress.seconds, warnings=warnings, **sums,
        )  # fmt: skip


def _judge(
    name: str,
    pairs: DataFrame,
    *,
    work: Workspace,
    prepared: DataFrame,
    nodes: DataFrame,
    statistics: Statistics,
    config: Config,
) -> DataFrame:
    return verify(work, name, pairs, prepared, nodes, statistics, config)


def _temporary_folder(session: Any) -> str:
    """Return a folder for the tables of a run on this machine alone; a cluster needs one that all reach."""
    context = getattr(session, "_sc", None)
    if context is None or not context.master.startswith("local"):
        raise UsageError(
            "no work folder for the run's tables", remedy='pass work="hdfs://…", "s3a://…" or a path all nodes share'
        )
    import atexit

    folder = tempfile.mkdtemp(prefix="dedup-spark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
