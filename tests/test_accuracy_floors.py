"""Floors under the quality on the samples, and checks of the bench that measures it."""

import io
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import accuracy
import baselines
import perturb_facts
from corpus import SHAPES, write_corpus
from documents import Document, Pool, n_words, names_in, ordinary_words
from environment import ROOT, dedup_command
from perturb import KINDS, MIN_WORDS_LEFT
from planting import find_corpora, plant

from dedup.evaluate import Estimate

# The floors below were measured on this text; after a change of the samples measure again and pin both.
SAMPLES_DIGEST = "2ebbdad81613af31"
SEED = 1


@pytest.fixture(scope="module")
def corpus():
    return find_corpora(None, [])[0]


@pytest.fixture(scope="module")
def measured(corpus):
    return accuracy.measure_corpus(corpus, list(KINDS), n=20, seed=SEED, with_peers=False)


def share(rows, name, *, of=lambda row: True):
    """The share over all copies of the rows that are meant."""
    chosen = [row for row in rows if of(row)]
    return sum(row["n"] * row[name][0] for row in chosen) / sum(row["n"] for row in chosen)


def is_ocr(row):
    return row["kind"].startswith("OCR")


def test_the_floors_belong_to_the_samples_that_are_there(corpus):
    assert corpus.digest == SAMPLES_DIGEST, "measure again and pin the floors of this file"


def test_clusters_of_the_samples_stay_above_their_floors(measured):
    score = measured["truths"]["truth"]["dedup"]
    kept = score["partitions"][0]
    assert score["missing"] == 0
    assert kept["precision"]["value"] >= 0.97
    assert kept["recall"]["value"] >= 0.9
    assert kept["adjusted_rand"]["value"] >= 0.94
    assert score["n_wrong_witness"] <= 2


def test_perturbed_copies_are_found_and_dropped(measured):
    rows = [row for row in measured["kinds"] if row["expected"] == "dropped" and not is_ocr(row)]
    assert sum(row["n"] for row in rows) >= 100
    assert share(rows, "found") >= 0.97
    assert share(rows, "dropped") >= 0.95


def test_scanned_copies_are_dropped_under_their_profile(measured):
    assert share(measured["kinds"], "dropped", of=lambda row: is_ocr(row) and row["profile"] == "ocr") >= 0.9


def test_no_update_no_template_and_no_wire_mix_is_dropped(measured):
    rows = [row for row in measured["kinds"] if row["expected"] != "dropped"]
    assert {row["kind"] for row in rows} == {"template", "update", "wire mix"}
    assert share(rows, "dropped") == 0


def test_wire_mixes_are_found(measured):
    assert share(measured["kinds"], "found", of=lambda row: row["kind"] == "wire mix") >= 0.9


def test_templates_share_no_story(measured):
    assert share(measured["kinds"], "found", of=lambda row: row["kind"] == "template") == 0


def test_planting_twice_gives_the_same_copies_each_original_once_a_run(corpus):
    once, again = (plant(corpus, KINDS, n=3, seed=SEED) for _ in range(2))
    assert once == again
    assert len({(one.run, one.original.id) for one in once}) == len(once)
    assert len({one.copy.id for one in once}) == len(once)


SENTENCES = [
    "The council of Northgate approved 14 new buses for the harbour line on Tuesday evening.",
    "Mayor Ellen Varga said the order of $5 million would be paid over twelve years by the city.",
    "A report by the transport office found that 63 percent of riders wait more than 25 minutes.",
    "Critics such as Tomas Lindqvist recognized the need but called the color scheme a waste.",
    "Work on the depot near Alder Street is to begin in 9 weeks, officials in Northgate said.",
    "The labor union organized a meeting in the old town hall with Varga and 300 drivers.",
    "Older vehicles will be sold to the neighboring town of Eastmere for about $700,000.",
    "In the past three years the number of passengers grew by 18 percent, the office said.",
    "“It's a waste of good money,” Lindqvist told reporters outside the hall on Tuesday night.",
    "The first of the buses should be on the road before winter, according to Lindqvist.",
    "Tickets will cost 2.40 from next year, which is 10 cents more than riders pay now.",
]


@pytest.fixture(scope="module")
def made():
    rng = random.Random(5)
    documents = []
    for number in range(8):
        body = [
            one.replace("Northgate", f"Northgate{'abcdefgh'[number]}") for one in rng.sample(SENTENCES, 10)
        ]
        text = "\n\n".join(" ".join(body[place : place + 2]) for place in range(0, 11, 2))
        documents.append(
            Document(f"m{number}", text + "\n\n" + text.replace("The", "This"), "A title", "paper")
        )
    return documents, Pool(documents, seed=1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_gives_the_same_copy_twice_and_changes_the_text(made, kind):
    documents, pool = made
    document = documents[0]
    if kind.name == "weekday or date":
        document = Document("m", document.text, date=accuracy_date("2024-05-03"))
    copies = [kind.make(document, pool, random.Random(3)) for _ in range(2)]
    assert copies[0] == copies[1]
    assert copies[0].text != document.text


def accuracy_date(text):
    from documents import parse_date

    return parse_date(text)


def kind_named(name):
    return next(kind for kind in KINDS if kind.name == name)


def test_cuts_are_passages_of_the_original_and_long_enough(made):
    documents, pool = made
    for name in ("cut to 30 %", "cut to 70 %", "excerpt of 50 %"):
        copy = kind_named(name).make(documents[0], pool, random.Random(3))
        assert copy.text in documents[0].text
        assert documents[0].text.startswith(copy.text) == name.startswith("cut")
        wanted = int(name.split()[-2]) / 100 * n_words(documents[0].text)
        assert n_words(copy.text) == pytest.approx(wanted, abs=1)
    short = Document("s", " ".join(documents[0].text.split()[: 5 * MIN_WORDS_LEFT - 3]))
    assert kind_named("cut to 20 %").make(short, pool, random.Random(3)) is None


def test_edits_replace_the_share_of_ordinary_words_and_no_fact(made):
    documents, pool = made
    text = documents[0].text
    copy = kind_named("20 % edited").make(documents[0], pool, random.Random(3)).text
    changed = sum(a != b for a, b in zip(text.split(), copy.split(), strict=True))
    assert changed == round(0.2 * len(ordinary_words(text)))
    assert re.findall(r"\d+", copy) == re.findall(r"\d+", text)
    assert re.findall(r"[A-Z]\w+", copy) == re.findall(r"[A-Z]\w+", text)


def test_a_template_keeps_no_number_and_replaces_three_names_or_more(made):
    documents, pool = made
    text = documents[0].text
    copy = perturb_facts.template(documents[0], pool, random.Random(3))
    assert all(a != b for a, b in zip(re.findall(r"\d+", text), re.findall(r"\d+", copy), strict=True))
    assert len(set(names_in(text)) - set(names_in(copy))) >= 3


def test_an_update_changes_two_or_three_figures_and_adds_two_or_three_paragraphs(made):
    documents, pool = made
    text = documents[0].text
    copy = perturb_facts.update(documents[0], pool, random.Random(3))
    lines = {without_digits(line) for line in text.splitlines()}
    new = [line for line in copy.splitlines() if line and without_digits(line) not in lines]
    assert 2 <= len(new) <= 3
    assert all(30 <= n_words(line) <= 90 for line in new)
    kept = "\n".join(line for line in copy.splitlines() if line not in new)
    lost = set(re.findall(r"\d[\d.,]*\d|\d", text)) - set(re.findall(r"\d[\d.,]*\d|\d", kept))
    assert 2 <= len(lost) <= 3


def without_digits(line):
    return re.sub(r"[\d.,]+", "#", line)


@pytest.mark.parametrize(
    ("function", "text", "expected"),
    [
        (perturb_facts.other_number_form, "It took 12 men and 3 dogs.", "It took twelve men and three dogs."),
        (perturb_facts.other_number_form, "It took twelve men, two dogs.", "It took 12 men, 2 dogs."),
        (perturb_facts.other_number_form, "On May 12 it rose 3.5 to 1,200.", None),
        (perturb_facts.other_money_form, "It cost $5 mln then.", "It cost 5 million dollars then."),
        (perturb_facts.other_money_form, "It cost 5 mln dlrs then.", "It cost $5 million then."),
        (perturb_facts.other_spelling, "They organized a color.", "They organised a colour."),
        (perturb_facts.other_spelling, "They organised a colour.", "They organized a color."),
        (perturb_facts.other_day_form, "He said on Tuesday.", "He said on April 30."),
        (perturb_facts.other_day_form, "He said on April 30.", "He said on Tuesday."),
        (perturb_facts.other_day_form, "He said on March 3.", None),
    ],
)
def test_facts_take_another_form_with_the_same_meaning(function, text, expected):
    document = Document("d", text, date=accuracy_date("2024-05-03"))
    assert function(document, None, random.Random(1)) == expected


def test_the_program_is_measured_that_is_imported_whatever_the_working_directory(tmp_path):
    decoy = tmp_path / "dedup"
    decoy.mkdir()
    (decoy / "__init__.py").write_text("")
    (decoy / "cli.py").write_text("def main():\n    print('decoy')\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*dedup_command(), "--version"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "decoy" not in done.stdout


def test_baseline_signatures_are_those_of_datasketch():
    sets = baselines.shingle_sets(["one two three four five", "", "six"], 3)
    signatures = baselines.sign(sets, 64)
    for one, signature in zip(sets, signatures, strict=True):
        reference = MinHash(num_perm=64, seed=1, scheme="affine32", hashfunc=int)
        reference.update_batch([int(value) >> 32 for value in one])
        assert np.array_equal(signature, reference.hashvalues)


def test_baseline_buckets_hold_exactly_the_texts_with_equal_bands():
    rng = np.random.default_rng(1)
    signatures = rng.integers(0, 2, (30, 6)).astype(np.uint32)
    got = sorted(tuple(members) for members in baselines.buckets(signatures, 2, 3))
    expected = []
    for band in (signatures[:, :3], signatures[:, 3:]):
        groups = {}
        for number, row in enumerate(band):
            groups.setdefault(tuple(row), []).append(number)
        expected += [tuple(members) for members in groups.values() if len(members) > 1]
    assert got == sorted(expected)


def test_a_tally_counts_found_dropped_right_and_false():
    kind = kind_named("cut to 70 %")
    copies = [
        accuracy.Planted(kind, Document(f"o{number}", ""), Document(f"c{number}", ""), 0)
        for number in range(4)
    ]
    kept = {
        "o0": "o0",
        "c0": "o0",
        "o1": "c1",
        "c1": "c1",
        "o2": "o2",
        "c2": "c2",
        "o3": "o3",
        "c3": "x",
        "x": "x",
    }
    stories = {"o2": "s", "c2": "s"}
    fates = {one: accuracy.Fate(to, stories.get(one, to), {}) for one, to in kept.items()}
    alone = accuracy.Answer.of({one: accuracy.Fate(one, one, {}) for one in kept if one[0] != "c"})
    got = accuracy.tally(copies, {0: accuracy.Answer.of(fates)}, alone, seed=1)
    assert (got["found"][0], got["dropped"][0], got["right_kept"][0]) == (0.75, 0.5, 0.5)
    assert got["false_merges"] == 1
    assert Estimate(*got["found"]).low < 0.75


@pytest.mark.parametrize("shape", SHAPES[:-1])
def test_a_made_corpus_is_the_same_twice_and_its_truth_names_every_record(shape):
    texts = []
    for _ in range(2):
        out, truth = io.StringIO(), io.StringIO()
        write_corpus(out, n=300, mean_bytes=400, seed=3, shape=shape, truth=truth)
        texts.append(out.getvalue() + truth.getvalue())
        rows = [json.loads(line) for line in out.getvalue().splitlines()]
        known = [json.loads(line) for line in truth.getvalue().splitlines()]
        assert [row["id"] for row in rows] == [row["id"] for row in known]
        assert len({row["id"] for row in rows}) == 300
    assert texts[0] == texts[1]


def test_exact_families_of_a_made_corpus_are_equal_texts_and_templates_are_clusters_of_their_own():
    out, truth = io.StringIO(), io.StringIO()
    write_corpus(out, n=2000, mean_bytes=800, seed=3, truth=truth)
    texts = [json.loads(line)["text"] for line in out.getvalue().splitlines()]
    known = [json.loads(line) for line in truth.getvalue().splitlines()]
    clusters = {}
    for text, row in zip(texts, known, strict=True):
        clusters.setdefault(row["cluster"], []).append((text, row["kind"]))
    exact = [members for members in clusters.values() if members[0][1].startswith("exact")]
    assert len(exact) > 20
    assert all(len({text for text, _ in members}) == 1 for members in exact)
    assert sum(len(members) > 1 for members in exact) > 10
    template = [members for members in clusters.values() if members[0][1].startswith("template")]
    assert len(template) > 40
    assert all(len(members) == 1 for members in template)
    assert len({members[0][0] for members in template}) == len(template)
