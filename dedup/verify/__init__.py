"""Pairs of documents → relations with their evidence.

`decide_by_sets` rejects most pairs by their shingle sets; `relate` aligns the
rest, collects what either text has of its own and which facts were exchanged,
and applies the rules of `dedup.verify.rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dedup.config import VerifyConfig
from dedup.kernels import gaps as kernels
from dedup.records import ScoredPair
from dedup.verify import unspaced
from dedup.verify.align import Survey, Surveys, survey, survey_pairs
from dedup.verify.cascade import decide_by_sets, shingle_sets
from dedup.verify.digest import is_digest
from dedup.verify.evidence import Evidence, collect_pairs
from dedup.verify.relations import keep_both
from dedup.verify.rules import (
    TITLED_TOKENS,
    Verdict,
    days_between,
    decide,
    exchanged_facts,
    glance,
    limits_of,
    same_subject,
)
from dedup.verify.view import Tokens, View, line_hashes, read_tokens

__all__ = [
    "Overlap",
    "Tokens",
    "View",
    "decide_by_sets",
    "line_hashes",
    "read_tokens",
    "relate",
    "relate_pairs",
    "same_subject",
    "shingle_sets",
]

_OTHER: dict[Literal[0, 1] | None, Literal[0, 1] | None] = {0: 1, 1: 0, None: None}
# Every line of a short notice may stand in a dozen others, and be its fact all the same.
_NO_HOUSE: NDArray[np.uint64] = np.empty(0, np.uint64)


class Overlap(NamedTuple):
    """Distinct shingles that two documents share, and that each has.

    Examples
    --------
    >>> overlap = Overlap(30, 40, 90)
    >>> overlap.jaccard, overlap.containment
    (0.3, 0.75)
    """

    shared: int
    size_a: int
    size_b: int

    @property
    def jaccard(self) -> float:
        """|A ∩ B| / |A ∪ B|."""
        union = self.size_a + self.size_b - self.shared
        return self.shared / union if union else 0.0

    @property
    def containment(self) -> float:
        """|A ∩ B| / min(|A|, |B|)."""
        smaller = min(self.size_a, self.size_b)
        return self.shared / smaller if smaller else 0.0


def relate(
    a: View,
    b: View,
    overlap: Overlap,
    house: NDArray[np.uint64] = _NO_HOUSE,
    config: VerifyConfig | None = None,
) -> ScoredPair:
    """Decide the relation of two documents by alignment.

    Parameters
    ----------
    a, b : View
        The two documents.
    overlap : Overlap
        Of their true shingle sets.
    house : numpy.ndarray of uint64
        Hashes of house lines (`line_hashes`), sorted: such lines carry no weight.
    config : VerifyConfig, optional
        Profile and largest distance in days.

    Returns
    -------
    ScoredPair
        Its features: ``extra``, tokens of substance that only a has less
        those that only b has; ``foreign``, the same for furniture and house
        text; ``windowed``, 1 where the texts were too long to align in one piece.

    Examples
    --------
    >>> text = " ".join(f"word{n}" for n in range(60))
    >>> cut = " ".join(f"word{n}" for n in range(40))
    >>> pair = relate(View(text.encode(), bytes(60)), View(cut.encode(), bytes(40)), Overlap(38, 58, 38))
    >>> pair.relation, pair.fuller
    ('contained', 0)
    """
    config = config or VerifyConfig()
    # Of several best alignments one is taken: in a fixed order of the texts it is always the same one.
    swapped = (b.n_tokens, b.key) < (a.n_tokens, a.key)
    if swapped:
        a, b = b, a
    days = days_between(a, b)
    if config.max_days is not None and days is not None and days > config.max_days:
        return _too_late(days, overlap)
    if min(a.n_tokens, b.n_tokens) < TITLED_TOKENS:
        house = _NO_HOUSE
    shown = survey(a, b, house).among
    views = {int(shown.left[0]): a, int(shown.right[0]): b}
    return _judge(next(_look(views.__getitem__, shown, config)), overlap, config, swapped=swapped)


def relate_pairs(
    view: Callable[[int], View],
    tokens: Tokens,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    overlaps: Iterable[Overlap],
    house: NDArray[np.uint64],
    config: VerifyConfig,
) -> Iterator[ScoredPair]:
    """Decide the relations of many pairs: the same as `relate`, with one survey for all.

    Parameters
    ----------
    view : callable
        Makes the view of a document by its number in `tokens`.
    tokens : Tokens
        All documents.
    left, right : numpy.ndarray of int64, shape (n_pairs,)
        Their numbers.
    overlaps : iterable of Overlap
        One per pair.
    house : numpy.ndarray of uint64
        Hashes of house lines, sorted.
    config : VerifyConfig
    """
    sizes = np.diff(tokens.offsets)
    swapped = sizes[right] < sizes[left]
    for p in np.flatnonzero(sizes[right] == sizes[left]).tolist():
        swapped[p] = view(int(right[p])).key < view(int(left[p])).key
    first, second = np.where(swapped, right, left), np.where(swapped, left, right)
    days = [
        days_between(view(a), view(b)) if config.max_days is not None else None
        for a, b in zip(left.tolist(), right.tolist(), strict=True)
    ]
    near = np.array([day is None or day <= (config.max_days or 0) for day in days], np.bool_)
    in_house = np.minimum(sizes[left], sizes[right]) >= TITLED_TOKENS
    surveyed = survey_pairs(tokens, first[near], second[near], in_house[near], tokens.mark_house(house))
    found = chain.from_iterable(_look(view, surveys, config) for surveys in surveyed)
    for turned, is_near, day, overlap in zip(swapped.tolist(), near.tolist(), days, overlaps, strict=True):
        if is_near:
            yield _judge(next(found), overlap, config, swapped=turned)
        else:
            yield _too_late(day or 0, overlap)


class _Found(NamedTuple):
    """Two documents, their alignment, and what speaks against dropping either, or the evidence."""

    a: View
    b: View
    survey: Survey
    shows: tuple[str, str] | Evidence


def _look(view: Callable[[int], View], surveys: Surveys, config: VerifyConfig) -> Iterator[_Found]:
    """Look at pairs at a glance, and closer at those for which it is not enough."""
    views = [(view(a), view(b)) for a, b in zip(surveys.left.tolist(), surveys.right.tolist(), strict=True)]
    shown = [Survey(surveys, p) for p in range(len(views))]
    objections = [glance(a, b, one, config) for (a, b), one in zip(views, shown, strict=True)]
    chosen = [p for p, said in enumerate(objections) if said is None]
    limits, sizes = limits_of(config.profile), np.diff(surveys.tokens.offsets)
    longest = np.full(len(chosen), limits.passage, np.float64)
    most = limits.reworded * np.stack([sizes[surveys.left[chosen]], sizes[surveys.right[chosen]]], axis=1)
    ocr = config.profile == "ocr"
    evidence = collect_pairs([views[p] for p in chosen], [shown[p] for p in chosen], longest, most, ocr=ocr)
    for (a, b), one, said in zip(views, shown, objections, strict=True):
        yield _Found(a, b, one, next(evidence) if said is None else said)


def _judge(of: _Found, overlap: Overlap, config: VerifyConfig, *, swapped: bool) -> ScoredPair:
    """Hold what was found against the rules; `swapped` tells that the caller's a is b here."""
    a, b, shown, evidence = of
    counts = shown.counts
    jaccard, containment = overlap.jaccard, overlap.containment
    own, foreign = counts[kernels.OWN_A] - counts[kernels.OWN_B], 0
    exchanged = None
    ocr = config.profile == "ocr"
    found: Verdict | tuple[str, str]
    if not isinstance(evidence, Evidence):
        found = evidence
    else:
        found = decide(a, b, evidence, containment, config)
        if isinstance(found, Verdict) and not ocr and a.unspaced and b.unspaced:
            dropped = None if found.fuller is None else _OTHER[found.fuller]
            against = unspaced.objection(a, b, shown, dropped)
            found = (against, against) if against else found
        only_a, only_b = evidence.sides
        own, foreign = only_a.prose - only_b.prose, only_a.foreign - only_b.foreign
        if ocr or a.capitals == b.capitals == "nothing":
            evidence.hear()
        if ocr or evidence.replaced:
            exchanged = exchanged_facts(a, b, evidence)
    if not isinstance(found, Verdict):
        verdict = keep_both(a, b, shown, found, exchanged, jaccard, containment, ocr=ocr)
    elif found.fuller is not None and is_digest((a, b), shown, found.fuller):
        verdict = Verdict("digest", None, "digest: holds the other whole among other items")
    else:
        verdict = found
    if swapped:
        own, foreign = -own, -foreign
        if verdict.fuller is not None:
            verdict = verdict._replace(fuller=_OTHER[verdict.fuller])
    ratio = round(2 * shown.matched / max(1, a.n_tokens + b.n_tokens), 4)
    features = {"extra": own, "foreign": foreign, "windowed": int(shown.windowed)}
    return ScoredPair(
        verdict.relation,
        round(jaccard, 4),
        round(containment, 4),
        ratio,
        verdict.reason,
        verdict.fuller,
        features,
    )


def _too_late(days: float, overlap: Overlap) -> ScoredPair:
    jaccard, containment = round(overlap.jaccard, 4), round(overlap.containment, 4)
    return ScoredPair("related", jaccard, containment, None, f"related: {days:.0f} days apart", None, {})
