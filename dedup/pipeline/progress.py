"""Stages as they go by: seconds for the manifest, and a bar for whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

Step = Callable[[int], None]


class Bar(Protocol):
    """What shows progress; the command line brings one for terminals."""

    def begin(self, stage: str, total: int | None) -> None:
        """Show a new stage with so many steps, None when unknown."""

    def advance(self, steps: int) -> None:
        """Count steps done."""

    def end(self) -> None:
        """Finish the stage."""


class Progress:
    """Time the stages and tell a bar about them.

    Examples
    --------
    >>> progress = Progress()
    >>> with progress.stage("read") as step:
    ...     step(3)
    >>> list(progress.seconds)
    ['read']
    """

    def __init__(self, bar: Bar | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._bar = bar

    @contextmanager
    def stage(self, name: str, *, total: int | None = None) -> Iterator[Step]:
        """Time one stage; the value of the `with` takes the number of steps done."""
        begun = time.perf_counter()
        if self._bar:
            self._bar.begin(name, total)
        try:
            yield self._advance
        finally:
            elapsed_s = time.perf_counter() - begun
            self.seconds[name] = round(self.seconds.get(name, 0.0) + elapsed_s, 3)
            if self._bar:
                self._bar.end()

    def _advance(self, steps: int) -> None:
        if self._bar:
            self._bar.advance(steps)
