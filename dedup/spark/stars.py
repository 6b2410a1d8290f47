"""Verdicts → what becomes of every node: components first, then the batch's own stars in each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dedup.config import Config
from dedup.schema import RELATIONS
from dedup.spark.components import find_components
from dedup.spark.judging import JUDGED
from dedup.spark.settling import LATER, NODE, NODES, SETTLED, VERDICT, settle_components
from dedup.spark.workspace import Workspace, run_sorted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# What may drop a text or group it in a story; the rest is noted and binds nothing together.
BINDING = tuple(RELATIONS.index(name) for name in ("exact", "near", "contained", "partial", "revised"))

Judge = Callable[[str, "DataFrame"], "DataFrame"]


def settle(
    work: Workspace, nodes: DataFrame, verdicts: DataFrame, judge: Judge, config: Config
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
        Judges further pairs: takes a name for the table and pairs of ranks.
    config : Config
    """
    from pyspark.sql import functions as F  # noqa: N812

    binding = verdicts.where(F.col("relation").isin(*BINDING))
    members = work.save("components", find_components(work, "links", binding))
    rows = _component_rows(nodes, binding, members, VERDICT)
    settled = work.save("settled", _settled(rows, config, final=False))
    asked = settled.where("node is null").select("component", "a", "b")
    with work.described("settled"):
        if asked.isEmpty():
            return settled, verdicts
    later = judge("verdicts-later", asked.select("a", "b"))
    known = work.save("verdicts-all", verdicts.unionByName(later))
    rows = rows.join(asked.select("component").distinct(), "component", "left_semi")
    later = later.where(F.col("relation").isin(*BINDING)).join(asked, ["a", "b"])
    rows = rows.unionByName(later.withColumn("kind", F.lit(LATER)), allowMissingColumns=True)
    again = work.save("settled-later", _settled(rows, config, final=True))
    return settled.where("node is not null").unionByName(again), known


def _settled(rows: DataFrame, config: Config, *, final: bool) -> DataFrame:
    stage = partial(settle_components, config=config, final=final)
    return run_sorted(rows, stage, SETTLED, by=["component"], then=["kind"])


def _component_rows(nodes: DataFrame, verdicts: DataFrame, members: DataFrame, kind: int) -> DataFrame:
    """Return the nodes and the verdicts of every component, one kind of row below the other."""
    from pyspark.sql import functions as F  # noqa: N812

    members = members.withColumnRenamed("node", "rank")
    found = nodes.select(*(name for name in NODES.names if name in nodes.columns)).join(members, "rank")
    edges = verdicts.select(*JUDGED.names).join(members.withColumnRenamed("rank", "a"), "a")
    return found.withColumn("kind", F.lit(NODE)).unionByName(
        edges.withColumn("kind", F.lit(kind)), allowMissingColumns=True
    )
