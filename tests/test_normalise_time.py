# ruff: noqa: E501  (pieces of text in a table)
"""Hostile texts take time in proportion to their length."""

import time

import pytest

from dedup.normaliser import clean, is_stub, leading_matter

HOSTILE = {
    "less-than signs": "<", "open tags": "<a ", "tags with quotes": "<a x='", "tags with spaces": "<a" + " " * 50,
    "attributes": "<a b=c d", "scripts": "<script>", "styles and scripts": "<script><style>", "comments": "<!--",
    "doctypes": "<!doctype ", "nested entities": "&amp;amp;", "ampersands": "&", "numbers": "&#1", "spaces": " ",
    "spaced lines": "a  \n", "lines": "a\n", "blank lines": "\n", "brackets": "(((", "closed brackets": "()", "dashes": "- ",
    "dots": ".", "headlines": "Bridge closed after storm\n", "furniture": "Read more\n", "spaced furniture": "Read more\n\n",
    "credits": "photo: a b c d e f g h i j k l m n o p q r s t\n", "joiners": "\u200d", "spaced joiners": "a\u200d",
    "marks": "\u0301", "mojibake": "â€™", "broken mojibake": "â€", "NBSP": "\u00a0", "Han": "桥", "digits": "1", "colons": "a: ",
    "capitals": "A, ", "quotes": "\"", "agencies": "(AFP) ", "share words": "share facebook twitter ",
}  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_with_length_only(piece):
    size = 60_000
    short, long = piece * (size // len(piece)), piece * (4 * size // len(piece))
    brief = min(_seconds(short) for _ in range(2))
    # Four times the length: quadratic work would take sixteen times as long.
    assert _seconds(long) < 9 * brief + 0.15


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_one_line_of_a_megabyte_is_done_in_seconds(piece):
    text = piece * (1_000_000 // len(piece))
    assert _seconds(text) < 12


def _seconds(text):
    start = time.process_time()
    clean(text, title=text[:300])
    leading_matter(text)
    is_stub(text[:900])
    return time.process_time() - start
