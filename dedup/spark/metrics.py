"""What Spark itself counted: tasks, shuffled and spilled bytes, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PREFIX = "dedup: "
_COUNTED = {
    "tasks": "numTasks",
    "failed_tasks": "numFailedTasks",
    "input_bytes": "inputBytes",
    "output_bytes": "outputBytes",
    "output_rows": "outputRecords",
    "shuffle_write_bytes": "shuffleWriteBytes",
    "shuffle_write_rows": "shuffleWriteRecords",
    "memory_spilled_bytes": "memoryBytesSpilled",
    "disk_spilled_bytes": "diskBytesSpilled",
}


def last_stage(session: SparkSession) -> int:
    """Return the number of the latest stage so far, -1 if there is none or the session can't tell."""
    return max((stage.stageId() for stage in _stages(session)), default=-1)


def stage_rows(session: SparkSession, *, after: int) -> list[dict[str, Any]]:
    """Return one row per table of a run, in order, with the sums over its Spark stages.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
    after : int
        Stages up to this number belong to earlier work.
    """
    tables: dict[str, dict[str, Any]] = {}
    for stage in sorted(_stages(session), key=lambda stage: stage.stageId()):
        description = stage.description()
        name = str(description.get()) if description.isDefined() else ""
        if stage.stageId() <= after or not name.startswith(_PREFIX):
            continue
        name = name.removeprefix(_PREFIX)
        row = tables.setdefault(name, {"table": name, **dict.fromkeys(_COUNTED, 0)})
        for ours, theirs in _COUNTED.items():
            row[ours] += int(getattr(stage, theirs)())
    return list(tables.values())


def _stages(session: SparkSession) -> list[Any]:
    context = getattr(session, "_sc", None)
    if context is None:
        return []
    store = context._jsc.sc().statusStore()
    jvm = context._jvm
    empty = jvm.java.util.ArrayList()
    found = store.stageList(empty, False, False, context._gateway.new_array(jvm.double, 0), empty)
    return [found.apply(number) for number in range(found.size())]
