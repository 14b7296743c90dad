"""Content policy: what is worth scanning."""

from __future__ import annotations

from gossip.engine.limits import BINARY_SNIFF_BYTES


def is_binary(data: bytes) -> bool:
    """Whether content that begins with `data` is binary: a NUL within the first 8 KiB, as Git decides it."""
    return data.find(b"\0", 0, BINARY_SNIFF_BYTES) >= 0
