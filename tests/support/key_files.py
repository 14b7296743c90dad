"""Makers of private key files, and of the files that hold one. The keys are made anew in each run, and never used."""

from __future__ import annotations

import base64
import json
from random import Random

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

KEYS: dict[str, Key] = {
    "RSA": rsa.generate_private_key(65537, 2048),
    "EC": ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}
FORMS = {
    "pkcs8": PrivateFormat.PKCS8,
    "traditional": PrivateFormat.TraditionalOpenSSL,
    "openssh": PrivateFormat.OpenSSH,
}
PASSPHRASE = b"correct horse"


def pem(kind: str, form: str = "pkcs8", *, encrypted: bool = False) -> bytes:
    """A key file in PEM."""
    if encrypted and form == "openssh":
        return _encrypted_openssh(kind)
    cipher: KeySerializationEncryption = BestAvailableEncryption(PASSPHRASE) if encrypted else NoEncryption()
    return KEYS[kind].private_bytes(Encoding.PEM, FORMS[form], cipher)


def _encrypted_openssh(kind: str) -> bytes:
    """OpenSSH's form with an encrypted private part: random bytes, as what encrypts them is no dependency of ours."""
    lines = pem(kind, "openssh").split(b"\n")
    raw = base64.b64decode(b"".join(lines[1:-2]))
    at = len(b"openssh-key-v1\0") + 4 + len("none") + 4 + len("none") + 4 + 4
    public = raw[at : at + 4 + int.from_bytes(raw[at : at + 4], "big")]
    private = Random(1).randbytes(320)
    names = b"".join(len(name).to_bytes(4, "big") + name for name in (b"aes256-ctr", b"bcrypt", bytes(24)))
    body = b"openssh-key-v1\0" + names + b"\0\0\0\x01" + public + len(private).to_bytes(4, "big") + private
    return b"\n".join([lines[0], base64.b64encode(body), lines[-2], b""])


def pgp(rng: Random) -> bytes:
    """An armoured secret key of OpenPGP: one packet of an old version, with the CRC-24 of RFC 9580."""
    body = b"\x04" + rng.randbytes(5) + rng.randbytes(90)
    raw = bytes([0x95]) + len(body).to_bytes(2, "big") + body
    text = base64.b64encode(raw).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    check = base64.b64encode(crc24(raw).to_bytes(3, "big")).decode()
    name = "PGP " + "PRIVATE KEY BLOCK"
    return "\n".join(
        [f"-----BEGIN {name}-----", "Version: GnuPG v2", "", *lines, "=" + check, f"-----END {name}-----"]
    ).encode()


def crc24(data: bytes) -> int:
    """CRC-24, bit by bit."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc


def service_account(key: bytes) -> bytes:
    """A key file of Google Cloud."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "acme-prod",
            "private_key_id": "0123456789" * 4,
            "private_key": key.decode(),
            "client_email": "robot@acme-prod.iam.gserviceaccount.com",
        }
    ).encode()


def solana(rng: Random) -> bytes:
    """A key pair in Solana's form."""
    seed = rng.randbytes(32)
    public = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return json.dumps(list(seed + public)).encode()
