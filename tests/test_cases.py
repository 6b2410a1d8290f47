"""The labelled cases: what the whole program says of texts that broke a version of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dedup
from dedup.config import Config, VerifyConfig
from dedup.records import Decision

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
# What remains, by case: the reason why it does.
KNOWN: dict[str, str] = {}


def run(documents: list[dict[str, Any]], profile: str) -> dict[str, Decision]:
    config = Config(verify=VerifyConfig(profile=profile))
    return {decision.id: decision for decision in dedup.deduplicate(documents, config=config).decisions}


def relation_of(a: Decision, b: Decision) -> str:
    """Return what the decisions say of a pair: the witness of a drop, a link, else unrelated."""
    if a.cluster == b.cluster:
        return (b if b.status == "dropped" else a).relation or "none"
    links = [link.relation for one, other in ((a, b), (b, a)) for link in one.links if link.id == other.id]
    return links[0] if links else "unrelated"


def pair_faults(expected: dict[str, Any], decisions: dict[str, Decision]) -> list[str]:
    """Say what is wrong with the verdict on two documents that stand alone."""
    a, b = decisions[expected["a"]], decisions[expected["b"]]
    relation = relation_of(a, b)
    dropped = a.cluster == b.cluster
    reason = next((d.reason for d in (a, b) if d.reason), "")
    where = f"{a.id}, {b.id} are {relation} ({reason}): "
    faults = []
    if dropped != expected["drop"]:
        faults.append(f"{where}one dropped: {dropped}")
    elif relation not in expected["relation"]:
        faults.append(f"{where}expected {' or '.join(expected['relation'])}")
    if dropped and expected["keep"] is not None and a.cluster != expected["keep"]:
        faults.append(f"{where}kept {a.cluster}, expected {expected['keep']}")
    if {"partial", "revised"} >= set(expected["relation"]) and a.story != b.story:
        faults.append(f"{where}not one story")
    return faults


def verdict_faults(case: dict[str, Any]) -> list[str]:
    """Judge the pairs one by one, then all documents together: what must stay apart must do so in company."""
    documents = {document["id"]: document for document in case["documents"]}
    faults = []
    together = run(case["documents"], case["profile"])
    for pair in case["expect"]["pairs"]:
        two = [documents[pair["a"]], documents[pair["b"]]]
        faults += pair_faults(pair, run(two, case["profile"]))
        if not pair["drop"] and together[pair["a"]].cluster == together[pair["b"]].cluster:
            faults.append(f"{pair['a']}, {pair['b']} are one cluster among the others")
    return faults


def readable_faults(expected: dict[str, Any], text: str) -> list[str]:
    faults = [f"{part!r} is missing" for part in expected.get("contains", ()) if part not in text]
    faults += [f"{part!r} is there" for part in expected.get("absent", ()) if part in text]
    for part, n in expected.get("count", {}).items():
        if text.count(part) != n:
            faults.append(f"{part!r} is there {text.count(part)} times, expected {n}")
    return faults


def case_faults(case: dict[str, Any]) -> list[str]:
    expect = case["expect"]
    faults = verdict_faults(case)
    cleaned = {d["id"]: dedup.normalise(d["text"], title=d.get("title")) for d in case["documents"]}
    for name, checks in expect.get("readable", {}).items():
        faults += [f"{name}: {fault}" for fault in readable_faults(checks, cleaned[name].readable)]
    for a, b in expect.get("same_key", ()):
        if cleaned[a].key != cleaned[b].key:
            faults.append(f"{a} and {b} have different keys")
    for a, b in expect.get("different_key", ()):
        if cleaned[a].key == cleaned[b].key:
            faults.append(f"{a} and {b} have the same key")
    return faults


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, request: pytest.FixtureRequest) -> None:
    if path.stem in KNOWN:
        request.applymarker(pytest.mark.xfail(reason=KNOWN[path.stem], strict=True))
    assert case_faults(json.loads(path.read_text(encoding="utf-8"))) == []
