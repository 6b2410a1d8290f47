"""One process of the peers bench: read JSONL, match at threshold .7 on 5-word shingles, write what is kept.

    python benchmarks/peer_workers.py PEER IN.jsonl OUT.jsonl

Every peer sees the same records (fields ``id`` and ``text``), uses 128
permutations, keeps the first of each group it finds, and takes the fastest way
that its documentation shows. Prints the number of records kept.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

NUM_PERM = 128
THRESHOLD = 0.7
# datasketch's own choice at this threshold is 14 × 9; these two need bands that fill 128.
BANDS, ROWS = 16, 8
SHINGLE_WORDS = 5
_BATCH = 2000
_WORD = re.compile(r"\w+")


def floor(source: Path, target: Path) -> int:
    """Parse and write every record: what no program that reads JSON can be faster than."""
    import orjson

    n = 0
    with source.open("rb") as lines, target.open("wb") as out:
        for line in lines:
            out.write(orjson.dumps(orjson.loads(line)) + b"\n")
            n += 1
    return n


def datasketch(source: Path, target: Path) -> int:
    """MinHash and MinHashLSH, queried and filled record by record."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=THRESHOLD, num_perm=NUM_PERM)
    empty = MinHash(num_perm=NUM_PERM)
    n = 0
    with target.open("wb") as out:
        for number, (line, text) in enumerate(_records(source)):
            sketch = empty.copy()
            sketch.update_batch([shingle.encode() for shingle in _shingles(text)])
            if not index.query(sketch):
                index.insert(number, sketch)
                out.write(line)
                n += 1
    return n


def rensa(source: Path, target: Path) -> int:
    """Batches of R-MinHash sketches, added to its deduplicator one by one."""
    from rensa import RMinHash, RMinHashDeduplicator

    index = RMinHashDeduplicator(THRESHOLD, NUM_PERM, True, BANDS)
    n = number = 0
    with target.open("wb") as out:
        for batch in _batches(source):
            sketches = RMinHash.from_token_sets([_shingles(text) for _, text in batch], NUM_PERM, 42)
            for (line, _), sketch in zip(batch, sketches, strict=True):
                if index.add(str(number), sketch):
                    out.write(line)
                    n += 1
                number += 1
    return n


def gaoya(source: Path, target: Path) -> int:
    """Its string index, filled and queried in bulk on all cores; the first of each group stays."""
    from gaoya.minhash import MinHashStringIndex

    index = MinHashStringIndex(
        hash_size=32,
        jaccard_threshold=THRESHOLD,
        num_bands=BANDS,
        band_size=ROWS,
        analyzer="word",
        lowercase=True,
        ngram_range=(SHINGLE_WORDS, SHINGLE_WORDS),
        id_container="smallvec",
    )
    first = 0
    for batch in _batches(source):
        index.par_bulk_insert_docs(list(range(first, first + len(batch))), [text for _, text in batch])
        first += len(batch)
    n = number = 0
    dropped: set[int] = set()
    with target.open("wb") as out:
        for batch in _batches(source):
            for (line, _), similar in zip(
                batch, index.par_bulk_query([text for _, text in batch]), strict=True
            ):
                if number not in dropped:
                    dropped.update(other for other in similar if other > number)
                    out.write(line)
                    n += 1
                number += 1
    return n


def daft(source: Path, target: Path) -> int:
    """Sign in its columns; join equal bands by union-find in NumPy, having no step for that."""
    import daft as engine
    import numpy as np
    import orjson
    from daft import col
    from daft.functions import minhash, normalize

    clean = normalize(col("text"), remove_punct=True, lowercase=True, white_space=True)
    signed = minhash(clean, num_hashes=NUM_PERM, ngram_size=SHINGLE_WORDS, hash_function="xxhash")
    table = engine.read_json(str(source)).select("id", signed.alias("signature")).to_arrow()
    signatures = table["signature"].combine_chunks().flatten().to_numpy().reshape(-1, NUM_PERM)
    parent = list(range(len(signatures)))

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for band in range(BANDS):
        keys = np.ascontiguousarray(signatures[:, band * ROWS : (band + 1) * ROWS])
        _, first, group = np.unique(
            keys.view(f"V{keys.itemsize * ROWS}"), return_index=True, return_inverse=True
        )
        others = first[group.ravel()]
        for number in np.flatnonzero(others != np.arange(len(others))).tolist():
            low, high = sorted((find(int(others[number])), find(number)))
            parent[high] = low
    ids = table["id"].to_pylist()
    kept = {ids[node] for node in range(len(parent)) if parent[node] == node}
    n = 0
    with source.open("rb") as lines, target.open("wb") as out:
        for line in lines:
            if orjson.loads(line)["id"] in kept:
                out.write(line)
                n += 1
    return n


def _records(source: Path) -> Iterator[tuple[bytes, str]]:
    import orjson

    with source.open("rb") as lines:
        for line in lines:
            yield line, orjson.loads(line)["text"]


def _batches(source: Path) -> Iterator[list[tuple[bytes, str]]]:
    batch: list[tuple[bytes, str]] = []
    for record in _records(source):
        batch.append(record)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _shingles(text: str) -> list[str]:
    words = _WORD.findall(text.lower())
    width = min(SHINGLE_WORDS, len(words))
    return [" ".join(words[place : place + width]) for place in range(len(words) - width + 1)]


WORKERS: dict[str, Callable[[Path, Path], Any]] = {
    "floor": floor,
    "datasketch": datasketch,
    "rensa": rensa,
    "gaoya": gaoya,
    "daft": daft,
}

if __name__ == "__main__":
    print(WORKERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3])))
