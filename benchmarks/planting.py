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
from dedup.evaluate.load import id_key

SAMPLES = ROOT / "samples" / "articles.jsonl"
LEAST_WORDS = 80
# A run over a large corpus takes its time; a small corpus needs many, each original serving once in each.
SMALL_CORPUS = 5000
RUNS_LARGE, RUNS_SMALL = 4, 40
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
    """Load the corpora of a folder with the truths beside them, or the project's samples."""
    if folder is None:
        return [_load(SAMPLES, {"truth": SAMPLES.with_name("truth.jsonl")})]
    found = []
    for path in sorted(folder.glob("*.jsonl*")):
        name = path.name.split(".")[0]
        if path.name in (f"{name}.jsonl", f"{name}.jsonl.zst") and (not only or name in only):
            found.append(_load(path, {kind: folder / f"{name}.{kind}.jsonl" for kind in ("read", "truth")}))
    return found


def _load(path: Path, truths: dict[str, Path]) -> Corpus:
    known = {kind: load_truth(file) for kind, file in truths.items() if file.exists()}
    return Corpus(path.name.split(".")[0], read_documents(path), known, digest_files([path]))


def plant(corpus: Corpus, kinds: Iterable[Kind], *, n: int, seed: int) -> list[Planted]:
    """Make up to ``n`` copies of each kind, of originals without near neighbours.

    An original serves once a run; kinds that suit few texts take originals
    again in a further run, with the others' copies out of the way.
    """
    pool = Pool(corpus.documents, seed=seed)
    originals = _lonely(corpus)
    random.Random(f"originals:{seed}").shuffle(originals)
    unspaced = {original.id for original in originals if is_unspaced(original.text)}
    n_used: Counter[Any] = Counter()
    planted: list[Planted] = []
    for kind in kinds:
        taken: set[Any] = set()
        for run in range(RUNS_LARGE if len(corpus.documents) > SMALL_CORPUS else RUNS_SMALL):
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


def _lonely(corpus: Corpus) -> list[Document]:
    """Return the prose texts without a near neighbour or a true copy; tables and lists are no articles."""
    sets = baselines.shingle_sets([document.text for document in corpus.documents], 3)
    closest = baselines.nearest(baselines.sign(sets, 126), 42, 3)
    copied = _copied(corpus)
    return [
        document
        for document, similarity in zip(corpus.documents, closest, strict=True)
        if similarity < NEIGHBOUR_LIMIT
        and id_key(document.id) not in copied
        and is_prose(document.text, least_words=LEAST_WORDS)
    ]


def _copied(corpus: Corpus) -> set[bytes]:
    copied: set[bytes] = set()
    for truth in corpus.truths.values():
        if isinstance(truth, ClusterTruth):
            sizes = Counter(truth.cluster_of.values())
            copied |= {one for one, cluster in truth.cluster_of.items() if sizes[cluster] > 1}
    return copied


def records_of_run(documents: list[Document], planted: list[Planted], run: int) -> list[Document]:
    """Return the corpus with the copies of one run in it."""
    present = [one for one in planted if one.run == run]
    changed = {one.original.id: one.original for one in present}
    return [changed.get(document.id, document) for document in documents] + [one.copy for one in present]
