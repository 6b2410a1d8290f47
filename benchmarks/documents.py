"""Documents for the benches: reading them, and a pool of their words, names and sentences."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import zstandard

TEXT_FIELDS = ("text", "body", "content")
_DATE_FORMATS = ("%Y-%m-%d", "%d%b%Y", "%d-%b-%Y", "%Y%m%d")
# Characters of scripts without spaces count as words.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’']?\s+(?=[A-Z\"“‘'(])|(?<=[。！？])")
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_UNSPACED_CHARACTER = re.compile(rf"[{_UNSPACED}]")
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b")
_ORDINARY = re.compile(r"(?<![\w'’-])[a-z]{3,}(?![\w'’-])")


def words(text: str) -> tuple[str, ...]:
    """Return the words of a list written as one text."""
    return tuple(text.split())


MONTHS = words("January February March April May June July August September October November December")
WEEKDAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
NUMBER_WORDS = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
TENS = dict(zip(words("thirty forty fifty sixty seventy eighty ninety"), range(30, 100, 10), strict=True))
# Lower-case words that state a fact: replacing one makes another story, not an edit.
FACT_WORDS = frozenset(
    [
        *NUMBER_WORDS,
        *TENS,
        *words("hundred hundreds thousand thousands million millions billion billions trillion mln bln"),
        *words(
            "dozen dozens half third quarter quarterly first second fourth fifth once twice double triple"
        ),
        *words("pct percent cent cents dollars dlrs not nor never none without yes no"),
        *words("rose fell rise fall rises falls raise raised cut cuts up down gain gained loss lost higher"),
        *words("lower more less increase increased decrease decreased approve approved reject rejected pass"),
        *words("passed introduce introduced sign signed for against before after yesterday today tomorrow"),
        *(name.lower() for name in (*MONTHS, *WEEKDAYS)),
    ]
)


@dataclass(frozen=True, slots=True)
class Document:
    """One text with what is known of it."""

    id: Any
    text: str
    title: str | None = None
    source: str | None = None
    date: date | None = None

    def row(self) -> dict[str, Any]:
        """Return the record as the program reads it; absent fields are left out."""
        row = {"id": self.id, "title": self.title, "source": self.source, "text": self.text}
        if self.date is not None:
            row["date"] = self.date.isoformat()
        return {name: value for name, value in row.items() if value is not None}


def read_documents(path: Path) -> list[Document]:
    """Read JSONL records, compressed or not."""
    return [_document(row, f"line-{number}") for number, row in enumerate(read_rows(path), 1)]


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSONL file, compressed or not."""
    for line in read_bytes(path).split(b"\n"):
        if line.strip():
            yield json.loads(line)


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, unpacked; a truncated stream is an error."""
    raw = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(raw)
    if path.suffix == ".bz2":
        return bz2.decompress(raw)
    if path.suffix == ".zst":
        # The whole-frame call refuses a truncated frame; the streaming reader would end quietly.
        size = zstandard.frame_content_size(raw)
        return zstandard.ZstdDecompressor().decompress(raw, max_output_size=2**32 if size < 0 else size)
    return raw


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def digest_files(paths: Iterable[Path]) -> str:
    """Return 16 hexadecimal digits over names and bytes, to tell which corpus gave a figure."""
    total = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return start and end of every word: a run of non-space characters, or one of an unspaced script."""
    return [match.span() for match in _WORD.finditer(text)]


def n_words(text: str) -> int:
    """Count the words of a text."""
    return len(_WORD.findall(text))


def is_unspaced(text: str) -> bool:
    """Tell whether a third of the characters are of a script without spaces."""
    return 3 * len(_UNSPACED_CHARACTER.findall(text)) > len(text)


def tokens(text: str) -> list[str]:
    """Return the lower-case words of a text without punctuation."""
    return _TOKEN.findall(text.lower())


def is_prose(text: str, *, least_words: int) -> bool:
    """Tell an article from tables and lists: long enough, and mostly lower-case words or unspaced script."""
    found = _WORD.findall(text)
    n_running = sum((word.isalpha() and word == word.lower()) for word in found)
    return len(found) >= least_words and n_running > 0.5 * len(found)


def sentences(text: str) -> list[str]:
    """Split a text into sentences with single spaces."""
    return [" ".join(part.split()) for part in _SENTENCE_END.split(text) if part.strip()]


def names_in(text: str) -> Counter[str]:
    """Count capitalised words inside sentences, months and weekdays apart."""
    calendar = {*MONTHS, *WEEKDAYS}
    return Counter(name for name in _NAME.findall(" ".join(text.split())) if name not in calendar)


def ordinary_words(text: str) -> list[re.Match[str]]:
    """Find the lower-case words that state no fact."""
    return [match for match in _ORDINARY.finditer(text) if match[0] not in FACT_WORDS]


class Pool:
    """Words, names and sentences of a corpus, to make perturbed copies from."""

    def __init__(self, documents: list[Document], *, seed: int, n_sampled: int = 4000) -> None:
        rng = random.Random(f"pool:{seed}")
        sampled = documents if len(documents) <= n_sampled else rng.sample(documents, n_sampled)
        words: Counter[str] = Counter()
        names: Counter[str] = Counter()
        self._donors: list[tuple[Any, list[str]]] = []
        for document in sampled:
            words.update(match[0] for match in ordinary_words(document.text))
            names.update(names_in(document.text))
            usable = [one for one in sentences(document.text) if 8 <= n_words(one) <= 40]
            # A short donor would be contained in what borrows from it.
            if len(usable) >= 4 and n_words(document.text) >= 150:
                self._donors.append((document.id, usable))
        least = 5 if len(sampled) > 500 else 1
        self.vocabulary = sorted(word for word, count in words.items() if count >= least)
        self.names = sorted(name for name, count in names.items() if count >= least)

    def paragraph(self, rng: random.Random, length: int, *, without: Any, facts: bool = False) -> str:
        """Recombine sentences of different documents to about ``length`` words, with numbers if asked."""
        taken: list[str] = []
        n_taken = 0
        for _ in range(1000):
            donor, usable = rng.choice(self._donors)
            sentence = rng.choice(usable)
            has_fact = any(character.isdigit() for character in sentence)
            if donor == without or (facts and not has_fact):
                continue
            taken.append(sentence)
            n_taken += n_words(sentence)
            if n_taken >= length - 8:
                return " ".join(taken)
        raise ValueError(
            "the corpus has no two prose texts of 150 words with numbers to borrow sentences from"
        )

    def headline(self, rng: random.Random, *, without: Any) -> str:
        """Return the first words of some other document's sentence."""
        for _ in range(1000):
            donor, usable = rng.choice(self._donors)
            if donor != without:
                sentence = rng.choice(usable)
                return sentence[: word_spans(sentence)[rng.randint(5, 7)][1]].strip(" ,;:.\"'")
        raise ValueError("the corpus has no two prose texts of 150 words to borrow headlines from")


def _document(row: dict[str, Any], fallback_id: str) -> Document:
    text = next((row[name] for name in TEXT_FIELDS if name in row), "")
    return Document(
        row.get("id", fallback_id), text, row.get("title"), row.get("source"), parse_date(row.get("date"))
    )


def parse_date(value: Any) -> date | None:
    """Read the day of a date as the corpora write it."""
    if not isinstance(value, str) or not value.strip():
        return None
    day = re.split(r"[\sT](?=\d)", value.strip())[0]
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(day, form).date()
        except ValueError:
            continue
    return None
