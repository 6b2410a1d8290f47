"""One map over tasks, inline or on worker processes, with results in the order of the tasks."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import multiprocessing
import os
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from dedup.errors import SystemFailure
from dedup.pipeline.memory import keep_freed

Task = TypeVar("Task")
Shared = TypeVar("Shared")
Answer = TypeVar("Answer")

# Fewer tasks than this are done sooner than a pool is started.
_WORTH_A_POOL = 3
# Fewer tasks of a few milliseconds than this are done before new processes are there.
_WORTH_FORKING = 16
_ANSWER_BYTES = 1 << 20
_FORKS = sys.platform == "linux"
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


class Crew:
    """Run functions of one task over many tasks on up to `n_workers` processes.

    Processes are forked where that is safe (Linux), so that they share the
    loaded libraries; elsewhere they are spawned.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = max(1, n_workers)
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[Answer]:
        """Yield `function(task)` for each task, in order, a bounded number ahead."""
        iterator = iter(tasks)
        head = list(itertools.islice(iterator, _WORTH_A_POOL)) if self._pool is None else []
        if self.n_workers == 1 or (self._pool is None and len(head) < _WORTH_A_POOL):
            yield from map(function, itertools.chain(head, iterator))
            return
        pool = self._start()
        waiting: deque[Future[Answer]] = deque()
        try:
            for task in itertools.chain(head, iterator):
                waiting.append(pool.submit(function, task))
                if len(waiting) > 2 * self.n_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise SystemFailure(
                "a worker process was killed",
                remedy="give it less to hold: fewer --workers, or a lower --memory",
            ) from error
        finally:
            for future in waiting:
                future.cancel()

    def map_shared(
        self, function: Callable[[Shared, Task], Answer], shared: Shared, tasks: Sequence[Task]
    ) -> Iterator[Answer]:
        """Yield `function(shared, task)` for each task, in order.

        New processes inherit `shared`, whatever its size, without a copy;
        where they can't be forked, or for few tasks, none are made.
        """
        if not _FORKS or self.n_workers == 1 or len(tasks) < _WORTH_FORKING:
            yield from (function(shared, task) for task in tasks)
            return
        self._dismiss()
        _INHERITED.append(shared)
        try:
            yield from self.map(partial(_with_inherited, function), tasks)
        finally:
            _INHERITED.clear()
            self._dismiss()

    def rest(self) -> None:
        """End the processes, and with them what they hold, where new ones for further tasks are cheap."""
        if _FORKS:
            self._dismiss()

    def _dismiss(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _start(self) -> ProcessPoolExecutor:
        if self._pool is None:
            from dedup.pipeline.warming import warm

            warm()
            method = "fork" if _FORKS else "spawn"
            self._pool = _Pool(
                self.n_workers,
                mp_context=multiprocessing.get_context(method),
                initializer=begin_worker,
                initargs=(os.getpid(),),
            )
        return self._pool

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dismiss()


_INHERITED: list[Any] = []


def _with_inherited(function: Callable[[Any, Task], Answer], task: Task) -> Answer:
    return function(_INHERITED[0], task)


class _Pool(ProcessPoolExecutor):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # An answer larger than the pipe's 64 kB keeps its worker until it is fetched: a third of its time.
        with contextlib.suppress(AttributeError, ImportError, OSError):
            import fcntl

            answers: Any = self._result_queue
            fcntl.fcntl(answers._reader.fileno(), fcntl.F_SETPIPE_SZ, _ANSWER_BYTES)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with warnings.catch_warnings():
            # The threads that Python warns of are those of the linear algebra library, asleep and fork-aware.
            warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
            return super().submit(fn, *args, **kwargs)


def begin_worker(parent: int) -> None:
    """Keep freed memory, leave Ctrl-C to the parent, and end when the parent is gone, however it ended."""
    keep_freed()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
