"""Prepared rows → documents with their nodes, and the nodes in the order of fullness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from dedup import flags as bits
from dedup.config import Config
from dedup.errors import DataError
from dedup.pipeline.collapse import DAY_US
from dedup.spark.grouping import GROUP_KEYS, TOLD, group_rows
from dedup.spark.workspace import Workspace, run_sorted, run_stage
from dedup.statistics import HOUSE_DOCUMENTS, Statistics

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_LIGHT = (
    "place", "published", "rest", "id", "id_order", "source", "date", "flags", "damage", "bad",
    "removed", "removed_bytes", "digest", "identity", "id_hash", "key_digest", "n_tokens",
)  # fmt: skip
# A statistics file is held by every worker.
_MOST_HOUSE_LINES = 20_000_000
_NEVER = (1 << 63) - 1
_RANKED = pa.schema([("place", pa.int64()), ("part", pa.int32()), ("number", pa.int64())])


def collapse(work: Workspace, prepared: DataFrame, config: Config) -> DataFrame:
    """Group documents by key; save and return one light row per document.

    To its columns come ``occurrence``, ``node`` (place of the representative,
    null for what is never compared) and ``seq`` (0 for the representative).
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F  # noqa: N812

    heading = F.coalesce(F.nullif("title", F.lit("")), F.nullif("url", F.lit("")))
    is_short = F.col("flags").bitwiseAND(bits.SHORT) != 0
    # Null for a text that is long enough to be one event whatever its title says.
    subject = F.when(is_short, F.coalesce("title_key", F.lit(b"")))
    light = prepared.select(*_LIGHT, F.unhex(F.md5(heading)).alias("heading"), subject.alias("subject"))
    equal = Window.partitionBy("digest", "published").orderBy("identity", "rest", "place")
    light = work.save("light", light.withColumn("occurrence", F.row_number().over(equal).cast("int")))
    flags = F.col("flags").bitwiseOR(F.coalesce("twice", F.lit(0).cast("long")))
    # Records without an id are kept from meeting in one partition.
    alone = F.when(F.col("id_hash") == 0, F.col("place")).otherwise(F.lit(0).cast("long"))
    flagged = light.withColumn("salt", alone).join(_twice(light), ["id_hash", "salt"], "left")
    flagged = flagged.withColumn("flags", flags).drop("twice", "salt")
    single = F.col("bad").isNotNull() | (F.col("flags").bitwiseAND(bits.EMPTY | bits.STUB) != 0)
    day = F.expr(f"(date - pmod(date, {DAY_US})) div {DAY_US}")
    keyed = flagged.withColumn(
        "day", F.when(is_short & F.col("date").isNotNull(), day).otherwise(F.lit(0).cast("long"))
    )
    keyed = keyed.withColumn("apart", F.when(single, F.col("place") + 1).otherwise(F.lit(0).cast("long")))
    order = [F.col("published").desc(), *_preferences(config), F.col("identity"), F.col("occurrence")]
    grouped = run_sorted(keyed, partial(group_rows, config=config), TOLD, by=list(GROUP_KEYS), then=order)
    notice = F.when(F.col("notice"), F.lit(bits.STUB)).otherwise(F.lit(0)).cast("long")
    grouped = grouped.withColumn("flags", F.col("flags").bitwiseOR(notice))
    return work.save(
        "grouped", grouped.drop("notice", "day", "apart", "heading", "subject", "damage", "rest")
    )


def _twice(light: DataFrame) -> DataFrame:
    """Return the ids that stand on several texts, by their hashes."""
    from pyspark.sql import functions as F  # noqa: N812

    known = light.where("id_hash <> 0").groupBy("id_hash")
    several = known.agg(F.min("digest").alias("low"), F.max("digest").alias("high")).where("low <> high")
    return several.select(
        "id_hash", F.lit(0).cast("long").alias("salt"), F.lit(bits.DUPLICATE_ID).cast("long").alias("twice")
    )


def learn(
    work: Workspace, prepared: DataFrame, grouped: DataFrame, n_docs: int, config: Config
) -> Statistics:
    """Learn house text from one document of each node, as the batch does."""
    from pyspark.sql import functions as F  # noqa: N812

    first = grouped.where("seq = 0 and bad is null").select("place", "source")
    lines = run_stage(prepared.select("place", "lines").join(first, "place"), _spread_lines, _LINES)
    often = lines.groupBy("line", "source").count().where(F.col("count") >= HOUSE_DOCUMENTS)
    house = work.save("house", often.select("line").distinct())
    with work.described("house"):
        n_lines = house.count()
        if n_lines > _MOST_HOUSE_LINES:
            raise DataError(
                f"{n_lines} lines of house text are too many for one statistics file",
                remedy="learn them from a sample and pass the file",
            )
        found = np.array([row.line for row in house.toLocalIterator()], np.int64).view(np.uint64)
    return Statistics(np.sort(found), n_docs, config.candidates.bands, config.candidates.rows)


_LINES = pa.schema([("line", pa.int64()), ("source", pa.string())])


def _spread_lines(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield each document's distinct lines, with its source."""
    for batch in batches:
        lines = [np.unique(np.frombuffer(value, np.int64)) for value in batch.column("lines").to_pylist()]
        if lines:
            rows = np.repeat(np.arange(batch.num_rows), [len(found) for found in lines])
            source = batch.column("source").take(pa.array(rows))
            yield pa.record_batch([pa.array(np.concatenate(lines)), source.cast(pa.string())], schema=_LINES)


def _preferences(config: Config) -> list[Column]:
    """Return the sort columns of the preferences that can tell equal texts apart; less is better."""
    from pyspark.sql import functions as F  # noqa: N812

    priority = config.cluster.source_priority
    # A bare number would be read as the position of a column.
    standing = F.lit(len(priority)) + F.lit(0)
    for place, name in reversed(list(enumerate(priority))):
        standing = F.when(F.col("source") == name, F.lit(place)).otherwise(standing)
    columns = {
        "undegraded": F.col("damage"),
        "source": standing,
        "clean": F.col("removed_bytes"),
        "earliest": F.coalesce("date", F.lit(_NEVER)),
        "latest": F.coalesce(-F.col("date"), F.lit(_NEVER)),
        "id": F.col("id_order"),
    }
    return [columns[name] for name in (*config.cluster.prefer, "id") if name in columns]


def rank_nodes(work: Workspace, grouped: DataFrame) -> DataFrame:
    """Rank the nodes that are compared, the fullest first; save and return one row each.

    Ranks are counted over a sort by content: no partitioning and no retry can change them.
    """
    from pyspark.sql import functions as F  # noqa: N812

    order = [F.col("n_tokens").desc(), F.col("key_digest").asc(), F.col("identity").asc()]
    first = grouped.where("seq = 0 and node is not null")
    keys = first.select("place", "n_tokens", "key_digest", "identity")
    ranked = keys.repartitionByRange(work.partitions, *order).sortWithinPartitions(*order)
    ranked = work.save("ranked", run_stage(ranked.select("place"), _number_rows, _RANKED))
    with work.described("ranked"):
        sizes = dict(ranked.groupBy("part").count().collect())
    before = np.cumsum([0, *(sizes.get(part, 0) for part in range(max(sizes, default=0) + 1))]).tolist()
    rank = F.element_at(F.array(*(F.lit(n).cast("long") for n in before)), F.col("part") + 1) + F.col(
        "number"
    )
    published = F.col("published").cast("long")
    return work.save(
        "nodes",
        first.join(ranked.select("place", rank.alias("rank")), "place").withColumn(
            "rank", F.col("rank") * 2 + published
        ),
    )


def _number_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Count through the rows of a sorted partition."""
    from pyspark import TaskContext

    context = TaskContext.get()
    part = context.partitionId() if context else 0
    number = 0
    for batch in batches:
        numbers = np.arange(number, number + batch.num_rows)
        parts = np.full(batch.num_rows, part, np.int32)
        yield pa.record_batch([batch.column("place"), pa.array(parts), pa.array(numbers)], schema=_RANKED)
        number += batch.num_rows
