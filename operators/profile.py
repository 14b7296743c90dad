"""Where a run's time goes: phases of one process, each with its own CPU and wall time.

Phases may lie in one another: what passes in an inner one is not the outer one's. Whoever is not asked for a profile
has none, and pays for a comparison with None a batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
X = TypeVar("X")

START, ENUMERATE, READ, INFLATE, CONTENT, MATCH, CONFIRM, ATTRIBUTE, COMMIT, OUTPUT = (
    "start-up",
    "enumerate",
    "read",
    "inflate",
    "content",
    "match",
    "confirm",
    "attribute",
    "commit",
    "output",
)
PHASES = (START, ENUMERATE, READ, INFLATE, CONTENT, MATCH, CONFIRM, ATTRIBUTE, COMMIT, OUTPUT)

_END: Any = object()

Clock = Callable[[], float]


@dataclass(slots=True)
class Spent:
    """What one process spent, in seconds."""

    process: str
    cpu: dict[str, float] = field(default_factory=dict)
    """By phase."""
    wall: dict[str, float] = field(default_factory=dict)
    total_cpu: float = 0.0
    """Of all its threads; what no phase has is the runtime's: dataflow, pickling, supervision."""
    total_wall: float = 0.0


class Profile:
    """Measures one process with one working thread. Made before a fork, it is each child's own after `restart`."""

    def __init__(
        self, cpu: Clock = time.thread_time, wall: Clock = time.perf_counter, total: Clock = time.process_time
    ) -> None:
        self._cpu_clock, self._wall_clock, self._total_clock = cpu, wall, total
        self.restart()

    def restart(self) -> None:
        """Forget everything: a process begins."""
        self._cpu: dict[str, float] = {}
        self._wall: dict[str, float] = {}
        self._stack: list[str] = []
        self._since = (0.0, 0.0)
        self._begun = self._wall_clock()

    def add(self, phase: str, cpu: float, wall: float) -> None:
        """Charge a phase with what was measured elsewhere. It is not part of the time since `restart`."""
        self._cpu[phase] = self._cpu.get(phase, 0.0) + cpu
        self._wall[phase] = self._wall.get(phase, 0.0) + wall
        self._begun -= wall

    def _turn(self) -> None:
        """Charge what passed since the last turn to the innermost phase."""
        now = (self._cpu_clock(), self._wall_clock())
        if self._stack:
            phase = self._stack[-1]
            self._cpu[phase] = self._cpu.get(phase, 0.0) + now[0] - self._since[0]
            self._wall[phase] = self._wall.get(phase, 0.0) + now[1] - self._since[1]
        self._since = now

    def phase(self, name: str) -> _Phase:
        """A context that belongs to a phase."""
        return _Phase(self, name)

    def enter(self, name: str) -> None:
        """A phase begins."""
        self._turn()
        self._stack.append(name)

    def leave(self) -> None:
        """The innermost phase ends."""
        self._turn()
        self._stack.pop()

    def timed(self, name: str, work: Callable[P, R]) -> Callable[P, R]:
        """The same function, whose calls belong to a phase."""

        @wraps(work)
        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            self.enter(name)
            try:
                return work(*args, **kwargs)
            finally:
                self.leave()

        return measured

    def iterated(self, name: str, work: Callable[P, Iterator[X]]) -> Callable[P, Iterator[X]]:
        """The same generator function; what happens inside it belongs to a phase, what its reader does does not."""

        @wraps(work)
        def measured(*args: P.args, **kwargs: P.kwargs) -> Iterator[X]:
            items = work(*args, **kwargs)
            while True:
                with self.phase(name):
                    item = next(items, _END)
                if item is _END:
                    return
                yield item

        return measured

    def spent(self, process: str) -> Spent:
        """What was measured so far."""
        wall = self._wall_clock() - self._begun
        return Spent(process, dict(self._cpu), dict(self._wall), self._total_clock(), wall)


class _Phase:
    def __init__(self, profile: Profile, name: str) -> None:
        self._profile = profile
        self._name = name

    def __enter__(self) -> None:
        self._profile.enter(self._name)

    def __exit__(self, *_: object) -> None:
        self._profile.leave()


def phase_of(profile: Profile | None, name: str) -> AbstractContextManager[None]:
    """A context that belongs to a phase, if anybody measures."""
    return nullcontext() if profile is None else profile.phase(name)
