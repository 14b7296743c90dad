"""How a worker of a stream uses its memory: it runs for weeks, with the client library's threads beside its own.

Scans look rarely for garbage in circles and let one thread run for long, see `supervisor.settle_heap`. Here both would
be wrong. The client library leaves each request and its answer in a circle, so what a fetch brought stays until
somebody looks; and its threads, which do the waiting for brokers, have to get their turn.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys

_GARBAGE_OBJECTS = 2_000
"""Circles of the client library are found after so many new objects: a few fetches."""
_SWITCH_SECONDS = 0.001
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ARENAS = 2
"""Pools that the C library takes small pieces from. By default it has eight a processor, each of which keeps the most
that its threads ever needed at once."""
_LARGE_BYTES = 128 << 10
"""Pieces from this size on, as fetches and batches are, go back to the system as soon as they are free."""


def settle_stream() -> None:
    """Call it in a worker, before it has threads. Where the C library is not glibc, memory is left as it is."""
    gc.set_threshold(_GARBAGE_OBJECTS, 10, 10)
    sys.setswitchinterval(_SWITCH_SECONDS)
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, _ARENAS)
        # Said once, it stays: else it grows to the largest piece that was ever freed.
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, 2 * _LARGE_BYTES)


def give_back() -> None:
    """Return to the system what compiling the rules left free, before workers are forked that would share it."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
