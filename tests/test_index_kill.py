"""Killed at random moments, refused by the disk at every call: nothing acknowledged is lost, nothing torn."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import make_records
from index_support import state

from dedup import Index

RECORDS = make_records(60, seed=3)
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
static long calls;
/* Fail the k-th call that touches the index or its folder, and no other. */
static int due(void) {
    const char *k = getenv("FAIL_AT");
    if (++calls != (k ? atol(k) : 0)) return 0;
    dprintf(2, "refused\n");
    errno = EIO;
    return 1;
}
static int fails(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    if (!strstr(path, "victim") || strstr(path, ".lock")) return 0;
    return due();
}
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
ssize_t write(int fd, const void *b, size_t n) { return fails(fd) ? -1 : REAL(write)(fd, b, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) {
    return fails(fd) ? -1 : REAL(pwrite)(fd, b, n, o);
}
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) {
    return fails(fd) ? -1 : REAL(pwrite64)(fd, b, n, o);
}
int fsync(int fd) { return fails(fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(fd) ? -1 : REAL(fdatasync)(fd); }
int rename(const char *a, const char *b) {
    static long renames;
    const char *k = getenv("FAIL_RENAME");
    if (!strstr(b, "victim")) return REAL(rename)(a, b);
    if (due()) return -1;
    if (++renames == (k ? atol(k) : 0)) { errno = EIO; return -1; }
    return REAL(rename)(a, b);
}
"""
LOADER = """
import json, sys
from dedup import DedupError, Index
from dedup.index.rebuilding import rebuild
records = json.loads(sys.stdin.read())
try:
    with Index.open(sys.argv[1], mode="w") as index:
        for at in range(0, len(records), 10):
            index.add_many(records[at : at + 10])
            print(at + 10, flush=True)
        index.compact()
    print(rebuild(sys.argv[1]), "rebuilt", len(records), flush=True)
except DedupError as error:
    sys.exit(error.exit_code)
"""


def verdicts(path):
    with Index.open(str(path)) as index:
        return {record["id"]: record["verdict"] for record in index.export()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "whole.db"
    with Index.open(str(path), mode="w") as index:
        for record in RECORDS:
            index.add(record)
        return state(index), verdicts(path)


def load_and_die(path, after_s):
    """Load in a process of its own, kill it, and return how many records it had acknowledged."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with Index.open(str(path), mode="w") as index:
                for record in RECORDS:
                    index.add(record)
                    os.write(writer, b".")
        finally:
            os._exit(0)
    os.close(writer)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as acknowledged:
        return len(acknowledged.read())


def kill_often(tmp_path, undisturbed, times):
    moments = random.Random(times)
    kills_that_hit = 0
    for number in range(times):
        path = tmp_path / f"{number}.db"
        acknowledged = load_and_die(path, moments.uniform(0.02, 0.6))
        kills_that_hit += 0 < acknowledged < len(RECORDS)
        if not path.exists():
            continue
        with Index.open(str(path), mode="w") as index:
            there = {record["id"] for record in index.export()}
            assert there >= {record["id"] for record in RECORDS[:acknowledged]}
            assert index.verify() == []
            for record in RECORDS:
                index.add(record)
            assert state(index) == undisturbed[0]
        assert verdicts(path) == undisturbed[1]
    return kills_that_hit


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_killed_load_loses_nothing_acknowledged_and_replays_alike(tmp_path, undisturbed):
    assert kill_often(tmp_path, undisturbed, 8) > 0


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_hundred_kills_lose_nothing(tmp_path, undisturbed):
    assert kill_often(tmp_path, undisturbed, 100) > 50


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """Compile a library that lets one call of the load fail."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler on Linux")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", folder / "shim.so", folder / "shim.c", "-ldl"], check=True
    )
    return folder / "shim.so"


def load_with_a_failing_call(path, shim, call, kind="FAIL_AT"):
    environment = os.environ | {"LD_PRELOAD": str(shim), kind: str(call)}
    ran = subprocess.run(
        [sys.executable, "-c", LOADER, str(path)],
        input=json.dumps(RECORDS[:30]).encode(),
        capture_output=True,
        env=environment,
        check=False,
        timeout=120,
    )
    acknowledged = int(ran.stdout.split()[-1]) if ran.stdout.split() else 0
    return ran.returncode, acknowledged, ran.stderr.decode()


def fail_at_calls(tmp_path, shim, calls):
    refused = 0
    for call in calls:
        path = Path(tmp_path) / f"victim-{call}" / "victim.db"
        path.parent.mkdir()
        code, acknowledged, said = load_with_a_failing_call(path, shim, call)
        assert code in (0, 4, 5), said
        refused += "refused" in said
        if code == 0:
            # No call was refused, or one that SQLite could do without.
            assert acknowledged == 30
        if not path.exists() or not path.stat().st_size:
            continue
        with Index.open(str(path), mode="w") as index:
            there = {record["id"] for record in index.export()}
            assert there >= {record["id"] for record in RECORDS[:acknowledged]}
            assert index.verify() == []
    return refused


def test_a_disk_that_fails_at_some_call_tears_nothing(tmp_path, shim):
    assert fail_at_calls(tmp_path, shim, (1, 5, 9, 17, 33, 60)) == 6


def test_a_rename_that_fails_leaves_the_old_index_in_its_place(tmp_path, shim):
    path = tmp_path / "victim" / "victim.db"
    path.parent.mkdir()
    code, acknowledged, said = load_with_a_failing_call(path, shim, 1, "FAIL_RENAME")
    assert (code, acknowledged) == (4, 30), said
    with Index.open(str(path), mode="w") as index:
        assert {record["id"] for record in index.export()} == {record["id"] for record in RECORDS[:30]}
        assert index.verify() == []
    assert not path.with_name("victim.db.rebuild").exists()


@pytest.mark.long
def test_a_disk_that_fails_at_any_call_tears_nothing(tmp_path, shim):
    calls = 1
    while fail_at_calls(tmp_path, shim, [calls]):
        calls += 1
    assert calls > 100
