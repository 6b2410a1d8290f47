"""Comparison keys: casefolded tokens joined by single spaces, with one class byte per token.

Two texts with the same key are the same article in other clothes: case,
quotes, dashes, spaces, ligatures, full-width forms, vowel points and
look-alike letters are folded; numbers are kept to the digit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dedup.kernels.tokens import write_keys
from dedup.normaliser.table import load


def make_keys(
    texts: pa.LargeStringArray, starts: NDArray[np.int64] | None = None
) -> tuple[pa.LargeBinaryArray, pa.LargeBinaryArray]:
    """Make the keys of a batch of readable texts.

    Parameters
    ----------
    texts : pyarrow.LargeStringArray, shape (n,)
        Readable texts in NFC; null counts as empty.
    starts : numpy.ndarray of int64, shape (n,), optional
        Byte offset in each text where its key begins.

    Returns
    -------
    keys : pyarrow.LargeBinaryArray, shape (n,)
        UTF-8 tokens joined by single spaces.
    classes : pyarrow.LargeBinaryArray, shape (n,)
        One byte per token, bits ``TOKEN_*`` of `dedup.flags`.

    Examples
    --------
    >>> keys, classes = make_keys(pa.array(["Toll rises to 1,200, ministry says"], pa.large_string()))
    >>> keys[0].as_py()
    b'toll rises to 1200 ministry says'
    """
    n_docs = len(texts)
    if starts is None:
        starts = np.zeros(n_docs, np.int64)
    data, offsets = utf8_buffers(texts)
    table = load()
    # Keys of spaced scripts are shorter than their texts, unspaced ones grow by a third; more is rare.
    key = np.empty(len(data) + len(data) // 3 + 4096, np.uint8)
    classes = np.empty(len(data) // 3 + 4096, np.uint8)
    key_offsets = np.zeros(n_docs + 1, np.int64)
    class_offsets = np.zeros(n_docs + 1, np.int64)
    done = 0
    while True:
        done = write_keys(
            data, offsets, starts, done, table["kinds"], table["fold_at"], table["fold_size"], table["folds"],
            table["to_latin"], table["to_cyrillic"], key, key_offsets, classes, class_offsets,
        )  # fmt: skip
        if done == n_docs:
            break
        key = np.concatenate([key, np.empty(len(key), np.uint8)])
        classes = np.concatenate([classes, np.empty(len(classes), np.uint8)])
    return (
        binary_array(key[: key_offsets[-1]], key_offsets),
        binary_array(classes[: class_offsets[-1]], class_offsets),
    )


def make_key(text: str, start: int = 0) -> tuple[str, bytes]:
    """Make the key of one readable text from the character `start` on.

    Examples
    --------
    >>> make_key("Die Straße “heißt” wie früher")[0]
    'die strasse heisst wie fruher'
    """
    keys, classes = make_keys(pa.array([text[start:]], pa.large_string()))
    return keys[0].as_py().decode(), classes[0].as_py()


def utf8_buffers(texts: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes and the int64 offsets, shape (n + 1,), of a large_string or large_binary array."""
    _, offsets, data = texts.buffers()
    positions: NDArray[Any] = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    # Arrow's own buffers can't be written to and NumPy's can: kernels would be compiled for either.
    raw.flags.writeable = False
    return raw, positions


def binary_array(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> pa.LargeBinaryArray:
    """Wrap bytes and offsets as an Arrow array without copying."""
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
