"""The examples of the documentation run, print what the pages say, and its links lead somewhere."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def load_examples():
    specification = importlib.util.spec_from_file_location("examples", ROOT / "docs" / "examples.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["examples"] = module
    specification.loader.exec_module(module)
    return module


examples = load_examples()


@pytest.mark.parametrize("page", examples.PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_print_what_it_says(page):
    faults = examples.check_page(page)
    assert not faults, "\n\n".join(["look, then run python docs/examples.py --write", *faults])


@pytest.mark.parametrize(
    "page", [*examples.PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name
)
def test_the_links_of_a_page_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if not target.startswith(("http:", "https:", "mailto:"))]
    assert [target for target in local if not (page.parent / target).exists()] == []


PAGE = """\
# Page
<!-- file: greeting.txt -->
```
hello
```

```console
$ cat greeting.txt
hello
$ (exit 3)
$ echo $?
3
$ echo one \\
>   two; echo three >&2
one two
three
```

```python
print("ü", 1 + 1)
```

```text
ü 2
```
"""


def check(text, folder, *, write=False):
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    faults = examples.check_page(page, write=write)
    return faults, page.read_text(encoding="utf-8")


def test_a_page_whose_examples_hold_has_no_fault(tmp_path):
    assert check(PAGE, tmp_path) == ([], PAGE)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("\nhello\n$", "\nhallo\n$"), ("\nthree\n", "\n"), ("ü 2", "ü 3"), ("ü 2\n", "ü 2\nmore\n")],
)
def test_an_example_that_prints_something_else_is_seen_and_can_be_rewritten(tmp_path, right, wrong):
    broken = PAGE.replace(right, wrong)
    assert broken != PAGE
    faults, text = check(broken, tmp_path)
    assert len(faults) == 1
    assert text == broken
    assert check(broken, tmp_path, write=True)[1] == PAGE


def test_a_program_that_fails_is_seen_even_where_the_page_says_so(tmp_path):
    page = '```python\nraise SystemExit("no")\n```\n\n```text\n{}```\n'
    for expected in ("", "no\nexit code 1\n"):
        faults, text = check(page.format(expected), tmp_path, write=True)
        assert "exit code 1" in faults[0]
        assert text == page.format(expected)


@pytest.mark.parametrize(
    ("expected", "printed", "agree"),
    [
        ("a\n...\nz", "a\nb\nc\nz", True),
        ("a\n...\nz", "a\nb\nc\ny", False),
        ("took ... s", "took 1.25 s", True),
        ("took ... s", "took 1.25 m", False),
        ("seconds: read 1.2,\nwrite 0.1", "seconds: read 13.2, write 0.0", True),
        ("kept 3\nseconds: read 1.2", "kept 4\nseconds: read 1.2", False),
        ("", "dedup: compiling kernels once, this takes a few seconds\n", True),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_what_varies_is_let_pass_and_nothing_else(expected, printed, agree):
    assert examples.agrees(expected, printed) is agree
