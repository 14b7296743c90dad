"""Key files with a check of their own: PGP's armour and PuTTY's PPK."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import cache
from typing import Final

from gossip.engine.detect.validators.base import INDETERMINATE, INVALID, Facts, Verdict
from gossip.engine.detect.validators.codec import base64

_PGP_BEGIN: Final = b"-----BEGIN PGP PRIVATE KEY BLOCK-----"
_PGP_END: Final = b"-----END PGP PRIVATE KEY BLOCK-----"
_PGP_CRC: Final = re.compile(rb"=[A-Za-z0-9+/]{4}")
_ENCODED: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_ESCAPED_LINE: Final = re.compile(rb"\\+[nr]")
_PGP_HEADER: Final = re.compile(rb"[A-Za-z]+: .*")
_PGP_VERSIONS: Final = (2, 3, 4, 5, 6)
_CRC24_INIT: Final = 0xB704CE
_CRC24_POLY: Final = 0x1864CFB
_PGP_BYTES_MIN: Final = 12
_PGP_BYTES_MAX: Final = 16 * 1024
"""The checksum of more than this is not computed: it is a loop over bytes in Python."""

_PPK: Final = re.compile(
    rb"PuTTY-User-Key-File-(?P<version>[23]): (?P<kind>[a-z0-9@.-]{1,60})\r?\n"
    rb"Encryption: (?P<cipher>none|aes256-cbc)\r?\n"
    rb"Comment: (?P<comment>[^\r\n]*)\r?\n"
    rb"Public-Lines: (?P<public_lines>[0-9]{1,3})\r?\n(?P<public>(?:[A-Za-z0-9+/=]+\r?\n)+)"
    rb"(?:(?:Key-Derivation|Argon2-[A-Za-z]+): [^\r\n]*\r?\n)*"
    rb"Private-Lines: (?P<private_lines>[0-9]{1,3})\r?\n(?P<private>(?:[A-Za-z0-9+/=]+\r?\n)+)"
    rb"Private-MAC: (?P<mac>[0-9a-f]{64}|[0-9a-f]{40})"
)


def pgp(secret: bytes) -> Verdict:
    """An armoured OpenPGP secret key: its first packet must be one. A wrong CRC-24 is no proof (RFC 9580, 6.1)."""
    start = secret.find(_PGP_BEGIN)
    end = secret.find(_PGP_END, start)
    if start < 0 or end < 0:
        return INDETERMINATE
    inside = _ESCAPED_LINE.sub(b"\n", secret[start + len(_PGP_BEGIN) : end])
    lines = [line.strip() for line in inside.splitlines()]
    lines = [line for line in lines if line and not _PGP_HEADER.fullmatch(line)]
    checksum = base64(lines.pop()[1:]) if lines and _PGP_CRC.fullmatch(lines[-1]) else None
    body = b"".join(lines)
    raw = base64(body) if _ENCODED.fullmatch(body) else None
    if raw is None or not _PGP_BYTES_MIN <= len(raw) <= _PGP_BYTES_MAX:
        return INDETERMINATE
    if not raw[0] & 0x80:
        return INVALID
    tag = raw[0] & 0x3F if raw[0] & 0x40 else raw[0] >> 2 & 0x0F
    if tag != 5:
        return INVALID
    if checksum is not None and checksum != _crc24(raw).to_bytes(3, "big"):
        return INDETERMINATE
    version = raw[_header_bytes(raw)]
    return Verdict("valid", (("version", str(version)),)) if version in _PGP_VERSIONS else INDETERMINATE


def _header_bytes(raw: bytes) -> int:
    """How many bytes tag and length of the first packet take (RFC 9580, 4.2)."""
    if raw[0] & 0x40:
        return 2 if raw[1] < 192 else 3 if raw[1] < 224 else 6 if raw[1] == 255 else 2
    return (2, 3, 5, 1)[raw[0] & 3]


def _crc24(data: bytes) -> int:
    """CRC-24 of OpenPGP (RFC 9580, 6.1.1)."""
    table = _crc24_table()
    crc = _CRC24_INIT
    for byte in data:
        crc = (crc << 8 & 0xFFFFFF) ^ table[crc >> 16 ^ byte]
    return crc


@cache
def _crc24_table() -> tuple[int, ...]:
    """The checksum's remainder of each byte."""
    table = []
    for byte in range(256):
        crc = byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (_CRC24_POLY if crc & 0x800000 else 0)
        table.append(crc & 0xFFFFFF)
    return tuple(table)


def putty(secret: bytes) -> Verdict:
    """A PPK file of version 2 or 3: its lines are counted, and in the clear its MAC has a known key.

    An encrypted file is valid when the counts and the kind in the public part are right.
    """
    found = _PPK.search(secret)
    if found is None:
        return INDETERMINATE
    public, private = base64(b"".join(found["public"].split())), base64(b"".join(found["private"].split()))
    counted = all(int(found[f"{part}_lines"]) == len(found[part].splitlines()) for part in ("public", "private"))
    if public is None or private is None or not counted:
        return INDETERMINATE
    kind, cipher = found["kind"], found["cipher"]
    if public[: 4 + len(kind)] != len(kind).to_bytes(4, "big") + kind:
        return INVALID
    facts: Facts = (("type", kind.decode()), ("encrypted", "no" if cipher == b"none" else "yes"))
    if cipher != b"none":
        return Verdict("valid", facts)
    signed = b"".join(len(part).to_bytes(4, "big") + part for part in (kind, cipher, found["comment"], public, private))
    if found["version"] == b"2":
        key, digest = hashlib.sha1(b"putty-private-key-file-mac-key", usedforsecurity=False).digest(), "sha1"
    else:
        key, digest = b"", "sha256"
    if hmac.digest(key, signed, digest).hex().encode() != found["mac"]:
        return INVALID
    return Verdict("valid", facts)
