"""Numbers in words and digits → their values: "forty eight" is 48, "on iki" is 12, "十五" is 15."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from dedup.verify.facts import DIGITS, number_of

# fmt: off
_INFLECTED = {
    # Russian, in the cases that go with counted things; Arabic, both genders; Hindi; Chinese and Japanese.
    "1": "один одна одного одной bir واحد واحدة एक 一",
    "2": "двух двум двумя اثنان اثنين اثنتان اثنتين दो 二 两 兩",
    "3": "трех трем тремя трое uc ثلاث ثلاثة तीन 三",
    "4": "четырех четырем четверо اربع اربعة أربع أربعة चार 四",
    "5": "пяти пятью пятеро خمس خمسة पांच पाँच 五",
    "6": "шести шестью ست ستة छह छः 六",
    "7": "семи семью سبع سبعة सात 七",
    "8": "восьми восемью ثماني ثمانية ثمان आठ 八",
    "9": "девяти девятью تسع تسعة नौ 九",
    "10": "десяти десятью on عشر عشرة दस 十",
    "11": "одиннадцати ग्यारह", "12": "двенадцати बारह", "13": "тринадцати तेरह", "14": "четырнадцати चौदह",
    "15": "пятнадцати पंद्रह पन्द्रह", "16": "шестнадцати सोलह", "17": "семнадцати सत्रह",
    "18": "восемнадцати अठारह", "19": "девятнадцати उन्नीस",
    "20": "двадцати عشرون عشرين बीस", "30": "тридцати ثلاثون ثلاثين तीस",
    "40": "сорока اربعون اربعين أربعون أربعين चालीस", "50": "пятидесяти خمسون خمسين पचास elli",
    "60": "шестидесяти ستون ستين साठ", "70": "семьдесят семидесяти سبعون سبعين सत्तर",
    "80": "восемьдесят восьмидесяти ثمانون ثمانين अस्सी", "90": "девяноста تسعون تسعين नब्बे",
    "100": "ста مئة مائة सौ 百",
    "200": "двести doscientos doscientas duzentos duzentas مئتان مئتين مائتين",
    "300": "триста trescientos trescientas trezentos trezentas",
    "400": "четыреста cuatrocientos cuatrocientas quatrocentos quatrocentas",
    "500": "пятьсот quinientos quinientas quinhentos quinhentas",
    "600": "шестьсот seiscientos seiscientas seiscentos seiscentas",
    "700": "семьсот setecientos setecientas setecentos setecentas",
    "800": "восемьсот ochocientos ochocientas oitocentos oitocentas",
    "900": "девятьсот novecientos novecientas novecentos novecentas",
    "1000": "thousand tausend mille mil mila bin тысяч тысячи тысяча الف ألف آلاف हजार हज़ार 千",
    "10000": "万 萬", "100000000": "亿 億",
}
# "on" is ten in Turkish, but only before another number word.
_AFTER_ON = frozenset(["bir", "iki", "uc", "dort", "bes", "alti", "yedi", "sekiz", "dokuz"])
_JOINED = frozenset(["and", "und", "et", "y", "e", "ve", "и", "و"])
_HALVES = frozenset(["half", "media", "medio", "demi", "demie", "meia", "meio", "mezzo", "mezza", "bucuk"])
# fmt: on


def _folded(word: str) -> str:
    """Return an Arabic word as the key has it, without hamza and points."""
    if "\u0600" <= word[0] <= "\u06ff":
        return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    return word


_GERMAN_UNITS = ["ein", "zwei", "drei", "vier", "funf", "sechs", "sieben", "acht", "neun"]
_GERMAN_TENS = ["zwanzig", "dreissig", "vierzig", "funfzig", "sechzig", "siebzig", "achtzig", "neunzig"]
_DECADES = ["twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"]
VALUES = {
    **{word: int(digits) for word, digits in DIGITS.items()},
    **{_folded(word): int(digits) for digits, words in _INFLECTED.items() for word in words.split()},
    **{
        f"{unit}und{ten}": 10 * tens + units
        for tens, ten in enumerate(_GERMAN_TENS, 2)
        for units, unit in enumerate(_GERMAN_UNITS, 1)
    },
    **{word: 10 * n for n, word in enumerate(_DECADES, 2)},
}


def without_same_values(
    tokens_a: Sequence[str], tokens_b: Sequence[str], left: list[int], right: list[int]
) -> tuple[list[int], list[int]]:
    """Remove numbers that both sides of a gap write, one in words.

    Examples
    --------
    >>> without_same_values(["in", "48", "hours"], ["forty", "eight"], [0, 1, 2], [0, 1])
    ([0, 2], [])
    """
    if not any(tokens_a[p] in VALUES for p in left) and not any(tokens_b[p] in VALUES for p in right):
        return left, right
    others = value_runs(tokens_b, right)
    gone_a: set[int] = set()
    gone_b: set[int] = set()
    for value, places in value_runs(tokens_a, left):
        for other, taken in others:
            if value == other and not gone_b.intersection(taken):
                gone_a.update(places)
                gone_b.update(taken)
                break
    return [p for p in left if p not in gone_a], [q for q in right if q not in gone_b]


def value_runs(tokens: Sequence[str], places: Sequence[int]) -> list[tuple[float, list[int]]]:
    """Return the values that a text writes at these places, each with the places that it takes.

    Examples
    --------
    >>> value_runs("at least forty eight people and 12 dogs".split(), range(8))
    [(48.0, [2, 3]), (12.0, [6])]
    >>> value_runs("dos horas y media".split(), range(4)), value_runs(["nineteen", "eighties"], range(2))
    ([(2.5, [0, 2, 3])], [(1980.0, [0, 1])])
    """
    runs: list[tuple[float, list[int]]] = []
    run: list[int] = []
    values: list[float] = []
    chosen = set(places)
    for p in places:
        value = _value(tokens, p)
        if value is not None:
            if run and (p - run[-1] > 1 or not _goes_on(tokens, run[-1], p)):
                runs.append(_closed(tokens, values, run, chosen))
                run, values = [], []
            run.append(p)
            values.append(value)
        elif run and tokens[p] in _JOINED and p - run[-1] == 1 and _number_follows(tokens, p, chosen):
            run.append(p)
        elif run:
            runs.append(_closed(tokens, values, run, chosen))
            run, values = [], []
    if run:
        runs.append(_closed(tokens, values, run, chosen))
    return runs


def _goes_on(tokens: Sequence[str], p: int, q: int) -> bool:
    """Tell whether two tokens side by side are one number: two words, or digits and a large unit."""
    word = tokens[q]
    if word[0].isdigit() or word not in VALUES:
        return False
    return tokens[p] in VALUES or tokens[p] in _JOINED or (tokens[p][0].isdigit() and VALUES[word] >= 1000)


def _number_follows(tokens: Sequence[str], p: int, chosen: set[int]) -> bool:
    return p + 1 in chosen and tokens[p + 1] in VALUES


def _closed(
    tokens: Sequence[str], values: Sequence[float], run: list[int], chosen: set[int]
) -> tuple[float, list[int]]:
    """Return the value of a finished run, with a half that follows: "dos horas y media"."""
    # What both texts have of the number belongs to it: "6.8 [million]", "forty [eight]".
    values = list(values)
    first, last = run[0], run[-1]
    while last + 1 < len(tokens) and _goes_on(tokens, last, last + 1):
        last += 1
        values.append(VALUES[tokens[last]])
    while first > 0 and tokens[first] in VALUES and _value(tokens, first - 1) is not None:
        first -= 1
        values.insert(0, _value(tokens, first) or 0)
        if tokens[first][0].isdigit():
            break
    value = _compose(values)
    for p in range(last + 1, min(last + 4, len(tokens))):
        if tokens[p] in _HALVES and value == int(value):
            half = [q for q in (p - 1, p) if q in chosen and (q == p or tokens[q] in _JOINED)]
            return value + 0.5, [*run, *half]
    return value, run


def _value(tokens: Sequence[str], p: int) -> float | None:
    token = tokens[p]
    if token == "on" and (p + 1 == len(tokens) or tokens[p + 1] not in _AFTER_ON):
        return None
    if token in VALUES:
        return float(VALUES[token])
    if token[0].isdigit():
        try:
            return float(number_of(token))
        except ValueError:
            return None
    return None


def _compose(values: Sequence[float]) -> float:
    """Put the words of one number together: 40 8 → 48, 19 80 → 1980, 4 20 10 → 90, 3 100 12 → 312."""
    if len(values) == 1:
        return values[0]
    total = current = 0.0
    for value in values:
        if value >= 1000:
            total += (current or 1) * value
            current = 0
        elif value == 100:
            current = (current or 1) * 100
        elif value == 20 and current == 4:
            current = 80
        elif value == 10 and 2 <= current <= 9:
            current *= 10
        elif 20 <= value < 100 and 10 < current < 21:
            current = 100 * current + value
        else:
            current += value
    return total + current
