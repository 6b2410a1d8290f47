"""What an index was made with: kept inside it, and held against what opens it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dedup.config import CandidateConfig, ClusterConfig, Config, ReadConfig, SketchConfig, VerifyConfig
from dedup.errors import IndexFailure, UsageError
from dedup.statistics import Statistics, load
from dedup.stores import SCHEMA, Store

# Raise these when the same text gets another key or sketch, or the same pair another verdict;
# tests/test_index_versions.py pins what each stands for.
NORMALISER_VERSION = 1
VERIFIER_VERSION = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """Configuration and statistics of an index, and whether it holds texts."""

    config: Config
    statistics: Statistics
    with_texts: bool = True

    @property
    def sketch_fingerprint(self) -> str:
        """Of normaliser and sketch: under another one, stored keys could not be compared."""
        bands = asdict(self.config.candidates)
        return _digest([NORMALISER_VERSION, asdict(self.config.sketch), bands["bands"], bands["rows"]])

    @property
    def verifier_fingerprint(self) -> str:
        """Of rules, cut-offs and statistics that verdicts hang on."""
        parts = (self.config.candidates, self.config.verify, self.config.cluster)
        return _digest([VERIFIER_VERSION, *[asdict(part) for part in parts], self.statistics.fingerprint()])


def create(store: Store, settings: Settings) -> None:
    """Write settings into an empty store; inside `Store.writing`."""
    store.set_meta("config", json.dumps(asdict(settings.config)))
    store.set_meta("statistics", json.dumps(settings.statistics.to_dict()))
    store.set_meta("with_texts", json.dumps(settings.with_texts))
    store.set_meta("sketch_fingerprint", settings.sketch_fingerprint)


def read(store: Store, config: Config | None) -> Settings | None:
    """Return the settings of an index, None where there are none yet.

    Verify and cluster cut-offs of `config` take the place of the stored ones:
    each verdict records what it was made by.

    Raises
    ------
    IndexFailure
        If normaliser, sketch or layout are not those that the index was made with.
    """
    stored = read_unchecked(store)
    if stored is None:
        return None
    if (layout := store.meta("schema")) != str(SCHEMA):
        raise IndexFailure(
            f"index in another layout: it has {layout}, this program has {SCHEMA}",
            where=store.shown,
            remedy="make it anew with: dedup index rebuild",
        )
    settings = Settings(config or stored.config, stored.statistics, stored.with_texts)
    made_with = store.meta("sketch_fingerprint")
    if made_with != settings.sketch_fingerprint:
        raise IndexFailure(
            f"index made by another normaliser or sketch: it has {made_with}, this program has"
            f" {settings.sketch_fingerprint}",
            where=store.shown,
            remedy="make it anew with: dedup index rebuild, or open it with the settings it was made with",
        )
    return settings


def open_or_create(
    store: Store, config: Config | None, statistics: str | Statistics | None, no_text: bool
) -> Settings:
    """Return the settings of an index; make them where it is new."""
    found = read(store, config)
    given = load(statistics) if isinstance(statistics, str) else statistics
    if found is None:
        if not store.write:
            raise IndexFailure("an empty index", where=store.shown, remedy="fill it with: dedup index add")
        wanted = Settings(config or Config(), given or Statistics(), not no_text)
        with store.writing():
            found = read(store, config)
            if found is None:
                create(store, wanted)
                return wanted
    if given is not None and given.fingerprint() != found.statistics.fingerprint():
        raise IndexFailure(
            f"index made under other statistics: it has {found.statistics.fingerprint()},"
            f" those given are {given.fingerprint()}",
            where=store.shown,
            remedy="make it anew with: dedup index rebuild --statistics FILE",
        )
    if no_text and found.with_texts:
        raise UsageError("an index made with texts", where=store.shown, remedy="leave out no_text")
    return found


def read_unchecked(store: Store) -> Settings | None:
    """Return the settings that an index was made with, whatever made it."""
    stored = store.meta("config")
    if stored is None:
        return None
    content = json.loads(store.meta("statistics") or "{}")
    house = np.array([int(value, 16) for value in content["house"]], np.uint64)
    statistics = Statistics(house, content["n_docs"], content["bands"], content["rows"])
    return Settings(
        _config(json.loads(stored)), statistics, bool(json.loads(store.meta("with_texts") or "true"))
    )


def _config(content: dict[str, Any]) -> Config:
    lists = {name: tuple(value) for name, value in content["cluster"].items() if isinstance(value, list)}
    return Config(
        read=ReadConfig(**content["read"]),
        sketch=SketchConfig(**content["sketch"]),
        candidates=CandidateConfig(**content["candidates"]),
        verify=VerifyConfig(**content["verify"]),
        cluster=ClusterConfig(**content["cluster"] | lists),
    )


def _digest(values: list[Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
