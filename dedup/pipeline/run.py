"""The main job: files in, kept records and decisions out, nothing published before the accounts balance."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from dedup.config import Config
from dedup.errors import DataError, DropRateExceeded
from dedup.files import Chunk, Fields, Source, check_distinct, find_inputs, parse, resolve_fields
from dedup.ordering import runs
from dedup.pipeline.archives import Archive, Target
from dedup.pipeline.corpus import Corpus
from dedup.pipeline.decisions import Decider
from dedup.pipeline.manifest import make_manifest
from dedup.pipeline.outputs import Outputs, Staged
from dedup.pipeline.prepare import prepare
from dedup.pipeline.progress import Progress, Step
from dedup.pipeline.resolve import resolve
from dedup.pipeline.spill import Place, Scratch, SpillReader, TemporaryFolder, lend, spill_file, take
from dedup.pipeline.summary import Summary, summarise
from dedup.pipeline.workers import Crew
from dedup.schema import prepared_schema
from dedup.statistics import load as load_statistics

OnDuplicateId = Literal["keep", "last", "reject"]
# Takes the file of decisions, the inputs, what they were compared against, and the manifest so far.
ReportMaker = Callable[[str, Sequence[Source], Sequence[Source], dict[str, Any]], bytes]


def run(
    inputs: Sequence[str],
    outputs: Outputs,
    *,
    config: Config | None = None,
    against: Sequence[str] = (),
    stored: Sequence[Archive] = (),
    target: Target | None = None,
    statistics: str | None = None,
    input_format: str | None = None,
    on_duplicate_id: OnDuplicateId = "keep",
    max_drop_rate: float | None = None,
    workers: int | None = None,
    memory_bytes: int | None = None,
    temp: str | None = None,
    progress: Progress | None = None,
    report: Callable[[str], None] | None = None,
    make_report: ReportMaker | None = None,
) -> Summary:
    """Deduplicate files.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders, globs or ``-``.
    outputs : Outputs
        Where to write what.
    config : Config, optional
        Cut-offs of the stages.
    against : sequence of str
        Records already published: they stay, newcomers are dropped for them.
    stored : sequence of Archive
        The same in indexes, looked up instead of read.
    target : Target, optional
        An index that takes what is kept, after the outputs are published.
    statistics : str, optional
        A statistics file to judge by; when absent those of the first index, or
        else learned from the input.
    input_format : str, optional
        Instead of telling the format by each input's name.
    on_duplicate_id : {"keep", "last", "reject"}
        What becomes of records that share an id and differ in text.
    max_drop_rate : float, optional
        Stop before publishing if a larger fraction of records would be dropped.
    workers : int, optional
        Processes; all cores by default.
    memory_bytes : int, optional
        Budget for the whole process tree.
    temp : str, optional
        Where to make the temporary folder.
    progress : Progress, optional
    report : callable, optional
        Takes a line of news: which fields were found.
    make_report : callable, optional
        Makes the content of ``outputs.report``.

    Returns
    -------
    Summary

    Raises
    ------
    UsageError
        For an argument or combination that can't work.
    DataError
        For a damaged file, or for bad records without ``outputs.rejects``.
    SystemFailure
        When the machine refuses.
    DropRateExceeded
        When `max_drop_rate` stops the run.
    """
    config, progress = config or Config(), progress or Progress()
    started = datetime.now(UTC)
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryFolder(temp))
        find = partial(
            find_inputs,
            record_limit_bytes=config.read.record_limit_bytes,
            expansion_limit=config.read.expansion_limit,
            spool_dir=str(folder.path),
        )
        sources = find(inputs, input_format=input_format)
        archives = find(against) if against else []
        check_distinct([*sources, *archives], outputs.paths())
        fields = resolve_fields(sources, config.read)
        if report is not None:
            report(f"fields: {fields.describe()}")
        frozen = load_statistics(statistics) if statistics else stored[0].statistics if stored else None
        staged = stack.enter_context(Staged(outputs, sources, fields, str(folder.path)))
        crew = stack.enter_context(Crew(workers or os.cpu_count() or 1))
        with progress.stage("read", total=_total_bytes([*sources, *archives])) as step:
            ingest = partial(_ingest, folder=folder.path, config=config, crew=crew, step=step)
            places, files = ingest(sources, fields)
            n_new = len(places)
            for archive in archives:
                more, more_files = ingest([archive], resolve_fields([archive], config.read))
                places, files = places + more, files + more_files
        crew.rest()
        known = _look_up(places[:n_new], stored, folder.path, config)
        places, files = places + [place for place, _ in known], files + [name for _, name in known]
        schema = prepared_schema(config.sketch.num_perm)
        corpus = Corpus(places, schema, n_new, files, n_batches_stored=len(known))
        _set_aside(corpus, on_duplicate_id)
        _require_rejects(corpus, outputs.rejects)
        outcome = resolve(corpus, config, crew, progress, Scratch(folder.path, memory_bytes), frozen)
        decider = Decider(outcome)
        with progress.stage("write", total=corpus.n_new) as step:
            chunks = (chunk for source in sources for chunk in source.chunks_again())
            for number, (chunk, decided) in enumerate(zip(chunks, decider.batches(crew), strict=True)):
                staged.write(chunk, corpus.batches[number], decided)
                if target is not None:
                    texts = parse(chunk, fields, config.read.record_limit_bytes).column("text")
                    target.take(corpus.batches[number], texts, decided.keep)
                corpus.forget(number)
                step(len(decided.rows))
        summary = summarise(decider, outcome, progress, str(uuid.uuid4()))
        _check_accounts(summary, corpus, max_drop_rate)
        manifest = partial(
            make_manifest, summary, config, fields, sources, archives, outcome.statistics, started=started
        )
        if make_report is not None:
            with progress.stage("report"):
                staged.write_report(lambda path: make_report(path, sources, archives, manifest(outputs=[])))
        with progress.stage("publish"):
            written = staged.close(outcome.statistics)
            staged.stage_manifest(manifest(outputs=written))
            staged.publish()
            if target is not None:
                target.commit(summary.run_id)
    return summary


def _look_up(
    places: Sequence[Place], stored: Sequence[Archive], folder: Path, config: Config
) -> list[tuple[Place, str]]:
    """Spill what indexes hold that may concern the input; return places and names."""
    reader = SpillReader(prepared_schema(config.sketch.num_perm))
    return [
        (spill_file(folder).append(batch), archive.name)
        for archive in stored
        for place in places
        for batch in archive.published(reader.read(place))
    ]


def _ingest(
    sources: Sequence[Source], fields: Fields, *, folder: Path, config: Config, crew: Crew, step: Step
) -> tuple[list[Place], list[str]]:
    """Read, prepare and spill all records of some sources; return places and file names in reading order."""
    task = partial(_prepare_chunk, fields=fields, folder=folder, config=config)
    chunks = (chunk for source in sources for chunk in source.chunks())
    places, files = [], []
    for place, file, n_bytes in crew.map(task, _lent(chunks, folder) if crew.n_workers > 1 else chunks):
        places.append(place)
        files.append(file)
        step(n_bytes)
    return places, files


def _lent(chunks: Iterator[Chunk], folder: Path) -> Iterator[tuple[Chunk, str] | Chunk]:
    """Lend the rows of columnar chunks to worker processes."""
    for number, chunk in enumerate(chunks):
        if isinstance(chunk.payload, pa.RecordBatch):
            name = f"rows-{chunk.source_index}-{number}"
            yield replace(chunk, payload=b""), lend(folder, name, chunk.payload)
        else:
            yield chunk


def _prepare_chunk(
    task: tuple[Chunk, str] | Chunk, *, fields: Fields, folder: Path, config: Config
) -> tuple[Place, str, int]:
    chunk = task if isinstance(task, Chunk) else replace(task[0], payload=take(task[1]))
    prepared = prepare(parse(chunk, fields, config.read.record_limit_bytes), config)
    size = chunk.payload.nbytes if isinstance(chunk.payload, pa.RecordBatch) else chunk.n_bytes
    return spill_file(folder).append(prepared), chunk.file, size


def _total_bytes(sources: Sequence[Source]) -> int | None:
    """Return how many bytes will be read, None where that can't be told beforehand."""
    if any(source.format != "jsonl" or source.path is None for source in sources):
        return None
    paths = [path for source in sources for path in source.paths()]
    packed = any(path.suffix in (".gz", ".zst", ".bz2") for path in paths)
    return None if packed else sum(path.stat().st_size for path in paths)


def _set_aside(corpus: Corpus, on_duplicate_id: OnDuplicateId) -> None:
    """Reject records whose id stands on another text as well: all but the last, or all but the first.

    The same id on the same text is a copy like any other.
    """
    if on_duplicate_id == "keep":
        return
    ids = corpus.numbers("id_hash")[: corpus.n_new]
    order = np.flatnonzero((ids != 0) & corpus.missing("bad")[: corpus.n_new])
    if on_duplicate_id == "last":
        order = order[::-1]
    order = order[np.argsort(ids[order], kind="stable")]
    begins = runs(order, [ids])
    winners = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    digest = corpus.digests("digest")
    losers = np.sort(order[(digest[order] != digest[winners]).any(axis=1)])
    which = "a later" if on_duplicate_id == "last" else "an earlier"
    corpus.set_aside.update(dict.fromkeys(losers.tolist(), f"{which} record has the same id"))


def _require_rejects(corpus: Corpus, rejects: str | None) -> None:
    """Stop before anything else is done when there are bad records and no place for them."""
    for document in np.flatnonzero(corpus.bad).tolist():
        reason = corpus.value("bad", document) or corpus.set_aside.get(document)
        where = f"{corpus.file(document)}:{corpus.value('line', document)}"
        if document >= corpus.n_new:
            raise DataError(
                f"bad record in what is compared against: {reason}", where=where, remedy="mend it"
            )
        if rejects is None:
            n_bad = int(corpus.bad[: corpus.n_new].sum())
            more = f", and {n_bad - 1} more" if n_bad > 1 else ""
            raise DataError(
                f"bad record: {reason}{more}",
                where=where,
                remedy="add --rejects FILE to set bad records aside",
            )


def _check_accounts(summary: Summary, corpus: Corpus, max_drop_rate: float | None) -> None:
    """Hold kept + dropped + rejected to the records read, and the drop rate to its limit."""
    counts = summary.counts
    if counts["kept"] + counts["dropped"] + counts["rejected"] != corpus.n_new:
        raise AssertionError(f"accounts do not balance: {counts}, {corpus.n_new} records read")
    rate = counts["dropped"] / max(1, corpus.n_new)
    if max_drop_rate is not None and rate > max_drop_rate:
        raise DropRateExceeded(
            f"{counts['dropped']} of {corpus.n_new} records ({rate:.1%}) would be dropped,"
            f" over the limit of {max_drop_rate:.1%}",
            remedy="nothing was written; look with --dry-run --decisions FILE, or raise --max-drop-rate",
        )
