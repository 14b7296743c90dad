"""One run's settings, checked once at the edge and then handed to every worker as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gossip.schemas.units import Target

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
