"""Edges → connected components, by large-star and small-star in turn, a checkpoint after each round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dedup.errors import SystemFailure
from dedup.spark.linking import LINKS, large_star, small_star
from dedup.spark.workspace import Workspace, run_sorted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Rounds grow with the square of the logarithm of the longest component at worst; 4 or 5 is what one sees.
MOST_ROUNDS = 40


def find_components(
    work: Workspace, name: str, edges: DataFrame, *, most_rounds: int = MOST_ROUNDS
) -> DataFrame:
    """Return each node of the edges (``a``, ``b``) with its component, the least node in it.

    Raises
    ------
    SystemFailure
        If the rounds do not come to an end.
    """
    from pyspark.sql import functions as F  # noqa: N812

    links = edges.select(F.greatest("a", "b").alias("node"), F.least("a", "b").alias("other"))
    links = work.save(f"{name}-0", links.where("node <> other").distinct())
    before = _fingerprint(work, links)
    for number in range(1, most_rounds + 1):
        turned = links.select(F.col("other").alias("node"), F.col("node").alias("other"))
        large = run_sorted(links.unionByName(turned), large_star, LINKS, by=["node"], then=["other"])
        small = run_sorted(large.distinct(), small_star, LINKS, by=["node"], then=["other"])
        links = work.save(f"{name}-{number}", small.distinct())
        after = _fingerprint(work, links)
        if after == before:
            roots = links.select(F.col("other").alias("node")).distinct()
            members = links.select("node", F.col("other").alias("component"))
            return members.unionByName(roots.select("node", F.col("node").alias("component")))
        before = after
    raise SystemFailure(
        f"components did not settle in {most_rounds} rounds",
        remedy="report this with the corpus it happened on",
    )


def _fingerprint(work: Workspace, links: DataFrame) -> tuple[int, int]:
    """Return the number of links and a digest of them that no order changes."""
    from pyspark.sql import functions as F  # noqa: N812

    with work.described("components"):
        row = links.agg(F.count("*"), F.bit_xor(F.xxhash64("node", "other"))).first()
    return int(row[0]), int(row[1] or 0)
