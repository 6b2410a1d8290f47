"""The readable text: every cleaning step in its order, run until nothing changes any more."""

from __future__ import annotations

from dataclasses import dataclass

from dedup import flags
from dedup.normaliser.characters import compose, drop_invisible, repair_mojibake, unify_line_ends
from dedup.normaliser.furniture import find_furniture
from dedup.normaliser.headline import find_repeated_headline
from dedup.normaliser.leading import leading_matter, says_corrected
from dedup.normaliser.markup import MADE, SWALLOWED, drop_marks, number_lines, strip_tags, unescape_entities
from dedup.normaliser.stubs import is_stub
from dedup.records import Removal

# One pass settles nearly every text and the second proves it; what a third still changes is a construction.
_PASSES = 6


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned text: what is left, what went, and where the body begins.

    Attributes
    ----------
    readable : str
        The cleaned text; the very object that came when nothing changed.
    removed : tuple of Removal
        Lines taken out, by their place in the text as it came.
    flags : int
        Bits of `dedup.flags`: unsettled, mojibake, degraded, suspect characters, stub, corrected.
    key_start : int
        Character of ``readable`` where the key begins, after headline, byline and dateline.
    """

    readable: str
    removed: tuple[Removal, ...] = ()
    flags: int = 0
    key_start: int = 0


def clean(text: str, *, title: str | None = None) -> Cleaned:
    r"""Clean a text for reading: characters repaired, repeated headline and furniture gone, no word changed.

    Cleaning a cleaned text changes nothing. A text whose entities or lines do not settle is left as it
    came, flagged as unsettled.

    Parameters
    ----------
    text : str
        The text as it came.
    title : str, optional
        The record's title, which tells a headline from other lines.

    Examples
    --------
    >>> body = "They met in the old town hall on Tuesday and signed it before the cameras."
    >>> cleaned = clean("Ministers sign treaty\r\nMinisters sign treaty\r\n\r\n" + body)
    >>> cleaned.readable.count("Ministers"), cleaned.removed
    (1, (Removal(line=2, rule='headline', text='Ministers sign treaty'),))
    """
    readable, removed, found = _settle(text, title)
    if is_stub(readable):
        found |= flags.STUB
    key_start = leading_matter(readable, title=title)
    if key_start and says_corrected(readable[:key_start]):
        found |= flags.CORRECTED
    return Cleaned(readable, removed, found, key_start)


def _settle(text: str, title: str | None) -> tuple[str, tuple[Removal, ...], int]:
    current, found = text, 0
    removed: list[Removal] = []
    origins: list[int] | None = None
    for _ in range(_PASSES):
        repaired, numbers, new = _repair_characters(current)
        found |= new
        if new & flags.UNSETTLED:
            return text, (), found & ~flags.MOJIBAKE
        lines, numbers = _tidy_lines(repaired, numbers)
        if origins is not None and numbers is not None:
            numbers = [origins[number] for number in numbers]
        n_removed = len(removed)
        lines, numbers = _drop_lines(lines, numbers if numbers is not None else origins, title, removed)
        result = _join(lines, current)
        if result == current:
            return current, tuple(sorted(removed, key=lambda removal: removal.line)), found
        if len(removed) == n_removed and result.isascii() and "&" not in result and "<" not in result:
            # Only spaces, controls and line ends can have changed, which settle at once.
            return result, tuple(sorted(removed, key=lambda removal: removal.line)), found
        current, origins = result, numbers
    return text, (), flags.UNSETTLED | found & ~flags.MOJIBAKE


def _repair_characters(text: str) -> tuple[str, list[int] | None, int]:
    """Apply the steps below the line, in order; also tell where the lines came from, if they shifted."""
    numbers = None
    # First, since one of Unicode's line ends is half of a wrongly decoded character.
    text, found = repair_mojibake(text)
    text = unify_line_ends(text)
    if "&" in text or "<" in text:
        unmarked = drop_marks(text)
        resolved = unescape_entities(unmarked)
        if resolved is None:
            return text, None, found | flags.UNSETTLED
        marked = strip_tags(resolved)
        if MADE in marked or SWALLOWED in marked:
            text, numbers = number_lines(marked)
        else:
            text = marked
    text, invisible = drop_invisible(compose(text))
    return text, numbers, found | invisible


def _tidy_lines(text: str, numbers: list[int] | None) -> tuple[list[str], list[int] | None]:
    """Strip the ends of the lines and collapse runs of blank ones."""
    lines = text.split("\n")
    if " \n" in text or "\t\n" in text or text[-1:].isspace():
        lines = [line.rstrip() for line in lines]
        text = "\n".join(lines)
    if "\n\n\n" not in text and lines[0] and lines[-1]:
        return lines, numbers
    previous = False
    kept: list[int] = []
    for index, line in enumerate(lines):
        blank = not line
        if not (blank and (previous or not kept)):
            kept.append(index)
        previous = blank
    while kept and not lines[kept[-1]]:
        kept.pop()
    if len(kept) == len(lines):
        return lines, numbers
    return [lines[index] for index in kept], kept if numbers is None else [numbers[index] for index in kept]


def _drop_lines(
    lines: list[str], numbers: list[int] | None, title: str | None, removed: list[Removal]
) -> tuple[list[str], list[int] | None]:
    """Take out repeated headlines and furniture, and note each with its line in the text as it came."""
    if len(lines) < 2:
        return lines, numbers
    if repeated := find_repeated_headline(lines, title):
        order, dropped = repeated
        numbers = numbers if numbers is not None else list(range(len(lines)))
        removed += [Removal(numbers[index] + 1, "headline", lines[index]) for index in dropped]
        lines, numbers = [lines[index] for index in order], [numbers[index] for index in order]
    if furniture := find_furniture(lines):
        numbers = numbers if numbers is not None else list(range(len(lines)))
        removed += [Removal(numbers[index] + 1, rule, lines[index]) for index, rule in furniture.items()]
        kept = [index for index in range(len(lines)) if index not in furniture]
        while not lines[kept[-1]]:
            kept.pop()
        lines, numbers = [lines[index] for index in kept], [numbers[index] for index in kept]
    return lines, numbers


def _join(lines: list[str], before: str) -> str:
    joined = "\n".join(lines)
    # A last line end stays if there was one: a text file ends in it.
    return joined + "\n" if joined and before.endswith(("\n", "\r")) else joined
