"""Peers of the index on the same records: they answer with candidates, without texts or verdicts."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil


def read(path: Path, n: int) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in itertools.islice(lines, n)]


def datasketch_in_memory(path: Path, n: int) -> dict[str, Any]:
    from datasketch import MinHashLSH

    return _datasketch(MinHashLSH(threshold=0.5, num_perm=128), read(path, n))


def datasketch_on_redis(path: Path, n: int, folder: Path) -> dict[str, Any]:
    """Load into a server of its own with its default settings, kill that, and see what is there after."""
    import redis
    from datasketch import MinHashLSH

    with redis_server(folder) as (port, kill_and_restart):
        storage = {
            "type": "redis",
            "basename": b"dedup-bench",
            "redis": {"host": "127.0.0.1", "port": port},
        }
        found = _datasketch(MinHashLSH(threshold=0.5, num_perm=128, storage_config=storage), read(path, n))
        with redis.Redis(port=port) as client:
            found["bytes_per_document"] = round(client.info("memory")["used_memory"] / n)
            n_keys = client.dbsize()
        kill_and_restart()
        with redis.Redis(port=port) as client:
            found["survives_a_kill"] = f"{client.dbsize() / n_keys:.0%} of the keys"
    return found


@contextmanager
def redis_server(folder: Path) -> Iterator[tuple[int, Any]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = ["redis-server", "--port", str(port), "--dir", str(folder), "--bind", "127.0.0.1"]
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        import redis

        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        for _ in range(600):
            try:
                with redis.Redis(port=port) as client:
                    client.ping()
                return
            except redis.exceptions.RedisError:  # not up yet, or still loading
                time.sleep(0.1)
        raise TimeoutError("redis-server does not answer")

    def kill_and_restart() -> None:
        running[-1].kill()
        running[-1].wait()
        start()

    start()
    try:
        yield port, kill_and_restart
    finally:
        running[-1].kill()
        running[-1].wait()


def has_redis() -> bool:
    try:
        import redis  # noqa: F401
    except ImportError:
        return False
    return shutil.which("redis-server") is not None


def _datasketch(lsh: Any, records: list[dict[str, Any]]) -> dict[str, Any]:
    from datasketch import MinHash

    before_kib = resident_kib()
    begun = time.perf_counter()
    for record in records:
        sketch = MinHash(num_perm=128)
        sketch.update_batch([shingle.encode() for shingle in shingles(record["text"])])
        lsh.query(sketch)
        lsh.insert(record["id"], sketch)
    return _figures(records, begun, before_kib)


def rensa_in_memory(path: Path, n: int) -> dict[str, Any]:
    from rensa import RMinHash, RMinHashLSH

    records = read(path, n)
    before_kib = resident_kib()
    lsh = RMinHashLSH(0.5, 128, 32)
    begun = time.perf_counter()
    for number, record in enumerate(records):
        sketch = RMinHash(128, 1)
        sketch.update(shingles(record["text"]))
        lsh.query(sketch)
        lsh.insert(number, sketch)
    return _figures(records, begun, before_kib)


def gaoya_in_memory(path: Path, n: int) -> dict[str, Any]:
    from gaoya.minhash import MinHashStringIndex

    records = read(path, n)
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
    return _figures(records, begun, before_kib)


def _figures(records: list[dict[str, Any]], begun: float, before_kib: float) -> dict[str, Any]:
    elapsed_s = time.perf_counter() - begun
    grown_kib = resident_kib() - before_kib
    return {
        "documents_per_s": round(len(records) / elapsed_s),
        "bytes_per_document": round(1024 * grown_kib / len(records)),
        "survives_a_kill": "nothing",
    }


def resident_kib() -> float:
    return psutil.Process().memory_info().rss / 1024


def shingles(text: str) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2))]
