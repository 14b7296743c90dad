"""What every sink keeps: a commit lane and a report alike. A test module gives a fixture `sink` and inherits.

A sink takes numbered items. What is durable can be read back, in the order in which it was taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

ITEMS = 12


class Run(Protocol):
    """One execution of a sink."""

    def take(self, number: int) -> None:
        """Take an item."""

    def commit(self) -> None:
        """Make what was taken durable."""

    def die(self) -> None:
        """End without a commit, as a process that is killed."""


@dataclass
class Sink:
    """A sink under test."""

    open: Callable[[], Run]
    """A new execution on what earlier ones left."""
    durable: Callable[[], list[int]]
    """The items that a reader has, in order, repetitions included."""


class SinkContract:
    """Needs a fixture `sink`."""

    def test_order_and_completeness(self, sink: Sink) -> None:
        """Everything once, in order."""
        run = sink.open()
        for number in range(ITEMS):
            run.take(number)
        run.commit()
        assert sink.durable() == list(range(ITEMS))

    def test_all_or_nothing(self, sink: Sink) -> None:
        """What was not committed is not there; what was committed before still is."""
        first = sink.open()
        first.take(0)
        first.commit()
        second = sink.open()
        second.take(0)
        second.take(1)
        second.die()
        assert sink.durable() == [0]

    def test_replay(self, sink: Sink) -> None:
        """An execution that takes everything anew leaves everything once."""
        for _ in range(3):
            run = sink.open()
            for number in range(ITEMS):
                run.take(number)
            run.commit()
        assert sink.durable() == list(range(ITEMS))

    def test_restart_at_any_point(self, sink: Sink) -> None:
        """Killed after any number of items, the next execution begins at the first item and loses none."""
        for end in range(ITEMS):
            run = sink.open()
            for number in range(end):
                run.take(number)
            run.die()
        run = sink.open()
        for number in range(ITEMS):
            run.take(number)
        run.commit()
        assert sink.durable() == list(range(ITEMS))
