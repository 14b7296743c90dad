"""Memory of this process, for tests that run something in a process of its own."""

from __future__ import annotations

from pathlib import Path


def high_water_kib() -> int:
    """The most memory that this program had resident, in KiB.

    Not `getrusage`: there a process starts with the peak of the one that started it.
    """
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    msg = "no VmHWM in /proc/self/status"
    raise AssertionError(msg)
