"""Measure what the whole program finds, drops and wrongly merges, and what other tools' settings do.

    python benchmarks/accuracy.py [--data DIR] [--only KIND]... [--sample N] [--json OUT]

Perturbed copies of documents that have no near neighbour are put among all
documents of their corpus, each original once a run. Pairs judged by reading
(NAME.read.jsonl), rule-made pairs and clusters (NAME.truth.jsonl) beside a
corpus (NAME.jsonl or NAME.jsonl.zst) are scored on the corpus as it is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import baselines
import msgspec
import numpy as np
from accuracy_tables import print_corpus
from baselines import BASELINES, Baseline
from documents import Document, read_rows, write_rows
from environment import RESULTS, dedup_command, describe_run, write_result
from perturb import KINDS, Kind
from planting import SAMPLES, SMALL_CORPUS, Corpus, Planted, find_corpora, plant, records_of_run
from rich.console import Console

from dedup import deduplicate
from dedup.config import Config, Profile, VerifyConfig
from dedup.evaluate import ClusterTruth, evaluate
from dedup.evaluate.scores import Floats, ratio, resample
from dedup.records import Decision

OVERLAPS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Fate:
    """Where a record ended: its survivor, its story, and what the program said of it."""

    kept: Any
    story: Any
    relations: dict[Any, str]  # by the other record's id, of drops and links


@dataclass(frozen=True, slots=True)
class Answer:
    """What one program made of one list of documents: fates by id, and who ended together."""

    fates: dict[Any, Fate]
    members: dict[Any, set[Any]]

    @classmethod
    def of(cls, fates: dict[Any, Fate]) -> Answer:
        """Group the fates by survivor."""
        members: dict[Any, set[Any]] = defaultdict(set)
        for one, fate in fates.items():
            members[fate.kept].add(one)
        return cls(fates, members)

    def merged_with(self, one: Any) -> set[Any]:
        """Return the ids that ended as the same survivor, the record itself included."""
        return self.members[self.fates[one].kept]


def run_program(documents: list[Document], *, profile: Profile) -> tuple[Answer, list[Any]]:
    """Run the whole program over the documents; return its answer, and the decisions.

    A large corpus goes through the command line, which works in parallel; a
    small one through the library, which starts sooner.
    """
    rows = [document.row() for document in documents]
    if len(documents) <= SMALL_CORPUS:
        result = deduplicate(rows, config=Config(verify=VerifyConfig(profile=profile)))
        return Answer.of({one.id: _fate_of(one) for one in result.decisions}), list(result.decisions)
    with tempfile.TemporaryDirectory() as folder:
        source, decisions = Path(folder, "in.jsonl"), Path(folder, "decisions.jsonl")
        write_rows(source, rows)
        command = [*dedup_command(), "run", str(source)]
        options = ["-o", str(Path(folder, "kept.jsonl")), "--decisions", str(decisions), "--profile", profile]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"dedup run ended with exit {done.returncode}: {done.stderr.strip()[-2000:]}")
        found = [msgspec.convert(row, Decision) for row in read_rows(decisions)]
        return Answer.of({one.id: _fate_of(one) for one in found}), found


def _fate_of(decision: Decision) -> Fate:
    relations = {link.id: str(link.relation) for link in decision.links}
    if decision.status == "dropped":
        relations[decision.kept_id] = str(decision.relation)
    kept = decision.kept_id if decision.status == "dropped" else decision.id
    return Fate(kept, kept if decision.story is None else decision.story, relations)


class BaselineRunner:
    """Run one setting over a corpus and over the corpus with copies, signing each text once."""

    def __init__(self, documents: list[Document], baseline: Baseline) -> None:
        self._baseline = baseline
        self._row = {document.id: (document.text, row) for row, document in enumerate(documents)}
        self._sets = self._shingle([document.text for document in documents])
        self._signatures = baselines.sign(self._sets, baseline.num_perm)

    def run(self, documents: list[Document]) -> Answer:
        """Cluster the whole list by union-find."""
        rows = [self._row.get(document.id, (None, -1)) for document in documents]
        known = np.array(
            [row if text == one.text else -1 for (text, row), one in zip(rows, documents, strict=True)]
        )
        new = [place for place, row in enumerate(known) if row < 0]
        new_sets = iter(self._shingle([documents[place].text for place in new]))
        sets = [self._sets[row] if row >= 0 else next(new_sets) for row in known]
        signatures = self._signatures[known]
        if new:
            signatures[new] = baselines.sign([sets[place] for place in new], self._baseline.num_perm)
        labels = baselines.cluster(signatures, sets, self._baseline)
        ids = [documents[label].id for label in labels]
        fates = {document.id: Fate(kept, kept, {}) for document, kept in zip(documents, ids, strict=True)}
        return Answer.of(fates)

    def _shingle(self, texts: list[str]) -> list[baselines.Words64]:
        return baselines.shingle_sets(
            texts, self._baseline.shingle_words, mask_digits=self._baseline.mask_digits
        )


def tally(copies: list[Planted], answers: dict[int, Answer], natural: Answer, *, seed: int) -> dict[str, Any]:
    """Count what became of copies of one kind, given a program's answer to each run they are in.

    ``false_merges`` counts copies whose cluster, or whose original's, holds a
    third record that the original isn't merged with when no copy is about.
    """
    rows, relations = [], Counter[str]()
    for one in copies:
        answer, pair = answers[one.run], {one.copy.id, one.original.id}
        copy, original = answer.fates[one.copy.id], answer.fates[one.original.id]
        dropped = copy.kept == original.kept
        found = dropped or copy.story == original.story
        survivor = {"copy": one.copy.id, "original": one.original.id, None: None}[one.kind.keeper]
        judged = dropped and survivor is not None
        thirds = (answer.merged_with(one.copy.id) | answer.merged_with(one.original.id)) - pair
        false = bool(thirds - natural.merged_with(one.original.id))
        rows.append((1, found, dropped, judged, judged and copy.kept == survivor, false))
        relations[copy.relations.get(one.original.id) or original.relations.get(one.copy.id) or "none"] += 1
    names = ("found", "dropped", "right_kept", "false_merged")
    estimates = resample(np.array(rows, dtype=float), _shares, np.random.default_rng(seed))
    shares = {name: [one.value, one.low, one.high] for name, one in zip(names, estimates, strict=True)}
    return {
        "n": len(rows),
        **shares,
        "false_merges": sum(row[-1] for row in rows),
        "relations": dict(relations),
    }


def _shares(sums: Floats) -> Floats:
    n, found, dropped, judged, right, false = np.moveaxis(sums, -1, 0)
    return np.stack([ratio(found, n), ratio(dropped, n), ratio(right, judged), ratio(false, n)], axis=-1)


def measure_kinds(
    corpus: Corpus, planted: list[Planted], natural: Answer, *, seed: int, peers: dict[str, BaselineRunner]
) -> list[dict[str, Any]]:
    """Run the program, and each setting, over the corpus with copies; one row per kind and profile."""
    runs = sorted({one.run for one in planted})
    lists = {run: records_of_run(corpus.documents, planted, run) for run in runs}
    scanned = {one.run for one in planted if one.kind.ocr}
    ours = {
        "news": {run: run_program(lists[run], profile="news")[0] for run in runs},
        "ocr": {run: run_program(lists[run], profile="ocr")[0] for run in scanned},
    }
    theirs = {
        name: ({run: runner.run(lists[run]) for run in runs}, runner.run(corpus.documents))
        for name, runner in peers.items()
    }
    rows = []
    for kind in dict.fromkeys(one.kind for one in planted):
        copies = [one for one in planted if one.kind is kind]
        by_peer = {
            name: tally(copies, answers, alone, seed=seed) for name, (answers, alone) in theirs.items()
        }
        for profile in ("news", "ocr") if kind.ocr else ("news",):
            about = {"kind": kind.name, "profile": profile, "expected": kind.expected, "keeper": kind.keeper}
            rows.append(about | tally(copies, ours[profile], natural, seed=seed) | {"peers": by_peer})
    return rows


def measure_truths(
    corpus: Corpus, decisions: list[Any], natural_peers: dict[str, Answer], *, seed: int
) -> dict[str, Any]:
    """Score the program and each setting against the corpus' truths."""
    scored: dict[str, Any] = {}
    for name, truth in corpus.truths.items():
        scored[name] = {"dedup": evaluate(decisions, truth, seed=seed).to_dict()}
        for peer, answer in natural_peers.items():
            scored[name][peer] = evaluate(_as_decisions(answer), truth, seed=seed).to_dict()
    return scored


def _as_decisions(answer: Answer) -> list[Decision]:
    return [
        Decision(str(one), one, "kept")
        if fate.kept == one
        else Decision(str(one), one, "dropped", kept_id=fate.kept)
        for one, fate in answer.fates.items()
    ]


def recall_by_overlap(
    corpus: Corpus, truth: ClusterTruth, answers: dict[str, Answer]
) -> list[dict[str, Any]]:
    """For pairs within true clusters, by Jaccard of 3-word shingles: how many are found and dropped."""
    sets = dict(
        zip(
            (document.id for document in corpus.documents),
            baselines.shingle_sets([document.text for document in corpus.documents], 3),
            strict=True,
        )
    )
    clusters: dict[bytes, list[Any]] = defaultdict(list)
    for key, cluster in truth.cluster_of.items():
        clusters[cluster].append(json.loads(key))
    pairs = [
        (a, b, baselines.jaccard(sets[a], sets[b]))
        for members in clusters.values()
        for place, a in enumerate(members)
        for b in members[place + 1 :]
    ]
    rows = []
    for low, high in pairwise(OVERLAPS):
        inside = [(a, b) for a, b, overlap in pairs if low <= overlap < high or overlap == high == 1.0]
        row: dict[str, Any] = {"jaccard": [low, high], "n": len(inside)}
        for name, answer in answers.items():
            one = answer.fates
            dropped = sum(one[a].kept == one[b].kept for a, b in inside)
            found = sum(one[a].kept == one[b].kept or one[a].story == one[b].story for a, b in inside)
            row[name] = {"found": found / max(1, len(inside)), "dropped": dropped / max(1, len(inside))}
        rows.append(row)
    return rows


def measure_corpus(
    corpus: Corpus, kinds: list[Kind], *, n: int, seed: int, with_peers: bool
) -> dict[str, Any]:
    """Return all figures of one corpus."""
    natural, decisions = run_program(corpus.documents, profile="news")
    runners = [BaselineRunner(corpus.documents, one) for one in BASELINES] if with_peers else []
    peers = {one.name: runner for one, runner in zip(BASELINES, runners, strict=False)}
    natural_peers = {name: runner.run(corpus.documents) for name, runner in peers.items()}
    planted = plant(corpus, kinds, n=n, seed=seed)
    rows = measure_kinds(corpus, planted, natural, seed=seed, peers=peers)
    result = {
        "digest": corpus.digest,
        "n_documents": len(corpus.documents),
        "kinds": rows,
        "truths": measure_truths(corpus, decisions, natural_peers, seed=seed),
    }
    truth = corpus.truths.get("truth")
    if isinstance(truth, ClusterTruth):
        result["recall_by_overlap"] = recall_by_overlap(corpus, truth, {"dedup": natural, **natural_peers})
    return result


def main() -> None:
    """Measure, print, and write the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of corpora; without it: the project's samples")
    parser.add_argument(
        "--corpus", action="append", default=[], help="name of a corpus of the folder; repeatable"
    )
    parser.add_argument("--only", action="append", default=[], help="part of a kind's name; repeatable")
    parser.add_argument("--sample", type=int, default=300, help="originals per kind and corpus")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true", help="leave out other tools' settings")
    parser.add_argument("--json", type=Path, default=RESULTS / "accuracy.json")
    options = parser.parse_args()
    kinds = [kind for kind in KINDS if not options.only or any(part in kind.name for part in options.only)]
    if not kinds:
        parser.error(f"no kind matches {options.only}; there are: {', '.join(kind.name for kind in KINDS)}")
    corpora = find_corpora(options.data, options.corpus)
    if not corpora:
        parser.error(f"no corpus NAME.jsonl or NAME.jsonl.zst in {options.data or SAMPLES.parent}")
    console = Console(width=150)
    result = describe_run(seed=options.seed, sample=options.sample, corpora={})
    for corpus in corpora:
        measured = measure_corpus(
            corpus, kinds, n=options.sample, seed=options.seed, with_peers=not options.no_peers
        )
        result["corpora"][corpus.name] = measured
        print_corpus(console, corpus.name, measured)
        write_result(options.json, result)


if __name__ == "__main__":
    main()
