"""Reading and writing: sources of records, the quarantine, atomic outputs.

The order of use: `find_inputs` → `resolve_fields` → ``source.chunks()`` and
`parse` (first pass) → ``source.chunks_again()`` and `open_writer` (second
pass) → ``close`` all outputs → ``publish`` them.
"""

from __future__ import annotations

import pyarrow as pa

from dedup.files.atomic import AtomicFile
from dedup.files.chunks import Chunk, Fields, Source
from dedup.files.columnar import replace_texts
from dedup.files.inputs import check_distinct, find_inputs
from dedup.files.naming import FIELD_NAMES, choose_fields, resolve_fields
from dedup.files.objects import parse_objects
from dedup.files.outputs import open_writer
from dedup.files.rejects import RejectsWriter, RowsWriter, write_rows
from dedup.files.writers import ANNOTATIONS, Writer

__all__ = [
    "ANNOTATIONS",
    "FIELD_NAMES",
    "AtomicFile",
    "Chunk",
    "Fields",
    "RejectsWriter",
    "RowsWriter",
    "Source",
    "Writer",
    "check_distinct",
    "choose_fields",
    "find_inputs",
    "open_writer",
    "parse",
    "parse_objects",
    "replace_texts",
    "resolve_fields",
    "write_rows",
]


def parse(chunk: Chunk, fields: Fields, record_limit_bytes: int) -> pa.RecordBatch:
    """Return one row of `dedup.schema.RECORDS` for every record of the chunk, bad ones included.

    Needs nothing but its arguments: a worker process can call it.

    Parameters
    ----------
    chunk : Chunk
        From either pass.
    fields : Fields
        From `resolve_fields`.
    record_limit_bytes : int
        A larger record is a bad one.

    Examples
    --------
    >>> line = b'{"id": 7, "text": "Hello"}'
    >>> parse(Chunk(0, 0, line, 1, 0, "a.jsonl", "jsonl"), Fields("text", "id"), 1000).column("id")[0].as_py()
    '7'
    """
    chunk = chunk.whole()
    if chunk.format == "jsonl":
        from dedup.files.lines import parse_jsonl

        return parse_jsonl(chunk, fields, record_limit_bytes)
    if chunk.format in ("csv", "tsv"):
        from dedup.files.delimited import parse_delimited

        return parse_delimited(chunk, fields, record_limit_bytes)
    if chunk.format == "text":
        from dedup.files.textfolder import parse_text

        return parse_text(chunk, record_limit_bytes)
    from dedup.files.columnar import parse_columnar

    return parse_columnar(chunk, fields, record_limit_bytes)
