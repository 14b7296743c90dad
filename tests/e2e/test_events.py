"""Findings of scans and watches on a topic: each once for readers of committed messages, whatever ends a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import jsonschema
import pyarrow.parquet as pq
import pytest

from gossip.connectors.kafka.address import parse_address
from gossip.connectors.kafka.client import Client
from gossip.connectors.kafka.events import EventTopic, Outbox
from gossip.connectors.kafka.security import Security
from gossip.schemas.stream import EVENT_SCHEMA
from tests.support.broker import Kafka
from tests.support.cli import ROOT, TOKEN_RULES, Ran, environment, gossip
from tests.support.lake import finding
from tests.support.repos import plain_token
from tests.support.streaming import eventually
from tests.support.watching import Watching

if TYPE_CHECKING:
    from pathlib import Path

FILES = 40
KILLED = 6


class Place:
    """A folder of files with tokens, a state, and a topic."""

    def __init__(self, kafka: Kafka, folder: Path) -> None:
        self.kafka, self.folder = kafka, folder
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.rules = folder / "rules.toml"
        self.rules.write_text(TOKEN_RULES)
        self.topic = kafka.topic("leaks", 3)
        self.written: list[str] = []

    def write(self, count: int) -> None:
        """So many new files with a token each."""
        for _ in range(count):
            number = len(self.written)
            name = f"{number:03}.txt"
            (self.tree / name).write_bytes(b"login " + plain_token(number) + b"\n")
            self.written.append(name)

    def arguments(self, *more: str, state: bool = True) -> list[str]:
        """A scan of the folder."""
        given = ["scan", str(self.tree), "--to", self.kafka.url(self.topic), "--rules", str(self.rules), "-q", *more]
        return [*given, "--state", str(self.folder / "state")] if state else given

    def scan(self, *more: str, state: bool = True) -> Ran:
        """Run it."""
        return gossip(*self.arguments(*more, state=state))

    def events(self, *, committed: bool = True) -> list[Any]:
        """The records of the topic."""
        return self.kafka.read(self.topic, committed=committed)

    def paths(self) -> Counter[str]:
        """How often each file was told of."""
        return Counter(json.loads(record.value)["path"] for record in self.events())


@pytest.fixture
def place(kafka: Kafka, tmp_path: Path) -> Place:
    """One whose broker may be any."""
    return Place(kafka, tmp_path)


def test_a_scan_without_a_state(place: Place) -> None:
    """Every finding is an event of the schema; stdout is left alone unless it is asked for."""
    place.write(FILES)
    ran = place.scan(state=False)
    assert (ran.code, ran.out, ran.err) == (1, b"", b"")
    assert place.paths() == Counter(place.written)
    for record in place.events():
        value = json.loads(record.value)
        jsonschema.validate(value, EVENT_SCHEMA)
        assert record.key.decode() == value["finding_id"]
        assert dict(record.headers)["gossip-schema"] == b"1"
        assert record.partition == int(value["finding_id"][:8], 16) % 3
    assert len(place.scan("-f", "jsonl", state=False).findings) == FILES


@pytest.mark.usefixtures("apache")
def test_a_scan_with_a_state_tells_what_is_new(place: Place) -> None:
    """A second scan tells nothing; a third one only of the new file; the outbox is empty in the end."""
    place.write(3)
    assert [place.scan().code, place.scan().code] == [1, 0]
    assert place.paths() == Counter(place.written)
    place.write(1)
    assert place.scan("-j", "2").code == 1
    assert place.paths() == Counter(place.written)
    assert [path.name for path in (place.folder / "state" / "outbox").iterdir()] == ["id"]


@pytest.mark.usefixtures("apache")
def test_each_finding_once_however_often_it_is_killed(place: Place) -> None:
    """At any point, also between the commit to the lake and the events, and on one process or two."""
    for number in range(KILLED):
        place.write(FILES)
        command = [sys.executable, "-m", "gossip", *place.arguments("-j", str(1 + number % 2))]
        process = subprocess.Popen(command, env=environment(), cwd=ROOT, start_new_session=True)
        outbox = place.folder / "state" / "outbox"
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            if outbox.exists() and any(path.name.startswith("lane") for path in outbox.iterdir()):
                time.sleep(0.01 * number)
                break
            time.sleep(0.001)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert place.scan().code in (0, 1)
    assert place.paths() == Counter(place.written)


@pytest.mark.usefixtures("apache")
def test_what_was_left_is_sent_first(place: Place) -> None:
    """A run that was killed between the commit and the events left nothing to scan: the next one sends them all the same."""
    place.write(2)
    state = place.folder / "state"
    assert gossip("scan", str(place.tree), "--rules", str(place.rules), "--state", str(state)).code == 1
    files = (state / "lake" / "occurrences").glob("*.parquet")
    rows = [row for file in files for row in pq.ParquetFile(file).read().to_pylist() if row["kind"] == "found"]
    client = Client(parse_address(place.kafka.url(place.topic)), Security({"security_protocol": "PLAINTEXT"}))
    lane, seq = rows[0]["lane"], rows[0]["seq"]
    box = Outbox(EventTopic(client, client.topic(client.address)), str(state), int(lane[-4:]), lambda *_: set())
    left = [finding(n, occurrence_id=row["occurrence_id"], path=row["path"]) for n, row in enumerate(rows)]
    box.stage(seq, [*left, finding(9, path="never committed")])
    box.close()
    assert [place.scan().code, place.scan().code] == [0, 0]
    assert place.paths() == Counter(place.written)


@pytest.mark.usefixtures("apache")
def test_a_watch_tells(place: Place) -> None:
    """Also of what came while it ran."""
    place.write(2)
    config = place.folder / "watch.yaml"
    config.write_text(f"interval: 1s\nrules: {place.rules}\nto: {place.kafka.url(place.topic)}\ntargets: [tree]\n")
    with Watching(place.folder / "w", config, "-j", "1") as watching:
        assert eventually(lambda: place.paths() == Counter(place.written))
        place.write(1)
        assert eventually(lambda: place.paths() == Counter(place.written))
        assert watching.stop() == 0
    assert place.paths() == Counter(place.written)


@pytest.mark.usefixtures("apache")
def test_a_topic_is_scanned(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once with a state, keys and headers too; its findings are those of a stream."""
    monkeypatch.setenv("GOSSIP_TENANT_KEY", "1f" * 32)  # or the state would have one of its own
    topic = place.kafka.topic("logs", 2)
    url = place.kafka.url(topic)
    header = [("token", plain_token(2))]
    place.kafka.send(topic, [{"value": plain_token(0), "partition": 0}, {"value": b"x", "key": plain_token(1)}])
    place.kafka.send(topic, [{"value": b"x", "partition": 1, "headers": header}])
    common = ["-f", "jsonl", "-q", "--rules", str(place.rules)]
    state = ["--state", str(place.folder / "topic-state")]
    first = gossip("scan", url, *common, *state)
    streamed = gossip("stream", "--from", url, "--once", *common)
    assert {f["occurrence_id"] for f in first.findings} == {f["occurrence_id"] for f in streamed.findings}
    assert [first.code, len(first.findings)] == [1, 3]
    assert [gossip("scan", url, *common, *state).findings, first.summary["losses"]] == [[], {}]
    place.kafka.send(topic, [{"value": plain_token(3), "partition": 1}])
    assert len(gossip("scan", url, *common, *state).findings) == 1


def line(ran: Ran, code: int) -> str:
    """The one line of an error, with its exit code."""
    assert (ran.code, ran.out, len(ran.error_lines)) == (code, b"", 1), ran.err.decode()
    return ran.error_lines[0]


def test_what_is_wrong_is_said_in_one_line(place: Place) -> None:
    """Before anything is scanned."""
    place.write(1)
    common = ["scan", str(place.tree), "--rules", str(place.rules)]
    assert "there is no such topic" in line(gossip(*common, "--to", place.kafka.url("none-such")), 2)
    assert "no answer from the broker" in line(gossip(*common, "--to", "kafka://127.0.0.1:1/x"), 4)
    assert "not the address of a topic" in line(gossip(*common, "--to", "leaks"), 2)
    assert "is for a topic" in line(gossip(*common, "--kafka-option", "security=tls"), 2)
    assert "events never hold secrets" in line(gossip(*common, "--to", place.kafka.url("x"), "--show-secrets"), 2)
