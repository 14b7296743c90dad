"""Lanes that follow targets: when they look, when they plan, when they wait."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from gossip.operators import follow
from gossip.operators.follow import RETRY_SECONDS, RETRY_SECONDS_MAX, FollowPartition
from gossip.operators.rounds import Rounds
from gossip.schemas.config import ScanConfig
from gossip.schemas.errors import RetryableError
from gossip.schemas.summary import Loss
from gossip.schemas.units import PlanReport, ScanUnit, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gossip.operators.worker import Worker


class _Fake:
    """A worker whose targets have the fingerprints that the test gives them."""

    balance = None

    def __init__(self, *intervals: str) -> None:
        targets = [Target("files", f"/t{n}", f"t{n}", (("interval", each),), n) for n, each in enumerate(intervals)]
        self.config = ScanConfig(tuple(targets), bytes(32))
        self.prints: dict[int, bytes | Exception] = dict.fromkeys(range(len(targets)), b"1")
        self.looks: list[int] = []
        self.now = 0.0
        self.rounds = Rounds(len(targets))
        self.slow: list[tuple[Future[bytes], Callable[[], bytes]]] | None = None
        self.lane = FollowPartition(
            cast("Worker", self), self.rounds, targets, self._submit, lambda: self.now, jitter=lambda: 1.0
        )

    def look(self, target: Target) -> bytes:
        """What the test says."""
        self.looks.append(target.index)
        found = self.prints[target.index]
        if isinstance(found, Exception):
            raise found
        return found

    def _submit(self, work: Callable[[], bytes]) -> Future[bytes]:
        future: Future[bytes] = Future()
        if self.slow is not None:
            self.slow.append((future, work))
            return future
        try:
            future.set_result(work())
        except Exception as err:
            future.set_exception(err)
        return future

    def batches(self, count: int = 4) -> list[Any]:
        """What the lane gives when it is asked a few times."""
        return [item for _ in range(count) for item in self.lane.next_batch()]

    def wait(self) -> float:
        """Seconds until the lane wants to be asked again."""
        at = self.lane.next_awake()
        return 0.0 if at is None else (at - datetime.now(UTC)) / timedelta(seconds=1)


@pytest.fixture(autouse=True)
def plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan is one unit and a report."""

    def planned(_worker: object, target: int) -> Iterator[object]:
        yield ScanUnit(target, "files", ())
        yield PlanReport(target, 1, 0, 0)

    monkeypatch.setattr(follow, "planned", planned)


def test_a_target_is_planned_when_it_has_changed() -> None:
    """At the start, and after each interval if its fingerprint is another one."""
    fake = _Fake("10")
    assert [type(item).__name__ for item in fake.batches()] == ["ScanUnit", "PlanReport"]
    assert (fake.rounds.current(0), fake.rounds.running(0)) == (1, True)
    fake.now = 100.0
    assert fake.batches() == []  # its round goes on, however long ago it was due
    fake.rounds.end(0)
    assert fake.batches() == []
    assert fake.looks == [0]
    assert 0.9 < fake.wait() <= 1.0  # though it is due in ten: a stop has to be noticed
    fake.now = 109.5
    assert fake.batches() == []
    assert 0.4 < fake.wait() <= 0.5
    fake.now = 110.0
    assert fake.batches() == []
    assert fake.looks == [0, 0]
    fake.prints[0] = b"2"
    fake.now = 120.0
    assert len(fake.batches()) == 2
    assert fake.rounds.current(0) == 2


def test_a_slow_look_keeps_nobody_waiting() -> None:
    """Other targets of the lane are planned while one is looked at; the lane is asked again soon."""
    fake = _Fake("10", "10")
    fake.slow = []
    assert fake.batches() == []
    assert 0.0 < fake.wait() < 0.1
    future, work = fake.slow[1]
    future.set_result(work())
    assert {item.target for item in fake.batches()} == {1}
    assert fake.rounds.current(0) == 0


def test_plans_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target with a long plan does not keep another one from being planned."""

    def planned(_worker: object, target: int) -> Iterator[object]:
        for _ in range(1000 if target == 0 else 1):
            yield ScanUnit(target, "files", ())

    monkeypatch.setattr(follow, "planned", planned)
    fake = _Fake("10", "10")
    assert {item.target for item in fake.batches(4)} == {0, 1}
    assert fake.wait() == 0.0


def test_a_target_that_cannot_be_looked_at() -> None:
    """Is a loss in a round of its own, and is tried again later and later."""
    fake = _Fake("1")
    fake.prints[0] = RetryableError("host unreachable")
    waits = []
    assert fake.batches() == [PlanReport(0, 0, 0, 0, (Loss("unreadable", "t0", "host unreachable"),))]
    for _ in range(10):
        fake.rounds.end(0, lost=True)
        began = fake.now
        while not fake.batches(3):
            fake.now += 1.0
        waits.append(fake.now - began)
    assert waits[:3] == [RETRY_SECONDS, 2 * RETRY_SECONDS, 4 * RETRY_SECONDS]
    assert waits[-1] == RETRY_SECONDS_MAX
    fake.prints[0] = b"1"
    fake.rounds.end(0, lost=True)
    assert fake.batches() == []
    fake.now += RETRY_SECONDS_MAX
    assert len(fake.batches()) == 2
    fake.rounds.end(0)
    assert fake.batches() == []
    fake.now += 1.0
    fake.prints[0] = b"2"
    assert len(fake.batches()) == 2


def test_what_was_not_read_is_planned_again() -> None:
    """Though nothing has changed that a look can see."""
    fake = _Fake("1")
    assert len(fake.batches()) == 2
    fake.rounds.end(0, lost=True)
    fake.batches()
    fake.now += RETRY_SECONDS + 1
    assert len(fake.batches()) == 2


def test_a_stop_ends_the_lane_at_once() -> None:
    """Also in the middle of a plan."""
    fake = _Fake("1")
    fake.lane.next_batch()
    fake.rounds.stop()
    with pytest.raises(StopIteration):
        fake.lane.next_batch()
