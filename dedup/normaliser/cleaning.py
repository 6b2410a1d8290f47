"""The readable text: every cleaning step in its order, run until nothing changes any more."""

from __future__ import annotations

from dataclasses import dataclass, field

from dedup import flags
from dedup.kernels.screen import (
    DATELINE_ALONE,
    DECOMPOSED,
    FURNITURE,
    HEADLINE,
    INVISIBLE,
    LEADING,
    LINE_ENDS,
    MARKUP,
    MISDECODED,
    NOTICE,
    RETURNS,
    SIGN_OFF,
    TIDY,
)
from dedup.normaliser.characters import compose, drop_invisible, repair_mojibake, unify_line_ends
from dedup.normaliser.furniture import find_furniture, signs_off
from dedup.normaliser.headline import find_repeated_headline, may_repeat
from dedup.normaliser.leading import leading_matter, says_corrected
from dedup.normaliser.markup import MADE, SWALLOWED, drop_marks, number_lines, strip_tags, unescape_entities
from dedup.normaliser.stubs import is_stub
from dedup.records import Removal

# One pass settles nearly every text and the second proves it; what a third still changes is a construction.
_PASSES = 6

ALL_RULES = 0xFFFF
CHARACTERS = MISDECODED | LINE_ENDS | MARKUP | DECOMPOSED | INVISIBLE | RETURNS
FURNISHED = HEADLINE | FURNITURE | SIGN_OFF
LINES = TIDY | FURNISHED
STUBS = DATELINE_ALONE | NOTICE


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
    draft = Draft(text, title)
    while True:
        draft.repair()
        if draft.arrange():
            return draft.finish()
        draft.mask = ALL_RULES


@dataclass(slots=True)
class Draft:
    """A text on its way through the passes of cleaning.

    A pass is `repair`, which looks at characters, and then `arrange`, which looks at lines; it is over when
    a pass would change nothing. `mask` names the rules that could touch the text (bits of
    `dedup.kernels.screen`); without a screen that is all of them.

    Attributes
    ----------
    came : str
        The text as it came.
    title : str, optional
        The record's title.
    mask : int
        Rules worth trying, as far as known.
    text : str
        The text as it is by now.
    removed : list of Removal
        Lines taken out, in the order in which they went.
    flags : int
        Bits of `dedup.flags`.
    """

    came: str
    title: str | None = None
    mask: int = ALL_RULES
    text: str = field(init=False)
    removed: list[Removal] = field(init=False, default_factory=list)
    flags: int = field(init=False, default=0)
    _before: str = field(init=False, default="")  # the text when the pass began
    _origins: list[int] | None = field(init=False, default=None)  # of the lines when the pass began
    _numbers: list[int] | None = field(init=False, default=None)  # of the lines after the repair, in these
    _passes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.text = self.came

    def repair(self) -> bool:
        """Repair characters; tell whether the text is another one now, of which the mask says nothing."""
        self._before, self._numbers = self.text, None
        if not self.mask & CHARACTERS:
            return False
        repaired, self._numbers, new = _repair_characters(self.text, self.mask)
        self.flags |= new
        if new & flags.UNSETTLED:
            self._give_up()
            return False
        self.text = repaired
        if repaired == self._before or self.mask & CHARACTERS == RETURNS:
            # The screen takes a return before a line end for a space there.
            self.mask &= ~RETURNS
            return False
        self.mask = ALL_RULES
        return True

    def arrange(self) -> bool:
        """Tidy lines and take out those that are not the article's; tell whether the text is settled."""
        self._passes += 1
        if self._passes > _PASSES:
            return True
        n_removed = len(self.removed)
        numbers = self._numbers
        # A text file's last line end is judged by the text before its repair.
        ends_alike = self.text.endswith("\n") == self._before.endswith(("\n", "\r"))
        lines = None
        if self.mask & LINES or not ends_alike:
            lines, numbers = _tidy_lines(self.text, numbers)
        if self._origins is not None:
            numbers = self._origins if numbers is None else [self._origins[number] for number in numbers]
        if lines is not None:
            if self.mask & HEADLINE and not may_repeat(lines):
                self.mask &= ~HEADLINE
            lines, numbers = _drop_lines(lines, numbers, self.title, self.removed, self.mask)
            self.text = _join(lines, self._before)
        self._origins = numbers
        if len(self.removed) == n_removed and self._settles():
            return True
        if self._passes == _PASSES:
            self._give_up()
            return True
        # Without its last line, the text still has no other line to take out.
        if self.mask & (CHARACTERS | FURNISHED) != SIGN_OFF or not lines or signs_off(lines):
            return False
        return not self.removed[-1].text.lstrip()[:1].islower()

    def _settles(self) -> bool:
        """Tell whether another pass is known to change nothing, where this one removed no line."""
        if self.text == self._before:
            return True
        # Only spaces, controls and line ends can have changed, which settle at once.
        if self.text.isascii() and "&" not in self.text and "<" not in self.text:
            return True
        return not self.mask & CHARACTERS and self._passes < _PASSES

    def _give_up(self) -> None:
        """Leave the text as it came, flagged."""
        self._passes, self.mask = _PASSES, ALL_RULES
        self.text, self.removed = self.came, []
        self.flags = flags.UNSETTLED | self.flags & ~flags.MOJIBAKE

    def finish(self) -> Cleaned:
        """Return the cleaned text, with what was removed and where its body begins."""
        readable = self.came if self.text == self.came else self.text
        found = self.flags
        if self.mask & STUBS and is_stub(
            readable, dateline=self.mask & DATELINE_ALONE != 0, notice=self.mask & NOTICE != 0
        ):
            found |= flags.STUB
        start = leading_matter(readable, title=self.title) if self.mask & LEADING else 0
        if start and says_corrected(readable[:start]):
            found |= flags.CORRECTED
        removed = tuple(sorted(self.removed, key=lambda removal: removal.line)) if self.removed else ()
        return Cleaned(readable, removed, found, start)


def _repair_characters(text: str, mask: int) -> tuple[str, list[int] | None, int]:
    """Apply the steps below the line, in order; also tell where the lines came from, if they shifted."""
    numbers, found, came = None, 0, text
    # First, since one of Unicode's line ends is half of a wrongly decoded character.
    if mask & MISDECODED:
        text, found = repair_mojibake(text)
        mask = mask if text == came else ALL_RULES
    if mask & (LINE_ENDS | RETURNS):
        text = unify_line_ends(text)
    if mask & MARKUP and ("&" in text or "<" in text):
        unmarked = drop_marks(text)
        resolved = unescape_entities(unmarked)
        if resolved is None:
            return text, None, found | flags.UNSETTLED
        # Entities may stand for anything; without its tags a text has no character that it had not before.
        mask = mask if resolved == unmarked else ALL_RULES
        text = strip_tags(resolved)
        if MADE in text or SWALLOWED in text:
            text, numbers = number_lines(text)
    if mask & DECOMPOSED:
        text = compose(text)
    if mask & INVISIBLE:
        text, invisible = drop_invisible(text)
        found |= invisible
    return text, numbers, found


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
    lines: list[str], numbers: list[int] | None, title: str | None, removed: list[Removal], mask: int
) -> tuple[list[str], list[int] | None]:
    """Take out repeated headlines and furniture, and note each with its line in the text as it came."""
    if len(lines) < 2 or not mask & FURNISHED:
        return lines, numbers
    if mask & HEADLINE and (repeated := find_repeated_headline(lines, title)):
        order, dropped = repeated
        numbers = numbers if numbers is not None else list(range(len(lines)))
        removed += [Removal(numbers[index] + 1, "headline", lines[index]) for index in dropped]
        lines, numbers = [lines[index] for index in order], [numbers[index] for index in order]
    furniture = find_furniture(lines, any_like=mask & FURNITURE != 0) if mask & (FURNITURE | SIGN_OFF) else {}
    if furniture:
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
