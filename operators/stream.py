"""Steps of `gossip stream`: fetch, judge, commit, all on the worker that has the partition.

A commit is mostly waiting for a broker, so it runs on a thread: the worker turns to its other partitions meanwhile. A
partition has one run of messages under way at a time, which keeps its order.

Messages never cross workers, and nothing is kept in Bytewax's recovery: the position that counts is durable together
with what came of the messages before it. So a worker may end at any instruction, and another one goes on exactly there.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
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
_COMMITTING = timedelta(milliseconds=2)


@dataclass(slots=True)
class _Open:
    """A partition that this process works on."""

    channel: Channel
    judge: PartitionJudge
    judged: Judged | None = None
    """What is being committed."""
    commit: Future[None] | None = None
    under_way: bool = False
    """A run of messages was fetched, and its result not handed on."""
    ready: list[UnitResult] = field(default_factory=list)


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
        self._pool: ThreadPoolExecutor | None = None

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
        """Some messages, or none: then a result waits to be handed on. None where there is nothing to do.

        Raises what the channel raises, and StopIteration at the end.
        """
        opened = self._open[partition]
        with self.told():
            if opened.under_way:
                return self._awaited(opened)
            polled = None if self.rounds.stopping else opened.channel.poll()
            if polled is not None:
                opened.under_way = True
                return polled
            ended = self.rounds.stopping or (self._once and opened.channel.at_end)
            opened.channel.settle(now=ended)
            if not ended:
                return None
            opened.channel.close()
        raise StopIteration

    def _awaited(self, opened: _Open) -> Polled | None:
        if opened.commit is None or not opened.commit.done() or opened.judged is None:
            return None
        opened.commit.result()
        judged, opened.judged, opened.commit = opened.judged, None, None
        judged.result.record = None
        judged.result.position = judged.position
        opened.ready.append(judged.result)
        opened.under_way = False
        at = judged.position
        return Polled(at.partition, at.offset, at.offset, ())

    def busy(self, partition: int) -> bool:
        """Whether a commit is under way."""
        return self._open[partition].under_way

    def judged(self, polled: Polled) -> Judged | None:
        """What becomes of messages; None where a result is to be handed on."""
        opened = self._open[polled.partition]
        if not opened.under_way:
            return None
        with self.told():
            known = polled.end <= opened.channel.position.offset and not polled.lost
            return opened.judge.judge(polled, silent=known)

    def begin_commit(self, judged: Judged) -> None:
        """Let it be made durable."""
        opened = self._open[judged.position.partition]
        opened.judged = judged
        opened.commit = self._commits().submit(opened.channel.commit, judged)

    def results(self, partition: int) -> list[UnitResult]:
        """Results of what is durable, each once."""
        opened = self._open[partition]
        found, opened.ready = opened.ready, []
        return found

    def step(self, polled: Polled) -> list[UnitResult]:
        """Judge messages and begin their commit; the results of what was committed."""
        judged = self.judged(polled)
        if judged is not None:
            self.begin_commit(judged)
        return self.results(polled.partition)

    def _commits(self) -> ThreadPoolExecutor:
        """Threads begin here: this process was forked before."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max(1, len(self._open)), thread_name_prefix="commit")
        return self._pool


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
        if self._busy:
            return None
        return datetime.now(UTC) + (_COMMITTING if self._streaming.busy(self._partition) else _IDLE)

    def snapshot(self) -> None:
        """Nothing to resume from: the position lies with the outputs."""


@operator
def stream(step_id: str, up: Stream[Polled], streaming: Streaming) -> Stream[UnitResult]:
    """Judge messages and commit what comes of them, where they were fetched. Results come once that is durable."""
    return op.flat_map("step", up, streaming.step)
