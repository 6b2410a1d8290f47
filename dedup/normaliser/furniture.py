"""Page furniture: lines such as "Read more", "Share this", cookie and copyright notices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from dedup.normaliser.lines import count_unspaced, ends_sentence, is_prose
from dedup.normaliser.patterns import FURNITURE, SIGN_OFFS
from dedup.normaliser.starts import literal_starts

_LONGEST = 130  # characters; 15 words are seldom more
_WORDS = 15
_UNSPACED = 45  # characters that stand for 15 words
_BLOCK = 6  # lines of furniture that may stand together between blanks
_LEAST_LEFT = 25  # words that must be left where no prose line is
_SIGNS = " \t*•|>»›→►▶▸▼↓·=~_[]{}()<«-–—#\"“”'‘’"
_TRAILING = _SIGNS + ".:!…："
_END_SIGNS = "#-–—("
_END_MARK = re.compile(
    r"(?:#\s?){2,5}|-{1,2}\s?30\s?-{1,2}|[-–—(]{1,2}\s?(?:ends?|more|fim|fin|ende)\s?[-–—)]{1,2}"
)
# How a link's line goes on: anything, but told apart from a sentence by its end. No other group captures.
_OPEN = r"(.{2,110})"
_LINK = r"([^,;]{2,60})"

START_LENGTH = 8  # characters: enough to tell "read more" from "ready"


class _Choice(NamedTuple):
    """The patterns that a line with certain first letters may match, and how it must then begin."""

    starts: tuple[str, ...]
    patterns: list[tuple[str, re.Pattern[str]]]


def find_furniture(lines: Sequence[str], *, any_like: bool = True) -> dict[int, str]:
    """Find the lines that are furniture: whole-line patterns of at most 15 words, where furniture stands.

    That is in the first or the last fifth of the lines, or between blank lines. A sentence that begins like
    furniture is none, and a text is never emptied: without a prose line or 25 words beside it, all stays.

    Parameters
    ----------
    lines : sequence of str
        Lines without white space at their ends.
    any_like : bool
        Whether any line may begin like furniture; if not, only an agency's name can end the text.

    Returns
    -------
    dict of int to str
        Rule by index of the line.

    Examples
    --------
    >>> body = "The ministers met in the old town hall on Tuesday and signed the treaty at last."
    >>> find_furniture([body, "Read more about the treaty, he said.", "", "Read more: Who signed the treaty"])
    {3: 'read_more'}
    """
    found: dict[int, str] = {}
    if any_like:
        surviving = [index for index, line in enumerate(lines) if line]
        if _any_matches(lines, surviving):
            found = _in_place(lines, _match_all(lines, surviving), surviving)
    if signs_off(lines):
        found[len(lines) - 1] = "agency"
    if not found:
        return found
    return found if _enough_left(lines, found) else {}


def furniture_rule(line: str) -> str | None:
    """Return the name of the rule that takes a line for furniture, wherever it stands; None if none does.

    Examples
    --------
    >>> furniture_rule("» Lire aussi : Le traité signé"), furniture_rule("Related parties signed, too.")
    ('read_more', None)
    """
    if line[0] in _END_SIGNS and _END_MARK.fullmatch(line.casefold()):
        return "end_mark"
    start = line.lstrip(_SIGNS)[:3].replace("İ", "i").casefold()
    choice = _choice(start)
    if (choice is None and not start.isalpha()) or not start.isascii():
        choice = choice or _choice(start[:2]) or _choice(start[:1])
    if choice is None or not _short(line):
        return None
    folded = _fold(line)
    if not folded.startswith(choice.starts):
        return None
    for rule, pattern in choice.patterns:
        if (found := pattern.fullmatch(folded)) and _is_link(line, found):
            return rule
    return None


def _fold(line: str) -> str:
    folded = line.replace("İ", "i").casefold().replace("’", "'")
    return " ".join(folded.lstrip(_SIGNS).rstrip(_TRAILING).split())


def _is_link(line: str, match: re.Match[str]) -> bool:
    """Tell a link's title, or a bare label, from a sentence: it does not end like one."""
    if line.endswith(("...", "…", "?")) or not ends_sentence(line):
        return True
    return match.lastindex is None and line.count(" ") >= 2


def _short(line: str) -> bool:
    return len(line.split()) <= _WORDS and count_unspaced(line) <= _UNSPACED


def _any_matches(lines: Sequence[str], surviving: Sequence[int]) -> bool:
    """Tell whether any line matches where the search begins: at an edge, or after a blank line."""
    fifth = -(-len(surviving) // 5)
    for place, index in enumerate(surviving):
        if (place < fifth or place >= len(surviving) - fifth or not lines[index - 1]) and (
            len(line := lines[index]) <= _LONGEST and furniture_rule(line)
        ):
            return True
    return False


def _match_all(lines: Sequence[str], surviving: Sequence[int]) -> dict[int, str]:
    matches: dict[int, str] = {}
    for index in surviving:
        line = lines[index]
        if len(line) <= _LONGEST and (rule := furniture_rule(line)) and not _runs_on(lines, index, matches):
            matches[index] = rule
    return matches


def _in_place(lines: Sequence[str], matches: dict[int, str], surviving: list[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for block in _blocks(lines, matches):
        found.update((index, matches[index]) for index in block)
    while True:
        surviving = [index for index in surviving if index not in found]
        fifth = -(-len(surviving) // 5)
        edges = {*surviving[:fifth], *surviving[len(surviving) - fifth :]}
        new = {index: rule for index, rule in matches.items() if index in edges and index not in found}
        if not new:
            return found
        found.update(new)


def _blocks(lines: Sequence[str], matches: dict[int, str]) -> Iterable[list[int]]:
    """Yield the runs of up to six matching lines with blank lines, or the text's ends, on both sides."""
    block: list[int] = []
    for index in matches:
        if not block or index != block[-1] + 1:
            block = []
            if index > 0 and lines[index - 1]:
                continue
        block.append(index)
        closed = index + 1 == len(lines) or not lines[index + 1]
        if closed and len(block) <= _BLOCK and not any(matches[line] == "end_mark" for line in block):
            yield block


def _runs_on(lines: Sequence[str], index: int, matches: dict[int, str]) -> bool:
    """Tell whether a line goes on with the sentence of the line above, as in hard-wrapped prose."""
    before = index - 1
    return lines[index].lstrip()[0].islower() and index > 0 and bool(lines[before]) and before not in matches


def signs_off(lines: Sequence[str]) -> bool:
    """Tell whether the last line is only an agency's name."""
    return len(lines) > 1 and len(lines[-1]) < 30 and lines[-1].strip(" ().-–—[]/").casefold() in SIGN_OFFS


def _enough_left(lines: Sequence[str], found: dict[int, str]) -> bool:
    words = 0
    for index, line in enumerate(lines):
        if line and index not in found:
            words += len(line.split()) + count_unspaced(line) // 2
            if words >= _LEAST_LEFT or is_prose(line):
                return True
    return False


def fill(pattern: str) -> str:
    """Return a pattern of the table as a regular expression."""
    return pattern.format(open=_OPEN, link=_LINK)


@cache
def _by_start() -> dict[str, list[tuple[str, str]]]:
    """Return the patterns, with their rules, under the first three characters of a line to match them."""
    by_start: dict[str, list[tuple[str, str]]] = {}
    for rule, patterns in FURNITURE.items():
        for pattern in map(fill, patterns):
            for start in literal_starts(pattern, 3):
                by_start.setdefault(start, []).append((rule, pattern))
    return by_start


def _choice(start: str) -> _Choice | None:
    return _compiled(start) if start in _by_start() else None


@cache
def _compiled(start: str) -> _Choice:
    """Compile the patterns under one start: few runs ask for many of them."""
    patterns = _by_start()[start]
    starts = set().union(*(literal_starts(pattern, START_LENGTH) for _, pattern in patterns))
    return _Choice(tuple(starts), [(rule, re.compile(pattern)) for rule, pattern in patterns])
