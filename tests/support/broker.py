"""A Kafka broker for tests.

`GOSSIP_TEST_KAFKA=host:port` names one that runs already. Else a real Apache Kafka (one node, KRaft) is started where
`java` and `mvn` are: its jars come from Maven Central once, into a cache folder outside of the repository. Else tests
that need one are skipped, and say why.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "4.3.1"
START_SECONDS = 60.0
USER, PASSWORD = "gossip", "not-a-" + "secret"
_OUTSIDE = dict(os.environ)
"""As it was before the tests were sealed off: Maven and Java need the caller's home and settings."""

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>test</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version>
</dependency></dependencies></project>"""

_SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}";
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


def unavailable() -> str | None:
    """Why no broker can be had here; None where one can."""
    if _OUTSIDE.get("GOSSIP_TEST_KAFKA") or all(shutil.which(name) for name in ("java", "mvn")):
        return None
    return "no Kafka: set GOSSIP_TEST_KAFKA=host:port, or install java and mvn"


def jars() -> Path:
    """The folder with Kafka's jars; filled when it is first asked for."""
    base = _OUTSIDE.get("XDG_CACHE_HOME") or os.path.join(_OUTSIDE.get("HOME", "/"), ".cache")
    folder = Path(base) / "gossip-tests" / f"kafka-{VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            pom, partial = folder.parent / "pom.xml", folder.with_suffix(".partial")
            pom.write_text(_POM.format(version=VERSION))
            goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
            command = ["mvn", "-q", "-B", "-f", str(pom), goal, f"-DoutputDirectory={partial}"]
            subprocess.run(command, check=True, env=_OUTSIDE, stdout=subprocess.DEVNULL, timeout=600)
            partial.rename(folder)
    return folder


def _ports(count: int) -> list[int]:
    """Free ports below the range from which systems hand them out, at random: others look for some at this moment."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(range(10240, 32000), 1000):
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    pytest.fail("no free ports")


@dataclass
class Broker:
    """An Apache Kafka of this test's own: it can be killed and started again with what it had."""

    folder: Path
    port: int = 0
    sasl_port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """host:port, without any authentication."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Broker:
        """Start it, the first time with an empty log, and wait until it answers."""
        settings = self.folder / "server.properties"
        classpath = str(jars() / "*")
        if not settings.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.port, self.sasl_port, controller = _ports(3)
            settings.write_text(
                _SETTINGS.format(
                    port=self.port,
                    sasl=self.sasl_port,
                    controller=controller,
                    data=self.folder / "data",
                    user=USER,
                    password=PASSWORD,
                )
            )
            command = ["kafka.tools.StorageTool", "format", "-t", "gossipgossipgossipgosA", "-c", str(settings)]
            self._java(command, wait=True)
        self._process = self._java(["kafka.Kafka", str(settings)], classpath=classpath)
        self._await()
        return self

    def _java(self, arguments: list[str], classpath: str = "", *, wait: bool = False) -> subprocess.Popen[bytes]:
        command = ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-cp", classpath or str(jars() / "*"), *arguments]
        with open(self.folder / "log.txt", "ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=_OUTSIDE, start_new_session=True)
        if wait:
            assert process.wait(START_SECONDS) == 0, (self.folder / "log.txt").read_text()
        return process

    def _await(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "log.txt").read_text()[-2000:]
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.1)
        pytest.fail("the broker did not start")

    def kill(self) -> None:
        """As `kill -9` does it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@dataclass(frozen=True)
class Kafka:
    """What tests use of a running broker."""

    address: str
    sasl_address: str | None = None

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


_shared: list[Broker] = []
"""What this process started for all: kept, for a handle that is dropped complains of its process."""


@contextlib.contextmanager
def shared_broker(root: Path) -> Iterator[Kafka]:
    """One broker for all processes of a test session, whose folder `root` is; the last one stops it."""
    root.mkdir(exist_ok=True)
    users, address = root / "users", root / "address"

    def count(change: int) -> int:
        number = (int(users.read_text()) if users.exists() else 0) + change
        users.write_text(str(number))
        return number

    with _locked(root):
        if count(1) == 1:
            broker = Broker(root / uuid.uuid4().hex[:8]).start()
            _shared.append(broker)
            address.write_text(f"{broker.address} 127.0.0.1:{broker.sasl_port} {broker.pid}")
    plain, sasl, pid = address.read_text().split()
    try:
        yield Kafka(plain, sasl)
    finally:
        with _locked(root):
            if count(-1) == 0:
                os.kill(int(pid), signal.SIGKILL)
        for broker in _shared:
            if broker.pid == int(pid) and not users.read_text().strip("0"):
                broker.kill()


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    with open(root / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker that the whole session shares. Topics have names of their own, so tests do not meet."""
    pytest.importorskip("kafka")
    why = unavailable()
    if why:
        pytest.skip(why)
    named = _OUTSIDE.get("GOSSIP_TEST_KAFKA")
    if named:
        yield Kafka(named)
        return
    base = tmp_path_factory.getbasetemp()
    with shared_broker((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kafka") as found:
        yield found
