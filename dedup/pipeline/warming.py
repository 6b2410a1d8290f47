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

# Two that meet but are told apart by their shingles alone, and two that must be aligned.
_TEXT = " ".join(f"Word{number} stands in its {number}th place." for number in range(40))
_STRANGERS = (_TEXT, " ".join(f"Guest{number} sits elsewhere." for number in range(200)) + _TEXT[:200])
_TWINS = (_TEXT, _TEXT + " One more.")


@cache
def warm() -> None:
    """Load all kernels that a run needs; where none is compiled yet, compile them, on two cores."""
    from dedup.pipeline.library import deduplicate

    if not is_cold() or sys.platform != "linux" or (os.cpu_count() or 1) < 2:
        deduplicate(_records(_TWINS))
        return
    # About half of the compiler's work is to align pairs.
    helper = _fork(_align)
    deduplicate(_records(_STRANGERS))
    _weigh()
    helper.join()
    deduplicate(_records(_TWINS))


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


def _weigh() -> None:
    import numpy as np

    from dedup.kernels.gaps import N_COUNTS
    from dedup.verify import View
    from dedup.verify.align import Surveys
    from dedup.verify.evidence import collect_pairs

    two = _two_words()
    one, both = np.array([0]), np.array([0, 1])
    surveys = Surveys(
        two, one, one + 1, np.ones(2, np.uint8), 2 * both, np.array([[0, 1, 0, 1]], np.int32), both,
        [[0] * N_COUNTS], windowed=False,
    )  # fmt: skip
    views = View.of(two, 0), View.of(two, 1)
    next(collect_pairs([views], surveys, [0], np.ones(1), np.ones((1, 2))))


def _align() -> None:
    import numpy as np

    from dedup.verify.align import survey_pairs

    none = np.array([False]), np.zeros(0, np.uint8)
    next(survey_pairs(_two_words(), np.array([0]), np.array([1]), *none))


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
