"""Streams that are killed, and whose broker is: each finding arrives once, no message is lost, order is kept."""

from __future__ import annotations

import gc
import json
import os
import random
import threading
import time
import warnings
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.broker import Broker, no_apache
from tests.support.cli import TOKEN_RULES
from tests.support.repos import plain_token
from tests.support.streaming import Stream, eventually
from tests.support.topics import Kafka, close_what_never_connected, retried

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("kafka")
close_what_never_connected()
pytestmark = [
    pytest.mark.skipif(no_apache() is not None, reason=str(no_apache())),
    # The client library of this process does not close what a killed broker had accepted.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

FIRST = int(os.environ.get("GOSSIP_CHAOS_FIRST_SEED", "0"))
RUNS = int(os.environ.get("GOSSIP_CHAOS_STREAMS", "2"))
PARTITIONS = 3
MESSAGES = 3_000
EVERY = 3
"""One message of so many holds a token."""
SECONDS = 8.0
FAULTS = 4
NO_BROKER = 4
"""Exit code of a stream that gets no answer."""
CALM_SECONDS = 150.0
"""A transaction that a broker forgot is given up after 60."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """One that may be killed."""
    found = Broker(tmp_path / "broker").start()
    yield found
    found.kill()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # or the sockets would be another test's


def value(number: int) -> bytes:
    """The message of a number, before and after redaction but for the token."""
    token = plain_token(number).decode() if number % EVERY == 0 else "nothing"
    return json.dumps({"n": number, "text": f"login {token} ok"}).encode()


def produced(kafka: Kafka, topic: str, lost: list[BaseException]) -> None:
    """Send all messages over SECONDS, whatever becomes of the broker meanwhile."""
    from kafka import KafkaProducer

    settings = {"linger_ms": 5, "delivery_timeout_ms": 120_000}
    producer = retried(lambda: KafkaProducer(bootstrap_servers=kafka.address, **settings))
    began, sent = time.monotonic(), []
    for number in range(MESSAGES):
        time.sleep(max(0.0, began + SECONDS * number / MESSAGES - time.monotonic()))
        sent.append(producer.send(topic, value(number), key=b"%d" % (number % 7), partition=number % PARTITIONS))
    for each in sent:
        try:
            each.get(120)
        except Exception as err:  # the test asks for it
            lost.append(err)
    producer.close()


class Scene:
    """A stream over a topic, and what may befall it."""

    def __init__(self, folder: Path, broker: Broker, seed: int) -> None:
        self.rng = random.Random(seed)
        self.folder, self.broker, self.kafka = folder, broker, broker.kafka
        (folder / "rules.toml").write_text(TOKEN_RULES)
        self.source = self.kafka.topic("source", PARTITIONS)
        self.found = self.kafka.topic("found", 2)
        self.clean = self.kafka.topic("clean", PARTITIONS)
        self.told: list[str] = []
        self.stream = self.begin()

    def begin(self) -> Stream:
        """Start the stream."""
        url = self.kafka.url
        where = ["--from", url(self.source), "--to", url(self.found), "--forward", self.clean]
        jobs = str(self.rng.choice((1, 2)))
        return Stream(self.folder / "run", *where, "--rules", str(self.folder / "rules.toml"), "-j", jobs)

    def fault(self) -> None:
        """One of the things that happen."""
        kind = self.rng.choice(("worker", "worker", "stream", "broker"))
        self.told.append(kind)
        if kind == "worker" and self.stream.workers:
            self.rng.choice(self.stream.workers).kill()
        elif kind == "stream":
            self.stream.kill()
            self.stream = self.begin()
        elif kind == "broker":
            self.broker.kill()
            time.sleep(self.rng.uniform(0, 1))
            self.broker.start()

    def done(self) -> bool:
        """Whether every message came through. A stream that found no broker when it began is begun again."""
        if self.stream.process.poll() is not None:
            if self.stream.process.returncode != NO_BROKER or "reading" in self.stream.said:
                return True
            self.told.append("began without a broker")
            self.stream = self.begin()
        return len(retried(lambda: self.kafka.read(self.clean))) >= MESSAGES


def check(scene: Scene) -> None:
    """What a read_committed consumer sees."""
    kafka = scene.kafka
    found = [json.loads(record.value) for record in kafka.read(scene.found)]
    expected = {f"{n % PARTITIONS}/{n // PARTITIONS}" for n in range(0, MESSAGES, EVERY)}
    paths = Counter(record["path"] for record in found)
    assert [path for path, count in paths.items() if count > 1] == []
    assert set(paths) == expected
    order: defaultdict[int, list[Any]] = defaultdict(list)
    for record in kafka.read(scene.clean):
        assert b"GSPTOKEN" not in record.value
        order[record.partition].append((json.loads(record.value)["n"], record.key))
    for partition in range(PARTITIONS):
        assert order[partition] == [(n, b"%d" % (n % 7)) for n in range(partition, MESSAGES, PARTITIONS)]


@pytest.mark.parametrize("seed", range(FIRST, FIRST + RUNS))
def test_each_finding_once_and_each_message_in_its_place(tmp_path: Path, broker: Broker, seed: int) -> None:
    """Workers, the whole stream and the broker are killed at random points while messages come."""
    scene = Scene(tmp_path, broker, seed)
    lost: list[BaseException] = []
    sender = threading.Thread(target=produced, args=(scene.kafka, scene.source, lost))
    sender.start()
    try:
        for _ in range(FAULTS):
            time.sleep(scene.rng.uniform(0.5, 2 * SECONDS / FAULTS))
            scene.fault()
        sender.join()
        assert lost == []
        assert eventually(scene.done, CALM_SECONDS), (scene.told, scene.stream.said)
        assert eventually(lambda: "reading" in scene.stream.said)  # before that, a signal ends it with 128 + 15
        ran = scene.stream.stop()
        assert ran.code == 0, (scene.told, ran.err.decode())
        check(scene)
    finally:
        scene.stream.kill()
        sender.join()
