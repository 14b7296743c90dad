"""Half-open ranges of keys, in the order of their bytes. An empty bound is no bound."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from gossip.engine.identity import opaque
from gossip.engine.limits import KEY_BYTES_MAX
from gossip.engine.shards.errors import RangeInvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, repr=False)
class KeyRange:
    """The keys from `start`, included, to `end`, excluded. RangeInvalidError if it could hold none, or a bound is
    longer than a key. Its text shows no byte of a bound.
    """

    start: bytes = b""
    end: bytes = b""

    def __post_init__(self) -> None:
        for name, bound in (("start", self.start), ("end", self.end)):
            if len(bound) > KEY_BYTES_MAX:
                raise RangeInvalidError(f"range with a {opaque(name, bound)}: at most {KEY_BYTES_MAX}")
        if self.end and not self.start < self.end:
            raise RangeInvalidError(f"range without keys: {opaque('start', self.start)}, {opaque('end', self.end)}")

    def __repr__(self) -> str:
        start = opaque("start", self.start) if self.start else "no start"
        return f"KeyRange({start}, {opaque('end', self.end) if self.end else 'no end'})"

    def __contains__(self, key: bytes) -> bool:
        return self.start <= key and (not self.end or key < self.end)

    def covers(self, other: KeyRange) -> bool:
        """Whether every key of `other` is in this range."""
        return self.start <= other.start and (not self.end or (other.end != b"" and other.end <= self.end))

    def overlaps(self, other: KeyRange) -> bool:
        """Whether a key is in both."""
        return (not other.end or self.start < other.end) and (not self.end or other.start < self.end)

    def cut(self, keys: Iterable[bytes]) -> tuple[KeyRange, ...]:
        """The pieces between ascending keys, which must all lie strictly inside: a piece without keys is refused with
        RangeInvalidError.
        """
        bounds = [self.start, *keys, self.end]
        inner = bounds[1:-1]
        if not all(key > self.start and key in self for key in inner):
            raise RangeInvalidError(f"{len(inner)} cuts, not all of them strictly inside the range")
        return tuple(KeyRange(low, high) for low, high in pairwise(bounds))


EVERYTHING = KeyRange()


def first_overlap(ranges: Iterable[KeyRange]) -> tuple[KeyRange, KeyRange] | None:
    """Two of the ranges that share a key, or None."""
    ordered = sorted(ranges, key=lambda one: one.start)
    # Sorted by start, if any two overlap then two neighbours do.
    return next(((a, b) for a, b in pairwise(ordered) if a.overlaps(b)), None)


def tiles(whole: KeyRange, parts: Iterable[KeyRange]) -> bool:
    """Whether each key of `whole` is in exactly one of the parts, and no other key in any. Their order is free."""
    ordered = sorted(parts, key=lambda part: part.start)
    if not ordered or ordered[0].start != whole.start or ordered[-1].end != whole.end:
        return False
    return all(a.end != b"" and a.end == b.start for a, b in pairwise(ordered))


def locate(ranges: Sequence[KeyRange], key: bytes) -> int | None:
    """Index of the range that holds a key, None if none does. The ranges are sorted and do not overlap."""
    index = bisect_right(ranges, key, key=lambda one: one.start) - 1
    return index if index >= 0 and key in ranges[index] else None
