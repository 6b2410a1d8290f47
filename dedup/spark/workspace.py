"""A folder of Parquet tables that every node of the cluster reaches, and the settings of a run.

Each stage's rows are written there and read again: what was committed once is
never computed twice, so that a retried or speculative task can't change what
came before it, and every plan stays short.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dedup.spark.pieces import Stage

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructType

# A partition of so many documents is about 90 MB of bucket entries: it sorts in memory.
_DOCUMENTS_PER_PARTITION = 25_000
# And so many tokens are 140 MB of keys and their classes: long texts make smaller partitions.
_TOKENS_PER_PARTITION = 20_000_000
_LARGEST_PARTITIONS = 50_000
_BATCH_ROWS, _BATCH_BYTES = 8_192, 64 << 20
# Bits of an address for the row in its file; the others number 16 million files.
_ROW_BITS = 34
# Row groups of the snapshot: small enough that one file gives work to many tasks.
_SNAPSHOT_GROUP_BYTES = 8 << 20


class Workspace:
    """Tables of one run under `path`.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
    path : str
        A folder for this run alone, on storage that all executors reach.
    partitions : int, optional
        Partitions of a shuffle; chosen from the number of documents when absent.
    """

    def __init__(self, session: SparkSession, path: str, partitions: int | None = None) -> None:
        self.session = session
        self.path = path.rstrip("/")
        self._fixed = partitions
        self.partitions = partitions or self.parallelism
        self._schemas: dict[str, StructType] = {}

    @property
    def parallelism(self) -> int:
        """Tasks that can run at once; 8 where a remote session can't tell."""
        try:
            return max(1, int(self.session.sparkContext.defaultParallelism))
        except Exception:  # Spark Connect has no context
            return 8

    def size_for(self, n_docs: int, n_tokens: int) -> None:
        """Choose the number of partitions for so many documents of so many tokens in all."""
        wanted = max(-(-n_docs // _DOCUMENTS_PER_PARTITION), -(-n_tokens // _TOKENS_PER_PARTITION))
        self.partitions = self._fixed or max(self.parallelism, min(wanted, _LARGEST_PARTITIONS))
        self.session.conf.set("spark.sql.shuffle.partitions", str(self.partitions))

    def save(self, name: str, frame: DataFrame, **options: Any) -> DataFrame:
        """Write a table and return it as it now stands."""
        with self.described(name):
            frame.write.options(compression="zstd", maxRecordsPerFile=0, **options).mode("overwrite").parquet(
                f"{self.path}/{name}"
            )
        self._schemas[name] = frame.schema
        return self.load(name)

    def save_snapshot(self, frame: DataFrame, name: str = "input") -> DataFrame:
        """Write records; return them with ``place``, the address of each row."""
        saved = self.save(name, frame, **{"parquet.block.size": _SNAPSHOT_GROUP_BYTES})
        return saved.select("*", place_column())

    def load(self, name: str) -> DataFrame:
        """Return a table of this run."""
        return self.session.read.schema(self._schemas[name]).parquet(f"{self.path}/{name}")

    def described(self, name: str) -> AbstractContextManager[None]:
        """Name the jobs started in the block."""
        return described(self.session, name)


@contextmanager
def described(session: SparkSession, name: str) -> Iterator[None]:
    """Name the jobs started in the block, for Spark's own pages and for the counters."""
    context = getattr(session, "_sc", None)
    if context is None:
        yield
        return
    context.setJobDescription(f"dedup: {name}")
    try:
        yield
    finally:
        context.setJobDescription(None)


def place_column() -> Column:
    """Return the address of a row in committed Parquet files: its file's number and its row there."""
    from pyspark.sql import functions as F  # noqa: N812

    part = F.regexp_extract(F.col("_metadata.file_name"), r"part-(\d+)", 1).cast("long")
    return (F.shiftleft(part, _ROW_BITS) + F.col("_metadata.row_index")).alias("place")


def run_stage(frame: DataFrame, stage: Stage, schema: pa.Schema) -> DataFrame:
    """Run a stage over each partition; its rows have this schema."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return frame.mapInArrow(stage, from_arrow_schema(schema))


def run_sorted(
    frame: DataFrame,
    stage: Stage,
    schema: pa.Schema | Sequence[pa.Field],
    *,
    by: Sequence[str],
    then: Sequence[Any] = (),
) -> DataFrame:
    """Run a stage over rows that are together by the columns `by`, sorted by these and `then`.

    Fields instead of a schema are columns that the stage puts behind those it gets.
    """
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import StructType

    rows = frame.repartition(*by).sortWithinPartitions(*by, *then)
    if isinstance(schema, pa.Schema):
        return run_stage(rows, stage, schema)
    return rows.mapInArrow(stage, StructType([*rows.schema, *from_arrow_schema(pa.schema(schema))]))


@contextmanager
def settings(session: SparkSession) -> Iterator[None]:
    """Set what the stages rely on, and put the session's own values back afterwards."""
    wanted = {
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.adaptive.skewJoin.enabled": "true",
        # Nothing that grows with the data passes through the driver.
        "spark.sql.autoBroadcastJoinThreshold": "-1",
        "spark.sql.adaptive.autoBroadcastJoinThreshold": "-1",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(_BATCH_ROWS),
        "spark.sql.execution.arrow.maxBytesPerBatch": str(_BATCH_BYTES),
        "spark.sql.shuffle.partitions": session.conf.get("spark.sql.shuffle.partitions"),
    }
    before = {name: session.conf.get(name, None) for name in wanted}
    try:
        for name, value in wanted.items():
            session.conf.set(name, value)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                session.conf.unset(name)
            else:
                session.conf.set(name, value)
