"""Shannon entropy of a secret's bytes."""

from __future__ import annotations

from collections import Counter
from math import log2


def shannon_bits(data: bytes) -> float:
    """Bits per byte of the byte histogram, 0.0 for empty input, at most 8.0."""
    if not data:
        return 0.0
    size = len(data)
    return log2(size) - sum(count * log2(count) for count in Counter(data).values()) / size
