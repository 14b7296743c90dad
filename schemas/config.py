"""One run's settings, checked once at the edge and then handed to every worker as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gossip.schemas.units import Target


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
