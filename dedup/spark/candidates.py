"""Nodes → pairs worth comparing: entries of buckets are shuffled, signatures join only pairs that met."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dedup.config import Config
from dedup.spark import meeting
from dedup.spark.workspace import Workspace, run_sorted, run_stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def find_pairs(work: Workspace, prepared: DataFrame, nodes: DataFrame, config: Config) -> DataFrame:
    """Save and return the pairs of ranks that deserve a comparison of their texts, the fuller first."""
    from pyspark.sql import functions as F  # noqa: N812

    heavy = prepared.select("place", "signature", "fingerprints")
    sketches = work.save("sketches", heavy.join(nodes.select("place", "rank"), "place").drop("place"))
    with work.described("sketches"):
        n_bytes = sketches.agg(F.sum(F.octet_length("fingerprints"))).first()[0] or 0
    pairs = _met(work, sketches, meeting.fingerprint_parts(n_bytes // 8), config)
    signatures = sketches.select("rank", "signature")
    for end in ("a", "b"):
        named = signatures.select(F.col("rank").alias(end), F.col("signature").alias(f"signature_{end}"))
        pairs = pairs.join(named, end)
    scored = run_stage(pairs, partial(meeting.score, num_perm=config.sketch.num_perm), meeting.SCORED)
    capped = run_sorted(scored, meeting.cap, meeting.SCORED, by=["b"], then=["a"])
    return work.save("pairs", capped)


def _met(work: Workspace, sketches: DataFrame, n_parts: int, config: Config) -> DataFrame:
    """Return each pair that met once: in a band, or sharing enough fingerprints."""
    from pyspark.sql import functions as F  # noqa: N812

    make = partial(meeting.make_entries, config=config.candidates, n_parts=n_parts)
    entries = run_stage(sketches, make, meeting.ENTRIES)
    first = partial(meeting.meet, config=config.candidates, may_split=True)
    again = partial(meeting.meet, config=config.candidates, may_split=False)
    met = work.save("met", run_sorted(entries, first, meeting.MET, by=["bucket"], then=["rank"]))
    large = met.where(F.col("kind") == meeting.AGAIN)
    large = large.select(F.col("a").alias("bucket"), F.col("b").alias("rank"), "extra")
    split = run_sorted(large, again, meeting.MET, by=["bucket"], then=["rank"])
    pairs = met.where(F.col("kind") != meeting.AGAIN).unionByName(split)
    is_print = F.col("kind") == meeting.PRINT
    pairs = pairs.groupBy("a", "b").agg(
        F.max(F.col("kind") == meeting.BAND).alias("met"),
        F.count(F.when(is_print, 1)).alias("shared"),
        F.coalesce(F.max(F.when(is_print, F.col("extra"))), F.lit(0)).alias("least"),
    )
    enough = (F.col("shared") > 0) & meeting.enough_shared(
        F.col("shared"), F.col("least"), lambda number, column: F.least(F.lit(number), column)
    )
    pairs = pairs.withColumn("shared", F.when(enough, F.col("shared")).otherwise(F.lit(0)))
    return pairs.where(F.col("met") | (F.col("shared") > 0))
