"""Columns that the stages hand to each other in Arrow record batches.

Import this only where a stage runs: it loads PyArrow.
"""

from __future__ import annotations

import pyarrow as pa

from dedup.flags import (  # noqa: F401  (stand-in until every user imports dedup.flags)
    FLAGS,
    TOKEN_CAPITAL,
    TOKEN_LINE_START,
    TOKEN_NUMBER,
    TOKEN_SENTENCE_START,
    TOKEN_UNSPACED,
    TOKEN_UPPER,
)

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
        ("flags", pa.uint32()),  # bits of flags.FLAGS
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
            *(
                RECORDS.field(name)
                for name in ("id", "title", "source", "date", "url", "line", "offset", "length")
            ),
            ("flags", pa.uint32()),
            ("bad", pa.large_string()),
            ("readable", pa.large_string()),  # cleaned text, null when cleaning changed nothing
            ("removed", pa.large_binary()),  # JSON list of {line, rule, text}, null when nothing was removed
            ("digest", pa.binary(16)),  # of the text as it came
            ("identity", pa.binary(16)),  # of the text and all fields; equal ones can't be told apart
            ("id_hash", pa.uint64()),  # of the id's JSON token, 0 when absent
            ("key_digest", pa.binary(16)),  # of the key; equal keys are exact copies
            ("key", pa.large_binary()),  # casefolded tokens joined by single spaces, UTF-8
            ("classes", pa.large_binary()),  # one byte per token, bits of flags.TOKEN_*
            ("title_key", pa.large_binary()),
            ("n_tokens", pa.int32()),
            ("signature", pa.binary(4 * num_perm)),  # MinHash, uint32, little-endian
            ("fingerprints", pa.large_list(pa.uint64())),  # winnowed shingle hashes in text order
            ("lines", pa.large_list(pa.uint64())),  # one hash per line of the key
        ]
    )


# What verification says of a pair; `a` and `b` are positions of documents in their run.
VERDICTS = pa.schema(
    [
        ("a", pa.int64()),
        ("b", pa.int64()),
        ("relation", pa.uint8()),  # position in RELATIONS
        ("fuller", pa.int8()),  # 0: only a may stand for b, 1: only b for a, -1: either
        ("jaccard", pa.uint16()),  # ten-thousandths, like the next two
        ("containment", pa.uint16()),
        ("ratio", pa.uint16()),  # null where no alignment was needed
        ("extra", pa.int32()),  # tokens of substance that only a has, less those that only b has
        ("foreign", pa.int32()),  # the same for furniture and house text
        ("reason", pa.large_string()),
    ]
)
RELATIONS = ("exact", "near", "contained", "partial", "revised", "digest", "template", "related", "unrelated")
