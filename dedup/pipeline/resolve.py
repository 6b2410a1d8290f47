"""Prepared documents → what becomes of each. The order of the stages stands here, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dedup import flags as bits
from dedup.candidates import Sketched, find_candidates, rank_documents
from dedup.cluster import form_stars
from dedup.config import Config
from dedup.pipeline import settle
from dedup.pipeline.collapse import Nodes, collapse
from dedup.pipeline.corpus import Corpus
from dedup.pipeline.judge import Task, forget_mapped, judge, make_tasks
from dedup.pipeline.memory import give_back
from dedup.pipeline.progress import Progress, Step
from dedup.pipeline.spill import Place, Scratch, SpillReader, spill_file
from dedup.pipeline.verdicts import Verdicts, drop_edges, read_verdicts
from dedup.pipeline.workers import Crew
from dedup.schema import VERDICTS
from dedup.statistics import HOUSE_DOCUMENTS, Statistics, learn

_MOST_COUNTERS = 1 << 23


@dataclass
class Outcome:
    """What became of every document, and the evidence.

    ``keeper`` int64 (n_nodes,): the kept node of each; ``witness`` int64: the
    verdict behind a drop, -1 when kept; ``story`` int64: the leading node of
    the wider group; ``flags`` uint32 (n_docs,).
    """

    corpus: Corpus
    nodes: Nodes
    flags: NDArray[np.uint32]
    verdicts: Verdicts
    keeper: NDArray[np.int64]
    witness: NDArray[np.int64]
    story: NDArray[np.int64]
    statistics: Statistics
    preferences: dict[int, dict[str, object]]
    counters: dict[str, int] = field(default_factory=dict)


def resolve(
    corpus: Corpus,
    config: Config,
    crew: Crew,
    progress: Progress,
    scratch: Scratch,
    statistics: Statistics | None = None,
) -> Outcome:
    """Decide about every document of a corpus.

    Parameters
    ----------
    corpus : Corpus
    config : Config
    crew : Crew
        Runs the comparisons; the outcome is the same for any number of workers.
    progress : Progress
    scratch : Scratch
        Where large arrays live.
    statistics : Statistics, optional
        Frozen statistics; learned from this corpus when absent.
    """
    counters = {"pairs_compared": 0, "pairs_aligned": 0}
    flags = corpus.numbers("flags").copy()
    _flag_duplicate_ids(corpus, flags)
    with progress.stage("collapse"):
        nodes = collapse(corpus, flags, config)
        short = (flags[nodes.first] & bits.SHORT) != 0
        statistics = statistics or _learn(corpus, nodes, config)
    give_back()
    with progress.stage("candidates"):
        pairs = _candidates(corpus, nodes, config, crew.n_workers, scratch, counters)
    give_back()
    with progress.stage("verify", total=len(pairs)) as step:
        judged = _judge(corpus, nodes, pairs, statistics, config, crew, scratch, step, counters)
    crew.rest()
    with progress.stage("cluster"):
        verdicts = read_verdicts(judged, nodes.node_of)
        order = visiting_order(corpus, nodes, verdicts)
        edges = drop_edges(verdicts, corpus.dates[nodes.first], short, config)
        stars = form_stars(order, corpus.published[nodes.first], edges)
    with progress.stage("canonical") as step:
        challenge = settle.challenge(corpus, nodes, flags, stars, verdicts, edges, order, config)
        if len(challenge.missing):
            judged += _judge(
                corpus, nodes, challenge.missing, statistics, config, crew, scratch, step, counters
            )
            verdicts = read_verdicts(judged, nodes.node_of)
            edges = drop_edges(verdicts, corpus.dates[nodes.first], short, config)
        settle.swap(stars, challenge, edges)
        story = settle.stories(order, stars, verdicts)
    forget_mapped()
    return Outcome(
        corpus, nodes, flags, verdicts, stars.keeper, stars.witness, story, statistics,
        challenge.preferences, counters,
    )  # fmt: skip


def _flag_duplicate_ids(corpus: Corpus, flags: NDArray[np.uint32]) -> None:
    """Flag records whose id stands on another text as well."""
    ids = corpus.numbers("id_hash")
    order = np.flatnonzero(ids != 0)
    order = order[np.argsort(ids[order], kind="stable")]
    same = ids[order[1:]] == ids[order[:-1]]
    if not same.any():
        return
    digest = corpus.digests("digest")
    other_text = same & (digest[order[1:]] != digest[order[:-1]]).any(axis=1)
    flags[np.isin(ids, ids[order[1:][other_text]])] |= bits.DUPLICATE_ID


def _learn(corpus: Corpus, nodes: Nodes, config: Config) -> Statistics:
    """Learn house text from one document of each node: copied wire text must not pass for the house's own."""
    if not corpus.batches:
        return Statistics()
    chosen = np.zeros(corpus.n_docs, np.bool_)
    chosen[nodes.first] = True
    n_lines = sum(len(batch.column("lines").flatten()) for batch in corpus.batches)
    # Most lines stand in one document: those of which there are too few in all are left out before sorting.
    counts = np.zeros(min(_MOST_COUNTERS, 1 << (2 * n_lines + 1).bit_length()), np.uint32)
    for lines, _ in _lines(corpus, chosen):
        np.add.at(counts, lines & np.uint64(len(counts) - 1), 1)
    often, documents = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for lines, numbers in _lines(corpus, chosen):
        kept = counts[lines & np.uint64(len(counts) - 1)] >= HOUSE_DOCUMENTS
        often.append(lines[kept])
        documents.append(numbers[kept])
    return learn(np.concatenate(often), np.concatenate(documents), corpus.sources, config)


def _lines(
    corpus: Corpus, chosen: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
    """Yield batch by batch the lines that may be house text, of the documents chosen, and whose each is."""
    for batch, start in zip(corpus.batches, corpus.starts[:-1].tolist(), strict=True):
        rows = np.flatnonzero(chosen[start : start + batch.num_rows])
        column = batch.column("lines").take(pa.array(rows))
        lines = column.flatten().to_numpy()
        documents = np.repeat(rows + start, pc.list_value_length(column).to_numpy())
        yield lines[lines != 0], documents[lines != 0]


def _candidates(
    corpus: Corpus, nodes: Nodes, config: Config, workers: int, scratch: Scratch, counters: dict[str, int]
) -> NDArray[np.int64]:
    """Return pairs of nodes, the fuller first, sorted by it; shape (n, 2)."""
    active = np.flatnonzero(~nodes.alone)
    active = active[np.argsort(nodes.first[active], kind="stable")]
    documents = nodes.first[active]
    memory, signature_at, _ = corpus.mapped("signature")
    _, fingerprint_at, sizes = corpus.mapped("fingerprints")
    ties = np.hstack([corpus.digests("key_digest")[documents], corpus.digests("identity")[documents]])
    ranks = rank_documents(corpus.n_tokens[documents], ties)
    found = find_candidates(
        Sketched(
            memory.view(np.uint32),
            signature_at[documents] // 4,
            config.sketch.num_perm,
            memory.view(np.uint64),
            fingerprint_at[documents] // 8,
            sizes[documents],
            ranks,
        ),
        config.candidates,
        published=corpus.published[documents],
        workers=workers,
        empty=scratch.empty,
    )
    counters |= found.counters
    # As one number each they sort several times faster than by two columns.
    pairs = np.sort(active[found.pairs] @ np.array([1 << 32, 1]))
    return np.stack([pairs >> 32, pairs & 0xFFFFFFFF], axis=1)


def _judge(
    corpus: Corpus,
    nodes: Nodes,
    pairs: NDArray[np.int64],
    statistics: Statistics,
    config: Config,
    crew: Crew,
    scratch: Scratch,
    step: Step,
    counters: dict[str, int],
) -> list[pa.RecordBatch]:
    """Judge pairs of nodes by their representatives; what comes back is mapped, not held."""
    reader, judged = SpillReader(VERDICTS), []
    tasks = make_tasks(corpus, nodes.first[pairs], statistics, config)
    for place, compared, aligned in crew.map(partial(_judge_and_spill, folder=scratch.folder), tasks):
        counters["pairs_compared"] += compared
        counters["pairs_aligned"] += aligned
        judged.append(place)
        step(compared)
    return [reader.read(place) for place in judged]


def _judge_and_spill(task: Task, *, folder: Path) -> tuple[Place, int, int]:
    batch = judge(task)
    about = batch.schema.metadata
    return spill_file(folder).append(batch), int(about[b"pairs"]), int(about[b"aligned"])


def visiting_order(corpus: Corpus, nodes: Nodes, verdicts: Verdicts) -> NDArray[np.int64]:
    """Order nodes: published before, then the fullest, ties by id and content.

    Ids are compared only where there is something to compare with.
    """
    first = nodes.first
    ids = np.zeros(len(first), np.int64)
    paired = np.unique(np.concatenate([verdicts.a, verdicts.b]))
    ids[paired] = corpus.id_ranks(first[paired])
    identity = corpus.digests("identity")[first]
    n_tokens = corpus.n_tokens[first].astype(np.int64)
    return np.lexsort((identity[:, 1], identity[:, 0], ids, -n_tokens, ~corpus.published[first]))
