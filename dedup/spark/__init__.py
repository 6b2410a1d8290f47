"""The same job beyond one machine: the batch's stages over partitions of a Spark cluster.

`deduplicate` takes a DataFrame. The modules whose names end in -ing
(`preparing`, `grouping`, `meeting`, `judging`, `linking`, `electing`,
`settling`, `deciding`) take and yield Arrow batches and know no engine; the
others put them together with Spark, and nothing of Spark is loaded before.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dedup.errors import UsageError

if TYPE_CHECKING:
    from dedup.spark.engine import Deduplicated, deduplicate

__all__ = ["Deduplicated", "deduplicate"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        require_pyspark()
        from dedup.spark import engine

        return getattr(engine, name)
    raise AttributeError(f"module 'dedup.spark' has no attribute {name!r}")


def require_pyspark() -> None:
    """Say what to install where PySpark is missing."""
    if find_spec("pyspark") is None:
        raise UsageError("PySpark is not installed", remedy="pip install 'dedup[spark]'; it needs Java 17")
