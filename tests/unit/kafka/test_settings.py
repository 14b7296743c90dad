"""Addresses and security: what is understood, what is refused, and that no password is ever shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gossip.connectors.kafka.address import parse_address
from gossip.connectors.kafka.channel import read_rewind, rewind_text
from gossip.connectors.kafka.security import security_of
from gossip.schemas.errors import MisuseError
from gossip.schemas.stream import Position

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = "hid" + "den"
USER = {"GOSSIP_KAFKA_USERNAME": "ada", "GOSSIP_KAFKA_PASSWORD": HIDDEN}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("kafka://a/t", "kafka://a:9092/t"),
        ("kafka://a:1,b:2,c/t.x_y-z", "kafka://a:1,b:2,c:9092/t.x_y-z"),
        ("kafka://[::1]:9/t", "kafka://[::1]:9/t"),
    ],
)
def test_addresses(url: str, shown: str) -> None:
    """Hosts, ports and a topic."""
    assert str(parse_address(url)) == shown


@pytest.mark.parametrize(
    "url",
    [
        "", "a/t", "http://a/t", "kafka://a", "kafka://a/", "kafka:///t", "kafka://a/t/u", "kafka://a/t?x=y",
        "kafka://a:99999/t", "kafka://a b/t", "kafka://a/..", f"kafka://ada:{HIDDEN}@a/t", "kafka://a/" + "t" * 250,
    ],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    """One line says so, and repeats no password."""
    with pytest.raises(MisuseError) as caught:
        parse_address(url)
    assert HIDDEN not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_username_means_sasl_over_tls() -> None:
    """The safe way is the one that needs no words."""
    found = security_of({}, USER)
    assert (found.client["security_protocol"], found.client["sasl_mechanism"]) == ("SASL_SSL", "PLAIN")
    assert HIDDEN not in repr(found)
    assert security_of({}, {}).client["security_protocol"] == "PLAINTEXT"


def test_a_password_from_a_file(tmp_path: Path) -> None:
    """Its line end is not part of it."""
    file = tmp_path / "password"
    file.write_text(HIDDEN + "\n")
    found = security_of({"username": "ada", "password-file": str(file), "security": "sasl"}, {})
    assert found.client["sasl_plain_password"] == HIDDEN


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        ({"speed": "1"}, {}),
        ({"security": "none"}, {}),
        ({"security": "sasl"}, {}),
        ({"security": "sasl"}, {"GOSSIP_KAFKA_USERNAME": "ada"}),
        ({"security": "tls"}, USER),
        ({"mechanism": "MD5", "security": "sasl"}, USER),
        ({"password-file": "/nowhere/x", "security": "sasl"}, USER),
        ({"ca-file": "/nowhere/x"}, {}),
        ({"check-hostname": "maybe"}, {}),
        ({"compression": "rar"}, {}),
    ],
)
def test_wrong_options(options: dict[str, str], environment: dict[str, str]) -> None:
    """Each is refused by a line that names it and shows no password."""
    with pytest.raises(MisuseError) as caught:
        security_of(options, environment)
    assert HIDDEN not in str(caught.value)


@pytest.mark.parametrize(
    ("position", "text"), [(Position(0, 9, 4), "rewind=4"), (Position(0, 9, 9), ""), (Position(0, 0, 0), "")]
)
def test_where_to_read_on_is_stored_beside_the_offset(position: Position, text: str) -> None:
    """And read again; of others' words there it is the offset itself."""
    assert rewind_text(position) == text
    assert read_rewind(position.offset, text) == position.rewind
    assert read_rewind(5, "somebody's") == read_rewind(5, None) == read_rewind(5, "rewind=7") == 5
