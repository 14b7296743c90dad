"""One run's settings, checked once at the edge and then handed to every worker as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from gossip.schemas.units import Target

_KEY_BYTES = 32

DecodeMode = Literal["off", "anchors", "thorough"]
"""Encoded text is left alone, decoded where a rule's literal shows in it, or decoded wherever it could be some."""


@dataclass(frozen=True, slots=True)
class ScanConfig:
    """Everything that decides the findings of a scan. Can be pickled."""

    targets: tuple[Target, ...]
    tenant_key: bytes = field(repr=False)
    """32 bytes that key the secret hashes. Never shown."""
    tenant: str = "default"
    rules_path: str | None = None
    """A rule file; None: the built-in rules."""
    enabled_rules: tuple[str, ...] = ()
    """`ID`, `tag:NAME` or `file:NAME` of the rules that take part; none: all."""
    disabled_rules: tuple[str, ...] = ()
    """The same of those that do not."""
    cache_folder: str | None = None
    """Where compiled rules are kept; None: nowhere."""
    show_secrets: bool = False
    segment_bytes: int | None = None
    """Content handed to one database scan; None: the engine's default. It never changes the findings."""
    min_confidence: int = 0
    decode: DecodeMode = "anchors"
    decode_depth: int | None = None
    """Encodings inside one another that are followed; None: the engine's default."""
    archives: bool = True
    """Look into archives and documents."""
    scan_binary: bool = False
    """Scan content of no known format too."""
    whole_blobs: bool = False
    """Scan every blob as if there were no other. It never changes the findings."""
    reachable_only: bool = False
    """Leave out what was found in objects that no ref leads to."""


def parsed_key(raw: bytes, where: str) -> bytes:
    """A tenant key as files and the environment hold it: 64 hex digits, or 32 bytes. Raises MisuseError."""
    text = raw.strip()
    if len(text) == 2 * _KEY_BYTES and not text.strip(b"0123456789abcdefABCDEF"):
        return bytes.fromhex(text.decode())
    if len(raw) != _KEY_BYTES:
        raise MisuseError(f"{where}: holds {len(raw)} bytes; give {_KEY_BYTES} bytes or {2 * _KEY_BYTES} hex digits")
    return raw
