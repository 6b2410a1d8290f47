"""What a run did, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from dedup.pipeline.decisions import Decider
from dedup.pipeline.progress import Progress
from dedup.pipeline.resolve import Outcome

_LARGEST = 5
# A source that loses more than this share of so many records is more likely misread than a reprinter.
_SUSPICIOUS_RATE, _SUSPICIOUS_RECORDS = 0.9, 100


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did: for the table at its end, the manifest, and callers.

    ``counts`` has in, kept, dropped and rejected; ``relations`` the dropped by
    relation; ``rules`` removals of the normaliser by rule; ``largest`` the
    largest clusters as (kept id, size).
    """

    run_id: str
    counts: dict[str, int]
    relations: dict[str, int]
    flags: dict[str, int]
    rules: dict[str, int]
    largest: list[tuple[Any, int]]
    seconds: dict[str, float]
    counters: dict[str, int]
    decisions_digest: str
    warnings: list[str] = field(default_factory=list)


def summarise(decider: Decider, outcome: Outcome, progress: Progress, run_id: str) -> Summary:
    """Sum up a run once all its decisions are made."""
    counts = {name: decider.counts[name] for name in ("kept", "dropped", "rejected")}
    return Summary(
        run_id=run_id,
        counts={"in": outcome.corpus.n_new, **counts},
        relations=dict(decider.relations.most_common()),
        flags=dict(decider.flags.most_common()),
        rules=dict(decider.rules.most_common()),
        largest=[(msgspec.json.decode(token), size) for token, size in decider.largest(_LARGEST)],
        seconds=progress.seconds,
        counters=outcome.counters,
        decisions_digest=decider.digest,
        warnings=_warnings(decider),
    )


def _warnings(decider: Decider) -> list[str]:
    return [
        f"source {source!r} loses {dropped} of its {total} records: is its text field the right one?"
        for source, (total, dropped) in sorted(decider.sources.items())
        if total > _SUSPICIOUS_RECORDS and dropped > _SUSPICIOUS_RATE * total
    ]
