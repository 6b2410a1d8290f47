"""All kernels at hand before anything is forked: else each worker would compile, or load, its own."""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from dedup.kernels.cache import is_cold

if TYPE_CHECKING:
    from dedup.verify import Tokens
    from dedup.verify.align import Surveys


def _sentences(n: int) -> str:
    return " ".join(f"Word{number} stands in its {number}th place." for number in range(n))


_TEXT = _sentences(40)
# Two that meet by a stretch that both have, but are told apart by their shingles alone …
STRANGERS = (
    _sentences(80),
    " ".join(f"Guest{number} sits elsewhere." for number in range(200)) + _sentences(80)[:285],
)
# … and two that must be aligned.
_TWINS = (_TEXT, _TEXT + " One more.")


@cache
def warm() -> None:
    """Load all kernels that a run needs; where none is compiled yet, compile them, on two cores."""
    from dedup.pipeline.library import deduplicate

    if is_cold() and sys.platform == "linux" and (os.cpu_count() or 1) > 1:
        # About half of the compiler's work is to align pairs.
        helper = _fork(_align)
        deduplicate(_records(STRANGERS))
        _settle()
        helper.join()
    deduplicate(_records(_TWINS))
    _mark_house()


def _records(texts: tuple[str, ...]) -> list[dict[str, object]]:
    return [{"id": number, "text": text} for number, text in enumerate(texts)]


def _fork(function: Callable[[], None]) -> multiprocessing.process.BaseProcess:
    helper = multiprocessing.get_context("fork").Process(
        target=_help, args=(function, os.getpid()), daemon=True
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
        helper.start()
    return helper


def _help(function: Callable[[], None], parent: int) -> None:
    from dedup.pipeline.workers import begin_worker

    begin_worker(parent)
    function()


def _settle() -> None:
    import numpy as np

    from dedup.verify.evidence import settle

    settle(_two_surveyed(), np.array([0]), np.ones(1), np.ones((1, 2)), ocr=False)


def _mark_house() -> None:
    """Mark house lines, of which two texts have none."""
    import numpy as np

    _two_words().mark_house(np.zeros(1, np.uint64))


def _align() -> None:
    import numpy as np

    from dedup.kernels.equals import N_COLUMNS
    from dedup.verify import View
    from dedup.verify.align import survey_pairs
    from dedup.verify.evidence import sum_up

    two = _two_words()
    none = np.array([False]), np.zeros(0, np.uint8)
    next(survey_pairs(two, np.array([0]), np.array([1]), *none))
    views, rest, rows = (
        (View.of(two, 0), View.of(two, 1)),
        np.zeros(2, np.bool_),
        np.zeros((1, N_COLUMNS), np.int32),
    )
    sum_up([views], _two_surveyed(), np.array([0]), np.ones(1), np.ones((1, 2)), rest, rows)


def _two_surveyed() -> Surveys:
    """Return the survey of two words that differ."""
    import numpy as np

    from dedup.verify.align import Surveys

    one, both = np.array([0]), np.array([0, 1])
    gaps = np.array([[0, 1, 0, 1]], np.int32)
    return Surveys(
        _two_words(), one, one + 1, np.ones(2, np.uint8), 2 * both, gaps, both, [[0]], windowed=False
    )


def _two_words() -> Tokens:
    """Return tokens made by hand: the kernel that reads them is compiled by the other process."""
    import numpy as np

    from dedup.verify import Tokens

    key, classes = np.frombuffer(b"wordword", np.uint8), np.frombuffer(b"\0\0", np.uint8)
    hashes, meanings, starts = np.zeros(2, np.uint64), np.zeros(2, np.uint16), np.zeros(2, np.uint32)
    return Tokens(
        key, np.array([0, 4, 8]), classes, np.array([0, 1, 2]), hashes, hashes, meanings, starts,
        ["names", "names"], [False, False],
    )  # fmt: skip
