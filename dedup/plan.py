"""How a run will go before it is started: bands and rows, recall, candidates, memory, disk and time."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dedup.candidates import Sketched, find_candidates, rank_documents
from dedup.config import CandidateConfig, Config
from dedup.errors import UsageError
from dedup.files import Source, parse, resolve_fields
from dedup.pipeline.prepare import prepare
from dedup.report import svg
from dedup.schema import RECORDS
from dedup.verify import Overlap, View, relate

# Share of random pairs of news articles that meet in one band of so many rows, from 400 bodies (word-3
# shingles): 2.4 candidates a document at 100,000 documents with 42 × 3, 0.02 with 25 × 5.
_TYPICAL = {3: 5.7e-7, 5: 8e-9}
_SAMPLE = 2_000
_ROWS = range(1, 11)
# One word in ten edited, with word-3 shingles: 0.9³ of the shingles stay, in either text.
_EDITED = 0.9
# Fitted on 22 November 2026 (x86-64, Python 3.12) to `dedup run` over 10,000 to 1,000,000 texts of 3.2 kB
# with 1, 2 and 4 workers, by benchmarks/plan_memory.py; off by 34 MB at most on the next day,
# up to 200,000 texts. The program without work …
_BASE_BYTES = 82 << 20
# … each worker …
_WORKER_BYTES = 51 << 20
# … each document …
_BYTES_HELD = 430
# … and fingerprints while they are paired up, with what is made of them: eight parts of them at once.
_BYTES_BESIDE = 250
_PARTS_BYTES = 128 << 20
_CALIBRATION_WORDS = 400
# Texts of news archives that have something in common with a document and must be aligned with it …
_ALIKE = 2.0
# … and chance meetings that agree well enough in their signatures to be looked at.
_PASSING = 0.01


@dataclass(frozen=True, slots=True)
class Speed:
    """What this machine does, from a short calibration.

    ``prepare_s`` and ``band_s`` are seconds per document (and band),
    ``verify_s`` per pair; ``disk_bytes`` and ``fingerprints`` per document.
    """

    prepare_s: float
    band_s: float
    verify_s: float
    disk_bytes: float
    fingerprints: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One pair of bands and rows, with what is to be expected of it."""

    bands: int
    rows: int
    recall: float
    meetings_per_document: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What to expect. Recalls are those of the candidate stage, as fractions."""

    documents: int
    similarity: float
    budget: float
    chosen: Choice
    alternatives: list[Choice]
    default: Choice
    recalls: dict[str, float]
    guaranteed_run: int
    memory_bytes: int
    disk_bytes: int
    seconds: dict[str, float]
    workers: int
    measured_on: str
    curve: list[tuple[float, float]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the content as JSON types."""
        return asdict(self)


def chance(jaccard: float, bands: int, rows: int) -> float:
    """Return the probability that two sets meet in one band at least: 1 - (1 - J^r)^b.

    Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4.

    Examples
    --------
    >>> round(chance(0.5, 42, 3), 4)
    0.9963
    """
    return float(1 - (1 - jaccard**rows) ** bands)


def make_plan(
    documents: int,
    *,
    similarity: float = 0.5,
    budget: float = 30.0,
    sample: Sequence[Source] = (),
    config: Config | None = None,
    workers: int | None = None,
) -> Plan:
    """Plan a run.

    Parameters
    ----------
    documents : int
        Size of the corpus.
    similarity : float
        Jaccard similarity of the pairs that must be found.
    budget : float
        Chance meetings with unlike texts per document that may be spent. All
        but one in a hundred end with a look at the signatures.
    sample : sequence of Source
        Some of the texts; typical figures of news are taken without.
    config : Config, optional
        Its sketches are planned with.
    workers : int, optional
        Processes; all cores by default.

    Raises
    ------
    UsageError
        If a number makes no sense.
    """
    _require(documents >= 1, f"{documents} documents", "give 1 or more")
    _require(0 < similarity <= 1, f"similarity {similarity}", "give a fraction over 0, up to 1")
    _require(budget > 0, f"budget {budget}", "give more than 0 meetings per document")
    config, workers = config or Config(), workers or os.cpu_count() or 1
    records = _sampled(sample, config) if sample else _invented(300)
    started = time.perf_counter()
    prepared = prepare(records, config)
    prepare_s = (time.perf_counter() - started) / max(1, records.num_rows)
    rates = _band_rates(prepared, config.sketch.num_perm) if sample else typical_rates()
    speed = _calibrate(prepared, prepare_s, config)
    choices = _choices(documents, similarity, budget, rates, config.sketch.num_perm)
    chosen = max(choices, key=lambda c: (round(c.recall, 4), -c.meetings_per_document, -c.bands))
    b, r = config.candidates.bands, config.candidates.rows
    default = Choice(b, r, chance(similarity, b, r), _expected(documents, b, rates[r]))
    kept = _EDITED**config.sketch.shingle_tokens
    run = config.sketch.fingerprint_tokens + 2 * config.sketch.fingerprint_window - 1
    return Plan(
        documents,
        similarity,
        budget,
        chosen,
        sorted(choices, key=lambda c: c.rows),
        default,
        {
            "near: a word in ten edited": round(chance(kept / (2 - kept), chosen.bands, chosen.rows), 4),
            "cut to 50 %, by bands alone": round(chance(0.5, chosen.bands, chosen.rows), 4),
            "cut to 30 %, by bands alone": round(chance(0.3, chosen.bands, chosen.rows), 4),
            "cut to 50 %, with fingerprints": 1.0,
            "cut to 30 %, with fingerprints": 1.0,
        },
        run,
        *_space(documents, speed, workers),
        _time(documents, chosen, speed, workers),
        workers,
        f"{records.num_rows} of your texts"
        if sample
        else f"{records.num_rows} invented texts of {_CALIBRATION_WORDS} words",
        [(j / 50, chance(j / 50, chosen.bands, chosen.rows)) for j in range(51)],
    )


def draw_curve(plan: Plan) -> str:
    """Return the S-curve as SVG that stands by itself."""
    left, top, width, height = 46.0, 14.0, 480.0, 260.0
    points = [(left + x * width, top + (1 - y) * height) for x, y in plan.curve]
    at = left + plan.similarity * width
    parts = [
        "<style>.label,.value{font:12px sans-serif;fill:#616970}"
        ".curve{fill:none;stroke:#2f7396;stroke-width:2}"
        ".axis{stroke:#ccc}.border{stroke:#1e2328;stroke-dasharray:4 3}</style>",
        *(svg.line(left, top + height * y / 4, left + width, top + height * y / 4, "axis") for y in range(5)),
        *(svg.text(left - 8, top + height * y / 4 + 4, f"{1 - y / 4:.2f}", anchor="end") for y in range(5)),
        *(
            svg.text(left + width * x / 5, top + height + 18, f"{x / 5:.1f}", anchor="middle")
            for x in range(6)
        ),
        svg.line(at, top, at, top + height, "border"),
        svg.path(points, "curve"),
        svg.text(left + width / 2, top + height + 38, "Jaccard similarity", anchor="middle"),
    ]
    label = f"Chance to be found by similarity, {plan.chosen.bands} bands of {plan.chosen.rows} rows"
    return svg.drawing(left + width + 14, top + height + 46, parts, label)


def typical_rates() -> dict[int, float]:
    """Return, by rows, the share of random pairs of news that meet in one band; geometric between figures."""
    step = (_TYPICAL[5] / _TYPICAL[3]) ** 0.5
    return {rows: _TYPICAL[3] * step ** (rows - 3) for rows in _ROWS}


def _band_rates(prepared: pa.RecordBatch, num_perm: int) -> dict[int, float]:
    """Measure, by rows, the share of a sample's pairs of unlike texts that meet in one band."""
    data = np.frombuffer(prepared.column("signature").buffers()[1], np.uint32)
    signatures = data.reshape(-1, num_perm)[prepared.column("n_tokens").to_numpy() > 0]
    # Copies are found on purpose: what counts here are chance meetings.
    signatures = signatures[np.unique(signatures[:, :8], axis=0, return_index=True)[1]]
    n_pairs = max(1.0, len(signatures) * (len(signatures) - 1) / 2)
    typical, rates = typical_rates(), {}
    for rows in _ROWS:
        bands = num_perm // rows
        met = sum(_met_by_chance(signatures, band * rows, rows) for band in range(bands))
        # Under one meeting in the whole sample the figure says nothing: take what is typical, at most that.
        rates[rows] = met / bands / n_pairs if met else min(typical[rows], 1 / bands / n_pairs)
    return rates


def _met_by_chance(signatures: NDArray[np.uint32], first: int, rows: int) -> int:
    band = np.ascontiguousarray(signatures[:, first : first + rows])
    _, where, sizes = np.unique(band, axis=0, return_inverse=True, return_counts=True)
    met = 0
    for bucket in np.flatnonzero((sizes > 1) & (sizes < 50)):
        members = signatures[np.flatnonzero(where.ravel() == bucket)]
        agreement = (members[:, None, :] == members[None, :, :]).mean(axis=2)
        met += int(np.count_nonzero(np.triu(agreement < 0.2, 1)))
    return met


def _choices(
    documents: int, similarity: float, budget: float, rates: dict[int, float], num_perm: int
) -> list[Choice]:
    """Return for each number of rows the most bands that the signature and the budget allow."""
    found = []
    for rows in _ROWS:
        per_band = _expected(documents, 1, rates[rows])
        bands = min(num_perm // rows, int(budget / per_band) if per_band else num_perm)
        if bands >= 1:
            found.append(Choice(bands, rows, chance(similarity, bands, rows), bands * per_band))
    if not found:
        raise UsageError(
            f"no bands keep {documents:,} documents within {budget} chance meetings each",
            remedy="raise --budget",
        )
    return found


def _expected(documents: int, bands: int, rate: float) -> float:
    return documents * bands * rate


def _sampled(sources: Sequence[Source], config: Config) -> pa.RecordBatch:
    """Read the first records of each input, as many as the sample takes."""
    fields = resolve_fields(sources, config.read)
    batches = []
    for source in sources:
        for chunk in islice(source.chunks(), 1):
            batch = parse(chunk, fields, config.read.record_limit_bytes)
            batches.append(
                batch.filter(pc.is_null(batch.column("bad"))).slice(0, _SAMPLE // len(sources) + 1)
            )
    table = pa.Table.from_batches(batches, RECORDS).combine_chunks()
    if not table.num_rows:
        raise UsageError("the sample holds no text", remedy="name other inputs")
    return table.to_batches()[0]


def _invented(count: int) -> pa.RecordBatch:
    chooser = random.Random(1)
    syllables = ("ba", "len", "mo", "tis", "vun", "ke", "dra", "sol", "ni", "ar", "pe", "quo")
    words = ["".join(chooser.choices(syllables, k=chooser.randint(1, 4))) for _ in range(5_000)]
    texts = [" ".join(chooser.choices(words, k=_CALIBRATION_WORDS)) + "." for _ in range(count)]
    columns = {name: pa.nulls(count, RECORDS.field(name).type) for name in RECORDS.names}
    columns |= {
        "text": pa.array(texts, pa.large_string()),
        "flags": pa.array([0] * count, pa.uint32()),
        "line": pa.array(range(1, count + 1), pa.int64()),
    }
    return pa.record_batch([columns[name] for name in RECORDS.names], schema=RECORDS)


def _calibrate(prepared: pa.RecordBatch, prepare_s: float, config: Config) -> Speed:
    n_docs = prepared.num_rows
    data = np.frombuffer(prepared.column("signature").buffers()[1], np.uint32).reshape(n_docs, -1)
    fingerprints = prepared.column("fingerprints")
    offsets = np.concatenate([[0], np.cumsum(pc.list_value_length(fingerprints).to_numpy())]).astype(np.int64)
    ranks = rank_documents(
        prepared.column("n_tokens").to_numpy(), np.arange(2 * n_docs, dtype=np.uint64).reshape(-1, 2)
    )
    sketched = Sketched.of(data, fingerprints.flatten().to_numpy(), offsets, ranks)
    started = time.perf_counter()
    find_candidates(sketched, CandidateConfig(config.candidates.bands, config.candidates.rows))
    band_s = (time.perf_counter() - started) / config.candidates.bands / n_docs
    views = [
        View(prepared.column("key")[n].as_py(), prepared.column("classes")[n].as_py())
        for n in range(min(60, n_docs))
    ]
    pairs = list(pairwise(views)) or [(views[0], views[0])]
    started = time.perf_counter()
    for a, b in pairs:
        relate(a, b, Overlap(40, 100, 100), config=config.verify)
    verify_s = (time.perf_counter() - started) / len(pairs)
    return Speed(prepare_s, band_s, verify_s, prepared.nbytes / n_docs, float(offsets[-1]) / n_docs)


def _space(documents: int, speed: Speed, workers: int) -> tuple[int, int]:
    per_document = 8 * speed.fingerprints + _BYTES_BESIDE
    arrays = min(documents * per_document, _PARTS_BYTES)
    memory = _BASE_BYTES + _WORKER_BYTES * workers + arrays + documents * _BYTES_HELD
    return round(memory), round(documents * speed.disk_bytes)


def _time(documents: int, chosen: Choice, speed: Speed, workers: int) -> dict[str, float]:
    pairs = documents * (_ALIKE + _PASSING * chosen.meetings_per_document)
    seconds = {
        "read and prepare": documents * speed.prepare_s / workers,
        "candidates": documents * chosen.bands * speed.band_s / workers,
        "verify": pairs * speed.verify_s / workers,
    }
    return {name: round(value, 1) for name, value in seconds.items()}


def _require(holds: bool, what: str, remedy: str) -> None:
    if not holds:
        raise UsageError(f"cannot plan for {what}", remedy=remedy)
