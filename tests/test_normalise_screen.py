# ruff: noqa: E501  (pieces of text in a table)
"""The screen may only pass over what the rules would leave alone: a batch says what the rules alone say."""

import time
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_normalise_cleaning import BODY, CASES, PIECES
from test_normalise_leading import DATELINES, PROSE, REST
from test_normalise_time import HOSTILE

from dedup.kernels import screen as kernels
from dedup.normaliser import (
    characters,
    clean,
    clean_batch,
    furniture,
    headline,
    leading,
    lines,
    notices,
    screening,
    stubs,
)
from dedup.normaliser.patterns import FURNITURE
from dedup.normaliser.starts import literal_starts, pattern_starts

MORE_PIECES = [
    BODY, REST, *DATELINES, *PROSE, "Reuter", "AFP", "(ends)", "-30-", "the", "Of", "AT&T", "&eacute;", "<BP>", "<3",
    "’", "”", "»", "）", "。", "！", "…", "\u0e01", "\u0e49", "한국", "\u1161", "カ\u3099", "😀", "𠀀", "\U0001d15e", "ſ", "K",
    "İstanbul", "ı", "٣", "ª", "…\n", " \n", "\t\n", "\n\n\n", "Mr. ", "Read more: ", "» ", "- ", "sorry, ", "for release",
    "UPDATE: ", "Photo: Ann Lee", "May 3, 2016", "Published: 3 May", "1,200 ", "word " * 13, "Word " * 13, "字" * 31, "x" * 131,
    "Please enable JavaScript to view this page.", "Harbour bridge closed", "harbour", "_", "-", "--", "/", "[", "(", ")",
]  # fmt: skip
NASTY = st.lists(st.sampled_from(PIECES + MORE_PIECES), max_size=16).map("".join)
TITLES = st.sampled_from([None, "", "Harbour bridge closed after storm", "“Harbour” bridge", "é", "桥"])


def assert_batch_is_rules(texts, titles):
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    batch = clean_batch(pa.array(texts, pa.large_string()), pa.array(titles, pa.large_string()))
    readable = batch.readable.to_pylist()
    for row, (text, title) in enumerate(zip(texts, titles, strict=True)):
        cleaned = clean(text, title=title)
        assert readable[row] == (None if cleaned.readable == text else cleaned.readable)
        assert batch.removed[row] == cleaned.removed
        assert batch.flags[row] == cleaned.flags
        assert batch.key_starts[row] == len(cleaned.readable[: cleaned.key_start].encode())


@settings(max_examples=1500, deadline=None)
@given(text=NASTY, title=TITLES)
@example(text="Al\u2010Quds (AFP) - It rained.", title=None)
@example(text=BODY + "<br>", title=None)
@example(text="’ (Reuters) - &eacute;", title=None)
def test_screened_pieces_of_news(text, title):
    assert_batch_is_rules([text, text.swapcase(), " " + text, text.replace("\n", "\r\n")], [title] * 4)


@settings(max_examples=600, deadline=None)
@given(text=st.text(max_size=60), title=TITLES)
def test_screened_text_of_any_kind(text, title):
    assert_batch_is_rules([text, text + "\n" + BODY, f"{text}\n\n{BODY}\n{text}"], [title] * 3)


@settings(max_examples=600, deadline=None)
@given(
    data=st.data(), rule=st.sampled_from(sorted(FURNITURE)), sign=st.sampled_from(["", "» ", "- ", "[", "©"])
)
def test_screened_furniture(data, rule, sign):
    pattern = furniture.fill(data.draw(st.sampled_from(FURNITURE[rule])))
    line = sign + data.draw(st.from_regex(pattern, fullmatch=True))
    assert_batch_is_rules([f"{BODY}\n\n{line}", f"{line.upper()}\n\n{BODY}"], [None, None])


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_what_a_pattern_matches_begins_with_one_of_its_starts(data):
    rules = [furniture.fill(pattern) for patterns in FURNITURE.values() for pattern in patterns]
    matter = [leading.NOTE, leading.STAMP, leading.EAST_BYLINE]
    pattern = data.draw(st.sampled_from([*rules, *notices.NOTICES, *(rule.pattern for rule in matter)]))
    match = data.draw(st.from_regex(pattern, fullmatch=True))
    assert match.startswith(tuple(pattern_starts(pattern, furniture.START_LENGTH)))


@settings(max_examples=500, deadline=None)
@given(data=st.data(), call=st.sampled_from(["", "Sorry, ", "• "]))
def test_screened_notices(data, call):
    notice = data.draw(st.from_regex(data.draw(st.sampled_from(notices.NOTICES))))
    assert_batch_is_rules([call + notice, f"{notice.upper()}.\nReuter"], [None, None])


@pytest.mark.parametrize("matter", DATELINES)
def test_screened_datelines(matter):
    texts = [matter + REST, matter, matter.strip(), f"Bridge closed\n\n{matter}{REST}", f"{matter}\r\n{REST}"]
    assert_batch_is_rules(texts, [None] * 5)


def test_screened_cases():
    assert_batch_is_rules([case["text"] for case in CASES], [case.get("title") for case in CASES])


def test_every_character_is_screened_alone_and_after_a_letter():
    points = [point for point in range(1, 0x2FA20) if not 0xD800 <= point < 0xE000]
    texts = [f"e{chr(point)}a" for point in points]
    masks = screening.screen_texts(pa.array(texts, pa.large_string()))
    touching = kernels.BY_ITSELF | kernels.MARKUP | kernels.RETURNS | kernels.TIDY
    for text, mask in zip(texts, masks.tolist(), strict=True):
        if not mask & touching:
            assert unicodedata.is_normalized("NFC", text)
            assert characters.drop_invisible(text) == (text, 0)
            assert characters.unify_line_ends(text) == text
            assert characters.repair_mojibake(text) == (text, 0)


def test_clean_prose_needs_no_rule():
    texts = [
        f"{BODY} He said: “No.”\n\n{REST}\n",
        "The two sides met - again - in Vienna on Friday. " * 40 + "No.",
        f"{REST}\nprices <BP> rose at AT&T, R&D and others; 1 < 2.",
    ]
    assert screening.screen_texts(pa.array([*texts, "", None], pa.large_string())).tolist() == [0] * 5


def test_shipped_tables_are_those_that_the_rules_make():
    with np.load(screening.FILE) as stored:
        if stored["unicode"].tobytes().decode() != unicodedata.unidata_version:
            pytest.skip("made under another Unicode")
    for name, made in screening.build().items():
        assert made.dtype == screening.tables()[name].dtype
        assert np.array_equal(made, screening.tables()[name]), "make the file anew"


def test_a_slice_is_screened_like_its_texts():
    texts = pa.array(["a  \nb", "clean", None, "x &amp; y", "\r\n"], pa.large_string())
    whole = screening.screen_texts(texts)
    assert np.array_equal(screening.screen_texts(texts[2:]), whole[2:])


def test_limits_agree_with_the_rules():
    assert kernels.FURNITURE_CHARS == furniture._LONGEST
    assert kernels.MATTER_CHARS == leading._LONGEST
    assert kernels.PROSE_CHARS == leading._LONGEST_NOTE
    assert kernels.WRAP_CHARS == leading._WRAP
    assert kernels.HEADLINE_WORDS == leading._HEADLINE_WORDS
    assert kernels.HEADLINE_LINES == headline._WINDOW == leading._LINES
    assert kernels.HEADLINE_CHARS == headline._LONGEST
    assert kernels.STUB_CHARS >= stubs._LONGEST + kernels.SIGN_OFF_CHARS
    assert kernels.STUB_WORDS > stubs._WORDS
    assert not lines.is_prose("a" * kernels.PROSE_CHARS)
    assert lines.is_prose("a" * (kernels.PROSE_CHARS + 1))


def test_starts_know_groups_classes_and_alternatives():
    assert literal_starts("(?:ab?|c)[|)]x", 4) == {"a", "ab", "c"}
    assert literal_starts("(?:x|y){2,}z", 3) == {"x", "y"}
    assert literal_starts("(.{2})z", 3) == {""}
    assert literal_starts(r"a(?:b$|\sc)?d", 3) == {"ab", "a", "ad"}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_megabyte_is_screened_in_a_moment(piece):
    text = pa.array([piece * (1_000_000 // len(piece))], pa.large_string())
    start = time.process_time()
    screening.screen_texts(text)
    assert time.process_time() - start < 2


@settings(max_examples=500, deadline=None)
@given(
    texts=st.lists(
        st.sampled_from(["Bridge closed after storm", "bridge closed after storms", BODY, "", "Port", " x"]),
        max_size=9,
    ),
    sign_off=st.sampled_from(
        ["Reuter", "reuter", " Reuter", "REUTER\n\nafp", "Bridge closed after storm\nReuter"]
    ),
)
def test_screened_sign_offs(texts, sign_off):
    assert_batch_is_rules(["\n".join([*texts, sign_off])] * 2, [None, "Bridge closed after storm"])
