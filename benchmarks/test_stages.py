"""Time of each stage alone, over one made corpus.

    pytest benchmarks/test_stages.py [--benchmark-json FILE]

``extra_info`` gives documents (or pairs) a second at the median.
"""

from __future__ import annotations

import io

import numpy as np
import pytest
from corpus import write_corpus

import dedup
from dedup.candidates import Sketched, find_candidates, rank_documents
from dedup.cluster import Edges, form_stars
from dedup.config import Config
from dedup.files import Chunk, Fields, parse
from dedup.kernels import overlaps
from dedup.normaliser import clean_batch
from dedup.normaliser.key import make_keys
from dedup.pipeline.judge import Keyed, judge_keys
from dedup.pipeline.prepare import prepare
from dedup.sketch import sketch
from dedup.statistics import Statistics
from dedup.verify import read_tokens, shingle_sets

N_DOCS = 2000
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
    return Sketched(signatures, fingerprints.values.to_numpy(), fingerprints.offsets.to_numpy(), ranks)


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


def test_clean(rate, records):
    cleaned = rate(clean_batch, records.column("text"), records.column("title"), n=N_DOCS)
    assert len(cleaned.readable) == N_DOCS


def test_keys(rate, records):
    keys, _ = rate(make_keys, records.column("text"), n=N_DOCS)
    assert len(keys) == N_DOCS


def test_sketch(rate, prepared):
    sketches = rate(sketch, prepared.column("key"), prepared.column("classes"), n=N_DOCS)
    assert len(sketches.signatures) == N_DOCS


def test_prepare(rate, records):
    assert rate(prepare, records, Config(), n=N_DOCS).num_rows == N_DOCS


def test_candidates(rate, sketched):
    assert len(rate(find_candidates, sketched, Config().candidates, n=N_DOCS).pairs) > N_DOCS // 20


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
