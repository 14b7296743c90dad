"""URLs of objects: which texts are some, what they name, and the login that some carry.

>>> place = parse_url("s3a://Logs/2026//app/")
>>> place.url, place.protocol, place.login
('s3://Logs/2026//app/', 's3', None)
>>> parse_url("sftp://ada:word@example.org/srv").shown
'sftp://ada@example.org/srv'
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import quote, unquote

from gossip.connectors.git.urls import is_remote
from gossip.schemas.errors import MisuseError
from gossip.schemas.rows import without_credentials

URL_CHARS_MAX = 4096
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(?:([^/@]*)@)?(.*)", re.IGNORECASE | re.DOTALL)
_ALIASES = MappingProxyType(
    {"abfss": "abfs", "adl": "abfs", "az": "abfs", "gs": "gcs", "s3a": "s3", "s3n": "s3", "ssh": "sftp"}
)
"""Other names of a protocol, so that one place has one identity."""
_SHOWN = MappingProxyType({"abfs": "az", "gcs": "gs"})
"""What people write."""
EXTRAS = MappingProxyType(
    {
        "abfs": "azure",
        "ftp": "http",
        "gcs": "gcs",
        "github": "github",
        "http": "http",
        "https": "http",
        "s3": "s3",
        "sftp": "sftp",
    }
)
"""The extra of this distribution that brings a protocol's library."""
_NO_STORES = frozenset(
    {"asynclocal", "blockcache", "cached", "data", "dir", "file", "filecache", "generic", "git", "hg", "local"}
    | {"reference", "simplecache"}
)
"""Names of fsspec that are no place of their own."""
_LOGINS = frozenset({"ftp", "http", "https", "sftp", "smb", "webdav"})
"""Protocols in whose URLs a text before an `@` is a user."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where objects lie."""

    url: str
    """For fsspec, without a login; the protocol in its first name."""
    protocol: str
    """The outermost one of a chain, such as `zip` of `zip://*::s3://bucket/x.zip`."""
    shown: str
    """How findings and messages name it."""
    login: tuple[str, str] | None = field(default=None, repr=False)
    """User and password that the URL carried."""


def is_objects(text: str) -> bool:
    """Whether a target names objects: by a URL that is none of Git's. A path that is there is a path."""
    return _URL.fullmatch(text) is not None and not os.path.lexists(text) and not is_remote(text)


def parse_url(text: str) -> Place:
    """Take a URL apart. Raises MisuseError, which shows no login."""
    outer, chained, inner = text.partition("::")
    found = _URL.fullmatch(outer)
    if found is None or _CONTROL.search(text) or len(text) > URL_CHARS_MAX:
        raise MisuseError(f"{without_credentials(text)[:200]!r}: not a URL of objects, such as s3://bucket/prefix")
    protocol = _ALIASES.get(found[1].lower(), found[1].lower())
    before, rest = found[2], found[3]
    shown = _SHOWN.get(protocol, protocol)
    if chained:
        # A login inside a chain would have to be handed on to another protocol: options are for that.
        if without_credentials(inner) != inner:
            raise MisuseError(f"{without_credentials(text)}: no login fits into a chain; use --storage-option")
        return Place(f"{protocol}://{rest}::{inner}", protocol, f"{shown}://{rest}::{inner}")
    if before is None:
        return Place(f"{protocol}://{rest}", protocol, f"{shown}://{rest}")
    if protocol not in _LOGINS:
        if protocol == "s3" or (":" in before and protocol not in ("abfs", "github")):
            raise MisuseError(f"{shown}://{rest}: no login fits into its URL; use the environment or --storage-option")
        return Place(f"{protocol}://{before}@{rest}", protocol, f"{shown}://{before}@{rest}")
    user, _, password = before.partition(":")
    login = unquote(user), unquote(password)
    if protocol == "sftp":  # its user is no secret, and says whose files these are
        name = f"{protocol}://{quote(login[0])}@{rest}"
        return Place(name, protocol, name, login if password else None)
    return Place(f"{protocol}://{rest}", protocol, f"{shown}://{rest}", login)


def check_protocol(place: Place) -> None:
    """Raises MisuseError for what no library here reads, and says how to get one."""
    from fsspec import get_filesystem_class

    names = [place.protocol]
    names += [part.partition("://")[0].lower() for part in place.url.split("::")[1:] if "://" in part]
    for name in names:
        try:
            if name in _NO_STORES:
                raise ValueError
            get_filesystem_class(name)
        except ImportError as err:
            extra = EXTRAS.get(_ALIASES.get(name, name))
            how = f"pip install 'gossip-scan[{extra}]'" if extra else f"install what fsspec needs for it: {err}"
            raise MisuseError(f"{place.shown}: the library that reads {name}:// is not installed; {how}") from err
        except ValueError as err:
            raise MisuseError(
                f"{place.shown}: nothing here reads {name}://; use a path, a Git URL, s3://, gs://, az://, https://, "
                "sftp://, github://, or install a connector (docs/connectors.md)"
            ) from err
