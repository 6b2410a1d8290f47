"""Perturbed copies of real texts: what reprinting, cutting, editing and scanning do to them.

Every kind is a function from (document, pool, rng) to a `Copy`, or None where
the document has nothing that the kind could change. `KINDS` lists them all.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import perturb_facts
from documents import Document, Pool, is_unspaced, n_words, ordinary_words, sentences, word_spans, words

MIN_WORDS_LEFT = 60
# As much text in a script without spaces, where each character counts.
MIN_CHARACTERS_LEFT = 110
Expectation = Literal["dropped", "found", "apart"]


@dataclass(frozen=True, slots=True)
class Copy:
    """A perturbed text; ``original`` replaces the original's own text where a kind changes both."""

    text: str
    headline: str | None = None
    original: str | None = None


Maker = Callable[[Document, Pool, random.Random], Copy | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to perturb, and what the program ought to do with the copy.

    ``dropped``: one of the two goes; ``found``: one story, both kept; ``apart``:
    both kept. ``keeper`` is the one that ought to survive where that is clear.
    """

    name: str
    expected: Expectation
    keeper: Literal["original", "copy"] | None
    make: Maker
    # For texts of scripts with spaces (and case) only.
    spaced: bool = True
    ocr: bool = False


def cut_prefix(share: float) -> Maker:
    """Keep the first share of the words."""

    def make(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
        spans = word_spans(document.text)
        n_left = round(share * len(spans))
        if n_left < (MIN_CHARACTERS_LEFT if is_unspaced(document.text) else MIN_WORDS_LEFT):
            return None
        return Copy(document.text[: spans[n_left - 1][1]])

    return make


def cut_middle(share: float) -> Maker:
    """Keep a share of the words that begins after the start and stops before the end."""

    def make(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
        spans = word_spans(document.text)
        n_left = round(share * len(spans))
        if n_left < (MIN_CHARACTERS_LEFT if is_unspaced(document.text) else MIN_WORDS_LEFT):
            return None
        room = len(spans) - n_left
        first = rng.randint(max(1, room // 4), max(1, 3 * room // 4))
        return Copy(document.text[spans[first][0] : spans[first + n_left - 1][1]])

    return make


def edit_words(share: float) -> Maker:
    """Replace a share of the ordinary words by others of the corpus; numbers and names stay."""

    def make(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
        edited = _edit(document.text, share, pool, rng)
        return None if edited is None else Copy(edited)

    return make


def _edit(text: str, share: float, pool: Pool, rng: random.Random) -> str | None:
    places = ordinary_words(text)
    n_edits = round(share * len(places))
    if n_edits < 1:
        return None
    pieces, end = [], 0
    for place in sorted(rng.sample(places, n_edits), key=re.Match.start):
        word = rng.choice(pool.vocabulary)
        while word == place[0]:
            word = rng.choice(pool.vocabulary)
        pieces += [text[end : place.start()], word]
        end = place.end()
    return "".join([*pieces, text[end:]])


def new_headline(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
    """Put another headline, made of words of the lead, and a kicker above the text."""
    headline = _headline(document, rng)
    if headline is None:
        return None
    return Copy(f"{headline}\n{rng.choice(_KICKERS)}\n\n{document.text}", headline)


def _headline(document: Document, rng: random.Random) -> str | None:
    lead = next((one for one in sentences(document.text) if n_words(one) >= 8), "")
    told = [word for word in re.findall(r"[A-Za-z][\w'’-]+", lead) if word.lower() not in _SMALL_WORDS]
    if len(told) < 5:
        return None
    taken = sorted(rng.sample(range(len(told)), min(len(told), rng.randint(5, 8))))
    return " ".join(told[place][0].upper() + told[place][1:] for place in taken)


def add_paragraph(where: Literal["front", "end"]) -> Maker:
    """Add a local paragraph of about 60 words, recombined from other documents."""

    def make(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
        local = pool.paragraph(rng, 60, without=document.id)
        parts = (local, document.text) if where == "front" else (document.text, local)
        return Copy("\n\n".join(part.strip("\n") for part in parts))

    return make


def add_links(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
    """Wrap the text in about 120 words of links and furniture."""
    site = rng.choice(_SITES)
    links = [pool.headline(rng, without=document.id) for _ in range(8)]
    above = [
        f"{site} | News, sport and weather",
        "Subscribe | Sign in | Newsletters",
        "Most read",
        *links[:4],
    ]
    below = [
        "Read more: " + links[4],
        "Related: " + links[5],
        "Also read: " + links[6],
        "See also: " + links[7],
        "Share this article on Facebook and Twitter",
        "Sign up for our daily newsletter",
        f"© {rng.randint(2004, 2024)} {site}. All rights reserved.",
        "We use cookies to improve your experience on this site.",
    ]
    text = "\n".join(above) + f"\n\n{document.text.strip(chr(10))}\n\n" + "\n".join(below)
    return Copy(text)


def wire_mix(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
    """Put a new headline, cut to 60 %, edit 3 % of the ordinary words, add a local paragraph."""
    cut = cut_prefix(0.6)(document, pool, rng)
    headline = _headline(document, rng)
    edited = None if cut is None else _edit(cut.text, 0.03, pool, rng)
    if edited is None or headline is None:
        return None
    return Copy(f"{headline}\n\n{edited}\n\n{pool.paragraph(rng, 60, without=document.id)}", headline)


def scan(rate: float) -> Maker:
    """Misread a share of the characters (confused, dropped, doubled) and break long words at line ends."""

    def make(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
        text = re.sub(r"[A-Za-z]{8,}", lambda match: _break(match[0], rng), document.text)
        return Copy("".join(_misread(character, rate, rng) for character in text))

    return make


def _break(word: str, rng: random.Random) -> str:
    if rng.random() >= 0.08:
        return word
    place = rng.randint(3, len(word) - 3)
    return f"{word[:place]}-\n{word[place:]}"


def _misread(character: str, rate: float, rng: random.Random) -> str:
    if character.isspace() or rng.random() >= rate:
        return character
    fate = rng.random()
    if fate < 0.7:
        return _CONFUSED.get(character, character * 2)
    return "" if fate < 0.85 else character * 2


def other_typography(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
    """Write quotes, dashes and ellipses in the other way: straight for curly, curly for straight."""
    text = document.text
    if any(mark in text for mark in "“”‘’—…"):
        changed = text.translate(
            str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "—": "--", "…": "..."})
        )
    else:
        changed = re.sub(r'(^|[\s(])"', r"\1“", text).replace('"', "”").replace("'", "’")
        changed = changed.replace("--", "—").replace(" - ", " – ").replace("...", "…")
    return None if changed == text else Copy(changed)


def all_capitals(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
    """Write everything in capitals, as old wires do."""
    text = document.text.upper()
    return None if text == document.text else Copy(text)


def _facts(function: Callable[[Document, Pool, random.Random], str | None]) -> Maker:
    def make(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
        text = function(document, pool, rng)
        return None if text is None else Copy(text)

    return make


def other_furniture_facts(document: Document, pool: Pool, rng: random.Random) -> Copy | None:
    """Give both texts the same furniture with other dates and numbers in it."""
    body = document.text.strip("\n")
    return Copy(perturb_facts.dated_furniture(body, rng), original=perturb_facts.dated_furniture(body, rng))


_KICKERS = ("EXCLUSIVE", "In depth", "Local news", "Business", "World", "Analysis", "Top story")
_SITES = ("The Daily Courier", "Northfield Gazette", "Harbour Times", "Valley Post", "Metro Observer")
_SMALL_WORDS = frozenset(
    words(
        "the a an of to in on at for and or by with from as that this is are was were be been has have had "
        "it its his her their he she they said will would which who but not"
    )
)
_CONFUSED = {
    **{"e": "c", "c": "e", "o": "0", "O": "0", "l": "1", "i": "l", "I": "l", "m": "rn", "n": "ri", "h": "b"},
    **{"b": "h", "u": "ii", "S": "5", "B": "8", "a": "o", "t": "f", "f": "t", "v": "y", "g": "q", "d": "cl"},
    **{"w": "vv", "s": "a", "r": "t", ".": ",", ",": ".", "0": "O", "1": "l", "5": "S", "8": "B", "y": "v"},
}

# Scarce kinds first: each original is used once per run, and these find the fewest that suit them.
KINDS: tuple[Kind, ...] = (
    Kind("cut to 20 %", "dropped", "original", cut_prefix(0.2), spaced=False),
    Kind("excerpt of 20 %", "dropped", "original", cut_middle(0.2), spaced=False),
    Kind("cut to 30 %", "dropped", "original", cut_prefix(0.3), spaced=False),
    Kind("excerpt of 30 %", "dropped", "original", cut_middle(0.3), spaced=False),
    Kind("spelling variants", "dropped", None, _facts(perturb_facts.other_spelling)),
    Kind("weekday or date", "dropped", None, _facts(perturb_facts.other_day_form)),
    Kind("template", "apart", None, _facts(perturb_facts.template)),
    Kind("update", "apart", None, _facts(perturb_facts.update), spaced=False),
    Kind("numbers in words", "dropped", None, _facts(perturb_facts.other_number_form)),
    Kind("money forms", "dropped", None, _facts(perturb_facts.other_money_form)),
    Kind("percent forms", "dropped", None, _facts(perturb_facts.other_percent_form)),
    Kind("cut to 50 %", "dropped", "original", cut_prefix(0.5), spaced=False),
    Kind("excerpt of 50 %", "dropped", "original", cut_middle(0.5), spaced=False),
    Kind("wire mix", "found", None, wire_mix),
    Kind("cut to 70 %", "dropped", "original", cut_prefix(0.7), spaced=False),
    Kind("excerpt of 70 %", "dropped", "original", cut_middle(0.7), spaced=False),
    Kind("name corrected", "dropped", None, _facts(perturb_facts.name_typo)),
    Kind("typography", "dropped", None, other_typography, spaced=False),
    Kind("furniture facts", "dropped", None, other_furniture_facts, spaced=False),
    Kind("3 % edited", "dropped", None, edit_words(0.03)),
    Kind("10 % edited", "dropped", None, edit_words(0.1)),
    Kind("20 % edited", "dropped", None, edit_words(0.2)),
    Kind("headline and kicker", "dropped", None, new_headline),
    Kind("paragraph in front", "dropped", "copy", add_paragraph("front"), spaced=False),
    Kind("paragraph at the end", "dropped", "copy", add_paragraph("end"), spaced=False),
    Kind("links around", "dropped", "original", add_links, spaced=False),
    Kind("all capitals", "dropped", "original", all_capitals),
    Kind("OCR 1 %", "dropped", "original", scan(0.01), ocr=True),
    Kind("OCR 3 %", "dropped", "original", scan(0.03), ocr=True),
    Kind("OCR 5 %", "dropped", "original", scan(0.05), ocr=True),
)
