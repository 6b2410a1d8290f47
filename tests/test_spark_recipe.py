"""The recipe for another engine, as docs/spark.md shows it."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import make_records

import dedup
from dedup.config import Config
from dedup.files import Fields
from dedup.kernels import overlaps, pairs
from dedup.schema import RELATIONS
from dedup.statistics import Statistics

PAGE = Path(__file__).parents[1] / "docs" / "spark.md"
pytestmark = pytest.mark.skipif(
    find_spec("dask") is None and os.environ.get("CI") != "true", reason="dask is not installed"
)


def compiled():
    """What Numba has compiled of each kernel: one entry per combination of types."""
    found = [*vars(overlaps).items(), *vars(pairs).items()]
    return {name: len(kernel.signatures) for name, kernel in found if hasattr(kernel, "signatures")}


def test_the_recipe_finds_the_pairs_that_one_machine_drops_by():
    (code,) = re.findall(r"<!-- recipe -->\n```py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)
    records = make_records(120)
    decisions = dedup.deduplicate(records, statistics=Statistics()).decisions
    before = compiled()
    table = pa.Table.from_pylist(records)
    table = table.append_column("place", pa.array(range(len(records)), pa.int64()))
    table = table.append_column("rest", pa.array([b""] * len(records)))
    fields = Fields("text", "id", "title", "source")
    verdicts = names["find_related"]([table.slice(0, 50), table.slice(50)], fields, Config(), Statistics())
    # Workers take what `dedup warm` compiled, or a run on one machine.
    assert compiled() == before
    assert verdicts.num_rows == len(set(zip(*(verdicts[end].to_pylist() for end in "ab"), strict=True)))
    found = {(RELATIONS[row["relation"]], row["jaccard"], row["containment"]) for row in verdicts.to_pylist()}
    dropped = [decision for decision in decisions if decision.relation in ("near", "contained")]
    assert dropped
    for decision in dropped:
        scores = round(decision.jaccard * 10_000), round(decision.containment * 10_000)
        assert (decision.relation, *scores) in found


def test_the_stages_load_without_any_engine():
    import subprocess
    import sys

    names = "preparing grouping meeting judging linking electing settling deciding"
    code = f"""
import sys, importlib
for name in "{names}".split():
    importlib.import_module("dedup.spark." + name)
assert not {{"pyspark", "dask", "pandas"}} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
