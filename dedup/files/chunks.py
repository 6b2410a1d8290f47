"""What a source hands out: chunks of whole records, and the checks that both passes see the same."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dedup.errors import DataError, SystemFailure, UsageError
from dedup.files.raw import RawInput

if TYPE_CHECKING:
    import pyarrow as pa

# Larger chunks fall out of the processor caches: 4 MB took 1.3 times as long as 1 MB.
TARGET_BYTES = 1 << 20
# Of a record over the limit, this much is kept for the quarantine file.
HEAD_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Fields:
    """The names of the fields that hold what; None where there is no such field."""

    text: str
    id: str | None = None
    title: str | None = None
    source: str | None = None
    date: str | None = None
    url: str | None = None

    def names(self) -> list[str]:
        """Return the distinct field names, text first.

        Examples
        --------
        >>> Fields(text="body", id="url", url="url").names()
        ['body', 'url']
        """
        found = (self.text, self.id, self.title, self.source, self.date, self.url)
        return list(dict.fromkeys(name for name in found if name is not None))

    def describe(self) -> str:
        """Return what was found, in one line.

        Examples
        --------
        >>> Fields(text="body", id="guid").describe()
        'text=body, id=guid'
        """
        return ", ".join(f"{role}={name}" for role, name in asdict(self).items() if name is not None)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole records of one source; can be pickled and parsed without the source.

    ``offset`` counts bytes in the decompressed stream (-1 if columnar). When
    ``reason`` is set, the chunk is one bad record of ``record_length`` bytes,
    of which ``payload`` holds at most the first 64 kB. ``check`` is a check
    value of the payload's ``n_bytes`` bytes. Where these stand in a file as
    they are, ``stored`` is its path: then they are not pickled, and ``parse``
    reads them for itself.
    """

    source_index: int
    ordinal: int
    payload: bytes | pa.RecordBatch
    first_line: int
    offset: int
    file: str
    format: str
    header: tuple[str, ...] = ()
    delimiter: str = ""
    reason: str | None = None
    record_length: int = 0
    n_bytes: int = 0
    check: int = 0
    stored: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Chunk, tuple((values if self.stored is None else values | {"payload": b""}).values())

    def whole(self) -> Chunk:
        """Return the chunk with its bytes, read again if they were left behind.

        Raises
        ------
        SystemFailure
            If they are not those of the first reading.
        """
        if self.stored is None or self.payload:
            return self
        try:
            with Path(self.stored).open("rb", buffering=0) as file:
                file.seek(self.offset)
                payload = file.read(self.n_bytes)
        except OSError as error:
            raise changed(self.file) from error
        if zlib.crc32(payload) != self.check:
            raise changed(self.file)
        return replace(self, payload=payload)


class Source:
    """One input: a file, standard input, or a folder of text files.

    ``sha256`` and ``size_bytes`` describe the raw input bytes and are there
    after the first pass. For a text folder the digest covers, file by file,
    the relative path and the content.
    """

    format: str
    columns: Any = None
    resolved: Fields | None = None

    def __init__(self, raw: RawInput, index: int) -> None:
        self.raw = raw
        self.name = raw.name
        self.index = index
        self.sha256: str | None = None
        self.size_bytes: int | None = None
        self._checks: list[int] = []
        self._stored: list[Chunk] = []  # without payloads, where these can be read again

    @property
    def path(self) -> Path | None:
        """The file or folder on disk, None for standard input."""
        return self.raw.path

    def paths(self) -> list[Path]:
        """Return the files on disk that this source reads."""
        return [] if self.path is None or self.raw.is_stream else [self.path]

    def use_fields(self, fields: Fields) -> None:
        """Take note of the fields that serve a purpose."""
        self.resolved = fields

    def fields(self) -> list[str]:
        """Return the names of the fields there are."""
        raise NotImplementedError

    def chunks(self, target_bytes: int = TARGET_BYTES) -> Iterator[Chunk]:
        """Yield the source's records for the first time, remembering each chunk's check value and place.

        Raises
        ------
        DataError
            If the file is truncated, corrupt or unfolds beyond the limit.
        SystemFailure
            If it can't be read, or changes while it is read.
        """
        self._checks, self._stored = [], []
        self._target_bytes = target_bytes
        self.raw.restart(digest=True)
        for chunk in self._read(target_bytes, again=False):
            self._checks.append(self._check(chunk))
            if chunk.stored is not None:
                self._stored.append(replace(chunk, payload=b""))
            yield chunk
        self.raw.require_unchanged()
        self._seal()

    def chunks_again(self) -> Iterator[Chunk]:
        """Yield exactly the chunks of the first pass once more.

        Raises
        ------
        SystemFailure
            If the input has changed since.
        """
        self.raw.require_unchanged()
        if len(self._stored) == len(self._checks):
            # Where they begin and end is known: no line end need be looked for.
            yield from map(Chunk.whole, self._stored)
        else:
            yield from self._read_again()
        self.raw.require_unchanged()

    def _read_again(self) -> Iterator[Chunk]:
        self.raw.restart(digest=False)
        number = 0
        try:
            for chunk in self._read(self._target_bytes, again=True):
                if number >= len(self._checks) or self._checks[number] != self._check(chunk):
                    raise changed(self.name)
                number += 1
                yield chunk
        except (DataError, UsageError) as error:
            # What could be read once and can't be read now has changed.
            raise changed(self.name) from error
        if number != len(self._checks):
            raise changed(self.name)

    def _read(self, target_bytes: int, *, again: bool) -> Iterator[Chunk]:
        raise NotImplementedError

    def _seal(self) -> None:
        self.sha256, self.size_bytes = self.raw.digest()

    def _check(self, chunk: Chunk) -> int:
        return chunk.check ^ chunk.record_length

    def _chunk(
        self, ordinal: int, payload: bytes | pa.RecordBatch, line: int, offset: int, **more: Any
    ) -> Chunk:
        if isinstance(payload, bytes):
            more |= {"n_bytes": len(payload), "check": zlib.crc32(payload), "stored": self.raw.plain_path}
        return Chunk(self.index, ordinal, payload, line, offset, self.name, self.format, **more)


def changed(name: str) -> SystemFailure:
    """Return the error for an input that is not what it was in the first pass."""
    return SystemFailure(
        "input changed during the run", where=name, remedy="run again when nothing writes to it, or on a copy"
    )


def over_limit(length: int, limit: int) -> str:
    """Return the reason for a record that is too large."""
    return f"record of {length} bytes is over the limit of {limit}"


def same_file(left: str | os.PathLike[str], right: str | os.PathLike[str]) -> bool:
    """Tell whether two paths are one file or folder, also through symbolic and hard links."""
    try:
        return Path(left).samefile(right)
    except OSError:
        return Path(left).resolve() == Path(right).resolve()
