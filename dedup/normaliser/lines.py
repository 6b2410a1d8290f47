"""What a line is: prose, a list item, a speaker's turn; and how two lines are compared."""

from __future__ import annotations

import re
import unicodedata

CLOSERS = " \t\"'”’»›)]}」』】）*_"
ENDS = (".", "!", "?", "…", "。", "！", "？", "؟", "۔", "।", "॥", "។", "။", "։", "።", "｡")
_WORD = re.compile(r"[a-z0-9]+")
# Chinese, Japanese and the South-East Asian scripts that put no space between words.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_UNSPACED_RUN = re.compile(UNSPACED.pattern + "+")
_UNPUNCTUATED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_FOLDED_I = str.maketrans({"İ": "i", "I": "i", "ı": "i", "’": "", "‘": "", "'": "", "ʼ": ""})
# Letters that stand in a line's key as they are, behind signs that don't.
_FIRST_LETTERS = re.compile("[ -/:-@\\[-`{-~\t“”‘’«»–—（）【】《》「」『』]*([0-9A-Za-z\u4e00-\u9fff]{1,8})")
_LIST_ITEM = re.compile(r"\s*(?:[-*•–—·‣▪◦●■►]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|\(?[ivxIVX]{1,5}[.)]|[①-⑳])\s")
_QUESTION = re.compile(
    r"\s*(?:[QA]\d{0,3}|Question|Answer|Frage|Antwort|Pregunta|Respuesta)\s?[:.)：]\s", re.IGNORECASE
)
_TURN = re.compile(r"\s*([^\W\d_][\w.'’ -]{0,40}?)\s?(?::\s|：)(.*)", re.DOTALL)
# Labels that open a headline, in capitals like a speaker's name.
_LABELS_WORDS = (
    "analysis breaking column correction corrected exclusive explainer factbox feature focus graphic insight "
    "interview live obituary opinion photos poll preview profile refile report review timeline update video "
    "watch wrapup eilmeldung urgent último última urgente"
)
_LABELS = frozenset(_LABELS_WORDS.split())


def is_prose(line: str) -> bool:
    """Tell whether a line is a paragraph: 12 words or 30 unspaced characters ending like a sentence.

    Examples
    --------
    >>> is_prose("The ministers met in the old town hall on Tuesday and signed the treaty.")
    True
    >>> is_prose("Ministers sign treaty")
    False
    """
    if len(line) > 400:
        return True
    if not line.rstrip(CLOSERS).endswith(ENDS):
        return not line.isascii() and len(_UNPUNCTUATED.findall(line)) >= 80
    if line.count(" ") >= 11 and len(line.split()) >= 12:
        return True
    return count_unspaced(line) >= 30


def ends_sentence(line: str) -> bool:
    """Tell whether a line ends in sentence punctuation, closing quotes and brackets aside."""
    return line.rstrip(CLOSERS).endswith(ENDS)


def is_list_item(line: str) -> bool:
    """Tell whether a line opens with a bullet or a number as in a list."""
    return _LIST_ITEM.match(line) is not None


def is_turn(line: str) -> bool:
    """Tell whether a line is a speaker's turn (``NAME:``) or a question or answer (``Q:``).

    Examples
    --------
    >>> is_turn("HANNITY: Yes, of course"), is_turn("UPDATE: Ministers sign treaty")
    (True, False)
    """
    if _QUESTION.match(line):
        return True
    match = _TURN.match(line)
    if match is None:
        return False
    name = match[1]
    words = name.split()
    if len(words) > 5 or words[0].casefold() in _LABELS:
        return False
    if UNSPACED.search(name):
        return len(name) <= 8
    capitalised = all(word[0].isupper() or not word[0].isalpha() for word in words)
    # "Syria: Ministers sign a treaty in Vienna" opens with a kicker; "Tom Smith: No, not yet" is speech.
    return name.isupper() or (capitalised and len(match[2].split()) <= 5)


def line_key(line: str) -> str:
    """Return the words of a line, folded for comparison and joined by single spaces.

    Marks of Indic and South-East Asian scripts stay, since another vowel is another word.

    Examples
    --------
    >>> line_key("MINISTERS’ “treaty” – Signed!")
    'ministers treaty signed'
    """
    if not line.isascii():
        line = line.translate(_FOLDED_I)
    if line.isascii():
        return " ".join(_WORD.findall(line.casefold().replace("'", "")))
    folded = unicodedata.normalize("NFKD", line.casefold()).casefold()
    return unicodedata.normalize("NFC", " ".join(folded.translate(_IN_KEY).split()))


class _InKey(dict[int, str]):
    """What a character becomes in a line's key: itself, a space or nothing; filled as characters come."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        category = unicodedata.category(character)
        if character.isalnum() or (category[0] == "M" and not "\u0300" <= character <= "\u036f"):
            self[point] = character
        else:
            self[point] = "" if category in ("Mn", "Cf") else " "
        return self[point]


_IN_KEY = _InKey()


def same_words(line: str, other: str) -> bool:
    """Tell whether two lines have the same key, without making it where the first letters differ.

    Examples
    --------
    >>> same_words("MINISTERS SIGN TREATY", "“Ministers sign treaty”")
    True
    """
    if line == other:
        return True
    one, two = _FIRST_LETTERS.match(line), _FIRST_LETTERS.match(other)
    if one and two:
        size = min(len(one[1]), len(two[1]))
        if one[1][:size].casefold() != two[1][:size].casefold():
            return False
    return line_key(line) == line_key(other)


def count_unspaced(line: str) -> int:
    """Return how many characters belong to scripts written without spaces."""
    return 0 if line.isascii() else sum(map(len, _UNSPACED_RUN.findall(line)))
