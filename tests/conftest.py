"""What the tests of the command line share: invented articles, and the command in this or its own process."""

import contextlib
import hashlib
import io
import json
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from dedup import cli as command_line

STORM = (
    "The harbour at Port Ellery was closed on Monday after a crane fell across two berths, the port "
    "authority said. Nobody was hurt. Engineers from Dunmore will examine the 40-metre jib on Tuesday, "
    "and the ferry to Saint Brannock will leave from the northern quay until Friday, spokeswoman Ida "
    "Kellin said. Freight was diverted to Marlow."
)
SCHOOL = (
    "Schools in Vasterholm will open an hour later this winter because of the darkness, the council "
    "decided by 31 votes to 12. Parents had gathered 4,200 signatures. Teachers welcomed the move, while "
    "the bus company Lindqvist warned that 18 routes must be planned anew before December."
)
_NOUNS = [
    "bridge", "council", "ferry", "harvest", "library", "museum", "orchard", "parade", "quarry", "railway",
    "school", "theatre", "tunnel", "valley", "warehouse", "bakery", "choir", "dairy", "estate", "forge",
    "garden", "hospital", "island", "jetty", "kiln", "lantern", "market", "nursery", "oven", "pump",
]  # fmt: skip
_VERBS = [
    "opened", "closed", "moved", "grew", "failed", "returned", "won", "lost", "doubled", "paused",
    "repaired", "planned", "sold", "bought",
]  # fmt: skip
_NAMES = [
    "Abel", "Brisa", "Corvin", "Delia", "Edda", "Fenn", "Gorin", "Hesta", "Ivo", "Jorun", "Kasia", "Lorne",
    "Mirel", "Nadia", "Orsk", "Petra", "Quill",
]  # fmt: skip
_TOWNS = [
    "Aldermoor", "Brackley", "Carrow", "Dunmere", "Elverton", "Fosswick", "Garrand", "Holmby", "Inverlay",
    "Jasmund", "Kelloe",
]  # fmt: skip


def make_article(number, *, sentences=9):
    """Return one invented text; another number gives other words and facts."""
    words = random.Random(number)
    return " ".join(
        f"{words.choice(_NAMES)} {words.choice(_NAMES)} of {words.choice(_TOWNS)} {words.choice(_VERBS)} the "
        f"{words.choice(_NOUNS)} near the {words.choice(_NOUNS)} with {words.randint(2, 9999)} "
        f"{words.choice(_NOUNS)}s while the {words.choice(_NOUNS)} {words.choice(_VERBS)} in "
        f"{words.choice(_TOWNS)}."
        for _ in range(sentences)
    )


def make_records(count, *, seed=0):
    """Return records of which about a third are copies: the same, in capitals, cut, or with a line added."""
    words = random.Random(f"records {seed}")
    records = []
    for number in range(count):
        text = make_article(f"{seed} {number}")
        if records and words.random() < 0.35:
            text = words.choice(records)["text"]
            change = words.randrange(4)
            if change == 1:
                text = text.upper()
            elif change == 2:
                text = text[: max(200, int(len(text) * 0.7))]
            elif change == 3:
                text += f" {words.choice(_NAMES)} took the pictures."
        records.append(
            {"id": number, "title": f"Report {number}", "source": words.choice(_TOWNS), "text": text}
        )
    return records


def lines_of(*records):
    """Return records as JSON Lines; bytes stand for themselves."""
    return b"".join(r + b"\n" if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in records)


def write_lines(path, *records):
    """Write JSON Lines and return the path."""
    Path(path).write_bytes(lines_of(*records))
    return Path(path)


def read_rows(path):
    """Return the rows of a JSON Lines file."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def sha256(path):
    """Return the digest of a file in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def process(*arguments, **options):
    """Run the real command to its end."""
    words = [sys.executable, "-m", "dedup", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, check=False, timeout=300, **options)


def start(*arguments, **options):
    """Start the real command."""
    words = [sys.executable, "-m", "dedup", *map(str, arguments)]
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
    return subprocess.Popen(words, **options)


def wait_until(condition, *, seconds=60.0):
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.005)


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code and what it said."""

    code: int
    out: bytes
    err: str

    @property
    def errors(self):
        return [line for line in self.err.splitlines() if line.startswith("dedup: error")]


class _Stream(io.TextIOWrapper):
    def fileno(self):
        raise io.UnsupportedOperation


def invoke(*arguments):
    """Run the command line in this process: a second less than a process of its own."""
    out, err = _Stream(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command_line._run([str(argument) for argument in arguments])
        out.flush()
    return Ran(code, out.buffer.getvalue(), err.getvalue())


def refused(ran, code, kind, what):
    """Hold a failure to its form: its exit code and one line with the kind, what happened and a remedy."""
    assert ran.code == code, ran.err
    (line,) = ran.errors
    assert line.startswith(f"dedup: error[{kind}]: "), line
    assert what in line, line
    assert "; " in line, line
    assert "Traceback" not in ran.err
    assert ran.out == b""


class Job:
    """`dedup run` in a folder of its own, with all outputs named."""

    def __init__(self, folder):
        self.folder = folder
        self.kept, self.decisions = folder / "kept.jsonl", folder / "decisions.jsonl"
        self.rejects, self.manifest = folder / "rejects.jsonl", folder / "manifest.json"

    def run(self, *arguments, kept=None, rejects=True):
        words = ["run", *arguments, "--workers", "1", "-o", kept or self.kept]
        words += ["--decisions", self.decisions, "--manifest", self.manifest]
        return invoke(*words, *(["--rejects", self.rejects] if rejects else []))

    def done(self, *arguments, **options):
        """Run, hold the outcome to the accounts, and return the decisions."""
        ran = self.run(*arguments, **options)
        assert ran.code == 0, ran.err
        rows, counts = read_rows(self.decisions), self.counts
        assert counts["in"] == counts["kept"] + counts["dropped"] + counts["rejected"] == len(rows)
        return rows

    def records(self, *records, name="in.jsonl"):
        return write_lines(self.folder / name, *records)

    @property
    def counts(self):
        return json.loads(self.manifest.read_text())["records"]

    @property
    def digest(self):
        return json.loads(self.manifest.read_text())["decisions_digest"]

    @property
    def outputs(self):
        return [self.kept, self.decisions, self.rejects, self.manifest]


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A folder that is also the current one."""
    monkeypatch.chdir(tmp_path)
    return Job(tmp_path)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A file of a few hundred records, a third of them copies."""
    return write_lines(tmp_path_factory.mktemp("corpus") / "corpus.jsonl", *make_records(400))


# At the end, since it uses what stands above.
from index_support import index_url, postgres, postgres_server  # noqa: E402, F401
