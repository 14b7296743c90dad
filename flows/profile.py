"""`gossip scan --profile`: what is measured where, and the table of it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gossip.flows.supervisor import Farewell
from gossip.operators.profile import INFLATE, PHASES, START, Profile, Spent

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNTIME = "runtime"
TOTAL = "total"
_STARTED_FIELD = 19
"""Of /proc/PID/stat, after the name: when the process began, in ticks since the machine did."""


def profile_of_run() -> Profile:
    """A profile of this process, which has started up and does nothing yet. Its children begin their own.

    Git's packs are read by code that knows of no profile: their two costly calls are measured from here.
    """
    from gossip.connectors.git.packs.pack import Pack

    profile = Profile()
    profile.add(START, time.process_time(), _seconds_since_start())
    for name in ("inflate", "resolve"):
        setattr(Pack, name, profile.timed(INFLATE, getattr(Pack, name)))
    return profile


def _seconds_since_start() -> float:
    try:
        fields = Path("/proc/self/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        begun = int(fields[_STARTED_FIELD]) / os.sysconf("SC_CLK_TCK")
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - begun, 0.0)
    except (OSError, ValueError, IndexError, AttributeError):
        return time.process_time()  # no such file on this system: the least that it can have been


class Profiles:
    """The profiles of a run's processes, of which this one has the first."""

    def __init__(self, own: Profile) -> None:
        self._own = own
        self._children: list[Spent] = []

    def farewell(self) -> Farewell:
        """How the children tell."""
        return Farewell(lambda number: self._own.spent(f"process {number}"), self._children.append)

    def table(self) -> str:
        """What all of them spent."""
        children = sorted(self._children, key=lambda spent: spent.process)
        return table([*children, self._own.spent("parent" if children else "process")])


def table(processes: Sequence[Spent]) -> str:
    """CPU and wall seconds by phase, process by process and in all, and each phase's part of the CPU time.

    `runtime` is what no phase has: of the CPU time, the dataflow, pickling and supervision; of the wall time, waiting
    as well.
    """
    heads = [spent.process for spent in processes]
    lines = [_line("", [f"{head:>15}" for head in (*heads, "all")]) + "  of CPU"]
    lines.append(_line("phase", [f"{'cpu s':>8}{'wall':>7}"] * (len(heads) + 1)))
    all_cpu = sum(spent.total_cpu for spent in processes)
    rows = [(name, [(s.cpu.get(name, 0.0), s.wall.get(name, 0.0)) for s in processes]) for name in PHASES]
    rest = [(s.total_cpu - sum(s.cpu.values()), s.total_wall - sum(s.wall.values())) for s in processes]
    rows.append((RUNTIME, [(max(cpu, 0.0), max(wall, 0.0)) for cpu, wall in rest]))
    rows.append((TOTAL, [(s.total_cpu, s.total_wall) for s in processes]))
    for name, figures in rows:
        whole = (sum(cpu for cpu, _ in figures), sum(wall for _, wall in figures))
        if name in (RUNTIME, TOTAL) or any(whole):
            share = f"{100 * whole[0] / all_cpu:7.1f}%" if all_cpu else ""
            lines.append(_line(name, [f"{cpu:8.2f}{wall:7.2f}" for cpu, wall in (*figures, whole)]) + share)
    return "\n".join(lines) + "\n"


def _line(name: str, cells: list[str]) -> str:
    return f"{name:<10}" + "".join(cells)
