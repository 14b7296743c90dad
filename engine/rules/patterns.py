"""RE2 objects over bytes, from patterns written for text."""

from __future__ import annotations

from typing import Any

import re2

from gossip.engine.rules.syntax.forms import render
from gossip.engine.rules.syntax.parser import Parsed, UnsupportedSyntaxError, parse

_MEMORY_BYTES_MAX = 64 * 1024 * 1024
"""RE2's budget for one pattern; its default of 8 MiB makes wide rules fall back to a slower engine."""


class PatternError(ValueError):
    """The pattern is not one that RE2 or Gossip understands. The text is RE2's own."""


def _compiled(pattern: bytes | str, encoding: Any) -> Any:
    """An RE2 object. Raises PatternError."""
    options = re2.Options()
    options.encoding = encoding
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES_MAX
    try:
        return re2.compile(pattern, options)
    except re2.error as err:
        reason = err.args[0] if err.args else "not a regular expression"
        raise PatternError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None


def compile_bytes(pattern: bytes) -> Any:
    """An RE2 object that reads every byte as one character. Raises PatternError."""
    return _compiled(pattern, re2.Options.Encoding.LATIN1)


def read_pattern(pattern: str) -> Parsed:
    """The tree of a pattern, after RE2 has accepted it as text. Raises PatternError."""
    _compiled(pattern, re2.Options.Encoding.UTF8)
    try:
        return parse(pattern)
    except (UnsupportedSyntaxError, ValueError, IndexError) as err:
        raise PatternError(f"not understood: {err}") from err


def byte_form(pattern: str, parsed: Parsed | None = None) -> bytes:
    """The pattern for `compile_bytes`: itself where it is plain, else written out over bytes. Raises PatternError."""
    parsed = parsed or read_pattern(pattern)
    return (pattern if parsed.exact else render(parsed.node, "re2")).encode("ascii")


class Found:
    """A match, as offsets."""

    __slots__ = ("spans",)

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self.spans = spans
        """Of the whole match and of every group, half-open; (-1, -1) for a group that took no part."""

    def start(self) -> int:
        """Of the whole match."""
        return self.spans[0][0]

    def end(self) -> int:
        """Of the whole match."""
        return self.spans[0][1]

    def span(self) -> tuple[int, int]:
        """Of the whole match."""
        return self.spans[0]


class Pattern:
    """A pattern as the detector asks it, thousands of times a second: RE2's own call without the layer around it, which
    takes longer than the search (a third of the time of a scan that confirms much).
    """

    __slots__ = ("_at", "_call", "_from")

    def __init__(self, pattern: bytes) -> None:
        """Raises PatternError."""
        self._call = compile_bytes(pattern)._regexp.Match  # noqa: SLF001 no public name
        self._from, self._at = re2._Anchor.UNANCHORED, re2._Anchor.ANCHOR_START  # noqa: SLF001

    def search(self, data: bytes, start: int, end: int) -> Found | None:
        """The leftmost match in data[start:end], 0 <= start <= end <= len(data)."""
        spans = self._call(self._from, data, start, end)
        return None if spans[0][0] < 0 else Found(spans)

    def match(self, data: bytes, start: int, end: int) -> Found | None:
        """A match that begins at `start`."""
        spans = self._call(self._at, data, start, end)
        return None if spans[0][0] < 0 else Found(spans)

    def holds(self, data: bytes) -> bool:
        """Whether the pattern matches anywhere."""
        return bool(self._call(self._from, data, 0, len(data))[0][0] >= 0)
