"""Decisions, read once: what is counted, and a few numbers per record to find the rest again."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from dedup.errors import DataError
from dedup.files import Source, find_inputs
from dedup.schema import RELATIONS

STATUSES = ("kept", "dropped", "rejected")
# Records whose removals are shown, per rule of the normaliser.
EXAMPLES = 3
_LINE_BITS = 40
NOWHERE = -1  # the kept record is not among the decisions: it was published before


class Link(msgspec.Struct):
    """A note of a decision: a record that looks alike and was kept apart."""

    id: msgspec.Raw
    relation: str
    jaccard: float
    containment: float


class Removed(msgspec.Struct):
    """One passage that the normaliser took out, without its text."""

    line: int
    rule: str
    chars: int = 0


class Row(msgspec.Struct):
    """One decision. Ids are JSON tokens."""

    status: str
    record: str = ""
    id: msgspec.Raw = msgspec.Raw(b"null")
    cluster: msgspec.Raw = msgspec.Raw(b"")
    story: msgspec.Raw = msgspec.Raw(b"")
    kept_in: str | None = None
    relation: str | None = None
    jaccard: float | None = None
    containment: float | None = None
    ratio: float | None = None
    reason: str = ""
    preferences: dict[str, Any] | None = None
    stands_for_count: int = 0
    supersedes: msgspec.Raw = msgspec.Raw(b"")
    links: list[Link] = []
    flags: list[str] = []
    removed: list[Removed] = []
    file: str = ""
    line: int = 0


_DECODER = msgspec.json.Decoder(Row)


@dataclass
class Misses:
    """Pairs kept apart, each once: rows of decisions, the other's id, relation and containment."""

    row: NDArray[np.int64]
    other: list[bytes]
    relation: NDArray[np.uint8]
    containment: NDArray[np.float32]


@dataclass
class Ledger:
    """Numbers of all decisions, in their order.

    ``place`` uint64 (n,): file and line in one number, `place_of` makes it;
    ``status`` uint8 numbers `STATUSES`, ``relation`` uint8 `RELATIONS` (255
    for none); ``keeper`` int64: the row of the record kept instead, its own
    when kept, NOWHERE when that was published before; ``containment`` float32.
    """

    files: dict[str, int]
    place: NDArray[np.uint64]
    status: NDArray[np.uint8]
    relation: NDArray[np.uint8]
    keeper: NDArray[np.int64]
    containment: NDArray[np.float32]
    clusters: dict[bytes, list[int]]
    misses: Misses
    flags: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[int]] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """All records."""
        return len(self.status)

    def count(self, status: str) -> int:
        """Return how many records have a status."""
        return int((self.status == STATUSES.index(status)).sum())

    def place_of(self, file: str, lines: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the places of some lines of a file; of a file without decisions they match none."""
        number = self.files.get(file, len(self.files))
        return np.uint64(number << _LINE_BITS) | lines.astype(np.uint64)


def open_decisions(path: str) -> Source:
    """Return the decisions as a source that can be read through more than once."""
    return find_inputs([path], input_format="jsonl")[0]


def read_rows(decisions: Source) -> Iterator[Row]:
    """Yield all decisions.

    Raises
    ------
    DataError
        If a line is no decision.
    """
    for chunk in decisions.chunks():
        payload = chunk.payload
        if chunk.reason is not None or not isinstance(payload, bytes):
            raise DataError(f"not a decision: {chunk.reason}", where=f"{decisions.name}:{chunk.first_line}")
        for number, line in enumerate(payload.splitlines(), chunk.first_line):
            if not line.strip():
                continue
            try:
                row = _DECODER.decode(line)
            except msgspec.MsgspecError as error:
                raise DataError(
                    f"not a decision: {error}",
                    where=f"{decisions.name}:{number}",
                    remedy="name a file that `dedup run --decisions` wrote",
                ) from error
            if row.status not in STATUSES:
                raise DataError(f"status {row.status!r} is unknown", where=f"{decisions.name}:{number}")
            yield row


def read_ledger(decisions: Source) -> Ledger:
    """Read all decisions and keep what the report counts."""
    files: dict[str, int] = {}
    columns: list[tuple[int, int, int, float]] = []
    keepers: dict[bytes, int] = {}
    clusters: dict[bytes, list[int]] = defaultdict(list)
    flags: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    examples: dict[str, list[tuple[str, int]]] = defaultdict(list)
    notes: list[tuple[int, bytes, bytes, int, float]] = []
    for at, row in enumerate(read_rows(decisions)):
        place = files.setdefault(row.file, len(files)) << _LINE_BITS | row.line
        relation = RELATIONS.index(row.relation) if row.relation in RELATIONS else 255
        columns.append((place, STATUSES.index(row.status), relation, row.containment or 0.0))
        if row.status == "dropped":
            clusters[bytes(row.cluster)].append(at)
        elif row.status == "kept":
            keepers.setdefault(bytes(row.id), at)
        flags.update(row.flags)
        rules.update(removed.rule for removed in row.removed)
        for rule in {removed.rule for removed in row.removed}:
            # Chosen by content, so that another order of the input shows the same ones.
            _keep_least(examples[rule], (row.record, at))
        own = bytes(row.id)
        notes += [
            (at, own, bytes(link.id), RELATIONS.index(link.relation), link.containment) for link in row.links
        ]
    places, statuses, relations, containments = zip(*columns, strict=True) if columns else ((), (), (), ())
    keeper = np.arange(len(columns), dtype=np.int64)
    for token, members in clusters.items():
        keeper[members] = keepers.get(token, NOWHERE)
    return Ledger(
        files,
        np.array(places, np.uint64),
        np.array(statuses, np.uint8),
        np.array(relations, np.uint8),
        keeper,
        np.array(containments, np.float32),
        dict(clusters),
        _misses(notes),
        flags,
        rules,
        {rule: [at for _, at in sorted(found, reverse=True)] for rule, found in examples.items()},
    )


def _keep_least(heap: list[tuple[str, int]], item: tuple[str, int]) -> None:
    inverted = (_inverted(item[0]), item[1])
    if len(heap) < EXAMPLES:
        heapq.heappush(heap, inverted)
    else:
        heapq.heappushpop(heap, inverted)


def _inverted(digits: str) -> str:
    # The heap gives up its least item, the example to give up is the greatest.
    return digits.translate(_INVERT)


_INVERT = str.maketrans("0123456789abcdef", "fedcba9876543210")


def _misses(notes: list[tuple[int, bytes, bytes, int, float]]) -> Misses:
    """Keep each pair once, although both of its records note it; the highest containment first."""
    seen: set[tuple[bytes, bytes]] = set()
    once = []
    for at, own, other, relation, containment in notes:
        pair = (own, other) if own < other else (other, own)
        if pair not in seen:
            seen.add(pair)
            once.append((containment, pair, at, other, relation))
    once.sort(key=lambda note: (-note[0], note[1]))
    return Misses(
        np.array([note[2] for note in once], np.int64),
        [note[3] for note in once],
        np.array([note[4] for note in once], np.uint8),
        np.array([note[0] for note in once], np.float32),
    )
