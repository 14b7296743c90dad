"""Randomness of a secret's bytes."""

from __future__ import annotations

from collections import Counter
from math import log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gossip.engine.rules.model import EntropyGate

_DIGIT_PENALTY = 1.2


def shannon_bits(data: bytes) -> float:
    """Bits per byte of the byte histogram, 0.0 for empty input, at most 8.0."""
    if not data:
        return 0.0
    size = len(data)
    return log2(size) - sum(count * log2(count) for count in Counter(data).values()) / size


def min_entropy_bits(data: bytes) -> float:
    """log2 of length over the count of the most frequent byte: what a guesser of single bytes is up against."""
    return log2(len(data) / max(Counter(data).values())) if data else 0.0


def entropy_verdict(secret: bytes, threshold: float | None, gate: EntropyGate) -> bool | None:
    """True: measured and passed. False: too regular. None: not measured, for want of a threshold or of length."""
    if (threshold is None and gate.min_entropy is None) or len(secret) < gate.min_length:
        return None
    judged = secret[: gate.max_length]
    bits = shannon_bits(judged)
    if gate.digit_penalty and len(judged) > 1 and judged.isdigit():
        bits -= _DIGIT_PENALTY / log2(len(judged))
    if threshold is not None and bits < threshold:
        return False
    return gate.min_entropy is None or min_entropy_bits(judged) >= gate.min_entropy
