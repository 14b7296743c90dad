"""Slack's tokens, one form for each prefix."""

from __future__ import annotations

import re
from typing import Final

from gossip.engine.detect.validators.base import INDETERMINATE, INVALID, Facts, Verdict

_ID: Final = rb"[0-9]{10,13}"
_USER: Final = rb"(?:" + _ID + rb"-){3}[A-Za-z0-9-]{28,34}"

_CONFIG_ACCESS: Final = re.compile(rb"[0-9]-[A-Za-z0-9]{163,166}")
_BOT: Final = re.compile(rb"(?:" + _ID + rb"-" + _ID + rb"[A-Za-z0-9-]*|[0-9]{8,14}-[A-Za-z0-9]{18,26})")
_USER_TOKEN: Final = re.compile(_USER)
_APP: Final = re.compile(rb"[0-9]-[A-Za-z0-9]+-[0-9]+-[A-Za-z0-9]+")
_LEGACY: Final = re.compile(rb"[0-9]+-[0-9]+-[0-9]+-[A-Fa-f0-9]+")
_WORKSPACE: Final = re.compile(rb"(?:[0-9]-)?[A-Za-z0-9]{8,48}")
_CONFIG_REFRESH: Final = re.compile(rb"[0-9]-[A-Za-z0-9]{146}")

_FORMS: Final = (
    (b"xoxp-", "user", _USER_TOKEN),
    (b"xapp-", "app-level", _APP),
    (b"xoxo-", "legacy", _LEGACY),
    (b"xoxs-", "legacy", _LEGACY),
)
"""Prefixes whose one form is known well enough for a violation to be proof."""

_LENIENT: Final = (
    (b"xoxe.xoxb-", "configuration-access", _CONFIG_ACCESS),
    (b"xoxe.xoxp-", "configuration-access", _CONFIG_ACCESS),
    (b"xoxb-", "bot", _BOT),
    (b"xoxa-", "workspace", _WORKSPACE),
    (b"xoxr-", "workspace-refresh", _WORKSPACE),
)
"""Prefixes with forms beside the ones known here: what does not fit is undecided."""


def token(secret: bytes) -> Verdict:
    """One of Slack's seven forms, told apart by prefix. An unknown prefix is undecided.

    Invalid is said only of the forms that were the same for years: user, app-level and legacy tokens.
    """
    for prefix, kind, form in _LENIENT:
        if secret.startswith(prefix):
            return _valid(kind, secret) if form.fullmatch(secret, len(prefix)) else INDETERMINATE
    for prefix, kind, form in _FORMS:
        if secret.startswith(prefix):
            return _valid(kind, secret) if form.fullmatch(secret, len(prefix)) else INVALID
    if secret.startswith(b"xoxe-"):
        return _refresh(secret)
    return INDETERMINATE


def _refresh(secret: bytes) -> Verdict:
    """`xoxe-`: a configuration refresh token, or a user token of an older kind, by the length of its first part."""
    first = secret[5:].partition(b"-")[0]
    if len(first) == 1:
        return _valid("configuration-refresh", secret) if _CONFIG_REFRESH.fullmatch(secret, 5) else INDETERMINATE
    if first.isdigit() and 10 <= len(first) <= 13:
        return _valid("user", secret) if _USER_TOKEN.fullmatch(secret, 5) else INVALID
    return INDETERMINATE


def _valid(kind: str, secret: bytes) -> Verdict:
    facts: Facts = (("kind", kind),)
    parts = secret.split(b"-")
    if kind in ("bot", "user") and parts[1].isdigit():
        facts += (("workspace", parts[1].decode()),)
    return Verdict("valid", facts)
