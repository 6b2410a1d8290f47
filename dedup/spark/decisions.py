"""Documents and the fate of their nodes → decisions, and the sums over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dedup.flags import FLAGS
from dedup.pipeline.decisions import LINKED as LINKED_RELATIONS
from dedup.spark.deciding import DECIDED, LINKED, decide, decide_alone, write_links
from dedup.spark.judging import JUDGED
from dedup.spark.workspace import Workspace, run_sorted, run_stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SUMS = pa.schema([("sum", pa.binary())])
_LARGEST = 5


def write_decisions(
    work: Workspace, grouped: DataFrame, nodes: DataFrame, settled: DataFrame, verdicts: DataFrame
) -> DataFrame:
    """Save and return `deciding.DECIDED`: one row per record of the input."""
    from pyspark.sql import functions as F  # noqa: N812

    fates = settled.select("node", "keeper", "evidence", "story", "preferences", "supersedes")
    links = _links(work, nodes, settled, verdicts)
    known = nodes.select(F.col("place").alias("node"), F.col("identity").alias("node_identity"))
    known = known.join(fates, "node", "left").join(links, "node", "left")
    # Published copies of a published text stand for nothing.
    documents = grouped.where("not published or seq = 0")
    compared = documents.where("node is not null").join(known, "node")
    compared = compared.withColumn("keeper", F.coalesce("keeper", "node"))
    compared = compared.withColumn("joined", F.col("keeper") != F.col("node"))
    written = run_sorted(compared, decide, DECIDED, by=["keeper"], then=["joined", "node_identity", "seq"])
    alone = run_stage(documents.where("node is null"), decide_alone, DECIDED)
    return work.save("decisions", written.unionByName(alone))


def _links(work: Workspace, nodes: DataFrame, settled: DataFrame, verdicts: DataFrame) -> DataFrame:
    """Return each node's strongest verdicts that merged nothing."""
    from pyspark.sql import functions as F  # noqa: N812

    rows = verdicts.where(F.col("relation").isin(*LINKED_RELATIONS))
    for end in ("a", "b"):
        kept = settled.select(F.col("rank").alias(end), F.col("keeper_rank").alias(f"kept_{end}"))
        rows = rows.join(kept, end, "left")
    rows = rows.where(F.coalesce("kept_a", "a") != F.coalesce("kept_b", "b")).select(*JUDGED.names)
    either = rows.select("*", F.col("a").alias("rank"), F.col("b").alias("other")).unionByName(
        rows.select("*", F.col("b").alias("rank"), F.col("a").alias("other"))
    )
    places = nodes.select("rank", F.col("place").alias("node"))
    others = nodes.select(F.col("rank").alias("other"), "id", "digest", "occurrence", "identity")
    either = either.join(places, "rank").join(others, "other")
    strongest = [F.col("relation"), F.col("jaccard").desc(), F.col("containment").desc(), F.col("identity")]
    return work.save("noted", run_sorted(either, write_links, LINKED, by=["node"], then=strongest))


def sum_up(work: Workspace, decisions: DataFrame) -> dict[str, Any]:
    """Count the decisions; nothing but counters comes to the driver."""
    from pyspark.sql import functions as F  # noqa: N812

    with work.described("sums"):
        statuses = decisions.groupBy("status", "relation").count().collect()
        flags = decisions.agg(
            *(
                F.count(F.when(F.col("flags").bitwiseAND(bit) != 0, 1)).alias(name)
                for name, bit in FLAGS.items()
            )
        ).first()
        rules = F.from_json("removed", "array<struct<rule: string>>")
        removed = decisions.where("removed is not null").select(F.explode(rules).alias("row"))
        by_rule = removed.groupBy("row.rule").count().orderBy(F.desc("count"), "rule").collect()
        sums = run_stage(decisions.select("digest"), _sum_digests, _SUMS).collect()
        dropped = F.count(F.when(F.col("status") == "dropped", 1))
        sources = decisions.where("source is not null").groupBy("source")
        suspicious = sources.agg(F.count("*").alias("total"), dropped.alias("dropped"))
        suspicious = (
            suspicious.where("total > 100 and dropped > 0.9 * total").orderBy("source").limit(100).collect()
        )
        largest = (
            decisions.where("cluster_size > 1").orderBy(F.desc("cluster_size"), "decision").limit(_LARGEST)
        )
        shown = largest.select("cluster_size", F.get_json_object("decision", "$.id").alias("id")).collect()
    counts = dict.fromkeys(("kept", "dropped", "rejected"), 0)
    relations: dict[str, int] = {}
    for status, relation, count in statuses:
        counts[status] += count
        if status == "dropped":
            relations[relation] = count
    total = sum(int.from_bytes(row["sum"]) for row in sums) % (1 << 256)
    return {
        "counts": {"in": sum(counts.values()), **counts},
        "relations": dict(sorted(relations.items(), key=lambda item: -item[1])),
        "flags": {name: flags[name] for name in FLAGS if flags[name]},
        "rules": {row.rule: row["count"] for row in by_rule},
        "digest": f"{total:064x}",
        "warnings": [
            f"source {row.source!r} loses {row.dropped} of its {row.total} records: "
            "is its text field the right one?"
            for row in suspicious
        ],
        "largest": [(row.id, row.cluster_size) for row in shown],
    }


def _sum_digests(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    total = 0
    for batch in batches:
        total += sum(int.from_bytes(value) for value in batch.column("digest").to_pylist())
    yield pa.record_batch([pa.array([(total % (1 << 256)).to_bytes(32)], pa.binary())], schema=_SUMS)
