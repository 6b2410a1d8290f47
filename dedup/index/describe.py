"""Admissions → verdicts."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from dedup.flags import flag_names
from dedup.index.admission import Admission
from dedup.index.case import Case
from dedup.index.verdicts import Verdict, Word, word_for
from dedup.pipeline.verdicts import Verdicts, strengths
from dedup.records import Link, Relation
from dedup.schema import RELATIONS

_LINKED = tuple(RELATIONS.index(name) for name in ("partial", "revised", "digest", "template", "related"))
_LINKS_LIMIT = 5
_TEN_THOUSANDTHS = 10_000
_EXACT = {"relation": "exact", "jaccard": 1.0, "containment": 1.0, "ratio": 1.0, "reason": "same key"}


class Describer:
    """Put the outcome of one case into words."""

    def __init__(self, case: Case, admission: Admission, verifier: str) -> None:
        self._case = case
        self._admission = admission
        self._corpus = admission.corpus
        self._verifier = verifier
        self._links = self._all_links()
        # Asked for one at a time, columns and arrays cost more than all else that is said of a newcomer.
        self._tokens = case.prepared.column("id").to_pylist()
        self._digests = case.prepared.column("digest").to_pylist()
        self._flags: list[int] = admission.flags[: case.n].tolist()
        self._node_of: list[int] = admission.nodes.node_of.tolist()
        self._first: list[int] = admission.nodes.first.tolist()
        self._keeper: list[int] = admission.keeper.tolist()

    def id_of(self, document: int) -> Any:
        """Return the id of a document with its JSON type."""
        if document >= self._case.n:
            return msgspec.json.decode(self._case.heads[document - self._case.n].id)
        return msgspec.json.decode(self._tokens[document])

    def keeper_of(self, document: int) -> int:
        """Return the document that stands for a newcomer or for a stored record that was superseded."""
        return self._first[self._keeper[self._node_of[document]]]

    def newcomer(self, row: int) -> Verdict:
        """Return the verdict on a newcomer."""
        keeper = self.keeper_of(row)
        if keeper != row:
            return self.dropped(row, keeper)
        node = self._node_of[row]
        links = tuple(self._link(node, verdict) for verdict in self._links.get(node, ()))
        word: Word = "new"
        evidence: dict[str, Any] = {}
        if node in self._admission.supersedes:
            old, replaced = self._admission.supersedes[node]
            row_of = self._row_between(node, old)
            evidence = _scores(self._admission.verdicts, row_of) if row_of >= 0 else {}
            evidence |= {
                "supersedes": self.id_of(int(self._admission.nodes.first[old])),
                "replaced": replaced,
            }
        elif links:
            word = word_for(links[0].relation)
            evidence = _scores(self._admission.verdicts, self._links[node][0]) | {"of": links[0].id}
        return self._verdict(row, word, links=links, **evidence)

    def dropped(self, document: int, keeper: int) -> Verdict:
        """Return the verdict on a document that has a keeper among newcomers or stored documents."""
        admission = self._admission
        node = self._node_of[document]
        if self._keeper[node] == node:
            evidence: dict[str, Any] = dict(_EXACT)
        else:
            evidence = _scores(admission.verdicts, int(admission.witness[node]))
        return self._verdict(document, "duplicate", kept=False, of=self.id_of(keeper), **evidence)

    def moved(self, document: int) -> tuple[Verdict, int]:
        """Return the verdict on a stored member that was taken over, and the document that took it."""
        node, row = self._admission.moved[document]
        keeper = int(self._admission.nodes.first[node])
        evidence = _scores(self._admission.member_verdicts, row)
        return self._verdict(document, "duplicate", kept=False, of=self.id_of(keeper), **evidence), keeper

    def estimated(self, row: int) -> Verdict:
        """Return what sketches alone tell of a newcomer, for an index without texts."""
        found = [(scores, at) for (r, at), scores in self._case.estimates.items() if r == row]
        digest = self._corpus.value("key_digest", row)
        for _, at in found:
            head = self._case.heads[at]
            if head.key_digest == digest:
                return self._verdict(row, "duplicate", kept=False, of=msgspec.json.decode(head.id), **_EXACT)
        if not found:
            return self._verdict(row, "new")
        (jaccard, containment), at = max(found, key=lambda item: (item[0], -item[1]))
        of = msgspec.json.decode(self._case.heads[at].id)
        return self._verdict(
            row,
            "candidate",
            of=of,
            jaccard=jaccard,
            containment=containment,
            reason="estimated from sketches",
        )

    def _verdict(self, document: int, word: Word, **evidence: Any) -> Verdict:
        if document < self._case.n:
            digest, flags = self._digests[document], self._flags[document]
        else:
            head = self._case.heads[document - self._case.n]
            digest, flags = head.digest, head.flags
        return Verdict(
            self.id_of(document),
            digest.hex(),
            word,
            flags=flag_names(flags),
            verifier=self._verifier,
            **evidence,
        )

    def _row_between(self, node: int, other: int) -> int:
        v = self._admission.verdicts
        rows = np.flatnonzero(((v.a == node) & (v.b == other)) | ((v.a == other) & (v.b == node)))
        return int(rows[0]) if len(rows) else -1

    def _link(self, node: int, verdict: int) -> Link:
        v = self._admission.verdicts
        other = int(v.b[verdict] if v.a[verdict] == node else v.a[verdict])
        scores = _scores(v, verdict)
        document = int(self._admission.nodes.first[other])
        return Link(self.id_of(document), scores["relation"], scores["jaccard"], scores["containment"])

    def _all_links(self) -> dict[int, list[int]]:
        """Return each node's strongest verdicts that merged nothing; ties by the order of judging."""
        v, keeper = self._admission.verdicts, self._admission.keeper
        rows = np.flatnonzero(np.isin(v.relation, _LINKED) & (keeper[v.a] != keeper[v.b]))
        links: dict[int, list[int]] = {}
        for row in rows[np.argsort(~strengths(v)[rows], kind="stable")].tolist():
            for node in (int(v.a[row]), int(v.b[row])):
                listed = links.setdefault(node, [])
                if len(listed) < _LINKS_LIMIT:
                    listed.append(row)
        return links


def _scores(verdicts: Verdicts, row: int) -> dict[str, Any]:
    relation: Relation = RELATIONS[verdicts.relation[row]]  # type: ignore[assignment]
    found: dict[str, Any] = {
        "relation": relation,
        "jaccard": int(verdicts.jaccard[row]) / _TEN_THOUSANDTHS,
        "containment": int(verdicts.containment[row]) / _TEN_THOUSANDTHS,
        "reason": verdicts.reason[row].as_py(),
    }
    if verdicts.ratio[row] >= 0:
        found["ratio"] = int(verdicts.ratio[row]) / _TEN_THOUSANDTHS
    return found
