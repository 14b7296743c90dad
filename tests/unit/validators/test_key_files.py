"""Private key files: every form is read, in every wrapping that code and configuration put it in."""

from __future__ import annotations

import base64
import json
from random import Random

import pytest

from gossip.engine.detect.validators import Verdict, make_validator
from tests.support import key_files, tokens

validate = make_validator("private-key")
UNDECIDED = Verdict("indeterminate")
INVALID = Verdict("invalid")
CLEAR = ("encrypted", "no")

PLAIN = [
    ("RSA", "pkcs8", (("type", "RSA"), ("bits", "2048"), CLEAR)),
    ("RSA", "traditional", (("type", "RSA"), ("bits", "2048"), CLEAR)),
    ("RSA", "openssh", (("type", "ssh-rsa"), ("bits", "2048"), CLEAR)),
    ("EC", "pkcs8", (("type", "EC"), ("curve", "secp256r1"), CLEAR)),
    ("EC", "traditional", (("type", "EC"), ("curve", "secp256r1"), CLEAR)),
    ("EC", "openssh", (("type", "ecdsa-sha2-nistp256"), CLEAR)),
    ("Ed25519", "pkcs8", (("type", "Ed25519"), CLEAR)),
    ("Ed25519", "openssh", (("type", "ssh-ed25519"), CLEAR)),
]


@pytest.mark.parametrize(("kind", "form", "facts"), PLAIN)
def test_keys_in_the_clear(kind: str, form: str, facts: tuple[tuple[str, str], ...]) -> None:
    """Kind and size are told."""
    assert validate(key_files.pem(kind, form)) == Verdict("valid", facts)


@pytest.mark.parametrize(
    ("form", "facts"),
    [
        ("pkcs8", (("encrypted", "yes"),)),
        ("traditional", (("encrypted", "yes"), ("cipher", "AES-256-CBC"))),
        ("openssh", (("type", "ssh-rsa"), ("bits", "2048"), ("encrypted", "yes"), ("cipher", "aes256-ctr"))),
    ],
)
def test_encrypted_keys(form: str, facts: tuple[tuple[str, str], ...]) -> None:
    """That it is encrypted is told, and nothing is decrypted."""
    assert validate(key_files.pem("RSA", form, encrypted=True)) == Verdict("valid", facts)


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("form", ["pkcs8", "traditional", "openssh"])
def test_wrappings_do_not_matter(form: str, *, encrypted: bool) -> None:
    """Indented, with other line ends, escaped, as concatenated literals, in one line of YAML."""
    key = key_files.pem("RSA", form, encrypted=encrypted)
    lines = key.decode().splitlines()
    wrapped = [
        "\n".join("    " + line for line in lines),
        "\r\n".join(lines),
        json.dumps(key.decode()),
        json.dumps(json.dumps(key.decode())),
        " +\n".join(f'"{line}\\n"' for line in lines),
        "\n  + ".join(f"'{line}\\n'" for line in lines),
        "text before " + key.decode() + " and after",
    ]
    assert {validate(text.encode()) for text in wrapped} == {validate(key)}


def test_base64_of_a_key_file() -> None:
    """As Kubernetes keeps keys; base64 of anything else is undecided."""
    decode = make_validator("private-key-base64")
    assert decode(base64.encodebytes(key_files.pem("EC"))) == validate(key_files.pem("EC"))
    assert [decode(text) for text in (b"", b"!", base64.b64encode(b"something else"))] == [UNDECIDED] * 3


def armour(label: str, body: bytes) -> bytes:
    """`body` in base64 between the lines of PEM."""
    name = label + "PRIVATE " + "KEY"
    return f"-----BEGIN {name}-----\n".encode() + base64.encodebytes(body) + f"-----END {name}-----".encode()


@pytest.mark.parametrize(
    ("label", "body", "verdict"),
    [
        ("", b"no key at all, but long enough to look like one", INVALID),
        ("RSA ", b"\x30\x03\x04\x01\x00", INVALID),
        ("RSA ", b"\x30\x80\x02\x01\x00", INVALID),
        ("RSA ", b"\x30\x03\x02\x01\x00", UNDECIDED),
        ("EC ", b"\x30\x82\x10\x00\x02\x01\x00 cut", UNDECIDED),
        ("ENCRYPTED ", b"\x30\x03\x30\x01\x00", UNDECIDED),
        ("OPENSSH ", b"openssh-key-v2\0", INVALID),
        ("OPENSSH ", b"openssh-key-v1\0" + bytes(5), INVALID),
        ("OPENSSH ", b"openssh-key-v1\0" + b"\0\0\0\x04none" * 2 + bytes(8), UNDECIDED),
        ("ENCRYPTED SIGSTORE ", b'{"kdf":{},"cipher":{},"ciphertext":""}', Verdict("valid", (("encrypted", "yes"),))),
        ("ENCRYPTED COSIGN ", b"{}", UNDECIDED),
        ("ENCRYPTED COSIGN ", b"no json", INVALID),
        ("XMSS ", b"anything", UNDECIDED),
    ],
)
def test_bodies_that_are_no_keys(label: str, body: bytes, verdict: Verdict) -> None:
    """Bytes that cannot begin a key are proof; a key that is cut, or of an unknown kind, is not."""
    assert validate(armour(label, body)) == verdict


def test_check_numbers_of_openssh() -> None:
    """The two check numbers of a key in the clear must be equal."""
    begin = key_files.pem("Ed25519", "openssh").split(b"\n")
    raw = bytearray(base64.b64decode(b"".join(begin[1:-2])))
    at = raw.rindex(b"ssh-ed25519") - 12
    raw[at] ^= 1
    assert validate(armour("OPENSSH ", bytes(raw))) == INVALID


@pytest.mark.parametrize("text", [b"", b"-----BEGIN " + b"PRIVATE KEY-----", armour("", b"x")[:-5]])
def test_armour_without_end_is_undecided(text: bytes) -> None:
    """What is cut says nothing."""
    assert validate(text) == UNDECIDED


def test_service_accounts_of_google() -> None:
    """The key inside decides; the project is told."""
    check = make_validator("gcp-service-account")
    good = key_files.service_account(key_files.pem("RSA"))
    assert check(good) == Verdict("valid", (("project", "acme-prod"), ("type", "RSA"), ("bits", "2048")))
    assert check(key_files.service_account(armour("", b"no key at all, and too long"))) == INVALID
    assert check(key_files.service_account(b"shortened")) == UNDECIDED
    assert [check(text) for text in (b"", b"[]", b"{}", b'{"type":"service_account"}')] == [UNDECIDED] * 4


def test_pgp_keys() -> None:
    """A secret key's packet comes first. A wrong checksum is no proof: RFC 9580 says to go on without it."""
    check, key = make_validator("pgp-private-key"), key_files.pgp(Random(1))
    assert check(key) == Verdict("valid", (("version", "4"),))
    lines = key.split(b"\n")
    without = b"\n".join(line for line in lines if not line.startswith(b"="))
    assert check(without) == Verdict("valid", (("version", "4"),))
    assert check(key.replace(b"\n", b"\\n")) == Verdict("valid", (("version", "4"),))
    wrong = b"\n".join(b"=AAAA" if line.startswith(b"=") else line for line in lines)
    assert check(wrong) == UNDECIDED
    public = b"\n".join([*lines[:3], b"m" + lines[3][1:], *lines[4:]])
    none = b"\n".join([*lines[:3], b"A" + lines[3][1:], *lines[4:]])
    assert [check(public), check(none)] == [INVALID, INVALID]
    assert [check(text) for text in (b"", key[:-4], tokens.ppk(Random(1)))] == [UNDECIDED] * 3
