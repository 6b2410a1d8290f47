"""What an index writes: newcomers, members judged anew, records that go."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.canonical import id_order
from dedup.flags import flag_names
from dedup.index.admission import Admission, Admitter
from dedup.index.case import Case, Engine
from dedup.index.describe import Describer
from dedup.index.intake import Chosen
from dedup.index.keys import id_keys
from dedup.index.packing import Text, distinct, pack_sketches, to_prepared
from dedup.index.verdicts import Verdict, decode, encode
from dedup.stores import Document, Head, Postings, Store

_U32 = np.uint64(32)
# A removed keeper's members are judged anew so many at a time, the fullest first.
_MEMBERS_AT_ONCE = 1_000


def now_us() -> int:
    """Return the time in microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000


def stored_verdict(head: Head) -> Verdict:
    """Return the present verdict on a stored document."""
    row = msgspec.json.decode(head.verdict or "{}")
    row |= {"id": msgspec.json.decode(head.id), "record": head.digest.hex()}
    return decode(msgspec.json.encode(row))


def _encoded(verdict: Verdict) -> str:
    if verdict.verdict == "new" and verdict.supersedes is None and not verdict.links:
        return _encoded_new(verdict.flags, verdict.verifier)
    return _encoded_whole(verdict)


@lru_cache(maxsize=256)
def _encoded_new(flags: tuple[str, ...], verifier: str) -> str:
    """Return the stored form of the plainest verdict, which most newcomers get."""
    return _encoded_whole(Verdict(None, "", flags=flags, verifier=verifier))


def _encoded_whole(verdict: Verdict) -> str:
    row = verdict.to_dict()
    del row["id"], row["record"]
    return msgspec.json.encode(row).decode()


class Changes:
    """Carry out what was decided, inside one transaction of the store."""

    def __init__(self, store: Store, postings: Postings, engine: Engine, verifier: str) -> None:
        self._store = store
        self._postings = postings
        self._engine = engine
        self._verifier = verifier

    def admit(self, case: Case) -> tuple[Admission, Describer]:
        """Decide about the newcomers of a case that was looked up and judged."""

        def load(heads: Sequence[Head]) -> dict[int, int]:
            return case.load_members(self._store, heads)

        admission = Admitter(case, self._store.members, load).run()
        return admission, Describer(case, admission, self._verifier)

    def verdicts(self, case: Case) -> list[Verdict]:
        """Return the verdicts on newcomers without storing anything."""
        _, describer = self.admit(case)
        say = describer.newcomer if self._engine.with_texts else describer.estimated
        return [say(row) for row in range(case.n)]

    def unlike_all(self, case: Case) -> Verdict:
        """Return the verdict on a single newcomer that nothing stored resembles, the quick way."""
        row = case.prepared
        digest, flags = row.column("digest")[0].as_py(), row.column("flags")[0].as_py()
        identifier = msgspec.json.decode(row.column("id")[0].as_py())
        return Verdict(identifier, digest.hex(), flags=flag_names(flags), verifier=self._verifier)

    def pack(self, chosen: Chosen) -> list[bytes | None]:
        """Return the texts of newcomers as they are stored."""
        if not self._engine.with_texts:
            return [None] * chosen.prepared.num_rows
        names = ("title", "url", "key", "classes", "title_key")
        columns = (chosen.prepared.column(name).to_pylist() for name in names)
        pack = self._engine.packer.pack
        return [pack(Text(*row)) for row in zip(chosen.readable.to_pylist(), *columns, strict=True)]

    def add(self, case: Case, chosen: Chosen, packed: Sequence[bytes | None]) -> list[Verdict]:
        """Store the newcomers of a case, with their texts packed."""
        admission, describer = self.admit(case)
        say = describer.newcomer if self._engine.with_texts else describer.estimated
        verdicts = [say(row) for row in range(case.n)]
        first = self._store.raise_counter("ordinals", case.n)
        ordinals = list(range(first, first + case.n))
        keepers = self._keepers(case, describer, verdicts, ordinals)
        flags = admission.flags[: case.n].tolist()
        encoded = [_encoded(verdict) for verdict in verdicts]
        self._store.add_documents(
            self._documents(case, flags, encoded, ordinals, keepers, packed, chosen.added)
        )
        kept = np.array(
            [keeper == ordinal for keeper, ordinal in zip(keepers, ordinals, strict=True)], np.bool_
        )
        tokens = case.prepared.column("id").to_pylist()
        self._post(case, ordinals, kept, tokens)
        self._give_way(case, admission, describer, ordinals)
        return verdicts

    def load(self, prepared: pa.RecordBatch, readable: pa.Array) -> None:
        """Store records as kept ones without judging them; those without an id get one from their content."""
        prepared = _with_ids(prepared)
        case = Case(self._engine, prepared)
        first = self._store.raise_counter("ordinals", case.n)
        ordinals = list(range(first, first + case.n))
        tokens = prepared.column("id").to_pylist()
        digests = prepared.column("digest").to_pylist()
        flags = prepared.column("flags").to_pylist()
        verdicts = [
            _encoded(Verdict(token, digest.hex(), flags=flag_names(bits), verifier=self._verifier))
            for token, digest, bits in zip(tokens, digests, flags, strict=True)
        ]
        packed = self.pack(Chosen(prepared, readable, None))
        self._store.add_documents(self._documents(case, flags, verdicts, ordinals, ordinals, packed, None))
        self._post(case, ordinals, np.ones(case.n, np.bool_), tokens)

    def _keepers(
        self, case: Case, describer: Describer, verdicts: Sequence[Verdict], ordinals: Sequence[int]
    ) -> list[int]:
        if self._engine.with_texts:
            documents = [describer.keeper_of(row) for row in range(case.n)]
            return [ordinals[d] if d < case.n else case.heads[d - case.n].ordinal for d in documents]
        by_id = {head.id: head.ordinal for head in case.heads}
        encode_id = msgspec.json.encode
        return [
            ordinal if verdict.kept else by_id[encode_id(verdict.of).decode()]
            for verdict, ordinal in zip(verdicts, ordinals, strict=True)
        ]

    def _documents(
        self,
        case: Case,
        flags: Sequence[int],
        verdicts: Sequence[str],
        ordinals: Sequence[int],
        keepers: Sequence[int],
        packed: Sequence[bytes | None],
        added: Sequence[int] | None,
    ) -> list[Document]:
        names = ("id", "digest", "key_digest", "identity", "n_tokens", "date", "source")
        columns = zip(*(case.prepared.column(name).to_pylist() for name in names), strict=True)
        sketches = pack_sketches(case.signatures, case.prints, case.offsets)
        added = added or [now_us()] * case.n
        return [
            Document(
                Head(
                    ordinals[row], token, digest, key_digest, identity, keepers[row], n_tokens, flags[row],
                    date, source, added[row], verdicts[row],
                ),
                packed[row],
                sketches[row],
            )
            for row, (token, digest, key_digest, identity, n_tokens, date, source) in enumerate(columns)
        ]  # fmt: skip

    def _post(
        self, case: Case, ordinals: Sequence[int], kept: NDArray[np.bool_], tokens: Sequence[str]
    ) -> None:
        """Write the postings: content keys of kept documents, and an id key for each of `tokens`."""
        keys, rows, _ = case.keys
        chosen = kept[rows]
        numbers = np.array(ordinals, np.uint64)
        entries = [(keys[chosen].astype(np.uint64) << _U32) | numbers[rows[chosen]]]
        if tokens:
            entries.append((id_keys(tokens).astype(np.uint64) << _U32) | numbers)
        self._postings.add(distinct(np.concatenate(entries)))

    def _give_way(
        self, case: Case, admission: Admission, describer: Describer, ordinals: Sequence[int]
    ) -> None:
        """Update stored documents that a newcomer superseded, and their members."""
        for old, replaced in admission.supersedes.values():
            if replaced:
                document = int(admission.nodes.first[old])
                keeper = describer.keeper_of(document)
                verdict = describer.dropped(document, keeper)
                self._store.decide(case.heads[document - case.n].ordinal, ordinals[keeper], _encoded(verdict))
        for document in admission.moved:
            verdict, keeper = describer.moved(document)
            self._store.decide(case.heads[document - case.n].ordinal, ordinals[keeper], _encoded(verdict))

    def forget(self, ordinals: Collection[int]) -> None:
        """Delete documents and judge anew the members of those that stood for others.

        Members are visited as newcomers are, the fullest first, and compared
        with all that is left and with each other.
        """
        gone = sorted(ordinals)
        kept = [head.ordinal for head in self._store.heads(gone).values() if head.kept]
        members = [head for head in self._store.members(kept) if head.ordinal not in set(gone)]
        self._store.delete_documents(gone)
        members.sort(key=lambda head: (-head.n_tokens, id_order(msgspec.json.decode(head.id)), head.identity))
        waiting = {head.ordinal for head in members} | set(gone)
        if not self._engine.with_texts:
            self._promote(members)
            return
        for at in range(0, len(members), _MEMBERS_AT_ONCE):
            self._judge_anew(members[at : at + _MEMBERS_AT_ONCE], waiting)
            waiting -= {head.ordinal for head in members[at : at + _MEMBERS_AT_ONCE]}

    def _judge_anew(self, members: Sequence[Head], waiting: Collection[int]) -> None:
        ordinals = [head.ordinal for head in members]
        unpack = self._engine.packer.unpack
        where = self._store.shown
        texts = {
            o: unpack(content, f"{where}, document {o}")
            for o, content in self._store.contents(ordinals).items()
        }
        prepared = to_prepared(
            members, texts, self._store.sketches(ordinals), self._engine.config.sketch.num_perm
        )
        self._postings.refresh()
        case = Case(self._engine, prepared, ignore=waiting)
        case.look_up(self._store, self._postings)
        case.judge()
        admission, describer = self.admit(case)
        kept = np.zeros(case.n, np.bool_)
        for row, ordinal in enumerate(ordinals):
            document = describer.keeper_of(row)
            keeper = ordinals[document] if document < case.n else case.heads[document - case.n].ordinal
            kept[row] = keeper == ordinal
            self._store.decide(ordinal, keeper, _encoded(describer.newcomer(row)))
        self._post(case, ordinals, kept, [])
        self._give_way(case, admission, describer, ordinals)

    def _promote(self, members: Sequence[Head]) -> None:
        """Without texts members are exact copies: the first of each key is kept for the others."""
        first: dict[bytes, Head] = {}
        for head in members:
            keeper = first.setdefault(head.key_digest, head)
            verdict = stored_verdict(head)
            if keeper is head:
                verdict = Verdict(verdict.id, verdict.record, flags=verdict.flags, verifier=self._verifier)
            else:
                verdict = replace(verdict, of=msgspec.json.decode(keeper.id))
            self._store.decide(head.ordinal, keeper.ordinal, _encoded(verdict))
        if first:
            self._post_stored([head for head in first.values()])

    def _post_stored(self, heads: Sequence[Head]) -> None:
        """Write content postings of stored documents that became kept."""
        num_perm = self._engine.config.sketch.num_perm
        nothing = Text("", None, None, b"", b"", b"")
        ordinals = [head.ordinal for head in heads]
        texts = dict.fromkeys(ordinals, nothing)
        case = Case(self._engine, to_prepared(heads, texts, self._store.sketches(ordinals), num_perm))
        self._post(case, ordinals, np.ones(case.n, np.bool_), [])


def encoded_verdicts(verdicts: Sequence[Verdict]) -> list[bytes]:
    """Return verdicts as lines of JSON."""
    return [encode(verdict) for verdict in verdicts]


def _with_ids(prepared: pa.RecordBatch) -> pa.RecordBatch:
    column = prepared.column("id")
    if not column.null_count:
        return prepared
    digests = prepared.column("digest").to_pylist()
    tokens = [
        token if token is not None else f'"sha:{digest.hex()}"'
        for token, digest in zip(column.to_pylist(), digests, strict=True)
    ]
    at = prepared.schema.get_field_index("id")
    return prepared.set_column(at, prepared.schema.field(at), pa.array(tokens, pa.large_string()))
