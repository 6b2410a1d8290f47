"""Facts in another form (still copies), and facts changed (no longer copies)."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import timedelta

from documents import MONTHS, NUMBER_WORDS, TENS, WEEKDAYS, Document, Pool, n_words, names_in, words

_VALUES = {word: value for value, word in enumerate(NUMBER_WORDS)} | TENS
_WORDS = {value: word for word, value in _VALUES.items()}
_SMALL_NUMBER = re.compile(
    r"(?<![\w.,$£/:%-])(\d{1,2})(?![\w.,/:%-]*\d)(?![%/:-])(?=[\s,;.])(?! ?(?:a\.m|p\.m|pct))"
)
_NUMBER_WORD = re.compile(r"(?<![\w-])(" + "|".join(sorted({*_VALUES} - {"zero", "one"})) + r")(?![\w-])")
_MONEY_SIGN = re.compile(r"\$ ?(\d[\d,]*(?:\.\d+)?) (million|billion|mln|bln)\b")
_MONEY_WORDS = re.compile(r"\b(\d[\d,]*(?:\.\d+)?) (million|billion|mln|bln) (dollars|dlrs)\b")
_PERCENT = re.compile(r"\b(\d[\d,]*(?:\.\d+)?)(?: (pct|percent|per cent)\b|(%))")
_WEEKDAY = re.compile(r"\b(" + "|".join(WEEKDAYS) + r")\b(?!,? (?:" + "|".join(MONTHS) + "))")
_MONTH_DAY = re.compile(r"(?<!day, )(?<!day )\b(" + "|".join(MONTHS) + r") (\d{1,2})\b(?!,? \d{4})")
# A number inside a sentence; phone numbers, times, dates with slashes, years and codes are no such fact.
_FIGURE = re.compile(r"(?<![\w.,/:()-])\$?(?!(?:19|20)\d\d\b)(\d[\d,]*(?:\.\d+)?)(?![\w/:()-])")
# A full stop at the end of a line whose successor is blank or indented, or where nothing follows.
_PARAGRAPH_END = re.compile(r"[.!?][\"”]?[ \t\r]*(?=\n\s)|[ \t\r]*\n(?=\s*\n)|\s*\Z")
_DIGITS = re.compile(r"\d+")
_STEMS_Z = words(
    "organ author recogn emphas critic real minim maxim modern stabil privat util summar apolog final "
    "special national general central character econom stand legal normal penal prior revital visual "
    "symbol mobil"
)
_OR_WORDS = words("labor color favor honor neighbor behavior harbor rumor humor vapor endeavor")
_OTHER_SPELLINGS = {
    **{
        "center": "centre",
        "centers": "centres",
        "theater": "theatre",
        "defense": "defence",
        "offense": "offence",
    },
    **{"program": "programme", "programs": "programmes", "traveled": "travelled", "traveling": "travelling"},
    **{
        "canceled": "cancelled",
        "labeled": "labelled",
        "fulfill": "fulfil",
        "gray": "grey",
        "analyze": "analyse",
    },
    **{
        "aluminum": "aluminium",
        "catalog": "catalogue",
        "fueled": "fuelled",
        "modeled": "modelled",
        "liter": "litre",
    },
    **{"skeptical": "sceptical", "jewelry": "jewellery"},
}
_ENDINGS_Z = ("ize", "izes", "ized", "izing", "ization", "izations")
_ENDINGS_OR = ("", "s", "ed", "ing", "able", "ite")


def _american_to_british() -> dict[str, str]:
    table = dict(_OTHER_SPELLINGS)
    table |= {stem + end: stem + end.replace("iz", "is", 1) for stem in _STEMS_Z for end in _ENDINGS_Z}
    table |= {word + end: f"{word[:-2]}our{end}" for word in _OR_WORDS for end in _ENDINGS_OR}
    return table


_TO_BRITISH = _american_to_british()
_TO_AMERICAN = {british: american for american, british in _TO_BRITISH.items()}


def other_number_form(document: Document, pool: Pool, rng: random.Random) -> str | None:
    """Write small numbers in words and number words in digits (twelve, 12); at least two of them."""

    def as_word(match: re.Match[str]) -> str:
        value = int(match[1])
        before = document.text[max(0, match.start() - 12) : match.start()]
        if value not in _WORDS or value < 2 or match[1][0] == "0" or any(month in before for month in MONTHS):
            return match[0]
        return _WORDS[value]

    def as_digits(match: re.Match[str]) -> str:
        return str(_VALUES[match[1]])

    return _replaced(document.text, ((_SMALL_NUMBER, as_word),), least=2) or _replaced(
        document.text, ((_NUMBER_WORD, as_digits),), least=2
    )


def other_money_form(document: Document, pool: Pool, rng: random.Random) -> str | None:
    """Write sums of dollars in another way: $5 mln, 5 million dollars."""
    long = {"mln": "million", "bln": "billion"}
    short = {"million": "mln", "billion": "bln"}

    def from_sign(match: re.Match[str]) -> str:
        return f"{match[1]} {long.get(match[2], match[2])} dollars"

    def from_words(match: re.Match[str]) -> str:
        return f"${match[1]} {long.get(match[2]) or short[match[2]]}"

    return _replaced(document.text, ((_MONEY_SIGN, from_sign),)) or _replaced(
        document.text, ((_MONEY_WORDS, from_words),)
    )


def other_percent_form(document: Document, pool: Pool, rng: random.Random) -> str | None:
    """Write percentages in another way: pct, %, percent, per cent."""
    form = rng.choice([" pct", "%", " percent", " per cent"])
    return _replaced(document.text, ((_PERCENT, lambda match: match[1] + form),))


def other_day_form(document: Document, pool: Pool, rng: random.Random) -> str | None:
    """Write a weekday as the date it means (the last such day up to the record's date), or the other way."""
    day = document.date
    if day is None:
        return None

    def as_date(match: re.Match[str]) -> str:
        then = day - timedelta(days=(day.weekday() - WEEKDAYS.index(match[1])) % 7)
        return f"{MONTHS[then.month - 1]} {then.day}"

    def as_weekday(match: re.Match[str]) -> str:
        for back in range(6):
            then = day - timedelta(days=back)
            if (MONTHS[then.month - 1], str(then.day)) == (match[1], match[2]):
                return WEEKDAYS[then.weekday()]
        return match[0]

    return _replaced(document.text, ((_WEEKDAY, as_date),)) or _replaced(
        document.text, ((_MONTH_DAY, as_weekday),)
    )


def other_spelling(document: Document, pool: Pool, rng: random.Random) -> str | None:
    """Turn lower-case words from American to British spelling, or back; at least two of them."""
    for table in (_TO_BRITISH, _TO_AMERICAN):
        word = re.compile(r"\b[a-z]{4,}\b")
        text = _replaced(
            document.text, ((word, lambda match, table=table: table.get(match[0], match[0])),), least=2
        )
        if text is not None:
            return text
    return None


def name_typo(document: Document, pool: Pool, rng: random.Random) -> str | None:
    """Replace one letter of one name, in all its occurrences (two or more)."""
    names = sorted(name for name, count in names_in(document.text).items() if count >= 2 and len(name) >= 5)
    if not names:
        return None
    name = rng.choice(names)
    place = rng.randint(1, len(name) - 2)
    letter = rng.choice([letter for letter in "aeilnorst" if letter != name[place]])
    return re.sub(rf"\b{name}\b", name[:place] + letter + name[place + 1 :], document.text)


def dated_furniture(body: str, rng: random.Random) -> str:
    """Put lines with a date, a time and counts around a text."""
    clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
    stamp = f"Updated: {rng.randint(1, 28)} {rng.choice(MONTHS)} 2006, {clock} GMT"
    foot = f"{rng.randint(2, 900)} comments\nPhoto {rng.randint(1, 9)} of {rng.randint(10, 20)}"
    return f"{stamp}\n\n{body}\n\n{foot}\nPosted {rng.choice(WEEKDAYS)} at {clock}"


def update(document: Document, pool: Pool, rng: random.Random) -> str | None:
    """Change two or three figures and add two or three paragraphs of 40 to 60 words with new facts."""
    figures = sorted({match[1] for match in _FIGURE.finditer(document.text)})
    if len(figures) < 3 or n_words(document.text) < 100:
        return None
    changed = {figure: _other_number(figure, rng) for figure in rng.sample(figures, rng.randint(2, 3))}
    text = _FIGURE.sub(
        lambda match: match[0].replace(match[1], changed.get(match[1], match[1])), document.text
    )
    for _ in range(rng.randint(2, 3)):
        place = rng.choice([match.end() for match in _PARAGRAPH_END.finditer(text)])
        new = pool.paragraph(rng, rng.randint(48, 60), without=document.id, facts=True)
        text = f"{text[:place]}\n{new}\n{text[place:]}"
    return text


def template(document: Document, pool: Pool, rng: random.Random) -> str | None:
    """Change every number and replace three to six names, each in all its occurrences."""
    numbers = set(_DIGITS.findall(document.text))
    counted = names_in(document.text)
    if len(numbers) < 3 or len(counted) < 3:
        return None
    frequent = sorted(counted, key=lambda name: (-counted[name], name))[:6]
    others = rng.sample([name for name in pool.names if name not in counted], len(frequent))
    renamed = dict(zip(frequent, others, strict=True))
    text = re.sub(r"\b(" + "|".join(frequent) + r")\b", lambda match: renamed[match[1]], document.text)
    changed = {number: _other_number(number, rng) for number in sorted(numbers)}
    return _DIGITS.sub(lambda match: changed[match[0]], text)


def _other_number(number: str, rng: random.Random) -> str:
    while True:
        new = "".join(rng.choice("0123456789") if character.isdigit() else character for character in number)
        if new != number and (new[0] != "0" or number[0] == "0"):
            return new


Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def _replaced(text: str, rules: tuple[Rule, ...], *, least: int = 1) -> str | None:
    n_changed = 0

    def counted(make: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            nonlocal n_changed
            new = make(match)
            n_changed += new != match[0]
            return new

        return replace

    for pattern, make in rules:
        text = pattern.sub(counted(make), text)
    return text if n_changed >= least else None
