"""Verdicts → what becomes of every node: components first, then the batch's own stars in each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dedup import flags as bits
from dedup.config import Config
from dedup.pipeline.settle import STORY
from dedup.schema import RELATIONS
from dedup.spark.components import find_components
from dedup.spark.electing import EDGES, both_ways, direct_edges
from dedup.spark.judging import JUDGED
from dedup.spark.rounds import star_groups
from dedup.spark.settling import (
    LATER,
    NODE,
    NODES,
    SETTLED,
    TOLD,
    VERDICT,
    settle_components,
    tell_stories,
)
from dedup.spark.workspace import Workspace, run_sorted, run_stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# What may drop a text or group it in a story; the rest is noted and binds nothing together.
BINDING = tuple(RELATIONS.index(name) for name in ("exact", "near", "contained", "partial", "revised"))

# Verdicts of one component that a worker decides at once: some hundred megabytes there.
LARGEST_COMPONENT = 500_000

# So many pairs are judged without moving the other texts.
FEW_PAIRS = 100_000

Judge = Callable[..., "DataFrame"]


def settle(
    work: Workspace,
    nodes: DataFrame,
    verdicts: DataFrame,
    judge: Judge,
    config: Config,
) -> tuple[DataFrame, DataFrame]:
    """Decide about the nodes that any verdict binds; return `settling.SETTLED` rows and all verdicts.

    Parameters
    ----------
    work : Workspace
    nodes : DataFrame
        As `collapse.rank_nodes` returns them.
    verdicts : DataFrame
        `judging.JUDGED`.
    judge : callable
        Judges further pairs: takes a name for the table, pairs of ranks, and whether they are ``few``.
    config : Config
    """
    from pyspark.sql import functions as F  # noqa: N812

    binding = verdicts.where(F.col("relation").isin(*BINDING))
    members = work.save("components", find_components(work, "links", binding))
    large = _large(work, "large", binding, members)
    if large is not None:
        members = work.save("star-groups", _cut(work, nodes, binding, members, large, config))
    rows = _component_rows(nodes, binding, members)
    settled = work.save("settled", _settled(rows, config, final=False))
    asked = settled.where("node is null").select("component", "a", "b")
    with work.described("settled"):
        n_asked = asked.count()
    if n_asked:
        later = judge("verdicts-later", asked.select("a", "b"), few=n_asked <= FEW_PAIRS)
        rows = rows.join(asked.select("component").distinct(), "component", "left_semi")
        bound = later.where(F.col("relation").isin(*BINDING)).join(asked, ["a", "b"])
        rows = rows.unionByName(bound.withColumn("kind", F.lit(LATER)), allowMissingColumns=True)
        again = work.save("settled-later", _settled(rows, config, final=True))
        settled = settled.where("node is not null").unionByName(again)
        verdicts = work.save("verdicts-all", verdicts.unionByName(later))
    if large is not None:
        settled = work.save("settled-all", _retold(work, nodes, verdicts, settled, large))
    return settled, verdicts


def _settled(rows: DataFrame, config: Config, *, final: bool) -> DataFrame:
    stage = partial(settle_components, config=config, final=final)
    return run_sorted(rows, stage, SETTLED, by=["component"], then=["kind"])


def _component_rows(nodes: DataFrame, verdicts: DataFrame, members: DataFrame) -> DataFrame:
    """Return the nodes and the verdicts inside every component, one kind of row below the other."""
    from pyspark.sql import functions as F  # noqa: N812

    found = nodes.select(*NODES.names).join(members.withColumnRenamed("node", "rank"), "rank")
    edges = _inside(verdicts.select(*JUDGED.names), members)
    return found.withColumn("kind", F.lit(NODE)).unionByName(
        edges.withColumn("kind", F.lit(VERDICT)), allowMissingColumns=True
    )


def _inside(verdicts: DataFrame, members: DataFrame) -> DataFrame:
    """Return the verdicts whose ends are in one component, with it."""
    of_a = members.withColumnRenamed("node", "a")
    of_b = members.withColumnRenamed("node", "b")
    return verdicts.join(of_a, "a").join(of_b, ["b", "component"])


def _large(work: Workspace, name: str, verdicts: DataFrame, members: DataFrame) -> DataFrame | None:
    """Return the components of more verdicts than one worker takes, None if there is none."""
    sizes = verdicts.join(members.withColumnRenamed("node", "a"), "a").groupBy("component").count()
    large = sizes.where(sizes["count"] > LARGEST_COMPONENT).select("component")
    with work.described("large"):
        return None if large.isEmpty() else work.save(name, large)


def _cut(
    work: Workspace,
    nodes: DataFrame,
    verdicts: DataFrame,
    members: DataFrame,
    large: DataFrame,
    config: Config,
) -> DataFrame:
    """Cut large components into star groups; return all members with their component."""
    from pyspark.sql import functions as F  # noqa: N812

    theirs = members.join(large, "component", "left_semi")
    found = nodes.join(theirs.select(F.col("node").alias("rank")), "rank", "left_semi")
    rows = _inside(verdicts, theirs)
    for end in ("a", "b"):
        short = (F.col("flags").bitwiseAND(bits.SHORT) != 0).alias(f"short_{end}")
        about = found.select(F.col("rank").alias(end), F.col("date").alias(f"date_{end}"), short)
        rows = rows.join(about, end)
    edges = run_stage(rows, partial(direct_edges, config=config), EDGES)
    # A newcomer and the published text that it supersedes are told of together.
    links = rows.where("fuller >= 0 and (a & 1) <> (b & 1)").select("a", "b")
    groups = star_groups(work, "stars", found, edges, links)
    others = members.join(large, "component", "left_anti")
    return others.unionByName(groups.select(F.col("rank").alias("node"), "component"))


def _retold(
    work: Workspace, nodes: DataFrame, verdicts: DataFrame, settled: DataFrame, large: DataFrame
) -> DataFrame:
    """Group the kept nodes of large components into stories, which reach beyond star groups."""
    from pyspark.sql import functions as F  # noqa: N812

    members = work.load("components").join(large, "component", "left_semi").select("node")
    theirs = settled.join(members.select(F.col("node").alias("rank")), "rank", "left_semi")
    rows = verdicts.where(F.col("relation").isin(*STORY))
    for end in ("a", "b"):
        kept = theirs.select(F.col("rank").alias(end), F.col("keeper_rank").alias(f"kept_{end}"))
        rows = rows.join(kept, end)
    rows = rows.where("kept_a <> kept_b").drop("a", "b").withColumnsRenamed({"kept_a": "a", "kept_b": "b"})
    rows = work.save("stories", rows.select(*JUDGED.names))
    groups = work.save("story-members", find_components(work, "story-links", rows))
    again = _large(work, "large-stories", rows, groups)
    if again is not None:
        inside = _inside(rows, groups.join(again, "component", "left_semi"))
        found = nodes.join(
            inside.select(F.explode(F.array("a", "b")).alias("rank")).distinct(), "rank", "left_semi"
        )
        edges = run_stage(inside, both_ways, EDGES)
        cut = star_groups(work, "story-stars", found, edges, inside.where("false"), may_drop_published=True)
        others = groups.join(again, "component", "left_anti")
        groups = work.save(
            "story-groups", others.unionByName(cut.select(F.col("rank").alias("node"), "component"))
        )
    told = run_sorted(
        _component_rows(nodes, rows, groups), tell_stories, TOLD, by=["component"], then=["kind"]
    )
    told = told.select(F.col("rank").alias("keeper_rank"), F.col("story").alias("told"))
    theirs = (
        theirs.join(told, "keeper_rank", "left").withColumn("story", F.col("told")).select(*SETTLED.names)
    )
    others = settled.join(members.select(F.col("node").alias("rank")), "rank", "left_anti").select(
        *SETTLED.names
    )
    return others.unionByName(theirs)
