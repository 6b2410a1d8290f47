"""Audits: a candidate stage that misses pairs must show, and labels must fit `dedup evaluate`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dedup.audit import audit, label_pairs, truth_rows, wilson
from dedup.config import CandidateConfig, Config
from dedup.errors import UsageError
from dedup.evaluate import load_truth
from dedup.files import find_inputs
from dedup.pipeline import resolve
from dedup.pipeline.outputs import Outputs
from dedup.pipeline.run import run

SAMPLES = str(Path(__file__).parent.parent / "samples" / "articles.jsonl")


@pytest.fixture(scope="module")
def measured():
    return audit(find_inputs([SAMPLES]), workers=1)


def test_every_copy_in_the_samples_is_a_candidate(measured):
    assert measured.to_find > 20
    assert measured.recall == 1.0
    assert measured.interval[0] > 0.9
    assert measured.missed_drops == 0


def test_the_whole_sample_is_compared_with_everything_once(measured):
    n = measured.sampled
    assert measured.compared == n * (n - 1) // 2


def test_several_inputs_measure_the_same_as_one(measured, tmp_path):
    lines = Path(SAMPLES).read_text("utf-8").splitlines(keepends=True)
    for part in range(3):
        (tmp_path / f"{part}.jsonl").write_text("".join(lines[part::3]), "utf-8")
    apart = audit(find_inputs([str(tmp_path)]), workers=1)
    for name in ("documents", "sampled", "compared", "to_find", "found", "missed_drops", "drops"):
        assert getattr(apart, name) == getattr(measured, name), name
    assert {(pair.a.id, pair.b.id) for pair in apart.pairs} == {
        (pair.a.id, pair.b.id) for pair in measured.pairs
    }


def test_a_blind_candidate_stage_is_caught(monkeypatch):
    find = resolve.find_candidates

    def blind(*arguments, **settings):
        found = find(*arguments, **settings)
        return type(found)(found.pairs[::2], found.counters)

    monkeypatch.setattr(resolve, "find_candidates", blind)
    measured = audit(find_inputs([SAMPLES]), workers=1, config=Config(candidates=CandidateConfig()))
    assert measured.recall is not None
    assert measured.recall < 0.8
    assert measured.missed_drops > 0


def test_doubtful_drops_are_the_least_contained_first_and_misses_the_most(measured):
    doubtful = [pair.containment for pair in measured.pairs if pair.kind == "doubtful drop"]
    misses = [pair.containment for pair in measured.pairs if pair.kind == "near miss"]
    assert doubtful == sorted(doubtful)
    assert misses == sorted(misses, reverse=True)
    assert {pair.relation for pair in measured.pairs if pair.kind == "near miss"}.isdisjoint(
        {"near", "contained"}
    )


def test_chance_draws_from_all_drops_also_from_the_doubtful_ones(measured):
    assert {pair.kind for pair in measured.pairs if pair.drawn} == {"doubtful drop", "random drop"}


def test_drops_and_exact_copies_make_up_all_drops_of_the_run(measured, tmp_path):
    decisions = tmp_path / "decisions.jsonl"
    run([SAMPLES], Outputs(decisions=str(decisions)), workers=1)
    rows = [json.loads(line) for line in decisions.read_text("utf-8").splitlines()]
    relations = [row["relation"] for row in rows if row["status"] == "dropped"]
    assert measured.drops + measured.exact == len(relations)
    # The copy of a text that is dropped goes with it, for the one that this is dropped for.
    assert measured.exact >= relations.count("exact") > 0
    kept = {row["id"] for row in rows if row["status"] == "kept"}
    missed = [pair for pair in measured.pairs if pair.kind == "near miss"]
    assert {side.id for pair in missed for side in (pair.a, pair.b)} <= kept


def test_a_miss_that_only_its_dates_keep_apart_says_so(tmp_path):
    text = "Rain stopped the county show at Ashby {} after the judging of the sheep, the organisers said."
    rows = [
        {"id": 1, "text": text.format("on Hill Farm"), "date": "2026-05-01"},
        {"id": 2, "text": text.format("at Hill Farm"), "date": "2026-05-03"},
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (pair,) = audit(find_inputs([str(path)]), workers=1).pairs
    assert (pair.kind, pair.relation) == ("near miss", "near")
    assert pair.reason.endswith("; kept for their dates")


def label_command(target):
    flags = [SAMPLES, "--label", "-o", str(target), "--workers", "1"]
    return [sys.executable, "-m", "dedup", "audit", *flags]


def asked(folder, answers, **settings):
    """Return the finished dialogue and the labels written."""
    target = folder / "truth.jsonl"
    command = label_command(target)
    done = subprocess.run(command, input=answers, capture_output=True, check=False, **settings)
    return done, [json.loads(line)["drop"] for line in target.read_bytes().splitlines()]


def test_a_mistyped_answer_is_asked_again_and_the_end_of_input_keeps_the_answers(tmp_path):
    done, labels = asked(tmp_path, b"y\nx\n\n\xff\xe9\nNO\nu\n")
    assert done.returncode == 0, done.stderr
    assert labels == ["yes", "no", "debatable"]
    # Three mistyped answers, and the fourth question that nobody answered.
    assert done.stdout.count(b"[y]es") == 3 + 3 + 1


def test_an_interrupted_dialogue_keeps_the_answers(tmp_path):
    target = tmp_path / "truth.jsonl"
    command = label_command(target)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        process.stdin.write(b"y\nn\n")
        shown = b""
        while shown.count(b"[q]uit: ") < 3:
            shown += process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 130
    assert [json.loads(line)["drop"] for line in target.read_bytes().splitlines()] == ["yes", "no"]


def test_no_answer_leaves_earlier_answers_in_place(tmp_path):
    (tmp_path / "truth.jsonl").write_text('{"a":1,"b":2,"drop":"yes"}\n')
    assert asked(tmp_path, b"q\n")[1] == ["yes"]
    assert [path.name for path in tmp_path.iterdir()] == ["truth.jsonl"]


def test_false_drops_are_stated_only_once_there_are_labels(measured):
    assert measured.false_drops() is None
    answers = iter(["yes", "no", "unsure", *["yes"] * 100])
    try:
        label_pairs(measured.pairs, lambda *_: next(answers))
        stated = measured.false_drops()
        drawn = [pair.label for pair in measured.pairs if pair.drawn]
        assert len(drawn) == min(20, measured.drops)
        assert stated["labelled"] == len(drawn) - drawn.count("debatable")
        assert stated["wrong"] == drawn.count("no")
        assert [pair.label for pair in measured.pairs[:3]] == ["yes", "no", "debatable"]
    finally:
        for pair in measured.pairs:
            pair.label = None


def test_labels_make_a_truth_that_evaluate_takes(measured, tmp_path):
    answers = iter(["yes", "no", "unsure", None])
    try:
        assert label_pairs(measured.pairs, lambda *_: next(answers)) == 3
        path = tmp_path / "truth.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in truth_rows(measured.pairs)))
        assert [pair.label for pair in load_truth(path).pairs] == ["yes", "no", "debatable"]
    finally:
        for pair in measured.pairs:
            pair.label = None


def test_without_copies_recall_is_not_claimed(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"id": 1, "text": "One text alone about the harbour and its cranes."}\n')
    measured = audit(find_inputs([str(path)]), workers=1)
    assert measured.recall is None
    assert measured.interval == (0.0, 1.0)


def test_intervals_are_those_of_wilson():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10) == (0.7225, 1.0)
    assert wilson(0, 10) == (0.0, 0.2775)


def test_an_empty_sample_is_refused():
    with pytest.raises(UsageError, match="--sample 0"):
        audit(find_inputs([SAMPLES]), sample=0)
