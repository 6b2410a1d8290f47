# ruff: noqa: E501  (pieces of text in a table)
"""What cleaning takes out, what it must leave, and that it settles."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedup.flags import flag_names
from dedup.normaliser import clean, clean_batch
from dedup.records import Removal

CASES = json.loads((Path(__file__).parent / "normalise_cases.json").read_text(encoding="utf-8"))
BODY = "The harbour bridge was closed to all traffic on Monday after a storm tore two cables loose."

# Pieces that meet badly: what one rule makes, another may take for its own.
PIECES = [
    "Harbour bridge closed after storm", "HARBOUR BRIDGE CLOSED AFTER STORM", "Harbour bridge closed after…",
    "Harbour bridge closed after storm | Daily", "Read more", "Read more: ", "© 2016", "Share", "Subscribe", "###",
    "Reuter", "By Ann Lee", BODY, "\n", "\n\n", "\r", "\r\n", "\u2028", "\x85", " ", "\t", "\u00a0", "\u3000", "&amp;",
    "amp;", "&", "lt;", "&lt;", "&gt;", "#10;", "&#10;", "&#x2028;", "&nbsp;", "<", ">", "<p>", "</p>", "<br>", "<P>", "<b",
    "<a href='x'>", "<!--", "-->", "<script>", "</script>", "x=1;", "\u200b", "\u200d", "\u200c", "\ufeff", "\u00ad", "e",
    "\u0301", "\u0345", "\u0323", "Ã", "©", "â€™", "â", "\x80", "\x99", "ا", "क", "\u094d", "\0", "\x1e", "\x1f", "\u202e",
    "é", "Ð¿Ñ€", "。", "桥", "a", "İ", "ı", "Title: ", "- ", "1. ", ".", "…", "|",
]  # fmt: skip
NASTY = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


@pytest.mark.parametrize("case", CASES, ids=[case["label"] for case in CASES])
def test_case(case):
    cleaned = clean(case["text"], title=case.get("title"))
    expected = case["text"] if case.get("unchanged") else case["readable"]
    assert cleaned.readable == expected
    if "flags" in case:
        assert list(flag_names(cleaned.flags)) == case["flags"]
    again = clean(cleaned.readable, title=case.get("title"))
    assert again.readable == cleaned.readable
    assert again.removed == ()


@settings(max_examples=1500, deadline=None)
@given(text=NASTY, title=st.sampled_from([None, "Harbour bridge closed after storm"]))
@example(text="<b<i>>x</b>", title=None)
@example(text="&am<b></b>p;lt;p&gt;", title=None)
@example(text="e\x1e\u0301", title=None)
def test_cleaning_twice_changes_nothing(text, title):
    once = clean(text, title=title)
    again = clean(once.readable, title=title)
    assert again.readable == once.readable
    assert again.removed == ()
    assert 0 <= once.key_start <= len(once.readable)


@settings(max_examples=500, deadline=None)
@given(text=st.text(max_size=80))
def test_cleaning_any_text_twice_changes_nothing(text):
    once = clean(text)
    assert clean(once.readable).readable == once.readable


@settings(max_examples=400, deadline=None)
@given(text=NASTY)
def test_every_removed_line_stood_where_the_removal_says(text):
    text = (
        text.replace("\r", "").replace("\u2028", "").replace("\x85", "").replace("\x0b", "").replace("&", "")
    )
    text = text.replace("<", "").replace("#10;", "")
    for removal in clean(text).removed:
        came = clean(text.split("\n")[removal.line - 1]).readable
        assert came.strip() == removal.text.strip()


@settings(max_examples=300, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(["Harbour", "storm", "bridge", "Read", "more", "said", "cookies", "share"]),
        min_size=15,
    )
)
def test_no_word_of_a_text_of_prose_is_lost(words):
    paragraph = " ".join(words) + "."
    text = f"{paragraph}\n\n{paragraph}\n{paragraph} Reuter said."
    assert clean(text).readable == text


def test_an_unchanged_text_is_returned_as_the_same_object():
    text = "".join(["Harbour bridge closed\n\n", BODY])
    assert clean(text).readable is text


def test_a_last_line_end_stays():
    assert clean(BODY + " \n\n\n").readable == BODY + "\n"
    assert clean(BODY + "  ").readable == BODY


def test_removals_name_the_line_of_the_text_as_it_came():
    text = f"Harbour bridge closed today\r\n\r\n\r\nHarbour bridge closed today\r\n<p\n>{BODY}</p>\r\nRead more: Ferries"
    assert clean(text).removed == (
        Removal(4, "headline", "Harbour bridge closed today"),
        Removal(7, "read_more", "Read more: Ferries"),
    )


def test_a_long_tail_of_links_goes_in_one_cleaning():
    text = "\n".join([BODY] * 4 + [f"Read more: Story number {n}" for n in range(40)])
    cleaned = clean(text)
    assert cleaned.readable == "\n".join([BODY] * 4)
    assert len(cleaned.removed) == 40


def test_furniture_in_the_middle_of_a_text_stays_without_blanks_around():
    lines = [BODY] * 11
    lines[5] = "Read more: Ferry timetable"
    assert clean("\n".join(lines)).removed == ()
    lines[4] = lines[6] = ""
    assert len(clean("\n".join(lines)).removed) == 1


def test_unrepairable_damage_is_flagged():
    assert flag_names(clean("The harbour\ufffds bridge").flags) == ("degraded",)
    assert flag_names(clean("Washington â The bridge").flags) == ("degraded",)
    assert flag_names(clean("The harbourâ€™s bridge").flags) == ("mojibake",)


def test_a_lone_surrogate_is_replaced_and_flagged():
    cleaned = clean("bridge \ud800 closed")
    assert cleaned.readable == "bridge \ufffd closed"
    assert "suspect_characters" in flag_names(cleaned.flags)


def test_a_batch_says_what_single_cleaning_says():
    texts = [case["text"] for case in CASES] + ["", "(新华社) " + BODY, f"PARÍS, 3 mar (EFE).- {BODY}"]
    titles = [case.get("title") for case in CASES] + [None] * 3
    batch = clean_batch(
        pa.array([*texts, None], pa.large_string()), pa.array([*titles, None], pa.large_string())
    )
    for row, (text, title) in enumerate(zip(texts, titles, strict=True)):
        cleaned = clean(text, title=title)
        assert batch.readable[row].as_py() == (None if cleaned.readable == text else cleaned.readable)
        assert batch.removed[row] == cleaned.removed
        assert batch.flags[row] == cleaned.flags
        assert batch.key_starts[row] == len(cleaned.readable[: cleaned.key_start].encode())
    assert batch.readable[len(texts)].as_py() is None
