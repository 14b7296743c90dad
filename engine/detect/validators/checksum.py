"""Tokens that end in a CRC-32 of themselves."""

from __future__ import annotations

import base64 as b64
import hashlib
import re
import zlib
from typing import Final

from gossip.engine.detect.validators.base import (
    INDETERMINATE,
    VALID,
    Options,
    Validator,
    Verdict,
    judged,
    known_only,
    whole,
)
from gossip.engine.detect.validators.codec import base62, base64

_GEOMETRY: Final = ("prefix_skip", "payload_len", "checksum_len")
_PAYLOAD_LEN_MAX: Final = 4096

_GITHUB: Final = re.compile(rb"gh[oprsu]_[0-9A-Za-z]{30,}")
_FINE_GRAINED: Final = re.compile(rb"github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}")
_GITLAB: Final = re.compile(
    rb"(?P<prefix>[A-Za-z0-9]{1,20}-(?:t[0-9]_)?)(?P<payload>[A-Za-z0-9_-]{27,300})"
    rb"\.(?:(?P<version>[0-9a-z]{2})\.)?(?P<length>[0-9a-z]{2})(?P<crc>[0-9a-z]{7})"
)
_GITLAB_FIELDS: Final = {b"c": "cell", b"g": "group", b"o": "organization", b"p": "project", b"u": "user"}
_GRAFANA: Final = re.compile(rb"glsa_[0-9A-Za-z]{32}_([0-9a-f]{8})")
_MATRIX: Final = re.compile(
    rb"(?:(?P<known>sy[rt]_[A-Za-z0-9+/=_-]{1,400}_[A-Za-z]{20}|m(?:at|ar|ct|cr)_[A-Za-z0-9]{30})"
    rb"|m[a-z]{2}_[A-Za-z0-9]{30})_[0-9A-Za-z]{6}"
)
_BASE36: Final = b"0123456789abcdefghijklmnopqrstuvwxyz"


def crc32_base62(options: Options) -> Validator:
    """A CRC-32 in base 62 behind the payload that it is of.

    Options: `prefix_skip` (0 to 256 bytes before the payload), `payload_len` (1 to 4096), `checksum_len` (1 to 6).
    Text that is too short, or whose checksum is not in base 62, is undecided.
    """
    known_only(options, _GEOMETRY)
    start = whole(options, "prefix_skip", 0, 256)
    end = start + whole(options, "payload_len", 1, _PAYLOAD_LEN_MAX)
    stop = end + whole(options, "checksum_len", 1, 6)

    def validate(secret: bytes) -> Verdict:
        if len(secret) < stop:
            return INDETERMINATE
        number = base62(secret[end:stop])
        if number is None:
            return INDETERMINATE
        return judged(number == zlib.crc32(secret[start:end]))

    return validate


def _checked(secret: bytes, start: int) -> Verdict:
    """The verdict on six base-62 digits at the end, over what stands between `start` and them."""
    number = base62(secret[-6:])
    return INDETERMINATE if number is None else judged(number == zlib.crc32(secret[start:-6]))


def github(secret: bytes) -> Verdict:
    """`ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`: 30 characters and the CRC-32 of them as six base-62 digits.

    https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/ documents 36 characters; for the
    longer refresh and installation tokens only a checksum that holds says something.
    """
    if _GITHUB.fullmatch(secret) is None:
        return INDETERMINATE
    verdict = _checked(secret, 4)
    return verdict if verdict.status == "valid" or len(secret) == 40 else INDETERMINATE


def github_fine_grained(secret: bytes) -> Verdict:
    """`github_pat_`: valid where a checksum holds, never invalid.

    GitHub has not published how the checksum is made. Two readings are known to be in use by scanners: CRC-32 of the
    first 87 characters as six base-62 digits, and eight characters of base32 of a SHA-256 over the first 77.
    """
    if _FINE_GRAINED.fullmatch(secret) is None:
        return INDETERMINATE
    if base62(secret[87:]) == zlib.crc32(secret[:87]):
        return VALID
    digest = b64.b32encode(hashlib.sha256(secret[:77]).digest())[:8]
    return VALID if digest == secret[77:85].upper() else INDETERMINATE


def npm(secret: bytes) -> Verdict:
    """`npm_`, 30 characters, and the CRC-32 of them as six base-62 digits."""
    if not secret.startswith(b"npm_") or len(secret) != 40:
        return INDETERMINATE
    return _checked(secret, 4)


def netbird(secret: bytes) -> Verdict:
    """`nbp_`, 30 characters, and the CRC-32 of them as six base-62 digits, as in NetBird's source."""
    if not secret.startswith(b"nbp_") or len(secret) != 40:
        return INDETERMINATE
    return _checked(secret, 4)


def matrix(secret: bytes) -> Verdict:
    """Tokens of Synapse (`syt_`, `syr_`) and of Matrix Authentication Service (`mat_`, `mar_`, `mct_`, `mcr_`).

    Both end in `_` and the CRC-32 of all before it as six base-62 digits, as in their sources. Newer prefixes of the
    service are known only by name: for them a checksum that does not hold proves nothing.
    """
    found = _MATRIX.fullmatch(secret)
    if found is None:
        return INDETERMINATE
    holds = base62(secret[-6:]) == zlib.crc32(secret[:-7])
    return judged(holds) if holds or found["known"] else INDETERMINATE


def grafana(secret: bytes) -> Verdict:
    """`glsa_`, 32 characters, `_`, and the CRC-32 of the 37 characters before it as little-endian hex."""
    found = _GRAFANA.fullmatch(secret)
    if found is None:
        return INDETERMINATE
    return judged(bytes.fromhex(found[1].decode()) == zlib.crc32(secret[:37]).to_bytes(4, "little"))


def gitlab(secret: bytes) -> Verdict:
    """A routable token of GitLab: payload, its length and a CRC-32 of all that stands before, both in base 36.

    The older form of 20 characters has no checksum and is undecided. Format:
    https://handbook.gitlab.com/handbook/engineering/architecture/design-documents/cells/routable_tokens/
    """
    found = _GITLAB.fullmatch(secret)
    if found is None:
        return INDETERMINATE
    if int(found["crc"], 36) != zlib.crc32(secret[:-7]):
        # Self-managed instances choose their own prefix, and only the payload's length tells a token of ours.
        return judged(holds=False) if _length_holds(found) else INDETERMINATE
    return Verdict("valid", _routing(found["payload"]))


def _length_holds(found: re.Match[bytes]) -> bool:
    """Whether the length that a routable token states is that of its payload: then it is one, whatever its checksum."""
    return int(found["length"], 36) == len(found["payload"])


def _routing(payload: bytes) -> tuple[tuple[str, str], ...]:
    """Where a token is routed to: lines of one letter and a base-36 number, before the random bytes and their count."""
    raw = base64(payload, url=True) or b"\0"
    facts = []
    for line in raw[: -1 - raw[-1]].split(b"\n"):
        letter, colon, value = line.partition(b":")
        name = _GITLAB_FIELDS.get(letter)
        if name is None or not colon or not 0 < len(value) <= 12 or value.strip(_BASE36):
            break
        facts.append((name, str(int(value, 36))))
    return tuple(facts)
