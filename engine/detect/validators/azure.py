"""Azure's keys, which carry their service's mark and a checksum, and its signed URLs."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from gossip.engine.detect.validators.base import INDETERMINATE, INVALID, Facts, Verdict
from gossip.engine.detect.validators.codec import base64, utc

_MASK: Final = 0xFFFFFFFF
_MARK_CHARS: Final = 4
_CHECKSUM_CHARS: Final = 6

_SEEDS: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"+ASt": (b"Default0",),
    b"+ABa": (b"AbAcct00",),
    b"ACDb": (b"MastRO00", b"MastRW00"),
    b"+ASb": (b"Send0000", b"Manage00", b"Listen00", b"System00", b"Unknown0"),
    b"+AEh": (b"Send0000", b"Manage00", b"Listen00", b"System00", b"Unknown0"),
    b"+ARm": (b"Send0000", b"Manage00", b"Listen00", b"Unknown0"),
    b"AIoT": (b"IoTHub00", b"DpsKey00", b"Device00"),
    b"AzCa": (b"Access00",),
    b"AzFu": (b"Functi00", b"System00", b"Master00"),
    b"AzSe": (b"Query000", b"PAdmin00"),
    b"+ACR": (b"ACRDflt0",),
    b"APIM": (b"Tenant00", b"IoTHub00", b"Gatewy00", b"GitKey00"),
}
"""The marks of services, and the seeds of the checksums of their kinds of keys (microsoft/security-utilities)."""

_SERVICES: Final = {
    b"+ASt": "storage",
    b"+ABa": "batch",
    b"ACDb": "cosmos-db",
    b"+ASb": "service-bus",
    b"+AEh": "event-hubs",
    b"+ARm": "relay",
    b"AIoT": "iot",
    b"AzCa": "redis",
    b"AzFu": "functions",
    b"AzSe": "search",
    b"+ACR": "container-registry",
    b"APIM": "api-management",
}
_ENCODED: Final = re.compile(rb"[A-Za-z0-9+/_-]{40,88}={0,2}")
_COMMON: Final = re.compile(rb"[A-Za-z0-9]{52}JQQJ99([A-Za-z0-9])([A-L])[A-Za-z0-9]{16}([A-Za-z0-9]{4})[A-Za-z0-9]{4}")
_COMMON_SEED: Final = b"Default0"
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_DAY: Final = re.compile(rb"20[0-9]{2}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]{1,7})?Z)?")
_SECONDS: Final = re.compile(rb"[0-9]{9,11}")
_FIELD: Final = re.compile(rb"[a-zA-Z0-9-]{1,40}")
_SIGNATURE_BYTES: Final = 32


def annotated_key(secret: bytes) -> Verdict:
    """A key with the mark of its service before a Marvin32 checksum of four bytes, or one in the common form.

    A checksum that holds makes it valid. One that fails proves nothing: services add kinds of keys, with new seeds.
    """
    common = _COMMON.fullmatch(secret)
    if common is not None:
        return _common_key(secret, common)
    if _ENCODED.fullmatch(secret) is None:
        return INDETERMINATE
    body = secret.rstrip(b"=")
    mark = body[-_CHECKSUM_CHARS - _MARK_CHARS : -_CHECKSUM_CHARS]
    raw = base64(secret, url=b"-" in body or b"_" in body)
    if mark not in _SEEDS or raw is None:
        return INDETERMINATE
    facts: Facts = (("service", _SERVICES[mark]),)
    checksum = int.from_bytes(raw[-4:], "little")
    holds = any(marvin32(raw[:-4], seed) == checksum for seed in _SEEDS[mark])
    return Verdict("valid" if holds else "indeterminate", facts)


def _common_key(secret: bytes, found: re.Match[bytes]) -> Verdict:
    """The common annotated form: the month of its making, then the mark, then three bytes of checksum."""
    issued = f"{2024 + _LETTERS.index(found[1])}-{1 + _LETTERS.index(found[2]):02}"
    facts: Facts = (("issued", issued), ("service", found[3].decode()))
    raw = base64(secret) or b""
    checksum = marvin32(raw[:-3], _COMMON_SEED).to_bytes(4, "little")[:3]
    return Verdict("valid" if checksum == raw[-3:] else "indeterminate", facts)


def storage_key(secret: bytes) -> Verdict:
    """The key of a storage account: 64 bytes, in base64 of 88 characters; marked since 2022, before that random."""
    if len(secret) != 88 or not secret.endswith(b"=="):
        return INDETERMINATE
    if base64(secret) is None:
        return INVALID
    return annotated_key(secret)


def marvin32(data: bytes, seed: bytes) -> int:
    """The Marvin checksum of `data`, 32 bits, seeded with the number that eight bytes of text are, big-endian."""
    low, high = int.from_bytes(seed[4:], "big"), int.from_bytes(seed[:4], "big")
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        low, high = _mixed(low + int.from_bytes(data[at : at + 4], "little") & _MASK, high)
    low, high = _mixed(low + int.from_bytes(data[whole:] + b"\x80", "little") & _MASK, high)
    low, high = _mixed(low, high)
    return low ^ high


def _mixed(low: int, high: int) -> tuple[int, int]:
    """One round of Marvin on its two words."""
    high ^= low
    low = (_rotated(low, 20) + high) & _MASK
    high = _rotated(high, 9) ^ low
    low = (_rotated(low, 27) + high) & _MASK
    return low, _rotated(high, 19)


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _MASK


def sas(secret: bytes) -> Verdict:
    """A shared access signature: fields of a query, of which `sig` is an HMAC of 32 bytes in base64.

    The bare signature is undecided. When it ends is a fact.
    """
    fields = dict(
        pair.partition(b"=")[::2]
        for pair in secret.removeprefix(b"SharedAccessSignature ").lstrip(b"?").split(b"&", 32)
        if b"=" in pair
    )
    signature = fields.get(b"sig")
    if signature is None or not fields.keys() & {b"sv", b"se", b"sr"}:
        return INDETERMINATE
    raw = base64(unquote_to_bytes(signature))
    if raw is None or len(raw) != _SIGNATURE_BYTES:
        return INVALID
    facts: list[tuple[str, str]] = []
    for key, fact in ((b"sv", "version"), (b"st", "starts"), (b"se", "expires")):
        value = unquote_to_bytes(fields.get(key, b""))
        # Messaging counts seconds since 1970, storage writes dates.
        shown = utc(int(value)) if _SECONDS.fullmatch(value) else value.decode() if _DAY.fullmatch(value) else None
        if shown:
            facts.append((fact, shown))
    for key, fact in ((b"sp", "permissions"), (b"ss", "services"), (b"sr", "resource")):
        value = fields.get(key, b"")
        if _FIELD.fullmatch(value):
            facts.append((fact, value.decode()))
    return Verdict("valid", tuple(facts))
