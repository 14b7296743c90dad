"""Tokens that carry a signed statement: Sentry's organization tokens and PyPI's macaroons."""

from __future__ import annotations

import re
from typing import Final

from gossip.engine.detect.validators.base import INDETERMINATE, INVALID, Facts, Verdict
from gossip.engine.detect.validators.codec import base64, json_object, utc
from gossip.engine.detect.validators.jwt import host

_SIGNATURE_CHARS: Final = 43
_SIGNATURE: Final = re.compile(rb"[A-Za-z0-9+/_-]{43,}")
_STATEMENT_BYTES_MAX: Final = 512
_PYPI_HOSTS: Final = (b"pypi.org", b"test.pypi.org")
_HOST: Final = re.compile(rb"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]{1,5})?")
_URL_BASE64: Final = re.compile(rb"[A-Za-z0-9_-]+={0,2}")


def sentry(secret: bytes) -> Verdict:
    """`sntrys_`, base64 of JSON that begins with `iat`, `_`, and a signature of 43 characters.

    Short signatures and statements of more than 512 bytes are undecided.
    """
    if not secret.startswith(b"sntrys_"):
        return INDETERMINATE
    body, separator, signature = secret[7:].rpartition(b"_")
    if not separator or len(signature) < _SIGNATURE_CHARS:
        return INDETERMINATE
    if _SIGNATURE.fullmatch(signature) is None:
        return INVALID
    statement = base64(body, url=b"-" in body or b"_" in body)
    if statement is None:
        return INVALID
    if len(statement) > _STATEMENT_BYTES_MAX:
        return INDETERMINATE
    if not statement.startswith(b'{"iat":'):
        return INVALID
    return Verdict("valid", _sentry_facts(json_object(statement) or {}))


def _sentry_facts(statement: dict[str, object]) -> Facts:
    """Where the token belongs, and when it was made."""
    url, issued = statement.get("url"), utc(statement.get("iat"))
    server = host(url) if isinstance(url, str) else None
    facts = [("issued", issued)] if issued else []
    if server and re.fullmatch(r"[a-z0-9.-]{1,100}", server):
        facts.append(("host", server))
    return tuple(facts)


def pypi(secret: bytes) -> Verdict:
    """`pypi-` and a macaroon of version 2 whose location is the registry or its test instance.

    Other hosts are undecided: a private index may mint such tokens.
    """
    if not secret.startswith(b"pypi-") or len(secret) < 21:
        return INDETERMINATE
    body = secret[5:]
    if _URL_BASE64.fullmatch(body) is None:
        return INDETERMINATE
    # Only whole groups of four characters: where a macaroon is cut is nobody's proof of anything.
    start = base64(body[: min(len(body) // 4 * 4, 40)], url=True)
    if start is None or len(start) < 12 or start[:2] != b"\x02\x01":
        return INVALID
    location = start[3 : 3 + start[2]]
    if location not in _PYPI_HOSTS:
        return INDETERMINATE if _HOST.fullmatch(location) else INVALID
    if start[3 + len(location) : 4 + len(location)] != b"\x02":
        return INVALID
    return Verdict("valid", (("host", location.decode()),))
