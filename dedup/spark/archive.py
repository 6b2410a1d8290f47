"""What later runs are compared against: the prepared rows of records that were published."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from dedup.config import Config
from dedup.errors import DataError, IndexFailure
from dedup.spark.preparing import PREPARED, prepare_again
from dedup.spark.workspace import Workspace, run_stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Raised whenever cleaning, keys or sketches change so that old ones can't be compared with new ones.
SCHEMA = 2
# Of a published record nothing is shown but its id: its text and what was taken out of it stay behind.
_KEPT = tuple(name for name in PREPARED.names if name not in ("readable", "removed", "bad"))
# Places of the n-th archive begin here; those of the input are below.
_PLACES = 58
MOST_ARCHIVES = 30


def fingerprint(config: Config) -> str:
    """Return 16 hexadecimal digits that differ where sketches can't be compared."""
    return hashlib.sha256(json.dumps([SCHEMA, asdict(config.sketch)]).encode()).hexdigest()[:16]


def save_archive(
    work: Workspace, path: str, published: DataFrame, config: Config, *, keep_text: bool
) -> None:
    """Write the sketches of published records, from their prepared rows.

    A text that was cleaned is prepared once more as it was published: a later
    run that reads the published file itself comes to the same rows.
    """
    from pyspark.sql import functions as F  # noqa: N812

    cleaned = F.lit(False) if keep_text else F.col("readable").isNotNull()
    again = run_stage(
        published.where(cleaned).select(*PREPARED.names), partial(prepare_again, config=config), PREPARED
    )
    rows = published.where(~cleaned).select(*_KEPT).unionByName(again.select(*_KEPT))
    rows = rows.withColumn("schema", F.lit(SCHEMA)).withColumn("fingerprint", F.lit(fingerprint(config)))
    with work.described("archive"):
        rows.write.option("compression", "zstd").mode("overwrite").parquet(path)


def load_archive(work: Workspace, path: str, config: Config) -> DataFrame:
    """Return the sketches of published records.

    Raises
    ------
    DataError
        If there are no sketches at `path`.
    IndexFailure
        If they were made under other settings.
    """
    rows = work.session.read.parquet(path)
    missing = {*_KEPT, "schema", "fingerprint"} - set(rows.columns)
    if missing:
        raise DataError(
            f"no sketches: column {min(missing)!r} is missing", where=path, remedy="name a folder of sketches"
        )
    made_with = {tuple(row) for row in rows.select("schema", "fingerprint").distinct().limit(3).collect()}
    if made_with - {(SCHEMA, fingerprint(config))}:
        raise IndexFailure(
            "sketches of another version or other settings",
            where=path,
            remedy="make them anew from the published records, or run with the settings they were made with",
        )
    return rows.select(*_KEPT)


def as_published(rows: DataFrame, number: int) -> DataFrame:
    """Return prepared rows as those of the archive of that number, from 0 on."""
    from pyspark.sql import functions as F  # noqa: N812

    place = F.col("place") + F.lit((number + 1) << _PLACES)
    return rows.withColumn("place", place).withColumn("published", F.lit(True))
