"""Plans: the formula, the choice, and what they refuse."""

from __future__ import annotations

import json
import xml.etree.ElementTree as Tree
from pathlib import Path

import numpy as np
import pytest

from dedup.cli.plan_view import curve_lines
from dedup.cli.report_commands import parse_count
from dedup.errors import UsageError
from dedup.files import find_inputs
from dedup.plan import chance, draw_curve, make_plan

SAMPLES = str(Path(__file__).parent.parent / "samples" / "articles.jsonl")


@pytest.fixture(scope="module")
def plan():
    return make_plan(100_000, similarity=0.5, workers=1)


def test_the_chance_to_meet_is_what_a_simulation_gives():
    agree = np.random.default_rng(1).random((20_000, 42, 3)) < 0.4
    assert chance(0.4, 42, 3) == pytest.approx(agree.all(axis=2).any(axis=1).mean(), abs=0.01)


def test_the_choice_has_the_best_recall_within_budget_and_signature(plan):
    assert all(choice.meetings_per_document <= plan.budget * 1.001 for choice in plan.alternatives)
    assert all(choice.bands * choice.rows <= 128 for choice in plan.alternatives)
    assert plan.chosen.recall == max(choice.recall for choice in plan.alternatives)


def test_a_larger_corpus_or_a_smaller_budget_never_raises_recall(plan):
    assert make_plan(100_000_000, workers=1).chosen.recall <= plan.chosen.recall
    assert make_plan(100_000, budget=0.01, workers=1).chosen.recall <= plan.chosen.recall


def test_space_and_time_grow_with_the_corpus(plan):
    double = make_plan(200_000, workers=1)
    assert double.memory_bytes > plan.memory_bytes
    assert double.disk_bytes == pytest.approx(2 * plan.disk_bytes, rel=0.01)


def test_a_sample_of_the_texts_is_measured():
    plan = make_plan(10_000, sample=find_inputs([SAMPLES]), workers=1)
    assert "of your texts" in plan.measured_on
    json.dumps(plan.to_dict())


def test_the_curve_rises_in_both_drawings(plan):
    values = [y for _, y in plan.curve]
    assert values == sorted(values)
    lines = curve_lines(plan)
    assert "█" in lines[0]
    assert len({line.index("│") for line in lines if "│" in line}) == 1
    drawn = Tree.fromstring(draw_curve(plan))
    assert drawn.find("{http://www.w3.org/2000/svg}polyline") is not None


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"similarity": 0.0}, "similarity"), ({"budget": 0.0}, "budget"), ({"documents": 0}, "documents")],
)
def test_numbers_without_sense_are_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        make_plan(**{"documents": 10, **settings})


@pytest.mark.parametrize(("text", "number"), [("500k", 500_000), ("2M", 2_000_000), ("1,000", 1_000)])
def test_counts_are_read_with_their_units(text, number):
    assert parse_count(text) == number


@pytest.mark.parametrize("text", ["", "many", "0", "-3", "1.2.3"])
def test_other_counts_are_refused(text):
    with pytest.raises(UsageError, match="cannot read the number"):
        parse_count(text)
