"""Read decisions and truths, and find each true record among the decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from dedup.errors import DataError, UsageError
from dedup.files.compression import Expansion, detect_compression, expand
from dedup.records import Decision

_PIECE_BYTES = 1 << 20
# Decisions repeat their field names in every row, so they pack better than texts.
_EXPANSION_LIMIT = 1000
JUDGEMENTS = ("yes", "no", "debatable")
# What msgspec raises on bad syntax or types, on bad bytes, and on very deep nesting.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class FateRow(msgspec.Struct, frozen=True, gc=False):
    """What scoring needs of one row of a decisions file."""

    record: str
    id: Any
    status: str
    story: Any = None
    kept_id: Any = None
    kept_in: str | None = None


Fate: TypeAlias = Decision | FateRow


@dataclass(frozen=True, slots=True)
class TruthPair:
    """Two records and what is true of them; ``line`` is where the truth says so."""

    a: Any
    b: Any
    label: str
    relation: str | None = None
    keep: Any = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class PairTruth:
    """Labelled pairs."""

    pairs: tuple[TruthPair, ...]
    path: str = "truth"


@dataclass(frozen=True, slots=True)
class ClusterTruth:
    """The true cluster of each id, as JSON bytes of both (ids ``7`` and ``"7"`` are two)."""

    cluster_of: dict[bytes, bytes]
    path: str = "truth"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where one record ended: the record that stands for it, and its story."""

    kept: tuple[bool, bytes]  # (outside of this input?, id)
    story: bytes | None
    dropped: bool


def load_decisions(path: str | Path) -> list[Fate]:
    """Read a decisions file.

    Parameters
    ----------
    path : str or Path
        JSONL as ``--decisions`` writes it; fields that scoring doesn't need are skipped.

    Returns
    -------
    list of Fate
        One per record, in file order.

    Raises
    ------
    UsageError
        If there is no such file.
    DataError
        If a row is not a decision, with the file and line.
    """
    decoder = msgspec.json.Decoder(FateRow)
    rows: list[Fate] = []
    for where, line in _lines(path):
        try:
            rows.append(decoder.decode(line))
        except _UNREADABLE as error:
            raise DataError(
                f"row is not a decision: {error}", where=where, remedy="give the file that --decisions wrote"
            ) from None
    if not rows:
        raise DataError(
            "file holds no decision", where=str(path), remedy="give the file that --decisions wrote"
        )
    return rows


def load_truth(path: str | Path) -> PairTruth | ClusterTruth:
    """Read a truth of pairs or of clusters.

    Parameters
    ----------
    path : str or Path
        JSONL. Pairs have ``a``, ``b`` and either ``label`` or ``drop`` (yes, no,
        debatable), and may have ``relation`` and ``keep``. Clusters have ``id``
        and ``cluster``. The first row decides which of the two it is.

    Returns
    -------
    PairTruth or ClusterTruth

    Raises
    ------
    UsageError
        If there is no such file.
    DataError
        If a row lacks a field or contradicts an earlier one, with the file and line.
    """
    rows = _truth_rows(path)
    first = next(rows, None)
    if first is None:
        raise DataError(
            "truth holds no row", where=str(path), remedy="give rows {a, b, label} or {id, cluster}"
        )
    where, row = first
    if "a" in row and "b" in row:
        pairs = [_pair(row, where), *(_pair(row, where) for where, row in rows)]
        return PairTruth(tuple(pairs), str(path))
    cluster_of: dict[bytes, bytes] = {}
    _add_member(cluster_of, row, where)
    for where, row in rows:
        _add_member(cluster_of, row, where)
    return ClusterTruth(cluster_of, str(path))


def id_key(value: Any) -> bytes:
    """Return the JSON bytes of an id, which tell ``7`` from ``"7"``.

    Examples
    --------
    >>> id_key(7), id_key("7")
    (b'7', b'"7"')
    """
    return msgspec.json.encode(value)


def find_outcomes(decisions: Iterable[Fate], wanted: set[bytes], *, path: str) -> dict[bytes, Outcome]:
    """Return the outcome of every wanted record that has a decision.

    Parameters
    ----------
    decisions : iterable of Fate
        All decisions of a run.
    wanted : set of bytes
        Ids (see `id_key`), or ``record`` values for ids that are not unique.
    path : str
        Name of the truth, for messages.

    Returns
    -------
    dict
        From wanted key to `Outcome`; records without a decision are absent.

    Raises
    ------
    DataError
        If one wanted id belongs to records with different outcomes, or if nothing is found.
    """
    found: dict[bytes, Outcome] = {}
    for decision in decisions:
        for key in {id_key(decision.id), id_key(decision.record)} & wanted:
            outcome = _outcome(decision)
            before = found.setdefault(key, outcome)
            if (before.kept, before.story) != (outcome.kept, outcome.story):
                raise DataError(
                    f"id {key.decode()} belongs to several records that ended differently",
                    where=path,
                    remedy="name each by the field `record` of its decision",
                )
    if not found:
        example = min(wanted).decode()
        raise DataError(
            f"none of the {len(wanted)} ids of the truth has a decision, such as {example}",
            where=path,
            remedy='give the truth of this run; ids must agree in type, 7 is not "7"',
        )
    return found


def _outcome(decision: Fate) -> Outcome:
    story = None if decision.story is None else id_key(decision.story)
    if decision.status == "dropped":
        outside = decision.kept_in not in (None, "input")
        return Outcome((outside, id_key(decision.kept_id)), story, dropped=True)
    return Outcome((False, id_key(decision.id)), story, dropped=False)


def _pair(row: dict[str, Any], where: str) -> TruthPair:
    label = row.get("drop", row.get("label"))
    if "a" not in row or "b" not in row or not isinstance(label, str):
        raise DataError(
            "row is not a labelled pair", where=where, remedy="give a, b and label or drop as text"
        )
    if "drop" in row and label not in JUDGEMENTS:
        raise DataError(f"drop is {label!r}", where=where, remedy=f"choose from {', '.join(JUDGEMENTS)}")
    if id_key(row["a"]) == id_key(row["b"]):
        raise DataError(f"pair of {row['a']!r} with itself", where=where, remedy="name two records")
    return TruthPair(
        row["a"], row["b"], label, row.get("relation"), row.get("keep"), int(where.rpartition(":")[2])
    )


def _add_member(cluster_of: dict[bytes, bytes], row: dict[str, Any], where: str) -> None:
    if "id" not in row or "cluster" not in row:
        raise DataError("row has no id and cluster", where=where, remedy="give both in each row")
    key = id_key(row["id"])
    if key in cluster_of:
        raise DataError(f"id {row['id']!r} stands in the truth twice", where=where, remedy="keep one row")
    cluster_of[key] = id_key(row["cluster"])


def _truth_rows(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    for where, line in _lines(path):
        try:
            yield where, decoder.decode(line)
        except _UNREADABLE as error:
            raise DataError(
                f"row is not a JSON object: {error}", where=where, remedy="give JSONL, one object a line"
            ) from None


def _lines(path: str | Path) -> Iterator[tuple[str, bytes]]:
    number, rest = 0, b""
    for piece in _pieces(Path(path)):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            number += 1
            if line.strip():
                yield f"{path}:{number}", line
    if rest.strip():
        yield f"{path}:{number + 1}", rest


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            stream = iter(lambda: file.read(_PIECE_BYTES), b"")
            first = next(stream, b"")
            kind = detect_compression(path.name, first)
            if kind is None:
                yield first
                yield from stream
            else:
                yield from expand(
                    kind, first, stream, Expansion(str(path), _EXPANSION_LIMIT, path.stat().st_size)
                )
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", remedy="give the path of a readable JSONL file"
        ) from None
