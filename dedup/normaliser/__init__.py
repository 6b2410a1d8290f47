"""Text to text: the readable form of an article, and the key it is compared by.

The readable text is what a user gets back: characters repaired, the repeated
headline and page furniture gone, wording, case, numbers and dateline untouched.
The key is what is compared. `cleaning` shows the steps in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dedup.flags import flag_names
from dedup.normaliser.cleaning import Cleaned, clean
from dedup.normaliser.leading import leading_matter
from dedup.normaliser.stubs import is_stub
from dedup.records import Normalised

if TYPE_CHECKING:
    import pyarrow as pa

    from dedup.normaliser.batch import CleanedBatch

__all__ = ["Cleaned", "clean", "clean_batch", "is_stub", "leading_matter", "normalise"]


def clean_batch(texts: pa.LargeStringArray, titles: pa.LargeStringArray | None = None) -> CleanedBatch:
    """Clean a column of texts; see `dedup.normaliser.batch.clean_batch`, loaded here on first use."""
    from dedup.normaliser.batch import clean_batch as run

    return run(texts, titles)


def normalise(text: str, *, title: str | None = None) -> Normalised:
    """Return a text in its readable form and in the form it is compared by.

    Parameters
    ----------
    text : str
        The text as it came.
    title : str, optional
        Its title; tells a repeated headline from other lines.

    Returns
    -------
    Normalised
        ``readable``, ``key``, what was removed, and the names of the flags.

    Examples
    --------
    >>> normalised = normalise("BEIRUT (Reuters) - Toll rises to 1,200, ministry&#8217;s office says.")
    >>> normalised.readable
    'BEIRUT (Reuters) - Toll rises to 1,200, ministry’s office says.'
    >>> normalised.key
    'toll rises to 1200 ministrys office says'
    """
    import pyarrow as pa

    from dedup.normaliser.key import make_keys

    cleaned = clean(text, title=title)
    # Lone surrogates are gone by now, unless the text did not settle; a key has no use for them.
    body = cleaned.readable[cleaned.key_start :].encode("utf-8", "ignore").decode()
    keys, _ = make_keys(pa.array([body], pa.large_string()))
    return Normalised(cleaned.readable, keys[0].as_py().decode(), cleaned.removed, flag_names(cleaned.flags))
