"""Makers of valid secrets of every kind that a validator knows, each by its format's own rules and from a seed.

They share nothing with the validators: an error would have to be made twice to go unseen. Nothing here is real.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import string
import struct
import zlib
from collections.abc import Callable
from functools import partial
from random import Random

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
ALPHANUMERIC = string.ascii_letters + string.digits
UPPER_DIGITS = string.ascii_uppercase + string.digits

Maker = Callable[[Random], bytes]


def case_name(value: object) -> str | None:
    """A name of a parameter for a test's id: of a maker, with its options; texts name themselves."""
    if isinstance(value, partial):
        return "-".join([value.func.__name__, *(str(option).strip("_.") for option in value.keywords.values())])
    if isinstance(value, dict):
        return str(value["kind"])
    return getattr(value, "__name__", None)


def chars(rng: Random, count: int, alphabet: str = ALPHANUMERIC) -> str:
    """`count` characters out of an alphabet."""
    return "".join(rng.choice(alphabet) for _ in range(count))


def digits(number: int, alphabet: str, width: int) -> str:
    """A number written with an alphabet, padded on the left with its zero."""
    text = ""
    while number:
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return text.rjust(width, alphabet[0])


def url64(data: bytes) -> str:
    """Base64 for URLs without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def github(rng: Random, prefix: str = "ghp_") -> bytes:
    """A token of GitHub's form of 2021, or of npm's or NetBird's, which is the same."""
    body = chars(rng, 30)
    return (prefix + body + digits(zlib.crc32(body.encode()), BASE62, 6)).encode()


def github_fine_grained(rng: Random) -> bytes:
    """`github_pat_` with CRC-32 over all before it."""
    body = "github_" + "pat_" + chars(rng, 22) + "_" + chars(rng, 53)
    return (body + digits(zlib.crc32(body.encode()), BASE62, 6)).encode()


def github_fine_grained_sha(rng: Random) -> bytes:
    """`github_pat_` with eight characters of base32 of a SHA-256 over the first 77."""
    body = "github_" + "pat_" + chars(rng, 22) + "_" + chars(rng, 43)
    check = base64.b32encode(hashlib.sha256(body.encode()).digest())[:8].decode()
    return (body + check + chars(rng, 8)).encode()


def gitlab(rng: Random, routing: bytes = b"o:1\nu:1z", version: str = "") -> bytes:
    """A routable token: routing, random bytes and their count in base64, then its length, then CRC-32 in base 36."""
    payload = url64(routing + rng.randbytes(16) + b"\x10")
    base36 = string.digits + string.ascii_lowercase
    body = "glpat" + "-" + payload + "." + version + digits(len(payload), base36, 2)
    return (body + digits(zlib.crc32(body.encode()), base36, 7)).encode()


def grafana(rng: Random) -> bytes:
    """A service account's token of Grafana."""
    body = "glsa" + "_" + chars(rng, 32)
    return (body + "_" + struct.pack("<I", zlib.crc32(body.encode())).hex()).encode()


def matrix(rng: Random) -> bytes:
    """A token of Synapse."""
    body = "syt" + "_" + url64(b"alice") + "_" + chars(rng, 20, string.ascii_letters)
    return (body + "_" + digits(zlib.crc32(body.encode()), BASE62, 6)).encode()


def matrix_service(rng: Random) -> bytes:
    """A token of Matrix Authentication Service."""
    body = "mat" + "_" + chars(rng, 30)
    return (body + "_" + digits(zlib.crc32(body.encode()), BASE62, 6)).encode()


def aws_access_key(rng: Random, account: int = 29608264753) -> bytes:
    """A key id of a given account: one bit, 40 bits of account, 39 bits."""
    bits = 1 << 79 | account << 39 | rng.getrandbits(39)
    return b"AK" + b"IA" + base64.b32encode(bits.to_bytes(10, "big"))


def sentry(rng: Random) -> bytes:
    """An organization's token of Sentry."""
    statement = '{"iat":1700000000.5,"url":"https://sentry.io","region_url":"https://us.sentry.io","org":"acme"}'
    signature = base64.b64encode(rng.randbytes(32)).rstrip(b"=").decode()
    return ("sntrys" + "_" + base64.b64encode(statement.encode()).decode() + "_" + signature).encode()


def pypi(rng: Random, host: bytes = b"pypi.org") -> bytes:
    """A macaroon of version 2: location, identifier, signature."""
    identifier, signature = rng.randbytes(36), rng.randbytes(32)
    fields = [(1, host), (2, identifier)]
    body = b"\x02" + b"".join(bytes([kind, len(value)]) + value for kind, value in fields) + b"\0\0"
    return ("pypi" + "-" + url64(body + b"\x06\x20" + signature)).encode()


def slack(rng: Random, kind: str = "xoxp") -> bytes:
    """A token of one of Slack's forms, by prefix."""
    ids = [chars(rng, 12, string.digits[1:]) for _ in range(3)]
    form = {
        "xoxb": [*ids[:2], chars(rng, 24)],
        "xoxp": [*ids, chars(rng, 32, "abcdef0123456789")],
        "xapp": ["1", "A" + chars(rng, 10, UPPER_DIGITS), ids[0], chars(rng, 64, "abcdef0123456789")],
        "xoxo": [*ids, chars(rng, 16, "abcdef0123456789")],
        "xoxa": ["2", chars(rng, 40)],
        "xoxe": ["1", chars(rng, 146, UPPER_DIGITS)],
        "xoxe.xoxp": ["1", chars(rng, 165, UPPER_DIGITS)],
    }[kind]
    return "-".join([kind, *form]).encode()


def jwt(rng: Random, claims: dict[str, object] | None = None) -> bytes:
    """A token signed with HS256."""
    head = url64(b'{"alg":"HS256","typ":"JWT"}')
    body = url64(json.dumps({"iss": "https://issuer.example/x", "exp": 1767225600} | (claims or {})).encode())
    return f"{head}.{body}.{url64(rng.randbytes(32))}".encode()


def json_token(rng: Random) -> bytes:
    """A token of Grafana's cloud: base64 of JSON."""
    text = json.dumps({"o": chars(rng, 6, string.digits), "n": "stack", "k": chars(rng, 24), "m": {"r": "us"}})
    return b"glc" + b"_" + base64.b64encode(text.encode())


def polymod(values: list[int]) -> int:
    """The checksum of Bech32, as BIP 173 writes it down."""
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= term if top >> bit & 1 else 0
    return check


def bech32(prefix: str, data: bytes) -> str:
    """Bech32 of bytes."""
    bits = int.from_bytes(data, "big") << (-len(data) * 8 % 5)
    count = (len(data) * 8 + 4) // 5
    values = [bits >> 5 * (count - 1 - place) & 31 for place in range(count)]
    start = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    check = polymod([*start, *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [check >> 5 * (5 - place) & 31 for place in range(6)]
    return prefix + "1" + "".join(BECH32[value] for value in values)


def age(rng: Random) -> bytes:
    """An age identity."""
    return bech32("age-secret-key-", rng.randbytes(32)).upper().encode()


def nostr(rng: Random) -> bytes:
    """A private key of Nostr."""
    return bech32("nsec", rng.randbytes(32)).encode()


def base58check(payload: bytes) -> bytes:
    """Base58check of bytes that begin with no zero."""
    raw = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    return digits(int.from_bytes(raw, "big"), BASE58, 1).encode()


def bitcoin_wif(rng: Random) -> bytes:
    """A compressed key of Bitcoin's main network."""
    return base58check(b"\x80" + rng.randbytes(32) + b"\x01")


def extended_key(rng: Random) -> bytes:
    """An extended private key of depth 3."""
    return base58check(bytes.fromhex("0488ade4") + b"\x03" + rng.randbytes(40) + b"\0" + rng.randbytes(32))


def stellar_seed(rng: Random) -> bytes:
    """A secret seed of Stellar."""
    raw = b"\x90" + rng.randbytes(32)
    return base64.b32encode(raw + struct.pack("<H", binascii.crc_hqx(raw, 0)))


def discord_bot(rng: Random) -> bytes:
    """A bot's token whose bot was made at the beginning of 2020."""
    number = (1577836800000 - 1420070400000) << 22 | rng.getrandbits(22)
    return f"{url64(str(number).encode())}.{chars(rng, 6)}.{chars(rng, 38)}".encode()


def luhn(rng: Random) -> bytes:
    """A number of 16 digits with its check digit."""
    body = [rng.randrange(10) for _ in range(15)]
    doubled = [sum(divmod(digit * 2, 10)) if place % 2 == 0 else digit for place, digit in enumerate(body)]
    return "".join(str(digit) for digit in [*body, -sum(doubled) % 10]).encode()


def basic_auth(rng: Random) -> bytes:
    """User and password in base64."""
    return base64.b64encode(f"user:{chars(rng, 20)}".encode())


def azure_sas(rng: Random) -> bytes:
    """A signed query of Azure's storage."""
    signature = base64.b64encode(rng.randbytes(32)).decode().translate({43: "%2B", 47: "%2F", 61: "%3D"})
    return f"?sv=2022-11-02&ss=b&sp=rl&se=2030-01-01T00:00:00Z&sig={signature}".encode()


def ppk(rng: Random, kind: bytes = b"ssh-ed25519") -> bytes:
    """A PPK file of version 3, in the clear."""

    def string_of(data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + data

    public = string_of(kind) + string_of(rng.randbytes(32))
    private = string_of(rng.randbytes(32))
    mac = hmac.new(b"", b"".join(map(string_of, (kind, b"none", b"me", public, private))), "sha256").hexdigest()
    lines = [
        b"PuTTY-User-Key-File-3: " + kind,
        b"Encryption: none",
        b"Comment: me",
        b"Public-Lines: 2",
        base64.b64encode(public)[:64],
        base64.b64encode(public)[64:],
        b"Private-Lines: 1",
        base64.b64encode(private),
        b"Private-MAC: " + mac.encode(),
    ]
    return b"\n".join(lines)
