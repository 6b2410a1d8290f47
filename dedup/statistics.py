"""What a corpus says about itself, frozen in a file: all that a verdict may hang on besides the two records.

A batch run learns it and writes it; an index, a run against an archive and
the distributed engine read it, and so come to the same answers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup.config import Config
from dedup.errors import DataError, UsageError
from dedup.ordering import changes

SCHEMA = 1
# A line in so many documents of one source, after the exact collapse, is the house's and not the
# article's. A story's own takes and corrections stay well below it.
HOUSE_DOCUMENTS = 12


@dataclass(frozen=True, slots=True)
class Statistics:
    """Frozen statistics of a corpus.

    ``house`` holds the hashes of house lines, uint64, sorted; ``n_docs`` tells
    from how many documents they were learned; ``bands`` and ``rows`` are those
    of the run.
    """

    house: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    n_docs: int = 0
    bands: int = 0
    rows: int = 0

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that differ where any verdict could.

        Examples
        --------
        >>> Statistics().fingerprint() == Statistics(n_docs=0).fingerprint()
        True
        """
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return the content as JSON types; hashes in hexadecimal, since JSON numbers lose digits."""
        return {
            "schema": SCHEMA,
            "n_docs": self.n_docs,
            "bands": self.bands,
            "rows": self.rows,
            "house": [f"{value:016x}" for value in self.house.tolist()],
        }


def learn(
    lines: NDArray[np.uint64], documents: NDArray[np.int64], sources: NDArray[np.int32], config: Config
) -> Statistics:
    """Learn house text from the lines of a corpus.

    Parameters
    ----------
    lines : numpy.ndarray of uint64, shape (n_lines,)
        Hash of each line; 0 stands for lines that can't be house text, those with numbers.
    documents : numpy.ndarray of int64, shape (n_lines,)
        The document that each line stands in.
    sources : numpy.ndarray of int32, shape (n_docs,)
        Number of each document's source, -1 for none.
    config : Config
        Its bands and rows are recorded.

    Examples
    --------
    >>> lines = np.full(12, 7, np.uint64)
    >>> learn(lines, np.arange(12), np.zeros(12, np.int32), Config()).house.tolist()
    [7]
    """
    n_docs = len(sources)
    lines, documents = lines[lines != 0], documents[lines != 0]
    order = np.lexsort((documents, sources[documents], lines)) if len(lines) else np.empty(0, np.int64)
    line, document = lines[order], documents[order]
    source = sources[document] if len(lines) else np.empty(0, np.int32)
    once = changes(line, source, document)
    line, source = line[once], source[once]
    starts = np.flatnonzero(changes(line, source))
    counts = np.diff(np.append(starts, len(line)))
    house = np.unique(line[starts[counts >= HOUSE_DOCUMENTS]])
    return Statistics(house, n_docs, config.candidates.bands, config.candidates.rows)


def load(path: str) -> Statistics:
    """Read a statistics file.

    Raises
    ------
    UsageError
        If there is no such file.
    DataError
        If it is not a statistics file, or one of a later version.
    """
    try:
        content = json.loads(Path(path).read_bytes())
        if content["schema"] != SCHEMA:
            raise DataError(
                f"statistics of schema {content['schema']}, this program reads {SCHEMA}",
                where=path,
                remedy="make the file anew with --statistics",
            )
        house = np.array([int(value, 16) for value in content["house"]], np.uint64)
        return Statistics(
            np.unique(house), int(content["n_docs"]), int(content["bands"]), int(content["rows"])
        )
    except FileNotFoundError as error:
        raise UsageError("no such statistics file", where=path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("not a statistics file", where=path, remedy="make it with --statistics") from error
