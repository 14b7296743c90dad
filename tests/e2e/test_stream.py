"""`gossip stream` against a real broker: what is sent, what is stored, what is said when something is wrong."""

from __future__ import annotations

import json
import signal
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from gossip.schemas.stream import EVENT_SCHEMA
from tests.support.broker import Kafka
from tests.support.cli import Ran, gossip
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import plain_token
from tests.support.streaming import Stream, eventually
from tests.support.watching import Watching

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = plain_token(1)


def stream(kafka: Kafka, topic: str, rules: str, *more: str) -> Ran:
    """Read a topic to its end."""
    return gossip("stream", "--from", kafka.url(topic), "--once", "-q", "-f", "jsonl", "--rules", rules, *more)


def filled(kafka: Kafka, partitions: int = 2, count: int = 10) -> str:
    """A topic with a token in every second message."""
    topic = kafka.topic("source", partitions)
    values = [b"a %s b" % (plain_token(n) if n % 2 else b"-") for n in range(count)]
    kafka.send(topic, [{"value": v, "partition": n // 2 % partitions} for n, v in enumerate(values)])
    return topic


def paths(findings: list[dict[str, Any]]) -> list[str]:
    """Where they were found."""
    return sorted(found["path"] for found in findings)


@pytest.mark.usefixtures("apache")
def test_findings_are_printed_and_the_position_is_kept(kafka: Kafka, rules: str) -> None:
    """A second run begins where the first one ended; another group begins at the start."""
    topic = filled(kafka)
    first = stream(kafka, topic, rules)
    assert (first.code, first.err, paths(first.findings)) == (1, b"", ["0/1", "0/3", "0/5", "1/1", "1/3"])
    assert stream(kafka, topic, rules).code == 0
    kafka.send(topic, [{"value": TOKEN, "partition": 1}])
    assert paths(stream(kafka, topic, rules).findings) == ["1/4"]
    assert stream(kafka, topic, rules, "--group", "new", "--start", "latest").code == 0
    assert len(stream(kafka, topic, rules, "--group", "other", "-j", "2").findings) == 6


@pytest.mark.usefixtures("apache")
def test_events_are_as_their_schema_says(kafka: Kafka, rules: str) -> None:
    """Key, headers and value of what is sent; once, whatever is run again."""
    topic, out = filled(kafka), kafka.topic("found")
    for _ in range(2):
        ran = stream(kafka, topic, rules, "--to", kafka.url(out))
    assert ran.code == 0
    sent = kafka.read(out)
    assert len(sent) == 5
    for record in sent:
        value = json.loads(record.value)
        jsonschema.validate(value, EVENT_SCHEMA)
        assert record.key == value["finding_id"].encode()
        assert dict(record.headers) == {"gossip-schema": b"1", "content-type": b"application/json"}
        assert "secret" not in value


def test_built_in_findings_fit_the_schema(kafka: Kafka) -> None:
    """Facts, parts and decode paths included."""
    from random import Random

    from tests.support.tokens import aws_access_key, github, jwt

    rng = Random(3)
    topic, out = kafka.topic("source"), kafka.topic("found")
    secrets = [b"t = '%s'" % github(rng), b'jwt="%s"' % jwt(rng), b"aws_access_key_id = " + aws_access_key(rng)]
    kafka.send(topic, [{"value": value} for value in secrets])
    ran = gossip("stream", "--from", kafka.url(topic), "--to", kafka.url(out), "--once", "-q")
    assert (ran.code, ran.out, ran.err) == (1, b"", b"")
    values = [json.loads(record.value) for record in kafka.read(out)]
    assert len(values) >= 2
    for value in values:
        jsonschema.validate(value, EVENT_SCHEMA)


def test_messages_go_on_without_their_secrets(kafka: Kafka, rules: str) -> None:
    """Order, keys, headers, timestamps and all other bytes are kept, partition by partition."""
    topic, clean = kafka.topic("source", 3), kafka.topic("clean", 3)
    sent = [
        {
            "value": json.dumps({"n": n, "t": plain_token(n).decode() if n % 3 == 0 else "-"}).encode(),
            "key": b"k%d" % n,
            "partition": n % 3,
            "headers": [("n", b"%d" % n)],
            "timestamp_ms": 1_700_000_000_000 + n,
        }
        for n in range(60)
    ]
    kafka.send(topic, sent)
    assert stream(kafka, topic, rules, "--forward", clean).code == 1
    got = kafka.read(clean)
    assert [(r.partition, r.offset, r.key, r.headers, r.timestamp) for r in got] == [
        (m["partition"], i, m["key"], m["headers"], m["timestamp_ms"])
        for p in range(3)
        for i, m in enumerate(sent[p::3])
    ]
    for record in got:
        value, before = json.loads(record.value), json.loads(sent[int(record.headers[0][1])]["value"])
        assert value["n"] == before["n"]
        assert value["t"].startswith("gossip:") if value["n"] % 3 == 0 else value == before


def test_poison_goes_to_the_dead_letters(kafka: Kafka, rules: str) -> None:
    """What cannot be read is a loss; it is told from where it came and why, and holds no secret."""
    topic, clean, dead = kafka.topic("source"), kafka.topic("clean"), kafka.topic("dead")
    kafka.send(topic, [{"value": v} for v in (b'{"a": "x"}', b"bad " + TOKEN, b'{"a": "%s"}' % TOKEN)])
    ran = stream(kafka, topic, rules, "--field", "a", "--forward", clean, "--dead-letter", dead)
    assert (ran.code, ran.summary["losses"]) == (3, {"poison": 1})
    assert paths(ran.findings) == ["0/1", "0/2#a"]
    (letter,) = kafka.read(dead)
    assert dict(letter.headers)["gossip-source"] == f"{topic}/0/1".encode()
    assert letter.value.startswith(b"bad gossip:")
    assert len(kafka.read(clean)) == 2


@pytest.mark.usefixtures("apache")
def test_a_lake_keeps_findings_once(kafka: Kafka, rules: str, tmp_path: Path) -> None:
    """The ledger says where to go on; with outputs beside it, both have everything once."""
    topic, out, state = filled(kafka), kafka.topic("found"), str(tmp_path / "state")
    assert len(stream(kafka, topic, rules, "--state", state).findings) == 5
    assert stream(kafka, topic, rules, "--state", state).code == 0
    kafka.send(topic, [{"value": TOKEN, "partition": 1}])
    assert stream(kafka, topic, rules, "--state", state).code == 1
    ran = stream(kafka, topic, rules, "--state", state, "--to", kafka.url(out))
    assert (ran.code, len(kafka.read(out))) == (1, 6)  # the topic begins where its own position says
    asked = gossip("query", "--state", state, "-f", "jsonl", "SELECT path FROM occurrences")
    assert sorted(json.loads(line)["path"] for line in asked.out.splitlines()) == [
        "0/1", "0/3", "0/5", "1/1", "1/3", "1/4",
    ]  # fmt: skip
    assert gossip("lake", "verify", state).code == 0


@pytest.mark.usefixtures("apache")
def test_pairs_are_found_across_messages(kafka: Kafka, tmp_path: Path) -> None:
    """A key id now, its secret three messages and one restart later."""
    file = tmp_path / "pairs.toml"
    file.write_text(
        "[[rules]]\nid = 'pair'\nregex = '''PSEC[0-9]{6}Q'''\n[[rules.components]]\nid = 'id'\nwithinLines = 2\n"
        "[[rules]]\nid = 'id'\nregex = '''PID[0-9]{6}Q'''\nskipReport = true\n"
    )
    topic, out = kafka.topic("source"), kafka.topic("found")
    kafka.send(topic, [{"value": v, "key": b"k"} for v in (b"PID000001Q", b"x", b"y")])
    to = ["--to", kafka.url(out)]
    assert stream(kafka, topic, str(file), *to).code == 0
    kafka.send(topic, [{"value": b"PSEC000001Q", "key": b"k"}, {"value": b"PSEC000002Q", "key": b"other"}])
    assert paths(stream(kafka, topic, str(file), *to).findings) == ["0/3"]
    (event,) = kafka.read(out)
    assert [part["rule_id"] for part in json.loads(event.value)["parts"]] == ["id"]


@pytest.mark.usefixtures("apache")
def test_the_one_that_was_overtaken_stops(kafka: Kafka, rules: str, tmp_path: Path) -> None:
    """Of two on one topic and group the older one ends with 4 and says why; nothing comes twice."""
    topic, out = kafka.topic("source"), kafka.topic("found")
    arguments = ["--from", kafka.url(topic), "--to", kafka.url(out), "--rules", rules, "-j", "1"]
    with Stream(tmp_path / "a", *arguments) as first:
        kafka.send(topic, [{"value": plain_token(1)}])
        assert eventually(lambda: len(kafka.read(out)) == 1)
        with Stream(tmp_path / "b", *arguments) as second:
            assert eventually(lambda: "reading" in second.said)
            for number in range(2, 60):
                kafka.send(topic, [{"value": plain_token(number)}])
                if first.process.poll() is not None:
                    break
            ran = first.ended()
            assert ran.code == 4
            assert "another execution took this partition over" in ran.error_lines[-1]
            assert eventually(lambda: len(kafka.read(out)) == number)
            assert second.stop().code == 0
    counts = Counter(json.loads(record.value)["path"] for record in kafka.read(out))
    assert set(counts.values()) == {1}


@pytest.mark.usefixtures("apache")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_loses_nothing(kafka: Kafka, rules: str, tmp_path: Path, number: signal.Signals) -> None:
    """It says so, with 0; the next one goes on."""
    topic = filled(kafka)
    with Stream(tmp_path / "s", "--from", kafka.url(topic), "--rules", rules, "-f", "jsonl") as running:
        assert eventually(lambda: len(running._out.read_bytes().splitlines()) == 5)
        ran = running.stop(number)
    assert (ran.code, len(ran.findings)) == (0, 5)
    assert f"stopped by {number.name}; nothing is lost" in ran.error_lines[-1]
    kafka.send(topic, [{"value": TOKEN, "partition": 0}])
    assert paths(stream(kafka, topic, rules).findings) == ["0/6"]


@pytest.mark.usefixtures("apache")
def test_messages_that_are_gone_are_a_loss(kafka: Kafka, rules: str) -> None:
    """What retention took before it was read is said, and the rest is read."""
    from kafka import TopicPartition
    from kafka.admin import KafkaAdminClient

    topic = filled(kafka, partitions=1)
    assert stream(kafka, topic, rules, "--start", "earliest").code == 1
    kafka.send(topic, [{"value": plain_token(n)} for n in range(20, 24)])
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    admin.delete_records({TopicPartition(topic, 0): 12})
    admin.close()
    ran = stream(kafka, topic, rules)
    assert (ran.code, ran.summary["losses"], paths(ran.findings)) == (3, {"expired": 1}, ["0/12", "0/13"])


def line(ran: Ran, code: int) -> str:
    """The one line of an error, with its exit code."""
    assert (ran.code, ran.out, len(ran.error_lines)) == (code, b"", 1)
    return ran.error_lines[0]


def test_what_is_wrong_is_said_in_one_line(kafka: Kafka) -> None:
    """No topic, no broker, and topics that would make a circle."""
    topic = filled(kafka, 1, 2)
    assert "there is no such topic" in line(gossip("stream", "--from", kafka.url("none-such")), 2)
    assert "is the topic that is read" in line(gossip("stream", "--from", kafka.url(topic), "--forward", topic), 2)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nobody = f"kafka://127.0.0.1:{held.getsockname()[1]}/x"
        assert "no answer from the broker" in line(gossip("stream", "--from", nobody), 4)
    assert "needs a username" in line(
        gossip("stream", "--from", kafka.url(topic), "--kafka-option", "security=sasl"), 2
    )
    assert "--group: needs a name" in line(gossip("stream", "--from", kafka.url(topic), "--group", ""), 2)
    assert "--window x: not a duration" in line(gossip("stream", "--from", kafka.url(topic), "--window", "x"), 2)


def test_a_push_event_makes_a_watch_look_at_once(kafka: Kafka, rules: str, tmp_path: Path) -> None:
    """Long before the interval is over; others' events are counted."""
    repo = RepoWriter.create(tmp_path / "ada" / "app.git", bare=True)
    first = repo.commit({b"a": body(b"nothing", "a")}, ref="refs/heads/main")
    topic = kafka.topic("events", 2)
    config = tmp_path / "watch.yaml"
    config.write_text(f"interval: 1h\nrules: {rules}\nevents: {kafka.url(topic)}\ntargets: [ada/app.git]\n")
    with Watching(tmp_path / "w", config, "-j", "1") as watching:
        watching.until(lambda w: w.heard("watching 1 targets"))
        repo.commit({b"a": body(plain_token(7), "a")}, (first,), ref="refs/heads/main")
        event = json.dumps({"repository": {"full_name": "ada/app"}}).encode()

        def seen() -> bool:
            kafka.send(topic, [{"value": event}, {"value": b"{}"}])
            return watching.paths == ["a"]

        assert eventually(seen)
        assert eventually(lambda: watching.heard("about no repository of this watch"))
        assert watching.stop() == 0
