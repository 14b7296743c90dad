"""Objects as a listing tells of them, and what says that one is still the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

STRONG = "="
WEAK = "~"

_STRONG_KEYS = ("VersionId", "version_id", "generation", "ETag", "etag", "sha", "md5Hash", "content_md5", "Content-MD5")
"""Of what fsspec's file systems tell: each changes whenever the content does."""
_WEAK_KEYS = ("LastModified", "last_modified", "mtime", "modified", "updated", "created", "Last-Modified", "date_time")


class Entry(NamedTuple):
    """One object. Travels in units by the hundred, so it is small."""

    key: str
    """Relative to the target; empty where the target is this object."""
    size: int
    """In bytes; -1 where the store does not say."""
    version: str
    """STRONG or WEAK and the version; empty where the store says nothing that could tell a change."""

    @property
    def strong(self) -> bool:
        """Whether the version changes whenever the content does."""
        return self.version.startswith(STRONG)


def version_of(info: Mapping[str, Any]) -> str:
    """The version in what a file system tells of an object.

    >>> version_of({"size": 3, "ETag": '"ab"', "mtime": 5}), version_of({"size": 3, "mtime": 5}), version_of({})
    ('="ab"', '~3,5', '')
    """
    for name in _STRONG_KEYS:
        found = info.get(name)
        if found not in (None, "", "null"):
            text = str(found)
            return STRONG + text if not text.startswith("W/") else WEAK + text
    crc = info.get("CRC")  # of a member of a zip: 32 bits and a size are strong enough against chance, not malice
    for name in _WEAK_KEYS:
        found = info.get(name)
        if found not in (None, ""):
            stamp = _stamp(found)
            return f"{WEAK}{info.get('size')},{stamp}" + ("" if crc is None else f",{crc:x}")
    return "" if crc is None else f"{WEAK}{info.get('size')},{crc:x}"


def _stamp(found: object) -> str:
    """A time, in whichever form it came: a listing and a look at one object may differ in that."""
    if isinstance(found, datetime):
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return str(found)


def size_of(info: Mapping[str, Any]) -> int:
    """Bytes of an object; -1 where nobody says."""
    size = info.get("size")
    return int(size) if isinstance(size, int | float) else -1
