"""Two texts alone, taken through cleaning, sketching and verifying as in a run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from dedup.config import Config
from dedup.normaliser.key import utf8_buffers
from dedup.pipeline.prepare import prepare
from dedup.records import Article, ScoredPair
from dedup.schema import RECORDS
from dedup.statistics import Statistics
from dedup.verify import Overlap, Tokens, View, decide_by_sets, read_tokens, relate, shingle_sets


class JudgedPair(NamedTuple):
    """What the stages make of two texts; `aligned` tells whether their shingles called for an alignment."""

    prepared: pa.RecordBatch
    views: tuple[View, View]
    shingles: tuple[set[int], set[int]]
    overlap: Overlap
    scored: ScoredPair
    aligned: bool


def judge_two(
    a: Article, b: Article, config: Config | None = None, statistics: Statistics | None = None
) -> JudgedPair:
    """Judge two texts.

    Examples
    --------
    >>> judge_two(Article("A text about ships."), Article("Another one about trains.")).scored.relation
    'unrelated'
    """
    config, statistics = config or Config(), statistics or Statistics()
    prepared = prepare(_batch(a, b), config)
    tokens = read_tokens(*utf8_buffers(prepared.column("key")), *utf8_buffers(prepared.column("classes")))
    views = _view(prepared, tokens, 0), _view(prepared, tokens, 1)
    hashes, sets = shingle_sets(tokens, config.sketch)
    own = set(hashes[sets[0] : sets[1]].tolist()), set(hashes[sets[1] : sets[2]].tolist())
    overlap = Overlap(len(own[0] & own[1]), len(own[0]), len(own[1]))
    scored = relate(views[0], views[1], overlap, statistics.house, config.verify)
    sizes = [np.array([value]) for value in (*overlap, views[0].n_tokens, views[1].n_tokens)]
    undecided = decide_by_sets(sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], config.verify)
    return JudgedPair(prepared, views, own, overlap, scored, bool(undecided[0]))


def microseconds(article: Article) -> int | None:
    """Return an article's date in microseconds since 1970."""
    return round(article.date.timestamp() * 1_000_000) if article.date is not None else None


def _batch(*articles: Article) -> pa.RecordBatch:
    values: dict[str, Any] = {name: [None] * len(articles) for name in RECORDS.names}
    values |= {
        "text": [article.text.encode("utf-8", "replace").decode() for article in articles],
        "title": [article.title for article in articles],
        "source": [article.source for article in articles],
        "date": [microseconds(article) for article in articles],
        "line": [1, 2],
        "offset": [-1, -1],
        "length": [-1, -1],
        "flags": [0, 0],
    }
    return pa.record_batch([pa.array(values[f.name], f.type) for f in RECORDS], schema=RECORDS)


def _view(prepared: pa.RecordBatch, tokens: Tokens, number: int) -> View:
    return View.of(
        tokens,
        number,
        title_tokens=(prepared.column("title_key")[number].as_py() or b"").decode().split(),
        source=prepared.column("source")[number].as_py(),
        date=prepared.column("date")[number].as_py(),
    )
