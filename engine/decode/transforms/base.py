"""What every transform offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

Origin = Callable[[int, int], tuple[int, int]]
"""Half-open span of decoded bytes -> half-open span of the buffer that they were decoded from."""


class Form(NamedTuple):
    """An expression that finds encoded text without knowing any rule."""

    expression: bytes
    """For Vectorscan; at most `width` bytes long where it matches."""
    width: int
    phase: int = 0
    """Position of its first byte within the encoding's group (four characters in base64)."""


class Hit(NamedTuple):
    """Where an expression matched, as far as Vectorscan tells: it ends at `end` and is at most `width` bytes long."""

    end: int
    width: int
    phase: int = 0


class Decoded(NamedTuple):
    """One decoded span."""

    name: str
    """Element of a finding's decode path."""
    data: bytes
    origin: Origin
    start: int
    end: int
    """Half-open span in the outer buffer; so `start`."""
    escaped: bool = False
    """Text with a few bytes written otherwise: what it holds stands readable around them."""


class Transform(Protocol):
    """One encoding."""

    forms: tuple[Form, ...]
    """Found whatever the rules."""
    thorough: tuple[Form, ...]
    """Added by `--decode thorough`: dear, but they miss no span that is long enough."""
    joins: bool
    """Hits that touch mean the same as one over all of them: what is decoded is their neighbourhood, not a run."""

    def decode(self, data: bytes, hits: Sequence[Hit]) -> Iterable[Decoded]:
        """What stands around the hits, each span once. Never raises; what is no such encoding gives nothing."""


def whole(start: int, end: int) -> Origin:
    """The origin of bytes that cannot be told apart: all of the span."""
    return lambda _start, _end: (start, end)


def run_start(data: bytes, start: int, alphabet: bytes, limit: int) -> int:
    """The first offset of the run of `alphabet` that reaches up to `start`, at most `limit` bytes before it."""
    step = 256
    floor = max(0, start - limit)
    low = start
    while low > floor:
        begin = max(floor, low - step)
        chunk = data[begin:low]
        kept = len(chunk.rstrip(alphabet))
        low = begin + kept
        if kept:
            break
        step *= 8
    return low
