"""How texts are encoded and sealed, for the examples of rules. The validators decode, and share nothing with this."""

from __future__ import annotations

import base64
import hashlib
import string
import zlib
from typing import Final

_BASE36: Final = string.digits + string.ascii_lowercase
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def base64_padded(text: str) -> str:
    """Base64 with its padding."""
    return base64.b64encode(text.encode()).decode()


def base64_url(text: str) -> str:
    """Base64 for URLs without padding, as in JSON Web Tokens."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def crc32_base62(text: str) -> str:
    """CRC-32 as six base-62 digits, the checksum of GitHub's and npm's tokens."""
    return _digits(zlib.crc32(text.encode()), _BASE62, 6)


def crc32_base36(text: str) -> str:
    """CRC-32 as seven base-36 digits, the checksum of GitLab's routable tokens."""
    return _digits(zlib.crc32(text.encode()), _BASE36, 7)


def crc32_hex(text: str) -> str:
    """CRC-32 as little-endian hex, the checksum of Grafana's service accounts."""
    return zlib.crc32(text.encode()).to_bytes(4, "little").hex()


def base58check(text: str) -> str:
    """Base58check of the bytes that `text` writes in hex; they must not begin with a zero. ValueError if no hex."""
    payload = bytes.fromhex(text)
    checksum = hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    return _digits(int.from_bytes(payload + checksum, "big"), _BASE58, 1)


def bech32(prefix: str, data: bytes) -> str:
    """Bech32 (BIP 173) of bytes behind a prefix in lower case."""
    bits = int.from_bytes(data, "big") << -len(data) * 8 % 5
    values = [bits >> shift & 31 for shift in range((len(data) * 8 + 4) // 5 * 5 - 5, -5, -5)]
    head = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    check = _polymod([*head, *values, *[0] * 6]) ^ 1
    values += [check >> shift & 31 for shift in range(25, -5, -5)]
    return f"{prefix}1{''.join(_BECH32[value] for value in values)}"


def _polymod(values: list[int]) -> int:
    """The checksum of Bech32 over values of five bits."""
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate(_BECH32_GENERATOR):
            check ^= term if top >> bit & 1 else 0
    return check


def _digits(number: int, alphabet: str, width: int) -> str:
    """`number` in the digits of `alphabet`, at least `width` of them."""
    text = ""
    while number:
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return text.rjust(width, alphabet[0])
