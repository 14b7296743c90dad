"""Clients of a cluster, and its errors as errors of ours: one line each, without a credential."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gossip.schemas.errors import GossipError, MisuseError, PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gossip.connectors.kafka.address import Address
    from gossip.connectors.kafka.security import Security

BOOTSTRAP_MS = 6_000
"""How long a cluster may take to answer for the first time."""
BLOCK_MS = 30_000
DELIVERY_MS = 60_000
"""How long a broker may be away before a transaction is given up: the run then starts it again."""
TRANSACTION_MS = 60_000
FETCH_BYTES = 2 << 20
"""What one fetch of a partition brings at most, unless one message is larger. Memory grows with it."""
FETCH_WAIT_MS = 100
POLL_MESSAGES_MAX = 4_000
REQUEST_BYTES_MAX = 64 << 20
MESSAGE_BYTES_MAX = 1_048_588
"""Kafka's default of `max.message.bytes`, where a cluster does not tell."""
SEND_BATCH_BYTES = 256 << 10

_MISSING = "kafka-python is not installed; run: pip install 'gossip-scan[kafka]'"


class FencedError(PermanentError):
    """Another execution took a partition over. Stop this one; what it had not committed is done by the other."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a cluster says of a topic."""

    address: Address
    cluster: str
    """Id of the cluster: the same whatever brokers are named."""
    partitions: int
    message_bytes_max: int
    """Largest batch that it takes."""


@dataclass(frozen=True, slots=True)
class Client:
    """Opens clients of one cluster. Each has a thread of its own: close it before the process forks."""

    address: Address
    security: Security

    def consumer(self, group: str | None) -> Any:
        """A consumer that commits nothing by itself and sees only what was committed. Raises errors of ours."""
        with told(self.address, self.security), _library(self) as kafka:
            return kafka.KafkaConsumer(
                **self._common(),
                group_id=group,
                enable_auto_commit=False,
                isolation_level="read_committed",
                auto_offset_reset="none",
                allow_auto_create_topics=False,
                max_poll_records=POLL_MESSAGES_MAX,
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_wait_ms=FETCH_WAIT_MS,
            )

    def producer(self, transactional_id: str) -> Any:
        """A producer of transactions; what another one of the same id had begun is ended. Raises errors of ours."""
        with told(self.address, self.security), _library(self) as kafka:
            producer = kafka.KafkaProducer(
                **self._common(),
                transactional_id=transactional_id,
                transaction_timeout_ms=TRANSACTION_MS,
                delivery_timeout_ms=DELIVERY_MS,
                max_block_ms=BLOCK_MS,
                max_request_size=REQUEST_BYTES_MAX,
                allow_auto_create_topics=False,
                linger_ms=2,
                batch_size=SEND_BATCH_BYTES,
                compression_type=self.security.compression,
            )
            try:
                producer.init_transactions()
            except BaseException:
                let_go(producer)
                raise
            return producer

    def topic(self, address: Address) -> Topic:
        """What the cluster knows of one of its topics. Raises MisuseError where it has none of that name."""
        with told(address, self.security), _library(self, first=True) as kafka:
            admin = kafka.KafkaAdminClient(**self._common())
            try:
                found = admin.describe_topics([address.topic])[0]
                _check_topic(address, found)
                cluster = admin.describe_cluster()["cluster_id"]
                largest = _largest_message(admin, address.topic)
            finally:
                admin.close()
        return Topic(address, str(cluster), len(found["partitions"]), largest)

    def _common(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": list(self.address.brokers),
            "client_id": "gossip",
            "bootstrap_timeout_ms": BOOTSTRAP_MS,
            **self.security.client,
        }


def within(call: Callable[[], None], address: Address) -> None:
    """Do something that ends a transaction. Raises what it raises, and RetryableError where it does not return.

    The client library waits for the end of a transaction for ever, and where a broker was restarted at the wrong moment
    nothing comes. The broker ends such a transaction itself after as long as this waits.
    """
    failed: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as err:  # raised below
            failed.append(err)

    thread = threading.Thread(target=run, name="transaction", daemon=True)
    thread.start()
    thread.join(TRANSACTION_MS / 1000)
    if thread.is_alive():
        raise RetryableError(f"{address}: no end of a transaction within {TRANSACTION_MS // 1000} s")
    if failed:
        raise failed[0]


def let_go(producer: Any) -> None:
    """Close a producer without waiting for anything. What it had not committed is nowhere: the next one ends that."""
    from kafka.errors import KafkaError

    with suppress(KafkaError):  # that there was something to wait for
        producer.close(timeout=0)


def _check_topic(address: Address, found: dict[str, Any]) -> None:
    from kafka.errors import for_code

    code = found["error_code"]
    if code == 3:
        raise MisuseError(f"{address}: there is no such topic; create it first, as docs/stream.md shows")
    if code:
        raise for_code(code)


def _largest_message(admin: Any, topic: str) -> int:
    """`max.message.bytes` of a topic; Kafka's default where the cluster does not tell."""
    from kafka.admin import ConfigResource, ConfigResourceType
    from kafka.errors import KafkaError

    with suppress(KafkaError, KeyError, ValueError, TypeError):
        said = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        return int(said["topic"][topic]["max.message.bytes"]["value"])
    return MESSAGE_BYTES_MAX


class _Overheard(logging.Handler):
    """What the library only logs: that a bootstrap fails because of a password or a certificate, for it tries on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.refused = ""
        self.dropped = False
        self.handshake = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Note the kinds that a user can do something about."""
        text = record.getMessage()
        if "SaslAuthenticationFailed" in text or "UnsupportedSaslMechanism" in text:
            self.refused = "wrong username, password or mechanism"
        self.dropped = self.dropped or "socket disconnected" in text
        if "Handshake failed" in text or "CERTIFICATE" in text:
            self.handshake = "certificate verify failed" if "verify" in text.lower() else "it does not speak TLS there"


@contextmanager
def _library(client: Client, *, first: bool = False) -> Iterator[Any]:
    """The client library, which is an extra. Its log says every error a second time: it is heard, not shown.

    `first`: nothing was ever asked of this cluster, so a broker that drops whoever logs in does not like the user.
    """
    try:
        import kafka
    except ImportError as err:
        raise MisuseError(_MISSING) from err
    logger, heard = logging.getLogger("kafka"), _Overheard()
    logger.propagate = False
    logger.handlers[:] = [heard]
    try:
        yield kafka
    except kafka.errors.KafkaTimeoutError as err:
        brokers, user = ", ".join(client.address.brokers), client.security.username
        if heard.refused:
            raise _refused(brokers, user, heard.refused) from err
        if first and heard.dropped and user:
            raise _refused(brokers, user, "wrong username, password or mechanism, or it speaks no SASL there") from err
        if heard.handshake:
            raise MisuseError(f"{brokers}: no TLS connection: {heard.handshake}") from err
        raise


def _refused(brokers: str, user: str | None, why: str) -> MisuseError:
    return MisuseError(f"{brokers}: the broker refuses user {user or '(none)'}: {why}")


@contextmanager
def told(address: Address, security: Security | None = None) -> Iterator[None]:
    """Turn errors of the client library into errors of ours that name the topic."""
    try:
        yield
    except GossipError:
        raise
    except Exception as err:
        found = _classed(err, address, security.username if security else None)
        if found is None:
            raise
        raise found from err


def _classed(err: Exception, address: Address, user: str | None) -> GossipError | None:
    try:
        from kafka import errors
    except ImportError:
        return None
    brokers = ", ".join(address.brokers)
    if isinstance(err, errors.SaslAuthenticationFailedError | errors.UnsupportedSaslMechanismError):
        return _refused(brokers, user, "wrong username, password or mechanism")
    if isinstance(err, errors.ProducerFencedError | errors.InvalidProducerEpochError):
        return FencedError(
            f"{address}: another execution took this partition over; one `gossip stream` a topic and group: stop this "
            "one, or give it another --group; nothing is lost"
        )
    if isinstance(err, errors.AuthorizationError):
        return PermanentError(f"{address}: user {user or '(none)'} may not do this: {type(err).__name__}")
    if isinstance(err, errors.UnknownTopicOrPartitionError):
        return MisuseError(f"{address}: there is no such topic; create it first, as docs/stream.md shows")
    if isinstance(err, errors.KafkaTimeoutError | errors.KafkaConnectionError | errors.NodeNotReadyError):
        return RetryableError(f"{brokers}: no answer from the broker; is it running, and is this its address?")
    if isinstance(err, errors.KafkaError):
        # A client that got confused by a broker's restart is of no more use, but the next one is: only what names the
        # message or the broker's release lasts.
        kind = PermanentError if isinstance(err, _lasting(errors)) else RetryableError
        return kind(f"{address}: {' '.join(str(err).split()) or type(err).__name__}")
    if isinstance(err, OSError):
        return RetryableError(f"{brokers}: {err.strerror or err}")
    return None


def _lasting(errors: Any) -> tuple[type[Exception], ...]:
    return (
        errors.MessageSizeTooLargeError,
        errors.RecordListTooLargeError,
        errors.UnsupportedVersionError,
        errors.UnsupportedCodecError,
        errors.InvalidTopicError,
    )
