"""A random life of an index, held to a plain model: sets of shingles, exact Jaccard, nothing else."""

import shutil
import tempfile
from pathlib import Path

import pytest
from conftest import make_article
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from index_support import fresh_schema, state

from dedup import Index

BASES, VARIANTS = 2, 3
DAYS = ("2026-01-10", "2026-02-10", "2026-03-10")


class Killed(BaseException):
    """What the process would not survive."""


def text_of(base, variant):
    text = make_article(f"machine {base}", sentences=6)
    if variant == 1:
        return text.upper()
    return text.replace(" near the ", " quite near the ", 1) if variant == 2 else text


def shingles(text):
    words = text.lower().replace(".", "").split()
    return {tuple(words[at : at + 3]) for at in range(len(words) - 2)}


def jaccard(one, other):
    return len(one & other) / len(one | other)


class Life(RuleBasedStateMachine):
    """Texts of one base resemble each other (J > .8), of two bases hardly (J < .1)."""

    def __init__(self):
        super().__init__()
        self.url = self.fresh()
        self.model = {}  # id -> (text, day)
        self.index = Index.open(self.url, mode="w")

    def teardown(self):
        self.index.close()

    @rule(base=st.integers(0, BASES - 1), variant=st.integers(0, VARIANTS - 1), day=st.sampled_from(DAYS))
    def add(self, base, variant, day):
        identifier = f"{base}.{variant}"
        known = identifier in self.model
        like = self.like(text_of(base, variant))
        verdict = self.index.add(self.record(base, variant, day))
        assert verdict.repeated == known
        if not known:
            self.model[identifier] = (text_of(base, variant), day)
            assert verdict.kept or verdict.of in like
            assert (verdict.verdict == "new" and verdict.supersedes is None) == (not like)

    @rule(base=st.integers(0, BASES - 1), variant=st.integers(0, VARIANTS - 1))
    def query(self, base, variant):
        verdict = self.index.query(self.record(base, variant, DAYS[0]) | {"id": "asked"})
        like = self.like(text_of(base, variant))
        assert (verdict.of in like) if not verdict.kept else (verdict.supersedes in like if like else True)

    @rule(base=st.integers(0, BASES - 1), variant=st.integers(0, VARIANTS - 1))
    def remove(self, base, variant):
        found = self.model.pop(f"{base}.{variant}", None)
        assert self.index.remove([f"{base}.{variant}"]) == (found is not None)

    @rule(day=st.sampled_from(DAYS))
    def expire(self, day):
        old = [i for i, (_, dated) in self.model.items() if dated < day]
        assert self.index.expire(before=day) == len(old)
        for identifier in old:
            del self.model[identifier]

    @rule()
    def reopen(self):
        self.index.close()
        self.index = Index.open(self.url, mode="w")

    @rule()
    def compact(self):
        self.index.compact()

    @precondition(lambda self: len(self.model) < BASES * VARIANTS)
    @rule(base=st.integers(0, BASES - 1), variant=st.integers(0, VARIANTS - 1))
    def kill_in_a_commit(self, base, variant):
        store = self.index.store
        count = store.raise_counter

        def killed_at_the_last_step(name, by=1):
            if name == "commits":
                self.crash()
                raise Killed
            return count(name, by)

        store.raise_counter = killed_at_the_last_step
        with pytest.raises(Killed):
            self.index.add(self.record(base, variant, DAYS[0]) | {"id": "torn"})
        self.index.close()
        self.index = Index.open(self.url, mode="w")
        assert self.index.get("torn") is None

    @invariant()
    def one_of_those_alike_stands_for_them(self):
        held = state(self.index)
        assert held.keys() == self.model.keys()
        for identifier, (text, _) in self.model.items():
            alike = self.like(text)
            assert {held[other] for other in alike} == {held[identifier]}
            assert held[identifier] in alike

    @invariant()
    def nothing_is_wrong(self):
        assert self.index.verify() == []

    def record(self, base, variant, day):
        return {"id": f"{base}.{variant}", "text": text_of(base, variant), "date": day}

    def like(self, text):
        return {i for i, (other, _) in self.model.items() if jaccard(shingles(text), shingles(other)) > 0.5}


class SqliteLife(Life):
    def fresh(self):
        self.folder = Path(tempfile.mkdtemp(prefix="dedup-life-"))
        return str(self.folder / "0.db")

    def teardown(self):
        super().teardown()
        shutil.rmtree(self.folder)

    def crash(self):
        """Go on from the files as they are on disk in this very moment, journal and all."""
        path = Path(self.url)
        # The transaction's pages are still in SQLite's cache: let it spill them, as a large one would.
        self.index.store.execute("PRAGMA cache_size = 1")
        self.index.store.execute("UPDATE meta SET value = value")
        copy = path.with_name(f"{int(path.stem) + 1}.db")
        for ending in ("", "-journal", "-wal"):
            if (file := Path(str(path) + ending)).exists():
                shutil.copy(file, str(copy) + ending)
        self.url = str(copy)


def life(machine, examples):
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=checks
        ),
    )


def postgres_life(server):
    import psycopg

    class PostgresLife(Life):
        def fresh(self):
            return fresh_schema(server)

        def crash(self):
            """End the connection on the server, as if the worker's machine had gone."""
            number = self.index.store.rows("SELECT pg_backend_pid()")[0][0]
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute("SELECT pg_terminate_backend(%s)", (number,))

    return PostgresLife


def test_a_random_life_on_sqlite_follows_the_model():
    life(SqliteLife, 15)


def test_a_random_life_on_postgres_follows_the_model(postgres_server):
    life(postgres_life(postgres_server), 8)


@pytest.mark.long
def test_many_random_lives_on_sqlite_follow_the_model():
    life(SqliteLife, 300)


@pytest.mark.long
def test_many_random_lives_on_postgres_follow_the_model(postgres_server):
    life(postgres_life(postgres_server), 100)
