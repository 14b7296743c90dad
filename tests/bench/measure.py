"""Runs one program and measures it: wall time, CPU time, and the memory of all its processes together."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import psutil  # type: ignore[import-untyped, unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SAMPLE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of a program."""

    wall_seconds: float
    cpu_seconds: float
    """User and system time of the program and of all descendants that were waited for."""
    pss_bytes_max: int
    """Highest sum, over the processes of a sample, of proportional set sizes: shared pages count once. 0 if unknown."""
    rss_bytes_max: int
    """Highest sum of resident set sizes: pages that processes share are counted in each."""
    exit_code: int
    samples: int


@dataclass(slots=True)
class _Peaks:
    pss: int = 0
    rss: int = 0
    samples: int = 0

    def sample(self, root: psutil.Process) -> None:
        """Add up the memory of a process and its descendants as they are now."""
        try:
            processes = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        pss = rss = 0
        for process in processes:
            try:
                info = process.memory_full_info()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue  # Ended between the listing and the reading.
            except psutil.AccessDenied:
                info = process.memory_info()
            rss += info.rss
            pss += getattr(info, "pss", 0)
        self.pss, self.rss, self.samples = max(self.pss, pss), max(self.rss, rss), self.samples + 1


def measure(
    command: Sequence[str], *, stdout: Path, stderr: Path, cwd: Path | None = None, timeout: float = 3600.0
) -> Measurement:
    """Run `command` to its end, its output in files. Past `timeout` it and its descendants are ended: TimeoutError."""
    with stdout.open("wb") as out, stderr.open("wb") as err:
        return _watch(command, out, err, cwd, timeout)


def _watch(command: Sequence[str], out: IO[bytes], err: IO[bytes], cwd: Path | None, timeout: float) -> Measurement:
    start = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd)
    peaks, process = _Peaks(), psutil.Process(child.pid)
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        if time.perf_counter() - start > timeout:
            _end(process)
            child.wait()
            raise TimeoutError(f"{command[0]} ran for more than {timeout:.0f} s")
        peaks.sample(process)
        time.sleep(SAMPLE_SECONDS)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)  # It was waited for here; Popen must not try again.
    cpu = usage.ru_utime + usage.ru_stime
    return Measurement(wall, cpu, peaks.pss, peaks.rss, child.returncode, peaks.samples)


def _end(root: psutil.Process) -> None:
    """End a process and its descendants."""
    for process in [*root.children(recursive=True), root]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def machine() -> str:
    """One line about where the numbers come from."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {sys.version.split()[0]}, {sys.platform}"
