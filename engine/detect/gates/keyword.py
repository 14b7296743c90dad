"""A rule with keywords needs one of them near the match, whatever its case."""

from __future__ import annotations

from gossip.engine.limits import EVIDENCE_RADIUS_BYTES, KEYWORD_RADIUS_BYTES


def keyword_near(
    data: bytes, start: int, end: int, keywords: tuple[bytes, ...], radius: int = KEYWORD_RADIUS_BYTES
) -> bool:
    """Whether one of the lower-case `keywords` stands within `radius` bytes of data[start:end]."""
    match = data[start:end].lower()
    if any(keyword in match for keyword in keywords):
        return True
    near = data[max(0, start - radius) : end + radius].lower()
    return any(keyword in near for keyword in keywords)


def keyword_evidence(data: bytes, start: int, end: int, keywords: tuple[bytes, ...]) -> bool:
    """Whether one stands so near that it speaks for the match."""
    return keyword_near(data, start, end, keywords, EVIDENCE_RADIUS_BYTES)
