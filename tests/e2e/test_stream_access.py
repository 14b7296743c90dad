"""Who may come in, by which of a broker's doors, and what is said to the others: one line, and the right exit code."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.broker import PASSWORD, USER, Kafka
from tests.support.certificates import make_certificates
from tests.support.cli import TOKEN_RULES, Ran, gossip
from tests.support.repos import plain_token

if TYPE_CHECKING:
    from pathlib import Path

WRONG = "wrong-one"
DOORS = {"sasl": "sasl_address", "tls": "tls_address", "sasl-tls": "sasl_tls_address"}
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class Door:
    """One topic, reached in every way that there is."""

    def __init__(self, kafka: Kafka, folder: Path) -> None:
        self._kafka = kafka
        self.rules = folder / "rules.toml"
        self.rules.write_text(TOKEN_RULES)
        self._topic = kafka.topic("guarded")
        kafka.send(self._topic, [{"value": plain_token(1)}])

    def try_(self, security: str, *options: str) -> Ran:
        """Scan the topic, once."""
        address = getattr(self._kafka, DOORS[security])
        given = [f"security={security}", *options]
        if "tls" in security and not any(option.startswith("ca-file") for option in options):
            given.append(f"ca-file={self._kafka.authority}")
        more = [part for option in given for part in ("--kafka-option", option)]
        return gossip(
            "stream", "--from", f"kafka://{address}/{self._topic}", "--once", "-q", "--rules", str(self.rules), *more
        )


@pytest.fixture
def door(apache: Kafka, tmp_path: Path) -> Door:
    """Of a broker with all kinds of doors."""
    if apache.tls_address is None:
        pytest.skip("the broker that was named has no users and no certificate that tests know")
    return Door(apache, tmp_path)


@pytest.fixture(autouse=True)
def user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one whom the broker knows."""
    monkeypatch.setenv("GOSSIP_KAFKA_USERNAME", USER)
    monkeypatch.setenv("GOSSIP_KAFKA_PASSWORD", PASSWORD)


def line(ran: Ran, code: int) -> str:
    """The one line of an error, with its exit code."""
    assert (ran.code, ran.out, len(ran.error_lines)) == (code, b"", 1), ran.err.decode()
    said = ran.error_lines[0]
    assert WRONG not in said
    assert PASSWORD not in said
    return said


@pytest.mark.parametrize(("security", "mechanism"), [("sasl", "PLAIN"), *(("sasl-tls", each) for each in MECHANISMS)])
def test_a_user_comes_in(door: Door, security: str, mechanism: str) -> None:
    """By password, in the clear or through TLS."""
    ran = door.try_(security, f"mechanism={mechanism}")
    assert (ran.code, len(ran.findings)) == (1, 1), ran.err.decode()


@pytest.mark.parametrize(("security", "mechanism"), [("sasl", "SCRAM-SHA-256"), ("sasl-tls", "PLAIN")])
def test_a_wrong_password(door: Door, security: str, mechanism: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody comes in with it, and it is not shown."""
    monkeypatch.setenv("GOSSIP_KAFKA_PASSWORD", WRONG)
    said = line(door.try_(security, f"mechanism={mechanism}"), 2)
    assert "refuses user gossip: wrong username, password or mechanism" in said


def test_tls_without_a_user(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker's certificate has to be signed by whom the client trusts: by default, whom the system does."""
    monkeypatch.delenv("GOSSIP_KAFKA_USERNAME")
    ran = door.try_("tls")
    assert (ran.code, len(ran.findings)) == (1, 1), ran.err.decode()
    other, _ = make_certificates(tmp_path / "other")
    assert "no TLS connection: certificate verify failed" in line(door.try_("tls", f"ca-file={other}"), 2)


def test_the_wrong_door(apache: Kafka, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS to a listener that speaks none, and the other way round."""
    monkeypatch.delenv("GOSSIP_KAFKA_USERNAME")
    plain = gossip("stream", "--from", apache.url("x"), "--kafka-option", "security=tls", "-q")
    assert "it does not speak TLS there" in line(plain, 2)
    clear = gossip("stream", "--from", f"kafka://{apache.tls_address}/x", "-q")
    assert "no answer from the broker" in line(clear, 4)


def test_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is down at the start, whatever security was asked for."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"kafka://127.0.0.1:{held.getsockname()[1]}/x"
        said = line(gossip("stream", "--from", url, "--kafka-option", "security=sasl-tls", "-q"), 4)
        assert "no answer from the broker" in said


def test_a_file_without_certificates(tmp_path: Path) -> None:
    """Said before anybody is asked."""
    file = tmp_path / "empty.pem"
    file.write_text("nothing\n")
    for option in ("ca-file", "cert-file"):
        said = line(gossip("stream", "--from", "kafka://127.0.0.1:1/x", "--kafka-option", f"{option}={file}", "-q"), 2)
        assert f"--kafka-option {option}: {file}: no" in said
