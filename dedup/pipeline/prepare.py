"""One batch of records as read → the same batch prepared: cleaned, keyed, sketched, without its raw text."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dedup import flags as bits
from dedup.config import Config
from dedup.kernels.sketches import hash_values
from dedup.kernels.tokens import count_classes, count_marks
from dedup.normaliser import clean_batch
from dedup.normaliser.key import make_keys, utf8_buffers
from dedup.records import Removal
from dedup.schema import prepared_schema
from dedup.sketch import sketch

# Under so many tokens a text is merged only when nearly equal: NEWS-like flashes differ by one name.
SHORT_TOKENS = 30
# So many tokens with fewer stops and commas than this are none of a writer's sentences. Texts have one in 6
# to 20 tokens; links around a text without any bring a few.
PUNCTUATED_TOKENS = 60
MARKS_SHARE = 0.03
_MARKS = ".,:;!?\u0589\u060c\u061b\u061f\u06d4\u0964\u1362\u3001\u3002\uff0c\uff0e\uff1a\uff1b\uff01\uff1f"
_IS_MARK = np.zeros(0x10000, np.uint8)  # by code point
_IS_MARK[[ord(mark) for mark in _MARKS]] = 1
_DIGEST_BYTES = 16
# The bits of a sentence begun within a line, and those it is told by.
_WITHIN_LINE = np.uint8(bits.TOKEN_SENTENCE_START)
_STARTS = np.uint8(bits.TOKEN_SENTENCE_START | bits.TOKEN_LINE_START)


def prepare(records: pa.RecordBatch, config: Config) -> pa.RecordBatch:
    """Prepare one batch of `schema.RECORDS`; return `schema.prepared_schema(num_perm)`, row for row.

    Bad records pass through with empty keys, so that rows keep their places.
    """
    texts = records.column("text")
    titles = records.column("title")
    cleaned = clean_batch(texts, titles)
    readable = texts
    # Several times as fast as to coalesce; most batches of clean sources have no changed text at all.
    if cleaned.readable.null_count < len(texts):
        readable = pc.replace_with_mask(texts, cleaned.readable.is_valid(), cleaned.readable.drop_null())
    keys, classes = make_keys(readable, cleaned.key_starts)
    title_keys, _ = make_keys(titles)
    sketches = sketch(keys, classes, config=config.sketch)
    n_tokens = pc.binary_length(classes).cast(pa.int32())
    bad = records.column("bad")
    columns: dict[str, Any] = {
        name: records.column(name)
        for name in ("id", "title", "source", "date", "url", "line", "offset", "length", "bad")
    }
    flags = _flags(records, cleaned.flags, n_tokens.to_numpy())
    flags[_unpunctuated(readable, classes)] |= bits.UNPUNCTUATED
    columns["flags"] = pa.array(flags)
    columns["readable"] = cleaned.readable
    columns["removed"] = _removals(cleaned.removed)
    columns["digest"], columns["identity"] = _digests(records)
    columns["id_hash"] = pa.array(_hashes(records.column("id")))
    columns["key_digest"] = _digest_each(keys)
    columns["key"], columns["classes"], columns["title_key"] = keys, classes, title_keys
    columns["n_tokens"] = n_tokens
    columns["signature"] = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(4 * config.sketch.num_perm), len(bad), [None, pa.py_buffer(sketches.signatures)]
    )
    columns["fingerprints"] = sketches.fingerprints
    columns["lines"] = sketches.lines
    schema = prepared_schema(config.sketch.num_perm)
    return pa.record_batch([columns[field.name] for field in schema], schema=schema)


def _flags(
    records: pa.RecordBatch, found: NDArray[np.uint32], n_tokens: NDArray[np.int32]
) -> NDArray[np.uint32]:
    flags: NDArray[np.uint32] = records.column("flags").to_numpy() | found
    flags[n_tokens == 0] |= bits.EMPTY
    flags[(n_tokens > 0) & (n_tokens < SHORT_TOKENS)] |= bits.SHORT
    return flags


def _unpunctuated(readable: pa.Array, classes: pa.Array) -> NDArray[np.int64]:
    """Return the rows of longer texts, of scripts that use stops and commas, that have hardly any."""
    data, offsets = utf8_buffers(classes)
    n_tokens = np.diff(offsets)
    begun = np.empty(len(n_tokens), np.int64)
    count_classes(data, offsets, _STARTS, _WITHIN_LINE, begun)
    # Sentences begun within lines are few also where each has a line of its own: there the marks are counted.
    rows: NDArray[np.int64] = np.flatnonzero(
        (begun <= MARKS_SHARE * n_tokens) & (n_tokens >= PUNCTUATED_TOKENS)
    )
    text, text_offsets = utf8_buffers(readable)
    limits: NDArray[np.int64] = (MARKS_SHARE * n_tokens[rows]).astype(np.int64)
    n_marks = np.empty(len(rows), np.int64)
    count_marks(text, text_offsets, rows, limits, _IS_MARK, n_marks)
    rows = rows[n_marks <= limits]
    # Thai and its like are written without.
    spaced = [
        not (data[offsets[row] : offsets[row + 1]] & bits.TOKEN_UNSPACED).any() for row in rows.tolist()
    ]
    return rows[np.array(spaced, np.bool_)]


def _removals(removed: Sequence[Sequence[Removal]]) -> pa.LargeBinaryArray:
    return pa.array(
        [
            json.dumps([{"line": r.line, "rule": r.rule, "text": r.text} for r in rows]).encode()
            if rows
            else None
            for rows in removed
        ],
        pa.large_binary(),
    )


def _digests(records: pa.RecordBatch) -> tuple[pa.Array, pa.Array]:
    """Return the digest of each text, and of each text with its fields (of a bad record, with the reason)."""
    digest = _digest_each(records.column("text"))
    fields = [records.column(name) for name in ("id", "title", "source", "url", "bad")]
    dates = records.column("date").to_numpy(zero_copy_only=False)
    hashed = np.stack([_hashes(column) for column in fields] + [dates.astype("f8").view("u8")], axis=1)
    texts = np.frombuffer(digest.buffers()[1], "u8").reshape(-1, 2)
    rows = np.hstack([texts, hashed])
    blake2b, raw, width = hashlib.blake2b, rows.tobytes(), rows.itemsize * rows.shape[1]
    identity = b"".join(
        [
            blake2b(raw[at : at + width], digest_size=_DIGEST_BYTES).digest()
            for at in range(0, len(raw), width)
        ]
    )
    return digest, _fixed_size(identity, len(rows))


def _digest_each(column: pa.Array) -> pa.Array:
    """Return the first 16 bytes of each value's SHA-256; of the empty string for null."""
    data, offsets = utf8_buffers(column)
    view, ends = data.data, offsets.tolist()
    sha256 = hashlib.sha256
    joined = b"".join(
        [sha256(view[start:end]).digest()[:_DIGEST_BYTES] for start, end in itertools.pairwise(ends)]
    )
    return _fixed_size(joined, len(column))


def _fixed_size(digests: bytes, n: int) -> pa.FixedSizeBinaryArray:
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(_DIGEST_BYTES), n, [None, pa.py_buffer(digests)])


def _hashes(column: pa.Array) -> NDArray[np.uint64]:
    data, offsets = utf8_buffers(column)
    hashes = np.empty(len(column), np.uint64)
    hash_values(data, offsets, hashes)
    return hashes
