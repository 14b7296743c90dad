"""User and password in one text."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from gossip.engine.detect.validators.base import INDETERMINATE, INVALID, VALID, Verdict
from gossip.engine.detect.validators.codec import base64

_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_TEMPLATE: Final = re.compile(
    rb"\$\{[^}]*\}|\$\([^)]*\)|\$[A-Z_]+|\{\{.*\}\}|\{[A-Za-z_.]*\}|<[^>]*>|%[A-Z_]+%|%\([a-z_]+\)s|%s|\*{3,}|\.{3}|\[[A-Z_]+\]"
)
"""A password that a program or a reader is to fill in, or that was struck out."""
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{0,40}")


def basic_auth(secret: bytes) -> Verdict:
    """Base64 of a user, a colon and a password, without control characters (RFC 7617)."""
    if len(secret) < 4:
        return INDETERMINATE
    raw = base64(secret)
    if raw is None or b":" not in raw or _CONTROL.search(raw):
        return INVALID
    try:
        raw.decode()
    except UnicodeDecodeError:
        # Older clients send Latin-1.
        return INDETERMINATE
    return VALID


def connection_url(secret: bytes) -> Verdict:
    """A URL with a password: scheme and host are facts, a password that is a template is proof of none."""
    try:
        url = urlsplit(secret.decode())
        host, password = url.hostname, url.password
    except ValueError:
        return INDETERMINATE
    if not password or not host or not _SCHEME.fullmatch(url.scheme) or not _HOST.fullmatch(host):
        return INDETERMINATE
    raw = password.encode()
    if _TEMPLATE.fullmatch(raw) or _TEMPLATE.fullmatch(unquote_to_bytes(raw)):
        return INVALID
    return Verdict("indeterminate", (("scheme", url.scheme), ("host", host)))
