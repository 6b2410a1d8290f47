"""Corpora with perturbed copies planted among their documents."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import baselines
from documents import Document, Pool, digest_files, is_prose, is_unspaced, read_documents
from environment import ROOT
from perturb import Copy, Kind

from dedup.evaluate import ClusterTruth, PairTruth, load_truth

SAMPLES = ROOT / "samples" / "articles.jsonl"
LEAST_WORDS = 80
# An original's natural neighbours stay below this estimated Jaccard of 3-word shingles.
NEIGHBOUR_LIMIT = 0.2


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents with the truths that are known of them."""

    name: str
    documents: list[Document]
    truths: dict[str, PairTruth | ClusterTruth]
    digest: str


@dataclass(frozen=True, slots=True)
class Planted:
    """A perturbed copy, the original's text where that changes too, and the run that both are in."""

    kind: Kind
    original: Document
    copy: Document
    run: int


def find_corpora(folder: Path | None, only: Sequence[str]) -> list[Corpus]:
    """Load the corpora of a folder, or the project's samples."""
    paths = [SAMPLES] if folder is None else sorted(folder.glob("*.jsonl*"))
    corpora = []
    for path in paths:
        name = path.name.split(".")[0]
        if path.name not in (f"{name}.jsonl", f"{name}.jsonl.zst") or (only and name not in only):
            continue
        beside = {kind: path.parent / f"{name}.{kind}.jsonl" for kind in ("read", "truth")}
        truths = {kind: load_truth(file) for kind, file in beside.items() if file.exists()}
        corpora.append(Corpus(name, read_documents(path), truths, digest_files([path])))
    return corpora


def plant(documents: list[Document], kinds: Iterable[Kind], *, n: int, seed: int) -> list[Planted]:
    """Make up to ``n`` copies of each kind, of originals without near neighbours.

    An original serves once a run; kinds that suit few texts take originals
    again in a further run, with the others' copies out of the way.
    """
    pool = Pool(documents, seed=seed)
    originals = _lonely(documents)
    random.Random(f"originals:{seed}").shuffle(originals)
    unspaced = {original.id for original in originals if is_unspaced(original.text)}
    n_used: Counter[Any] = Counter()
    planted: list[Planted] = []
    for kind in kinds:
        taken: set[Any] = set()
        for run in range(4):
            for original in originals:
                if len(taken) == n:
                    break
                if n_used[original.id] != run or original.id in taken:
                    continue
                if kind.spaced and original.id in unspaced:
                    continue
                rng = random.Random(f"{seed}:{kind.name}:{original.id}")
                copy = kind.make(original, pool, rng)
                if copy is None:
                    continue
                taken.add(original.id)
                n_used[original.id] += 1
                planted.append(_planted(kind, original, copy, number=len(planted), run=run))
    return planted


def _planted(kind: Kind, original: Document, copy: Copy, *, number: int, run: int) -> Planted:
    # A reprint comes on the same day or the next.
    day = original.date and original.date + timedelta(days=number % 2)
    title = original.title if copy.headline is None or original.title is None else copy.headline
    document = Document(f"copy-{number:06}", copy.text, title, "perturbed", day)
    return Planted(kind, replace(original, text=copy.original or original.text), document, run)


def _lonely(documents: list[Document]) -> list[Document]:
    """Return the prose texts without a near neighbour; tables and lists are no articles."""
    sets = baselines.shingle_sets([document.text for document in documents], 3)
    closest = baselines.nearest(baselines.sign(sets, 126), 42, 3)
    return [
        document
        for document, similarity in zip(documents, closest, strict=True)
        if similarity < NEIGHBOUR_LIMIT and is_prose(document.text, least_words=LEAST_WORDS)
    ]


def records_of_run(documents: list[Document], planted: list[Planted], run: int) -> list[Document]:
    """Return the corpus with the copies of one run in it."""
    present = [one for one in planted if one.run == run]
    changed = {one.original.id: one.original for one in present}
    return [changed.get(document.id, document) for document in documents] + [one.copy for one in present]
