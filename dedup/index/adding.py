"""Adding: look up without a lock, check again and commit under the writers' lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from dedup.errors import UsageError
from dedup.index.case import Case, Engine
from dedup.index.changes import Changes, encoded_verdicts, now_us, stored_verdict
from dedup.index.intake import Intake, SortedOut
from dedup.index.keys import id_keys
from dedup.index.verdicts import Verdict, decode, repeated
from dedup.stores import Head, Postings, Store

OnConflict = Literal["error", "update"]

_IDS_AT_ONCE = 64


class Adder:
    """Take batches into an index."""

    def __init__(self, store: Store, postings: Postings, engine: Engine, changes: Changes) -> None:
        self._store = store
        self._postings = postings
        self._engine = engine
        self._changes = changes

    def add(self, intake: Intake, batch: str | None, content: str, on_conflict: OnConflict) -> list[Verdict]:
        """Judge and store a batch in one transaction; see `Index.add_many`."""
        with self._store.reading():
            if (earlier := self._earlier(batch, content)) is not None:
                return earlier
            self._postings.refresh()
            sorted_at, sorted_out = self._store.counter("commits"), self._sort_out(intake, on_conflict)
        # The long part, without any lock: clean, sketch, look up, compare.
        chosen = intake.take(sorted_out.fresh, self._engine.config, self._engine.crew)
        case = Case(self._engine, chosen.prepared, ignore=sorted_out.outdated)
        with self._store.reading():
            # Anew: another worker may have merged segments, and removed their pages.
            self._postings.refresh()
            looked_at, mark = self._store.counter("commits"), self._postings.watermark
            case.look_up(self._store, self._postings)
        case.judge()
        packed = self._changes.pack(chosen)
        # What others committed in that time is compared without the lock too, but for the last moment's.
        with self._store.reading():
            if (later := self._store.counter("commits")) != looked_at:
                self._postings.refresh()
                case.refresh(self._store, self._postings, since=mark)
                looked_at, mark = later, self._postings.watermark
        case.judge()
        with self._store.writing():
            self._postings.refresh()
            commits = self._store.counter("commits")
            if commits != sorted_at:
                if (earlier := self._earlier(batch, content)) is not None:
                    return earlier
                again = self._sort_out(intake, on_conflict)
                if again != sorted_out:
                    sorted_out, looked_at, mark = again, -1, 0
                    chosen = intake.take(sorted_out.fresh, self._engine.config, self._engine.crew)
                    case = Case(self._engine, chosen.prepared, ignore=sorted_out.outdated)
                    packed = self._changes.pack(chosen)
            if sorted_out.outdated:
                self._changes.forget(sorted_out.outdated)
                self._postings.refresh()
            if commits != looked_at or sorted_out.outdated:
                case.refresh(self._store, self._postings, since=mark)
                case.judge()
            answers = dict(zip(sorted_out.fresh, self._changes.add(case, chosen, packed), strict=True))
            verdicts = _completed(intake, sorted_out, answers)
            if batch is not None:
                given = self._engine.packer.pack_verdicts(encoded_verdicts(verdicts))
                self._store.add_ledger(batch, content, now_us(), given)
            self._store.raise_counter("commits")
        self._postings.merge()
        return verdicts

    def _sort_out(self, intake: Intake, on_conflict: OnConflict) -> SortedOut:
        """Tell what is there already from what is new; see `add_many` for an id with another text."""
        tokens = intake.tokens
        found = self.find(tokens)
        result = SortedOut()
        last: dict[str, int] = {}
        for row, (token, digest) in enumerate(zip(tokens, intake.digests, strict=True)):
            head = found.get(token)
            known = (
                intake.digests[last[token]] if token in last else head.digest if head is not None else None
            )
            if known is not None and known != digest and on_conflict == "error":
                raise UsageError(
                    f"id {token} is there with another text",
                    where=self._store.shown,
                    remedy='update it with on_conflict="update" (--on-conflict update)',
                )
            if token in last:
                if known != digest:
                    last[token] = row
            elif head is not None and head.digest == digest:
                result.known[row] = stored_verdict(head)
            else:
                last[token] = row
                if head is not None:
                    result.outdated.append(head.ordinal)
        result.fresh = sorted(last.values())
        return result

    def find(self, tokens: Sequence[str]) -> dict[str, Head]:
        """Return the heads of documents by the JSON tokens of their ids."""
        if not tokens:
            return {}
        _, ordinals = self._postings.find(np.unique(id_keys(tokens)), limit=_IDS_AT_ONCE)
        wanted = set(tokens)
        heads = self._store.heads(np.unique(ordinals).tolist())
        return {head.id: head for head in heads.values() if head.id in wanted}

    def _earlier(self, batch: str | None, content: str) -> list[Verdict] | None:
        """Return the verdicts that a batch got when it was first added."""
        found = self._store.ledger(batch) if batch is not None else None
        if found is None:
            return None
        if found[0] != content:
            raise UsageError(
                f"batch {batch!r} was added with other content",
                where=self._store.shown,
                remedy="give it an id of its own",
            )
        return [decode(line) for line in self._engine.packer.unpack_verdicts(found[1])]


def _completed(intake: Intake, sorted_out: SortedOut, answers: dict[int, Verdict]) -> list[Verdict]:
    """Return one verdict per record; those known before, and further occurrences of an id, are marked."""
    by_token = {intake.tokens[row]: verdict for row, verdict in (sorted_out.known | answers).items()}
    return [
        answers[row] if row in answers else repeated(by_token[token])
        for row, token in enumerate(intake.tokens)
    ]
