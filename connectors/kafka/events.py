"""Findings of a scan or a watch as events on a topic.

With a state, the lake is the truth and the topic follows it. A lane writes what a commit will add to the lake into a
file first, its outbox; then it commits; then it sends the events, in one transaction with the token of that file, which
is stored beside the offset of a consumer group. Whoever opens the outbox again asks the group whether the token is
there, and the lake whether the commit is, and so knows what is to be sent: nothing comes twice, nothing is left out.

Without a state there is nothing to ask. Events then come once as long as the scan is not started again.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gossip.connectors.kafka.channel import check_size, event_of, send
from gossip.connectors.kafka.client import BLOCK_MS, FencedError, let_go, told, within
from gossip.schemas.errors import PermanentError
from gossip.schemas.stream import EVENT_HEADERS, Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gossip.connectors.kafka.client import Client, Topic
    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Summary

FOLDER = "outbox"
BATCH_SECONDS = 1.0
BATCH_EVENTS = 1_000
_ID = "id"
_ID_BYTES = 8
_HASH_CHARS = 8


@dataclass(frozen=True, slots=True)
class EventTopic:
    """Where events go, as it was found before anything was started."""

    client: Client
    topic: Topic
    min_confidence: int = 0

    def wanted(self, findings: Iterable[Finding]) -> list[Outgoing]:
        """Their events."""
        return [event_of(finding) for finding in findings if finding.confidence >= self.min_confidence]

    def producer(self, name: str) -> Any:
        """A producer of transactions, which ends what another one of the same name had begun."""
        return self.client.producer(name)

    def send(self, producer: Any, events: Sequence[Outgoing]) -> None:
        """Hand events to an open transaction. Events of one finding lie in one partition, so that compaction holds."""
        for event in events:
            check_size(self.topic, event, "an event")
            assert event.key is not None, "an event has the id of its finding as its key"
            send(producer, self.topic, event, int(event.key[:_HASH_CHARS], 16))

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Errors of the client library as errors of ours."""
        try:
            with told(self.topic.address, self.client.security):
                yield
        except FencedError as err:
            raise FencedError(
                f"{self.topic.address}: another execution on this state sends these events; end all of them, then "
                "start one; nothing is lost"
            ) from err


class EventReporter:
    """A `Reporter` that sends findings in transactions: about one a second, and one in the end.

    Connects with the first finding: it may be made before processes are forked, and used after that.
    """

    def __init__(self, to: EventTopic, clock: Callable[[], float] = time.monotonic) -> None:
        self._to = to
        self._clock = clock
        self._producer: Any = None
        self._waiting: list[Outgoing] = []
        self._due = 0.0

    def finding(self, finding: Finding, /) -> None:
        """Take one. Raises errors of ours."""
        if not self._waiting:
            self._due = self._clock() + BATCH_SECONDS
        self._waiting += self._to.wanted([finding])
        if len(self._waiting) >= BATCH_EVENTS or self._clock() >= self._due:
            self._commit()

    def close(self, _summary: Summary, /) -> None:
        """Send the rest."""
        self._commit()
        self.abort()

    def abort(self) -> None:
        """What was not sent is nowhere."""
        self._waiting = []
        if self._producer is not None:
            let_go(self._producer)
            self._producer = None

    def _commit(self) -> None:
        if not self._waiting:
            return
        with self._to.told():
            if self._producer is None:
                self._producer = self._to.producer(f"gossip-scan-{secrets.token_hex(_ID_BYTES)}")
            self._producer.begin_transaction()
            self._to.send(self._producer, self._waiting)
            within(self._producer.commit_transaction, self._to.topic.address)
        self._waiting = []


class Outbox:
    """What one lane sends. `written` says what the lake has of a commit.

    Opening it sends what an earlier execution had committed and not sent. One execution at a time may hold a lane's;
    the next one fences it. Fault model: the process may end at any instruction.
    """

    def __init__(
        self,
        to: EventTopic,
        folder: str,
        lane: int,
        written: Callable[[int, int], set[str]],
        hook: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._to = to
        self._folder = os.path.join(folder, FOLDER)
        self._lane = lane
        self._hook = hook
        os.makedirs(self._folder, exist_ok=True)
        self._name = f"gossip-{_own_id(self._folder)}-{lane:04d}"
        self._producer: Any = None
        self._staged: tuple[str, list[Outgoing]] | None = None
        try:
            with to.told():
                self._producer = to.producer(self._name)
                self._recover(written)
        except BaseException:
            self.close()
            raise

    def stage(self, seq: int, findings: Iterable[Finding]) -> None:
        """What the lake's next commit, of this number, will add. Durable when this returns."""
        assert self._staged is None, "what was staged before was sent"
        found = list(findings)
        events = self._to.wanted(found)
        if not events:
            return
        token = secrets.token_hex(_ID_BYTES)
        names = [finding.occurrence_id for finding in found if finding.confidence >= self._to.min_confidence]
        lines = [
            [name, (event.key or b"").decode(), (event.value or b"").decode()]
            for name, event in zip(names, events, strict=True)
        ]
        path = self._path()
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump({"token": token, "seq": seq, "events": lines}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{path}.new", path)
        self._staged = token, events

    def publish(self) -> None:
        """Send what was staged: its commit is in the lake. Raises errors of ours; what is not sent is sent later."""
        if self._staged is not None:
            with self._to.told():
                self._send(*self._staged)
            self._staged = None

    def close(self) -> None:
        """Let go of the connection."""
        if self._producer is not None:
            let_go(self._producer)
            self._producer = None

    def _send(self, token: str, events: Sequence[Outgoing]) -> None:
        from kafka import TopicPartition
        from kafka.structs import OffsetAndMetadata

        self._hook("before-send")
        self._producer.begin_transaction()
        self._to.send(self._producer, events)
        # The offset is no place in the topic: the token beside it is what counts. A group of its own for each lane.
        place = TopicPartition(self._to.topic.address.topic, 0)
        position = {place: OffsetAndMetadata(0, token, -1)}
        within(lambda: self._producer.send_offsets_to_transaction(position, self._name), self._to.topic.address)
        self._hook("before-end")
        within(self._producer.commit_transaction, self._to.topic.address)
        self._hook("after-end")
        os.unlink(self._path())

    def _recover(self, written: Callable[[int, int], set[str]]) -> None:
        """Send what was staged if the lake has it and the topic has not."""
        try:
            with open(self._path(), encoding="utf-8") as file:
                said = json.load(file)
        except FileNotFoundError:
            return
        there = written(self._lane, said["seq"])
        events = [
            Outgoing(key.encode(), value.encode(), EVENT_HEADERS, -1)
            for name, key, value in said["events"]
            if name in there
        ]
        if events and self._last_token() != said["token"]:
            self._send(said["token"], events)
        else:
            os.unlink(self._path())

    def _last_token(self) -> str:
        from kafka import TopicPartition

        consumer = self._to.client.consumer(self._name)
        try:
            place = TopicPartition(self._to.topic.address.topic, 0)
            found = consumer.committed(place, metadata=True, timeout_ms=BLOCK_MS)
        finally:
            consumer.close(autocommit=False)
        return found.metadata if found is not None else ""

    def _path(self) -> str:
        return os.path.join(self._folder, f"lane-{self._lane:04d}.json")


def staged_lanes(folder: str) -> list[int]:
    """Lanes of a state folder that may have something left to send."""
    try:
        names = os.listdir(os.path.join(folder, FOLDER))
    except FileNotFoundError:
        return []
    return sorted(int(name[5:-5]) for name in names if name.startswith("lane-") and name.endswith(".json"))


def _own_id(folder: str) -> str:
    """Tells the transactions of one state folder from those of others."""
    path = os.path.join(folder, _ID)
    for _ in range(2):
        with contextlib.suppress(FileNotFoundError), open(path, encoding="ascii") as file:
            return file.read()
        beside = f"{path}.{os.getpid()}"
        with open(beside, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_ID_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)  # whichever lane is first
        os.unlink(beside)
    raise PermanentError(f"{path}: cannot be made")
