"""Bytes that rules are matched in: a segment of the document, or what was decoded from one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gossip.engine.decode.transforms.base import Decoded, Origin


@dataclass(frozen=True, slots=True)
class Buffer:
    """`parent` and `origin` lead back to the segment; a segment's own buffer has neither."""

    data: bytes
    parent: Buffer | None = None
    origin: Origin | None = None
    span: tuple[int, int] = (0, 0)
    """Where in `parent` it stood, half-open."""
    steps: tuple[str, ...] = ()
    """Decode path from the segment to here."""
    escaped: bool = False
    """Every step only replaced a few bytes of readable text."""

    @property
    def depth(self) -> int:
        """Encodings around these bytes."""
        return len(self.steps)

    def outer(self, start: int, end: int, top: Buffer | None = None) -> tuple[int, int]:
        """A span of these bytes as a span of the segment, or of `top`, the buffer or one that it was decoded from."""
        buffer: Buffer = self
        while buffer is not top and buffer.parent is not None and buffer.origin is not None:
            start, end = buffer.origin(start, end)
            buffer = buffer.parent
        return start, end

    def child(self, decoded: Decoded) -> Buffer:
        """What was decoded from these bytes."""
        escaped = decoded.escaped and (self.escaped or not self.steps)
        span = decoded.start, decoded.end
        return Buffer(decoded.data, self, decoded.origin, span, (*self.steps, decoded.name), escaped)
