"""Two texts → what they share and what only one has, word by word, in a form small enough to store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rapidfuzz.distance import Indel

from dedup.records import Removal

# Codes of a diff's pieces; the page's script knows the same numbers.
SAME, ONLY_A, ONLY_B, FOLDED, FACT_A, FACT_B, REMOVED_A, REMOVED_B, CUT = range(9)
Diff = list[int | str]

# Of an unchanged stretch this many words are shown at either end …
_CONTEXT_WORDS = 8
# … if that hides at least so many.
_FOLDED_WORDS = 12
# Longer texts are compared up to here; the rest is counted.
WORD_LIMIT = 6_000
# Equal words up to here between longer changes are chance ("of the").
_CHANCE_WORDS = 2
# A replaced passage longer than this is another passage; its facts were not exchanged.
_REPLACED_WORDS = 20

# Scripts without spaces go character by character.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]")
_OUTSIDE = re.compile(r"^\W+|\W+$")
_SENTENCE_END = re.compile(r"[.!?:\n\"“”»）。！？]\s*$|\n")


@dataclass(slots=True)
class Words:
    """A text cut into words, each with the white space after it.

    ``keys`` are what is compared: casefolded, without punctuation and vowel marks.
    ``struck`` maps a word's position to the passages removed before it.
    """

    words: list[str]
    keys: list[str]
    struck: dict[int, list[str]] = field(default_factory=dict)
    left_out: int = 0


class _Stretch(NamedTuple):
    same: bool
    a: tuple[int, int]
    b: tuple[int, int]


def cut_words(text: str, removed: Sequence[Removal] = (), raw: str = "") -> Words:
    """Cut a cleaned text into words and put what was removed from it back in its place, as struck passages.

    Parameters
    ----------
    text : str
        The readable text.
    removed : sequence of Removal
        What the normaliser took out.
    raw : str
        The text as it came, in which the removals count their lines.

    Examples
    --------
    >>> cut_words("Rain today.").keys
    ['rain', 'today']
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    left_out = max(0, len(spans) - WORD_LIMIT)
    spans = spans[:WORD_LIMIT]
    ends = [start for start, _ in spans[1:]] + [spans[-1][1] if left_out else len(text)] if spans else []
    words = [_tidy_space(text[start:end]) for (start, _), end in zip(spans, ends, strict=True)]
    return Words(
        words,
        _keys([text[start:end] for start, end in spans]),
        _struck_places(words, removed, raw) if removed else {},
        left_out,
    )


def _tidy_space(word: str) -> str:
    bare = word.rstrip()
    space = word[len(bare) :]
    if not space:
        return word if _UNSPACED_WORD.match(word) else f"{word} "
    return bare + ("\n\n" if space.count("\n") > 1 else "\n" if "\n" in space else " ")


def _keys(words: Sequence[str]) -> list[str]:
    """Return what is compared: a word as the verifier sees it, or as it is where that sees nothing."""
    import pyarrow as pa

    from dedup.normaliser.key import make_keys

    keys, _ = make_keys(
        pa.array([word.encode("utf-8", "replace").decode() for word in words], pa.large_string())
    )
    return [key.decode() or word for key, word in zip(keys.to_pylist(), words, strict=True)]


def _struck_places(words: Sequence[str], removed: Sequence[Removal], raw: str) -> dict[int, list[str]]:
    """Find the word before which each removed line stood: that many surviving lines come before it."""
    line_starts = [0] + [at + 1 for at, word in enumerate(words) if word.endswith("\n")]
    whole_lines = {removal.line for removal in removed}
    struck: dict[int, list[str]] = {}
    survivors, at_line = 0, 1
    lines = raw.splitlines()
    for removal in sorted(removed, key=lambda r: r.line):
        while at_line < removal.line and at_line <= len(lines):
            survivors += bool(lines[at_line - 1].strip()) and at_line not in whole_lines
            at_line += 1
        place = line_starts[min(survivors, len(line_starts) - 1)]
        struck.setdefault(min(place, len(words)), []).append(removal.text)
    return struck


def word_diff(a: Words, b: Words, *, fold: bool = True) -> Diff:
    """Compare two texts.

    Parameters
    ----------
    a, b : Words
        The dropped text and the kept one.
    fold : bool
        Leave long unchanged stretches out, with the number of their words.

    Returns
    -------
    list
        Codes and their content by turns: the text of a piece, or for FOLDED
        and CUT the number of words left out.

    Examples
    --------
    >>> word_diff(cut_words("The toll rose to 12 today."), cut_words("The toll rose to 14 today."))
    [0, 'The toll rose to ', 4, '12 ', 5, '14 ', 0, 'today. ']
    """
    pieces: Diff = []
    for stretch in _without_chance_words(_stretches(a, b)):
        if stretch.same:
            _add_same(pieces, a, b, stretch, fold)
        else:
            _add_changed(pieces, a, b, stretch)
    for words, code in ((a, REMOVED_A), (b, REMOVED_B)):
        _add_struck(pieces, words, len(words.words), code)
    if a.left_out or b.left_out:
        pieces += [CUT, max(a.left_out, b.left_out)]
    return pieces


def in_one_column(diff: Diff) -> Iterator[tuple[int, int | str]]:
    r"""Yield codes and contents for one column: where b's passage follows at once, it ends the line for both.

    Examples
    --------
    >>> list(in_one_column([ONLY_A, "meters.\n", ONLY_B, "metres.\n"]))
    [(1, 'meters. '), (2, 'metres.\n')]
    """
    codes, contents = diff[::2], diff[1::2]
    for code, content, following in zip(codes, contents, [*codes[1:], None], strict=True):
        joined = code in (ONLY_A, FACT_A) and following in (ONLY_B, FACT_B)
        yield int(code), f"{str(content).rstrip()} " if joined else content


def _stretches(a: Words, b: Words) -> list[_Stretch]:
    stretches: list[_Stretch] = []
    for op in Indel.opcodes(a.keys, b.keys):
        same = op.tag == "equal"
        if stretches and stretches[-1].same == same:
            last = stretches[-1]
            stretches[-1] = _Stretch(same, (last.a[0], op.src_end), (last.b[0], op.dest_end))
        else:
            stretches.append(_Stretch(same, (op.src_start, op.src_end), (op.dest_start, op.dest_end)))
    return stretches


def _without_chance_words(stretches: list[_Stretch]) -> list[_Stretch]:
    merged: list[_Stretch] = []
    for at, stretch in enumerate(stretches):
        length = stretch.a[1] - stretch.a[0]
        chance = (
            stretch.same
            and length <= _CHANCE_WORDS
            and 0 < at < len(stretches) - 1
            and min(_longest(stretches[at - 1]), _longest(stretches[at + 1])) > 3 * length
        )
        if merged and not merged[-1].same and (chance or not stretch.same):
            last = merged[-1]
            merged[-1] = _Stretch(False, (last.a[0], stretch.a[1]), (last.b[0], stretch.b[1]))
        else:
            merged.append(stretch)
    return merged


def _longest(stretch: _Stretch) -> int:
    return max(stretch.a[1] - stretch.a[0], stretch.b[1] - stretch.b[0])


def _add_same(pieces: Diff, a: Words, b: Words, stretch: _Stretch, fold: bool) -> None:
    (start_a, end_a), (start, end) = stretch.a, stretch.b
    head = 0 if start == 0 and start_a == 0 else _CONTEXT_WORDS
    tail = 0 if end == len(b.words) and end_a == len(a.words) else _CONTEXT_WORDS
    # A page of nothing but a count helps nobody: the first words of a text are always shown.
    head = head or _CONTEXT_WORDS
    hidden = (start + head, end - tail) if fold and end - start >= head + tail + _FOLDED_WORDS else (end, end)
    shift = start - start_a
    at = start
    for place in sorted(
        {p + shift for p in a.struck if start_a <= p < end_a} | {p for p in b.struck if start <= p < end}
    ):
        _add_shown(pieces, b.words, at, place, hidden)
        _add_struck(pieces, a, place - shift, REMOVED_A)
        _add_struck(pieces, b, place, REMOVED_B)
        at = place
    _add_shown(pieces, b.words, at, end, hidden)


def _add_shown(pieces: Diff, words: Sequence[str], start: int, end: int, hidden: tuple[int, int]) -> None:
    low, high = max(start, hidden[0]), min(end, hidden[1])
    if low >= high:
        _add(pieces, SAME, "".join(words[start:end]))
        return
    _add(pieces, SAME, "".join(words[start:low]))
    pieces += [FOLDED, high - low]
    _add(pieces, SAME, "".join(words[high:end]))


def _add_changed(pieces: Diff, a: Words, b: Words, stretch: _Stretch) -> None:
    facts_a = _facts(a.words, *stretch.a)
    facts_b = _facts(b.words, *stretch.b)
    exchanged = (
        facts_a
        and facts_b
        and _longest(stretch) <= _REPLACED_WORDS
        and not {a.keys[p] for p in facts_a} & {b.keys[p] for p in facts_b}
    )
    for words, (start, end), facts, codes in (
        (a, stretch.a, facts_a, (ONLY_A, FACT_A, REMOVED_A)),
        (b, stretch.b, facts_b, (ONLY_B, FACT_B, REMOVED_B)),
    ):
        for place in range(start, end):
            _add_struck(pieces, words, place, codes[2])
            _add(pieces, codes[1] if exchanged and place in facts else codes[0], words.words[place])


def _facts(words: Sequence[str], start: int, end: int) -> set[int]:
    """Return the places of numbers, and of words with a capital inside a sentence."""
    found = set()
    for place in range(start, end):
        word = words[place]
        inside = place > 0 and not _SENTENCE_END.search(words[place - 1])
        if any(c.isdigit() for c in word) or (inside and _OUTSIDE.sub("", word)[:1].isupper()):
            found.add(place)
    return found


def _add_struck(pieces: Diff, words: Words, place: int, code: int) -> None:
    for passage in words.struck.get(place, ()):
        if (
            pieces
            and isinstance(pieces[-1], str)
            and not pieces[-1].endswith("\n")
            and pieces[-2] not in (REMOVED_A, REMOVED_B)
        ):
            pieces[-1] += "\n"
        pieces += [code, passage]


def _add(pieces: Diff, code: int, text: str) -> None:
    if not text:
        return
    if pieces and pieces[-2] == code:
        pieces[-1] = f"{pieces[-1]}{text}"
    else:
        pieces += [code, text]
