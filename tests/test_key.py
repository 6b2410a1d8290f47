"""The comparison key: what it folds, what it must not fold, and that its table is the shipped one."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dedup.flags import TOKEN_CAPITAL, TOKEN_LINE_START, TOKEN_NUMBER, TOKEN_SENTENCE_START, TOKEN_UPPER
from dedup.normaliser import table
from dedup.normaliser.key import make_key, make_keys

SAME = [
    ("“Quoted” – it’s fine…", '"quoted" - it\'s FINE...'),
    ("ﬁnal oﬃce", "final office"),
    ("ＦＵＬＬ－ｗｉｄｔｈ　１２３", "full-width 123"),
    ("1,200 people", "1200 people"),
    ("1.200.000 Euro", "1,200,000 euro"),
    ("İstanbul ISPARTA ılık", "istanbul isparta ilik"),
    ("كَتَبَ العَــربي", "كتب العربي"),
    ("Мoсква", "Москва"),
    ("pаypal", "paypal"),
    ("ещё", "еще"),
    ("Straße café naïve Ångström", "STRASSE CAFE NAIVE ANGSTROM"),
    ("Ἀθῆναι ΑΘΗΝΑΙ", "Αθηναι αθηναι"),
    ("re-\nport on the mat-\nter", "report on the matter"),
    ("rock'n'roll Shoigu’s", "rocknroll Shoigus"),
    ("ｷﾞﾀｰ ﾊﾟﾘ ｳﾞｨﾗ", "ギター パリ ヴィラ"),
    ("٢٠٢٦", "2026"),
    ("6.8級", "６．８級"),
]
DIFFERENT = [
    ("12 dead", "14 dead"),
    ("1.5 mln", "15 mln"),
    ("मैं", "मे"),
    ("ดี", "ดู"),
    ("май", "маи"),
    ("3, 4", "34"),
    ("が", "か"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_same_text_in_other_clothes_has_the_same_key(left: str, right: str) -> None:
    assert make_key(left)[0] == make_key(right)[0]


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_what_carries_meaning_is_not_folded(left: str, right: str) -> None:
    assert make_key(left)[0] != make_key(right)[0]


def test_unspaced_scripts_give_one_token_a_character() -> None:
    assert make_key("東京2016年")[0] == "東 京 2016 年"
    assert make_key("ไทย")[0] == "ไ ท ย"


def test_classes_tell_numbers_capitals_sentences_and_lines() -> None:
    key, classes = make_key("Mr. Smith of NATO said 12 left. He\n\nagreed")
    tokens = dict(zip(key.split(), classes, strict=True))
    assert tokens["mr"] & TOKEN_SENTENCE_START
    # The period of an abbreviation ends no sentence: the name behind it stays a name.
    assert tokens["smith"] & TOKEN_CAPITAL
    assert not tokens["smith"] & TOKEN_SENTENCE_START
    assert tokens["nato"] & TOKEN_UPPER
    assert tokens["12"] & TOKEN_NUMBER
    assert tokens["he"] & TOKEN_SENTENCE_START
    assert tokens["agreed"] & TOKEN_LINE_START
    assert not tokens["he"] & TOKEN_LINE_START


@given(st.lists(st.text(max_size=60), max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_batch_gives_what_each_text_gives_alone(texts: list[str]) -> None:
    texts = [unicodedata.normalize("NFC", t.encode("utf-8", "ignore").decode()) for t in texts]
    keys, classes = make_keys(pa.array(texts, pa.large_string()))
    for number, text in enumerate(texts):
        key, own = make_key(text)
        assert keys[number].as_py().decode() == key
        assert classes[number].as_py() == own
        assert len(own) == len(key.split(" ")) if key else not own


@example("\u0f77\u0e33")
@example("\u00ba\u0386")
@example("\u0149")
@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x24FF), max_size=80))
@settings(max_examples=200, deadline=None)
def test_a_key_is_its_own_key(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    key = make_key(text)[0]
    again = make_key(unicodedata.normalize("NFC", key))[0]
    assert again == key


def test_expanding_characters_outgrow_no_buffer() -> None:
    text = "\ufdfa " * 5000
    key, classes = make_key(text)
    # The ligature folds to four words in one token run.
    assert len(classes) == 5000
    assert len(key) > len(text) * 5


def test_starts_cut_off_what_stands_before_the_body() -> None:
    text = "BEIRUT (Reuters) - Toll rises"
    keys, _ = make_keys(pa.array([text], pa.large_string()), np.array([19]))
    assert keys[0].as_py() == b"toll rises"


def test_the_shipped_table_is_what_the_script_makes() -> None:
    shipped = table.load()
    made = table.build()
    if shipped["unicode"].tobytes() != made["unicode"].tobytes():
        # Another Python knows other characters; those that both know must agree.
        known = np.array([unicodedata.category(chr(p)) != "Cn" for p in range(table.N_POINTS)])
        both = known & (shipped["kinds"] != 0)
        assert (shipped["kinds"][both] == made["kinds"][both]).mean() > 0.999
        return
    for name, values in made.items():
        np.testing.assert_array_equal(shipped[name], values, err_msg=name)


def test_tokens_end_anywhere_in_a_word_of_eight_bytes():
    for n in range(1, 26):
        text = f"{'x' * n} US a bcd NA to {'y' * n} I am {'z' * 9} é {'x' * n}"
        key, classes = make_key(text)
        tokens = text.split()
        assert key == text.lower().replace("é", "e")
        assert [bool(c & TOKEN_CAPITAL) for c in classes] == [token[0].isupper() for token in tokens]
        assert [bool(c & TOKEN_UPPER) for c in classes] == [token in ("US", "NA") for token in tokens]
        assert [bool(c & TOKEN_LINE_START) for c in classes] == [True] + [False] * (len(tokens) - 1)
