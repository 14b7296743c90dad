"""Allow comments on the line of a match: our own, and those that other scanners taught people to write."""

from __future__ import annotations

from gossip.engine.limits import LINE_CONTEXT_BYTES
from gossip.engine.rules.patterns import Pattern

_ALLOW = Pattern(
    rb"(?i)gossip:allow|gitleaks:allow|betterleaks:allow|kingfisher:ignore|trufflehog:ignore"
    rb"|pragma: ?(?:allow|white)list[ -]secret"
)
"""Lines may be long: RE2 reads them five times as fast as Python's own expressions do without regard to case."""
_ALLOW_NEXT_LINE = Pattern(rb"(?i)pragma: ?(?:allow|white)list[ -]nextline[ -]secret")


def line_around(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The lines that hold data[start:end], without the last line break, at most LINE_CONTEXT_BYTES on each side."""
    floor = max(0, start - LINE_CONTEXT_BYTES)
    first = data.rfind(b"\n", floor, start) + 1 or floor
    ceiling = min(len(data), end + LINE_CONTEXT_BYTES)
    last = data.find(b"\n", end, ceiling)
    return first, ceiling if last < 0 else last


def allowed_inline(data: bytes, start: int, end: int) -> bool:
    """Whether the lines of data[start:end], or the line before them, carry an allow comment for them."""
    first, last = line_around(data, start, end)
    if _ALLOW.search(data, first, last):
        return True
    if not first or data[first - 1] != 0x0A:
        return False
    before = data.rfind(b"\n", max(0, start - LINE_CONTEXT_BYTES), first - 1) + 1
    return _ALLOW_NEXT_LINE.search(data, max(before, start - LINE_CONTEXT_BYTES, 0), first) is not None
