"""Repairs of single characters: decoding, line ends, controls, spaces. No line is judged here."""

from __future__ import annotations

import re
import unicodedata

from dedup import flags

# A UTF-8 sequence read as Latin-1 or Windows-1252 (a lead byte with all its continuation bytes), as
# Windows-1251 or as MacRoman. Two characters of real text rarely meet like this; ftfy judges the line.
_CONTINUATION = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_MISDECODED = re.compile(
    f"[\xc2-\xdd]{_CONTINUATION}|[\xe0-\xef]{_CONTINUATION}{{2}}|[\xf0-\xf4]{_CONTINUATION}{{3}}"
    "|[РС][\u0402-\u040f\u0452-\u045f\u0490\u0491\xa0-\xbe\u2013-\u203a€™]"
    "|‚Ä[ôúùìî¶]|√[©®°±≥§∂º¶]"
)
# Any text's first look, one class for each of two characters: the alternatives above are ten times as slow.
LEADS = "\xc2-\xf4РС‚√"
FOLLOWERS = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\u0402-\u040f\u0452-\u045f\u0490\u0491‹›Ä≥§∂"
_SUSPECT = re.compile(f"[{LEADS}][{FOLLOWERS}]")
# What is left of "â€”" and its kin when the continuation bytes were dropped as controls.
_BROKEN_DASH = re.compile(r"(?<!\w)â(?:€|(?!\w))")
LINE_ENDS = "\u2028\u2029\x85"
_SURROGATE = re.compile("[\ud800-\udfff]")
# C0 and C1 without tab and line feed, zero-width and bidirectional controls, byte order mark, soft hyphen,
# annotation and object marks, two noncharacters that byte swaps leave behind.
DROPPED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffc\ufffe\uffff]"
)
SPACE = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# Joiners shape letters in Arabic, Syriac, Mongolian and the scripts of South and South-East Asia, and bind
# emoji into one; elsewhere they are noise.
_JOINED = (
    "\u0600-\u08ff\u0900-\u109f\u1700-\u18af\u1a00-\u1b7f\ua840-\uaaff\ufb50-\ufdff\ufe70-\ufefc"
    "\u200c\u200d\u2190-\u2bff\ufe0f\U00010a00-\U000116ff\U0001f000-\U0001faff"
)
_JOINER = re.compile(f"(?<![{_JOINED}])[\u200c\u200d](?![{_JOINED}])")


def unify_line_ends(text: str) -> str:
    r"""Turn ``\r\n``, ``\r``, vertical tabs, form feeds and Unicode's line ends into ``\n``.

    Examples
    --------
    >>> unify_line_ends("one\r\ntwo\rthree")
    'one\ntwo\nthree'
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x0b" in text or "\x0c" in text:
        text = text.replace("\x0b", "\n").replace("\x0c", "\n")
    if not text.isascii():
        for end in LINE_ENDS:
            if end in text:
                text = text.replace(end, "\n")
    return text


def repair_mojibake(text: str) -> tuple[str, int]:
    """Repair wrongly decoded lines, where ftfy calls them bad and its repair leaves nothing worse.

    Returns
    -------
    tuple of str and int
        The text, and the flags ``MOJIBAKE`` (repaired) and ``DEGRADED`` (damage is left).

    Examples
    --------
    >>> repair_mojibake("the treatyâ€™s end")[0]
    'the treaty’s end'
    >>> repair_mojibake("un château « à Nîmes »")
    ('un château « à Nîmes »', 0)
    """
    if text.isascii():
        return text, 0
    found = flags.DEGRADED if "\ufffd" in text or ("â" in text and _BROKEN_DASH.search(text)) else 0
    if _SUSPECT.search(text) is None:
        return text, found
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _MISDECODED.search(line):
            lines[number], flag = _repair_line(line)
            found |= flag
    repaired = "\n".join(lines)
    if found & flags.DEGRADED and "\ufffd" not in repaired and not _BROKEN_DASH.search(repaired):
        found &= ~flags.DEGRADED
    return repaired, found


def _repair_line(line: str) -> tuple[str, int]:
    from ftfy import TextFixerConfig, fix_encoding
    from ftfy.badness import badness

    before = badness(line)
    if not before:
        return line, 0
    # Lossy sequences would become U+FFFD: a loss that cannot be taken back.
    repaired = fix_encoding(line, TextFixerConfig(replace_lossy_sequences=False))
    if repaired == line:
        return line, flags.DEGRADED
    if badness(repaired) >= before or repaired.count("\ufffd") > line.count("\ufffd") or "\n" in repaired:
        return line, flags.DEGRADED
    return repaired, flags.MOJIBAKE


def compose(text: str) -> str:
    """Return the text in Unicode's composed form, NFC."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", text)


def drop_invisible(text: str) -> tuple[str, int]:
    r"""Drop controls and zero-width characters, and turn exotic spaces into plain ones.

    Joiners stay where the script or an emoji needs them; variation selectors stay. A lone surrogate
    becomes U+FFFD.

    Returns
    -------
    tuple of str and int
        The text, and ``SUSPECT_CHARACTERS`` when it held a NUL or a lone surrogate.

    Examples
    --------
    >>> drop_invisible("10\u00a0000\u200b euros")
    ('10 000 euros', 0)
    """
    # `isprintable` is false for just the separators and the controls, and ten times as fast as a search.
    shown = text.replace("\n", "")
    if shown.isprintable() or ("\t" in shown and shown.replace("\t", "").isprintable()):
        return text, 0
    found = flags.SUSPECT_CHARACTERS if "\0" in text else 0
    if not text.isascii():
        text = text.replace("\xa0", " ").replace("\u3000", " ").replace("\u200b", "")
        if _SURROGATE.search(text):
            text, found = _SURROGATE.sub("\ufffd", text), flags.SUSPECT_CHARACTERS | flags.DEGRADED
        text = _JOINER.sub("", SPACE.sub(" ", text))
    return DROPPED.sub("", text), found
