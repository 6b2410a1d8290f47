"""Which version of a star is kept, by an ordered list of preferences that every decision prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A few words more or less are no completeness: typos, a middle initial, another spelling.
_SLACK_TOKENS = 5


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an article, measured against the star's first keeper.

    ``damage`` is that of `dedup.flags.damage`; ``extra`` is the number of
    tokens of substance that it has and the keeper lacks, less those that the
    keeper has and it lacks; ``foreign`` the same for furniture and house text;
    ``likeness`` the mean Jaccard to the others.
    """

    node: int
    damage: int
    extra: int
    foreign: int
    source: str | None
    date: int | None
    likeness: float
    id: Any
    digest: bytes


def choose(
    versions: Sequence[Version], *, prefer: Sequence[str], source_priority: Sequence[str] = ()
) -> tuple[Version, dict[str, Any]]:
    """Choose the version to keep.

    Parameters
    ----------
    versions : sequence of Version
        Every one of them may stand for all the others.
    prefer : sequence of str
        Names of preferences, the weightiest first.
    source_priority : sequence of str
        Sources, the most trusted first; others come after them.

    Returns
    -------
    version : Version
    values : dict
        The value of each preference for the chosen version, in order.

    Examples
    --------
    >>> cut = Version(0, 1, -80, 0, "a", 5, 0.8, "cut", b"")
    >>> full = Version(1, 1, 0, 0, "b", 9, 0.8, "full", b"")
    >>> choose([cut, full], prefer=("complete", "earliest"))[0].id
    'full'
    """
    best = versions[0]
    if len(versions) > 1:
        ranking = {name: place for place, name in enumerate(source_priority)}
        scales = [_SCALES[name] for name in (*prefer, "id")]
        best = min(versions, key=lambda v: (*[scale(v, ranking) for scale in scales], v.digest))
    values = {name: _SHOWN[name](best) for name in dict.fromkeys(prefer) if name in _SHOWN}
    return best, values


def id_order(value: Any) -> tuple[int, Any]:
    """Order ids of any JSON type: numbers by value, then strings, then none.

    Examples
    --------
    >>> sorted(["b", 10, 9, None, "a"], key=id_order)
    [9, 10, 'a', 'b', None]
    """
    if isinstance(value, bool) or value is None:
        return (2, str(value))
    if isinstance(value, int | float):
        return (0, value)
    return (1, str(value))


def _beyond_slack(tokens: int) -> int:
    return tokens if abs(tokens) > _SLACK_TOKENS else 0


_NEVER = 1 << 62
_DAMAGED = 2  # stripped of its marks, repaired or beyond repair
_SCALES: Mapping[str, Callable[[Version, Mapping[str, int]], Any]] = {
    "undegraded": lambda v, _: v.damage,
    "complete": lambda v, _: -_beyond_slack(v.extra),
    "source": lambda v, ranking: ranking.get(v.source or "", len(ranking)),
    "clean": lambda v, _: _beyond_slack(v.foreign),
    "earliest": lambda v, _: v.date if v.date is not None else _NEVER,
    "latest": lambda v, _: -v.date if v.date is not None else _NEVER,
    "medoid": lambda v, _: -v.likeness,
    "id": lambda v, _: id_order(v.id),
}
_SHOWN: Mapping[str, Callable[[Version], Any]] = {
    "undegraded": lambda v: v.damage < _DAMAGED,
    "complete": lambda v: v.extra,
    "source": lambda v: v.source,
    "clean": lambda v: v.foreign,
    "earliest": lambda v: v.date,
    "latest": lambda v: v.date,
    "medoid": lambda v: v.likeness,
    "id": lambda v: v.id,
}
