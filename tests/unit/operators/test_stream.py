"""The steps of a stream over a channel in memory: what is handed on when, and what is never dropped."""

from __future__ import annotations

import time

import pytest

from gossip.operators.rounds import Rounds
from gossip.operators.stream import Streaming
from gossip.schemas.errors import RetryableError
from gossip.schemas.stream import Judged, Polled, Position
from gossip.schemas.units import UnitResult
from tests.unit.stream.messages import TOKEN, Sent, judge, polled


class Memory:
    """A `Channel` over a list of what polls give; a commit of an offset in `fails` raises."""

    def __init__(self, polls: list[Polled | None], position: Position, fails: int = -1) -> None:
        self.polls = polls
        self.position = position
        self.fails = fails
        self.log: list[object] = []

    @property
    def at_end(self) -> bool:
        """All polls were taken."""
        return not self.polls

    def poll(self) -> Polled | None:
        """The next one."""
        return self.polls.pop(0) if self.polls else None

    def commit(self, judged: Judged) -> None:
        """Note it."""
        if judged.position.offset == self.fails:
            raise RetryableError("the broker is away")
        self.log.append(judged.position.offset)

    def settle(self, *, now: bool = False) -> None:
        """Note what is forced."""
        if now:
            self.log.append("settled")

    def close(self) -> None:
        """Note it."""
        self.log.append("closed")


def run(channel: Memory, failed: list[BaseException] | None = None) -> list[UnitResult]:
    """Drive one partition to its end."""
    told = [] if failed is None else failed
    streaming = Streaming(1, Rounds(0), lambda _: channel, lambda _: judge(), told.append, once=True)
    streaming.open(0)
    results: list[UnitResult] = []
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            found = streaming.fetch(0)
        except StopIteration:
            return results
        if found is not None:
            results += streaming.step(found)
    pytest.fail("it did not end")


def test_results_come_once_they_are_durable_and_in_order() -> None:
    """Each run of messages is committed before the next is fetched; then the channel is settled and closed."""
    channel = Memory([polled(Sent(0, TOKEN)), None, polled(Sent(1, b"x"), Sent(2, TOKEN))], Position(0, 0, 0))
    results = run(channel)
    assert [(r.documents, len(r.findings), r.position) for r in results] == [(1, 1, (0, 1, 1)), (2, 1, (0, 3, 3))]
    assert channel.log == [1, 3, "settled", "closed"]


def test_what_is_read_to_know_gives_nothing() -> None:
    """Messages before the position were told by an earlier run."""
    results = run(Memory([polled(Sent(0, TOKEN)), polled(Sent(1, TOKEN))], Position(0, 1, 0)))
    assert [len(r.findings) for r in results] == [0, 1]


def test_a_loss_is_told_though_no_message_comes_with_it() -> None:
    """Messages that were deleted before the position was read are said even when the partition is empty now."""
    results = run(Memory([Polled(0, 12, 12, (), ("10 to 11 were deleted",))], Position(0, 12, 12)))
    assert [(loss.kind, loss.detail) for r in results for loss in r.losses] == [("expired", "10 to 11 were deleted")]


def test_a_failed_commit_ends_the_run_and_is_told() -> None:
    """Nothing after it is handed on."""
    told: list[BaseException] = []
    with pytest.raises(RetryableError, match="away"):
        run(Memory([polled(Sent(0, TOKEN)), polled(Sent(1, TOKEN))], Position(0, 0, 0), fails=1), told)
    assert [type(err) for err in told] == [RetryableError]
