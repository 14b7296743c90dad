"""Rounds of targets that are scanned again and again, known to all processes of one machine.

A dataflow has no way back: the lane that planned a target never hears that its last unit was committed. So both look at
one piece of shared memory. A target's next round begins after its last one ended; the operators that gather what
belongs to a target therefore never see two of its rounds at once.
"""

from __future__ import annotations

import mmap
from struct import calcsize

_CELL = calcsize("q")
_STOP, _HEADER = 0, 1
_BEGUN, _ENDED, _LOST, _PER_TARGET = 0, 1, 2, 3


class Rounds:
    """Counters in memory that forked processes share: each cell has one writer, and is read and written whole.

    Make it before the processes are forked. `twins`: targets that are the same thing as another one.
    """

    def __init__(self, targets: int, twins: frozenset[int] = frozenset()) -> None:
        self.twins = twins
        self._memory = mmap.mmap(-1, _CELL * (_HEADER + _PER_TARGET * targets))
        self._cells = memoryview(self._memory).cast("q")

    def begin(self, target: int) -> None:
        """The lane of a target plans it. What sources of it know is out of date."""
        self._cells[_at(target, _BEGUN)] += 1

    def end(self, target: int, *, lost: bool = False) -> None:
        """All that the round gave was committed. `lost`: another round may be able to read more."""
        self._cells[_at(target, _LOST)] = lost
        self._cells[_at(target, _ENDED)] = self.current(target)

    def current(self, target: int) -> int:
        """Number of the target's last round, from 1; 0 before the first."""
        return self._cells[_at(target, _BEGUN)]

    def running(self, target: int) -> bool:
        """Whether the target's last round has not ended."""
        return self._cells[_at(target, _ENDED)] != self.current(target)

    def lost(self, target: int) -> bool:
        """What `end` was told last."""
        return bool(self._cells[_at(target, _LOST)])

    def stop(self) -> None:
        """Let lanes plan nothing more: what was planned is scanned and committed, then the flow ends."""
        self._cells[_STOP] = 1

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called, in whatever process."""
        return bool(self._cells[_STOP])


def _at(target: int, cell: int) -> int:
    return _HEADER + _PER_TARGET * target + cell
