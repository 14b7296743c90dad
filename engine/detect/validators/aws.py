"""AWS access key ids, which hold the number of the account that they belong to."""

from __future__ import annotations

import base64
import re
from typing import Final

from gossip.engine.detect.validators.base import INDETERMINATE, INVALID, Verdict

_PREFIX: Final = re.compile(rb"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])")
_BODY: Final = re.compile(rb"[A-Z2-7]{16}")
_ACCOUNT_MAX: Final = 999_999_999_999


def access_key(secret: bytes) -> Verdict:
    """The first 20 bytes: a known prefix, then base 32 whose bits 1 to 40 are an account number of twelve digits.

    Other prefixes and shorter text are undecided. This is a test of range, not of a check digit: of random suffixes
    91 in 100 pass it.
    """
    if len(secret) < 20 or _PREFIX.match(secret) is None:
        return INDETERMINATE
    body = secret[4:20]
    if _BODY.fullmatch(body) is None:
        return INVALID
    bits = int.from_bytes(base64.b32decode(body), "big")
    account = bits >> 39 & (1 << 40) - 1
    if account > _ACCOUNT_MAX:
        return INVALID
    return Verdict("valid", (("account", f"{account:012}"),))
