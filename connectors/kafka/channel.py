"""One partition of a topic: messages in; findings, redacted messages and the position out, all or nothing.

With something to send, each run of messages is one transaction: what was found, what is forwarded and the position
after it, stored as the offset of a consumer group, become visible together or never. The transactional id is made of
group, topic and partition, so whoever opens a channel ends what an earlier execution had begun there, and the next
commit of that execution fails (FencedError). The position is read after that: nobody can move it any more but this one.

With nothing to send, the ledger of the state decides where to go on, or whoever prints the findings stores positions.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gossip.connectors.kafka.client import BLOCK_MS, let_go, told, within
from gossip.schemas.errors import PermanentError
from gossip.schemas.stream import EVENT_HEADERS, Judged, Outgoing, Polled, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gossip.connectors.kafka.client import Client, Topic
    from gossip.schemas.finding import Finding
    from gossip.schemas.stream import StreamLedger

POLL_SECONDS = 0.001
SETTLE_SECONDS = 1.0
"""How long a position may stay unwritten when nothing was found: so much is read again after a crash."""
LEDGER_SECONDS = 1.0
LEDGER_MESSAGES = 20_000
RECORD_OVERHEAD_BYTES = 128
"""Of a message that is alone in its batch."""

Start = Literal["earliest", "latest"]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where what becomes of messages goes. All topics lie in the cluster of the source."""

    findings: Topic | None = None
    forward: Topic | None = None
    dead: Topic | None = None

    def __bool__(self) -> bool:
        return any((self.findings, self.forward, self.dead))


@dataclass(frozen=True, slots=True)
class Route:
    """What the channels of a stream share."""

    client: Client
    source: Topic
    group: str
    start: Start
    outputs: Outputs
    ledger: Callable[[int], StreamLedger] | None = None
    """Makes the ledger of a partition."""


def rewind_text(position: Position) -> str:
    """What is stored beside an offset."""
    return f"rewind={position.rewind}" if position.rewind < position.offset else ""


def read_rewind(offset: int, metadata: str | None) -> int:
    """The inverse; the offset itself where nothing of ours is stored."""
    name, _, value = (metadata or "").partition("=")
    return min(int(value), offset) if name == "rewind" and value.isdecimal() else offset


class KafkaChannel:
    """A `Channel`. Lives in one thread of one process; has a consumer and, with outputs, a producer of its own."""

    def __init__(self, route: Route, partition: int, clock: Callable[[], float] = time.monotonic) -> None:
        from kafka import TopicPartition

        self._route = route
        self._address = route.source.address
        self._clock = clock
        self._part = TopicPartition(self._address.topic, partition)
        self._ledger = route.ledger(partition) if route.ledger is not None else None
        name = f"gossip-{route.group}-{self._address.topic}-{partition}"
        self._producer: Any = route.client.producer(name) if route.outputs else None
        self._consumer: Any = route.client.consumer(route.group)
        self._lost: tuple[str, ...] = ()
        self._known = self._ledger.resume() if self._ledger is not None else None
        """How far the ledger came: at most one run of messages beyond the position."""
        with told(self._address, route.client.security):
            last = self._end()
            self.position = self._within(self._stored(), last)
            self._consumer.assign([self._part])
            self._consumer.seek(self._part, self.position.rewind)
        self._next = self.position.rewind
        self._last = last
        self._held: list[Any] = []
        """Messages that wait for a run of the ledger to be worth its commit."""
        self._written = clock()
        self._pending: Position | None = None
        self._settled = clock()

    def _stored(self) -> Position | None:
        """The position that counts: the ledger's, unless the outputs have one of their own."""
        if self._ledger is not None and self._producer is None:
            return self._known
        found = self._consumer.committed(self._part, metadata=True, timeout_ms=BLOCK_MS)
        if found is None or found.offset < 0:
            return None
        return Position(self._part.partition, found.offset, read_rewind(found.offset, found.metadata))

    @property
    def at_end(self) -> bool:
        """Whether all was read that was there when the channel was opened."""
        if self._held:
            return False
        with told(self._address, self._route.client.security):
            return bool(self._consumer.position(self._part) >= self._last)

    def _end(self) -> int:
        return int(self._consumer.end_offsets([self._part])[self._part])

    def _within(self, stored: Position | None, last: int) -> Position:
        """A position that the partition has. What is gone is said with the first messages."""
        first = self._consumer.beginning_offsets([self._part])[self._part]
        where = f"{self._part.topic}/{self._part.partition}"
        if stored is None:
            at = first if self._route.start == "earliest" else last
            return Position(self._part.partition, at, at)
        if stored.offset < first:
            self._lost = (f"{where}: offsets {stored.offset} to {first - 1} were deleted before they were read",)
            return Position(self._part.partition, first, first)
        if stored.offset > last:
            self._lost = (f"{where}: has only {last} messages, {stored.offset} were read: it was made anew",)
            return Position(self._part.partition, first, first)
        return stored._replace(rewind=max(first, stored.rewind))

    def poll(self) -> Polled | None:
        """Some messages, cut where the position is, and where the ledger's last run ended. Raises errors of ours."""
        with told(self._address, self._route.client.security):
            polled = self._polled()
        found = self._worth(polled.get(self._part, []))
        if not found and not self._lost:
            return None
        start, end = self._next, found[-1].offset + 1 if found else self._next
        for edge in (self.position.offset, self._known.offset if self._known else 0):
            if start < edge < end:
                found, end = [message for message in found if message.offset < edge], edge
                self._consumer.seek(self._part, edge)
        self._next = end
        lost, self._lost = self._lost, ()
        return Polled(self._part.partition, start, end, found, lost)

    def _worth(self, found: list[Any]) -> list[Any]:
        """The messages to go on with: a ledger takes its commits about once a second, or when there are many."""
        if self._ledger is None:
            return found
        self._held += found
        enough = len(self._held) >= LEDGER_MESSAGES or self._clock() - self._written >= LEDGER_SECONDS
        if not enough:
            return []
        found, self._held = self._held, []
        return found

    def _polled(self) -> dict[Any, list[Any]]:
        from kafka.errors import OffsetOutOfRangeError

        try:
            found: dict[Any, list[Any]] = self._consumer.poll(timeout_ms=int(POLL_SECONDS * 1000))
        except OffsetOutOfRangeError:
            at = self._within(Position(self._part.partition, self._next, self._next), self._end())
            self._next = at.offset
            self._consumer.seek(self._part, at.offset)
            return {}
        return found

    def commit(self, judged: Judged) -> None:
        """Make it durable. Raises errors of ours; after one, the channel is of no more use."""
        if judged.position.offset <= self.position.offset:
            return  # was only read to know
        known = self._known
        if self._ledger is not None and (known is None or judged.position.offset > known.offset):
            record = judged.result.record
            if record is not None:
                self._ledger.write(record)
                self._written = self._clock()
        self._pending = judged.position
        outgoing = list(self._outgoing(judged))
        if outgoing:
            self._transact(outgoing)
        else:
            self.settle()

    def settle(self, *, now: bool = False) -> None:
        """Store a position that nothing was sent with, if it is due."""
        if self._pending is None or self._producer is None:
            return
        if now or self._clock() - self._settled >= SETTLE_SECONDS:
            self._transact([])

    def close(self) -> None:
        """Let go of connections; an open transaction is ended by the broker or by the next one."""
        if self._producer is not None:
            let_go(self._producer)
        self._consumer.close(autocommit=False)

    def _transact(self, outgoing: list[tuple[Topic, Outgoing]]) -> None:
        from kafka.structs import OffsetAndMetadata

        position = self._pending
        assert position is not None
        with told(self._address, self._route.client.security):
            self._producer.begin_transaction()
            for topic, message in outgoing:
                send(self._producer, topic, message, position.partition)
            after = OffsetAndMetadata(position.offset, rewind_text(position), -1)

            def end() -> None:
                self._producer.send_offsets_to_transaction({self._part: after}, self._route.group)
                self._producer.commit_transaction()

            within(end, self._address)
        self._pending = None
        self._settled = self._clock()

    def _outgoing(self, judged: Judged) -> Iterator[tuple[Topic, Outgoing]]:
        outputs = self._route.outputs
        if outputs.findings is not None:
            for finding in judged.findings:
                yield outputs.findings, event_of(finding)
        for topic, messages in ((outputs.forward, judged.forwards), (outputs.dead, judged.dead)):
            for message in messages if topic is not None else ():
                assert topic is not None
                check_size(topic, message, "a message", ", or give --dead-letter")
                yield topic, message


def event_of(finding: Finding) -> Outgoing:
    """A finding as it is sent: its id as the key, so that compaction keeps the last event of each."""
    value = json.dumps(finding.to_record(), separators=(",", ":"))
    return Outgoing(finding.finding_id.encode(), value.encode(), EVENT_HEADERS, -1)


def send(producer: Any, topic: Topic, message: Outgoing, number: int) -> None:
    """Hand a message to an open transaction, for the partition that a number of any size means."""
    producer.send(
        topic.address.topic,
        value=message.value,
        key=message.key,
        headers=list(message.headers) or None,
        partition=number % topic.partitions,
        timestamp_ms=message.timestamp if message.timestamp >= 0 else None,
    )


def check_size(topic: Topic, message: Outgoing, what: str, or_else: str = "") -> None:
    """Raises PermanentError for what a topic would refuse for ever."""
    if size_of(message) > topic.message_bytes_max:
        raise PermanentError(
            f"{topic.address}: {what} of {size_of(message)} bytes does not fit; raise its max.message.bytes, now "
            f"{topic.message_bytes_max}{or_else}"
        )


def size_of(message: Outgoing) -> int:
    """About how many bytes a message takes in a batch of its own, never less."""
    headers = sum(len(name.encode()) + len(value or b"") + 10 for name, value in message.headers)
    return RECORD_OVERHEAD_BYTES + len(message.key or b"") + len(message.value or b"") + headers
