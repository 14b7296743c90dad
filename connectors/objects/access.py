"""Logins and options of object stores, kept in this process and the ones that are forked from it.

They are in no target, so they are neither stored, nor hashed, nor shown; a process that is started anew is told again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from gossip.connectors.objects.names import Place

_logins: dict[str, tuple[str, str]] = {}
_options: dict[str, str] = {}

_PREFIXES = MappingProxyType({"AWS_": "s3", "AZURE_": "abfs", "GOOGLE_": "gcs"})
_NAMES = MappingProxyType(
    {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_ENDPOINT": "endpoint_url",
        "AWS_ENDPOINT_URL": "endpoint_url",
        "AWS_PROFILE": "profile",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_SKIP_SIGNATURE": "anon",
        "AZURE_STORAGE_ACCOUNT_KEY": "account_key",
        "AZURE_STORAGE_ACCOUNT_NAME": "account_name",
        "AZURE_STORAGE_CONNECTION_STRING": "connection_string",
        "AZURE_STORAGE_SAS_TOKEN": "sas_token",
        "GOOGLE_PROJECT": "project",
        "GOOGLE_SERVICE_ACCOUNT": "token",
    }
)
"""Names that the lake's store understands, and fsspec's for the same."""
_REGIONS = frozenset({"AWS_DEFAULT_REGION", "AWS_REGION"})
_TRUTH = MappingProxyType({"false": False, "true": True})
CONNECT_SECONDS = 10
READ_SECONDS = 30


def remember_login(place: Place) -> None:
    """Keep the login that a URL carried for the sources that open it."""
    if place.login is not None:
        _logins[place.url] = place.login


def use_options(options: Mapping[str, str]) -> None:
    """Keep the options of this run's stores, as `--storage-option` gives them."""
    _options.clear()
    _options.update(options)


def endpoint_of(place: Place) -> str:
    """What tells a store from others of its kind: its server, where that is not the provider's own."""
    if place.protocol != "s3":
        return ""
    named = {_NAMES.get(key.upper(), key): value for key, value in _options.items()}.get("endpoint_url")
    found = named or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return urlsplit(found).netloc.rpartition("@")[2].lower()


def storage_options(place: Place, permits: int) -> dict[str, Any]:
    """What fsspec is to be told to read a place. Holds secrets."""
    protocol = place.protocol
    found: dict[str, Any] = {}
    for key, value in _options.items():
        upper = key.upper()
        owner = next((name for prefix, name in _PREFIXES.items() if upper.startswith(prefix)), None)
        if owner not in (None, protocol):
            continue
        if upper in _REGIONS:
            found["client_kwargs"] = {"region_name": value}
        elif owner is None or upper in _NAMES:
            found[_NAMES.get(upper, key)] = _TRUTH.get(value.lower(), value)
    if protocol == "s3":
        timeouts = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        # Retries are ours: two layers of them would multiply.
        found["config_kwargs"] = {**timeouts, "max_pool_connections": permits, "retries": {"max_attempts": 0}}
    elif protocol in ("http", "https"):
        found.setdefault("client_kwargs", {}).update(_http_client(place))
    elif place.url in _logins:
        user, password = _logins[place.url]
        found |= {"username": user, "password": password}
    return found


def _http_client(place: Place) -> dict[str, Any]:
    import aiohttp

    found: dict[str, Any] = {
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
    }
    if place.url in _logins:
        found["auth"] = aiohttp.BasicAuth(*_logins[place.url])
    return found
