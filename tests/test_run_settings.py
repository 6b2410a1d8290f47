"""Flags and settings files: the flags win, and nothing unknown or misshapen passes."""

import json
from pathlib import Path

import pytest
from conftest import SCHOOL, STORM, invoke, refused

RECORDS = ({"id": 1, "text": STORM}, {"id": 2, "text": f"{STORM} The end."}, {"id": 3, "text": SCHOOL})


@pytest.fixture
def settle(job):
    """Write a settings file and run by it."""

    def run(content, *flags, name="dedup.toml"):
        Path(name).write_text(content)
        return job.run(job.records(*RECORDS), *flags)

    return run


def config_of(job):
    return json.loads(job.manifest.read_text())["config"]


@pytest.mark.parametrize(
    ("name", "head"),
    [("dedup.toml", ""), ("dedup.toml", "[tool.dedup]\n"), ("pyproject.toml", "[tool.dedup]\n")],
)
def test_a_settings_file_in_the_current_folder_is_read(job, settle, name, head):
    assert settle(f'{head}drop = "exact"\nmax-days = 3\n', name=name).code == 0
    config = config_of(job)
    assert (config["cluster"]["drop"], config["verify"]["max_days"]) == (["exact"], 3)
    assert job.counts["dropped"] == 0


def test_flags_win_over_the_file(job, settle):
    assert settle('drop = "exact"\nprofile = "strict"\n', "--drop", "exact,near").code == 0
    config = config_of(job)
    assert (config["cluster"]["drop"], config["verify"]["profile"]) == (["exact", "near"], "strict")


def test_a_file_named_by_flag_is_read_instead(job, settle):
    Path("dedup.toml").write_text("nonsense = 1\n")
    assert settle("max_days = 5\n", "--config", "other.toml", name="other.toml").code == 0
    assert config_of(job)["verify"]["max_days"] == 5


def test_the_pyproject_of_another_project_changes_nothing(job, settle):
    assert settle("[project]\nname = 'other'\n", name="pyproject.toml").code == 0
    assert settle("this is not TOML", name="pyproject.toml").code == 0


def test_an_unknown_key_is_refused_with_those_there_are(settle):
    refused(settle("max_day = 3\n"), 2, "usage", "'max_day' (dedup.toml); known are")


MISSHAPEN = [
    *('record_limit_bytes = "x"', "drop = 5", 'against = "in.jsonl"', 'workers = "2"', "workers = true"),
    *(
        'max_days = "3"',
        'max_drop_rate = "x"',
        "num_perm = 128.0",
        "text = 5",
        'annotate = "yes"',
        "memory = 4.5",
    ),
    *("on_duplicate_id = 3", "use_statistics = 4", "temp = 4", 'seed = "a"', "drop = [1]", "profile = 1"),
]


@pytest.mark.parametrize("content", MISSHAPEN)
def test_a_value_of_the_wrong_type_is_refused(settle, content):
    refused(settle(content), 2, "usage", "of the wrong type (dedup.toml)")


IMPOSSIBLE = {
    'profile = "fast"': "choose from news, strict, ocr",
    'drop = "exact,exactly"': "'exactly'",
    'prefer = ["best"]': "'best'",
    "max_days = -1": "max_days = -1",
    "bands = 0": "bands",
    "num_perm = 4": "num_perm = 4",
    "record_limit_bytes = 0": "record_limit_bytes = 0",
    "expansion_limit = -1": "expansion_limit = -1",
    "max_drop_rate = 2": "--max-drop-rate 2",
    'memory = "lots"': "'lots'",
    'on_duplicate_id = "first"': "choose keep, last or reject",
    'input_format = "xml"': "jsonl, csv",
    "max_days = ": "cannot read the configuration",
}


@pytest.mark.parametrize("content", IMPOSSIBLE)
def test_an_impossible_value_is_refused_with_what_is_allowed(settle, content):
    ran = settle(content)
    assert (ran.code, len(ran.errors)) == (2, 1), ran.err
    assert IMPOSSIBLE[content] in ran.errors[0]


def test_a_settings_file_that_is_not_there_is_refused(job):
    refused(invoke("run", "in.jsonl", "--config", "absent.toml"), 2, "usage", "absent.toml")


WRONG = {
    "an unknown flag": (["run", "in.jsonl", "--fast"], "--fast"),
    "a number that is none": (["run", "in.jsonl", "--workers", "two"], "--workers"),
    "no input": (["run"], "INPUT"),
    "no workers": (["run", "in.jsonl", "--workers", "0"], "--workers 0"),
    "a flag without its value": (["run", "in.jsonl", "--memory"], "--memory"),
    "an unknown command": (["ran"], "ran"),
    "no command": ([], "no command given"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_call_is_refused_in_one_line(job, case):
    words, what = WRONG[case]
    job.records(*RECORDS)
    ran = invoke(*words)
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert line.startswith("dedup: error[usage]: ")
    assert what in line
    assert "; see dedup" in line or "; give" in line


@pytest.mark.parametrize("size", ["1", "200M", "4G", "1.5GiB"])
def test_a_memory_budget_changes_no_decision(job, size):
    source = job.records(*RECORDS)
    job.done(source)
    alone = job.digest
    job.done(source, "--memory", size)
    assert job.digest == alone


def test_a_bug_is_told_in_one_line_and_with_its_traceback_when_asked(job, monkeypatch):
    def fail(*_arguments, **_options):
        raise ZeroDivisionError("on\npurpose")

    monkeypatch.setattr("dedup.cli.commands.run", fail)
    ran = job.run(job.records(*RECORDS))
    refused(ran, 1, "bug", "ZeroDivisionError: on purpose")
    with pytest.raises(ZeroDivisionError):
        job.run(job.records(*RECORDS), "--debug")


def test_quiet_says_nothing_but_warnings(job):
    assert invoke("run", job.records(*RECORDS), "-q").err == ""


def test_a_source_that_loses_nearly_everything_is_warned_of(job):
    records = [{"id": number, "source": "Wire", "text": STORM} for number in range(120)]
    ran = invoke("run", job.records(*records), "-q")
    assert ran.code == 0
    assert ran.err.startswith("dedup: warning: source 'Wire' loses 119 of its 120 records")


def test_warnings_of_many_sources_do_not_flood(job):
    records = [{"id": n, "source": f"Wire {n % 7}", "text": STORM} for n in range(7 * 110)]
    ran = invoke("run", job.records(*records), "-q")
    assert ran.code == 0
    lines = ran.err.splitlines()
    assert len(lines) == 6
    assert "and 2 more" in lines[-1]
