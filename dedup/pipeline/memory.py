"""What the allocator keeps of freed memory, and when it is given back."""

from __future__ import annotations

import contextlib
import ctypes
import sys

import pyarrow as pa

# Each task makes arrays of 1 to 30 MB and frees them. By default the allocator returns such to the system at
# once, and getting them again costs a page fault for every 4 kB: 9 % of a run.
_HELD_BYTES = 256 << 20
_LARGE_BYTES = 32 << 20  # the most that glibc takes for a threshold
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_* of malloc.h


def keep_freed() -> None:
    """Let this process and those forked from it use freed arrays again instead of returning them."""
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # only glibc has it
            libc = ctypes.CDLL(None)
            libc.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
            libc.mallopt(_TRIM_THRESHOLD, _HELD_BYTES)


def give_back() -> None:
    """Return freed memory to the system: allocators keep it, and the peak of the next stage comes on top."""
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # only glibc has it
            ctypes.CDLL(None).malloc_trim(0)
