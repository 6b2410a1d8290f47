"""What stands before the body and counts for the readable text only: datelines, bylines, stamps, notes."""

from __future__ import annotations

import re

from dedup.normaliser.lines import count_unspaced, ends_sentence, is_list_item, is_prose, is_turn, same_words
from dedup.normaliser.starts import pattern_starts
from dedup.normaliser.words import AGENCIES, DATE_WORDS, MONTHS, NOT_PLACES, PARTICLES

_LINES = 8  # looked at from the top
_LONGEST = 120  # characters of a dateline or of a line of matter
_LONGEST_NOTE = 400  # characters of a correction note
_HEADLINE_WORDS = 20
_BODY_SHARE = 0.6  # of the text that the key must keep
_WRAP = 100  # no wrapped column is wider: a longer line is a paragraph

_NUMERIC_DATE = re.compile(r"(?:(?:19|20)\d\d([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:19|20)\d\d)\b")
_YEAR = re.compile(r"(?:19|20)\d\d")
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\d{1,4}(?:st|nd|rd|th|h\d{0,2}|am|pm)?")
_DATE_SPLIT = re.compile(r"[\s,.:/|()·-]+")
_SPACE = re.compile(r"\s*")
_DASH = "(?:--+|[-–—―‒‐_ـ−])"
# What ends a dateline: a dash, which may be glued to the text unless it is a hyphen, or after an agency's
# name also a colon or full stop; (EFE).- has both.
_TERMINATOR = re.compile(r"\s*(?:[.:]?\s*(?:(?:--+|[–—―‒ـ−])\s*|[-‐_](?:\s+|$))|[:.]\s+)")
_GAP = re.compile(r"\s+")
# The words before a dash, bracket or slash; hyphens inside words belong to them.
DASHES = "-–—―‒‐_ـ−"
_PLACE = re.compile(rf"(?:[^{DASHES}(（/\[\n\"“”!?;]++|(?<=\w)[-‐](?=\w))*+")
_AGENCY_MARK = re.compile(
    r"\s*(?:\(([^()\n]{2,40})\)|（([^（）\n]{2,40})）|/([^/\n]{2,30})/|\[([^\[\]\n]{2,30})\])"
)
_AGENCY_WORD = re.compile(
    rf"((?:{'|'.join(sorted(map(re.escape, AGENCIES), key=len, reverse=True))}))"
    rf"\s*(?:\.\s+|:\s+|{_DASH}\s+)",
    re.IGNORECASE,
)
_AGENCY_STARTS = frozenset(name.split()[0] for name in AGENCIES)
_CLOCK = re.compile(
    r"(?:\[?\d{1,2}[:.]\d{2}(?::\d{2})?\s?(?:[ap]\.?m\.?)?\s?(?:GMT|UTC|BST|ES?T|EDT|CES?T|MSK|IST|JST|ET|Uhr|h)\]?"
    r"|\d{1,2}[:.]\d{2}\s?(?:[ap]\.?m\.?)?(?=\s?[-–—|]))\s?[-–—:|]?\s+",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"[【（(\[]([^\s【】（）()\[\]][^【】（）()\[\]\n]{0,40})[】）)\]]\s*")
_EAST_WIRE = re.compile(
    r"[【（(\[]?(?:新华社|新華社|中新社|中新网|中国新闻网|人民网|央视网|央广网|光明网|环球网|中央社|法新社|路透社|美联社|本报|本社)"
    r"(?:[^\s。，；：！？【】（）()\d]{0,12}(?:\d{4}年)?\d{1,2}月\d{1,2}日[^\s。，；：！？【】（）()]{0,3}?[电電讯訊]|讯|訊)[】）)\]]?"
    r"(?:\s?[（(][^（）()\n]{0,40}[)）])?\s?[:：]?\s*"
)
_EAST_NEWS = re.compile(
    r"[\u4e00-\u9fff]{2,6}(?:消息|快讯|快訊|讯)\s?(?:[（(][^（）()\n]{0,20}[)）])?\s?[:：]\s*"
)
_KOREAN = re.compile(
    r"[\[(【][^\[\]()\n]{1,20}=[^\[\]()\n]{1,20}[\])】]\s*(?:[가-힣]{2,4}(?:\s[가-힣]{2,6})?\s?=\s*)?"
)
_JAPANESE = re.compile(
    r"共同|時事|ロイター|通信|新聞|AFP|AP|UPI|CNN|=|＝|연합뉴스|뉴시스|뉴스1|社$|电$|電$|讯$"
)

BYLINE_WORDS = (
    "(?:by|von|par|por|di|door|av|af|od|przez|autor(?:in)?|auteur|author|autore|text|story by|written by|"
    "posted by|reported by|автор|текст|بقلم|كتب)"
)
_BYLINE = re.compile(BYLINE_WORDS + r"[:\s]\s*(?P<name>\S.{1,79})$", re.IGNORECASE)
EAST_BYLINE = re.compile(
    r"(?:文/|文｜|记者|記者|作者|来源|來源|责任编辑|编辑)[:：\s/|｜]?\s?\S{2,20}(?:\s\S{2,20}){0,2}$"
)
STAMP = re.compile(
    r"(?:\(?(?:last |first )?(?:updated|published|posted|modified|created|issued)"
    r"(?:\s*[:|]|\s+(?:at|on)?\s?\d|\s+\w{3,9}\.? \d)"
    r"|aktualisiert|veröffentlicht|stand:|publié|mis à jour|modifié le"
    r"|actualizado|publicado|atualizado|pubblicato|aggiornato|"
    r"gepubliceerd|bijgewerkt|güncelleme|yayınlanma|son güncelleme|опубликовано|обновлено|дата публикации|"
    r"发布时间|更新时间|更新時間|公開日|更新日|入力|수정)",
    re.IGNORECASE,
)
NOTE = re.compile(
    r"\(?(?:correction|corrected|corrects|corrigé|korrektur|berichtigung|corrección|correção"
    r"|correzione|rectificatie|düzeltme|исправление|更正|訂正|정정)"
    r"(?:\s?[:：—–-]|\s(?:to|in|the|paragraph|headline|spelling|name|date|first|second|third|para)\b)"
    r"|\(?(?:editor.s note|eds)\s?[:：]|\(?this (?:story|article|version|report) (?:has been|was|corrects)\b",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"^\(?(?:correction|corrected|corrects|corrigé|korrektur|berichtigung|corrección|correção"
    r"|correzione|rectificatie|düzeltme|исправление|更正|訂正|정정)\b",
    re.IGNORECASE | re.MULTILINE,
)
RELEASE = re.compile(
    r"(?:\W{0,5}for (?:immediate |planning )?release\b|"
    r"(?:press|news|media) (?:release|statement|advisory|contact)s?(?:\W|$)|"
    r"embargo(?:ed)?\b|(?:media |press )?contacts?\s?:|pressemitteilung\b|communiqué de presse\b|"
    r"comunicado de prensa\b|comunicato stampa\b|persbericht\b|basın (?:bülteni|açıklaması)\b|пресс-релиз\b|"
    r"(?:tel|phone|telephone|fax|e-?mail)\s?[:.])",
    re.IGNORECASE,
)


def _openings() -> frozenset[str]:
    """Return the first three letters of all matter; of Han, the first one."""
    starts = set(AGENCIES | DATE_WORDS)
    for pattern in (NOTE.pattern, RELEASE.pattern, STAMP.pattern, EAST_BYLINE.pattern, BYLINE_WORDS):
        starts |= pattern_starts(pattern, 3)
    # The dotless i of a pattern stands for a plain one, too.
    return frozenset(start[:3].replace("ı", "i") for start in starts) | {start[0] for start in starts}


_OPENINGS = _openings()


def leading_matter(readable: str, *, title: str | None = None) -> int:
    """Return where the body starts: the character after headline, byline, stamps, notes and dateline.

    At most eight lines are looked at, one of them a headline, and the rest must be at least six tenths of
    the text; else nothing is skipped. Prose is left alone: a place needs its dash or its agency.

    Parameters
    ----------
    readable : str
        A cleaned text.
    title : str, optional
        The record's title, taken for a headline wherever it stands alone.

    Examples
    --------
    >>> leading_matter("BEIRUT (Reuters) - The two sides met on Friday.")
    19
    >>> leading_matter("In Washington - the capital - the two sides met.")
    0
    """
    start, headline_seen = 0, False
    for _ in range(_LINES):
        start = _skip_space(readable, start)
        end = readable.find("\n", start, start + _LONGEST_NOTE + 1)
        if end < 0:
            break
        line = readable[start:end]
        if not is_matter_line(line.rstrip()):
            if headline_seen or not _is_headline(readable, start, end, title):
                break
            headline_seen = True
        start = end
    start = _skip_inline(readable, _skip_space(readable, start))
    return start if _keeps_enough(readable, start) and not readable[:start].isspace() else 0


def is_matter_line(line: str) -> bool:
    """Tell whether a whole line is a byline, an agency, a stamp, a correction note or a release's opener.

    Examples
    --------
    >>> [is_matter_line(line) for line in ("By John Smith", "Updated: 10:45 GMT", "By then, all had gone.")]
    [True, True, False]
    """
    line = line.strip()
    if not _may_be_matter(line):
        return False
    if NOTE.match(line):
        return True
    if len(line) > _LONGEST:
        return False
    if not ends_sentence(line) and (_is_byline(line) or RELEASE.match(line)):
        return True
    if RELEASE.match(line) and line.split(":")[0].casefold().endswith(("contact", "contacts")):
        return True
    if (line[:1].isalpha() or line[:1] == "(") and STAMP.match(line):
        return len(line.split()) <= 12
    return line.strip("()/[] .").casefold() in AGENCIES or _is_date(line)


def _may_be_matter(line: str) -> bool:
    """Tell by its first letters whether a line may be matter at all."""
    head = line[:3]
    if head.isascii():
        return not head.isalpha() or len(head) < 3 or head.casefold() in _OPENINGS
    return not "\u4e00" <= head[0] <= "\u9fff" or head[0] in _OPENINGS


def is_dateline_alone(text: str) -> bool:
    """Tell whether a short text holds datelines, bylines and stamps and no more.

    Examples
    --------
    >>> is_dateline_alone("BEIRUT (Reuters) -"), is_dateline_alone("Beirut calm")
    (True, False)
    """
    lines = [line for line in text.split("\n") if line.strip()]
    if not 0 < len(lines) <= _LINES:
        return False
    # With a word behind it, a dateline is told like any other.
    return all(
        is_matter_line(line) or _skip_inline(line.strip() + " X", 0) >= len(line.strip()) for line in lines
    )


def _keeps_enough(text: str, start: int) -> bool:
    if start == 0 or len(text) - start >= 0.9 * len(text):
        return True
    body, whole = text[start:], text
    words = len(body.split()) + count_unspaced(body) // 2
    return words >= _BODY_SHARE * (len(whole.split()) + count_unspaced(whole) // 2)


def _skip_space(text: str, start: int) -> int:
    return _SPACE.match(text, start).end()  # type: ignore[union-attr]  # matches anything


def _is_byline(line: str) -> bool:
    if match := _BYLINE.match(line):
        words = match["name"].replace(",", " ").split()
        capitals = sum(word[0].isupper() or word[0] in "(|" for word in words)
        uncased = all(not word[0].isupper() and not word[0].islower() for word in words)
        small = all(
            word[0].isupper() or word.casefold() in PARTICLES or not word[0].isalpha() for word in words
        )
        return len(words) <= 10 and ((capitals >= 1 and small) or (uncased and not line.isascii()))
    return not line.isascii() and EAST_BYLINE.match(line) is not None


def _is_date(line: str) -> bool:
    if len(line) > 70 or _DIGIT.search(line) is None:
        return False
    words = [word for word in _DATE_SPLIT.split(line.casefold()) if word]
    if len(words) > 12 or not all(word in DATE_WORDS or _NUMBER.fullmatch(word) for word in words):
        return False
    if _NUMERIC_DATE.match(line) or _CLOCK.match(line + " "):
        return True
    # A day and month alone may head a column of figures.
    numbers = [word for word in words if word[0].isdigit()]
    return any(word in MONTHS for word in words) and len(numbers) <= 5 and any(map(_YEAR.fullmatch, numbers))


def _is_headline(text: str, start: int, end: int, title: str | None) -> bool:
    line = text[start:end].rstrip()
    if title and same_words(line, title):
        return True
    if line[:1].islower() or line.endswith((",", ";", ":", "，", "：", "-")) or ends_sentence(line):
        return False
    words = line.split()
    if len(words) > _HEADLINE_WORDS or is_list_item(line) or is_turn(line):
        return False
    if len([word for word in words if word[0].isalpha()]) < 3 and count_unspaced(line) < 6:
        return False
    position = end
    for _ in range(_LINES):
        blank = text[end : end + 2] == "\n\n"
        position = _skip_space(text, position)
        following = text[position : _line_end(text, position)]
        if not is_matter_line(following.rstrip()):
            break
        position += len(following)
    if not following or following[0].islower():
        return False
    # Without a blank line between, only a line too long to be wrapped shows that the first one is no prose.
    return is_prose(following) and (blank or len(following) > _WRAP or not following.isascii())


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _skip_inline(text: str, start: int) -> int:
    """Skip stamps and datelines that share the line with the body."""
    for _ in range(4):
        before = start
        if text[start : start + 2].lstrip("[")[:1].isdigit() and (match := _CLOCK.match(text, start)):
            start = match.end()
        head = text[start : start + _LONGEST]
        if not head.isascii():
            start = _skip_eastern(text, start, head)
        start += _dateline(text[start : start + _LONGEST])
        if start == before:
            break
    return start


def _skip_eastern(text: str, start: int, head: str) -> int:
    for pattern in (_EAST_WIRE, _EAST_NEWS, _KOREAN):
        if match := pattern.match(head):
            return start + match.end()
    match = _BRACKETED.match(head)
    if match and not match[1].isascii() and _JAPANESE.search(match[1]):
        return start + match.end()
    return start


def _dateline(head: str) -> int:
    """Return the length of the dateline at the start of a text's first characters, 0 if there is none."""
    first = head.split(None, 1)[0] if head else ""
    if first.rstrip(".:").casefold() in _AGENCY_STARTS and (match := _AGENCY_WORD.match(head)):
        return match.end() if _opens_sentence(head, match.end()) else 0
    position = _PLACE.match(head).end()  # type: ignore[union-attr]  # matches anything
    if position == len(head):
        return 0
    place = head[:position].strip()
    marked = False
    while mark := _AGENCY_MARK.match(head, position):
        if not _is_agency(next(group for group in mark.groups() if group)):
            break
        position, marked = mark.end(), True
    terminator = _TERMINATOR.match(head, position)
    if marked and terminator is None and (not place or place.isupper() or not place.isascii()):
        terminator = _GAP.match(head, position)
    if terminator is None or not (marked or terminator[0].strip(" .:")):
        return 0
    if not _opens_sentence(head, terminator.end()):
        return 0
    if marked:
        return terminator.end() if not place or _is_place(place, marked=True) else 0
    # A table's title ("LONDON SUGAR - MAY 2") is no dateline, and tells one notice from the next.
    following = head[terminator.end() : terminator.end() + 30]
    if not any(map(str.islower, following)) or following.split()[0].casefold() in MONTHS:
        return 0
    dash = terminator[0].strip()
    return terminator.end() if _is_place(place, marked=False, strong=dash != "-") else 0


def _opens_sentence(head: str, position: int) -> bool:
    """Tell whether a sentence may begin here: a dash inside one is followed by a small letter."""
    character = head[position : position + 1]
    return bool(character) and not character.islower()


def _is_agency(name: str) -> bool:
    name = name.strip().casefold()
    if name in AGENCIES:
        return True
    parts = re.split(r"\s?[/,+&-]\s?|\s(?:and|und|et|y)\s|\s-\s", name)
    return any(part in AGENCIES for part in parts) or name.endswith((" news agency", " newswire", "newswire"))


def _is_place(place: str, *, marked: bool, strong: bool = True) -> bool:
    """Tell whether the words before a dateline's dash or agency name a place, with its region and date."""
    if len(place) > 70 or not place:
        return False
    first, *rest = place.split(",")
    words = first.replace("/", " ").split()
    if not 0 < len(words) <= 6 or (words[0].casefold() in NOT_PLACES and not first.isupper()):
        return False
    cased = [word for word in words if word != word.casefold() or word != word.upper()]
    if not cased:
        return marked and len(words) <= 4
    if not all(
        _capitalised(word) or word.casefold() in PARTICLES or word.casefold() in MONTHS or word[0].isdigit()
        for word in cased
    ):
        return False
    regions = all(_is_region(chunk.strip()) for chunk in rest)
    if not regions:
        return False
    if marked:
        return True
    if len(words) > 3 or any(map(str.isdigit, first)):
        return False
    return strong or bool(rest) or (first.isupper() and sum(map(str.isalpha, first)) >= 3)


def _capitalised(word: str) -> bool:
    return word.lstrip("'’\"(")[:1].isupper()


def _is_region(chunk: str) -> bool:
    words = chunk.split()
    if len(words) > 6:
        return False
    return all(
        _capitalised(word)
        or word[0].isdigit()
        or word.strip(".").casefold() in DATE_WORDS
        or word.casefold() in PARTICLES
        or not word[0].isalpha()
        or not (word[0].islower() or word[0].isupper())
        for word in words
    )


def says_corrected(leading: str) -> bool:
    r"""Tell whether what stands before the body says that the text was corrected.

    Examples
    --------
    >>> says_corrected("Nurses end strike\nCorrection: the name of a nurse.\n")
    True
    """
    return _CORRECTED.search(leading) is not None
