"""Prepared records → the keys by which an index finds them.

On 44,000 articles of form letters and press releases, keys per document and
the share of a batch run's dropped records whose keeper is found by them
(lists cut at 64):

====================================  =====  =======
keys                                  each   found
====================================  =====  =======
all fingerprints, 42 bands            112    2208 of 2209
half the fingerprints, 42 bands       77     2207
half the fingerprints, 14 bands       49     2207
a quarter of them, 14 bands           32     2202
====================================  =====  =======

Hence every third band. Fingerprints are all kept: each halving loses drops that
a batch run makes, and what is looked up in vain costs little (finding the 75
keys of a document takes 12 of 280 microseconds at 40,000 documents). Four wider
bands find near copies inside a flood of siblings, where the lists of narrow
ones are cut; the key's digest finds exact copies in any flood.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup import flags as bits
from dedup.candidates import band_keys
from dedup.config import Config
from dedup.index.packing import signatures_of

BAND_STEP = 3
_WIDE_ROWS = 6
_WIDE_EVERY = 12
_U32 = np.uint64(32)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_EXACT = np.uint32(0x85EBCA6B)
# In a flood of siblings the cut lists of common keys must not outvote the one key that only a copy has.
PRINT, _NARROW, _WIDE, _EXACT_WEIGHT = 1, 2, 8, 100_000


class Keys(NamedTuple):
    """Look-up keys, uint32, the row of each, int64, and how much it tells, uint32."""

    keys: NDArray[np.uint32]
    rows: NDArray[np.int64]
    weights: NDArray[np.uint32]


def content_keys(
    prepared: pa.RecordBatch, prints: NDArray[np.uint32], offsets: NDArray[np.int64], config: Config
) -> Keys:
    """Return the look-up keys of each row's content; `prints` and `offsets` are those of `prints_of`.

    Rows without tokens and notices have none: they match nothing.
    """
    n_rows = prepared.num_rows
    rows = np.repeat(np.arange(n_rows), np.diff(offsets))
    keys, of_rows = [prints, _exact_keys(prepared)], [rows, np.arange(n_rows)]
    weights = [PRINT, _EXACT_WEIGHT]
    signatures = np.ascontiguousarray(signatures_of(prepared, config.sketch.num_perm))
    sketches = signatures.reshape(-1), np.arange(n_rows) * config.sketch.num_perm, config.sketch.num_perm
    for band in range(0, config.candidates.bands, BAND_STEP):
        first = band * config.candidates.rows
        bucket = band_keys(*sketches, first, config.candidates.rows)
        keys.append(bucket)
        of_rows.append(np.arange(n_rows))
        weights.append(_NARROW)
        if band % _WIDE_EVERY == 0:
            second = band_keys(*sketches, first, config.candidates.rows + _WIDE_ROWS)
            keys.append((((bucket ^ second).astype(np.uint64) * _MIX) >> _U32).astype(np.uint32))
            of_rows.append(np.arange(n_rows))
            weights.append(_WIDE)
    all_keys, all_rows = np.concatenate(keys), np.concatenate(of_rows)
    compared = (prepared.column("flags").to_numpy() & (bits.EMPTY | bits.STUB)) == 0
    chosen = compared[all_rows]
    all_weights = np.repeat(np.array(weights, np.uint32), [len(part) for part in keys])
    return Keys(all_keys[chosen], all_rows[chosen].astype(np.int64), all_weights[chosen])


def _exact_keys(prepared: pa.RecordBatch) -> NDArray[np.uint32]:
    column = prepared.column("key_digest")
    digests = np.frombuffer(column.buffers()[1], np.uint32).reshape(-1, 4)
    return digests[column.offset : column.offset + len(column), 0] ^ _EXACT


def id_keys(tokens: Sequence[str]) -> NDArray[np.uint32]:
    """Return one look-up key for the JSON token of each id.

    Examples
    --------
    >>> bool(id_keys(['"7"'])[0] != id_keys(["7"])[0])
    True
    """
    digests = [hashlib.blake2b(token.encode(), digest_size=4).digest() for token in tokens]
    return np.frombuffer(b"".join(digests), np.uint32)
