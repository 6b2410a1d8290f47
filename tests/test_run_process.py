"""`dedup run` as a process: signals, kills, pipes, terminals, workers, start-up."""

import json
import os
import pty
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import STORM, make_records, process, read_rows, sha256, start, wait_until, write_lines

from dedup.pipeline.spill import TemporaryFolder, spill_file
from dedup.pipeline.workers import Crew

OLD = b"the old output\n"
HEAVY = ("numpy", "pyarrow", "numba", "rapidfuzz", "datasketch", "ftfy")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An input large enough for worker processes, and what a run makes of it."""
    folder = tmp_path_factory.mktemp("large")
    source = write_lines(folder / "in.jsonl", *make_records(3600, seed=1))
    assert source.stat().st_size > 3 << 20
    assert process("warm").returncode == 0
    begun = time.monotonic()
    ran = process("run", source, *outputs_in(folder), "--workers", "1")
    assert ran.returncode == 0, ran.stderr.decode()
    return {"source": source, "folder": folder, "elapsed_s": time.monotonic() - begun, **digests_in(folder)}


def outputs_in(folder):
    names = {"-o": "kept.jsonl", "--decisions": "decisions.jsonl", "--manifest": "manifest.json"}
    return [word for flag, name in names.items() for word in (flag, folder / name)]


def digests_in(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    return {"kept": sha256(folder / "kept.jsonl"), "digest": manifest["decisions_digest"]}


def processes_of(folder):
    """Return the ids of the processes, workers included, that were given a path in this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) + b"/" in words:
            found.append(int(path.parent.name))
    return found


def begin(large, folder, **options):
    """Start a run with a temporary folder of its own; an old output is there."""
    (folder / "kept.jsonl").write_bytes(OLD)
    arguments = ["run", large["source"], *outputs_in(folder), "--temp", folder / "temp", "--workers", "2"]
    return start(*arguments, stderr=subprocess.PIPE, **options)


def wait_until_it_spills(run, folder):
    wait_until(lambda: run.poll() is not None or list((folder / "temp").glob("*/batches-*")))


# --- signals


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_run_in_one_line_and_leaves_nothing(large, tmp_path, number, code, word):
    run = begin(large, tmp_path)
    wait_until_it_spills(run, tmp_path)
    run.send_signal(number)
    _, messages = run.communicate(timeout=120)
    assert run.returncode == code
    assert messages.decode().splitlines()[-1] == f"dedup: {word}"
    assert "Traceback" not in messages.decode()
    assert not any((tmp_path / "temp").iterdir())
    assert (tmp_path / "kept.jsonl").read_bytes() == OLD
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.jsonl", "temp"]
    assert processes_of(tmp_path) == []


def test_a_signal_to_the_whole_group_is_answered_once(large, tmp_path):
    run = begin(large, tmp_path, start_new_session=True)
    wait_until_it_spills(run, tmp_path)
    os.killpg(run.pid, signal.SIGINT)
    _, messages = run.communicate(timeout=120)
    assert run.returncode == 130
    assert messages.decode().splitlines()[1:] == ["dedup: interrupted"]


def check_kills(large, folder, moments):
    """Kill runs at these moments: the target stays old or is whole; the next run clears up and succeeds."""
    for moment in moments:
        run = begin(large, folder)
        time.sleep(moment)
        run.kill()
        run.wait()
        run.stderr.close()
        wait_until(lambda: not processes_of(folder), seconds=20)
        kept = (folder / "kept.jsonl").read_bytes()
        assert kept == OLD or sha256(folder / "kept.jsonl") == large["kept"]
        if (folder / "manifest.json").exists():
            assert digests_in(folder) == {"kept": large["kept"], "digest": large["digest"]}
            (folder / "manifest.json").unlink()
    begin(large, folder).communicate()
    assert digests_in(folder) == {"kept": large["kept"], "digest": large["digest"]}
    assert not any((folder / "temp").iterdir())
    assert {path.name for path in folder.iterdir()} == {
        "kept.jsonl",
        "decisions.jsonl",
        "manifest.json",
        "temp",
    }


def test_a_killed_run_leaves_the_target_old_or_whole(large, tmp_path):
    check_kills(large, tmp_path, [large["elapsed_s"] * share for share in (0.3, 0.6, 0.8, 0.95)])


def test_from_a_cold_cache_each_kernel_is_compiled_once_in_all(large, tmp_path):
    environment = os.environ | {"DEDUP_CACHE_DIR": str(tmp_path / "cache"), "NUMBA_DEBUG_CACHE": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    ran = process("run", large["source"], *outputs_in(tmp_path), "--workers", "2", env=environment)
    assert ran.returncode == 0
    compiled = re.findall(r"data saved to '.*/([\w.]+-\d+)\.py", ran.stdout.decode())
    assert len(compiled) > 30
    assert len(compiled) == len(set(compiled))
    assert digests_in(tmp_path)["digest"] == large["digest"]


@pytest.mark.long
def test_thirty_killed_runs_leave_the_target_old_or_whole(large, tmp_path):
    moments = random.Random(7)
    check_kills(large, tmp_path, [moments.uniform(0, 1.1) * large["elapsed_s"] for _ in range(30)])


# --- the temporary folder


def test_the_folder_of_a_dead_run_is_removed_and_that_of_a_living_one_stays(tmp_path):
    with TemporaryFolder(str(tmp_path)) as living:
        dead = Path(shutil.copytree(living.path, tmp_path / "dedup-run-dead"))
        with TemporaryFolder(str(tmp_path)) as other:
            assert sorted(tmp_path.iterdir()) == sorted([living.path, other.path])
        assert not dead.exists()


def test_a_folder_that_is_not_of_a_run_stays(tmp_path):
    for name in ("dedup-main", "dedup-run-notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
    with TemporaryFolder(str(tmp_path)):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dedup-main", "dedup-run-notes"]


def spill_one(folder, number):
    time.sleep(0.01)
    return spill_file(folder).append(pa.record_batch({"n": [number]})).file


def test_no_two_processes_spill_into_one_file(tmp_path):
    with TemporaryFolder(str(tmp_path)) as folder, Crew(2) as crew:
        own = spill_one(folder.path, 0)
        others = set(crew.map(partial(spill_one, folder.path), range(20)))
    assert len(others) == 2
    assert own not in others


def read_shared(shared, task):
    return os.getpid(), shared["lock"] is not None, shared["first"] + task


def test_new_processes_inherit_what_can_not_be_sent_to_them():
    shared = {"lock": threading.Lock(), "first": 7}
    with Crew(2) as crew:
        list(crew.map(abs, range(20)))
        answers = list(crew.map_shared(read_shared, shared, range(50)))
        few = list(crew.map_shared(read_shared, shared, range(2)))
    assert [value for _, held, value in answers if held] == list(range(7, 57))
    assert os.getpid() not in {pid for pid, *_ in answers}
    assert few == [(os.getpid(), True, 7), (os.getpid(), True, 8)]


# --- pipes and closed streams


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_ends_the_run_quietly(corpus, unbuffered):
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    run = start(
        "run", corpus, "-q", "-o", "-", stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert run.stdout.read(1) == b"{"
    run.stdout.close()
    messages = run.stderr.read()
    run.stderr.close()
    assert (run.wait(120), messages) == (141, b"")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_to_a_closed_pipe_ends_quietly(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    run = start(*arguments, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    _, messages = run.communicate(timeout=120)
    assert (run.returncode, messages) == (141, b"")


def test_nobody_reading_the_messages_stops_nothing(tmp_path, corpus):
    reader, writer = os.pipe()
    os.close(reader)
    run = start("run", corpus, "-o", tmp_path / "kept.jsonl", stderr=writer)
    os.close(writer)
    assert run.wait(120) == 0
    assert (tmp_path / "kept.jsonl").exists()


CLOSED = {
    "no standard input": ("run - -o kept.jsonl <&-", 3),
    "no standard output": ("run in.jsonl -q -o - >&-", 4),
    "a full standard output": ("run in.jsonl -q -o - >/dev/full", 4),
    "help to a full standard output": ("--help >/dev/full", 4),
    "no standard error": ("run in.jsonl -o kept.jsonl 2>&-", 0),
    "a full standard error": ("run in.jsonl -o kept.jsonl 2>/dev/full", 0),
    "all closed": ("run in.jsonl -o kept.jsonl <&- >&- 2>&-", 0),
}


@pytest.mark.parametrize("case", CLOSED)
def test_closed_and_full_standard_streams(tmp_path, case):
    words, code = CLOSED[case]
    source = write_lines(tmp_path / "in.jsonl", {"id": 1, "text": STORM})
    ran = subprocess.run(
        f"{sys.executable} -m dedup {words}",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )
    assert ran.returncode == code, ran.stderr
    assert [line.partition("]")[0] for line in ran.stderr.splitlines()] in (
        [],
        [f"dedup: error[{'data' if code == 3 else 'system'}"],
    )
    if code == 0:
        assert (tmp_path / "kept.jsonl").read_bytes() == source.read_bytes()
    else:
        assert not (tmp_path / "kept.jsonl").exists()


# --- the same answer


def test_workers_order_hash_seed_and_memory_change_nothing(large, tmp_path):
    lines = large["source"].read_bytes().splitlines(keepends=True)
    random.Random(3).shuffle(lines)
    (tmp_path / "in.jsonl").write_bytes(b"".join(lines))
    found = set()
    for workers, seed, memory in (("2", "1", "4G"), ("4", "2", "64M")):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        arguments = [
            "run",
            tmp_path / "in.jsonl",
            *outputs_in(tmp_path),
            "--workers",
            workers,
            "--memory",
            memory,
        ]
        assert process(*arguments, env=environment).returncode == 0
        found.add(digests_in(tmp_path)["digest"])
        kept = sorted((tmp_path / "kept.jsonl").read_bytes().splitlines())
        assert kept == sorted((large["folder"] / "kept.jsonl").read_bytes().splitlines())
    assert found == {large["digest"]}


@pytest.mark.long
def test_any_workers_and_any_order_change_nothing(large, tmp_path):
    lines = large["source"].read_bytes().splitlines(keepends=True)
    for seed, workers in enumerate(("1", "2", "3", "4", "8")):
        random.Random(seed).shuffle(lines)
        (tmp_path / "a.jsonl").write_bytes(b"".join(lines[: 500 * seed]))
        (tmp_path / "b.jsonl").write_bytes(b"".join(lines[500 * seed :]))
        arguments = [
            "run",
            tmp_path / "b.jsonl",
            tmp_path / "a.jsonl",
            *outputs_in(tmp_path),
            "--workers",
            workers,
        ]
        assert process(*arguments, env=os.environ | {"PYTHONHASHSEED": str(seed)}).returncode == 0
        assert digests_in(tmp_path)["digest"] == large["digest"]


def test_a_large_archive_and_a_small_input_share_no_spill_file(large, tmp_path):
    # The input is prepared in the main process, the archive in workers that are forked from it.
    source = write_lines(tmp_path / "in.jsonl", *(read_rows(large["source"])[:40]), *make_records(40, seed=9))
    found = set()
    for workers in ("1", "2"):
        arguments = ["run", source, "--against", large["source"], *outputs_in(tmp_path), "--workers", workers]
        assert process(*arguments).returncode == 0
        found.add(digests_in(tmp_path)["digest"])
    assert len(found) == 1
    assert sum(row["status"] == "dropped" for row in read_rows(tmp_path / "decisions.jsonl")) >= 40


# --- terminals


def run_on_terminal(*arguments):
    """Run the command with a terminal as its standard error; return its exit code and what it showed."""
    ours, theirs = pty.openpty()
    run = start(*arguments, stderr=theirs, env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"})
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # the other side is closed
    os.close(ours)
    return run.wait(120), shown.decode()


def test_a_terminal_shows_progress(tmp_path, corpus):
    code, shown = run_on_terminal("run", corpus, "-o", tmp_path / "kept.jsonl", "--workers", "1")
    assert code == 0
    assert "\x1b[" in shown
    assert all(stage in shown for stage in ("read", "verify", "write"))
    assert "%" in shown


def test_a_terminal_shows_nothing_when_quiet(tmp_path, corpus):
    assert run_on_terminal("run", corpus, "-q", "-o", tmp_path / "kept.jsonl") == (0, "")


def test_without_a_terminal_there_are_no_escape_codes(tmp_path, corpus):
    ran = process("run", corpus, "-o", tmp_path / "kept.jsonl", env=os.environ | {"FORCE_COLOR": ""})
    assert ran.returncode == 0
    assert b"\x1b" not in ran.stderr
    assert b"\r" not in ran.stderr
    assert ran.stdout == b""


# --- start-up


def test_help_comes_at_once():
    shares = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert process("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        shares.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(shares) < 0.3  # processor seconds: others may use the machine


@pytest.mark.parametrize("code", ["import dedup.cli", "from dedup.cli import _run; _run(['run', '--help'])"])
def test_nothing_heavy_is_loaded_before_it_is_needed(code):
    script = f"import sys, dedup\n{code}\nprint('loaded:', *sorted(set({HEAVY!r}) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert ran.stdout.splitlines()[-1].split() == ["loaded:"]


def test_the_command_and_the_module_are_the_same():
    command = Path(sys.executable).with_name("dedup")
    if not command.exists():
        pytest.skip("not installed")
    ran = subprocess.run([command, "--version"], capture_output=True, check=True)
    assert ran.stdout == process("--version").stdout
