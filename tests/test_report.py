"""Reports from decisions and inputs: figures, forms, limits, and what must not get into a page or a cell."""

from __future__ import annotations

import csv
import io
import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dedup.errors import DataError, UsageError
from dedup.files import find_inputs
from dedup.pipeline.outputs import Outputs
from dedup.pipeline.run import run
from dedup.records import Removal
from dedup.report import check_report, make_report
from dedup.report.diff import FACT_A, FACT_B, FOLDED, ONLY_A, ONLY_B, REMOVED_A, SAME, cut_words, word_diff
from dedup.report.gather import gather
from dedup.report.ledger import open_decisions, read_ledger
from dedup.report.model import Limits
from dedup.report.page import render_page

SAMPLES = str(Path(__file__).parent.parent / "samples" / "articles.jsonl")
ARCHIVE = str(Path(__file__).parent.parent / "samples" / "archive.jsonl")


@pytest.fixture(scope="module")
def decisions(tmp_path_factory):
    path = tmp_path_factory.mktemp("decisions") / "decisions.jsonl"
    run([SAMPLES], Outputs(decisions=str(path)), workers=1)
    return str(path)


def pieces(diff, *codes):
    return [content for code, content in zip(diff[::2], diff[1::2], strict=True) if code in codes]


def data_of(page, name):
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def test_the_figures_are_those_of_the_decisions(decisions):
    rows = [json.loads(line) for line in Path(decisions).read_text("utf-8").splitlines()]
    figures = gather(open_decisions(decisions), find_inputs([SAMPLES])).figures
    for status in ("kept", "dropped", "rejected"):
        assert figures.counts[status] == sum(row["status"] == status for row in rows)
    assert figures.relations["near"] == sum(row.get("relation") == "near" for row in rows)
    assert figures.clusters == sum("stands_for" in row for row in rows)
    assert figures.rules["headline"] == sum(
        r["rule"] == "headline" for row in rows for r in row.get("removed", ())
    )


def test_each_dropped_record_stands_under_the_record_kept_for_it(decisions):
    rows = [json.loads(line) for line in Path(decisions).read_text("utf-8").splitlines()]
    expected = {str(row["id"]): str(row["kept_id"]) for row in rows if row["status"] == "dropped"}
    report = gather(open_decisions(decisions), find_inputs([SAMPLES]))
    shown = {pair.record.id: view.keeper.id for view in report.clusters for pair in view.members}
    assert shown == expected


def test_another_order_of_the_input_gives_the_same_clusters_and_examples(decisions, tmp_path):
    lines = Path(SAMPLES).read_text("utf-8").splitlines(keepends=True)
    turned = tmp_path / "turned.jsonl"
    turned.write_text("".join(reversed(lines)), "utf-8")
    other = tmp_path / "decisions.jsonl"
    run([str(turned)], Outputs(decisions=str(other)), workers=1)
    one = gather(open_decisions(decisions), find_inputs([SAMPLES]))
    two = gather(open_decisions(str(other)), find_inputs([str(turned)]))
    assert one.examples == two.examples
    assert [(v.keeper.id, v.size) for v in one.clusters] == [(v.keeper.id, v.size) for v in two.clusters]
    assert [chart.rows for chart in one.charts] == [chart.rows for chart in two.charts]


def test_decisions_in_any_order_find_their_records(decisions, tmp_path):
    lines = Path(decisions).read_text("utf-8").splitlines(keepends=True)
    turned = tmp_path / "turned.jsonl"
    turned.write_text("".join(reversed(lines)), "utf-8")
    one = make_report("a.csv", decisions, find_inputs([SAMPLES]))
    two = make_report("a.csv", str(turned), find_inputs([SAMPLES]))
    assert sorted(one.splitlines()) == sorted(two.splitlines())


def test_inputs_of_another_run_are_refused(decisions, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_text('{"id": "a", "text": "Something else."}\n')
    with pytest.raises(DataError, match="have no record in the inputs"):
        make_report("r.html", decisions, find_inputs([str(other)]))


def test_a_changed_input_is_refused(decisions, tmp_path):
    changed = Path(SAMPLES).read_text("utf-8").replace("barrels", "bottles")
    path = tmp_path / "articles.jsonl"
    path.write_text(changed, "utf-8")
    moved = Path(decisions).read_text("utf-8").replace(json.dumps(SAMPLES), json.dumps(str(path)))
    elsewhere = tmp_path / "decisions.jsonl"
    elsewhere.write_text(moved, "utf-8")
    with pytest.raises(DataError, match="not the one that was decided about"):
        make_report("r.html", str(elsewhere), find_inputs([str(path)]))


def test_a_file_that_holds_no_decisions_is_refused_with_its_line(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"status": "kept"}\n{"no": 1}\n')
    with pytest.raises(DataError, match=r"not a decision.*x\.jsonl:2"):
        read_ledger(open_decisions(str(path)))


def test_no_records_make_a_report_that_says_so(tmp_path):
    empty, none = tmp_path / "in.jsonl", tmp_path / "decisions.jsonl"
    empty.write_text("")
    none.write_text("")
    for form in ("html", "md", "json", "csv"):
        content = make_report(f"r.{form}", str(none), find_inputs([str(empty)]))
        assert content
    assert b"0 of 0 records are copies" in make_report("r.html", str(none), find_inputs([str(empty)]))


def test_a_run_publishes_its_report_and_lists_it_in_the_manifest(tmp_path):
    target, manifest = tmp_path / "r.html", tmp_path / "m.json"
    outputs = Outputs(records=str(tmp_path / "k.jsonl"), report=str(target), manifest=str(manifest))
    run(
        [SAMPLES],
        outputs,
        against=[ARCHIVE],
        workers=1,
        make_report=partial(make_report, str(target), again=True),
    )
    page = target.read_text("utf-8")
    listed = {row["output"]: row for row in json.loads(manifest.read_text())["outputs"]}
    assert listed["report"]["path"] == str(target)
    kept = [view["k"]["i"] for view in data_of(page, "data-details")["views"] if view.get("w") == "against"]
    assert "archive-1" in kept
    assert json.loads(manifest.read_text())["inputs"][0]["sha256"] in page


def test_a_report_that_fails_publishes_nothing(tmp_path):
    def broken(*_):
        raise DataError("no report today")

    outputs = Outputs(records=str(tmp_path / "k.jsonl"), report=str(tmp_path / "r.html"))
    with pytest.raises(DataError, match="no report today"):
        run([SAMPLES], outputs, workers=1, make_report=broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("texts", "has_diff", "folds"), [("none", False, False), ("diffs", True, True), ("full", True, False)]
)
def test_how_much_text_goes_in_is_chosen(decisions, texts, has_diff, folds):
    page = make_report("r.html", decisions, find_inputs([SAMPLES]), texts=texts).decode()
    diffs = [
        pair["e"] for view in data_of(page, "data-details")["views"] for pair in view["m"] if "e" in pair
    ]
    assert bool(diffs) == has_diff
    assert any(FOLDED in diff[::2] for diff in diffs) == folds
    assert ("mattresses under their arms" in page) == has_diff


def test_limits_leave_out_the_surest_and_say_how_many(decisions):
    report = gather(
        open_decisions(decisions), find_inputs([SAMPLES]), limits=Limits(clusters=5, members=1, diffs=2)
    )
    assert len(report.clusters) == 5
    full = gather(open_decisions(decisions), find_inputs([SAMPLES]))
    for view, whole in zip(report.clusters, full.clusters, strict=False):
        assert view.left_out == view.size - 2
        assert view.members[0].containment == min(pair.containment for pair in whole.members)
    assert sum(pair.diff is not None for view in report.clusters for pair in view.members) == 2
    assert report.figures.diffs_left_out == 3
    page = render_page(report)
    n = len(full.clusters)
    assert f"The 5 largest of {n} clusters; {n - 5} are left out." in page
    assert "3 pairs are shown without a comparison" in page


def test_the_page_never_outgrows_its_bytes(decisions):
    report = gather(open_decisions(decisions), find_inputs([SAMPLES]), limits=Limits(page_bytes=8_000))
    assert 0 < len(report.clusters) < report.figures.clusters
    bare = gather(open_decisions(decisions), find_inputs([SAMPLES]), limits=Limits(clusters=0))
    assert len(render_page(report)) - len(render_page(bare)) < 20_000


def test_the_page_allows_nothing_but_its_own_style_and_script(decisions):
    page = make_report("r.html", decisions, find_inputs([SAMPLES])).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1].replace(
        "&#39;", "'"
    )
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert " style=" not in page
    assert not re.search(r"\son[a-z]+=", page)


def test_cells_that_begin_like_formulas_are_made_harmless(tmp_path):
    text = (
        "The storm reached the coast on Monday night and left twelve villages without power and water. " * 4
    )
    rows = [
        {"id": "=cmd()", "title": "@SUM(A1)", "source": "+1", "text": text},
        {"id": "-2", "title": "=1+1", "source": " =x", "text": text},
    ]
    source, made = tmp_path / "in.jsonl", tmp_path / "d.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run([str(source)], Outputs(decisions=str(made)), workers=1)
    content = make_report("r.csv", str(made), find_inputs([str(source)])).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(content)) for cell in row]
    assert {"'=cmd()", "'-2"} <= set(cells)
    assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]


def test_csv_and_json_list_every_dropped_record(decisions):
    dropped = sum('"status":"dropped"' in line for line in Path(decisions).read_text("utf-8").splitlines())
    content = make_report("r.csv", decisions, find_inputs([SAMPLES])).decode("utf-8-sig")
    assert len(list(csv.reader(io.StringIO(content)))) == dropped + 1
    report = json.loads(make_report("r.json", decisions, find_inputs([SAMPLES])))
    assert sum(len(cluster["dropped"]) for cluster in report["clusters"]) == dropped


def test_markdown_takes_titles_for_nothing_but_text(decisions):
    text = make_report("r.md", decisions, find_inputs([SAMPLES])).decode()
    assert " records are copies" in text.splitlines()[0]
    assert "read\\_more" in text
    assert not re.search(r"(?<!\\)<", text)


def test_an_unknown_form_or_amount_of_text_is_refused():
    with pytest.raises(UsageError, match=r"choose from \.html"):
        check_report("report.docx", "diffs")
    with pytest.raises(UsageError, match="choose from none, diffs, full"):
        check_report("report.html", "all")


def test_a_comparison_shows_what_only_one_has_and_folds_the_rest():
    base = " ".join(f"word{n}" for n in range(80))
    diff = word_diff(cut_words(base), cut_words(f"{base} And one sentence more."))
    assert pieces(diff, ONLY_A) == []
    assert "".join(pieces(diff, ONLY_B)) == "And one sentence more. "
    assert pieces(diff, FOLDED) == [64]


def test_a_comparison_puts_both_texts_back_together():
    chance = np.random.default_rng(3)
    for _ in range(50):
        a, b = (" ".join(chance.choice(["a", "bb", "ccc", "Dd", "5", "66"], 30)) for _ in range(2))
        diff = word_diff(cut_words(a), cut_words(b), fold=False)
        assert "".join(pieces(diff, SAME, ONLY_A, FACT_A)).split() == a.split()
        assert "".join(pieces(diff, SAME, ONLY_B, FACT_B)).split() == b.split()


def test_case_punctuation_and_vowel_marks_are_no_difference():
    for a, b in (("“Heat,” he said.", '"heat" he said'), ("الشبكة", "الشـبكة"), ("Ёлка", "ёлка")):
        assert not pieces(word_diff(cut_words(a), cut_words(b)), ONLY_A, ONLY_B, FACT_A, FACT_B)


def test_replaced_numbers_and_names_are_facts_and_a_name_beside_itself_is_none():
    diff = word_diff(
        cut_words("On Monday in Oslo 12 people met."), cut_words("On Monday in Bergen 14 people met.")
    )
    assert (pieces(diff, FACT_A), pieces(diff, FACT_B)) == (["Oslo 12 "], ["Bergen 14 "])


def test_what_cleaning_removed_is_struck_where_it_stood():
    raw = "First line here.\nRead more: something\nLast line here."
    cut = cut_words(
        "First line here.\nLast line here.", [Removal(2, "read_more", "Read more: something")], raw
    )
    diff = word_diff(cut, cut_words("First line here.\nLast line here."))
    assert pieces(diff, REMOVED_A) == ["Read more: something"]
    assert diff[:4] == [SAME, "First line here.\n", REMOVED_A, "Read more: something"]
