"""Steps of `gossip stream`: fetch, judge, commit, all on the worker that has the partition.

Messages never cross workers, and nothing is kept in Bytewax's recovery: the position that counts is durable together
with what came of the messages before it. So a worker may end at any instruction, and another one goes on exactly there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bytewax import operators as op
from bytewax.dataflow import Stream, operator
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from gossip.operators.judge import PartitionJudge
from gossip.operators.rounds import Rounds
from gossip.schemas.stream import Channel, Judged, Polled
from gossip.schemas.units import UnitResult

if TYPE_CHECKING:
    from collections.abc import Iterator

_IDLE = timedelta(milliseconds=10)


@dataclass(slots=True)
class _Open:
    """A partition that this process works on."""

    channel: Channel
    judge: PartitionJudge
    under_way: int = 0
    """Runs of messages that were fetched and not committed."""


class Streaming:
    """The partitions of one process. Made before it forks; opens nothing until a partition is its own.

    With `once`, a partition ends where its end was when it was opened.
    `failed` is told at once what a channel raises: the runtime hides it behind the panic of its own threads.
    """

    def __init__(
        self,
        partitions: int,
        rounds: Rounds,
        channel: Callable[[int], Channel],
        judge: Callable[[int], PartitionJudge],
        failed: Callable[[BaseException], None] = lambda _err: None,
        *,
        once: bool = False,
    ) -> None:
        self._once = once
        self.partitions = partitions
        self.rounds = rounds
        self._channel = channel
        self._judge = judge
        self._failed = failed
        self._open: dict[int, _Open] = {}

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell what goes wrong."""
        try:
            yield
        except BaseException as err:
            self._failed(err)
            raise

    def open(self, partition: int) -> None:
        """Make a partition this process's. Raises what its channel raises."""
        with self.told():
            self._open[partition] = _Open(self._channel(partition), self._judge(partition))

    def fetch(self, partition: int) -> Polled | None:
        """Some messages. Raises what the channel raises, and StopIteration when the run is stopped."""
        opened = self._open[partition]
        with self.told():
            polled = None if self.rounds.stopping else opened.channel.poll()
            if polled is not None:
                opened.under_way += 1
                return polled
            if opened.under_way:
                return None
            ended = self.rounds.stopping or (self._once and opened.channel.at_end)
            opened.channel.settle(now=ended)
            if not ended:
                return None
            opened.channel.close()
        raise StopIteration

    def judged(self, polled: Polled) -> Judged:
        """What becomes of messages."""
        opened = self._open[polled.partition]
        with self.told():
            return opened.judge.judge(polled, silent=polled.end <= opened.channel.position.offset)

    def committed(self, judged: Judged) -> UnitResult:
        """The result, once it is durable, with the position after it."""
        opened = self._open[judged.position.partition]
        with self.told():
            opened.channel.commit(judged)
        opened.under_way -= 1
        result = judged.result
        result.record = None
        result.position = judged.position
        return result


class StreamSource(FixedPartitionedSource[Polled, None]):
    """One partition for each of the topic's."""

    def __init__(self, streaming: Streaming) -> None:
        self._streaming = streaming

    def list_parts(self) -> list[str]:
        """All of them, whatever process asks."""
        return [str(number) for number in range(self._streaming.partitions)]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> StreamPartition:
        """Open a partition."""
        self._streaming.open(int(for_part))
        return StreamPartition(self._streaming, int(for_part))


class StreamPartition(StatefulSourcePartition[Polled, None]):
    """Fetches from one partition until the run is stopped."""

    def __init__(self, streaming: Streaming, partition: int) -> None:
        self._streaming = streaming
        self._partition = partition
        self._busy = True

    def next_batch(self) -> list[Polled]:
        """A run of messages, or nothing."""
        polled = self._streaming.fetch(self._partition)
        self._busy = polled is not None
        return [polled] if polled is not None else []

    def next_awake(self) -> datetime | None:
        """At once while there are messages."""
        return None if self._busy else datetime.now(UTC) + _IDLE

    def snapshot(self) -> None:
        """Nothing to resume from: the position lies with the outputs."""


@operator
def stream(step_id: str, up: Stream[Polled], streaming: Streaming) -> Stream[UnitResult]:
    """Judge messages and commit what comes of them, where they were fetched."""
    judged = op.map("judge", up, streaming.judged)
    return op.map("commit", judged, streaming.committed)
