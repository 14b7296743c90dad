"""Encodings that tokens are written in, decoded strictly: None for whatever is not exactly of the form."""

from __future__ import annotations

import binascii
import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from typing import Final

BASE58_CHARS_MAX: Final = 128
"""Decoding base 58 takes quadratic time; no key is longer than the 111 characters of an extended one."""

_DIGITS62: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS58: Final = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE62: Final = {char: value for value, char in enumerate(_DIGITS62)}
_BASE58: Final = {char: value for value, char in enumerate(_DIGITS58)}
_BECH32: Final = {char: value for value, char in enumerate(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_BECH32_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")


def base62(digits: bytes) -> int | None:
    """The number that base-62 digits (0-9, A-Z, a-z) write."""
    number = 0
    for char in digits:
        value = _BASE62.get(char)
        if value is None:
            return None
        number = number * 62 + value
    return number


def base64(data: bytes, *, url: bool = False) -> bytes | None:
    """Decoded base64, padded or not, of the standard alphabet or the one for URLs; unused bits are not looked at."""
    body = data.rstrip(b"=")
    if len(data) - len(body) > 2:
        return None
    if url:
        if b"+" in body or b"/" in body:
            return None
        body = body.translate(_URL_SAFE)
    try:
        return binascii.a2b_base64(body + b"=" * (-len(body) % 4), strict_mode=True)
    except binascii.Error:
        return None


def base58check(data: bytes) -> bytes | None:
    """The payload of base58check: all but the last four bytes, which must be its double SHA-256."""
    if len(data) > BASE58_CHARS_MAX:
        return None
    number = 0
    for char in data:
        value = _BASE58.get(char)
        if value is None:
            return None
        number = number * 58 + value
    zeros = len(data) - len(data.lstrip(b"1"))
    raw = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload, checksum = raw[:-4], raw[-4:]
    if hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4] != checksum:
        return None
    return payload


def bech32_holds(data: bytes) -> bool | None:
    """Whether the checksum of Bech32 holds (BIP 173, without its length limit); None for other characters or case."""
    low = data.lower()
    if data not in (low, data.upper()):
        return None
    prefix, separator, body = low.rpartition(b"1")
    if not separator or not prefix or len(body) < 6:
        return None
    values = [char >> 5 for char in prefix] + [0] + [char & 31 for char in prefix]
    for char in body:
        value = _BECH32.get(char)
        if value is None:
            return None
        values.append(value)
    check, table = 1, _bech32_table()
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value ^ table[top]
    return check == 1


@cache
def _bech32_table() -> tuple[int, ...]:
    """What each value of the top five bits adds to the checksum."""
    table = [0]
    for term in _BECH32_GENERATOR:
        table += [known ^ term for known in table]
    return tuple(table)


def json_object(data: bytes) -> dict[str, object] | None:
    """The JSON object that `data` is, or None for anything else, also for nesting too deep to parse safely."""
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def utc(seconds: object) -> str | None:
    """Seconds since 1970 as `2026-01-01T00:00:00Z`, or None for what is no number of a year from 1 to 9999."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
