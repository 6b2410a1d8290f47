"""Pairs → verdicts: texts are joined to the pairs that are left, and to nothing else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dedup.config import Config
from dedup.spark.judging import JUDGED, judge_pairs
from dedup.spark.workspace import Workspace, run_sorted
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
) -> DataFrame:
    """Judge pairs of ranks; save them under a name and return `judging.JUDGED`."""
    from pyspark.sql import functions as F  # noqa: N812

    texts = prepared.select("place", *_COMPARED).join(nodes.select("place", "rank"), "place").drop("place")
    pairs = pairs.select("a", "b")
    for end in ("b", "a"):
        named = texts.select(
            F.col("rank").alias(end), *(F.col(column).alias(f"{column}_{end}") for column in _COMPARED)
        )
        pairs = pairs.join(named, end)
    stage = partial(judge_pairs, statistics=statistics, config=config)
    return work.save(name, run_sorted(pairs, stage, JUDGED, by=["a"], then=["b"]))
