"""All kernels at hand before anything is forked: else each worker would compile, or load, its own."""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache

from dedup.kernels.cache import is_cold

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
    # About half of the compiler's work is for aligned pairs.
    helper = _fork(_align)
    deduplicate(_records(_STRANGERS))
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


def _align() -> None:
    from dedup.verify import View
    from dedup.verify.align import survey

    survey(View(b"the toll rose to 12", bytes([6, 0, 0, 0, 1])), View(b"the toll is 14", bytes([6, 0, 0, 1])))
