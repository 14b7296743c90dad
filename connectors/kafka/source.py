"""A topic as it is now, for `gossip scan` and `gossip watch`: each message is a document, read once and remembered.

Units are runs of offsets that begin at multiples of UNIT_MESSAGES, so what was scanned is known again by partition and
offsets alone; only the last unit of a partition is another one when messages have come.
"""

from __future__ import annotations

import io
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from gossip.connectors.kafka.address import parse_address
from gossip.connectors.kafka.client import Client, told
from gossip.connectors.kafka.security import used_security
from gossip.schemas.errors import PermanentError, RetryableError
from gossip.schemas.protocols import Document
from gossip.schemas.stream import date_text
from gossip.schemas.summary import Loss
from gossip.schemas.units import HistoryUnit, Place, PlanReport, ScanUnit, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gossip.connectors.kafka.client import Topic
    from gossip.schemas.protocols import Head, Opened

UNIT_MESSAGES = 2_000
WAIT_SECONDS = 30.0
"""Without a message, where there must be one."""
_POLL_MS = 200
KIND = "messages"


class _Range(NamedTuple):
    """Offsets of a partition, half-open. `mark` names them in every run."""

    partition: int
    mark: int
    start: int
    end: int


class TopicSource:
    """The committed messages of a topic: values, and keys and headers as documents of their own."""

    connector = "kafka"
    reach = ""
    """Every message has its place."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._address = parse_address(target.location)
        self._found: Topic | None = None

    @property
    def instance(self) -> bytes:
        """Cluster and topic, whatever brokers are named: as `gossip stream` has it. Asks the cluster."""
        return f"{self._topic().cluster}/{self._address.topic}".encode()

    def plan(self) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """Partition by partition, in the order of offsets."""
        units = 0
        for partition, (first, end) in enumerate(self._bounds()):
            for mark in range(first - first % UNIT_MESSAGES, end, UNIT_MESSAGES):
                what = _Range(partition, mark, max(first, mark), min(end, mark + UNIT_MESSAGES))
                yield ScanUnit(self._target.index, KIND, tuple(what))
                units += 1
        yield PlanReport(self._target.index, units, 0, 0)

    def plan_beyond(self, covered: frozenset[str]) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """As `plan`: a unit's key says whether it is new."""
        return self.plan()

    def fresh(self) -> TopicSource:
        """Nothing is remembered of a plan."""
        return self

    def outdated(self, covered: frozenset[str], missing: Iterable[str]) -> bool:
        """Never: messages are not covered."""
        return False

    def fingerprint(self) -> bytes:
        """The ends of all partitions: no message is read."""
        return repr(self._bounds()).encode()

    def content_key(self, unit: ScanUnit) -> bytes:
        """Partition and offsets. What retention deletes at its beginning does not make it another one."""
        what = _range(unit)
        return f"{what.partition}:{what.mark}-{what.end}".encode()

    def head(self) -> Head:
        """Messages come and go by time, and none replaces another: nothing is said of what is still there."""
        raise PermanentError(f"{self._address}: a topic has no head")

    def open(self, unit: ScanUnit) -> Iterator[Opened]:
        """The messages of a unit; a loss where some were deleted meanwhile."""
        what = _range(unit)
        with self._consumer() as consumer:
            part = _partition(self._address.topic, what.partition)
            first = int(consumer.beginning_offsets([part])[part])
            if first > what.start:
                where = f"{self._address.topic}/{what.partition}/{what.start}"
                yield Loss("vanished", where, f"up to {min(first, what.end) - 1}: deleted before they were read")
            consumer.assign([part])
            consumer.seek(part, max(first, what.start))
            for message in _messages(consumer, part, what.end):
                for name, data in _parts(message):
                    yield self._document(what.partition, message, name, data)

    def _document(self, partition: int, message: Any, part: str, data: bytes) -> Document:
        path = f"{partition}/{message.offset}{part}".encode()
        topic = self._address.topic.encode()
        return Document(
            name=f"{self._address.topic}/{path.decode()}",
            chunks=(data,),
            version=lambda: topic + b"/" + path,
            place=lambda: Place(path, date=date_text(message.timestamp)),
            path=path,
            seekable=lambda: io.BytesIO(data),
        )

    def _bounds(self) -> list[tuple[int, int]]:
        """First offset and the one after the last committed message, by partition."""
        parts = [_partition(self._address.topic, number) for number in range(self._topic().partitions)]
        with self._consumer() as consumer:
            first, end = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
        return [(int(first[part]), int(end[part])) for part in parts]

    def _topic(self) -> Topic:
        if self._found is None:
            self._found = self._client().topic(self._address)
        return self._found

    def _client(self) -> Client:
        return Client(self._address, used_security())

    @contextmanager
    def _consumer(self) -> Iterator[Any]:
        """One for a unit: it has a thread, and nobody says when a source is no longer needed."""
        client = self._client()
        consumer = client.consumer(None)
        try:
            with told(self._address, client.security):
                yield consumer
        finally:
            consumer.close(autocommit=False)


def _partition(topic: str, number: int) -> Any:
    from kafka import TopicPartition

    return TopicPartition(topic, number)


def _range(unit: ScanUnit) -> _Range:
    assert isinstance(unit.payload, tuple)
    return _Range(*unit.payload)


def _messages(consumer: Any, part: Any, end: int) -> Iterator[Any]:
    """Up to an offset. Raises RetryableError where they do not come."""
    deadline = time.monotonic() + WAIT_SECONDS
    while consumer.position(part) < end:
        for message in consumer.poll(timeout_ms=_POLL_MS).get(part, ()):
            if message.offset >= end:
                return
            deadline = time.monotonic() + WAIT_SECONDS
            yield message
        if time.monotonic() > deadline:
            raise RetryableError(f"{part.topic}/{part.partition}: no message for {WAIT_SECONDS:.0f} s")


def _parts(message: Any) -> Iterator[tuple[str, bytes]]:
    """What of a message is content, named as in the paths of a stream's findings."""
    if message.value is not None:
        yield "", message.value
    if message.key:
        yield "#key", message.key
    for name, data in message.headers or ():
        if data:
            yield f"#header.{name}", data
