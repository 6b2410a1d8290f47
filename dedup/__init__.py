"""Find duplicate and near-duplicate articles, keep the best version of each and say why.

Nothing heavy is loaded before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dedup.version import __version__

if TYPE_CHECKING:
    from dedup.config import Config
    from dedup.errors import (
        DataError,
        DedupError,
        DropRateExceeded,
        IndexFailure,
        SystemFailure,
        UsageError,
    )
    from dedup.index import Index, Verdict
    from dedup.normaliser import normalise
    from dedup.pipeline.library import deduplicate
    from dedup.records import Article, Cluster, Decision, Link, Normalised, Removal, Result, ScoredPair

_HOMES = {
    "Article": "records",
    "Cluster": "records",
    "Config": "config",
    "DataError": "errors",
    "Decision": "records",
    "DedupError": "errors",
    "DropRateExceeded": "errors",
    "Index": "index",
    "IndexFailure": "errors",
    "Link": "records",
    "Normalised": "records",
    "Removal": "records",
    "Result": "records",
    "ScoredPair": "records",
    "SystemFailure": "errors",
    "UsageError": "errors",
    "Verdict": "index",
    "deduplicate": "pipeline.library",
    "normalise": "normaliser",
}

__all__ = [
    "Article",
    "Cluster",
    "Config",
    "DataError",
    "Decision",
    "DedupError",
    "DropRateExceeded",
    "Index",
    "IndexFailure",
    "Link",
    "Normalised",
    "Removal",
    "Result",
    "ScoredPair",
    "SystemFailure",
    "UsageError",
    "Verdict",
    "__version__",
    "deduplicate",
    "normalise",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(f"dedup.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'dedup' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
