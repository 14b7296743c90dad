"""Content cut into overlapping segments, whatever chunks it arrived in, with line numbers kept along the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(slots=True)
class Segment:
    """A part of a document. Places are asked in any order; lines are counted once up to the furthest one asked."""

    data: bytes
    base: int
    """Offset of data[0] in the document."""
    lines_before: int
    """Line breaks before `base`."""
    line_start: int
    """Offset in the document at which the line that holds `base` begins."""
    last: bool
    _breaks: list[int] = field(default_factory=list)

    def place(self, offset: int) -> tuple[int, int]:
        """1-based line and byte column of an offset of the segment."""
        begin = self.data.rfind(b"\n", 0, offset)
        line_start = self.line_start if begin < 0 else self.base + begin + 1
        return self.lines_before + self._count(offset) + 1, self.base + offset - line_start + 1

    def places(self, start: int, end: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """The places of two offsets, the first not past the second, that lie near each other."""
        line, column = self.place(start)
        more = self.data.count(b"\n", start, end)
        if not more:
            return (line, column), (line, column + end - start)
        return (line, column), (line + more, end - self.data.rfind(b"\n", start, end))

    def _count(self, offset: int) -> int:
        # Cumulative counts at fixed steps: many findings in one large document stay linear.
        step = 1 << 12
        while len(self._breaks) <= offset // step:
            at = len(self._breaks) * step
            before = self._breaks[-1] + self.data.count(b"\n", at - step, at) if self._breaks else 0
            self._breaks.append(before)
        index = offset // step
        return self._breaks[index] + self.data.count(b"\n", index * step, offset)

    def next_context(self, keep: int) -> tuple[int, int, int]:
        """(base, lines_before, line_start) of a segment that begins `keep` bytes before this one's end."""
        cut = len(self.data) - keep
        begin = self.data.rfind(b"\n", 0, cut)
        line_start = self.line_start if begin < 0 else self.base + begin + 1
        return self.base + cut, self.lines_before + self.data.count(b"\n", 0, cut), line_start


def segments(chunks: Iterable[bytes], size: int, overlap: int) -> Iterator[Segment]:
    """Segments of at least `size` bytes (but the last), each less than a chunk longer, that share `overlap` bytes.

    A document that comes as one chunk is handed on as it is, whatever its size: it is in memory already.
    """
    base = lines = line_start = 0
    parts: list[bytes] = []
    held = 0
    for chunk in chunks:
        if held >= size:
            segment = Segment(b"".join(parts), base, lines, line_start, last=False)
            yield segment
            base, lines, line_start = segment.next_context(overlap)
            parts, held = [segment.data[-overlap:]], overlap
        parts.append(chunk)
        held += len(chunk)
    if parts:
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        yield Segment(data, base, lines, line_start, last=True)
