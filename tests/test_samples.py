"""The sample corpus and the labelled cases keep their formats."""

import json
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
CASES = sorted((ROOT / "tests" / "cases").glob("*.json"))
LANGUAGES = {"en", "de", "fr", "es", "pt", "tr", "ru", "ar", "hi", "zh", "ja", "th"}
RELATIONS = {
    "exact", "near", "contained", "partial", "revised", "digest", "template", "related", "unrelated",
}  # fmt: skip
DROPPED_FOR = {"exact", "near", "contained"}
CHECKS = {"contains", "absent", "count"}


def key_of(value):
    """Tell the id 1 from the id "1"."""
    return json.dumps(value)


def read_lines(name):
    return [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]


def sample_faults(articles, truth):
    """Say what is wrong with a corpus and its truth; nothing if all is well."""
    faults = []
    ids = [key_of(record["id"]) for record in articles]
    faults += [f"id {i} occurs {n} times" for i, n in Counter(ids).items() if n > 1]
    if [key_of(row["id"]) for row in truth] != ids:
        faults.append("truth and articles differ in their ids or in their order")
    kept = {key_of(row["id"]) for row in truth if row["status"] == "kept"}
    for row in truth:
        where = f"truth of {row['id']!r}: "
        own = key_of(row["cluster"]) == key_of(row["id"])
        if key_of(row["cluster"]) not in kept:
            faults.append(where + f"cluster {row['cluster']!r} is no kept record")
        if row["status"] not in {"kept", "dropped"} or own != (row["status"] == "kept"):
            faults.append(where + f"status {row['status']!r} does not fit cluster {row['cluster']!r}")
        if row["status"] == "dropped" and row.get("relation") not in DROPPED_FOR:
            faults.append(where + f"relation {row.get('relation')!r} drops nothing")
        if row.get("relation", "exact") not in RELATIONS:
            faults.append(where + f"unknown relation {row['relation']!r}")
        if "with" in row and key_of(row["with"]) not in kept:
            faults.append(where + f"with {row['with']!r} is no kept record")
        if "story" in row and key_of(row["story"]) not in kept:
            faults.append(where + f"story {row['story']!r} is no kept record")
        if row["lang"] not in LANGUAGES or not row["note"]:
            faults.append(where + "language unknown or note missing")
    return faults


def case_faults(case):
    """Say what is wrong with a labelled case; nothing if all is well."""
    faults = [f"{name} missing" for name in ("label", "comment", "profile") if not case.get(name)]
    if case.get("profile") not in {"news", "strict", "ocr"}:
        faults.append(f"profile {case.get('profile')!r}")
    texts = {document["id"]: document["text"] for document in case["documents"]}
    if len(texts) != len(case["documents"]) or not all(text.strip() for text in texts.values()):
        faults.append("ids not unique or a text empty")
    expect = case["expect"]
    if not expect["pairs"] or expect.keys() - {"pairs", "readable", "same_key", "different_key"}:
        faults.append("no pairs, or an unknown expectation")
    for pair in expect["pairs"]:
        where = f"pair {pair['a']}, {pair['b']}: "
        relations = set(pair["relation"])
        if {pair["a"], pair["b"]} - texts.keys() or pair["a"] == pair["b"]:
            faults.append(where + "no such two documents")
        if not relations or relations - RELATIONS:
            faults.append(where + f"relations {sorted(relations)}")
        if pair["drop"] and relations - DROPPED_FOR:
            faults.append(where + "a drop by a relation that drops nothing")
        if pair["keep"] not in {None, pair["a"], pair["b"]} or (pair["keep"] and not pair["drop"]):
            faults.append(where + f"keep {pair['keep']!r}")
    for name, checks in expect.get("readable", {}).items():
        if name not in texts or not checks or checks.keys() - CHECKS:
            faults.append(f"readable {name}: no such document or check")
    for name in ("same_key", "different_key"):
        faults += [
            f"{name} {two}" for two in expect.get(name, []) if len(two) != 2 or set(two) - texts.keys()
        ]
    return faults


def test_every_article_has_one_truth_and_every_cluster_one_kept_record():
    assert sample_faults(read_lines("articles.jsonl"), read_lines("truth.jsonl")) == []


def test_the_samples_hold_all_languages_and_a_good_share_of_copies():
    truth = read_lines("truth.jsonl")
    assert {row["lang"] for row in truth} == LANGUAGES
    assert 90 <= len(truth) <= 120
    assert 0.5 <= sum(row["status"] == "kept" for row in truth) / len(truth) <= 0.65


def test_the_samples_show_what_passes_through_untouched():
    articles = read_lines("articles.jsonl")
    raw = (SAMPLES / "articles.jsonl").read_text(encoding="utf-8")
    assert any(isinstance(record["id"], int) for record in articles)
    assert any("tags" in record for record in articles)
    assert any("title" not in record for record in articles)
    assert any("source" not in record for record in articles)
    assert any("date" not in record for record in articles)
    assert "\\u" in raw
    assert "1.50" in raw
    assert '"id" :   ' in raw


def test_the_archive_and_the_pages_are_there():
    archive = read_lines("archive.jsonl")
    assert 6 <= len({key_of(record["id"]) for record in archive}) == len(archive) <= 8
    assert len(list((SAMPLES / "pages").glob("*.txt"))) == 5


def test_there_are_sixty_cases_or_more_and_the_thirty_come_first():
    assert len(CASES) >= 60
    assert [int(path.name[:2]) for path in CASES] == list(range(1, len(CASES) + 1))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case_is_well_formed(path):
    assert case_faults(json.loads(path.read_text(encoding="utf-8"))) == []


def test_labels_are_unique():
    labels = Counter(json.loads(path.read_text(encoding="utf-8"))["label"] for path in CASES)
    assert max(labels.values()) == 1


@pytest.mark.parametrize(
    ("row", "change", "fault"),
    [
        (0, {"cluster": "nobody"}, "is no kept record"),
        (0, {"status": "dropped"}, "does not fit"),
        (1, {"relation": "template"}, "drops nothing"),
        (1, {"lang": "xx"}, "language unknown"),
        (1, {"id": "z"}, "differ in their ids"),
    ],
)
def test_a_wrong_truth_is_seen(row, change, fault):
    articles = [{"id": 1, "text": "a"}, {"id": "1", "text": "b"}]
    truth = [
        {"id": 1, "lang": "en", "cluster": 1, "status": "kept", "note": "n"},
        {"id": "1", "lang": "en", "cluster": 1, "status": "dropped", "relation": "exact", "note": "n"},
    ]
    assert sample_faults(articles, truth) == []
    truth[row] |= change
    assert any(fault in line for line in sample_faults(articles, truth))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"b": "c"}, "no such two documents"),
        ({"relation": ["copy"]}, "relations"),
        ({"relation": ["exact", "template"]}, "drops nothing"),
        ({"keep": "c"}, "keep 'c'"),
    ],
)
def test_a_wrong_case_is_seen(change, fault):
    pair = {"a": "a", "b": "b", "relation": ["exact"], "drop": True, "keep": None}
    documents = [{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]
    case = {
        "label": "l",
        "comment": "c",
        "profile": "news",
        "documents": documents,
        "expect": {"pairs": [pair]},
    }
    assert case_faults(case) == []
    pair |= change
    assert any(fault in line for line in case_faults(case))
