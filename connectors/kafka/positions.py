"""Positions of a stream whose findings are printed: stored as a group's offsets once they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gossip.connectors.kafka.channel import rewind_text
from gossip.connectors.kafka.client import told

if TYPE_CHECKING:
    from gossip.connectors.kafka.client import Client
    from gossip.schemas.stream import Position


class PositionKeeper:
    """At least once: what was written after the last `store` comes again after a crash.

    Opens a client when it first has something to store; `close` it before the process forks.
    """

    def __init__(self, client: Client, group: str) -> None:
        self._client = client
        self._group = group
        self._consumer: Any = None
        self._waiting: dict[int, Position] = {}

    def note(self, position: Position) -> None:
        """A position up to which everything was written."""
        self._waiting[position.partition] = position

    def store(self) -> None:
        """Make what was noted durable. Raises errors of ours."""
        if not self._waiting:
            return
        from kafka import TopicPartition
        from kafka.structs import OffsetAndMetadata

        address = self._client.address
        if self._consumer is None:
            self._consumer = self._client.consumer(self._group)
        offsets = {
            TopicPartition(address.topic, at.partition): OffsetAndMetadata(at.offset, rewind_text(at), -1)
            for at in self._waiting.values()
        }
        with told(address, self._client.security):
            self._consumer.commit(offsets)
        self._waiting.clear()

    def close(self) -> None:
        """Let go of the client. What was noted and not stored comes again."""
        self._waiting.clear()
        if self._consumer is not None:
            self._consumer.close(autocommit=False)
            self._consumer = None
