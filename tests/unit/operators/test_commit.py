"""The commit step: what leaves it is durable, in the order that records ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gossip.operators.commit import COMMIT_INTERVAL, CommitLogic
from gossip.operators.rounds import Rounds
from gossip.schemas.summary import Loss
from gossip.schemas.units import UnitResult
from tests.support.lake import unit

if TYPE_CHECKING:
    from gossip.schemas.finding import Finding
    from gossip.schemas.ledger import UnitRecord
    from gossip.schemas.protocols import Known

START = datetime(2026, 1, 1, tzinfo=UTC)


class _Lane:
    """Writes down what is asked of it."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def add(self, record: UnitRecord) -> list[Finding] | None:
        if record.kind == "broken":
            raise RuntimeError("no")
        self._said.append(f"add {record.kind}")
        return record.findings

    def commit(self) -> None:
        self._said.append("commit")

    def forget(self, target_id: str) -> None:
        self._said.append("forget")


class _Memory:
    """One lane for all."""

    lanes = 16

    def __init__(self) -> None:
        self.said: list[str] = []

    def known(self, target_id: str, lane: int) -> Known:
        raise NotImplementedError

    def keep(self, unit_id: str, result: UnitResult) -> None:
        raise NotImplementedError

    def find(self, unit_id: str, target: int) -> UnitResult | None:
        raise NotImplementedError

    def drop(self, unit_id: str) -> None:
        self.said.append("drop")

    def lane(self, number: int) -> _Lane:
        self.said.append("open")
        return _Lane(self.said)


class _Clock:
    """Stands still until it is told to go on."""

    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def memory() -> _Memory:
    """What the lane was asked is in `said`."""
    return _Memory()


def result(
    kind: str, *, after: int = 0, marks: int = 0, target: int = 0, ends: bool = False, losses: tuple[Loss, ...] = ()
) -> UnitResult:
    """A result with a record, unless it is the end."""
    record = None if ends else unit(1, kind=kind)
    return UnitResult(target, record=record, after=after, marks=marks, ends=ends, losses=list(losses))


def test_nothing_leaves_before_it_is_durable(memory: _Memory) -> None:
    """Results wait for the commit, which comes a second after the first of them, not after the last."""
    clock = _Clock()
    logic = CommitLogic(memory, lambda _target: None, clock=clock)
    first, second = result("a"), result("b")
    assert (logic.notify_at(), list(logic.on_batch([first])[0])) == (None, [])
    assert logic.notify_at() == START + COMMIT_INTERVAL
    clock.now = START + COMMIT_INTERVAL / 2
    assert list(logic.on_batch([second])[0]) == []
    assert logic.notify_at() == START + COMMIT_INTERVAL
    assert memory.said == ["open", "add a", "add b"]
    assert list(logic.on_notify()[0]) == [first, second]
    assert memory.said == ["open", "add a", "add b", "commit", "drop", "drop"]
    assert (logic.notify_at(), first.record, second.record) == (None, None, None)


def test_a_commit_that_is_due_does_not_wait_for_the_timer(memory: _Memory) -> None:
    """A lane that is never idle commits all the same."""
    clock = _Clock()
    logic = CommitLogic(memory, lambda _target: None, clock=clock)
    logic.on_batch([result("a")])
    clock.now += COMMIT_INTERVAL + timedelta(milliseconds=1)
    last = result("b")
    assert list(logic.on_batch([last])[0])[1] is last
    assert memory.said[-3:] == ["commit", "drop", "drop"]


def test_what_speaks_of_the_whole_comes_last(memory: _Memory) -> None:
    """However results arrive: the row that says `covered` after all units, the end after that, each target by itself."""
    rounds = Rounds(2)
    rounds.begin(0)
    rounds.begin(1)
    logic = CommitLogic(memory, lambda _target: None, rounds=rounds, clock=_Clock())
    end = result("", after=2, marks=1, ends=True)
    logic.on_batch([end, result("covered", after=2), result("other", target=1), result("a")])
    assert memory.said == ["open", "add other", "add a"]
    assert len(list(logic.on_notify()[0])) == 2
    assert (rounds.running(0), rounds.running(1)) == (True, True)
    logic.on_batch([result("b")])
    assert memory.said[-2:] == ["add b", "add covered"]
    out = list(logic.on_notify()[0])
    assert out[-1] is end
    assert memory.said[-4:] == ["commit", "drop", "drop", "forget"]
    assert (rounds.running(0), rounds.running(1)) == (False, True)


def test_the_next_round_counts_anew(memory: _Memory) -> None:
    """What the last round committed does not count for this one, and neither do its losses."""
    rounds = Rounds(1)
    logic = CommitLogic(memory, lambda _target: None, rounds=rounds, clock=_Clock())
    for losses, lost in (((Loss("unreadable", "x"),), True), ((Loss("budget-time", "x"),), False)):
        rounds.begin(0)
        logic.on_batch([result("", after=1, ends=True)])
        logic.on_notify()
        assert rounds.running(0)
        logic.on_batch([result("a", losses=losses)])
        logic.on_notify()
        assert (rounds.running(0), rounds.lost(0)) == (False, lost)


def test_twins_are_not_forgotten(memory: _Memory) -> None:
    """Units of a clone may still come for the lane."""
    rounds = Rounds(2, frozenset({0, 1}))
    rounds.begin(0)
    logic = CommitLogic(memory, lambda _target: None, rounds=rounds, clock=_Clock())
    logic.on_batch([result("a"), result("", after=1, ends=True)])
    logic.on_eof()
    assert memory.said == ["open", "add a", "commit", "drop"]


def test_an_end_without_records(memory: _Memory) -> None:
    """A target without news opens no lane and writes nothing, but its round ends."""
    rounds = Rounds(1)
    rounds.begin(0)
    logic = CommitLogic(memory, lambda _target: None, rounds=rounds, clock=_Clock())
    logic.on_batch([result("", ends=True)])
    assert [x.ends for x in logic.on_notify()[0]] == [True]
    assert (memory.said, rounds.running(0)) == ([], False)


def test_who_is_to_know_is_told_what_failed(memory: _Memory) -> None:
    """Before the runtime wraps it."""
    told: list[BaseException] = []
    logic = CommitLogic(memory, lambda _target: None, told.append, clock=_Clock())
    with pytest.raises(RuntimeError, match="no"):
        logic.on_batch([result("broken")])
    assert [str(err) for err in told] == ["no"]
