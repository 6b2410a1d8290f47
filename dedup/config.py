"""The cut-offs of every stage: one frozen dataclass each, validated on construction.

A field is here because a decision hangs on it; its comment gives the reason
for the number. What nobody would change is a constant beside its user.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

from dedup.errors import UsageError

Profile = Literal["news", "strict", "ocr"]
DROPPABLE = ("exact", "near", "contained", "partial", "revised")
PREFERENCES = ("undegraded", "complete", "source", "clean", "earliest", "latest", "medoid", "id")


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """Which fields hold what, and how much of a record is read."""

    text: str | None = None
    id: str | None = None
    title: str | None = None
    source: str | None = None
    date: str | None = None
    url: str | None = None
    # A larger record goes to quarantine: a file without line ends must not fill the memory.
    record_limit_bytes: int = 64 * 2**20
    # What a compressed input may unfold to, as a multiple of its size (and never under 1 GiB):
    # real text packs 3- to 12-fold, a bomb 1000-fold.
    expansion_limit: int = 200

    def __post_init__(self) -> None:
        for name in ("record_limit_bytes", "expansion_limit"):
            _require(
                getattr(self, name) >= 1,
                f"{name} = {getattr(self, name)}",
                "give a whole number of 1 or more",
            )


@dataclass(frozen=True, slots=True)
class SketchConfig:
    """Shingles, signatures and fingerprints. Another value makes sketches that can't be compared."""

    # NEWS: word-3 shingles find 10 % edits and wire mixes that word-5 shingles lose.
    shingle_tokens: int = 3
    # Scripts without spaces: 3 characters gave 6.8 pairs a document on Chinese bulletins, 5 gave 1.4.
    shingle_characters: int = 5
    num_perm: int = 128
    seed: int = 1
    # Winnowed fingerprints for containment: runs of tokens this long …
    fingerprint_tokens: int = 5
    # … of which one in every window of so many is kept.
    fingerprint_window: int = 12

    def __post_init__(self) -> None:
        for name in ("shingle_tokens", "shingle_characters", "fingerprint_tokens", "fingerprint_window"):
            _require(
                getattr(self, name) >= 1,
                f"{name} = {getattr(self, name)}",
                "give a whole number of 1 or more",
            )
        _require(
            8 <= self.num_perm <= 1024, f"num_perm = {self.num_perm}", "give a whole number from 8 to 1024"
        )


@dataclass(frozen=True, slots=True)
class CandidateConfig:
    """Which pairs are looked at."""

    bands: int = 42
    rows: int = 3
    # A bucket up to this size is paired up whole; a larger one by neighbours and leaders only.
    bucket_limit: int = 16

    def __post_init__(self) -> None:
        _require(
            self.bands >= 1 and self.rows >= 1, f"bands × rows = {self.bands} × {self.rows}", "give 1 or more"
        )


@dataclass(frozen=True, slots=True)
class VerifyConfig:
    """When two texts count as one."""

    profile: Profile = "news"
    # Form letters and weather return, reprints come within days; None: dates don't block.
    max_days: int | None = None

    def __post_init__(self) -> None:
        _require(
            self.profile in get_args(Profile),
            f"profile {self.profile!r}",
            f"choose from {', '.join(get_args(Profile))}",
        )
        _require(
            self.max_days is None or self.max_days >= 0, f"max_days = {self.max_days}", "give 0 or more days"
        )


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Which relations drop, and who is preferred."""

    drop: tuple[str, ...] = ("exact", "near", "contained")
    prefer: tuple[str, ...] = ("undegraded", "complete", "source", "clean", "earliest", "medoid", "id")
    # Sources in order of trust, for the preference "source".
    source_priority: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.drop:
            _require(name in DROPPABLE, f"relation {name!r} in drop", f"choose from {', '.join(DROPPABLE)}")
        for name in self.prefer:
            _require(name in PREFERENCES, f"preference {name!r}", f"choose from {', '.join(PREFERENCES)}")


@dataclass(frozen=True, slots=True)
class Config:
    """All stages together; what a manifest records."""

    read: ReadConfig = field(default_factory=ReadConfig)
    sketch: SketchConfig = field(default_factory=SketchConfig)
    candidates: CandidateConfig = field(default_factory=CandidateConfig)
    verify: VerifyConfig = field(default_factory=VerifyConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that differ where any cut-off differs.

        Examples
        --------
        >>> Config().fingerprint() == Config().fingerprint()
        True
        >>> Config().fingerprint() == Config(verify=VerifyConfig(max_days=3)).fingerprint()
        False
        """
        return _fingerprint(asdict(self))


def _fingerprint(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _require(holds: bool, what: str, remedy: str) -> None:
    if not holds:
        raise UsageError(f"cannot use {what}", remedy=remedy)
