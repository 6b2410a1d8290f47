"""The stages in their order, over DataFrames."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from dedup.config import Config
from dedup.errors import DataError, UsageError
from dedup.files import Fields, choose_fields
from dedup.pipeline.progress import Progress
from dedup.spark.archive import MOST_ARCHIVES, as_published, load_archive, save_archive
from dedup.spark.candidates import find_pairs
from dedup.spark.collapse import collapse, learn, rank_nodes
from dedup.spark.decisions import sum_up, write_decisions
from dedup.spark.metrics import last_stage, stage_rows
from dedup.spark.preparing import LINES, PREPARED, prepare_columns, prepare_lines, splice_lines
from dedup.spark.stars import settle
from dedup.spark.verify import verify
from dedup.spark.workspace import Workspace, run_stage, settings
from dedup.statistics import Statistics

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# A column of the input can hardly have this name.
_CLEANED = "dedup: cleaned text"

Frames = Sequence["DataFrame | str"]


@dataclass(frozen=True)
class Deduplicated:
    """What a run leaves: tables under its work folder, and counters.

    Attributes
    ----------
    kept, dropped, rejected : DataFrame
        The records with their own columns; kept ones with their cleaned text.
    decisions : DataFrame
        One row per record: ``status``, ``relation`` and ``decision``, the row
        of JSON that the batch writes.
    counts, relations, flags, rules : dict
        As in the batch's summary.
    digest : str
        Order-free digest of the decisions: equal for two runs that decided alike.
    statistics : Statistics
        What was learned, or given.
    counters, seconds : dict
    tables : list of dict
        For every table that was written its tasks, shuffled and spilled bytes.
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
    tables: list[dict[str, Any]]
    largest: list[tuple[Any, int]]
    warnings: list[str]


def deduplicate(
    records: DataFrame,
    *,
    work: str | None = None,
    config: Config | None = None,
    against: Frames = (),
    statistics: Statistics | None = None,
    on_bad_record: Literal["raise", "reject"] = "raise",
    lines: Fields | None = None,
    keep_text: bool = False,
    archive: str | None = None,
    partitions: int | None = None,
    progress: Progress | None = None,
    report: Callable[[str], None] | None = None,
) -> Deduplicated:
    """Find the copies among the records of a DataFrame, as `dedup.deduplicate` does on one machine.

    Under the same statistics it decides alike, whatever the partitioning.

    Parameters
    ----------
    records : pyspark.sql.DataFrame
        Fields are found by their names (text, body, content …; id; title …) or
        named in ``config.read``. It is read once; all other columns pass through.
    work : str, optional
        A folder for this run's tables that every executor reaches; the result
        reads from it. A temporary one when absent, on a local master only.
    config : Config, optional
        Cut-offs of the stages.
    against : sequence of DataFrame or str
        Records already published, or folders that an earlier run wrote as its
        `archive`: they stay, newcomers are dropped for them.
    statistics : Statistics, optional
        Frozen statistics to judge by; learned from the records when absent.
    on_bad_record : {"raise", "reject"}
        What becomes of records without a text.
    lines : Fields, optional
        Says that the only column, ``value``, holds lines of JSON with these
        fields: they leave as they came, but for the text.
    keep_text : bool
        Keep texts as they came, not cleaned.
    archive : str, optional
        Where to write the sketches of the kept records, for later runs.
    partitions : int, optional
        Of a shuffle; chosen from the number of records when absent.
    progress : Progress, optional
    report : callable, optional
        Takes a line of news after each stage: its counts and seconds.

    Returns
    -------
    Deduplicated

    Raises
    ------
    DataError
        On a bad record, unless they are to be rejected.
    UsageError
        If no field holds a text, or no work folder is named on a cluster.
    """
    config = config or Config()
    if len(against) > MOST_ARCHIVES:
        raise UsageError(f"{len(against)} archives", remedy=f"join them to {MOST_ARCHIVES} or fewer")
    session = records.sparkSession
    fields = lines or choose_fields(records.columns, config.read)
    space = Workspace(session, work or _temporary_folder(session), partitions)
    run = _Run(space, config, fields, lines is not None, progress or Progress(), report or (lambda _: None))
    with settings(session):
        return run.execute(
            records,
            against,
            statistics,
            reject=on_bad_record == "reject",
            keep_text=keep_text,
            archive=archive,
        )


@dataclass
class _Run:
    work: Workspace
    config: Config
    fields: Fields
    is_lines: bool
    progress: Progress
    report: Callable[[str], None]

    def execute(
        self,
        records: DataFrame,
        against: Frames,
        statistics: Statistics | None,
        *,
        reject: bool,
        keep_text: bool,
        archive: str | None,
    ) -> Deduplicated:
        from pyspark.sql import functions as F  # noqa: N812

        work, config, stage = self.work, self.config, self.progress.stage
        started_after = last_stage(work.session)
        counters: dict[str, int] = {}
        with stage("read"):
            snapshot = work.save_snapshot(records)
            new = self._prepared(snapshot, "prepared")
            _require_good(new, reject=reject, where="the records")
            prepared = new
            for number, published in enumerate(against):
                prepared = prepared.unionByName(self._published(published, number), allowMissingColumns=True)
            n_new = new.count()
            n_docs, n_tokens = prepared.agg(F.count("*"), F.sum("n_tokens")).first()
            work.size_for(n_docs, n_tokens or 0)
        self._tell("read", f"{n_new:,} records, {work.partitions} partitions")
        with stage("collapse"):
            grouped = collapse(work, prepared, config)
            statistics = statistics or learn(work, prepared, grouped, n_docs, config)
            nodes = rank_nodes(work, grouped)
            counters["texts_compared"] = nodes.count()
        self._tell("collapse", f"{counters['texts_compared']:,} distinct texts to compare")
        with stage("candidates"):
            pairs = find_pairs(work, prepared, nodes, config)
            counters["candidates"] = counters["pairs_compared"] = pairs.count()
        self._tell("candidates", f"{counters['candidates']:,} pairs")
        judge = partial(verify, work, prepared, nodes, statistics, config)
        with stage("verify"):
            verdicts = judge("verdicts", pairs)
            counters["pairs_related"] = verdicts.count()
        self._tell("verify", f"{counters['pairs_related']:,} related pairs")
        with stage("cluster"):
            settled, verdicts = settle(work, nodes, verdicts, judge, config)
        self._tell("cluster", "done")
        with stage("decide"):
            decisions = write_decisions(work, grouped, nodes, settled, verdicts)
            sums = sum_up(work, decisions)
        if sums["counts"]["in"] != n_new:
            raise AssertionError(f"accounts do not balance: {sums['counts']}, {n_new} records read")
        self._tell("decide", f"{sums['counts']['kept']:,} kept, {sums['counts']['dropped']:,} dropped")
        if archive is not None:
            with stage("archive"):
                kept = decisions.where("status = 'kept'").select("place")
                save_archive(work, archive, new.join(kept, "place"), config, keep_text=keep_text)
        return Deduplicated(
            decisions=decisions.select("status", "relation", "decision"),
            statistics=statistics, counters=counters, seconds=self.progress.seconds,
            tables=stage_rows(work.session, after=started_after),
            **self._records(snapshot, new, decisions, keep_text=keep_text), **sums,
        )  # fmt: skip

    def _tell(self, stage: str, what: str) -> None:
        self.report(f"{stage}: {what}, {self.progress.seconds[stage]:.1f} s")

    def _prepared(self, snapshot: DataFrame, name: str) -> DataFrame:
        """Save and return the prepared rows of a snapshot."""
        from pyspark.sql import functions as F  # noqa: N812

        if self.is_lines and "value" in snapshot.columns:
            line = F.col("value").cast("binary")
            rows = snapshot.select("place", F.unhex(F.md5(line)).alias("rest"), line.alias("value"))
            stage = partial(prepare_lines, fields=self.fields, config=self.config)
        else:
            used = self.fields.names()
            others = [_named(column) for column in snapshot.columns if column not in (*used, "place")]
            rest = F.md5(F.to_json(F.struct(*others)).cast("binary")) if others else F.lit("")
            rows = snapshot.select("place", F.unhex(rest).alias("rest"), *map(_named, used))
            stage = partial(prepare_columns, fields=self.fields, config=self.config)
        prepared = run_stage(rows, stage, PREPARED)
        return self.work.save(name, prepared.withColumn("published", F.lit(False)))

    def _published(self, published: DataFrame | str, number: int) -> DataFrame:
        """Return the prepared rows of records that were published before."""
        if isinstance(published, str):
            return as_published(load_archive(self.work, published, self.config), number)
        snapshot = self.work.save_snapshot(published, f"against-{number}")
        rows = self._prepared(snapshot, f"against-prepared-{number}")
        _require_good(rows, reject=False, where="what is compared against")
        return as_published(rows, number)

    def _records(
        self, snapshot: DataFrame, prepared: DataFrame, decisions: DataFrame, *, keep_text: bool
    ) -> dict[str, DataFrame]:
        """Return kept, dropped and rejected records with their own columns."""
        from pyspark.sql import functions as F  # noqa: N812

        def those(status: str) -> DataFrame:
            places = decisions.where(F.col("status") == status).select("place")
            return snapshot.join(places, "place", "left_semi")

        kept = those("kept")
        if not keep_text:
            cleaned = prepared.where("readable is not null").select(
                "place", F.col("readable").alias(_CLEANED)
            )
            kept = kept.join(cleaned, "place", "left")
            if self.is_lines:
                stage = partial(splice_lines, name=self.fields.text)
                kept = run_stage(kept.select("value", _CLEANED), stage, LINES)
            else:
                text = F.coalesce(_CLEANED, _named(self.fields.text))
                kept = kept.withColumn(self.fields.text, text).drop(_CLEANED)
        return {
            "kept": kept.drop("place"),
            **{name: those(name).drop("place") for name in ("dropped", "rejected")},
        }


def _named(column: str) -> Column:
    """Return a column by its name, whatever characters it holds."""
    from pyspark.sql import functions as F  # noqa: N812

    return F.col("`" + column.replace("`", "``") + "`")


def _require_good(prepared: DataFrame, *, reject: bool, where: str) -> None:
    if reject:
        return
    bad = prepared.where("bad is not null")
    first = bad.orderBy("identity").select("bad").limit(1).collect()
    if first:
        raise DataError(
            f"{bad.count()} bad records in {where}; of one the {first[0].bad}",
            remedy="mend them, or set those of the input aside (--rejects, on_bad_record)",
        )


def _temporary_folder(session: Any) -> str:
    """Return a folder for the tables of a run on this machine alone; a cluster needs one that all reach."""
    context = getattr(session, "_sc", None)
    if context is None or not context.master.startswith("local"):
        raise UsageError(
            "no work folder for the run's tables",
            remedy='pass work="hdfs://…", "s3a://…" or a path all nodes share',
        )
    import atexit

    folder = tempfile.mkdtemp(prefix="dedup-spark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
