"""Time of each stage alone, over one made corpus.

    pytest benchmarks/test_stages.py [--benchmark-json FILE]

``extra_info`` gives documents (or pairs) a second at the median. A name that
ends in ``_by_PACKAGE`` is what that package does of the stage before it.
"""

from __future__ import annotations

import io
from collections import Counter

import datasketch
import ftfy
import numpy as np
import orjson
import pytest
import rensa
from corpus import write_corpus
from rapidfuzz.distance import LCSseq

import dedup
from dedup.candidates import Sketched, find_candidates, rank_documents
from dedup.cluster import Edges, form_stars
from dedup.config import Config
from dedup.files import Chunk, Fields, find_inputs, parse
from dedup.kernels import overlaps
from dedup.normaliser import clean_batch
from dedup.normaliser.key import make_keys
from dedup.pipeline.decisions import BatchDecisions
from dedup.pipeline.judge import Keyed, judge_keys
from dedup.pipeline.outputs import Outputs, Staged
from dedup.pipeline.prepare import prepare
from dedup.sketch import sketch, to_datasketch
from dedup.statistics import Statistics
from dedup.verify import read_tokens, shingle_sets

N_DOCS = 2000
N_SLOW = 200
FIELDS = Fields("text", "id", "title", "source", "date")
LIMIT_BYTES = 1 << 26


@pytest.fixture(scope="module")
def payload():
    out = io.StringIO()
    write_corpus(out, n=N_DOCS, seed=1)
    return out.getvalue().encode()


@pytest.fixture(scope="module")
def records(payload):
    return parse(Chunk(0, 0, payload, 1, 0, "corpus.jsonl", "jsonl"), FIELDS, LIMIT_BYTES)


@pytest.fixture(scope="module")
def prepared(records):
    return prepare(records, Config())


@pytest.fixture(scope="module")
def sketched(prepared):
    n_docs = prepared.num_rows
    signatures = np.frombuffer(prepared.column("signature").buffers()[1], np.uint32).reshape(n_docs, -1)
    digests = np.frombuffer(prepared.column("key_digest").buffers()[1], np.uint64).reshape(n_docs, 2)
    fingerprints = prepared.column("fingerprints")
    ranks = rank_documents(prepared.column("n_tokens").to_numpy(), digests)
    return Sketched.of(signatures, fingerprints.values.to_numpy(), fingerprints.offsets.to_numpy(), ranks)


@pytest.fixture(scope="module")
def keyed(prepared):
    def flat(name):
        column = prepared.column(name)
        _, offsets, data = column.buffers()
        return np.frombuffer(data, np.uint8), np.frombuffer(offsets, np.int64)[: len(column) + 1]

    return Keyed(
        np.arange(prepared.num_rows),
        *flat("key"),
        *flat("classes"),
        [value or b"" for value in prepared.column("title_key").to_pylist()],
        prepared.column("source").to_pylist(),
        prepared.column("date").to_pylist(),
    )


def shingles(key):
    """Return the runs of three words of a key, as the other packages take them."""
    words = key.split()
    return [b" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2))]


@pytest.fixture
def rate(benchmark):
    """Return a function that times a call and notes how many units a second it does."""

    def run(call, *arguments, n):
        result = benchmark(call, *arguments)
        if benchmark.stats is not None:
            benchmark.extra_info["per_second"] = round(n / benchmark.stats.stats.median)
        return result

    return run


def test_parse(rate, payload):
    chunk = Chunk(0, 0, payload, 1, 0, "corpus.jsonl", "jsonl")
    assert rate(parse, chunk, FIELDS, LIMIT_BYTES, n=N_DOCS).num_rows == N_DOCS


def test_parse_by_orjson(rate, payload):
    lines = payload.splitlines()
    rate(lambda: [orjson.loads(line)["text"] for line in lines], n=N_DOCS)


def test_clean(rate, records):
    cleaned = rate(clean_batch, records.column("text"), records.column("title"), n=N_DOCS)
    assert len(cleaned.readable) == N_DOCS


def test_clean_by_ftfy(rate, records):
    texts = records.column("text").to_pylist()[:N_SLOW]
    assert len(rate(lambda: [ftfy.fix_text(text) for text in texts], n=N_SLOW)) == N_SLOW


def test_keys(rate, records):
    keys, _ = rate(make_keys, records.column("text"), n=N_DOCS)
    assert len(keys) == N_DOCS


def test_sketch(rate, prepared):
    sketches = rate(sketch, prepared.column("key"), prepared.column("classes"), n=N_DOCS)
    assert len(sketches.signatures) == N_DOCS


def test_sketch_by_datasketch(rate, prepared):
    sets = [shingles(key) for key in prepared.column("key").to_pylist()[:N_SLOW]]
    made = rate(lambda: datasketch.MinHash.bulk(sets, num_perm=128, scheme="affine32"), n=N_SLOW)
    assert len(made) == N_SLOW


def test_sketch_by_rensa(rate, prepared):
    sets = [[word.decode() for word in shingles(key)] for key in prepared.column("key").to_pylist()]

    def make():
        for words in sets:
            one = rensa.RMinHash(num_perm=128, seed=1)
            one.update(words)

    rate(make, n=N_DOCS)


def test_prepare(rate, records):
    assert rate(prepare, records, Config(), n=N_DOCS).num_rows == N_DOCS


def test_candidates(rate, sketched):
    assert len(rate(find_candidates, sketched, Config().candidates, n=N_DOCS).pairs) > N_DOCS // 20


def test_candidates_by_datasketch(rate, sketched):
    bands = Config().candidates
    hashes = [to_datasketch(row) for row in sketched.signatures.reshape(N_DOCS, -1)]

    def meet():
        lsh = datasketch.MinHashLSH(num_perm=128, params=(bands.bands, bands.rows))
        for number, one in enumerate(hashes):
            lsh.insert(number, one)
        return sum(len(lsh.query(one)) for one in hashes)

    assert rate(meet, n=N_DOCS) > N_DOCS


def test_shingle_overlaps(rate, sketched, keyed):
    pairs = find_candidates(sketched, Config().candidates).pairs
    tokens = read_tokens(keyed.key, keyed.key_offsets, keyed.classes, keyed.class_offsets)
    shingles, sets = shingle_sets(tokens, Config().sketch)
    shared = np.zeros(len(pairs), np.int32)
    left, right = (np.ascontiguousarray(pairs[:, side]) for side in (0, 1))
    rate(overlaps.shared_shingles, shingles, sets, left, right, shared, n=len(pairs))
    assert shared.any()


def test_judge(rate, sketched, keyed):
    pairs = find_candidates(sketched, Config().candidates).pairs
    left, right = (np.ascontiguousarray(pairs[:, side]) for side in (0, 1))
    verdicts = rate(judge_keys, keyed, left, right, Statistics(), Config(), n=len(pairs))
    assert verdicts.num_rows > N_DOCS // 20


def test_align_by_rapidfuzz(rate, sketched, prepared):
    """The alignment alone: no token is read, no gap weighed and no rule asked."""
    pairs = find_candidates(sketched, Config().candidates).pairs.tolist()
    tokens = [key.split() for key in prepared.column("key").to_pylist()]
    number = {word: chr(0xE000 + n) for n, word in enumerate({word for some in tokens for word in some})}
    texts = ["".join(number[word] for word in some) for some in tokens]
    rate(lambda: [LCSseq.editops(texts[a], texts[b]).as_matching_blocks() for a, b in pairs], n=len(pairs))


def test_write(rate, payload, tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(payload)
    (source,) = find_inputs([str(path)])
    chunks = list(source.chunks())
    batches = [prepare(parse(chunk, FIELDS, LIMIT_BYTES), Config()) for chunk in chunks]
    outputs = Outputs(records=str(tmp_path / "kept.jsonl"), decisions=str(tmp_path / "decisions.jsonl"))

    def write():
        with Staged(outputs, [source], FIELDS, str(tmp_path)) as staged:
            for chunk, batch in zip(chunks, batches, strict=True):
                some = np.arange(batch.num_rows)
                decided = BatchDecisions(
                    [b'{"status":"kept"}'] * len(some), some % 5 > 0, some < 0, 0, Counter(), Counter()
                )
                staged.write(chunk, batch, decided)

    rate(write, n=N_DOCS)


def test_write_by_orjson(rate, payload, tmp_path):
    rows = [orjson.loads(line) for line in payload.splitlines()]

    def write():
        with (tmp_path / "kept.jsonl").open("wb") as out:
            out.writelines(orjson.dumps(row) + b"\n" for row in rows)

    rate(write, n=N_DOCS)


def test_stars(rate):
    n_nodes, rng = 100_000, np.random.default_rng(1)
    keepers, dropped = np.sort(rng.integers(0, n_nodes, (2, n_nodes)), axis=0)
    proper = keepers != dropped
    n_edges = int(proper.sum())
    strengths = rng.integers(0, 10_000, n_edges).astype(np.uint64)
    edges = Edges(keepers[proper], dropped[proper], np.arange(n_edges), strengths)
    stars = rate(form_stars, np.arange(n_nodes), np.zeros(n_nodes, bool), edges, n=n_nodes)
    assert len(stars.keeper) == n_nodes


def test_a_thousand_articles_through_the_library(rate, records):
    texts = records.column("text").to_pylist()[:1000]
    result = rate(dedup.deduplicate, [{"id": n, "text": text} for n, text in enumerate(texts)], n=1000)
    assert len(result.decisions) == 1000


def test_one_query_text_is_normalised(rate, records):
    text = records.column("text")[0].as_py()
    assert rate(dedup.normalise, text, n=1).key
