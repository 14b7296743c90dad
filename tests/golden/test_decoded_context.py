"""Secrets that only their surroundings give away, when the surroundings are encoded with them."""

from __future__ import annotations

import base64
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.support import encodings as e
from tests.support import key_files, tokens
from tests.support.scanning import Place, place, scan_bytes

if TYPE_CHECKING:
    from pathlib import Path

RNG = Random(11)
KEY_ID = tokens.aws_access_key(RNG)
AWS_SECRET = tokens.chars(RNG, 40, tokens.ALPHANUMERIC + "/+").encode()
PASSWORD = tokens.chars(RNG, 22).encode()


@pytest.mark.parametrize("shift", range(3))
def test_aws_secret_key_beside_its_id_in_base64(shift: int, tmp_path: Path) -> None:
    """Both, each at its place."""
    text = b"#" * shift + b"\naws_access_key_id = " + KEY_ID + b"\naws_secret_access_key = " + AWS_SECRET + b"\n"
    data = b"credentials: " + base64.b64encode(text) + b"\n"
    found = scan_bytes(tmp_path, "a.yaml", data).findings
    parts = {f.rule_id: [part.rule_id for part in f.parts] for f in found}
    assert parts == {"aws-access-key-id": [], "aws-secret-access-key": ["aws-access-key-id"]}
    assert sorted(f.secret or "" for f in found) == sorted((KEY_ID.decode(), AWS_SECRET.decode()))
    assert {f.decode_path for f in found} == {("base64",)}


@pytest.mark.parametrize("shift", range(3))
@pytest.mark.parametrize("line", [b'password = "%s"', b"DB_PASSWORD=%s", b"auth_token: '%s'", b'"apiKey": "%s",'])
def test_generic_rule_in_base64(line: bytes, shift: int, tmp_path: Path) -> None:
    """Its keyword is encoded too."""
    text = b"#" * shift + b"\nuser: bob\n" + line % PASSWORD + b"\nport: 5432\n"
    at = text.index(PASSWORD)
    coded = e.b64(e.plain(text)).within(b"config: ", b"\n")
    found = scan_bytes(tmp_path, "a.yaml", coded.data).findings
    span = coded.spans[at][0], coded.spans[at + len(PASSWORD) - 1][1]
    assert [(f.secret, f.decode_path, (f.start, f.end)) for f in found] == [(PASSWORD.decode(), ("base64",), span)]


def test_private_key_in_base64_in_json(tmp_path: Path) -> None:
    """A whole PEM, as Kubernetes keeps it."""
    key = key_files.pem("RSA")
    coded = e.b64(e.plain(key)).within(b'{"data": {"tls.key": "', b'"}}\n')
    found = scan_bytes(tmp_path, "a.json", coded.data)
    # All but the line break after it.
    span = coded.spans[0][0], coded.spans[len(key) - 2][1]
    wanted = Place("private-key-pkcs8", ("base64",), (), *span)
    assert ([place(f) for f in found.findings], found.losses) == ([wanted], [])
