"""Explanations say what the run does, by its own values."""

from __future__ import annotations

import io
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from dedup import Article
from dedup.config import Config, ReadConfig, VerifyConfig
from dedup.errors import UsageError
from dedup.explain import explain
from dedup.explain.find import find_pair
from dedup.explain.page import render_explanation
from dedup.explain.rules import ROWS
from dedup.explain.terminal import show
from dedup.pipeline.library import deduplicate
from dedup.pipeline.outputs import Outputs
from dedup.pipeline.run import run
from dedup.verify.rules import RULES

SAMPLES = Path(__file__).parent.parent / "samples" / "articles.jsonl"
DROPPING = ("exact", "near", "contained")


@pytest.fixture(scope="module")
def articles():
    rows = [json.loads(line) for line in SAMPLES.read_text("utf-8").splitlines()]
    found = {}
    for row in rows:
        text = row.get("text") or row.get("body")
        found[row.get("id")] = Article(text, row.get("id"), row.get("title"), row.get("source"))
    return found


def families(articles):
    names = sorted((str(name), name) for name in articles if name is not None)
    for _, family in itertools.groupby(names, key=lambda name: name[0].rpartition("-")[0]):
        yield from itertools.combinations([name for _, name in family], 2)


def test_relation_and_keeper_are_those_of_the_run_for_all_pairs_of_a_family(articles):
    seen = set()
    for a, b in itertools.islice(families(articles), 60):
        told = explain(articles[a], articles[b])
        rows = [
            {"id": str(n), "text": articles[n].text, "title": articles[n].title, "source": articles[n].source}
            for n in (a, b)
        ]
        result = deduplicate(rows)
        assert told.kept == [record["id"] for record in result.kept]
        dropped = [d for d in result.decisions if d.status == "dropped"]
        if dropped and dropped[0].relation != "exact":
            assert (told.relation, told.reason) == (dropped[0].relation, dropped[0].reason)
            assert told.jaccard == dropped[0].jaccard
        seen.add(told.relation)
    assert {"near", "contained"} <= seen
    assert seen - set(DROPPING)


def labelled_pairs():
    """Yield the pairs of the labelled cases, with what they are judged by."""
    for path in sorted((Path(__file__).parent / "cases").glob("*.json")):
        case = json.loads(path.read_text("utf-8"))
        documents = {row["id"]: row for row in case["documents"]}
        config = Config(verify=VerifyConfig(profile=case["profile"]))
        for pair in case["expect"].get("pairs", ()):
            yield *(article_of(documents[pair[side]]) for side in "ab"), config


def article_of(row):
    date = datetime.fromisoformat(row["date"]).replace(tzinfo=UTC) if row.get("date") else None
    return Article(row["text"], row["id"], row.get("title"), row.get("source"), date)


RAIN = "Rain stopped the county show at Ashby on the hill after the judging of the sheep, they said."
SHOW = " ".join(
    f"The {place} prize of the show went to {name} of Ashby, who keeps {n} sheep on the farm by the mill."
    for place, name, n in (("first", "Ann Cole", 12), ("second", "Ben Hart", 31), ("third", "Dora Pike", 45))
)
# Half of it, with every fourth word another.
SCATTERED = " ".join("so" if n % 4 == 3 else word for n, word in enumerate(SHOW.split()[:40]))
# What no labelled pair has.
MORE_PAIRS = [
    (Article(SHOW), Article(f"{SHOW}\n\n(Corrects name of the judge in second paragraph)")),
    (Article(SHOW), Article(SCATTERED)),
    (Article(RAIN), Article(RAIN.replace("the hill after the judging", "a hill before a judging"))),
    (
        Article(RAIN, date=datetime(2026, 5, 1, tzinfo=UTC)),
        Article(f"{RAIN}..", date=datetime(2026, 5, 2, 12, tzinfo=UTC)),
    ),
]


def test_some_rule_objects_on_both_sides_exactly_when_both_are_kept(articles):
    samples = ((articles[a], articles[b], Config()) for a, b in families(articles))
    more = ((a, b, Config()) for a, b in MORE_PAIRS)
    objecting = set()
    for a, b, config in itertools.chain(samples, labelled_pairs(), more):
        told = explain(a, b, config=config)
        if not told.aligned:
            continue
        free = [not any(check.objects[side] for check in told.checks) for side in (0, 1)]
        assert any(free) == (len(told.kept) == 1), (a.id, b.id, told.reason)
        objecting |= {check.rule for check in told.checks if any(check.objects)}
    assert objecting >= {row.name for row in ROWS.values()}


def test_every_rule_of_the_verifier_has_its_row():
    assert list(ROWS) == list(RULES)


def test_similarities_are_those_of_sets_counted_by_hand():
    a = Article("one two three four five six", id="a")
    b = Article("one two three four five seven eight", id="b")
    told = explain(a, b)
    assert (told.shared, told.only_a, told.only_b) == (3, 1, 2)
    assert (told.jaccard, told.a_in_b, told.b_in_a) == (0.5, 0.75, 0.6)
    assert told.shingles_only_a == ["four five six"]
    assert told.chance == round(1 - (1 - 0.5**3) ** 42, 4)


def test_unlike_texts_never_meet_and_it_says_so():
    told = explain(
        Article("The cat sat on the warm mat all day.", id="a"),
        Article("Rates rose again in the spring quarter.", id="b"),
    )
    assert not told.candidate
    assert told.bands_met == []
    assert len(told.kept) == 2


def test_replaced_facts_are_named(articles):
    told = explain(articles[501], articles[502])
    assert told.relation not in DROPPING
    assert told.replaced


def shown(told, **settings):
    target = io.StringIO()
    show(told, Console(file=target, width=100, highlight=False, markup=False, emoji=False, **settings))
    return target.getvalue()


def test_the_terminal_shows_every_part_with_brackets_where_there_are_no_colours(articles):
    told = explain(articles["lark-air-1"], articles["lark-air-3"])
    text = shown(told)
    for part in (
        "Shingles",
        "Do they meet?",
        "Rules",
        "Alignment",
        "Which one is kept",
        "Judged by",
        "of 42",
    ):
        assert part in text
    assert "[-million-] {+mln+}" in text
    coloured = shown(told, force_terminal=True, color_system="standard")
    assert "\x1b[" in coloured
    assert "[-million-]" not in coloured


def test_hostile_texts_steer_neither_terminal_nor_page():
    bad = (
        "\x1b]0;owned\x07\x1b[31m</td><script>alert(1)</script> "
        + "The same long sentence stands in both of the texts here. " * 8
    )
    told = explain(
        Article(bad, id="\x1b[2Ja", title="\x1b[31m<b>"), Article(bad + "More.", id="b", title="[red]x")
    )
    assert "\x1b" not in shown(told)
    assert "\x07" not in shown(told)
    page = render_explanation(told)
    assert "<script" not in page
    assert "<b>" not in page.partition("<body>")[2].replace("<b>0.", "").replace("<b>1.", "")


def test_two_files_two_ids_and_one_id_of_decisions_are_found(tmp_path):
    read = ReadConfig()
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"Text of {name}.")
    a, b = find_pair([str(tmp_path / "a.txt"), str(tmp_path / "b.txt")], decisions=None, read=read)
    assert (a.text, b.text) == ("Text of a.txt.", "Text of b.txt.")
    a, b = find_pair(["storm-1", "501", str(SAMPLES)], decisions=None, read=read)
    assert (a.id, b.id) == ("storm-1", 501)
    decisions = tmp_path / "d.jsonl"
    run([str(SAMPLES)], Outputs(decisions=str(decisions)), workers=1)
    a, b = find_pair(["heat-links", str(SAMPLES)], decisions=str(decisions), read=read)
    assert (a.id, b.id) == ("heat-links", "heat-local")
    a, b = find_pair(["501", str(SAMPLES)], decisions=str(decisions), read=read)
    assert (a.id, b.id) == (501, 502)


def test_an_id_that_is_nowhere_is_named(tmp_path):
    with pytest.raises(UsageError, match="no record has the id 'nobody'"):
        find_pair(["nobody", "storm-1", str(SAMPLES)], decisions=None, read=ReadConfig())
    with pytest.raises(UsageError, match="neither a file nor a text"):
        find_pair([str(tmp_path / "gone.txt"), "b c"], decisions=None, read=ReadConfig())
