"""All outputs of a run: staged under temporary names, then published in an order that loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.errors import UsageError
from dedup.files import ANNOTATIONS, AtomicFile, Chunk, Fields, RejectsWriter, RowsWriter, Source, open_writer
from dedup.pipeline.decisions import BatchDecisions
from dedup.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a run writes; None for what is not wanted. ``records`` takes the kept ones."""

    records: str | None = None
    decisions: str | None = None
    report: str | None = None
    dropped: str | None = None
    rejects: str | None = None
    manifest: str | None = None
    statistics: str | None = None
    format: str | None = None
    annotate: bool = False
    keep_text: bool = False
    no_overwrite: bool = False

    def __post_init__(self) -> None:
        if self.annotate and not self.records:
            raise UsageError("--annotate without an output", remedy="add -o OUT")

    def paths(self) -> list[str]:
        """Return the outputs named."""
        named = (
            self.rejects,
            self.dropped,
            self.decisions,
            self.report,
            self.statistics,
            self.records,
            self.manifest,
        )
        return [path for path in named if path is not None]


class Staged:
    """Writers of all outputs; as a context manager it removes whatever was not published.

    Published are first the rejects, then dropped, decisions, report and
    statistics, then the kept records, and the manifest last: an extra duplicate can be
    repaired, a lost article cannot, and a manifest that is there says that all
    of it is.
    """

    def __init__(self, outputs: Outputs, sources: Sequence[Source], fields: Fields, spool_dir: str) -> None:
        self._outputs = outputs
        self._fields = fields
        self._writers: dict[str, Any] = {}
        # A report is made from the decisions, whether or not they are wanted as an output.
        self._noted = RowsWriter(f"{spool_dir}/decisions.jsonl") if outputs.report else None
        plain: dict[str, Any] = {"no_overwrite": outputs.no_overwrite, "spool_dir": spool_dir}
        follow: dict[str, Any] = {"sources": sources, "fields": fields, **plain}
        openers: list[tuple[str, str | None, Callable[[str], Any]]] = [
            ("rejects", outputs.rejects, lambda path: RejectsWriter(path, **plain)),
            ("dropped", outputs.dropped, lambda path: open_writer(path, **follow)),
            ("decisions", outputs.decisions, lambda path: RowsWriter(path, **plain)),
            ("report", outputs.report, lambda path: AtomicFile(path, **plain)),
            ("statistics", outputs.statistics, lambda path: AtomicFile(path, **plain)),
            (
                "records",
                outputs.records,
                lambda path: open_writer(path, format=outputs.format, annotate=outputs.annotate, **follow),
            ),
            ("manifest", outputs.manifest, lambda path: AtomicFile(path, **plain)),
        ]
        try:
            for name, path, opener in openers:
                if path is not None:
                    self._writers[name] = opener(path)
        except BaseException:
            self.abort()
            raise

    def write(self, chunk: Chunk, batch: pa.RecordBatch, decided: BatchDecisions) -> None:
        """Write one chunk's records to the outputs that want them."""
        if rejects := self._writers.get("rejects"):
            bad = np.flatnonzero(decided.rejected).tolist()
            reasons = {row: msgspec.json.decode(decided.rows[row])["reason"] for row in bad}
            rejects.write(chunk, batch, reasons)
        if dropped := self._writers.get("dropped"):
            dropped.write(chunk, batch, ~(decided.keep | decided.rejected))
        if takers := [taker for taker in (self._writers.get("decisions"), self._noted) if taker is not None]:
            placed = _with_places(decided.rows, chunk.file, batch.column("line").to_pylist())
            for taker in takers:
                taker.write_lines(placed)
        if records := self._writers.get("records"):
            wanted = ~decided.rejected if self._outputs.annotate else decided.keep
            notes = [_annotation(row) for row in decided.rows] if self._outputs.annotate else None
            records.write(
                chunk, batch, wanted, {} if self._outputs.keep_text else new_texts(batch, wanted), notes
            )

    def write_report(self, make: Callable[[str], bytes]) -> None:
        """Write the report that `make` returns for the file of all decisions."""
        if self._noted is not None:
            self._noted.publish()
            self._writers["report"].write(make(self._noted.path))

    def close(self, statistics: Statistics) -> list[dict[str, Any]]:
        """Stage everything but the manifest; return name, path, digest and size of each output."""
        if writer := self._writers.get("statistics"):
            writer.write(msgspec.json.encode(statistics.to_dict()) + b"\n")
        return [
            {"output": name, "path": writer.path, "sha256": writer.close()}
            for name, writer in self._writers.items()
            if name != "manifest"
        ]

    def stage_manifest(self, content: Mapping[str, Any]) -> None:
        """Stage the manifest, which holds the digests of all the others."""
        if writer := self._writers.get("manifest"):
            writer.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
            writer.close()

    def publish(self) -> None:
        """Let all outputs appear, in order."""
        for writer in self._writers.values():
            writer.publish()

    def abort(self) -> None:
        """Remove what was not published."""
        for writer in (*self._writers.values(), self._noted):
            if writer is not None:
                writer.abort()

    def __enter__(self) -> Staged:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def new_texts(batch: pa.RecordBatch, wanted: NDArray[np.bool_]) -> dict[int, str]:
    """Return the cleaned text of each wanted row that cleaning changed."""
    column = batch.column("readable")
    changed = np.flatnonzero(wanted & ~column.is_null().to_numpy(zero_copy_only=False))
    return dict(zip(changed.tolist(), column.take(pa.array(changed)).to_pylist(), strict=True))


def _with_places(rows: Sequence[bytes], file: str, lines: Sequence[int]) -> list[bytes]:
    """Return the rows with the file and line that each record came from as their last members."""
    name = msgspec.json.encode(file)
    return [
        b'%b,"file":%b,"line":%d}' % (row[:-1], name, line) for row, line in zip(rows, lines, strict=True)
    ]


def _annotation(row: bytes) -> dict[str, Any]:
    """Return the fields that `--annotate` adds; the score is the containment of the very pair."""
    decided = msgspec.json.decode(row)
    names = ("status", "cluster", "story", "kept_id", "relation", "containment")
    return dict(zip(ANNOTATIONS, map(decided.get, names), strict=True))
