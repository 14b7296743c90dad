"""Topics as sources and as sinks keep the contracts, with a real broker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gossip.connectors.conformance import SourceContract, World
from gossip.connectors.kafka.address import parse_address
from gossip.connectors.kafka.channel import KafkaChannel, Outputs, Route
from gossip.connectors.kafka.client import Client, FencedError
from gossip.connectors.kafka.events import EventReporter, EventTopic, Outbox
from gossip.connectors.kafka.security import Security
from gossip.connectors.kafka.source import TopicSource
from gossip.connectors.lake.lane import HOOK_POINTS
from gossip.connectors.lake.memory import LakeMemory, lane_name
from gossip.connectors.lake.storage import location
from gossip.schemas.stream import Judged, Position
from gossip.schemas.summary import Summary
from gossip.schemas.units import Target, UnitResult
from tests.conformance.sinks import ITEMS, Sink, SinkContract
from tests.support.lake import context, finding, lane, unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gossip.connectors.lake.lane import CommitLane
    from gossip.schemas.finding import Finding
    from tests.support.broker import Kafka

PARTITIONS = 2
MESSAGES = 4_100
"""Some partitions have several units, and a last one that is not full."""


class Ended(Exception):
    """As if the process were killed here."""


class TestTopic(SourceContract):
    """A topic: what is changed in it is another message, and what is removed are its first ones."""

    @pytest.fixture
    def world(self, apache: Kafka) -> World:
        """Two partitions; one is named by its address in two ways."""
        topic = apache.topic("world", PARTITIONS)
        content = {b"%d/%d" % (n % PARTITIONS, n // PARTITIONS): b"content %d" % n for n in range(MESSAGES)}
        content[b"1/0"] = b""
        sent = [(int(path[:1]), data) for path, data in content.items()]
        apache.send(topic, [{"value": data, "partition": partition} for partition, data in sent])

        def remove() -> bytes:
            from kafka import TopicPartition
            from kafka.admin import KafkaAdminClient

            admin = KafkaAdminClient(bootstrap_servers=apache.address)
            admin.delete_records({TopicPartition(topic, 0): 1})
            admin.close()
            return b"0/0"

        url = apache.url(topic)
        other = url.replace("127.0.0.1", "localhost")
        return World(
            TopicSource,
            Target("kafka", url, url),
            content,
            remove=remove,
            broken=[Target("kafka", apache.url("none-such"), "n"), Target("kafka", "kafka://127.0.0.1:1/x", "n")],
            spellings=[Target("kafka", other, url)],
        )


def topic_of(kafka: Kafka, name: str) -> EventTopic:
    """A topic of the broker, as a scan has it."""
    client = Client(parse_address(kafka.url(name)), Security({"security_protocol": "PLAINTEXT"}))
    return EventTopic(client, client.topic(client.address))


def numbers(kafka: Kafka, name: str) -> list[int]:
    """The items whose events a reader of committed messages has, in their order."""
    return [json.loads(record.value)["line"] - 1 for record in kafka.read(name)]


def item(number: int) -> Finding:
    """The finding of an item."""
    return finding(number, path=f"item-{number}")


class LaneRun:
    """A commit lane with its outbox: what is committed to the lake is sent."""

    def __init__(self, to: EventTopic, folder: Path, hook: Callable[[str], None] = lambda _point: None) -> None:
        memory = LakeMemory(location(str(folder / "lake")), context(), 1)
        self.outbox = Outbox(to, str(folder), 0, memory.written, hook)
        self.lane: CommitLane = lane(folder / "lake", lane_name(0), outbox=self.outbox, hook=hook)

    def take(self, number: int) -> None:
        """As one unit."""
        self.lane.add(unit(number, [item(number)]))

    def commit(self) -> None:
        """To the lake, then to the topic."""
        self.lane.commit()

    def die(self) -> None:
        """The connection goes with the process."""
        self.outbox.close()


class TestOutbox(SinkContract):
    """What a scan with a state sends."""

    @pytest.fixture
    def sink(self, apache: Kafka, tmp_path: Path) -> Sink:
        """A state of its own, and a topic."""
        name = apache.topic("sink")
        return Sink(lambda: LaneRun(topic_of(apache, name), tmp_path), lambda: numbers(apache, name))


@pytest.mark.parametrize("point", [*HOOK_POINTS, "before-send", "before-end", "after-end"])
def test_killed_at_any_point(apache: Kafka, tmp_path: Path, point: str) -> None:
    """Opened again, it sends what the lake has and the topic has not; the rest comes with its units."""
    name = apache.topic("sink")
    to = topic_of(apache, name)

    def end(at: str) -> None:
        if at == point:
            raise Ended

    run = LaneRun(to, tmp_path, end)
    for number in range(3):
        run.take(number)
    with pytest.raises(Ended):
        run.commit()
    run.die()
    durable = point in HOOK_POINTS[HOOK_POINTS.index("after-occurrences") :] or point not in HOOK_POINTS
    again = LaneRun(to, tmp_path)
    assert numbers(apache, name) == (list(range(3)) if durable else [])
    for number in range(5):
        again.take(number)
    again.commit()
    again.die()
    assert numbers(apache, name) == list(range(5))


def test_who_was_overtaken_sends_nothing(apache: Kafka, tmp_path: Path) -> None:
    """Its transaction fails, and says so; the other one has sent what it had staged."""
    name = apache.topic("sink")
    to = topic_of(apache, name)
    first = LaneRun(to, tmp_path)
    first.take(0)
    first.commit()
    second = Outbox(to, str(tmp_path), 0, lambda _lane, _seq: set())
    first.outbox.stage(9, [item(1)])
    with pytest.raises(FencedError, match="another execution on this state"):
        first.outbox.publish()
    first.die()
    second.close()
    assert numbers(apache, name) == [0]


class ChannelRun:
    """One partition of a stream: items are messages, known again by their offsets."""

    def __init__(self, route: Route) -> None:
        self._channel = KafkaChannel(route, 0)
        self._done = self._channel.position.offset
        self._result = UnitResult(0)
        self._end = self._done

    def take(self, number: int) -> None:
        """As the message of that offset. What is before the position is only read to know."""
        if number >= self._done:
            self._result.findings.append(item(number))
            self._end = number + 1

    def commit(self) -> None:
        """What was found, and the position."""
        if self._end > self._done:
            self._channel.commit(Judged(Position(0, self._end, self._end), self._done, self._result))
        self.die()

    def die(self) -> None:
        """The connection goes with the process."""
        self._channel.close()


class TestChannel(SinkContract):
    """What a stream sends."""

    @pytest.fixture
    def sink(self, apache: Kafka) -> Sink:
        """A source with a message an item, and a topic for findings."""
        source, name = apache.topic("source"), apache.topic("sink")
        apache.send(source, [{"value": b"%d" % number, "partition": 0} for number in range(ITEMS)])
        read, write = topic_of(apache, source), topic_of(apache, name)
        route = Route(read.client, read.topic, "group", "earliest", Outputs(findings=write.topic))
        return Sink(lambda: ChannelRun(route), lambda: numbers(apache, name))


def test_without_a_state_events_come_in_transactions(kafka: Kafka) -> None:
    """What was not committed when the run ended is nowhere."""
    name = kafka.topic("sink")
    now = [0.0]
    reporter = EventReporter(topic_of(kafka, name), lambda: now[0])
    taken: list[Any] = []
    for number in range(4):
        reporter.finding(item(number))
        taken.append(numbers(kafka, name))
        now[0] += 0.6
    reporter.abort()
    assert taken == [[], [], [0, 1, 2], [0, 1, 2]]
    whole = EventReporter(topic_of(kafka, name))
    whole.finding(item(5))
    whole.close(Summary())
    assert numbers(kafka, name) == [0, 1, 2, 5]
