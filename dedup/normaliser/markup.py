"""Remains of HTML: entities and tags."""

from __future__ import annotations

import re
from functools import lru_cache
from html.entities import html5

ENTITY_ROUNDS = 4
# Stand for a line end that a tag or an entity made, and for one that vanished inside a tag, until the
# lines have been counted. Both are controls, which the text loses anyway.
MADE = "\x1e"
SWALLOWED = "\x1f"

_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
_LINE_ENDS = str.maketrans(dict.fromkeys("\n\r\x0b\x0c\x85\u2028\u2029", MADE))
_MARKS = re.compile(f"[{MADE}{SWALLOWED}]")

_BLOCKS_WORDS = (
    "address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li link main "
    "menu meta nav noscript ol optgroup option p pre section select summary table tbody textarea tfoot thead "
    "title tr ul"
)
_BLOCKS = frozenset(_BLOCKS_WORDS.split())
_CELLS = frozenset(("td", "th"))
_INLINE_WORDS = (
    "a abbr acronym applet area audio b base basefont bdi bdo big blink button canvas cite code col colgroup "
    "data datalist del dfn em embed font frame i iframe img input ins kbd label map mark marquee meter nobr "
    "noframes object output param path picture progress q rp rt ruby s samp script slot small source span "
    "strike strong style sub sup svg template time track tt u var video wbr o:p amp-img amp-ad g polygon "
    "circle rect"
)
_INLINE = frozenset(_INLINE_WORDS.split())
NAMES = _BLOCKS | _CELLS | _INLINE
_VALUE = r"\"[^\"]{0,4000}+\"|'[^']{0,4000}+'|[^\s\"'<>]++"
_BARE = (
    "allowfullscreen|async|autoplay|checked|compact|controls|crossorigin|default|defer|disabled|download|hidden|"
    "ismap|itemscope|loop|multiple|muted|noshade|novalidate|nowrap|open|playsinline|readonly|required|reversed|"
    "selected"
)
# A tag: a known name, then only attributes with a value (or known to need none). Possessive throughout, so
# that no input makes it go back.
_TAG = re.compile(
    r"(<(/?)([A-Za-z](?:[A-Za-z0-9:-]){0,15}+)"
    rf"((?:\s++(?:(?:{_BARE})(?=[\s/>])|[A-Za-z_:@][\w:.@-]*+\s*+=\s*+(?:{_VALUE})))*+)\s*+/?>)",
    re.IGNORECASE,
)
_DECLARATION = re.compile(r"<!doctype\b[^<>]{0,400}+>|<\?xml\b[^<>]{0,400}+>", re.IGNORECASE)
_RAW_START = re.compile(r"<(script|style|svg|template)(?:\s[^<>]{0,4000}+)?>", re.IGNORECASE)
_RAW_END = {
    name: re.compile(rf"</{name}\s{{0,20}}+>", re.IGNORECASE)
    for name in ("script", "style", "svg", "template")
}
_CODE = re.compile(r"[{}();=<]")


def unescape_entities(text: str) -> str | None:
    """Resolve named and numeric entities until none is left; None if that takes over four rounds.

    Only entities with their semicolon are resolved; numbers that are no character stay.

    Examples
    --------
    >>> unescape_entities("Q&amp;amp;A at AT&T; it&#8217;s on")
    'Q&A at AT&T; it’s on'
    """
    for _ in range(ENTITY_ROUNDS):
        if "&" not in text:
            return text
        resolved = _ENTITY.sub(_resolve, text)
        if resolved == text:
            return text
        text = resolved
    return text if _ENTITY.sub(_resolve, text) == text else None


def _resolve(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return html5.get(name + ";", match[0]).translate(_LINE_ENDS)
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if 0x80 <= code <= 0x9F:
        # Windows-1252 numbers: what every browser makes of them.
        return bytes([code]).decode("cp1252", "ignore") or match[0]
    if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return match[0]
    return chr(code).translate(_LINE_ENDS)


def strip_tags(text: str) -> str:
    """Take out tags, comments and scripts; a block tag leaves the mark of a line end, a cell a space.

    Only what is shaped like a tag and has an HTML element's name: ``<3``, ``a < b``, ``<AAPL.O>`` and bare
    capital codes such as ``<P>`` in a text without other markup stay. A script or style is removed with its
    content only if that looks like code.

    Examples
    --------
    >>> strip_tags("Profit <b>rose</b> at Apple <AAPL.O>, 1 < 2 <3")
    'Profit rose at Apple <AAPL.O>, 1 < 2 <3'
    """
    if ">" not in text:
        return text
    if "<!" in text or "<?" in text:
        text = _DECLARATION.sub(_swallow, _drop_between(text, "<!--", "-->"))
    if _RAW_START.search(text):
        text = _drop_code(text)
    pieces = _TAG.split(text)
    # Text, whole tag, slash, name, attributes, text, …
    tags, names = pieces[1::5], pieces[3::5]
    certain = any(
        name.lower() in NAMES and (slash or attributes or not name.isupper())
        for slash, name, attributes in zip(pieces[2::5], names, pieces[4::5], strict=True)
    )
    stripped = [""] * (2 * len(tags) + 1)
    stripped[::2] = pieces[::5]
    stripped[1::2] = map(_in_place_of, tags, names)
    if not certain:
        # A stock's code stands apart from the words; a lone capital tag is glued to what follows.
        for place, tag in enumerate(tags):
            if not stripped[2 * place + 2][:1].isalnum():
                stripped[2 * place + 1] = tag
    return "".join(stripped)


@lru_cache(maxsize=1024)
def _in_place_of(tag: str, name: str) -> str:
    name = name.lower()
    if name not in NAMES:
        return tag
    swallowed = SWALLOWED * tag.count("\n")
    if name in _BLOCKS:
        return swallowed + MADE
    return swallowed + " " if name in _CELLS else swallowed


def _swallow(match: re.Match[str]) -> str:
    return SWALLOWED * match[0].count("\n")


def _drop_between(text: str, start: str, end: str) -> str:
    pieces, position = [], 0
    while (begin := text.find(start, position)) >= 0:
        finish = text.find(end, begin + len(start))
        if finish < 0:
            break
        pieces += [text[position:begin], SWALLOWED * text.count("\n", begin, finish)]
        position = finish + len(end)
    return "".join([*pieces, text[position:]])


def _drop_code(text: str) -> str:
    pieces, position, searched = [], 0, 0
    unclosed: set[str] = set()
    while match := _RAW_START.search(text, searched):
        name = match[1].lower()
        end = None if name in unclosed else _RAW_END[name].search(text, match.end())
        if end is None:
            unclosed.add(name)
            searched = match.end()
            continue
        searched = end.end()
        if match.end() == end.start() or _CODE.search(text, match.end(), end.start()):
            pieces += [text[position : match.start()], SWALLOWED * text.count("\n", match.start(), end.end())]
            position = end.end()
    return "".join([*pieces, text[position:]])


def number_lines(marked: str) -> tuple[str, list[int]]:
    r"""Turn the marks of made and swallowed line ends into text, and tell which line each came from.

    Returns
    -------
    tuple of str and list of int
        The text with ``\n`` for every line end, and for each of its lines the index in the marked text.

    Examples
    --------
    >>> number_lines("a\x1eb\nc")
    ('a\nb\nc', [0, 0, 1])
    """
    origins, line = [], 0
    for old_line in marked.split("\n"):
        shifts = 0
        for piece in old_line.split(MADE):
            origins.append(line + shifts)
            shifts += piece.count(SWALLOWED)
        line += 1 + shifts
    return marked.replace(MADE, "\n").replace(SWALLOWED, ""), origins


def drop_marks(text: str) -> str:
    """Take the marks' characters out of a text that came with them."""
    return _MARKS.sub("", text) if MADE in text or SWALLOWED in text else text
