"""Make a corpus of any size with known clusters, for measurements of time and memory.

    python benchmarks/corpus.py --n 500000 --bytes 3200 --seed 1 -o FILE.jsonl [--truth FILE]

Texts are strings of invented phrases whose frequencies follow Zipf's law, with
names, numbers, sentences and paragraphs, so that runs of three words are shared
about as much as in news. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]

SHAPES = ("mixed", "identical", "template", "chain", "short", "long")
# Families of `mixed`, by share of bases: what follows a base, beside nothing.
FAMILIES = {"exact": 0.05, "edited": 0.05, "cut": 0.05, "extended": 0.03, "template": 0.04}
# Documents made at once, and shuffled together, so that copies do not follow their original.
BLOCK = 10_000
N_PHRASES = 200_000
N_NAMES = 20_000
N_NUMBERS = 20_000
# Forms with fewer names and numbers than this to fill in come out alike.
TEMPLATE_FACTS = 4
SHARE_OF_NAMES = 0.06
SHARE_OF_NUMBERS = 0.04
# Keeps the commonest phrase in a third of the texts, as in news, not in all.
_ZIPF_OFFSET = 20.0
MID, START, END, PARAGRAPH = range(4)
_FUNCTION_WORDS = (
    "the of to and a in that for on is said with by as was he at it from be has have his an are which "
    "will this not its were but they or would who had been their more when about after there all if also"
)
_STARTS = ("b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr", "ch")
_VOWELS = ("a", "e", "i", "o", "u", "ea")
_ENDS = ("", "", "n", "r", "s", "t", "l")
_LONG_BYTES = (1_000_000, 50_000_000)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Every phrase in its four forms (mid, start, end of a sentence or paragraph), as JSON text."""

    forms: npt.NDArray[np.object_]
    mean_bytes: float
    """Mean length of a phrase as it is drawn."""


class Made(NamedTuple):
    """One document as codes of phrases, with its true cluster and what made it."""

    codes: Codes
    cluster: int
    kind: str


def make_phrases(seed: int) -> Phrases:
    """Invent words, and from them phrases, names and numbers."""
    rng = np.random.default_rng([seed, 0])
    words = [*_FUNCTION_WORDS.split(), *_invent(rng, 40_000)]
    lengths = rng.choice([1, 2, 3, 4, 5], p=[0.1, 0.2, 0.3, 0.25, 0.15], size=N_PHRASES)
    drawn = iter(_log_uniform(rng, int(lengths.sum()), len(words)).tolist())
    plain = [" ".join(words[next(drawn)] for _ in range(length)) for length in lengths.tolist()]
    plain += [name.capitalize() for name in _invent(rng, N_NAMES)]
    plain += [_write_number(value) for value in rng.lognormal(4, 3, N_NUMBERS).tolist()]
    forms = np.empty((len(plain), 4), object)
    forms[:, MID] = [f"{one} " for one in plain]
    forms[:, START] = [f"{one[0].upper()}{one[1:]} " for one in plain]
    forms[:, END] = [f"{one}. " for one in plain]
    forms[:, PARAGRAPH] = [f"{one}.\\n\\n" for one in plain]
    sizes = np.array([len(one) + 1 for one in plain])
    sample = _draw(np.random.default_rng(seed), 100_000) // 4
    return Phrases(forms.reshape(-1), float(sizes[sample].mean()))


def make_documents(phrases: Phrases, *, n: int, mean_bytes: int, seed: int) -> Iterator[Made]:
    """Yield ``n`` documents of the mixed shape, block by block."""
    n_made = n_clusters = 0
    while n_made < n:
        rng = np.random.default_rng([seed, 1, n_made])
        size = min(BLOCK, n - n_made)
        block: list[Made] = []
        for base, kind, followers in _bases(phrases, rng, size, mean_bytes):
            block += _family(base, kind, followers, n_clusters + len(block), rng)
            if len(block) >= size:
                break
        del block[size:]
        n_clusters += size
        n_made += size
        for place in rng.permutation(size).tolist():
            yield block[place]


def _bases(
    phrases: Phrases, rng: np.random.Generator, n: int, mean_bytes: int
) -> Iterator[tuple[Codes, str, int]]:
    lengths = np.maximum(4, rng.lognormal(-0.18, 0.6, n) * (mean_bytes / phrases.mean_bytes)).astype(int)
    kinds = rng.choice(
        [*FAMILIES, "single"], p=[*FAMILIES.values(), 1 - math.fsum(FAMILIES.values())], size=n
    ).tolist()
    followers = np.minimum(rng.geometric(0.5, n), 20).tolist()
    codes = _draw(rng, int(lengths.sum()))
    ends = np.cumsum(lengths)
    for start, end, kind, count in zip(
        (ends - lengths).tolist(), ends.tolist(), kinds, followers, strict=True
    ):
        yield _close(codes[start:end]), kind, count


def _family(base: Codes, kind: str, followers: int, cluster: int, rng: np.random.Generator) -> list[Made]:
    if kind == "single" or (kind == "template" and np.count_nonzero(base // 4 >= N_PHRASES) < TEMPLATE_FACTS):
        return [Made(base, cluster, "single")]
    family = [Made(base, cluster, f"{kind} base")]
    for number in range(1, followers + 1):
        # Templates are different articles, each a cluster of its own.
        own = cluster + number if kind == "template" else cluster
        family.append(Made(_vary(base, kind, rng), own, kind))
    return family


def _vary(base: Codes, kind: str, rng: np.random.Generator) -> Codes:
    if kind == "exact":
        return base
    if kind == "edited":
        return edit(base, float(rng.uniform(0.02, 0.1)), rng)
    if kind == "cut":
        return _close(base[: max(4, int(len(base) * rng.uniform(0.3, 0.8)))])
    if kind == "extended":
        return np.concatenate([base, _close(_draw(rng, int(rng.integers(20, 40))))])
    return fill_template(base, rng)


def edit(base: Codes, share: float, rng: np.random.Generator) -> Codes:
    """Replace a share of the phrases, but no name and no number; the sentences stay."""
    codes = base.copy()
    places = np.flatnonzero(rng.random(len(codes)) < share)
    places = places[codes[places] // 4 < N_PHRASES]
    codes[places] = _phrase_numbers(rng, len(places)) * 4 + codes[places] % 4
    return codes


def fill_template(base: Codes, rng: np.random.Generator) -> Codes:
    """Replace every name and number."""
    codes = base.copy()
    numbers = codes // 4
    for first, count in ((N_PHRASES, N_NAMES), (N_PHRASES + N_NAMES, N_NUMBERS)):
        places = np.flatnonzero((numbers >= first) & (numbers < first + count))
        codes[places] = rng.integers(first, first + count, len(places)) * 4 + codes[places] % 4
    return codes


def _draw(rng: np.random.Generator, n: int) -> Codes:
    """Draw phrases with their sentence forms: a sentence has about six, a paragraph about four sentences."""
    numbers = _phrase_numbers(rng, n)
    what = rng.random(n)
    names = what < SHARE_OF_NAMES
    figures = (what >= SHARE_OF_NAMES) & (what < SHARE_OF_NAMES + SHARE_OF_NUMBERS)
    numbers[names] = N_PHRASES + _log_uniform(rng, int(names.sum()), N_NAMES)
    numbers[figures] = N_PHRASES + N_NAMES + rng.integers(0, N_NUMBERS, int(figures.sum()))
    ends = rng.random(n)
    form = np.where(ends < 0.04, PARAGRAPH, np.where(ends < 0.17, END, MID))
    form[1:][(form[:-1] >= END) & (form[1:] == MID)] = START
    return numbers * 4 + form


def _phrase_numbers(rng: np.random.Generator, n: int) -> Codes:
    # Half of what is written are set phrases by Zipf's law, half is said once in a while.
    common = _log_uniform(rng, n, N_PHRASES)
    return np.where(rng.random(n) < 0.5, common, rng.integers(0, N_PHRASES, n))


def _log_uniform(rng: np.random.Generator, n: int, limit: int) -> Codes:
    """Draw ranks below the limit by the Zipf–Mandelbrot law: probability about 1 / (rank + 20)."""
    ratio = (limit + _ZIPF_OFFSET) / _ZIPF_OFFSET
    drawn = (np.exp(rng.random(n) * math.log(ratio)) - 1) * _ZIPF_OFFSET
    return drawn.astype(np.int64)


def _close(codes: Codes) -> Codes:
    """Start with a capital and end with a full stop."""
    codes = codes.copy()
    codes[0] = codes[0] // 4 * 4 + START
    codes[-1] = codes[-1] // 4 * 4 + END
    return codes


def _invent(rng: np.random.Generator, n: int) -> list[str]:
    """Return ``n`` different words of one to four syllables, the short ones first."""
    syllables = [start + vowel + end for start in _STARTS for vowel in _VOWELS for end in _ENDS]
    found = dict.fromkeys(syllables[place] for place in rng.permutation(len(syllables))[: n // 8].tolist())
    while len(found) < n:
        for picked in rng.integers(0, len(syllables), (n, 3)).tolist():
            found["".join(syllables[place] for place in picked[: 2 + (len(found) > n // 4)])] = None
            if len(found) == n:
                break
    return list(found)


def _write_number(value: float) -> str:
    return f"{value:,.1f}" if value < 20 else f"{value:,.0f}"


def shaped_documents(phrases: Phrases, *, shape: str, n: int, mean_bytes: int, seed: int) -> Iterator[Made]:
    """Yield documents of a shape that is hard on a deduplicator.

    ``identical``: one text n times; ``template``: one text with other names and
    numbers; ``chain``: each a 5 % edit of the one before; ``short``: ten words;
    ``long``: 1 to 50 MB each.
    """
    if shape == "mixed":
        yield from make_documents(phrases, n=n, mean_bytes=mean_bytes, seed=seed)
        return
    rng = np.random.default_rng([seed, 2])
    length = max(4, int(mean_bytes / phrases.mean_bytes))
    base = _close(_draw(rng, length))
    for number in range(n):
        if shape == "identical":
            yield Made(base, 0, shape)
        elif shape == "template":
            yield Made(fill_template(base, rng), number, shape)
        elif shape == "chain":
            yield Made(base, 0, shape)
            base = edit(base, 0.05, rng)
        elif shape == "short":
            yield Made(_close(_draw(rng, 4)), number, shape)
        else:
            low, high = (math.log(limit / phrases.mean_bytes) for limit in _LONG_BYTES)
            yield Made(_close(_draw(rng, int(math.exp(rng.uniform(low, high))))), number, shape)


def write_corpus(
    out: TextIO,
    *,
    n: int,
    mean_bytes: int = 3200,
    seed: int = 1,
    shape: str = "mixed",
    truth: TextIO | None = None,
) -> int:
    """Write ``n`` records as JSONL, and their true clusters if asked; return the bytes written."""
    phrases = make_phrases(seed)
    written = 0
    for number, made in enumerate(
        shaped_documents(phrases, shape=shape, n=n, mean_bytes=mean_bytes, seed=seed)
    ):
        pieces = phrases.forms[made.codes].tolist()
        title = "".join(pieces[:3]).replace("\\n", "").rstrip(" .")
        date = f"2024-{number * 12 // n + 1:02}-{number % 28 + 1:02}"
        written += out.write(
            f'{{"id": "d{number:08}", "source": "s{number * 2654435761 % 97}", "date": "{date}", '
            f'"title": "{title}", "text": "{"".join(pieces).rstrip()}"}}\n'
        )
        if truth is not None:
            row = {"id": f"d{number:08}", "cluster": made.cluster, "kind": made.kind}
            truth.write(json.dumps(row) + "\n")
    return written


def main() -> None:
    """Write a corpus."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=100_000, help="documents")
    parser.add_argument("--bytes", type=int, default=3200, help="mean length of a text")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shape", choices=SHAPES, default="mixed")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, help="where to write rows {id, cluster, kind}")
    options = parser.parse_args()
    settings = {"n": options.n, "mean_bytes": options.bytes, "seed": options.seed, "shape": options.shape}
    with options.out.open("w", encoding="utf-8", buffering=1 << 20) as out:
        if options.truth is None:
            write_corpus(out, **settings)
        else:
            with options.truth.open("w", encoding="utf-8", buffering=1 << 20) as truth:
                write_corpus(out, **settings, truth=truth)


if __name__ == "__main__":
    main()
