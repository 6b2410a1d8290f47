"""How good a run is on these very texts: recall of the candidate stage, doubtful drops, nearest misses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup import flags as bits
from dedup.cluster import Edges
from dedup.config import Config
from dedup.errors import UsageError
from dedup.files import Chunk, Fields, Source, parse, resolve_fields
from dedup.pipeline.corpus import Corpus
from dedup.pipeline.judge import Task, judge, make_task
from dedup.pipeline.prepare import prepare
from dedup.pipeline.progress import Progress
from dedup.pipeline.resolve import Outcome, resolve
from dedup.pipeline.spill import Place, Scratch, TemporaryFolder, spill_file
from dedup.pipeline.verdicts import Verdicts, drop_edges, read_verdicts
from dedup.pipeline.workers import Crew
from dedup.schema import RELATIONS, prepared_schema

Label = Literal["yes", "no", "debatable"]
# Pairs of each kind to read.
SHOWN = 20
# Documents held against the whole sample at a time.
_BLOCK = 2_000
_95_PERCENT = 1.959964
_TEN_THOUSAND = 10_000


@dataclass(frozen=True, slots=True)
class Side:
    """One record of a pair to read."""

    id: Any
    title: str | None
    source: str | None
    text: str


@dataclass(slots=True)
class AuditPair:
    """Two records to read, and what was decided about them."""

    a: Side
    b: Side
    kind: Literal["doubtful drop", "near miss", "random drop"]
    relation: str
    jaccard: float
    containment: float
    reason: str
    # Whether chance drew it: only such pairs can stand for the drops that nobody reads.
    drawn: bool = False
    label: Label | None = None


@dataclass(slots=True)
class Audit:
    """Measured quality. ``recall`` is None where the sample has no copies to find.

    ``drops`` are those that the rules decided. ``exact`` counts the copies
    with the same words beside them: found by equal keys, they need no
    candidate stage and no reader.
    """

    documents: int
    sampled: int
    compared: int
    to_find: int
    found: int
    recall: float | None
    interval: tuple[float, float]
    missed_drops: int
    drops: int
    exact: int
    pairs: list[AuditPair] = field(default_factory=list)

    def false_drops(self) -> dict[str, Any] | None:
        """Return, once pairs have been labelled, how many of the drops drawn at random are wrong."""
        judged = [p.label for p in self.pairs if p.drawn and p.label in ("yes", "no")]
        if not judged:
            return None
        wrong = judged.count("no")
        return {"labelled": len(judged), "wrong": wrong, "interval": wilson(wrong, len(judged))}

    def to_dict(self) -> dict[str, Any]:
        """Return the content as JSON types."""
        return asdict(self) | {"false_drops": self.false_drops()}


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927), rounded to 4 places; (0, 1) where nothing is known.

    Examples
    --------
    >>> wilson(9, 10)
    (0.5958, 0.9821)
    """
    if not total:
        return 0.0, 1.0
    z2 = _95_PERCENT**2
    share = hits / total
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _95_PERCENT * (share * (1 - share) / total + z2 / (4 * total**2)) ** 0.5 / (1 + z2 / total)
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def audit(
    inputs: Sequence[Source],
    *,
    sample: int = 300,
    config: Config | None = None,
    workers: int | None = None,
    temp: str | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Measure a run on its own input, without labels.

    A sample of the records is held against all others by the verifier itself,
    with no candidate stage before it; what that finds and the candidate stage
    did not is a miss. Records with equal keys count as one.

    Parameters
    ----------
    inputs : sequence of Source
    sample : int
        Records to draw, by content, so that the same ones are drawn again.
    config : Config, optional
    workers : int, optional
    temp : str, optional
        Where to make the temporary folder.
    progress : Progress, optional

    Raises
    ------
    UsageError
        If the sample is empty.
    """
    if sample < 1:
        raise UsageError(f"--sample {sample}", remedy="give 1 or more records")
    config, progress = config or Config(), progress or Progress()
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryFolder(temp))
        crew = stack.enter_context(Crew(workers or os.cpu_count() or 1))
        fields = resolve_fields(inputs, config.read)
        with progress.stage("read"):
            task = partial(_prepare, fields=fields, folder=folder.path, config=config)
            places = list(crew.map(task, (chunk for source in inputs for chunk in source.chunks())))
        corpus = Corpus(places, prepared_schema(config.sketch.num_perm), len(places), [""] * len(places))
        outcome = resolve(corpus, config, crew, progress, Scratch(folder.path, None))
        chosen = _draw(outcome, sample)
        active = np.flatnonzero(~outcome.nodes.alone)
        with progress.stage("compare", total=len(active) * len(chosen)) as step:
            tasks = _exhaustive(outcome, chosen, active, config)
            judged = []
            for batch in crew.map(judge, tasks):
                judged.append(batch)
                step(int(batch.schema.metadata[b"pairs"]))
        measured = _measure(outcome, chosen, judged, config)
        measured.pairs = _pairs_to_read(outcome, inputs, fields, config)
        return measured


def _prepare(chunk: Chunk, *, fields: Fields, folder: Path, config: Config) -> Place:
    return spill_file(folder).append(prepare(parse(chunk, fields, config.read.record_limit_bytes), config))


def _draw(outcome: Outcome, sample: int) -> NDArray[np.int64]:
    """Draw nodes by the digest of their key, which is as good as chance and the same every time."""
    able = np.flatnonzero(~outcome.nodes.alone)
    digest = outcome.corpus.digests("key_digest")[outcome.nodes.first[able]]
    return able[np.lexsort((digest[:, 1], digest[:, 0]))][:sample]


def _exhaustive(
    outcome: Outcome, chosen: NDArray[np.int64], active: NDArray[np.int64], config: Config
) -> Iterator[Task]:
    """Yield every pair of a drawn node and another one, in blocks of the others."""
    corpus, first = outcome.corpus, outcome.nodes.first
    drawn = np.zeros(len(first), np.bool_)
    drawn[chosen] = True
    for start in range(0, len(active), _BLOCK):
        block = active[start : start + _BLOCK]
        documents, number = np.unique(np.concatenate([first[chosen], first[block]]), return_inverse=True)
        left = np.repeat(number[: len(chosen)], len(block))
        right = np.tile(number[len(chosen) :], len(chosen))
        other = np.tile(block, len(chosen))
        mine = np.repeat(chosen, len(block))
        # Two drawn nodes meet once, and none meets itself.
        wanted = (other != mine) & (~drawn[other] | (mine < other))
        yield make_task(corpus, documents, left[wanted], right[wanted], outcome.statistics, config)


def _measure(
    outcome: Outcome, chosen: NDArray[np.int64], judged: list[pa.RecordBatch], config: Config
) -> Audit:
    v, nodes = outcome.verdicts, outcome.nodes
    known = {(min(a, b), max(a, b)) for a, b in zip(v.a.tolist(), v.b.tolist(), strict=True)}
    verdicts = read_verdicts(judged, nodes.node_of)
    # To be found is what would be dropped: relation, dates and the rule for short texts together.
    wanted = np.unique(_edges(outcome, verdicts, config).pairs)
    found = missed_drops = 0
    for pair in zip(verdicts.a[wanted].tolist(), verdicts.b[wanted].tolist(), strict=True):
        if (min(pair), max(pair)) in known:
            found += 1
        elif all(outcome.keeper[node] == node for node in pair):
            missed_drops += 1
    to_find = len(wanted)
    return Audit(
        documents=len(nodes.node_of),
        sampled=len(chosen),
        compared=sum(int(batch.schema.metadata[b"pairs"]) for batch in judged),
        to_find=to_find,
        found=found,
        recall=round(found / to_find, 4) if to_find else None,
        interval=wilson(found, to_find),
        missed_drops=missed_drops,
        drops=int((outcome.keeper != np.arange(len(outcome.keeper))).sum()),
        exact=sum(len(same) - 1 for node, same in nodes.members.items() if not nodes.alone[node]),
    )


def _edges(outcome: Outcome, verdicts: Verdicts, config: Config) -> Edges:
    first = outcome.nodes.first
    short = (outcome.flags[first] & bits.SHORT) != 0
    return drop_edges(verdicts, outcome.corpus.dates[first], short, config)


def _pairs_to_read(
    outcome: Outcome, inputs: Sequence[Source], fields: Fields, config: Config
) -> list[AuditPair]:
    """Choose the most doubtful drops, the nearest misses and some drops at random, each pair once."""
    v, nodes = outcome.verdicts, outcome.nodes
    dropped = np.flatnonzero(outcome.witness >= 0)
    witness = outcome.witness[dropped]
    identity = outcome.corpus.digests("identity")[nodes.first[dropped]]
    doubtful = witness[np.lexsort((identity[:, 1], identity[:, 0], v.containment[witness]))][:SHOWN]
    # From all drops, the doubtful ones too: what is left without them is better than the whole.
    drawn = witness[np.lexsort((identity[:, 0], identity[:, 1]))][:SHOWN]
    kept = outcome.keeper == np.arange(len(outcome.keeper))
    apart = np.flatnonzero(kept[v.a] & kept[v.b])
    nearest = apart[np.lexsort((v.b[apart], v.a[apart], -v.containment[apart].astype(np.int64)))][:SHOWN]
    # Alike enough to drop, but by their dates two events.
    dropping = np.isin(v.relation, [RELATIONS.index(name) for name in config.cluster.drop])
    dropping[_edges(outcome, v, config).pairs] = False
    kinds: list[tuple[Literal["doubtful drop", "near miss", "random drop"], NDArray[np.int64]]] = [
        ("doubtful drop", doubtful),
        ("near miss", nearest),
        ("random drop", drawn[~np.isin(drawn, doubtful)]),
    ]
    documents = nodes.first
    wanted = {int(documents[node]) for _, rows in kinds for row in rows for node in (v.a[row], v.b[row])}
    sides = _read_sides(outcome.corpus, wanted, inputs, fields, config)
    return [
        AuditPair(
            sides[int(documents[v.a[row]])],
            sides[int(documents[v.b[row]])],
            kind,
            RELATIONS[v.relation[row]],
            int(v.jaccard[row]) / _TEN_THOUSAND,
            int(v.containment[row]) / _TEN_THOUSAND,
            v.reason[int(row)].as_py() + ("; kept for their dates" if dropping[row] else ""),
            bool(np.isin(row, drawn)),
        )
        for kind, rows in kinds
        for row in rows
    ]


def _read_sides(
    corpus: Corpus, wanted: set[int], inputs: Sequence[Source], fields: Fields, config: Config
) -> dict[int, Side]:
    found: dict[int, Side] = {}
    chunks = (chunk for source in inputs for chunk in source.chunks_again())
    for start, end, chunk in zip(
        corpus.starts[:-1].tolist(), corpus.starts[1:].tolist(), chunks, strict=True
    ):
        here = sorted(document for document in wanted if start <= document < end)
        if here:
            batch = parse(chunk, fields, config.read.record_limit_bytes)
            for document in here:
                title, source, text = (
                    batch.column(name)[document - start].as_py() for name in ("title", "source", "text")
                )
                found[document] = Side(corpus.id(document), title, source, text)
    return found


def label_pairs(pairs: Sequence[AuditPair], ask: Callable[[AuditPair, int, int], str | None]) -> int:
    """Ask about pairs until all are labelled or the answers stop; return how many are.

    Parameters
    ----------
    pairs : sequence of AuditPair
        Get their labels.
    ask : callable
        Takes a pair, its number from 1, and how many there are; returns yes,
        no, unsure, or None to stop.
    """
    for number, pair in enumerate(pairs, 1):
        answer = ask(pair, number, len(pairs))
        if answer is None:
            return number - 1
        pair.label = {"yes": "yes", "no": "no"}.get(answer, "debatable")  # type: ignore[assignment]
    return len(pairs)


def truth_rows(pairs: Sequence[AuditPair]) -> list[dict[str, Any]]:
    """Return the labelled pairs as rows of a truth file, which `dedup evaluate` takes."""
    return [
        {"a": pair.a.id, "b": pair.b.id, "drop": pair.label, "relation": pair.relation, "kind": pair.kind}
        for pair in pairs
        if pair.label is not None
    ]
