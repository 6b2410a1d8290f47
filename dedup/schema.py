"""Columns and bit flags that the stages hand to each other in Arrow record batches.

Import this only where a stage runs: it loads PyArrow.
"""

from __future__ import annotations

import pyarrow as pa

# What a reader yields: one row per record found, good or bad, in file order.
RECORDS = pa.schema(
    [
        ("text", pa.large_string()),  # null when the record is bad
        ("id", pa.large_string()),  # the id's JSON token (`"a1"`, `7`), null when absent
        ("title", pa.large_string()),
        ("source", pa.large_string()),
        ("date", pa.int64()),  # microseconds since 1970-01-01 UTC, null when absent or unparseable
        ("url", pa.large_string()),
        ("line", pa.int64()),  # 1-based line (text formats) or row (columnar formats)
        ("offset", pa.int64()),  # byte offset of the raw record in its (decompressed) file; -1 if columnar
        ("length", pa.int64()),  # byte length of the raw record; -1 if columnar
        ("flags", pa.uint32()),
        ("bad", pa.large_string()),  # reason for quarantine, null when the record is fine
    ]
)


def prepared_schema(num_perm: int) -> pa.Schema:
    """Return the schema of a prepared batch: everything later stages need, without the raw text.

    Parameters
    ----------
    num_perm : int
        Number of permutations; the signature column is ``num_perm * 4`` bytes wide (uint32).
    """
    return pa.schema(
        [
            *(RECORDS.field(name) for name in ("id", "title", "source", "date", "url", "line", "offset", "length")),
            ("flags", pa.uint32()),
            ("bad", pa.large_string()),
            ("readable", pa.large_string()),  # cleaned text, null when cleaning changed nothing
            ("removed", pa.large_binary()),  # JSON list of {line, rule, text}, null when nothing was removed
            ("digest", pa.binary(16)),  # of the text as it came
            ("key_digest", pa.binary(16)),  # of the key; equal keys are exact copies
            ("key", pa.large_binary()),  # casefolded tokens joined by single spaces, UTF-8
            ("classes", pa.large_binary()),  # one byte per token, see TOKEN_* below
            ("n_tokens", pa.int32()),
            ("n_shingles", pa.int32()),  # distinct shingles
            ("signature", pa.binary(4 * num_perm)),  # MinHash, uint32, little-endian
            ("fingerprints", pa.large_list(pa.uint64())),  # winnowed shingle hashes, sorted, distinct
        ]
    )


# Bits of `flags`. The names go into decisions in this order.
FLAGS: dict[str, int] = {
    "empty": 1 << 0,  # no token at all: kept, matches nothing
    "short": 1 << 1,  # under 30 tokens: merged only when nearly equal
    "stub": 1 << 2,  # paywall, cookie, JavaScript notice, dateline alone: kept, never merged
    "unsettled": 1 << 3,  # a cleaning rule did not settle: the text was left as it came
    "mojibake": 1 << 4,  # wrongly decoded characters were repaired
    "degraded": 1 << 5,  # replacement characters or unrepaired damage: not preferred as canonical
    "date_unparseable": 1 << 6,
    "duplicate_id": 1 << 7,
    "long": 1 << 8,  # aligned in windows
    "suspect_characters": 1 << 9,  # NUL, lone surrogates or other characters that had to be replaced
}

# Bits of a token's class byte.
TOKEN_NUMBER = 1  # holds a digit
TOKEN_CAPITAL = 2  # began with a capital letter in the readable text
TOKEN_SENTENCE_START = 4  # first token of a sentence, line or quotation
TOKEN_LINE_START = 8  # first token of a line of the readable text
TOKEN_UNSPACED = 16  # one character of a script written without spaces
TOKEN_UPPER = 32  # two or more letters, all of them capitals
