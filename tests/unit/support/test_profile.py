"""The profile of a process: phases inside phases, functions, generators, and the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gossip.flows.profile import table
from gossip.operators.profile import CONFIRM, CONTENT, MATCH, READ, START, Profile, Spent, phase_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clocks:
    """CPU and wall clocks that a test moves."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def pass_(self, cpu: float, wall: float) -> None:
        """Time passes."""
        self.cpu += cpu
        self.wall += wall

    def profile(self) -> Profile:
        """A profile by these clocks; other threads of the process have spent one second."""
        return Profile(lambda: self.cpu, lambda: self.wall, lambda: self.cpu + 1.0)


def test_what_passes_inside_is_not_counted_outside() -> None:
    """Each moment belongs to the innermost phase, also when it ends by an exception."""
    clocks = Clocks()
    profile = clocks.profile()

    def search() -> None:
        clocks.pass_(2, 3)
        raise StopIteration

    with phase_of(profile, CONTENT):
        clocks.pass_(1, 1)
        with phase_of(profile, CONFIRM):
            clocks.pass_(4, 4)
            with pytest.raises(StopIteration):
                profile.timed(MATCH, search)()
            clocks.pass_(1, 2)
        clocks.pass_(1, 1)
    clocks.pass_(5, 7)
    wanted = Spent("p", {CONTENT: 2, CONFIRM: 5, MATCH: 2}, {CONTENT: 2, CONFIRM: 6, MATCH: 3}, 15, 18)
    assert profile.spent("p") == wanted


def test_a_generator_s_reader_is_not_in_its_phase() -> None:
    """Only the steps of the generator are."""
    clocks = Clocks()
    profile = clocks.profile()

    def documents(count: int) -> Iterator[int]:
        for number in range(count):
            clocks.pass_(1, 2)
            yield number

    seen = []
    for number in profile.iterated(READ, documents)(3):
        clocks.pass_(10, 10)
        seen.append(number)
    assert seen == [0, 1, 2]
    assert profile.spent("p") == Spent("p", {READ: 3}, {READ: 6}, 34, 36)


def test_a_child_begins_anew() -> None:
    """After `restart` nothing is left of the parent; what was added counts beside the time since."""
    clocks = Clocks()
    profile = clocks.profile()
    profile.enter(READ)
    clocks.pass_(1, 1)
    profile.restart()
    profile.add(START, 0.5, 0.75)
    clocks.pass_(1, 1)
    assert profile.spent("p") == Spent("p", {START: 0.5}, {START: 0.75}, 3, 1.75)


def test_nobody_measures() -> None:
    """Without a profile a phase is nothing."""
    with phase_of(None, READ):
        pass


def test_table() -> None:
    """Phases that took nothing anywhere are left out; what no phase has is the runtime's."""
    first = Spent("process 0", {MATCH: 3.0, READ: 1.0}, {MATCH: 3.25, READ: 1.0}, 5.0, 6.0)
    second = Spent("parent", {START: 0.5}, {START: 0.75}, 1.0, 8.0)
    assert table([first, second]).splitlines() == [
        "                process 0         parent            all  of CPU",
        "phase        cpu s   wall   cpu s   wall   cpu s   wall",
        "start-up      0.00   0.00    0.50   0.75    0.50   0.75    8.3%",
        "read          1.00   1.00    0.00   0.00    1.00   1.00   16.7%",
        "match         3.00   3.25    0.00   0.00    3.00   3.25   50.0%",
        "runtime       1.00   1.75    0.50   7.25    1.50   9.00   25.0%",
        "total         5.00   6.00    1.00   8.00    6.00  14.00  100.0%",
    ]
