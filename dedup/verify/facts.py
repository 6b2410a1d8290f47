"""When two ways of writing a fact are the same fact."""

from __future__ import annotations

import re
from functools import lru_cache

from rapidfuzz.distance import OSA

from dedup.kernels.equals import SLIP_LENGTH, TWO_SLIPS_LENGTH

# fmt: off
# Number words that news writes out; English first, then the next most common languages of agencies.
_NUMBER_WORDS = {
    "0": "zero null nil",
    "1": "one",
    "2": "two zwei deux dos dois iki два две",
    "3": "three drei trois tres tre три",
    "4": "four vier quatre cuatro quattro quatro dort четыре",
    "5": "five funf cinq cinco cinque bes пять",
    "6": "six sechs seis alti шесть",
    "7": "seven sieben sept siete sette sete yedi семь",
    "8": "eight acht huit ocho otto oito sekiz восемь",
    "9": "nine neun neuf nueve nove dokuz девять",
    "10": "ten zehn dix diez dieci dez десять",
    "11": "eleven elf onze undici одиннадцать",
    "12": "twelve zwolf douze doce dodici doze двенадцать",
    "13": "thirteen dreizehn treize trece tredici treze тринадцать",
    "14": "fourteen vierzehn quatorze catorce quattordici catorze четырнадцать",
    "15": "fifteen funfzehn quinze quince quindici пятнадцать",
    "16": "sixteen sechzehn seize dieciseis sedici dezesseis шестнадцать",
    "17": "seventeen siebzehn diecisiete diciassette dezessete семнадцать",
    "18": "eighteen achtzehn dieciocho diciotto dezoito восемнадцать",
    "19": "nineteen neunzehn diecinueve diciannove dezenove девятнадцать",
    "20": "twenty zwanzig vingt veinte venti vinte yirmi двадцать",
    "30": "thirty dreissig trente treinta trenta trinta otuz тридцать",
    "40": "forty vierzig quarante cuarenta quaranta quarenta сорок",
    "50": "fifty funfzig cinquante cincuenta cinquanta cinquenta пятьдесят",
    "60": "sixty sechzig soixante sesenta sessanta sessenta altmis шестьдесят",
    "70": "seventy siebzig setenta settanta yetmis семьдесят",
    "80": "eighty achtzig ochenta ottanta oitenta seksen восемьдесят",
    "90": "ninety neunzig noventa novanta doksan девяносто",
    "100": "hundred hundert cien cento cem yuz сто",
}
_SCALES = {
    1000: "thousand tausend mille mil mila bin тысяч тысячи тыс k",
    1_000_000: "million millions millionen mln mio mn miln millones milioni milione milhoes milhao milyon "
    "миллион миллионов млн m",
    1_000_000_000: "billion billions bln bn milliarde milliarden milliard milliards mrd miliardi miliardo "
    "bilhoes milyar миллиард миллиардов млрд",
    1_000_000_000_000: "trillion trillions trln tn billionen trilhoes trilyon триллион триллионов трлн",
}
# What goes with a number and is no fact by itself: written, abbreviated, as a sign or left out.
_UNITS = (
    "percent pct per cent pc prozent pourcent percentage point points "
    "dollar dollars dlr dlrs usd us cents cent cts ct euro euros eur pounds pound stg sterling pence yen "
    "rubles roubles rupees rs lira mark marks dm francs franc "
    "km kilometers kilometres kilometer kilometre miles mile mi m metres meters feet ft inches "
    "kg kilograms kilos tonnes tons ton lbs lb hours hour hrs hr minutes mins min "
    "years year yrs yr months mths mos "
    "shares shrs no number am pm a p gmt"
)
_WEEKDAYS = (
    "monday mon montag lundi lunes lunedi", "tuesday tue tues dienstag mardi martes martedi",
    "wednesday wed mittwoch mercredi miercoles mercoledi",
    "thursday thu thur thurs donnerstag jeudi jueves giovedi",
    "friday fri freitag vendredi viernes venerdi", "saturday sat samstag sonnabend samedi sabado sabato",
    "sunday sun sonntag dimanche domingo domenica",
)
_MONTHS = (
    "january jan januar janvier enero gennaio", "february feb februar fevrier febrero febbraio",
    "march mar marz mars marzo", "april apr avril abril aprile",
    "may mai mayo maggio", "june jun juni juin junio giugno",
    "july jul juli juillet julio luglio", "august aug aout agosto",
    "september sep sept septembre septiembre settembre",
    "october oct oktober octobre octubre ottobre", "november nov novembre noviembre",
    "december dec dezember decembre diciembre dicembre",
)
_RELATIVE_DAYS = "today yesterday tomorrow tonight heute gestern morgen hoy ayer oggi ieri aujourdhui hier"
# fmt: on

# Found together only in languages that capitalise every noun, where a capital marks no name.
NOUN_CAPITAL_WORDS = frozenset(
    {"der", "die", "das", "und", "nicht", "mit", "von", "den", "dem", "ist", "auf", "fur"}
)

DIGITS = {word: digits for digits, words in _NUMBER_WORDS.items() for word in words.split()}
SCALES = {word: value for value, words in _SCALES.items() for word in words.split()}
UNITS = frozenset(_UNITS.split())
WEEKDAYS = {word: day for day, words in enumerate(_WEEKDAYS) for word in words.split()}
MONTHS = {word: month for month, words in enumerate(_MONTHS, 1) for word in words.split()}
CALENDAR = frozenset(WEEKDAYS) | frozenset(MONTHS) | frozenset(_RELATIVE_DAYS.split())

# Words of a correction note. A text that carries one is not dropped for the text it corrects.
CORRECTION_WORDS = frozenset(
    {"corrects", "corrected", "correction", "corrections", "corrigendum"}
    | {"korrigiert", "berichtigung", "corrige", "corregido"}
)

_ORDINAL = re.compile(r"0*(\d+(?:\.\d+)?)(?:st|nd|rd|th|s|e|er|o|a|ers)?")
_TRAILING_ZEROS = re.compile(r"(\.\d*?)0+")


@lru_cache(maxsize=65536)
def number_of(token: str) -> str:
    """Return the number in digits that a token writes, or "" where it writes none.

    Examples
    --------
    >>> number_of("twelve"), number_of("12th"), number_of("3.50"), number_of("town")
    ('12', '12', '3.5', '')
    """
    if (token.isalpha() or not token.isascii()) and not any(map(str.isdigit, token)):
        return DIGITS.get(token, "")
    match = _ORDINAL.fullmatch(token)
    if not match:
        return token
    digits = match[1]
    if "." in digits:
        digits = _TRAILING_ZEROS.sub(r"\1", digits).rstrip(".") if digits.endswith("0") else digits
    return digits


_SAME_WORDS = {word: str(value) for word, value in SCALES.items()} | dict.fromkeys(
    ("percent", "pct", "cent", "prozent", "pourcent", "percentage"), "%"
)


def fold(token: str) -> str:
    """Return one form for the ways of writing a number, a scale or a per cent sign.

    Examples
    --------
    >>> fold("mln") == fold("million"), fold("seven") == fold("7"), fold("pct") == fold("percent")
    (True, True, True)
    """
    return number_of(token) or _SAME_WORDS.get(token, token)


def may_vary(a: str, b: str) -> bool:
    """Tell cheaply whether two words can be forms of one: same first letter, or a digit for one."""
    return a[0] == b[0] or a[0].isdigit() != b[0].isdigit()


def is_variant(a: str, b: str) -> bool:
    """Tell whether two words are spellings of one: colour and color, a slip of the keys.

    The first letter must agree (slips rarely touch it); short words and numbers never vary.

    Examples
    --------
    >>> is_variant("colour", "color"), is_variant("emphasise", "emphasize"), is_variant("iran", "iraq")
    (True, True, False)
    """
    shorter = min(len(a), len(b))
    if any(map(str.isdigit, a)) and any(map(str.isdigit, b)):
        return False
    if shorter < SLIP_LENGTH or (a[0] != b[0] and a[0].isalpha() and b[0].isalpha()):
        return False
    limit = 2 if shorter >= TWO_SLIPS_LENGTH else 1
    return bool(OSA.distance(a, b, score_cutoff=limit) <= limit)


def is_abbreviation(a: str, b: str) -> bool:
    """Tell whether one word is short for the other: its beginning, or up to four of its letters in order.

    Examples
    --------
    >>> is_abbreviation("mass", "massachusetts"), is_abbreviation("sens", "senators")
    (True, True)
    >>> is_abbreviation("tn", "tenn")
    True
    >>> is_abbreviation("iran", "iraq")
    False
    """
    if len(a) > len(b):
        a, b = b, a
    if len(a) < 2 or a[0] != b[0] or not (a.isalpha() and b.isalpha()):
        return False
    if len(a) >= 3 and b.startswith(a.removesuffix("s") if len(a) > 3 else a):
        return True
    letters = iter(b)
    return len(a) <= 4 and len(b) > len(a) and len(a) < 4 and all(letter in letters for letter in a)


def same_amount(a: tuple[str, int], b: tuple[str, int]) -> bool:
    """Tell whether two (digits, scale) are one amount, exact or rounded to the digits of the coarser.

    Examples
    --------
    >>> same_amount(("12.9", 10**6), ("12852000", 1)), same_amount(("12.9", 10**6), ("12.8", 10**6))
    (True, False)
    """
    try:
        x, y = float(a[0]) * a[1], float(b[0]) * b[1]
    except ValueError:
        return False
    if a[1] == b[1]:
        return x == y
    (digits, scale), value, exact = (a, x, y) if a[1] > b[1] else (b, y, x)
    step = scale / 10 ** (len(digits.partition(".")[2]))
    return bool(abs(value - exact) <= step / 2)


def exchanges_days(a: list[str], b: list[str]) -> bool:
    """Tell whether one weekday stands for another, or one month for another.

    A weekday against a date is no exchange: the same day in another form as likely as not.

    Examples
    --------
    >>> exchanges_days(["monday"], ["tuesday"]), exchanges_days(["tuesday"], ["may"])
    (True, False)
    """
    for table in (WEEKDAYS, MONTHS):
        days_a = {table[word] for word in a if word in table}
        days_b = {table[word] for word in b if word in table}
        if days_a and days_b and not days_a & days_b:
            return True
    return False
