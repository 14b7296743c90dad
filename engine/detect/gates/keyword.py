"""A rule with keywords needs one of them near the match, whatever its case."""

from __future__ import annotations

from gossip.engine.limits import KEYWORD_RADIUS_BYTES


def keyword_near(data: bytes, start: int, end: int, keywords: tuple[bytes, ...]) -> bool:
    """Whether one of the lower-case `keywords` stands within KEYWORD_RADIUS_BYTES of data[start:end]."""
    near = data[max(0, start - KEYWORD_RADIUS_BYTES) : end + KEYWORD_RADIUS_BYTES].lower()
    return any(keyword in near for keyword in keywords)
