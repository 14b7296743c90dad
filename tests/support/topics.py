"""What tests do with a running broker: topics, messages in and out, and a client library that cleans up."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kafka:
    """What tests use of a running broker."""

    address: str
    sasl_address: str | None = None
    tls_address: str | None = None
    sasl_tls_address: str | None = None
    authority: str | None = None
    """File with the certificate that clients have to trust."""
    whole: bool = True
    """It is an Apache Kafka, or one that was named: it keeps positions of groups, and fences."""

    def topic(self, name: str, partitions: int = 1, **settings: str) -> str:
        """A new topic, under a name of its own."""
        from kafka.admin import KafkaAdminClient, NewTopic

        full = f"{name}-{uuid.uuid4().hex[:8]}"
        admin = retried(lambda: KafkaAdminClient(bootstrap_servers=self.address))
        try:
            new = NewTopic(full, num_partitions=partitions, replication_factor=1, topic_configs=settings)
            retried(lambda: admin.create_topics([new]))
            retried(lambda: _led(admin, full, partitions))
        finally:
            admin.close()
        return full

    def url(self, topic: str) -> str:
        """As the command line names it."""
        return f"kafka://{self.address}/{topic}"

    def send(self, topic: str, messages: list[dict[str, Any]]) -> None:
        """Send messages, each the arguments of a producer's `send`, and wait until they are there."""
        from kafka import KafkaProducer

        producer = retried(lambda: KafkaProducer(bootstrap_servers=self.address, linger_ms=5, batch_size=1 << 18))
        try:
            sent = [producer.send(topic, **message) for message in messages]
            producer.flush()
            for each in sent:
                each.get(30)
        finally:
            producer.close()

    def read(self, topic: str, *, committed: bool = True) -> list[Any]:
        """Every record that is in a topic now, partition by partition."""
        from kafka import KafkaConsumer, TopicPartition

        level = "read_committed" if committed else "read_uncommitted"
        settings = {"enable_auto_commit": False, "isolation_level": level, "max_poll_records": 5000}
        consumer = retried(lambda: KafkaConsumer(bootstrap_servers=self.address, **settings))
        try:
            parts = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
            consumer.assign(parts)
            consumer.seek_to_beginning()
            ends = consumer.end_offsets(parts)
            found: list[Any] = []
            deadline = time.monotonic() + 30
            while any(consumer.position(part) < ends[part] for part in parts) and time.monotonic() < deadline:
                for records in consumer.poll(timeout_ms=200).values():
                    found.extend(records)
            return sorted(found, key=lambda record: (record.partition, record.offset))
        finally:
            consumer.close()


def _led(admin: Any, topic: str, partitions: int) -> None:
    found = admin.describe_topics([topic])[0]
    led = [each["leader_id"] for each in found["partitions"] if each["leader_id"] >= 0]
    if len(led) < partitions:
        raise TimeoutError(f"{topic} is not there yet")


def close_what_never_connected() -> None:
    """Let this process's clients close sockets that could not connect: the library leaves them to the collector, which
    comes upon some of them only in another test.
    """
    from kafka.net.inet import KafkaNetSocket

    connect = KafkaNetSocket.sock_connect

    async def closing(self: Any, net: Any, sock: Any, address: Any, timeout_at: Any = None) -> Any:
        try:
            return await connect(self, net, sock, address, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise

    KafkaNetSocket.sock_connect = closing


def retried(call: Any, seconds: float = 60.0) -> Any:
    """What a call gives, once it gives something: a broker that has just started refuses for a while."""
    from kafka.errors import KafkaError

    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except (KafkaError, TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
