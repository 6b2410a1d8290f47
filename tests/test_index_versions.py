"""Versions inside an index are raised when keys, sketches or verdicts change.

What they stand for is pinned here. Where a rule was changed on purpose, raise the version in
`dedup/index/settings.py` and pin the digest that the failing test shows under the new one.
Where only a case was added or edited, pin both digests anew under the same version.
"""

import hashlib
import json
from pathlib import Path

import pytest

import dedup
from dedup.config import Config, SketchConfig, VerifyConfig
from dedup.index import settings
from dedup.index.intake import prepare_all, temporary_ids, to_records
from dedup.pipeline.workers import Crew

CASES = [
    json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "cases").glob("*.json"))
]
# Version: digest of the texts, and of what was made of them.
NORMALISER = {1: ("0a63e26120aa555d", "e9abddd8af3a9848")}
VERIFIER = {1: ("0a63e26120aa555d", "9c1cb8d0c262b720")}


def digest(values):
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def texts_digest():
    return digest([case["documents"] for case in CASES])


def keys_digest(config):
    """Return a digest of keys, classes, signatures and fingerprints of all cases' documents."""
    documents = [document for case in CASES for document in case["documents"]]
    prepared = prepare_all(temporary_ids(to_records(documents, config)), config, Crew(1))
    columns = ("key", "classes", "title_key", "signature", "fingerprints")
    rows = zip(*(prepared.column(name).to_pylist() for name in columns), strict=True)
    return digest([[v.hex() if isinstance(v, bytes) else v for v in row] for row in rows])


def verdicts_digest(profile=None):
    """Return a digest of relations, scores and reasons of all cases' documents."""
    found = []
    for case in CASES:
        config = Config(verify=VerifyConfig(profile=profile or case["profile"]))
        for d in dedup.deduplicate(case["documents"], config=config).decisions:
            links = [[link.id, link.relation, link.jaccard, link.containment] for link in d.links]
            scores = [d.jaccard, d.containment, d.ratio]
            found.append([d.id, d.status, d.kept_id, d.relation, scores, d.reason, d.supersedes, links])
    return digest(found)


def test_the_normaliser_version_is_raised_when_keys_or_sketches_change():
    assert (texts_digest(), keys_digest(Config())) == NORMALISER[settings.NORMALISER_VERSION]


def test_the_verifier_version_is_raised_when_verdicts_change():
    assert (texts_digest(), verdicts_digest()) == VERIFIER[settings.VERIFIER_VERSION]


def test_the_pinned_digests_tell_other_keys_and_verdicts_apart():
    assert keys_digest(Config(sketch=SketchConfig(seed=2))) != NORMALISER[settings.NORMALISER_VERSION][1]
    assert verdicts_digest("strict") != VERIFIER[settings.VERIFIER_VERSION][1]


@pytest.mark.parametrize("name", ["NORMALISER_VERSION", "VERIFIER_VERSION"])
def test_another_version_is_another_fingerprint(monkeypatch, name):
    made = settings.Settings(Config(), dedup.statistics.Statistics())
    before = made.sketch_fingerprint, made.verifier_fingerprint
    monkeypatch.setattr(settings, name, 99)
    changed = [
        a != b for a, b in zip(before, (made.sketch_fingerprint, made.verifier_fingerprint), strict=True)
    ]
    assert changed == [name == "NORMALISER_VERSION", name == "VERIFIER_VERSION"]
