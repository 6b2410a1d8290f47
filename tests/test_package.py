"""The package as a whole: which way imports run, what it exports and ships, what its pages say of it."""

import ast
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import dedup
from dedup import errors

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dedup"
# A module imports lower layers only. Those of layer 0 may use each other; a folder is one module.
LAYERS = (
    ("version", "records", "errors", "config", "flags", "schema", "ordering", "kernels"),
    ("files", "normaliser", "sketch", "candidates", "verify", "cluster", "canonical", "statistics", "stores"),
    ("pipeline",),
    ("index", "spark"),
    ("report", "evaluate", "audit"),
    ("plan", "explain"),  # in the dress of the report
    ("cli",),
    ("__init__", "__main__"),
)
LAYER_OF = {name: number for number, names in enumerate(LAYERS) for name in names}
LONGEST_MODULE = 450
HEAVY = ("numpy", "pyarrow", "numba", "rapidfuzz", "datasketch", "ftfy", "msgspec", "typer", "rich", "jinja2")
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|tmp/w|root|home/\w+)/")
PASSED_OVER = re.compile(r"\.git|\.?venv.*|build|dist|__pycache__|\..+_cache|\.hypothesis|.+\.egg-info")


def imports_of(source, module):
    """Yield the modules of the package that a module's source imports, those for type checking included."""
    package = ["dedup", *module.split(".")[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{start}.{alias.name}" if start == "dedup" else start for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "dedup":
                known = len(parts) > 1 and (parts[1] in LAYER_OF or (PACKAGE / parts[1]).exists())
                yield parts[1] if known else "__init__"


def import_faults(source, module):
    """Say which imports of a module run the wrong way; nothing if none does."""
    own = module.split(".")[0]
    if own not in LAYER_OF:
        return [f"{module} is in no layer: give it one in LAYERS"]
    faults = []
    for other in imports_of(source, module):
        if other == own:
            continue
        if other not in LAYER_OF:
            faults.append(f"{module} imports {other}, which is in no layer")
        elif LAYER_OF[other] > LAYER_OF[own] or LAYER_OF[other] == LAYER_OF[own] != 0:
            faults.append(f"{module} (layer {LAYER_OF[own]}) imports {other} (layer {LAYER_OF[other]})")
        elif own == "kernels":
            faults.append(f"{module} imports {other}; kernels take arrays and know nothing else")
    return faults


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        # A folder's __init__ counts as a module in it, so that relative imports resolve.
        yield ".".join(parts), path


def load(path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


def modules_loaded_by(statement):
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def settings():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_imports_run_one_way():
    faults = [
        fault for name, path in modules() for fault in import_faults(path.read_text(encoding="utf-8"), name)
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("cluster", "from dedup.canonical import choose", "imports canonical"),
        ("cluster", "import dedup.pipeline.run", "imports pipeline"),
        ("files.inputs", "from dedup import sketch", "imports sketch"),
        ("files.inputs", "from .. import sketch", "imports sketch"),
        ("config", "from dedup import normalise", "imports __init__"),
        ("evaluate.load", "def f():\n    from dedup.report import page", "imports report"),
        ("pipeline.run", "if TYPE_CHECKING:\n    from dedup.cli import main", "imports cli"),
        ("kernels.pairs", "from dedup.errors import DataError", "kernels take arrays"),
        ("helpers", "", "in no layer"),
    ],
)
def test_an_import_that_runs_the_wrong_way_is_seen(module, source, fault):
    assert any(fault in line for line in import_faults(source, module))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("files.inputs", "from dedup.files import chunks\nfrom . import chunks\nfrom .chunks import Source"),
        ("pipeline.run", "from dedup import flags\nfrom dedup.files import parse\nimport numpy"),
        ("cli.app", "from dedup.report import page"),
    ],
)
def test_an_import_that_runs_the_right_way_is_let_through(module, source):
    assert import_faults(source, module) == []


def test_modules_stay_small():
    sizes = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules()}
    assert {name: size for name, size in sizes.items() if size > LONGEST_MODULE} == {}


def test_the_public_names_are_those_with_a_home():
    assert sorted(dedup.__all__) == sorted([*dedup._HOMES, "__version__"])
    assert dedup.__all__ == sorted(dedup.__all__)


def test_type_checkers_see_the_public_names():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in guarded.body for alias in node.names}
    assert seen == {name: f"dedup.{home}" for name, home in dedup._HOMES.items()}


@pytest.mark.parametrize("name", sorted(dedup._HOMES))
def test_a_public_name_resolves_and_is_documented(name):
    text = getattr(dedup, name).__doc__
    # A dataclass without a docstring shows its signature in its place.
    assert text.strip()
    assert not text.startswith(f"{name}(")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'deduplikate'"):
        dedup.deduplikate  # noqa: B018


def test_importing_the_package_loads_nothing_heavy():
    loaded = modules_loaded_by("import dedup, dedup.errors, dedup.config, dedup.flags, dedup.records")
    assert "dedup.config" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_help_text_needs_no_kernels():
    loaded = modules_loaded_by("from dedup.cli.app import app")
    assert "dedup.cli.app" in loaded
    assert loaded.isdisjoint({"numba", "pyarrow", "numpy"})


def test_the_wheel_ships_the_whole_package_and_its_types():
    wheel = settings()["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": ["dedup"]}
    assert (PACKAGE / "py.typed").is_file()
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    # The build leaves out what git ignores.
    assert not {"*.npz", "*.typed", "*.html", "*.j2", "*.css", "*.js"} & set(ignored)


def test_license_and_changelog_are_there_and_name_the_version():
    project = settings()["project"]
    assert (ROOT / project["license-files"][0]).read_text(encoding="utf-8").startswith(project["license"])
    assert f"## [{dedup.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_file_names_a_path_of_the_machine_it_was_written_on():
    found = []
    for base, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not PASSED_OVER.fullmatch(name)]
        for name in names:
            path = Path(base, name)
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            if match := MACHINE_PATH.search(text):
                found.append(f"{path.relative_to(ROOT)}: {match[0]}")
    assert found == []


def test_a_path_of_a_machine_is_seen():
    places = ("/work", "/tmp/w", "/root", "/home/anna")
    assert all(MACHINE_PATH.search(f'open("{place}/main")') for place in places)
    assert not MACHINE_PATH.search("docs/work/page, https://example.org/home")


def test_every_command_and_option_stands_in_the_reference():
    reference = load(ROOT / "docs" / "make_cli_reference.py")
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == reference.make_reference(), "run python docs/make_cli_reference.py"
    assert "| `--max-drop-rate` `X` |" in page


def test_the_reference_follows_the_program():
    import typer

    reference = load(ROOT / "docs" / "make_cli_reference.py")
    app = typer.Typer()
    inner = typer.Typer()
    app.add_typer(inner, name="index")

    @app.command()
    def first(sources: list[str], number: int = 3, secret: str = typer.Option("", hidden=True)) -> None:
        """Say it."""

    @inner.command()
    def add() -> None:
        """Add it."""

    found = dict(reference.commands(typer.main.get_command(app), "dedup"))
    assert list(found) == ["dedup first", "dedup index add"]
    section = reference._section("dedup first", found["dedup first"])
    assert "dedup first SOURCES [OPTIONS]" in section
    assert "| `--number` `N` |  Default: `3`. |" in section
    assert "--secret" not in section


def error_classes(kind=errors.DedupError):
    yield kind
    for child in kind.__subclasses__():
        yield from error_classes(child)


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_every_exit_code_is_documented(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    codes = {kind.exit_code for kind in error_classes()} | {0, 130, 141, 143}
    assert [code for code in sorted(codes) if f"\n| {code} |" not in text] == []


@pytest.mark.parametrize("purpose", ["run", "test"])
def test_the_readme_says_how_to_set_up(purpose):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^<!-- setup:{purpose} -->\n```sh\n(.+)\n```$", readme, re.MULTILINE)
    assert len(blocks) == 1
    assert blocks[0].startswith("pip install ")
    assert " && " in blocks[0]


def test_the_tables_of_the_formats_follow_the_code():
    tables = load(ROOT / "docs" / "make_tables.py")
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert page == tables.fill(page), "run python docs/make_tables.py"
    assert tables.fill(page.replace("| `headline` |", "| `head` |")) == page


def names_in_table(heading):
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_field_of_a_decision_is_documented():
    assert names_in_table("Decisions") == {field.name for field in fields(dedup.Decision)} | {"schema"}


def test_every_field_of_the_manifest_is_documented(tmp_path):
    from dedup.pipeline.outputs import Outputs
    from dedup.pipeline.run import run

    (tmp_path / "in.jsonl").write_text('{"id": 1, "text": "Hello"}\n', encoding="utf-8")
    run([str(tmp_path / "in.jsonl")], Outputs(manifest=str(tmp_path / "m.json")), workers=1)
    manifest = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert names_in_table("Manifest") == set(manifest)
