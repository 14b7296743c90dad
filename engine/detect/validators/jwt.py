"""JSON Web Tokens and other tokens that carry JSON."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from gossip.engine.detect.validators.base import (
    INDETERMINATE,
    INVALID,
    Facts,
    Options,
    Validator,
    Verdict,
    known_only,
    text,
)
from gossip.engine.detect.validators.codec import base64, json_object, utc

_FACT_CHARS_MAX: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9._:/@+-]{1,100}")
_FORM: Final = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")
_SEALED_FORM: Final = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){3}")

_HASH_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64, "ES256": 64, "ES384": 96, "ES512": 132, "EdDSA": 64}
"""Bytes of a signature, where the algorithm fixes them (RFC 7518, RFC 8037)."""


def token(secret: bytes) -> Verdict:
    """A signed (three parts) or sealed (five parts) token: a header in JSON with `alg`, and claims in JSON.

    A header that is no JSON object is proof of a fake; so is a signature of a length that its `alg` cannot have.
    Expiry is a fact, not a verdict: what the time is, only the caller knows.
    """
    if _SEALED_FORM.fullmatch(secret):
        return _sealed(secret)
    if _FORM.fullmatch(secret) is None:
        return INDETERMINATE
    head, body, signature = secret.split(b".")
    header = _part(head)
    if header is None:
        return INVALID
    alg = header.get("alg")
    if not isinstance(alg, str):
        # RFC 7515 demands `alg`, but tokens of some makers go without.
        return INDETERMINATE
    claims = _part(body)
    if claims is None:
        # A payload may be any bytes, compressed ones for instance; then it is a signature, but no token with claims.
        return INDETERMINATE
    raw = base64(signature, url=True)
    wanted = _HASH_BYTES.get(alg)
    if raw is None or (wanted is not None and len(raw) != wanted):
        return INVALID
    return Verdict("valid", (*_name("alg", alg), *_name("type", header.get("typ")), *_claims(claims)))


def _part(part: bytes) -> dict[str, object] | None:
    """The JSON object in one part of a token."""
    raw = base64(part, url=True)
    return None if raw is None else json_object(raw)


def _sealed(secret: bytes) -> Verdict:
    """JSON Web Encryption (RFC 7516): only the header can be read."""
    header = _part(secret.partition(b".")[0])
    if header is None:
        return INVALID
    if not isinstance(header.get("alg"), str) or not isinstance(header.get("enc"), str):
        return INDETERMINATE
    return Verdict("valid", (*_name("alg", header["alg"]), *_name("enc", header["enc"]), ("encrypted", "yes")))


def _claims(claims: dict[str, object]) -> Facts:
    """Times, and the host that issued the token. Subjects and audiences may name people: they stay out."""
    facts: list[tuple[str, str]] = []
    issuer = claims.get("iss")
    if isinstance(issuer, str):
        facts += _name("issuer", host(issuer))
    for key, fact in (("iat", "issued"), ("nbf", "starts"), ("exp", "expires")):
        moment = utc(claims.get(key))
        if moment is not None:
            facts.append((fact, moment))
    return tuple(facts)


def host(address: str) -> str | None:
    """The host of a URL, or None for what is no URL: user, password, path and query never leave it."""
    try:
        return urlsplit(address).hostname if "://" in address else None
    except ValueError:
        return None


def _name(fact: str, value: object) -> Facts:
    """The fact, if its value is a short text of harmless characters."""
    return ((fact, value),) if isinstance(value, str) and _NAME.fullmatch(value) else ()


def json_token(options: Options) -> Validator:
    """Base64 of a JSON object, behind a prefix.

    Options: `prefix` (text before it), `keys` (comma-separated names that the object must have).
    Without the prefix it is undecided; no base64, no JSON object or a missing key is proof of a fake.
    """
    known_only(options, ("prefix", "keys"))
    prefix = text(options, "prefix", default="").encode()
    keys = tuple(key.strip() for key in text(options, "keys").split(","))
    if not all(keys):
        raise ValueError("option 'keys' must be names, separated by commas")

    def validate(secret: bytes) -> Verdict:
        if not secret.startswith(prefix) or len(secret) == len(prefix):
            return INDETERMINATE
        body = secret[len(prefix) :]
        raw = base64(body, url=b"-" in body or b"_" in body)
        found = None if raw is None else json_object(raw)
        if found is None or not all(key in found for key in keys):
            return INVALID
        return Verdict("valid", (("fields", ",".join(keys)),))

    return validate
