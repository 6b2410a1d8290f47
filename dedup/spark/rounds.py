"""Components too large for one worker → star groups that are not, with the same outcome.

Which nodes are kept is decided by rounds (`electing`). What comes after, the
taking over of whole stars and the choice of keepers, looks at one star or at
kept nodes with an edge between them. So the stars joined by such edges are
handed on as components: in each of them the greedy order gives every node the
keeper that it has in the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dedup.errors import SystemFailure
from dedup.spark.components import find_components
from dedup.spark.electing import STATUSES, elect
from dedup.spark.workspace import Workspace, run_sorted

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# As many as the longest run of nodes each of which waits for the one before.
MOST_ROUNDS = 500


def star_groups(
    work: Workspace,
    name: str,
    nodes: DataFrame,
    edges: DataFrame,
    links: DataFrame,
    *,
    may_drop_published: bool = False,
    most_rounds: int = MOST_ROUNDS,
) -> DataFrame:
    """Return each node (``rank``) with its star group (``component``).

    Parameters
    ----------
    work : Workspace
    name : str
        Begins the names of the tables.
    nodes : DataFrame
        ``rank``, ``published`` and what `visiting_order` sorts by.
    edges : DataFrame
        `electing.EDGES`, between ranks.
    links : DataFrame
        Pairs (``a``, ``b``) of nodes that must share a group if both are kept.
    may_drop_published : bool
        Whether a published node may give way; in stories it may.

    Raises
    ------
    SystemFailure
        If the rounds do not come to an end.
    """
    from pyspark.sql import functions as F  # noqa: N812

    order = visiting_order("k")
    ends = nodes.select("rank", "published", "n_tokens", "id_order", "identity")
    for end in ("keeper", "dropped"):
        mark = end[0]
        named = ends.select(*(F.col(column).alias(f"{mark}_{column}") for column in ends.columns))
        edges = edges.join(named, F.col(end) == F.col(f"{mark}_rank"))
    fixed = F.lit(False) if may_drop_published else F.col("d_published")
    edges = edges.withColumn("earlier", (F.struct(*order) < F.struct(*visiting_order("d"))) & ~fixed)
    edges = edges.select(
        "keeper", "dropped", "strength", "earlier", F.struct(*order).alias("place"), fixed.alias("fixed")
    )
    edges = work.save(f"{name}-edges", edges)
    statuses = _elected(work, name, nodes, edges.where("earlier").select("keeper", "dropped"), most_rounds)
    kept = statuses.where("kept").select(F.col("node").alias("keeper"))
    stars = edges.where("earlier").join(kept, "keeper", "left_semi")
    stars = stars.join(
        statuses.where("not kept").select(F.col("node").alias("dropped")), "dropped", "left_semi"
    )
    # Of the strongest edges the one from the keeper that was visited first.
    best = F.min_by("keeper", F.struct(-F.col("strength"), F.col("place")))
    stars = stars.groupBy("dropped").agg(best.alias("center")).withColumnRenamed("dropped", "rank")
    centers = work.save(
        f"{name}-centers",
        stars.unionByName(kept.select(F.col("keeper").alias("rank"), F.col("keeper").alias("center"))),
    )
    between = edges.where("not fixed").select(F.col("keeper").alias("a"), F.col("dropped").alias("b"))
    between = between.unionByName(links.select("a", "b"))
    for end in ("a", "b"):
        between = between.join(kept.select(F.col("keeper").alias(end)), end, "left_semi")
    joined = find_components(work, f"{name}-groups", between).withColumnRenamed("node", "center")
    group = F.coalesce("component", "center").alias("component")
    return centers.join(joined, "center", "left").select("rank", group)


def visiting_order(mark: str) -> list[Column]:
    """Return what nodes are visited by, as `dedup.pipeline.resolve` does: less is earlier."""
    from pyspark.sql import functions as F  # noqa: N812

    return [
        ~F.col(f"{mark}_published"),
        -F.col(f"{mark}_n_tokens"),
        F.col(f"{mark}_id_order"),
        F.col(f"{mark}_identity"),
    ]


def _elected(work: Workspace, name: str, nodes: DataFrame, edges: DataFrame, most_rounds: int) -> DataFrame:
    """Decide every node by rounds; return `electing.STATUSES` without nulls."""
    from pyspark.sql import functions as F  # noqa: N812

    waiting = nodes.select(F.col("rank").alias("node"))
    entered = edges.select(F.col("dropped").alias("node")).distinct()
    statuses = waiting.join(entered, "node", "left_anti").withColumn("kept", F.lit(True))
    statuses = work.save(f"{name}-statuses-0", statuses)
    edges = work.save(f"{name}-waiting-0", edges)
    for number in range(1, most_rounds + 1):
        known = statuses.select(F.col("node").alias("keeper"), F.col("kept").cast("int").alias("status"))
        rows = edges.join(known, "keeper", "left").withColumn("status", F.coalesce("status", F.lit(-1)))
        decided = work.save(
            f"{name}-round-{number}",
            run_sorted(rows, elect, STATUSES, by=["dropped"]).where("kept is not null"),
        )
        with work.described(name):
            n_decided = decided.count()
        if not n_decided:
            break
        statuses = work.save(f"{name}-statuses-{number}", statuses.unionByName(decided))
        gone = decided.select(F.col("node").alias("dropped"))
        edges = work.save(f"{name}-waiting-{number}", edges.join(gone, "dropped", "left_anti"))
    with work.described(name):
        if not edges.isEmpty():
            raise SystemFailure(
                f"stars did not settle in {most_rounds} rounds",
                remedy="report this with the corpus it happened on",
            )
    return statuses
