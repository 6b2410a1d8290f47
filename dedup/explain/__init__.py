"""Two texts → everything the program sees in them and what it decides, step by step, with each value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from dedup import flags as bits
from dedup.candidates import LEAST_AGREEMENT, LEAST_SHARED, LEAST_SHARED_PART
from dedup.config import Config
from dedup.explain.rules import Check, check_rules
from dedup.normaliser import clean
from dedup.pipeline.library import deduplicate
from dedup.pipeline.pair import judge_two, microseconds
from dedup.records import Article, Decision, Removal
from dedup.report.diff import FACT_A, FACT_B, Diff, cut_words, word_diff
from dedup.report.records import plain
from dedup.statistics import Statistics
from dedup.verify import Overlap, View

__all__ = ["Explanation", "Text", "explain"]

# Shingles shown of those shared and of those only one text has.
_SHINGLES_SHOWN = 8
_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class Text:
    """One of the two texts, as it came and as it is compared."""

    id: str
    title: str | None
    source: str | None
    date: int | None
    readable: str
    key: str
    n_tokens: int
    n_shingles: int
    removed: tuple[Removal, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What two texts share, how likely they were to meet, and what was decided.

    Similarities are fractions. ``bands_met`` are those in which both
    signatures agree; ``chance`` is the probability 1 - (1 - J^r)^b of meeting
    in one at least (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4).
    """

    a: Text
    b: Text
    shared: int
    only_a: int
    only_b: int
    shingles_shared: list[str]
    shingles_only_a: list[str]
    shingles_only_b: list[str]
    jaccard: float
    estimated_jaccard: float
    a_in_b: float
    b_in_a: float
    bands: int
    rows: int
    bands_met: list[int]
    chance: float
    agreement: int
    fingerprints: tuple[int, int]
    fingerprints_shared: int
    candidate: bool
    candidate_why: str
    aligned: bool
    relation: str
    reason: str
    fuller: str | None
    ratio: float | None
    checks: list[Check]
    replaced: list[tuple[str, str]]
    diff: Diff
    kept: list[str]
    preferences: Mapping[str, Any]
    statistics: dict[str, Any]
    profile: str

    def to_dict(self) -> dict[str, Any]:
        """Return the content as JSON types."""
        return asdict(self)


def explain(
    a: Article,
    b: Article,
    *,
    config: Config | None = None,
    statistics: Statistics | None = None,
    statistics_name: str | None = None,
) -> Explanation:
    """Explain what is decided about two texts, and why.

    Parameters
    ----------
    a, b : Article
    config : Config, optional
        Cut-offs of the stages.
    statistics : Statistics, optional
        Frozen statistics to judge by; empty ones when absent, since two texts
        teach nothing.
    statistics_name : str, optional
        The file they came from.

    Examples
    --------
    >>> text = " ".join(f"word{n}" for n in range(80))
    >>> told = explain(Article(text, id="full"), Article(text[: len(text) // 2], id="cut"))
    >>> told.relation, told.fuller, told.kept
    ('contained', 'full', ['full'])
    """
    config, statistics = config or Config(), statistics or Statistics()
    names = _names(a, b)
    prepared, views, own, overlap, scored, aligned = judge_two(a, b, config, statistics)
    texts, cut = [], []
    for number, article in enumerate((a, b)):
        cleaned = clean(article.text, title=article.title)
        texts.append(_text(names[number], article, prepared, number, len(own[number]), cleaned.removed))
        cut.append(cut_words(cleaned.readable, cleaned.removed, article.text))
    diff = word_diff(cut[0], cut[1])
    decisions = deduplicate(
        [_named(a, names[0]), _named(b, names[1])], config=config, statistics=statistics
    ).decisions
    samples = _samples(views, own, config)
    return Explanation(
        a=texts[0],
        b=texts[1],
        shared=overlap.shared,
        only_a=overlap.size_a - overlap.shared,
        only_b=overlap.size_b - overlap.shared,
        shingles_shared=samples[0],
        shingles_only_a=samples[1],
        shingles_only_b=samples[2],
        jaccard=round(overlap.jaccard, 4),
        a_in_b=round(overlap.shared / max(1, overlap.size_a), 4),
        b_in_a=round(overlap.shared / max(1, overlap.size_b), 4),
        **_meeting(prepared, overlap, config),
        aligned=aligned,
        relation=scored.relation if aligned else "unrelated",
        reason=scored.reason if aligned else "too few shingles in common: the texts are not aligned",
        fuller=None if scored.fuller is None or not aligned else names[scored.fuller],
        ratio=scored.ratio,
        checks=check_rules(views, (texts[0].flags, texts[1].flags), overlap, statistics, config)
        if aligned
        else [],
        replaced=_replaced(diff),
        diff=diff,
        kept=[str(decision.id) for decision in decisions if decision.status == "kept"],
        preferences=_preferences(decisions),
        statistics={
            "name": statistics_name or "none given: house text is not known",
            "documents": statistics.n_docs,
            "house_lines": len(statistics.house),
            "fingerprint": statistics.fingerprint(),
        },
        profile=config.verify.profile,
    )


def _names(a: Article, b: Article) -> tuple[str, str]:
    first = plain(str(a.id), _NAME_CHARS) if a.id is not None else "A"
    second = plain(str(b.id), _NAME_CHARS) if b.id is not None else "B"
    return (first, second) if first != second else (f"{first} (1)", f"{second} (2)")


def _named(article: Article, name: str) -> Article:
    return Article(article.text, name, article.title, article.source, article.date, article.url)


def _samples(
    views: tuple[View, View], own: tuple[set[int], set[int]], config: Config
) -> tuple[list[str], ...]:
    """Return some of the shared shingles and of each text's own, as words, spread over the text."""
    words = [_shingle_words(view, config) for view in views]
    shared = [shingle for shingle in words[0] if shingle in words[1]]
    only = [[shingle for shingle in words[n] if shingle not in words[1 - n]] for n in (0, 1)]
    return tuple(_spread(found) for found in (shared, *only))


def _shingle_words(view: View, config: Config) -> dict[str, None]:
    found: dict[str, None] = {}
    tokens = view.tokens
    for at, kind in enumerate(view.classes):
        unspaced = bool(kind & bits.TOKEN_UNSPACED)
        size = config.sketch.shingle_characters if unspaced else config.sketch.shingle_tokens
        if at + size <= len(tokens):
            found[("" if unspaced else " ").join(tokens[at : at + size])] = None
    return found


def _spread(found: list[str]) -> list[str]:
    step = max(1, len(found) // _SHINGLES_SHOWN)
    return found[::step][:_SHINGLES_SHOWN]


def _meeting(prepared: pa.RecordBatch, overlap: Overlap, config: Config) -> dict[str, Any]:
    """Tell in which bands the signatures meet, which fingerprints they share, and whether that suffices."""
    n_perm, bands, rows = config.sketch.num_perm, config.candidates.bands, config.candidates.rows
    signatures = np.frombuffer(prepared.column("signature").buffers()[1], np.uint32)[: 2 * n_perm]
    same = np.equal(*signatures.reshape(2, n_perm))
    met = [band for band in range(bands) if all(same[(band * rows + row) % n_perm] for row in range(rows))]
    marks = [set(prepared.column("fingerprints")[number].as_py()) for number in (0, 1)]
    shared = len(marks[0] & marks[1])
    least = min(len(marks[0]), len(marks[1]))
    enough = shared >= max(1, min(LEAST_SHARED, least)) and shared >= LEAST_SHARED_PART * least
    agrees = int(same.sum()) >= max(1, round(LEAST_AGREEMENT * n_perm))
    ways = []
    if met and agrees:
        ways.append(f"{len(met)} of {bands} bands meet")
    if enough:
        ways.append(f"{shared} fingerprints are shared")
    return {
        "estimated_jaccard": round(float(same.mean()), 4),
        "bands": bands,
        "rows": rows,
        "bands_met": met,
        "chance": round(1 - (1 - overlap.jaccard**rows) ** bands, 4),
        "agreement": int(same.sum()),
        "fingerprints": (len(marks[0]), len(marks[1])),
        "fingerprints_shared": shared,
        "candidate": bool(ways),
        "candidate_why": " and ".join(ways)
        or "no band and too few fingerprints meet: the pair is never looked at",
    }


def _text(
    name: str,
    article: Article,
    prepared: pa.RecordBatch,
    number: int,
    n_shingles: int,
    removed: tuple[Removal, ...],
) -> Text:
    readable = prepared.column("readable")[number].as_py()
    return Text(
        name,
        article.title,
        article.source,
        microseconds(article),
        article.text if readable is None else readable,
        prepared.column("key")[number].as_py().decode(),
        prepared.column("n_tokens")[number].as_py(),
        n_shingles,
        removed,
        bits.flag_names(prepared.column("flags")[number].as_py()),
    )


def _replaced(diff: Diff) -> list[tuple[str, str]]:
    """Return the facts that stand for each other, as passages."""
    pairs: list[tuple[str, str]] = []
    waiting: list[str] = []
    for code, content in zip(diff[::2], diff[1::2], strict=True):
        if code == FACT_A:
            waiting.append(str(content).strip())
        elif code == FACT_B and waiting:
            pairs.append((" ".join(waiting), str(content).strip()))
            waiting = []
    return pairs


def _preferences(decisions: tuple[Decision, ...]) -> Mapping[str, Any]:
    return next((decision.preferences for decision in decisions if decision.preferences), {})
