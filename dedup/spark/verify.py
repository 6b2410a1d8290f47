"""Pairs → verdicts: texts are joined to the pairs that are left, and to nothing else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dedup.config import Config
from dedup.spark.judging import JUDGED, judge_pairs
from dedup.spark.workspace import Workspace, run_stage
from dedup.statistics import Statistics

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_COMPARED = ("key", "classes", "title_key", "source", "date")


def verify(
    work: Workspace,
    prepared: DataFrame,
    nodes: DataFrame,
    statistics: Statistics,
    config: Config,
    name: str,
    pairs: DataFrame,
    *,
    few: bool = False,
) -> DataFrame:
    """Judge pairs of ranks; save them under a name and return `judging.JUDGED`.

    With `few` set the texts of all others are left where they are.
    """
    from pyspark.sql import functions as F  # noqa: N812

    places = nodes.select("rank", "place")
    texts = prepared.select("place", *_COMPARED)
    pairs = pairs.select("a", "b")
    if few:
        # At most so many addresses pass through the driver, and of the other texts none is shuffled.
        ends = pairs.select(F.explode(F.array("a", "b")).alias("rank")).distinct()
        wanted = work.save(f"{name}-texts", places.join(ends, "rank").select("place"))
        texts = texts.join(F.broadcast(wanted), "place", "left_semi")
    for end in ("a", "b"):
        pairs = pairs.join(places.select(F.col("rank").alias(end), F.col("place").alias(f"place_{end}")), end)
    for end in ("b", "a"):
        named = texts.select(
            F.col("place").alias(f"place_{end}"),
            *(F.col(column).alias(f"{column}_{end}") for column in _COMPARED),
        )
        pairs = pairs.join(named, f"place_{end}")
    stage = partial(judge_pairs, statistics=statistics, config=config)
    # The join has put the pairs of one text together; its shingles are then made once. No shuffle for that.
    return work.save(name, run_stage(pairs.sortWithinPartitions("a", "b"), stage, JUDGED))
