"""Keys → MinHash signatures and fingerprints, bit for bit what datasketch would make of the same shingles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.config import SketchConfig
from dedup.flags import TOKEN_LINE_START, TOKEN_NUMBER
from dedup.kernels.sketches import sketch_batch

if TYPE_CHECKING:
    import datasketch

_MASK = 0xFFFFFFFFFFFFFFFF
_SEED = 0x9E3779B97F4A7C15
_PRIME = 0xD6E8FEB86659FD93
# Fingerprints of unspaced scripts: five words come to about so many characters.
_FINGERPRINT_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Sketches:
    """Signatures, uint32, shape (n_docs, num_perm); fingerprints and line hashes, a list of uint64 each."""

    signatures: NDArray[np.uint32]
    fingerprints: pa.LargeListArray
    lines: pa.LargeListArray


def sketch(
    keys: pa.LargeBinaryArray, classes: pa.LargeBinaryArray, *, config: SketchConfig | None = None
) -> Sketches:
    """Sketch a batch of keys.

    Parameters
    ----------
    keys, classes : pyarrow.LargeBinaryArray, shape (n_docs,)
        As `dedup.normaliser.key.make_keys` returns them.
    config : SketchConfig, optional
        Lengths, permutations and seed.

    Returns
    -------
    Sketches
        The signature of a document without tokens is all ones (2^32 - 1), and
        it has no fingerprint.

    Notes
    -----
    Broder, "On the resemblance and containment of documents" (1997);
    Schleimer, Wilkerson, Aiken, "Winnowing" (2003).

    Examples
    --------
    >>> from dedup.normaliser.key import make_keys
    >>> keys, classes = make_keys(pa.array(["one two three four five"], pa.large_string()))
    >>> sketch(keys, classes).signatures.shape
    (1, 128)
    """
    config = config or SketchConfig()
    key, key_offsets = _buffers(keys)
    token_classes, class_offsets = _buffers(classes)
    multipliers, addends = permutations(config.num_perm, config.seed)
    signatures = np.empty((len(keys), config.num_perm), np.uint32)
    # At most one fingerprint per shingle and one line per token.
    most = int(class_offsets[-1] - class_offsets[0]) + len(keys)
    fingerprints, lines = np.empty(most, np.uint64), np.empty(most, np.uint64)
    offsets, line_offsets = np.zeros(len(keys) + 1, np.int64), np.zeros(len(keys) + 1, np.int64)
    sketch_batch(
        key, key_offsets, token_classes, class_offsets, multipliers, addends,
        config.shingle_tokens, config.shingle_characters, config.fingerprint_tokens, _FINGERPRINT_CHARACTERS,
        config.fingerprint_window, np.uint8(TOKEN_LINE_START), np.uint8(TOKEN_NUMBER),
        signatures, fingerprints, offsets, lines, line_offsets,
    )  # fmt: skip
    return Sketches(signatures, _lists(fingerprints, offsets), _lists(lines, line_offsets))


def _lists(values: NDArray[np.uint64], offsets: NDArray[np.int64]) -> pa.LargeListArray:
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values[: offsets[-1]].copy()))


@cache
def permutations(num_perm: int, seed: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return datasketch's multipliers and addends of scheme "affine32", uint32, shape (num_perm,) each.

    Drawn by its recipe and not by itself: its import takes longer than all else that a small run does.
    """
    random: Any = np.random.RandomState(seed)  # whose stubs know of signed integers only
    multipliers = random.randint(0, 1 << 31, num_perm, np.uint32)
    addends = random.randint(0, 1 << 32, num_perm, np.uint32)
    return multipliers * np.uint32(2) + np.uint32(1), addends


def to_datasketch(signature: NDArray[np.uint32], *, seed: int = 1) -> datasketch.MinHash:
    """Return a real `datasketch.MinHash` with this signature, for use with its LSH and storages.

    Parameters
    ----------
    signature : numpy.ndarray of uint32, shape (num_perm,)
    seed : int
        The seed that the signature was made with.

    Examples
    --------
    >>> from dedup.normaliser.key import make_keys
    >>> keys, classes = make_keys(pa.array(["one two three four five"], pa.large_string()))
    >>> minhash = to_datasketch(sketch(keys, classes).signatures[0])
    >>> minhash.update(b"three four five")  # already in the set: nothing changes
    >>> minhash.jaccard(to_datasketch(sketch(keys, classes).signatures[0]))
    1.0
    """
    from datasketch import MinHash

    return MinHash(seed=seed, hashfunc=shingle_hash, hashvalues=signature, scheme="affine32")


def shingle_hash(shingle: bytes) -> int:
    """Hash one shingle, its tokens joined by single spaces, to 32 bits: the kernel's hash in plain Python.

    Examples
    --------
    >>> 0 <= shingle_hash(b"three four five") < 2**32
    True
    """
    tokens = shingle.split(b" ")
    value = len(tokens)
    for token in tokens:
        value = ((value ^ token_hash(token)) * _PRIME) & _MASK
        value ^= value >> 32
    return value & 0xFFFFFFFF


def token_hash(token: bytes) -> int:
    """Hash one token to 64 bits.

    Examples
    --------
    >>> token_hash(b"minister") != token_hash(b"ministers")
    True
    """
    state = _SEED
    whole = len(token) - len(token) % 8
    for at in range(0, whole, 8):
        state = ((state ^ int.from_bytes(token[at : at + 8], "big")) * _PRIME) & _MASK
        state ^= state >> 32
    rest = token[whole:]
    state = ((state ^ (int.from_bytes(rest, "big") | 1 << 8 * len(rest))) * _PRIME) & _MASK
    return state ^ (state >> 29)


def _buffers(array: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    _, offsets, data = array.buffers()
    positions: NDArray[Any] = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    # Arrow's own buffers can't be written to and NumPy's can: kernels would be compiled for either.
    raw.flags.writeable = False
    return raw, positions
