"""The headline repeated above the body: which copies go, and which form stays."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from dedup.normaliser.leading import is_matter_line
from dedup.normaliser.lines import count_unspaced, is_list_item, is_prose, is_turn, line_key

_WINDOW = 8  # non-empty lines looked at
_LONGEST = 300  # characters of a headline
_SUFFIX_WORDS = 5  # of a site's name or another part set off by a dash or bar
_ALIKE = 94.0  # RapidFuzz ratio
_NEGATIONS = frozenset(("no", "not", "non", "un", "out", "off", "up", "ohne", "nie", "pas", "не", "без"))
_PARTS = re.compile(r"\s(?:[|–—»·-]|--)\s")
# A line of code or an entry of a table set in by spaces.
_CODE = re.compile(r"[={}\\]|\s{4}")
_DIGITS = re.compile(r"\d+")
_CUT = ("…", "...")


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: int  # of its line
    line: str
    key: str
    copies: tuple[str, ...]  # keys of the line without its first or last set-off part


def find_repeated_headline(lines: list[str], title: str | None = None) -> tuple[list[int], list[int]] | None:
    """Find the copies of a headline in the first eight non-empty lines, down to the first prose line.

    Copies are equal by key, equal but for a set-off part ("| Site"), cut with an ellipsis, or alike but for
    the spelling of a word, with the same digits. Speakers' turns, list items, lines under three words and
    lines inside a sentence are never taken for headlines.

    Parameters
    ----------
    lines : list of str
        Lines without white space at their ends.
    title : str, optional
        The record's title; decides only where the text has no prose.

    Returns
    -------
    tuple of two lists of int, or None
        The surviving lines in their new order (the best form stands where the first copy stood), and the
        removed ones; None when nothing is repeated.

    Examples
    --------
    >>> find_repeated_headline(["Ministers sign the treaty", "Ministers sign the treaty | Daily"])
    >>> body = "They met in the old town hall on Tuesday and signed it before the cameras."
    >>> find_repeated_headline(["Ministers sign the treaty", "Ministers sign the treaty | Daily", body])
    ([0, 2], [1])
    """
    if not may_repeat(lines):
        return None
    window, wrapped = _window(lines)
    candidates = [made for index in window if (made := _candidate(index, lines[index])) is not None]
    if len(candidates) < 2:
        return None
    if any(is_prose(line) for line in lines[window[-1] + 1 :]):
        groups = _group(candidates)
    else:
        least = 2 if wrapped and candidates[0].index == window[0] else 3
        groups = _group_without_prose(candidates, lines, title, least=least)
    return _choose(groups, len(lines)) if groups else None


def _window(lines: list[str]) -> tuple[list[int], bool]:
    """Return the lines above the prose, and whether that prose is hard-wrapped."""
    window: list[int] = []
    for index, line in enumerate(lines):
        if not line:
            continue
        if is_prose(line):
            return window, False
        if _starts_wrapped(lines, index):
            return window, True
        window.append(index)
        if len(window) == _WINDOW:
            break
    return window, False


def _starts_wrapped(lines: list[str], index: int) -> bool:
    """Tell whether a line runs on into the next one, as in hard-wrapped prose."""
    following = lines[index + 1].lstrip() if index + 1 < len(lines) else ""
    return following[:1].islower() and lines[index].count(" ") >= 4 and not lines[index].islower()


def _is_shaped(line: str) -> bool:
    """Tell whether a line has a headline's length and end."""
    if len(line) > _LONGEST or line.endswith((",", ";", ":", "，", "：", "、")):
        return False
    return line.count(" ") >= 2 or not line.isascii()


def may_repeat(lines: list[str]) -> bool:
    """Tell whether two lines above the prose are alike, whatever they are: most texts are done with that.

    The word holds without the last line, too, unless the line above runs on into that.
    """
    window = [lines[index] for index in _window(lines)[0]]
    keys = []
    for line in filter(_is_shaped, window):
        if line.endswith(_CUT) or _PARTS.search(line):
            return True
        keys.append(line_key(line))
    if len(set(keys)) < len(keys):
        return True
    by_digits: dict[tuple[str, ...], list[str]] = {}
    for key in keys:
        by_digits.setdefault(tuple(_DIGITS.findall(key)), []).append(key)
    return any(
        fuzz.ratio(key, other, score_cutoff=_ALIKE)
        for group in by_digits.values()
        for place, key in enumerate(group)
        for other in group[:place]
    )


def _candidate(index: int, line: str) -> _Candidate | None:
    if not _is_shaped(line) or _CODE.search(line):
        return None
    if is_list_item(line) or is_turn(line) or is_matter_line(line):
        return None
    key = line_key(line)
    if not _long_enough(key):
        return None
    return _Candidate(index, line, key, _without_parts(line))


def _long_enough(key: str, *, words: int = 3) -> bool:
    return key.count(" ") >= words - 1 or count_unspaced(key) >= 8


def _without_parts(line: str) -> tuple[str, ...]:
    breaks = list(_PARTS.finditer(line))
    if not breaks:
        return ()
    kept = []
    first, last = breaks[0], breaks[-1]
    for rest, part in (
        (line[: last.start()], line[last.end() :]),
        (line[first.end() :], line[: first.start()]),
    ):
        short = len(part.split()) <= _SUFFIX_WORDS and count_unspaced(part) <= 3 * _SUFFIX_WORDS
        if short and _long_enough(key := line_key(rest)):
            kept.append(key)
    return tuple(kept)


def _group(candidates: list[_Candidate]) -> list[list[_Candidate]]:
    groups: list[list[_Candidate]] = []
    for candidate in candidates:
        for group in groups:
            if any(_same(candidate, other) for other in group):
                group.append(candidate)
                break
        else:
            groups.append([candidate])
    return [group for group in groups if len(group) > 1]


def _same(one: _Candidate, other: _Candidate) -> bool:
    if one.key == other.key or one.key in other.copies or other.key in one.copies:
        return True
    if _is_cut_of(one, other) or _is_cut_of(other, one):
        return True
    shorter, longer = sorted((len(one.key), len(other.key)))
    # Without spaces a character is a syllable or a word, and another one is another matter.
    if (
        shorter < 0.8 * longer
        or count_unspaced(one.key)
        or _DIGITS.findall(one.key) != _DIGITS.findall(other.key)
    ):
        return False
    return bool(fuzz.ratio(one.key, other.key, score_cutoff=_ALIKE)) and _spelt_otherwise(one.key, other.key)


def _spelt_otherwise(one: str, other: str) -> bool:
    """Tell whether the words that differ are spellings of each other, or small words that one key lacks.

    The ratio alone takes "uncooked" for "cooked" and "refraction" for "diffraction".
    """
    left = [word for word in one.split() if word not in other.split()]
    right = [word for word in other.split() if word not in one.split()]
    for word in list(left):
        match = next((match for match in right if _spelling(word, match)), None)
        if match is not None:
            left.remove(word)
            right.remove(match)
    return all(len(word) <= 3 and word not in _NEGATIONS for word in left + right)


def _spelling(word: str, other: str) -> bool:
    if word[:2] != other[:2]:
        return False
    shorter, longer = sorted((word, other), key=len)
    # "Sen." and "Senator"; else one letter in ten.
    return (len(shorter) >= 3 and longer.startswith(shorter)) or fuzz.ratio(word, other) >= 90


def _is_cut_of(cut: _Candidate, whole: _Candidate) -> bool:
    if not cut.line.endswith(_CUT):
        return False
    return _long_enough(cut.key, words=4) and whole.key.startswith(cut.key) and not whole.line.endswith(_CUT)


def _group_without_prose(
    candidates: list[_Candidate], lines: list[str], title: str | None, *, least: int
) -> list[list[_Candidate]]:
    """Group equal lines where no line is prose, as in a brief or lyrics: a repeated line may be meant."""
    by_key: dict[str, list[_Candidate]] = {}
    for candidate in candidates:
        by_key.setdefault(candidate.key, []).append(candidate)
    title_key = line_key(title) if title else ""
    groups = []
    for key, group in by_key.items():
        if len(group) < 2:
            continue
        apart = all(not lines[copy.index - 1] for copy in group[1:]) and (
            all(not lines[copy.index + 1] for copy in group[:-1])
        )
        titles = key == title_key and not _lines_between(group, candidates)
        if titles or (apart and len(group) >= least):
            groups.append(group)
    return groups


def _lines_between(group: list[_Candidate], candidates: list[_Candidate]) -> bool:
    first, last = group[0].index, group[-1].index
    return any(first < other.index < last and other.key != group[0].key for other in candidates)


def _choose(groups: list[list[_Candidate]], n_lines: int) -> tuple[list[int], list[int]]:
    order = list(range(n_lines))
    removed = []
    for group in groups:
        best = min(group, key=lambda copy: _rank(copy, group))
        order[group[0].index] = best.index
        for copy in group:
            if copy is not group[0]:
                order[copy.index] = -1
            if copy is not best:
                removed.append(copy.index)
    return [index for index in order if index >= 0], sorted(removed)


def _rank(copy: _Candidate, group: list[_Candidate]) -> tuple[bool, bool, bool, int]:
    """Rank a copy: most complete first, then not in capitals, then without a site's name, then the first."""
    suffixed = any(other.key in copy.copies for other in group)
    return copy.line.endswith(_CUT), copy.line.isupper(), suffixed, copy.index
