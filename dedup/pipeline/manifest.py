"""The manifest: what went in, under which settings, and what came out, with digests of all of it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from dedup.config import Config
from dedup.files import Fields, Source
from dedup.pipeline.summary import Summary
from dedup.statistics import Statistics
from dedup.version import __version__

SCHEMA = 1
_PACKAGES = ("datasketch", "rapidfuzz", "numba", "numpy", "pyarrow")


def make_manifest(
    summary: Summary,
    config: Config,
    fields: Fields,
    sources: Sequence[Source],
    archives: Sequence[Source],
    statistics: Statistics,
    outputs: list[dict[str, Any]],
    started: datetime,
) -> dict[str, Any]:
    """Return the manifest as JSON types."""
    return {
        "schema": SCHEMA,
        "run_id": summary.run_id,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "records": summary.counts,
        "dropped_by_relation": summary.relations,
        "flags": summary.flags,
        "removed_by_rule": summary.rules,
        "decisions_digest": summary.decisions_digest,
        "inputs": [_described(source) for source in sources],
        "against": [_described(source) for source in archives],
        "outputs": outputs,
        "fields": asdict(fields),
        "config": asdict(config),
        "config_fingerprint": config.fingerprint(),
        "statistics_fingerprint": statistics.fingerprint(),
        "statistics_documents": statistics.n_docs,
        "counters": summary.counters,
        "seconds": summary.seconds,
        "warnings": summary.warnings,
        "versions": {"dedup": __version__, "python": platform.python_version()}
        | {name: version(name) for name in _PACKAGES},
    }


def _described(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "format": source.format,
        "sha256": source.sha256,
        "bytes": source.size_bytes,
    }
